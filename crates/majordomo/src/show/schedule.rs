//! `majordomo schedule list` and `schedule show NAME`.

use super::escape::terminal;
use super::moment::{clock, length};
use super::style::{self, HEAD, PLAIN, WARN, paint};
use super::table::Rows;
use super::{Format, Screen, Shown, json};
use adapters::views::read::{Reader, Schedule};
use jiff::Timestamp;

/// All of them.
pub fn schedules(views: &Reader, format: &Format) -> Shown {
    let schedules = views.schedules()?;
    let Format::Text(screen) = format else { return Ok(json(&schedules)) };
    let mut rows =
        Rows::new(&["schedule", "when", "asks", "next", ">started", ">left out", "latest"]);
    for it in &schedules {
        let style = if it.paused || it.held_ms.is_some() { WARN } else { PLAIN };
        rows.push(
            style,
            vec![
                it.name.clone(),
                when(it),
                it.capability.clone(),
                next(it, screen),
                it.started.to_string(),
                it.skipped.to_string(),
                latest(it, screen).unwrap_or_else(|| "-".to_owned()),
            ],
        );
    }
    Ok(rows.shown(screen.width, "nothing is scheduled; see `majordomo schedule add --help`"))
}

/// One of them.
#[must_use]
pub fn schedule(it: &Schedule, format: &Format) -> String {
    let Format::Text(screen) = format else { return json(it) };
    let mut text = paint(HEAD, &format!("schedule {}", terminal(&it.name))) + "\n";
    let mut fact = |name: &str, value: String| {
        text += &format!("  {name:<9} {}\n", terminal(&value));
    };
    fact("when", when(it));
    fact("asks", it.capability.clone());
    fact("input", it.input.clone().unwrap_or_else(|| format!("{} bytes", it.input_bytes)));
    if let Some(team) = &it.team {
        fact("team", team.clone());
    }
    if let Some(origin) = &it.origin {
        fact("set by", format!("the team file of {origin}"));
    }
    fact("missed", words(&it.missed).to_owned());
    fact("overlap", words(&it.overlap).to_owned());
    if let Some(ms) = it.within_ms {
        fact("deadline", length(i64::try_from(ms).unwrap_or(i64::MAX)));
    }
    fact("next", next(it, screen));
    if let Some(waits) = it.waits_ms {
        fact("waits", format!("{} for the end of the task before", clock(screen, waits)));
    }
    fact("so far", format!("{} started, {} left out", it.started, it.skipped));
    for due in &it.dues {
        let task = due.task.map_or(String::new(), |task| format!(" (task {task})"));
        let line = format!("{}{task}", words(&due.came));
        text += &format!("{} {}\n", paint(style::DIM, &clock(screen, due.at_ms)), terminal(&line));
    }
    text
}

/// A moment as a clock in that zone shows it.
#[must_use]
pub fn moment_in(zone: &str, ms: u64) -> String {
    let zone = crate::calendar::time_zone(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let time = Timestamp::from_millisecond(i64::try_from(ms).unwrap_or(i64::MAX));
    let time = time.unwrap_or(Timestamp::MAX).to_zoned(zone);
    time.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string()
}

fn when(it: &Schedule) -> String {
    match (&it.cron, &it.zone, it.every_ms) {
        (Some(cron), Some(zone), _) => format!("{cron} ({zone})"),
        (_, _, Some(ms)) => {
            format!("every {}", length(i64::try_from(ms).unwrap_or(i64::MAX)))
        }
        _ => "-".to_owned(),
    }
}

fn next(it: &Schedule, screen: &Screen) -> String {
    match (it.paused, it.held_ms, it.next_ms, &it.why_never) {
        (true, ..) => "paused".to_owned(),
        (_, Some(held), ..) => format!("no room, again {}", clock(screen, held)),
        (_, _, Some(due), _) => match &it.zone {
            Some(zone) => moment_in(zone, u64::try_from(due).unwrap_or(0)),
            None => clock(screen, due),
        },
        (_, _, None, Some(why)) => format!("never: {why}"),
        (_, _, None, None) => "being looked up".to_owned(),
    }
}

fn latest(it: &Schedule, screen: &Screen) -> Option<String> {
    let (due, came) = (it.last_ms?, it.last_came.as_deref()?);
    let said = match (came, it.last_task, &it.last_note) {
        ("task", Some(task), _) => format!("task {task}"),
        ("overlap", Some(task), _) => format!("left out, task {task} ran"),
        (_, _, Some(note)) => note.clone(),
        (came, ..) => words(came).to_owned(),
    };
    Some(format!("{said} ({})", clock(screen, due)))
}

/// The words of the views for people.
fn words(word: &str) -> &str {
    match word {
        "task" => "started",
        "waits" => "waits for the task before",
        "missed" => "missed",
        "overlap" => "left out, the task before ran",
        "refused" => "refused",
        "skip" => "left out",
        "once" => "made up for once",
        "all" => "each is made up for",
        "allow" => "both run",
        "queue_one" => "one waits",
        "cancel_previous" => "the task before is cancelled",
        other => other,
    }
}
