//! `majordomo health`, and the first line of `majordomo agents`: what is wrong.

use super::escape::terminal;
use super::moment::length;
use super::style::{BAD, GOOD, WARN, paint};
use super::{Format, json};
use crate::health::{Health, Level, Problem};

/// `majordomo health`.
#[must_use]
pub fn health(health: &Health, format: &Format) -> String {
    if let Format::Json = format {
        return json(health);
    }
    let mut text = match health.level {
        Level::Fine => paint(GOOD, "all is well") + "\n",
        Level::Degraded | Level::Bad => health.problems.iter().map(line).collect(),
    };
    let holder = match health.holder_pid {
        Some(pid) => format!("process {pid} works"),
        None => "no process works".to_owned(),
    };
    let mib = |bytes: u64| bytes >> 20;
    let free = health.free_bytes.map_or(String::new(), |it| format!(", {} MiB free", mib(it)));
    text += &format!(
        "{holder} · {} tasks open · longest wait {} · data {} of {} MiB{free}\n",
        health.open_tasks,
        length(health.oldest_wait_ms),
        mib(health.data_bytes),
        mib(health.data_max_bytes),
    );
    text
}

/// What is wrong, in one line; nothing when nothing is.
pub(super) fn in_one_line(problems: &[Problem]) -> String {
    let worst = problems.iter().map(|it| it.level).max();
    let style = if worst == Some(Level::Bad) { BAD } else { WARN };
    let all: Vec<&str> = problems.iter().map(|it| &*it.what).collect();
    match worst {
        None => String::new(),
        Some(_) => paint(style, &format!("problems: {}", terminal(&all.join(" · ")))) + "\n",
    }
}

fn line(problem: &Problem) -> String {
    let (style, name) = match problem.level {
        Level::Bad => (BAD, "bad"),
        Level::Degraded => (WARN, "degraded"),
        Level::Fine => (GOOD, "fine"),
    };
    format!("{} {}\n", paint(style, &format!("{name}:")), terminal(&problem.what))
}
