//! The lists: `runs`, `tasks`, `dead list`, `logs`.

use super::moment::{clock, length};
use super::style::{self, DIM, PLAIN, paint};
use super::table::Rows;
use super::{Format, Shown, escape, json};
use adapters::views::read::{DeadLetter, Filter, LogLine, Reader, Run, Task};
use serde_json::Value;

/// `majordomo runs`: the newest runs.
pub fn runs(views: &Reader, limit: u64, format: &Format) -> Shown {
    let runs = views.runs(limit)?;
    let Format::Text(screen) = format else { return Ok(json(&runs)) };
    let mut rows = Rows::new(&[
        ">run",
        "capability",
        "status",
        "started",
        ">took",
        ">tasks",
        ">done",
        ">open",
        "says",
    ]);
    let now_ms = views.applied_ms()?;
    for run in &runs {
        let took_ms = run.ended_ms.unwrap_or(now_ms) - run.started_ms;
        rows.push(
            style::of_status(&run.status),
            vec![
                run.run.to_string(),
                run.capability.clone(),
                run.status.clone(),
                clock(screen, run.started_ms),
                length(took_ms),
                run.tasks.to_string(),
                run.completed.to_string(),
                run.open().to_string(),
                troubles(run),
            ],
        );
    }
    Ok(rows.shown(screen.width, "nothing has run here yet"))
}

fn troubles(run: &Run) -> String {
    let counts = [(run.failed, "failed"), (run.dead, "dead"), (run.cancelled, "cancelled")];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let mut said: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
    said.extend(run.failure.clone());
    said.join(", ")
}

/// `majordomo tasks`.
pub fn tasks(views: &Reader, filter: &Filter, format: &Format) -> Shown {
    let tasks = views.tasks(filter)?;
    let Format::Text(screen) = format else { return Ok(json(&tasks)) };
    let mut rows = Rows::new(&[
        ">task",
        ">run",
        "step",
        "capability",
        "status",
        "agent",
        ">tries",
        ">worked",
        "says",
    ]);
    for task in &tasks {
        rows.push(
            style::of_status(&task.status),
            vec![
                task.id.to_string(),
                task.run.to_string(),
                task.step.clone().unwrap_or_default(),
                task.capability.clone(),
                task.status.clone(),
                task.agent.clone().unwrap_or_default(),
                task.attempts.to_string(),
                length(task.worked_ms),
                said(task),
            ],
        );
    }
    Ok(rows.shown(screen.width, "there are no such tasks"))
}

fn said(task: &Task) -> String {
    match (&task.failure_kind, &task.failure) {
        (Some(kind), Some(failure)) if kind != "cancelled" => format!("{kind}: {failure}"),
        (_, failure) => failure.clone().unwrap_or_default(),
    }
}

/// `majordomo dead list`: dead letters that wait for a decision.
pub fn dead(views: &Reader, format: &Format) -> Shown {
    let letters = views.dead()?;
    let Format::Text(screen) = format else { return Ok(json(&letters)) };
    let mut rows = Rows::new(&[">task", "capability", "died", "last failure"]);
    for DeadLetter { task, capability, at_ms, failure_kind, failure, .. } in &letters {
        rows.push(
            PLAIN,
            vec![
                task.to_string(),
                capability.clone().unwrap_or_default(),
                clock(screen, *at_ms),
                format!("{failure_kind}: {failure}"),
            ],
        );
    }
    Ok(rows.shown(screen.width, "there are no dead letters"))
}

/// What was said beside a line: ` name=value` for each field.
fn fields(line: &LogLine) -> String {
    let one = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!(" {name}={text}"),
        value => format!(" {name}={value}"),
    };
    line.fields.iter().map(one).collect()
}

/// `majordomo logs TASK`: lines after `after`, and the number to ask for next time. JSON is one
/// line each, so that it can be followed.
pub fn logs(
    views: &Reader,
    task: u64,
    after: u64,
    format: &Format,
) -> Result<(String, u64), adapters::views::Error> {
    const AT_ONCE: u64 = 10_000;
    let (mut shown, mut last) = (String::new(), after);
    loop {
        let lines = views.logs(task, last, AT_ONCE)?;
        for line in &lines {
            last = line.id;
            match format {
                Format::Json => {
                    let document = serde_json::to_string(line).expect("lines have text for keys");
                    shown += &escape::json(&document);
                }
                Format::Text(screen) => {
                    let when = paint(DIM, &clock(screen, line.at_ms));
                    let style = match &*line.level {
                        "error" => style::BAD,
                        "warn" => style::WARN,
                        _ => PLAIN,
                    };
                    let said = format!("{}{}", line.text, fields(line));
                    let text = escape::terminal(&said);
                    shown += &format!("{when} {:<8} {}", line.level, paint(style, &text));
                }
            }
            shown.push('\n');
        }
        if (lines.len() as u64) < AT_ONCE {
            return Ok((shown, last));
        }
    }
}
