//! The signs that something is wrong: each with its threshold, its words, and what to do.

use super::{Kind, Level, Problem, WAIT_LONG_MS};
use crate::problem::tasks;
use adapters::views::read::{Agent, Breaker, Schedule};

/// A refusal for want of room is worth a look for so long.
pub const REFUSED_RECENT_MS: u64 = 60_000;

pub(super) fn no_answer(why: &str) -> Problem {
    Problem {
        what: format!("the process that holds the data does not answer: {why}"),
        next: "see what it does; if it hangs, end it and start it again: nothing is lost".into(),
        ..Problem::new(Level::Bad, Kind::NoAnswer, "")
    }
}

pub(super) fn no_process(open: u64, since_ms: i64) -> Problem {
    let is = if open == 1 { "is" } else { "are" };
    Problem {
        since_ms: Some(since_ms),
        what: format!("{} {is} open and no process works here", tasks(open)),
        next: "`majordomo resume` goes on".into(),
        ..Problem::new(Level::Degraded, Kind::NoProcess, "")
    }
}

/// What there is to say of an agent's life and presence.
pub(super) fn agent(agent: &Agent) -> Option<Problem> {
    let Agent { name, presence, life, last_exit, .. } = agent;
    let why = last_exit.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    let attempts = format!("`majordomo tasks --agent {name}` shows what it did");
    let (level, kind, what, next) = match (&**presence, &**life) {
        ("left", _) => return None,
        (_, "given up") => {
            let why = last_exit.as_deref().unwrap_or_default();
            return Some(Problem::given_up(name, why, None));
        }
        (_, "suspected") => (
            Level::Degraded,
            Kind::AgentSuspected,
            format!("{name} gives no sign of life and gets no new work"),
            "wait: its lease decides, and it is trusted again when it is heard".to_owned(),
        ),
        (_, "down" | "starting" | "stopping") => (
            Level::Degraded,
            Kind::AgentDown,
            format!("{name} is being started again{why}"),
            attempts,
        ),
        ("draining", _) => (
            Level::Fine,
            Kind::AgentDraining,
            format!("{name} finishes what it has, and leaves then"),
            String::new(),
        ),
        ("paused", _) => (
            Level::Fine,
            Kind::AgentPaused,
            format!("{name} is paused"),
            format!("`majordomo agents resume {name}` gives it work again"),
        ),
        (_, _) => return None,
    };
    Some(Problem { what, next, ..Problem::new(level, kind, name) })
}

/// What there is to say of a breaker.
pub(super) fn breaker(breaker: &Breaker) -> Option<Problem> {
    let Breaker { agent, capability, state, since_ms, why, .. } = breaker;
    let (level, kind, what, next) = match &**state {
        "forced_open" => (
            Level::Degraded,
            Kind::BreakerOpen,
            format!("{agent} gets no {capability}: an operator says so"),
            format!("`majordomo agents breaker {agent} auto` lets its results decide"),
        ),
        "open" => {
            let why = why.as_deref().unwrap_or_default();
            return Some(Problem::breaker_open(agent, capability, why, *since_ms));
        }
        "half_open" => (
            Level::Fine,
            Kind::BreakerHalfOpen,
            format!("{agent} is being tried at {capability} again"),
            String::new(),
        ),
        _ => return None,
    };
    let about = format!("{agent}: {capability}");
    Some(Problem { since_ms: Some(*since_ms), what, next, ..Problem::new(level, kind, about) })
}

/// Work waits that nobody here has anything to do with.
pub(super) fn nobody_serves(what: &str, waiting: u64, task: u64, since_ms: i64) -> Problem {
    Problem {
        since_ms: Some(since_ms),
        what: format!("{} for {what}, which nobody serves", wait(waiting)),
        next: format!("`majordomo why {task}` says more; add an agent that does, or cancel"),
        ..Problem::new(Level::Degraded, Kind::NobodyServes, what)
    }
}

/// Work waits, and all who serve it are out.
pub(super) fn nobody_can(
    what: &str,
    waiting: u64,
    task: u64,
    since_ms: i64,
    now_ms: i64,
) -> Problem {
    let is_long = now_ms - since_ms > WAIT_LONG_MS;
    let level = if is_long { Level::Bad } else { Level::Degraded };
    Problem {
        since_ms: Some(since_ms),
        what: format!("{} for {what}, which nobody can take now", wait(waiting)),
        next: format!("`majordomo why {task}` says of each agent why not"),
        ..Problem::new(level, Kind::NobodyCan, what)
    }
}

fn wait(count: u64) -> String {
    format!("{} {}", tasks(count), if count == 1 { "waits" } else { "wait" })
}

/// What there is to say of a schedule's latest due.
pub(super) fn schedule(it: &Schedule) -> Option<Problem> {
    let name = &it.name;
    let (since_ms, what) = match (it.held_ms, it.last_came.as_deref()) {
        (Some(_), _) => (it.next_ms, format!("schedule {name} is due, and there was no room")),
        (None, Some("missed")) => (it.last_ms, format!("schedule {name} missed its latest due")),
        (None, Some("refused")) => {
            let why = it.last_note.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            (it.last_ms, format!("schedule {name} was refused its latest task{why}"))
        }
        (None, _) => return None,
    };
    let next = format!("`majordomo schedule show {name}`");
    let problem = Problem::new(Level::Degraded, Kind::Schedule, name);
    Some(Problem { since_ms, what, next, ..problem })
}

pub(super) fn refused(count: u64, ms_ago: u64, now_ms: i64) -> Problem {
    let was = if count == 1 { "was" } else { "were" };
    let since_ms = now_ms - i64::try_from(ms_ago).unwrap_or(0);
    Problem {
        since_ms: Some(since_ms),
        what: format!(
            "new work is refused for want of room: {count} {was}, the last {} s ago",
            ms_ago / 1_000
        ),
        next: "send it again later with the same key, or let more be done: see `majordomo agents`"
            .into(),
        ..Problem::new(Level::Degraded, Kind::Refused, "")
    }
}

pub(super) fn data_full(why: &str) -> Problem {
    Problem {
        what: why.to_owned(),
        next: "forget old runs with `majordomo forget`, or free some of the disk".into(),
        ..Problem::new(Level::Bad, Kind::DataFull, "")
    }
}
