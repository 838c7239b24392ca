//! Steps: what they ask for is served, what they need is there, and `key` belongs to `for_each`.

use super::{Code, Member, Problem, Problems, Team};
use crate::team::capability::{Asked, Capability};
use crate::team::{shape, suggest};

pub(super) fn check(team: &Team<'_>, problems: &mut Problems) {
    // A kind that is not known, or a capability that cannot be read, may be the one who serves.
    let served = team.served();
    for (name, step) in &team.steps {
        if problems.are_enough() {
            return;
        }
        if let (Some(served), Some(Ok(asked))) = (&served, step.text("ask").map(Asked::parse)) {
            not_served(team, &step.field("ask"), &asked, served, problems);
        }
        needs(team, name, step, problems);
        key(team, step, problems);
    }
}

/// Says so if nobody serves what is asked for at `path`.
pub(super) fn not_served(
    team: &Team<'_>,
    path: &str,
    wanted: &Asked,
    served: &[Capability],
    problems: &mut Problems,
) {
    if served.iter().any(|it| wanted.takes(it)) {
        return;
    }
    let at = team.document.value_at(path);
    let problem = Problem::error(Code::NotServed, at.clone(), format!("nobody serves `{wanted}`"));
    let names: Vec<String> = served.iter().map(Capability::to_string).collect();
    let names = || names.iter().map(String::as_str);
    let other = served.iter().find(|capability| capability.name == wanted.name);
    problems.push(if let Some(other) = other {
        let cure = shape::quoted(&other.to_string());
        problem.replace(format!("version {} is served", other.version), at, cure)
    } else if let Some(meant) = suggest::nearest(&wanted.to_string(), names()) {
        let meant = meant.strip_suffix("@1").unwrap_or(meant);
        problem.replace(format!("did you mean `{meant}`?"), at, shape::quoted(meant))
    } else if served.is_empty() {
        problem.help("no agent serves anything")
    } else {
        problem.help(format!("served are {}", suggest::list(names(), 20)))
    });
}

fn needs(team: &Team<'_>, name: &str, step: &Member<'_>, problems: &mut Problems) {
    for (path, need) in step.texts("needs") {
        if team.steps.contains_key(need) || need == name {
            continue;
        }
        if problems.are_enough() {
            return;
        }
        let at = team.document.value_at(&path);
        let problem =
            Problem::error(Code::UnknownStep, at.clone(), format!("there is no step `{need}`"));
        let others = || team.steps.keys().copied().filter(|other| *other != name);
        problems.push(match suggest::nearest(need, others()) {
            Some(meant) => {
                problem.replace(format!("did you mean `{meant}`?"), at, shape::quoted(meant))
            }
            None => problem.help(format!("the other steps are {}", suggest::list(others(), 20))),
        });
    }
}

fn key(team: &Team<'_>, step: &Member<'_>, problems: &mut Problems) {
    if step.has("key") && !step.has("for_each") {
        let at = team.document.key_at(&step.field("key"));
        let message = "`key` names the tasks of a `for_each`, and there is none here";
        let problem = Problem::error(Code::KeyWithoutForEach, at, message);
        problems.push(
            problem.help("add `for_each`, or leave `key` away: one task is named by its step"),
        );
    }
}
