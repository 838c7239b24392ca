//! `majordomo agents`: what is wrong, then a line for each agent with its record.

use super::health::in_one_line;
use super::moment::length;
use super::style::{self, BAD, WARN};
use super::table::Rows;
use super::{Format, Shown, json};
use crate::health::Problem;
use adapters::views::read::{Agent, Reader};
use anstyle::Style;
use serde::Serialize;

/// What programs read.
#[derive(Serialize)]
struct Answer<'a> {
    /// Wall time that it is as of, milliseconds since 1970.
    at_ms: i64,
    problems: &'a [Problem],
    agents: &'a [Agent],
}

/// A column: its heading, and what stands in it.
struct Column {
    head: &'static str,
    /// It is left out where every agent has this in it.
    plain: Option<&'static str>,
    cell: fn(&Agent) -> String,
}

const fn always(head: &'static str, cell: fn(&Agent) -> String) -> Column {
    Column { head, plain: None, cell }
}

const fn unless(plain: &'static str, head: &'static str, cell: fn(&Agent) -> String) -> Column {
    Column { head, plain: Some(plain), cell }
}

const COLUMNS: &[Column] = &[
    always("agent", |it| it.name.clone()),
    always("kind", |it| it.kind.clone()),
    always("state", |it| state(it).to_owned()),
    always(">busy", |it| format!("{}/{}", it.busy, it.slots)),
    unless("0", ">waiting", |it| it.waiting.to_string()),
    always(">done", |it| it.completed.to_string()),
    always(">failed", |it| it.failed.to_string()),
    unless("0", ">late", |it| it.timed_out.to_string()),
    always(">success", |it| percent(it.success_percent)),
    always(">p50", |it| time(it.p50_ms)),
    always(">p95", |it| time(it.p95_ms)),
    always(">p99", |it| time(it.p99_ms)),
    always(">queued", |it| time(it.queued_p95_ms)),
    always(">used", |it| percent(it.used_percent)),
    unless("0", ">restarts", |it| it.restarts.to_string()),
    unless("", ">intensity", counted),
    unless("", "breaker", breaker),
    unless("", ">cost", cost),
    always("serves", |it| it.serves.join(" ")),
];

/// `majordomo agents`, as of a moment of wall time.
pub fn agents(views: &Reader, now_ms: i64, format: &Format) -> Shown {
    let agents = views.agents_at(now_ms)?;
    let problems = crate::health::problems(views, now_ms)?.problems;
    let Format::Text(screen) = format else {
        return Ok(json(&Answer { at_ms: now_ms, problems: &problems, agents: &agents }));
    };
    let says = |column: &&Column| {
        column.plain.is_none_or(|plain| agents.iter().any(|it| (column.cell)(it) != plain))
    };
    let columns: Vec<&Column> = COLUMNS.iter().filter(says).collect();
    let heads: Vec<&'static str> = columns.iter().map(|it| it.head).collect();
    let mut rows = Rows::new(&heads);
    for agent in &agents {
        rows.push(style_of(agent), columns.iter().map(|it| (it.cell)(agent)).collect());
    }
    Ok(in_one_line(&problems) + &rows.shown(screen.width, "no agent has joined yet"))
}

/// Whether it is here, whether it runs, and whether it may: what there is to say first.
fn state(agent: &Agent) -> &str {
    match (&*agent.presence, &*agent.life) {
        ("left", _) => "left",
        (presence, "up") => presence,
        (_, life) => life,
    }
}

fn style_of(agent: &Agent) -> Style {
    match state(agent) {
        "given up" => BAD,
        "suspected" | "down" | "starting" | "stopping" | "draining" => WARN,
        state => style::of_status(state),
    }
}

fn time(ms: Option<u64>) -> String {
    ms.map_or("-".to_owned(), |ms| length(ms as i64))
}

fn percent(of_hundred: Option<u64>) -> String {
    of_hundred.map_or("-".to_owned(), |it| format!("{it}%"))
}

/// "1 of 3 in 30 s": restarts that count against its supervisor, or against itself.
fn counted(agent: &Agent) -> String {
    let Some(it) = &agent.counted else { return String::new() };
    let period = match it.period_ms {
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => length(ms as i64),
    };
    format!("{} of {} in {period}", it.restarts, it.restarts_max)
}

/// The breakers that are not as they should be.
fn breaker(agent: &Agent) -> String {
    let told = agent.breakers.iter().filter(|it| it.state != "closed").map(|it| {
        let state = it.state.replace('_', " ");
        format!("{} {state}", it.capability)
    });
    told.collect::<Vec<_>>().join(", ")
}

fn cost(agent: &Agent) -> String {
    if agent.money_micros == 0 {
        return String::new();
    }
    format!("${:.4}", agent.money_micros as f64 / 1e6)
}
