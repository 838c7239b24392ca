//! `majordomo show TASK` and `dead show TASK`: one task's whole story.

use super::escape::{cut, terminal};
use super::moment::{clock, length};
use super::style::{self, DIM, HEAD, paint};
use super::{Format, Screen, Shown, json};
use adapters::views::read::{Content, Moment, Reader, Story, Task, What};

/// The whole story of a task.
pub fn task(views: &Reader, id: u64, format: &Format) -> Shown {
    let story = views.task_story(id)?;
    Ok(match format {
        Format::Json => json(&story),
        Format::Text(screen) => told(&story, screen),
    })
}

/// A dead letter: every attempt, and what may be done.
pub fn dead_letter(views: &Reader, id: u64, format: &Format) -> Shown {
    let letter = views.dead_letter(id)?;
    let Format::Text(screen) = format else { return Ok(json(&letter)) };
    let capability = letter.capability.as_deref().unwrap_or("");
    let title = format!("dead task {id} · {}", terminal(capability));
    let mut text = paint(HEAD, &title) + "\n";
    if let Some(input) = &letter.input {
        text += &format!("input {}\n", content(input, screen));
    }
    for attempt in &letter.attempts {
        let agent = terminal(&attempt.agent).into_owned();
        let kind = attempt.failure_kind.as_deref().unwrap_or("");
        let failure = terminal(attempt.failure.as_deref().unwrap_or("")).into_owned();
        let when = paint(DIM, &clock(screen, attempt.granted_ms));
        let worked = length(attempt.worked_ms);
        let line = format!("attempt {} by {agent} for {worked}: {kind}: {failure}", attempt.number);
        text += &format!("{when} {}\n", cut(&line, screen.width.saturating_sub(20)));
    }
    text += &match (letter.released_into, letter.closed_ms) {
        (Some(task), _) => format!("released as task {task}\n"),
        (None, Some(at_ms)) => format!("dropped {}\n", clock(screen, at_ms)),
        (None, None) => format!("`majordomo dead retry {id}` or `majordomo dead drop {id}`\n"),
    };
    Ok(text)
}

fn told(story: &Story, screen: &Screen) -> String {
    let task = &story.task;
    let status = paint(style::of_status(&task.status), &task.status);
    let title = paint(HEAD, &format!("task {} · {}", task.id, terminal(&task.capability)));
    let mut text = format!("{title} · {status}\n");
    for (name, value) in facts(task) {
        text += &format!("  {name:<9} {}\n", terminal(&value));
    }
    text += &format!("  {:<9} {}\n", "input", content(&story.input, screen));
    if let Some(output) = &story.output {
        text += &format!("  {:<9} {}\n", "output", content(output, screen));
    }
    text.push('\n');
    for moment in &story.moments {
        let since = length(moment.at_ms - task.accepted_ms);
        let (style, said) = said(moment);
        let said = cut(&terminal(&said), screen.width.saturating_sub(13).max(20)).into_owned();
        text += &format!("{since:>11}  {}\n", paint(style, &said));
    }
    if story.log_lines > 0 {
        text += &format!("\n{} lines: majordomo logs {}\n", story.log_lines, task.id);
    }
    text + &paint(DIM, &format!("accepted {}", clock(screen, task.accepted_ms))) + "\n"
}

fn facts(task: &Task) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    match (task.parent, &task.step) {
        (Some(parent), Some(step)) => {
            facts.push(("step", format!("{step} of task {parent} in run {}", task.run)));
        }
        _ => facts.push(("run", "it is the root of its run".to_owned())),
    }
    let counts = format!("{} granted, {} failed, {} lost", task.attempts, task.failed, task.lost);
    facts.push(("attempts", format!("{counts}, at most {}", task.attempts_max)));
    facts.push(("worked", length(task.worked_ms)));
    if task.tokens > 0 || task.money_micros > 0 {
        let dollars = task.money_micros as f64 / 1e6;
        facts.push(("cost", format!("{} tokens, {dollars:.4} USD", task.tokens)));
    }
    facts.extend(task.key.clone().map(|key| ("key", key)));
    facts
}

fn content(content: &Content, screen: &Screen) -> String {
    let room = screen.width.saturating_sub(12).max(20);
    match (&content.value, &content.blob) {
        (Some(value), _) => cut(&terminal(&value.to_string()), room).into_owned(),
        (None, Some(digest)) => format!("{} bytes in blob {digest}", content.bytes),
        (None, None) if content.bytes > 0 => format!("{} bytes, erased", content.bytes),
        (None, None) => "nothing".to_owned(),
    }
}

fn said(moment: &Moment) -> (anstyle::Style, String) {
    let later = |ms: &Option<i64>| ms.map(|ms| length(ms - moment.at_ms));
    match &moment.what {
        What::Accepted { parent, released_from, ready_ms } => {
            let mut said = match parent {
                Some(parent) => format!("accepted from task {parent}"),
                None => "accepted".to_owned(),
            };
            if let Some(dead) = released_from {
                said += &format!(", another life of dead task {dead}");
            }
            if let Some(delay) = later(ready_ms) {
                said += &format!(", not to start before {delay}");
            }
            (style::PLAIN, said)
        }
        What::Granted { number, agent, token, why } => {
            let why = why.first().map_or("", |it| it);
            (style::BUSY, format!("attempt {number} (token {token}) to {agent}: {why}"))
        }
        What::Began { agent } => (style::DIM, format!("{agent} began")),
        What::Waited { steps, until_ms } => {
            let for_what = if steps.is_empty() { "news".to_owned() } else { steps.join(", ") };
            let how_long = later(until_ms).map_or("still".to_owned(), |it| format!("for {it}"));
            (style::PLAIN, format!("waited {how_long} for {for_what}"))
        }
        What::StepBegan { step, child: Some(child), capability, .. } => {
            let capability = capability.as_deref().unwrap_or("");
            (style::PLAIN, format!("asked for {step}: {capability} is task {child}"))
        }
        What::StepBegan { step, kind, .. } => (style::PLAIN, format!("began {kind} {step}")),
        What::StepEnded { step, outcome, .. } => {
            let outcome = outcome.as_deref().unwrap_or("ended");
            (style::of_status(outcome), format!("{step} {outcome}"))
        }
        What::Failed { agent, kind, message, retry_ms } => {
            let next = later(retry_ms).map_or("not tried again".to_owned(), |it| match &*it {
                "0 ms" => "tried again at once".to_owned(),
                it => format!("tried again after {it}"),
            });
            (style::BAD, format!("failed under {agent}: {kind}: {message}; {next}"))
        }
        What::Lost { agent, cause, message } => {
            let message = message.as_deref().map(|it| format!(" {it}")).unwrap_or_default();
            (style::WARN, format!("lost by {agent}: {cause}{message}"))
        }
        What::Stopped { agent, .. } => (style::WARN, format!("{agent} was told to stop")),
        What::WorkEnded { agent, .. } => (style::DIM, format!("{agent} had really stopped")),
        What::Refused { agent, number, token } => {
            let answer = format!("the answer of {agent} to attempt {number} (token {token})");
            (style::WARN, format!("{answer} came too late and was refused"))
        }
        What::RuntimeStarted { why, down_ms } => {
            let down = down_ms.map_or(0, |ms| moment.at_ms - ms);
            (style::WARN, format!("the system started again after a {why}, down {}", length(down)))
        }
        What::Ended { status, message } => {
            let message = message.as_deref().map(|it| format!(": {it}")).unwrap_or_default();
            (style::of_status(status), format!("{status}{message}"))
        }
    }
}
