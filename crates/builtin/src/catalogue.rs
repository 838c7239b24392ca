//! What this crate has to offer, by the names that team files use: who → what for → an agent.

use runtime::port::Agent;
use std::sync::Arc;

/// A function that comes with Majordomo.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The word after `use =` in a team file.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// The capabilities it has, each with its version.
    pub serves: &'static [&'static str],
    /// Makes an agent of it.
    make: fn() -> Arc<dyn Agent>,
}

impl Builtin {
    /// An agent that does this.
    #[must_use]
    pub fn agent(&self) -> Arc<dyn Agent> {
        (self.make)()
    }
}

/// The builtins, by name.
pub const BUILTINS: &[Builtin] = &[
    #[cfg(feature = "review")]
    Builtin {
        name: "analyst",
        about: "reviews one source file by rules",
        serves: &["code.review@1"],
        make: || crate::function::agent(crate::review::review),
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "fixer",
        about: "makes mechanical fixes as diffs",
        serves: &["code.fix@1"],
        make: || crate::function::agent(crate::review::fix),
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "lead",
        about: "surveys a source tree",
        serves: &["code.survey@1"],
        make: || crate::function::agent(crate::review::survey),
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "lint-reader",
        about: "reads what linters printed",
        serves: &["code.lint@1"],
        make: || crate::function::agent(|input| Ok::<_, Infallible>(crate::review::lint(input))),
    },
    Builtin {
        name: "log-reader",
        about: "groups the lines of a log by statement, and finds bursts of errors",
        serves: &["log.templates@1"],
        make: || crate::function::agent(crate::logs::templates),
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "outliner",
        about: "lists the public items of a source file with their documentation",
        serves: &["code.outline@1"],
        make: || crate::function::agent(crate::outline::outline),
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "writer",
        about: "writes the report, worst findings first",
        serves: &["code.report@1"],
        make: || crate::function::agent(|input| Ok::<_, Infallible>(crate::review::report(input))),
    },
];

#[cfg(feature = "review")]
use std::convert::Infallible;

/// The builtin of this name.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_every_agent_can_be_made() {
        assert!(BUILTINS.is_sorted_by_key(|builtin| builtin.name));
        for builtin in BUILTINS {
            assert!(!builtin.serves.is_empty() && !builtin.about.is_empty());
            drop(builtin.agent());
        }
        assert!(builtin("analyst").is_some() && builtin("nobody").is_none());
    }
}
