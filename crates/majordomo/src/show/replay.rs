//! `majordomo replay RUN`.

use super::escape::terminal;
use super::style::{BAD, HEAD, PLAIN, paint};
use super::table::Rows;
use super::{Format, json};
use crate::replay::{Found, Replay, Task, Verdict};

/// What became of each task of a run that was played again.
#[must_use]
pub fn replay(replay: &Replay, format: &Format) -> String {
    let Format::Text(screen) = format else { return json(replay) };
    let mut rows = Rows::new(&[">task", "step", "asked", "agent", "was", "replay", "what"]);
    for task in &replay.tasks {
        let (verdict, what) = told(task);
        let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "-".to_owned());
        let style = if verdict == "differs" { BAD } else { PLAIN };
        let (step, agent) = (text(&task.step), text(&task.agent));
        let (asked, was) = (task.capability.clone(), task.status.to_owned());
        let number = task.task.to_string();
        rows.push(style, vec![number, step, asked, agent, was, verdict.to_owned(), what]);
    }
    let mut shown = rows.shown(screen.width, "it has no tasks");
    for task in &replay.tasks {
        if let Verdict::Differs { differences } = &task.verdict {
            shown += &paint(HEAD, &format!("task {} differs", task.task));
            shown.push('\n');
            differences.iter().for_each(|it| shown += &difference(it));
        }
    }
    for note in &replay.notes {
        shown += &format!("note: {}\n", terminal(note));
    }
    let Replay { run, matched, differs, taken, .. } = replay;
    shown
        + &format!(
            "run {run}: {matched} matched, {differs} differ, {taken} taken from the record\n"
        )
}

fn told(task: &Task) -> (&'static str, String) {
    match &task.verdict {
        Verdict::Matched { steps, note } => {
            let note = note.as_ref().map_or_else(String::new, |note| format!(", {note}"));
            ("matched", format!("{steps} steps{note}"))
        }
        Verdict::Differs { differences } => {
            let step = differences.first().and_then(|it| it.step.clone());
            ("differs", step.map_or_else(|| "at its end".to_owned(), |it| format!("at step {it}")))
        }
        Verdict::Taken { why } => ("taken", why.clone()),
    }
}

fn difference(found: &Found) -> String {
    let at = match &found.step {
        Some(step) => format!("step {step}"),
        None => "its end".to_owned(),
    };
    format!(
        "  {}\n    recorded  {}\n    now       {}\n",
        terminal(&at),
        terminal(&found.recorded),
        terminal(&found.now)
    )
}
