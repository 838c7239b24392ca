//! Counting tests in what test programs print, and finding what to say about those that failed.

use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that ran and passed.
    pub(crate) passed: u64,
    /// Tests that failed, and stages that failed without a test to show for it.
    pub(crate) failed: u64,
    /// Tests that passed without looking, and said why.
    pub(crate) skipped: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        match self.skipped {
            0 => Ok(()),
            skipped => write!(f, ", {skipped} skipped"),
        }
    }
}

/// Adds up the result lines of Rust's test programs:
/// `test result: ok. 3 passed; 1 failed; 0 ignored; …`. A test that finds nothing to compare with
/// counts as skipped, and not as passed.
pub(crate) fn of_rust(lines: &[String]) -> Tally {
    let mut sum = Tally::default();
    for line in lines {
        let Some(counts) = line.trim_start().strip_prefix("test result: ") else { continue };
        let before = |what: &str| {
            let words: Vec<&str> = counts.split_whitespace().collect();
            let at = words.iter().position(|word| word.trim_end_matches(';') == what)?;
            words[at.checked_sub(1)?].parse().ok()
        };
        let (passed, failed) = (before("passed").unwrap_or(0), before("failed").unwrap_or(0));
        sum += Tally { passed, failed, skipped: 0 };
    }
    sum.skipped = skipped(lines).len() as u64;
    sum.passed = sum.passed.saturating_sub(sum.skipped);
    sum
}

/// What tests say that did not look: `skipped: what, and why`.
pub(crate) fn skipped(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.strip_prefix("skipped: ")).collect()
}

/// Reads the end of a Python `unittest` run: `Ran 12 tests in …`, then `OK` or
/// `FAILED (failures=1, errors=2)`.
pub(crate) fn of_python(lines: &[String]) -> Tally {
    let ran = lines
        .iter()
        .rev()
        .find_map(|line| line.strip_prefix("Ran ")?.split_whitespace().next()?.parse::<u64>().ok());
    let bad = lines.iter().rev().find_map(|line| line.strip_prefix("FAILED ("));
    let digits = |part: &str| part.chars().filter(char::is_ascii_digit).collect::<String>();
    let failed: u64 = bad.map_or(0, |counts| {
        let bad = |part: &&str| part.contains("failures=") || part.contains("errors=");
        counts.split(',').filter(bad).filter_map(|part| digits(part).parse::<u64>().ok()).sum()
    });
    Tally { passed: ran.unwrap_or(0).saturating_sub(failed), failed, skipped: 0 }
}

/// The blocks in which failed Rust tests say why: from `failures:` to the result line.
pub(crate) fn reasons(lines: &[String]) -> Vec<String> {
    let mut said = Vec::new();
    let mut inside = false;
    for line in lines {
        inside |= line == "failures:";
        if inside {
            said.push(line.clone());
        }
        inside &= !line.starts_with("test result: ");
    }
    said
}

/// The commands that run only the failed test programs again. Cargo names them at its end, as
/// `` `-p majordomo-kernel --lib` ``.
pub(crate) fn again(lines: &[String]) -> Vec<String> {
    let named = lines.iter().filter_map(|line| {
        let target = line.trim().strip_prefix('`')?.strip_suffix('`')?;
        target.starts_with("-p ").then(|| format!("cargo test --all-features {target}"))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn rust_results_are_summed_over_programs() {
        let output = lines(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
             test story ... ok\n\
             test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        assert_eq!(of_rust(&output), Tally { passed: 13, failed: 2, skipped: 0 });
        assert_eq!(of_rust(&lines("error: could not compile")), Tally::default());
    }

    #[test]
    fn a_test_that_did_not_look_is_counted_apart_and_says_why() {
        let output = lines(
            "test words ...\nskipped: the words: this compiler has others\nok\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        let tally = of_rust(&output);
        assert_eq!(tally.to_string(), "1 passed, 0 failed, 1 skipped");
        assert_eq!(skipped(&output), ["the words: this compiler has others"]);
    }

    #[test]
    fn python_results_take_failures_and_errors_off() {
        let good = lines("....\nRan 4 tests in 0.01s\n\nOK");
        assert_eq!(of_python(&good), Tally { passed: 4, failed: 0, skipped: 0 });
        let bad = lines("Ran 9 tests in 0.01s\n\nFAILED (failures=1, errors=2, skipped=4)");
        assert_eq!(of_python(&bad), Tally { passed: 6, failed: 3, skipped: 0 });
        assert_eq!(of_python(&lines("ImportError: no module")), Tally::default());
    }

    #[test]
    fn a_failure_is_quoted_and_can_be_run_again() {
        let output = lines(
            "test a ... FAILED\n\nfailures:\n\n---- a stdout ----\nboom\n\nfailures:\n    a\n\n\
             test result: FAILED. 0 passed; 1 failed; 0 ignored\nafterwards\n\
             error: 1 target failed:\n    `-p majordomo-kernel --test story`",
        );
        let said = reasons(&output);
        assert!(said.contains(&"boom".to_owned()) && !said.contains(&"afterwards".to_owned()));
        assert_eq!(again(&output), ["cargo test --all-features -p majordomo-kernel --test story"]);
    }
}
