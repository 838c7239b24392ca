//! What this version comes with: the builtins by the word after `use =`, and the kinds of agent
//! that can run.

pub use builtin::catalogue::{BUILTINS, Builtin, Settings, builtin};

/// The words after `kind =`, whether or not this version runs them.
pub(super) const KINDS: &[&str] = &["builtin", "command", "workflow", "llm", "human", "mcp", "a2a"];

/// The kinds of agent this version can run; the others are read and checked, so that a file written
/// for a later version gets one clear answer instead of twenty.
pub const KINDS_RUN: &[&str] = &[
    "builtin",
    "command",
    "human",
    #[cfg(feature = "llm")]
    "llm",
    #[cfg(feature = "mcp")]
    "mcp",
];
