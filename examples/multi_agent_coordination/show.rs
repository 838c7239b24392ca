//! What is printed at the end: the master's decisions, the kernel's, the figures, the page.

use super::watch::{Grant, Report, ms};
use super::work::Told;
use majordomo::kernel::{Class, Decision, PolicyKind};
use majordomo::show::escape::terminal;
use serde_json::json;
use std::fmt::Write;

pub fn json(told: &Told, report: &Report) -> String {
    let object = json!({
        "decisions": told.decisions,
        "grants": report.grants,
        "agents": report.agents,
        "tokens": report.tokens,
        "page": told.page,
    });
    format!("{object}\n")
}

pub fn text(told: &Told, report: &Report) -> String {
    let mut text = format!("{}\nwhat the master decided\n", told.page);
    for decision in &told.decisions {
        let _ = writeln!(text, "  {decision}");
    }
    let _ = write!(text, "\nwho got what, and why\n{}", grants(&report.grants));
    let _ = write!(text, "\nhow long each class waited\n{}", classes(&report.grants));
    let _ = write!(text, "\nwho did how much\n{}", report.agents_as_text());
    if report.grants.iter().any(|grant| grant.why.policy == PolicyKind::External) {
        let _ = write!(text, "\nwho the model chose, and why\n{}", choices(report));
    }
    text
}

/// What a model says is data: it is made harmless for a terminal here.
fn choices(report: &Report) -> String {
    let mut text = String::new();
    let (mut taken, mut other) = (0, 0);
    for Grant { task, agent, why, .. } in &report.grants {
        let Some(words) = &why.words else { continue };
        let (words, how) = match why.fallback {
            None => (words, format!("{agent} as it chose")),
            Some(_) => (words, format!("{agent} by the lowest load")),
        };
        if why.fallback.is_none() {
            taken += 1
        } else {
            other += 1
        }
        for it in &why.dismissed {
            let reason = format!("{:?}", it.why).to_lowercase();
            let _ = writeln!(text, "  {:>3} it chose {}: {reason}", task.0, terminal(&it.name));
        }
        let _ = writeln!(text, "  {:>3} {how:<28} {}", task.0, terminal(words));
    }
    let tokens = report.tokens;
    let _ = writeln!(text, "  {taken} as it chose, {other} by the lowest load, {tokens} tokens");
    text
}

fn grants(grants: &[Grant]) -> String {
    let mut text = String::new();
    for Grant { task, what, class, agent, why, .. } in grants {
        let (class, why) = (format!("{class:?}").to_lowercase(), in_words(why));
        let what: String = what.chars().take(40).collect();
        let _ = writeln!(text, "  {:>3} {class:<9} {what:<40} -> {agent:<9} {why}", task.0);
    }
    text
}

/// `majordomo why TASK` tells the same of a team with a directory, and more.
fn in_words(why: &Decision) -> String {
    match (why.candidates.len(), why.busy) {
        (0, 0) => "only it serves this".to_owned(),
        (0, 1) => "the other one was busy".to_owned(),
        (0, busy) => format!("{busy} others were busy"),
        (free, _) => {
            let reason = serde_json::to_value(why.reason).unwrap_or_default();
            let reason = reason.as_str().unwrap_or_default().replace('_', " ");
            format!("{reason} of {free} that were free")
        }
    }
}

fn classes(grants: &[Grant]) -> String {
    let mut text = String::new();
    for class in Class::ALL {
        let of = grants.iter().filter(|grant| grant.class == class);
        let waits: Vec<u64> = of.map(|grant| grant.waited_us).collect();
        if let Some(longest) = waits.iter().max() {
            let (name, longest) = (format!("{class:?}").to_lowercase(), ms(*longest));
            let _ = writeln!(text, "  {name:<9} {:>3} tasks, {longest} at most", waits.len());
        }
    }
    text
}
