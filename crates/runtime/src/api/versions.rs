//! `text.count@>=1, <3`: the name of a capability, and which versions of it will do.
//!
//! A version is a whole number, and another number is another contract: what changes so that nobody
//! has to change with it keeps its number. So there is no `^1.2`, and `^2` is `2`.

use super::Failure;
use kernel::Versions;

/// Reads what is asked for: a name, and after an `@` a version (`2`), a range with both ends
/// (`1-3`), one without (`2-`), or conditions that all must hold (`>=1, <3`). A name alone is any
/// version.
///
/// # Errors
/// `Rejected`: no version can be so.
pub fn asked(text: &str) -> Result<(&str, Versions), Failure> {
    let Some((name, said)) = text.split_once('@') else { return Ok((text, Versions::ANY)) };
    match range(said).filter(|it| it.min <= it.max) {
        Some(versions) => Ok((name, versions)),
        None => Err(Failure::rejected(format!(
            "{text}: write a version after the `@`, as in {name}@2, or which will do: {name}@1-3, \
             {name}@2-, {name}@>=1, <3"
        ))),
    }
}

fn range(said: &str) -> Option<Versions> {
    let mut all = Versions::ANY;
    for part in said.split(',').map(str::trim) {
        let Versions { min, max } = one(part)?;
        all = Versions { min: all.min.max(min), max: all.max.min(max) };
    }
    Some(all)
}

/// One condition.
fn one(part: &str) -> Option<Versions> {
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let from = |min| Versions { min, ..Versions::ANY };
    let to = |max| Versions { max, ..Versions::ANY };
    // The longer words first: each begins with a shorter one.
    if let Some(least) = part.strip_prefix(">=") {
        return number(least).map(from);
    }
    if let Some(most) = part.strip_prefix("<=") {
        return number(most).map(to);
    }
    if let Some(below) = part.strip_prefix('>') {
        return number(below)?.checked_add(1).map(from);
    }
    if let Some(above) = part.strip_prefix('<') {
        return number(above)?.checked_sub(1).map(to);
    }
    if let Some(exactly) = part.strip_prefix(['=', '^']) {
        return number(exactly).map(Versions::exactly);
    }
    match part.split_once('-') {
        None => number(part).map(Versions::exactly),
        Some((min, "")) => number(min).map(from),
        Some((min, max)) => Some(Versions { min: number(min)?, max: number(max)? }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_do_in_every_notation() {
        for (said, min, max) in [
            ("x", 0, u32::MAX),
            ("x@2", 2, 2),
            ("x@=2", 2, 2),
            ("x@^2", 2, 2),
            ("x@1-3", 1, 3),
            ("x@2-", 2, u32::MAX),
            ("x@>=2", 2, u32::MAX),
            ("x@> 2", 3, u32::MAX),
            ("x@<3", 0, 2),
            ("x@<=3", 0, 3),
            ("x@>=1, <3", 1, 2),
            ("x@>1,<=4,<4", 2, 3),
        ] {
            assert_eq!(asked(said), Ok(("x", Versions { min, max })), "{said}");
        }
    }

    #[test]
    fn what_cannot_be_is_said_before_anybody_waits_for_it() {
        for said in ["x@", "x@a", "x@1.2", "x@-3", "x@3-1", "x@>2, <3", "x@<0", "x@1@2", "x@>"] {
            let why = asked(said).expect_err(said).message;
            assert!(why.contains(said) && why.contains("x@>=1, <3"), "{why}");
        }
        assert!(asked("x@>4294967295").is_err());
    }
}
