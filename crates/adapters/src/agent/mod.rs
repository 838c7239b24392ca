//! Agents that are not Rust functions of this process: one folder each, one feature each.

#[cfg(all(feature = "command", target_os = "linux"))]
pub mod command;
#[cfg(feature = "human")]
pub mod human;
#[cfg(feature = "llm")]
pub mod llm;
#[cfg(all(feature = "mcp", target_os = "linux"))]
pub mod mcp;
