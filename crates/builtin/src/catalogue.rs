//! What this crate has to offer, by the names that team files use: who → what for → an agent.

use runtime::port::Agent;
use std::path::PathBuf;
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
    /// Whether a team file must say below which directory it reads.
    pub takes_root: bool,
    /// Makes an agent of it.
    make: fn(&Settings) -> Result<Arc<dyn Agent>, String>,
}

/// What a team file says of one.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The directory beneath which it reads.
    pub root: Option<PathBuf>,
}

impl Builtin {
    /// An agent that does this.
    ///
    /// # Errors
    /// In words for people, what of its settings will not do.
    pub fn agent(&self, settings: &Settings) -> Result<Arc<dyn Agent>, String> {
        (self.make)(settings)
    }
}

/// The builtins, by name.
pub const BUILTINS: &[Builtin] = &[
    #[cfg(feature = "review")]
    Builtin {
        name: "analyst",
        about: "reviews one source file by rules",
        serves: &["code.review@1"],
        takes_root: false,
        make: |_| Ok(crate::function::agent(crate::review::review)),
    },
    Builtin {
        name: "files",
        about: "reads and lists the text files beneath one directory, and nothing else",
        serves: &["file.list@1", "file.read@1"],
        takes_root: true,
        make: files,
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "fixer",
        about: "makes mechanical fixes as diffs",
        serves: &["code.fix@1"],
        takes_root: false,
        make: |_| Ok(crate::function::agent(crate::review::fix)),
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "lead",
        about: "surveys a source tree",
        serves: &["code.survey@1"],
        takes_root: false,
        make: |_| Ok(crate::function::agent(crate::review::survey)),
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "lint-reader",
        about: "reads what linters printed",
        serves: &["code.lint@1"],
        takes_root: false,
        make: |_| {
            Ok(crate::function::agent(|input| Ok::<_, Infallible>(crate::review::lint(input))))
        },
    },
    Builtin {
        name: "log-reader",
        about: "groups the lines of a log by statement, and finds bursts of errors",
        serves: &["log.templates@1"],
        takes_root: false,
        make: |_| Ok(crate::function::agent(crate::logs::templates)),
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "outliner",
        about: "lists the public items of a source file with their documentation",
        serves: &["code.outline@1"],
        takes_root: false,
        make: |_| Ok(crate::function::agent(crate::outline::outline)),
    },
    #[cfg(feature = "review")]
    Builtin {
        name: "writer",
        about: "writes the report, worst findings first",
        serves: &["code.report@1"],
        takes_root: false,
        make: |_| {
            Ok(crate::function::agent(|input| Ok::<_, Infallible>(crate::review::report(input))))
        },
    },
];

#[cfg(feature = "review")]
use std::convert::Infallible;

fn files(settings: &Settings) -> Result<Arc<dyn Agent>, String> {
    let root = settings.root.as_ref();
    let root = root.ok_or("it has no `root`: say beneath which directory it reads")?;
    Ok(crate::files::agent(crate::files::Root::new(root)?))
}

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
            let settings = Settings { root: Some(".".into()) };
            assert!(builtin.agent(&settings).is_ok(), "{}", builtin.name);
        }
        let nowhere = Settings { root: Some("no/such/directory".into()) };
        for settings in [Settings::default(), nowhere] {
            assert!(builtin("files").is_some_and(|it| it.agent(&settings).is_err()));
        }
        assert!(builtin("analyst").is_some() && builtin("nobody").is_none());
    }
}
