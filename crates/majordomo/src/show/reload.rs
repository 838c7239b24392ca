//! What a reload changes, as lines.

use super::escape;
use super::{Format, json};
use crate::session::Reload;
use crate::team::difference::{Change, Field, Kind};
use serde_json::Value;

/// A longer value is cut.
const VALUE_MAX_CHARS: usize = 60;

/// What has changed, or would.
#[must_use]
pub fn reload(reload: &Reload, format: &Format) -> String {
    match format {
        Format::Json => json(reload),
        Format::Text(_) => escape_lines(&text(reload)),
    }
}

fn escape_lines(lines: &[String]) -> String {
    lines.iter().map(|line| escape::terminal(line) + "\n").collect()
}

fn text(reload: &Reload) -> Vec<String> {
    let it = &reload.difference;
    let mut lines = Vec::new();
    let mut members = |title: &str, changes: &[Change]| {
        if !changes.is_empty() {
            lines.push(title.to_owned());
            lines.extend(changes.iter().flat_map(change));
        }
    };
    members("agents", &it.agents);
    members("steps", &it.steps);
    members("schedules", &it.schedules);
    for (title, fields) in [("policies", &it.policies), ("file", &it.file)] {
        if !fields.is_empty() {
            lines.push(title.to_owned());
            lines.extend(fields.iter().map(|field| format!("  ~ {}", self::field(field))));
        }
    }
    if lines.is_empty() {
        lines.push("nothing differs".to_owned());
    } else if !reload.runs.is_empty() {
        let runs: Vec<String> = reload.runs.iter().map(u64::to_string).collect();
        lines.push(match runs.as_slice() {
            [run] => format!("run {run} goes on with the steps it began with"),
            runs => format!("runs {} go on with the steps they began with", runs.join(", ")),
        });
    }
    lines.extend(reload.notes.iter().map(|note| format!("note: {note}")));
    if !it.is_nothing() {
        let end = if reload.applied { "applied" } else { "nothing has changed: this is a dry run" };
        lines.push(end.to_owned());
    }
    lines
}

fn change(change: &Change) -> Vec<String> {
    let sign = match change.change {
        Kind::Added => '+',
        Kind::Removed => '-',
        Kind::Changed => '~',
    };
    let then = match change.then.as_str() {
        "" => String::new(),
        then => format!(": {then}"),
    };
    let mut lines = vec![format!("  {sign} {}{then}", change.name)];
    lines.extend(change.fields.iter().map(|it| format!("      {}", field(it))));
    lines
}

/// `slots 1 → 2`.
fn field(field: &Field) -> String {
    format!("{} {} → {}", field.name, value(&field.from), value(&field.to))
}

fn value(value: &Value) -> String {
    let text = match value {
        Value::Null => return "(nothing)".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(VALUE_MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
