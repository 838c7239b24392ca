//! Messages: whom an agent may tell and hear are subjects, and it can speak at all.

use super::{Code, Member, Problem, Problems, Team};
use runtime::bus::Pattern;

pub(super) fn check(team: &Team<'_>, problems: &mut Problems) {
    for (name, agent) in &team.agents {
        let Some(access) = agent.fields.get("bus").and_then(serde_json::Value::as_object) else {
            continue;
        };
        let path = agent.field("bus");
        let listed = Member { path: path.clone(), fields: access };
        for field in ["publish", "subscribe"] {
            for (path, text) in listed.texts(field) {
                if problems.are_enough() {
                    return;
                }
                subject(team, &path, text, problems);
            }
        }
        if let Some(who) = mute(agent) {
            let at = team.document.key_at(&path);
            let message = format!("`bus` has no effect on `{name}`: {who} sends no messages");
            let problem = Problem::warning(Code::NoEffect, at, message);
            problems.push(problem.help("leave it away"));
        }
    }
}

fn subject(team: &Team<'_>, path: &str, text: &str, problems: &mut Problems) {
    if let Err(why) = Pattern::new(text) {
        let at = team.document.value_at(path);
        let problem = Problem::error(Code::BadSubject, at, "this is no subject");
        problems.push(problem.help(why.to_string()));
    }
}

/// Who cannot speak on the bus, in words; nobody where it cannot be told.
fn mute(agent: &Member<'_>) -> Option<&'static str> {
    match agent.text("kind")? {
        "builtin" => Some("a builtin"),
        "human" => Some("a person"),
        "llm" => Some("a model"),
        "command" if agent.text("protocol") != Some("jsonl") => Some("a `plain` program"),
        _ => None,
    }
}
