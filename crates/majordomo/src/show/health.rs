//! `majordomo health`, and the first line of `majordomo agents`: what is wrong.

use super::escape::terminal;
use super::moment::length;
use super::style::{BAD, DIM, GOOD, WARN, paint};
use super::{Format, json};
use crate::health::{Health, Level, Problem};
use crate::problem::tasks;

/// Problems told in one line; the rest is counted.
const IN_ONE_LINE_MAX: usize = 4;

/// `majordomo health`.
#[must_use]
pub fn health(health: &Health, format: &Format) -> String {
    if let Format::Json = format {
        return json(health);
    }
    let mut text = String::new();
    if health.level == Level::Fine {
        text += &(paint(GOOD, "all is well") + "\n");
    }
    text.extend(health.problems.iter().map(line));
    let holder = match health.holder_pid {
        Some(pid) => format!("process {pid} works"),
        None => "no process works".to_owned(),
    };
    let mib = |bytes: u64| bytes >> 20;
    let free = health.free_bytes.map_or(String::new(), |it| format!(", {} MiB free", mib(it)));
    text += &format!(
        "{holder} · {} open · longest wait {}{} · data {} of {} MiB{free}\n",
        tasks(health.open_tasks),
        length(health.oldest_wait_ms),
        refused(health.refused),
        mib(health.data_bytes),
        mib(health.data_max_bytes),
    );
    text
}

fn refused(count: u64) -> String {
    if count == 0 { String::new() } else { format!(" · {count} refused for want of room") }
}

/// What is wrong, in one line, worst first; nothing when nothing is.
pub(super) fn in_one_line(problems: &[Problem]) -> String {
    let Some(worst) = problems.iter().map(|it| it.level).max() else { return String::new() };
    let (style, name) = match worst {
        Level::Bad => (BAD, "problems"),
        Level::Degraded => (WARN, "problems"),
        Level::Fine => (DIM, "note"),
    };
    let mut all: Vec<String> =
        problems.iter().take(IN_ONE_LINE_MAX).map(|it| it.what.clone()).collect();
    if let more @ 1.. = problems.len().saturating_sub(IN_ONE_LINE_MAX) {
        all.push(format!("{more} more: see `majordomo health`"));
    }
    paint(style, &format!("{name}: {}", terminal(&all.join(" · ")))) + "\n"
}

fn line(problem: &Problem) -> String {
    let (style, name) = match problem.level {
        Level::Bad => (BAD, "bad"),
        Level::Degraded => (WARN, "degraded"),
        Level::Fine => (DIM, "note"),
    };
    let mut text = format!("{} {}\n", paint(style, &format!("{name}:")), terminal(&problem.what));
    if !problem.next.is_empty() {
        text += &(paint(DIM, &format!("  do: {}", terminal(&problem.next))) + "\n");
    }
    text
}
