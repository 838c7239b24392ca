//! Supervisors: their children are there, each has one, and nobody looks after himself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Code, Member, Problem, Problems, Team};
use crate::team::{shape, suggest};

/// Who stands under whom, and where the file says so.
type Above<'a> = BTreeMap<&'a str, (&'a str, Range<usize>)>;

pub(super) fn check(team: &Team<'_>, problems: &mut Problems) {
    let mut above = Above::new();
    for (name, supervisor) in &team.supervisors {
        taken(team, name, supervisor, problems);
        for (path, child) in supervisor.texts("children") {
            if problems.are_enough() {
                return;
            }
            let at = team.document.value_at(&path);
            if !team.agents.contains_key(child) && !team.supervisors.contains_key(child) {
                unknown(team, name, child, at, problems);
            } else if let Some((first, there)) = above.get(child) {
                let message = match first == name {
                    true => format!("`{child}` is named twice"),
                    false => format!("`{child}` stands under two supervisors"),
                };
                let problem = Problem::error(Code::TwoSupervisors, at, message);
                let problem = problem.also(there.clone(), format!("first under `{first}`"));
                problems.push(problem.help("one looks after it; name it there alone"));
            } else {
                above.insert(child, (name, at));
            }
        }
    }
    circles(team, &above, problems);
}

/// Agents and supervisors of a team share one space of names.
fn taken(team: &Team<'_>, name: &str, supervisor: &Member<'_>, problems: &mut Problems) {
    let Some(agent) = team.agents.get(name) else { return };
    let at = team.document.key_at(&supervisor.path);
    let problem = Problem::error(Code::NameTaken, at, format!("an agent is called `{name}` too"));
    let problem = problem.also(team.document.key_at(&agent.path), "the agent");
    problems.push(problem.help("call the supervisor otherwise: `children` may name either"));
}

fn unknown(team: &Team<'_>, name: &str, child: &str, at: Range<usize>, problems: &mut Problems) {
    let message = format!("there is no agent or supervisor `{child}`");
    let problem = Problem::error(Code::UnknownChild, at.clone(), message);
    let others = || {
        let supervisors = team.supervisors.keys().filter(|other| **other != name);
        team.agents.keys().chain(supervisors).copied()
    };
    problems.push(match suggest::nearest(child, others()) {
        Some(meant) => {
            problem.replace(format!("did you mean `{meant}`?"), at, shape::quoted(meant))
        }
        None => problem.help(format!("there are {}", suggest::list(others(), 20))),
    });
}

/// Each circle is told once, at one of its links.
fn circles(team: &Team<'_>, above: &Above<'_>, problems: &mut Problems) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in team.supervisors.keys() {
        let mut way = vec![*start];
        while let Some((up, _)) = above.get(way[way.len() - 1]) {
            if let Some(again) = way.iter().position(|name| name == up) {
                let circle = &way[again..];
                if circle.iter().all(|name| told.insert(name)) {
                    problems.push(circle_problem(circle, above));
                }
                break;
            }
            way.push(up);
        }
    }
}

fn circle_problem(circle: &[&str], above: &Above<'_>) -> Problem {
    let at = |name: &str| above.get(name).map(|(_, at)| at.clone()).unwrap_or_default();
    if let [alone] = circle {
        let message = format!("supervisor `{alone}` stands under itself");
        let problem = Problem::error(Code::SupervisorCycle, at(alone), message);
        return problem.help("take it out of its own `children`");
    }
    let way = circle.join(" under ");
    let message = format!("supervisors stand in a circle: {way} under {}", circle[0]);
    let mut problem = Problem::error(Code::SupervisorCycle, at(circle[0]), message);
    for name in circle[1..].iter().take(10) {
        problem = problem.also(at(name), format!("`{name}` is a child here"));
    }
    problem.help("take one of these links away: nobody would start the circle")
}
