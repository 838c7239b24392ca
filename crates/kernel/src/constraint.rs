//! What a task requires of an agent's labels: a small closed language without text inside.
//!
//! ```text
//!   gpu and region in ["eu", "uk"] and context_tokens >= 100000
//! ```
//!
//! Text is parsed at the edge; what reaches the kernel is this tree, of bounded size and depth. A
//! comparison with a label that an agent does not have, or that is of another type, does not hold;
//! that goes for `!=` too, so a forgotten label never makes an agent fit by accident.

use crate::{Limits, Text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The labels of one agent.
pub type Labels = BTreeMap<Text, Label>;

/// The value of a label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(Text),
}

/// A requirement on labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constraint {
    /// The label is there, and it is not `false`.
    Has(Text),
    /// The label compares so with a value of its own type.
    Is(Text, Comparison, Label),
    /// The label is one of these.
    In(Text, Vec<Label>),
    /// All of these hold.
    All(Vec<Constraint>),
    /// At least one of these holds.
    Any(Vec<Constraint>),
    /// This does not hold.
    Not(Box<Constraint>),
}

/// How a label compares with a value. Text is ordered by its bytes; `false` is below `true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Constraint {
    /// Whether an agent with these labels will do.
    #[must_use]
    pub fn is_met_by(&self, labels: &Labels) -> bool {
        match self {
            Constraint::Has(label) => labels.get(label).is_some_and(|it| *it != Label::Flag(false)),
            Constraint::Is(label, comparison, value) => {
                labels.get(label).is_some_and(|it| comparison.holds(it, value))
            }
            Constraint::In(label, values) => {
                labels.get(label).is_some_and(|it| values.contains(it))
            }
            Constraint::All(all) => all.iter().all(|it| it.is_met_by(labels)),
            Constraint::Any(any) => any.iter().any(|it| it.is_met_by(labels)),
            Constraint::Not(not) => !not.is_met_by(labels),
        }
    }

    /// The smallest part that these labels do not meet, to be told to people.
    #[must_use]
    pub fn unmet_by(&self, labels: &Labels) -> Option<&Constraint> {
        match self {
            Constraint::All(all) => all.iter().find_map(|it| it.unmet_by(labels)),
            Constraint::Has(_)
            | Constraint::Is(..)
            | Constraint::In(..)
            | Constraint::Any(_)
            | Constraint::Not(_) => (!self.is_met_by(labels)).then_some(self),
        }
    }

    /// Whether it is as small and as shallow as it must be.
    #[must_use]
    pub fn is_within(&self, limits: &Limits) -> bool {
        let mut left = limits.constraint_size_max;
        self.takes(&mut left, limits.constraint_depth_max, limits.name_max_bytes)
    }

    /// Takes its parts out of what is left; false when there is not enough.
    fn takes(&self, left: &mut u32, depth: u32, name_max: usize) -> bool {
        let mut take = |parts: usize| match left.checked_sub(parts.min(u32::MAX as usize) as u32) {
            Some(rest) => {
                *left = rest;
                depth > 0
            }
            None => false,
        };
        match self {
            Constraint::Has(label) => take(1) && label.len() <= name_max,
            Constraint::Is(label, _, value) => {
                take(1) && label.len() <= name_max && value.is_short(name_max)
            }
            Constraint::In(label, values) => {
                let short = values.iter().all(|value| value.is_short(name_max));
                take(1 + values.len()) && label.len() <= name_max && short
            }
            Constraint::All(parts) | Constraint::Any(parts) => {
                take(1) && parts.iter().all(|it| it.takes(left, depth - 1, name_max))
            }
            Constraint::Not(part) => take(1) && part.takes(left, depth - 1, name_max),
        }
    }
}

impl Comparison {
    fn holds(self, label: &Label, value: &Label) -> bool {
        let order = match (label, value) {
            (Label::Flag(a), Label::Flag(b)) => a.cmp(b),
            (Label::Integer(a), Label::Integer(b)) => a.cmp(b),
            (Label::Text(a), Label::Text(b)) => a.cmp(b),
            (Label::Flag(_) | Label::Integer(_) | Label::Text(_), _) => return false,
        };
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Unequal => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }

    /// As it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::Unequal => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

impl Label {
    pub(crate) fn is_short(&self, max: usize) -> bool {
        match self {
            Label::Text(text) => text.len() <= max,
            Label::Flag(_) | Label::Integer(_) => true,
        }
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Label {
        Label::Text(text.into())
    }
}

impl From<i64> for Label {
    fn from(number: i64) -> Label {
        Label::Integer(number)
    }
}

impl From<bool> for Label {
    fn from(flag: bool) -> Label {
        Label::Flag(flag)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Flag(flag) => write!(f, "{flag}"),
            Label::Integer(number) => write!(f, "{number}"),
            Label::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// As it would be written in a team file.
impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Constraint::Has(label) => f.write_str(label),
            Constraint::Is(label, comparison, value) => {
                write!(f, "{label} {} {value}", comparison.sign())
            }
            Constraint::In(label, values) => {
                let values: Vec<String> = values.iter().map(Label::to_string).collect();
                write!(f, "{label} in [{}]", values.join(", "))
            }
            Constraint::All(parts) => joined(f, parts, " and "),
            Constraint::Any(parts) => joined(f, parts, " or "),
            Constraint::Not(part) => write!(f, "not ({part})"),
        }
    }
}

/// Parts with a word between them; what is itself composed stands in brackets.
fn joined(f: &mut fmt::Formatter<'_>, parts: &[Constraint], word: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(word)?;
        }
        match part {
            Constraint::All(_) | Constraint::Any(_) => write!(f, "({part})")?,
            Constraint::Has(_) | Constraint::Is(..) | Constraint::In(..) | Constraint::Not(_) => {
                write!(f, "{part}")?
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        let labels = [
            ("gpu", Label::from(true)),
            ("old", Label::from(false)),
            ("region", Label::from("eu")),
            ("context_tokens", Label::from(128_000)),
        ];
        labels.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }

    fn is(label: &str, comparison: Comparison, value: impl Into<Label>) -> Constraint {
        Constraint::Is(label.into(), comparison, value.into())
    }

    #[test]
    fn it_is_met_by_labels_of_the_right_type_and_value() {
        let met = |it: &Constraint| it.is_met_by(&labels());
        assert!(met(&Constraint::Has("gpu".into())));
        assert!(!met(&Constraint::Has("old".into())), "false is as good as absent");
        assert!(!met(&Constraint::Has("ssd".into())));
        assert!(met(&is("context_tokens", Comparison::GreaterOrEqual, 128_000)));
        assert!(!met(&is("context_tokens", Comparison::Greater, 128_000)));
        assert!(met(&is("context_tokens", Comparison::Unequal, 1)));
        assert!(!met(&is("context_tokens", Comparison::Unequal, "1")), "another type");
        assert!(!met(&is("absent", Comparison::Unequal, 1)), "absent compares with nothing");
        let within = Constraint::In("region".into(), vec!["uk".into(), "eu".into()]);
        assert!(met(&within) && !met(&Constraint::Not(Box::new(within.clone()))));
        let any = Constraint::Any(vec![Constraint::Has("ssd".into()), within]);
        assert!(met(&any) && !met(&Constraint::Any(Vec::new())));
    }

    #[test]
    fn it_says_which_part_is_not_met() {
        let all = Constraint::All(vec![
            Constraint::Has("gpu".into()),
            is("region", Comparison::Equal, "us"),
            Constraint::Has("ssd".into()),
        ]);
        let unmet = all.unmet_by(&labels()).map(Constraint::to_string);
        assert_eq!(unmet.as_deref(), Some(r#"region == "us""#));
        assert_eq!(all.to_string(), r#"gpu and region == "us" and ssd"#);
    }

    #[test]
    fn it_is_bounded_in_size_and_depth() {
        let limits =
            Limits { constraint_size_max: 4, constraint_depth_max: 2, ..Limits::default() };
        let has = || Constraint::Has("gpu".into());
        assert!(Constraint::All(vec![has(), has(), has()]).is_within(&limits));
        assert!(!Constraint::All(vec![has(), has(), has(), has()]).is_within(&limits));
        assert!(!Constraint::In("a".into(), vec![1.into(); 4]).is_within(&limits));
        let deep = Constraint::Not(Box::new(Constraint::Not(Box::new(has()))));
        assert!(!deep.is_within(&limits));
    }
}
