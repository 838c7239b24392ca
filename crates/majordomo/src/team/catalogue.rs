//! What this version comes with: the builtins by the word after `use =`, and the kinds of agent
//! that can run.

/// A function that comes with Majordomo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// The word after `use =`.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// The capabilities it has, each with its version.
    pub serves: &'static [&'static str],
}

/// The builtins, by name.
pub const BUILTINS: &[Builtin] = &[
    Builtin {
        name: "analyst",
        about: "reviews one source file by rules",
        serves: &["code.review@1"],
    },
    Builtin { name: "fixer", about: "makes mechanical fixes as diffs", serves: &["code.fix@1"] },
    Builtin { name: "lead", about: "surveys a source tree", serves: &["code.survey@1"] },
    Builtin {
        name: "writer",
        about: "writes the report, worst findings first",
        serves: &["code.report@1"],
    },
];

/// The kinds of agent this version can run; the others are read and checked, so that a file written
/// for a later version gets one clear answer instead of twenty.
pub const KINDS_RUN: &[&str] = &["builtin", "command"];

/// The builtin called `name`.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}
