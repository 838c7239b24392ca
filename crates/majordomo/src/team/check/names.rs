//! Names: agents, steps and capabilities are written with letters that can be used where they are
//! needed.

use super::{Code, Problem, Problems, Team};
use crate::team::capability::{Asked, Capability, Error};

/// Longer names are mistakes.
const NAME_MAX_BYTES: usize = 64;

/// What expressions use for something else; a step called so could not be referred to.
const RESERVED: &[&str] = &[
    "args", "team", "item", "index", "true", "false", "none", "True", "False", "None", "and", "or",
    "not", "in", "is", "if", "else", "range",
];

pub(super) fn check(team: &Team<'_>, problems: &mut Problems) {
    for (name, agent) in &team.agents {
        if !is_word(name, true) {
            let at = team.document.key_at(&agent.path);
            let message = "an agent cannot be called so";
            problems.push(
                Problem::error(Code::BadName, at, message)
                    .help("use letters, digits, `_` and `-`, with a letter first, at most 64"),
            );
        }
        for (path, text) in agent.texts("serves") {
            no_name(team, &path, Capability::parse(text).err(), problems);
        }
    }
    for (what, members) in [("supervisor", &team.supervisors), ("schedule", &team.schedules)] {
        for (name, member) in members.iter().filter(|(name, _)| !is_word(name, true)) {
            let at = team.document.key_at(&member.path);
            let message = format!("a {what} cannot be called `{name}`");
            let help = "use letters, digits, `_` and `-`, with a letter first, at most 64";
            problems.push(Problem::error(Code::BadName, at, message).help(help));
        }
    }
    for (name, step) in &team.steps {
        let at = team.document.key_at(&step.path);
        if RESERVED.contains(name) {
            let message =
                format!("a step cannot be called `{name}`: expressions mean something else by it");
            problems
                .push(Problem::error(Code::ReservedName, at, message).help("call it otherwise"));
        } else if !is_word(name, false) {
            let problem = Problem::error(Code::BadName, at.clone(), "a step cannot be called so");
            let cure: String = name.chars().map(|c| if c == '-' { '_' } else { c }).collect();
            problems.push(if is_word(&cure, false) {
                problem.replace("in an expression `-` would be a minus", at, cure)
            } else {
                problem.help("use letters, digits and `_`, with a letter first, at most 64")
            });
        }
        if let Some(text) = step.text("ask") {
            let read = Asked::parse(text).err();
            no_name(team, &step.field("ask"), read, problems);
        }
    }
}

fn is_word(name: &str, hyphens: bool) -> bool {
    name.len() <= NAME_MAX_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || hyphens && b == b'-')
}

fn no_name(team: &Team<'_>, path: &str, error: Option<Error>, problems: &mut Problems) {
    if let Some(error) = error {
        let at = team.document.value_at(path);
        let problem = Problem::error(Code::BadName, at, "this names no capability");
        problems.push(problem.help(error.to_string()));
    }
}
