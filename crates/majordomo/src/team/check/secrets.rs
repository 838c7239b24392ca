//! Secrets: named as they can be, written nowhere, and given to somebody where they are taken.

use std::collections::BTreeMap;

use runtime::contract::{marks_secrets, secret_places};
use runtime::secret::Reference;
use serde_json::Value as Json;

use super::capabilities::schema_of;
use super::{Code, Member, Problem, Problems, Surroundings, Team};
use crate::team::capability::{Asked, Capability};
use crate::team::document::join;

/// What takes secrets: the input schema of each capability that marks some, and where it stands.
type Taking = BTreeMap<Capability, (Json, String)>;

pub(super) fn check(team: &Team<'_>, surroundings: &dyn Surroundings, problems: &mut Problems) {
    let taking = taking(team, surroundings);
    for (name, agent) in &team.agents {
        named(team, agent, problems);
        given(team, name, agent, &taking, problems);
    }
    for (capability, (_, path)) in &taking {
        taken(team, capability, path, problems);
    }
    for member in team.steps.values().chain(team.schedules.values()) {
        written(team, member, &taking, problems);
    }
}

fn taking(team: &Team<'_>, surroundings: &dyn Surroundings) -> Taking {
    let said = team.document.json().get("capabilities").and_then(Json::as_object);
    let taking = said.into_iter().flatten().filter_map(|(name, said)| {
        let capability = Capability::parse(name).ok()?;
        // What is no schema is told elsewhere.
        let schema = schema_of(said.get("input")?, surroundings).ok()?;
        let path = join(&join("/capabilities", name), "input");
        marks_secrets(&schema).then_some((capability, (schema, path)))
    });
    taking.collect()
}

fn named(team: &Team<'_>, agent: &Member<'_>, problems: &mut Problems) {
    for (path, text) in agent.texts("secrets") {
        if let Err(why) = text.parse::<Reference>() {
            let at = team.document.value_at(&path);
            let problem = Problem::error(Code::Secret, at, "this names no secret");
            problems.push(problem.help(why.to_string()));
        }
    }
}

/// An agent that may have secrets, and is never asked with one.
fn given(
    team: &Team<'_>,
    name: &str,
    agent: &Member<'_>,
    taking: &Taking,
    problems: &mut Problems,
) {
    if agent.texts("secrets").is_empty() {
        return;
    }
    let at = team.document.key_at(&agent.field("secrets"));
    if let Some(who) = shows(agent) {
        let message =
            format!("`secrets` has no effect on `{name}`: what it sees is shown to {who}");
        let help = "leave it away: it sees the names of secrets, and never what they are";
        return problems.push(Problem::warning(Code::NoEffect, at, message).help(help));
    }
    let served = team.served_by(agent);
    if !served.is_empty() && !served.iter().any(|it| taking.contains_key(it)) {
        let message = format!("nothing that `{name}` serves takes a secret");
        let help = format!(
            "mark the field that holds it, as in `[capabilities.\"{}\"] input = {{ properties = \
             {{ token = {{ type = \"string\", x-secret = true }} }} }}`",
            served[0]
        );
        problems.push(Problem::warning(Code::Secret, at, message).help(help));
    }
}

/// A capability that takes secrets, and nobody who serves it may have any.
fn taken(team: &Team<'_>, capability: &Capability, path: &str, problems: &mut Problems) {
    let mut serving =
        team.agents.iter().filter(|(_, it)| team.served_by(it).contains(capability)).peekable();
    let Some((name, _)) = serving.peek() else { return };
    let name = (*name).to_owned();
    if !serving.any(|(_, it)| !it.texts("secrets").is_empty() || shows(it).is_some()) {
        let at = team.document.key_at(path);
        let message =
            format!("{capability} takes a secret, and no agent that serves it may have one");
        let help = format!(
            "list those that it may have, as in `secrets = [\"env:TOKEN\"]`, at agent `{name}`"
        );
        problems.push(Problem::warning(Code::Secret, at, message).help(help));
    }
}

/// A secret that stands in the file itself, which is kept with every run of it.
fn written(team: &Team<'_>, member: &Member<'_>, taking: &Taking, problems: &mut Problems) {
    let asked = member.text("ask").and_then(|it| Asked::parse(it).ok());
    let meant = asked.and_then(|asked| taking.iter().find(|(it, _)| asked.takes(it)));
    let Some((_, (schema, _))) = meant else { return };
    let Some(input) = member.fields.get("input") else { return };
    for place in secret_places(schema, input) {
        let said = input.pointer(&place).unwrap_or(&Json::Null);
        let is_left_open = said.as_str().is_some_and(|it| it.contains("{{"));
        if !is_left_open && Reference::of(said).is_none() {
            let at = team.document.value_at(&format!("{}{place}", member.field("input")));
            let message = "a secret is named here, and not written: the file is kept with its runs";
            let help = "write `{ \"$secret\" = \"env:NAME\" }`, and set that variable where the \
                        team runs; what stood here should be replaced by another";
            problems.push(Problem::error(Code::Secret, at, message).help(help));
        }
    }
}

/// To whom an agent shows what it is given; nobody, where it is code.
fn shows(agent: &Member<'_>) -> Option<&'static str> {
    match agent.text("kind")? {
        "human" => Some("a person"),
        "llm" => Some("a model"),
        _ => None,
    }
}
