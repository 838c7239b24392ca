//! Policies: they are for a capability that somebody serves, those that ask agents have some to
//! ask, and a step's `sticky` has an effect.

use super::{Code, Member, Problem, Problems, Team};
use crate::team::assign::EVERYTHING;
use crate::team::capability::{Asked, Capability};
use crate::team::document::join;
use crate::team::suggest;
use serde_json::Value as Json;

/// Where capabilities are the names of tables, below the file.
const TABLES: [&[&str]; 3] = [&["routing"], &["breaker", "capability"], &["limits", "capability"]];

pub(super) fn check(team: &Team<'_>, problems: &mut Problems) {
    let served = team.served();
    for table in TABLES {
        let path = table.iter().fold(String::new(), |path, key| join(&path, key));
        let named = team.document.json().pointer(&path).and_then(Json::as_object);
        for (name, _) in named.into_iter().flatten() {
            if problems.are_enough() {
                return;
            }
            if name == EVERYTHING && table == ["routing"] {
                continue;
            }
            capability(team, &join(&path, name), name, served.as_deref(), problems);
        }
    }
    asks_somebody(team, served.as_deref(), problems);
    for step in team.steps.values() {
        sticky(team, step, problems);
    }
}

/// A policy that asks agents needs some to ask.
fn asks_somebody(team: &Team<'_>, served: Option<&[Capability]>, problems: &mut Problems) {
    let Some(served) = served else { return };
    let routing = team.document.json().pointer("/routing").and_then(Json::as_object);
    for (name, said) in routing.into_iter().flatten() {
        let policy = said.as_str().or_else(|| said["policy"].as_str());
        #[cfg(feature = "llm")]
        if policy == Some("llm") {
            super::llm::model_at(team, &join(&join("/routing", name), "model"), problems);
        }
        let asks = match policy {
            Some("external") => "route",
            Some("auction") => "bid",
            _ => continue,
        };
        if served.iter().any(|it| it.name == asks) || problems.are_enough() {
            continue;
        }
        let at = team.document.key_at(&join("/routing", name));
        let message = format!("nobody serves `{asks}`, so the lowest load decides");
        let problem = Problem::warning(Code::NoEffect, at, message);
        problems.push(problem.help(format!("add `{asks}` to what an agent `serves`")));
    }
}

fn capability(
    team: &Team<'_>,
    path: &str,
    name: &str,
    served: Option<&[Capability]>,
    problems: &mut Problems,
) {
    let at = team.document.key_at(path);
    match Capability::parse(name) {
        Err(error) => {
            let problem = Problem::error(Code::BadName, at, "this names no capability");
            return problems.push(problem.help(error.to_string()));
        }
        Ok(capability) if name.contains('@') => {
            let problem =
                Problem::error(Code::BadName, at.clone(), "this holds for every version alike");
            let cure = crate::team::shape::quoted(&capability.name);
            return problems.push(problem.replace("leave the version away", at, cure));
        }
        Ok(_) => {}
    }
    is_served(team, path, name, served, problems);
}

/// What is said of a capability that nobody serves has no effect.
pub(super) fn is_served(
    team: &Team<'_>,
    path: &str,
    name: &str,
    served: Option<&[Capability]>,
    problems: &mut Problems,
) {
    let Some(served) = served else { return };
    let at = team.document.key_at(path);
    // The runs of the team, and what a policy of the team asks for itself.
    if name.starts_with("run.") || served.iter().any(|it| it.name == name) {
        return;
    }
    let message = format!("nobody serves `{name}`, so this has no effect");
    let problem = Problem::warning(Code::NoEffect, at.clone(), message);
    let names = || served.iter().map(|it| it.name.as_str());
    problems.push(match suggest::nearest(name, names()) {
        Some(meant) => {
            let cure = crate::team::shape::quoted(meant);
            problem.replace(format!("did you mean `{meant}`?"), at, cure)
        }
        None => problem.help(format!("served are {}", suggest::list(names(), 20))),
    });
}

/// A key that no policy looks at would be a mistake that nobody notices.
fn sticky(team: &Team<'_>, step: &Member<'_>, problems: &mut Problems) {
    let Some(Ok(asked)) = step.text("ask").map(Asked::parse) else { return };
    if !step.has("sticky") {
        return;
    }
    let of = |name: &str| team.document.json().pointer(&join("/routing", name));
    let routing = of(&asked.name).or_else(|| of(EVERYTHING));
    let policy = routing.and_then(|it| it.as_str().or_else(|| it["policy"].as_str()));
    if policy == Some("sticky") {
        return;
    }
    let at = team.document.key_at(&step.field("sticky"));
    let routed = policy.unwrap_or("least_loaded");
    let message = format!("`sticky` has no effect: `{}` is routed by `{routed}`", asked.name);
    let problem = Problem::warning(Code::NoEffect, at, message);
    problems.push(problem.help(format!("add `\"{}\" = \"sticky\"` to `[routing]`", asked.name)));
}
