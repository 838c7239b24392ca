//! `majordomo why TASK`.

use super::escape::terminal;
use super::moment::clock;
use super::style::{DIM, HEAD, paint};
use super::{Format, Screen, Shown, json};
use adapters::views::read::{Decision, Explanation, Reader};

/// Why each attempt went where it went, and what the task waits for.
pub fn why(views: &Reader, task: u64, format: &Format) -> Shown {
    let explanation = views.why(task)?;
    Ok(match format {
        Format::Json => json(&explanation),
        Format::Text(screen) => told(&explanation, screen),
    })
}

fn told(explanation: &Explanation, screen: &Screen) -> String {
    let task = &explanation.task;
    let status = &task.status;
    let title = format!("task {} · {} · {status}", task.id, terminal(&task.capability));
    let mut text = paint(HEAD, &title) + "\n";
    for decision in &explanation.decisions {
        text += &decided(decision, screen);
    }
    if explanation.decisions.is_empty() {
        text += "nobody has had it yet\n";
    }
    for sentence in &explanation.waits {
        text += &format!("now: {}\n", terminal(sentence));
    }
    if explanation.waits.is_empty() && status == "queued" {
        text += "now: nothing stands in its way; it is granted next\n";
    }
    text
}

fn decided(decision: &Decision, screen: &Screen) -> String {
    let when = clock(screen, decision.at_ms);
    let agent = terminal(&decision.agent).into_owned();
    let mut text = format!("attempt {} to {agent} {}\n", decision.number, paint(DIM, &when));
    for sentence in &decision.sentences {
        text += &format!("  {}\n", terminal(sentence));
    }
    for candidate in &decision.candidates {
        let mark = if candidate.agent == decision.agent { "→" } else { " " };
        let load = candidate.load * 100 / 1024;
        let name = terminal(&candidate.agent).into_owned();
        let score = candidate.score.map_or_else(String::new, |it| format!("  score {it}"));
        let prefer = candidate.prefer;
        text += &format!("  {mark} {name:<16} load {load:>3}%  prefer {prefer}{score}\n");
    }
    text
}
