//! `majordomo why TASK`.

use super::escape::terminal;
use super::moment::clock;
use super::style::{DIM, HEAD, paint};
use super::{Format, Screen, Shown, json};
use adapters::views::read::{Decision, Explanation, Reader, Task};

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
    let version = task.version.as_ref().map_or_else(String::new, |it| format!("@{it}"));
    let capability = terminal(&task.capability);
    let title = format!("task {} · {capability}{version} · {status}", task.id);
    let mut text = paint(HEAD, &title) + "\n";
    if let Some(terms) = terms(task) {
        text += &format!("{}\n", terminal(&terms));
    }
    for decision in &explanation.decisions {
        text += &decided(decision, screen);
    }
    if explanation.decisions.is_empty() {
        text += "nobody has had it yet\n";
    }
    for sentence in &explanation.met {
        text += &format!("{}\n", terminal(sentence));
    }
    for (sentence, advice) in explanation.waits.iter().zip(&explanation.next) {
        text += &format!("now: {}\n", terminal(sentence));
        if !advice.is_empty() {
            text += &paint(DIM, &format!("  do: {}", terminal(advice)));
            text.push('\n');
        }
    }
    if explanation.waits.is_empty() && status == "queued" {
        text += "now: nothing stands in its way; it is granted next\n";
    }
    text
}

/// What it asks beyond its capability, in one line.
fn terms(task: &Task) -> Option<String> {
    let said = [
        task.requires.as_ref().map(|it| format!("requires {it}")),
        task.wishes.as_ref().map(|it| format!("wishes {it}")),
        (task.weight > 1).then(|| format!("takes {} slots", task.weight)),
        task.addressed.as_ref().map(|it| format!("for {it} alone")),
        task.affinity.as_ref().map(|it| format!("affinity key {it}")),
        (task.class != "normal").then(|| format!("class {}", task.class)),
        task.tenant.as_ref().map(|it| format!("tenant {it}")),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(" · "))
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
        let score = candidate.score.map_or_else(String::new, |it| format!("score {it}  "));
        let prefer = candidate.prefer;
        let wished = if candidate.wished { "  as wished" } else { "" };
        let says = match &candidate.offer {
            Some(offer) => format!("{score}{}", offer.told()),
            None => format!("load {load:>3}%  prefer {prefer}  {score}"),
        };
        text += &format!("  {mark} {name:<16} {}{wished}\n", says.trim_end());
    }
    text
}
