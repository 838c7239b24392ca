//! Agents that are not Rust functions of this process: one folder each, one feature each.

#[cfg(all(feature = "command", target_os = "linux"))]
pub mod command;
#[cfg(feature = "human")]
pub mod human;
#[cfg(feature = "llm")]
pub mod llm;
#[cfg(all(feature = "mcp", target_os = "linux"))]
pub mod mcp;

/// The beginning of a text of the other side, at most so long, with a mark where it is cut.
#[cfg(any(feature = "llm", all(feature = "mcp", target_os = "linux")))]
fn cut(text: impl Into<String>, max_bytes: usize) -> String {
    let mut text = text.into();
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
        text.push('…');
    }
    text
}
