//! Schedules: when they are due can be read, and what they start is there.

use super::{Code, Member, Problem, Problems, Team};
use crate::calendar::{Cron, time_zone};
use crate::team::capability::Capability;
use crate::team::quantity::Duration;
use crate::team::suggest;

/// At most once a second, as the kernel says.
const EVERY_MIN_MS: u64 = 1_000;

pub(super) fn check(team: &Team<'_>, problems: &mut Problems) {
    let served = team.served();
    for schedule in team.schedules.values() {
        if problems.are_enough() {
            return;
        }
        due(team, schedule, problems);
        match schedule.text("ask").map(Capability::parse) {
            None if schedule.has("ask") => {}
            None => starts_the_steps(team, schedule, problems),
            Some(Err(error)) => {
                let at = team.document.value_at(&schedule.field("ask"));
                let problem = Problem::error(Code::BadName, at, "this names no capability");
                problems.push(problem.help(error.to_string()));
            }
            Some(Ok(asked)) => {
                if let Some(served) = &served {
                    super::steps::not_served(
                        team,
                        &schedule.field("ask"),
                        &asked.into(),
                        served,
                        problems,
                    );
                }
            }
        }
    }
}

fn due(team: &Team<'_>, schedule: &Member<'_>, problems: &mut Problems) {
    let wrong = |path: &str, message: String| {
        Problem::error(Code::Schedule, team.document.value_at(path), message)
    };
    match (schedule.has("cron"), schedule.has("every")) {
        (true, true) => {
            let at = team.document.key_at(&schedule.field("every"));
            let problem = Problem::error(Code::Schedule, at, "it is said twice when this is due");
            let other = team.document.key_at(&schedule.field("cron"));
            problems.push(problem.also(other, "here too").help("say either `cron` or `every`"));
        }
        (false, false) => {
            let at = team.document.key_at(&schedule.path);
            let problem = Problem::error(Code::Schedule, at, "it is not said when this is due");
            problems.push(problem.help("add `cron = \"0 9 * * 1-5\"`, or `every = \"1h\"`"));
        }
        (true, false) | (false, true) => {}
    }
    if let Some(cron) = schedule.text("cron")
        && let Err(error) = Cron::parse(cron)
    {
        let path = schedule.field("cron");
        let at = team.document.part_at(&path, error.at);
        problems.push(Problem::error(Code::Schedule, at, error.message));
    }
    if let Some(every) = schedule.text("every").and_then(|text| Duration::parse(text).ok())
        && every.as_ms() < EVERY_MIN_MS
    {
        let path = schedule.field("every");
        problems.push(wrong(&path, "a schedule is due once a second at most".to_owned()));
    }
    let Some(zone) = schedule.text("zone") else { return };
    let path = schedule.field("zone");
    if !schedule.has("cron") {
        let problem = wrong(&path, "`zone` is for `cron`, and there is none here".to_owned());
        problems.push(problem.help("leave it away: an interval is the same in every zone"));
    } else if let Err(why) = time_zone(zone) {
        let (message, help) = why.split_once(": ").unwrap_or((&why, ""));
        problems.push(wrong(&path, message.to_owned()).help(help));
    }
}

fn starts_the_steps(team: &Team<'_>, schedule: &Member<'_>, problems: &mut Problems) {
    if !team.steps.is_empty() {
        return;
    }
    let at = team.document.key_at(&schedule.path);
    let problem = Problem::error(Code::Schedule, at, "it is not said what this starts");
    let served = team.served().unwrap_or_default();
    let served: Vec<String> = served.iter().map(|it| it.name.clone()).collect();
    let served = suggest::list(served.iter().map(String::as_str), 10);
    problems.push(problem.help(format!(
        "the team has no steps to run, so add `ask` with a capability; served are {served}"
    )));
}
