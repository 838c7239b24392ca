//! Colours: few, and never the only way to tell things apart.

use anstyle::{AnsiColor, Style};

pub(super) const HEAD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const BUSY: Style = AnsiColor::Cyan.on_default();
pub(super) const PLAIN: Style = Style::new();

/// Text in a style.
pub(super) fn paint(style: Style, text: &str) -> String {
    if style == PLAIN { text.to_owned() } else { format!("{style}{text}{style:#}") }
}

/// The colour of a status, an outcome or a presence.
pub(super) fn of_status(status: &str) -> Style {
    match status {
        "completed" => GOOD,
        "failed" | "dead" => BAD,
        "lost" | "stopped" | "cancelled" | "paused" => WARN,
        "assigned" | "running" => BUSY,
        "left" => DIM,
        _ => PLAIN,
    }
}
