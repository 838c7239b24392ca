//! Agents: each is of a kind that runs, serves something it has, and is asked by somebody.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Code, Member, Problem, Problems, Surroundings, Team};
use crate::team::capability::{Asked, Capability};
use crate::team::catalogue::{self, BUILTINS, Builtin, KINDS_RUN};
use crate::team::{shape, suggest};

/// What Majordomo asks for itself, where somebody serves it.
const ASKED_BY_US: &[&str] = &["route", "bid", "notify"];

pub(super) fn check(team: &Team<'_>, surroundings: &dyn Surroundings, problems: &mut Problems) {
    let agents = team.document.json().get("agents").and_then(Json::as_object);
    if agents.is_some_and(serde_json::Map::is_empty) {
        let at = team.document.key_at("/agents");
        let problem = Problem::error(Code::Empty, at, "the team has no agents");
        problems
            .push(problem.help("add one: `analyst = { kind = \"builtin\", use = \"analyst\" }`"));
    }
    for (name, agent) in &team.agents {
        match agent.text("kind") {
            Some("builtin") => builtin(team, agent, problems),
            Some("command") => {
                command(team, agent, surroundings, problems);
                serves_something(team, name, agent, problems);
            }
            Some("human") => serves_something(team, name, agent, problems),
            Some("mcp") if KINDS_RUN.contains(&"mcp") => {
                super::mcp::check(team, (name, agent), surroundings, problems);
            }
            #[cfg(feature = "llm")]
            Some("llm") => {
                serves_something(team, name, agent, problems);
                super::llm::check(team, agent, surroundings, problems);
            }
            // One that waits for `--model` is left out of the roster where there are no models.
            #[cfg(not(feature = "llm"))]
            Some("llm") if !agent.fields.contains_key("model") => {
                serves_something(team, name, agent, problems);
            }
            Some(kind) if catalogue::KINDS.contains(&kind) && !KINDS_RUN.contains(&kind) => {
                not_yet(team, agent, kind, problems);
            }
            Some(_) | None => {}
        }
        duplicates(team, agent, problems);
    }
    unused(team, problems);
}

fn not_yet(team: &Team<'_>, agent: &Member<'_>, kind: &str, problems: &mut Problems) {
    let at = team.document.value_at(&agent.field("kind"));
    let message = format!("this version does not run agents of kind `{kind}` yet");
    let kinds = suggest::list(KINDS_RUN.iter().copied(), 10);
    problems.push(Problem::error(Code::KindNotYet, at, message).help(format!("it runs {kinds}")));
}

fn builtin(team: &Team<'_>, agent: &Member<'_>, problems: &mut Problems) {
    let Some(function) = agent.text("use") else { return };
    let Some(builtin) = catalogue::builtin(function) else {
        let at = team.document.value_at(&agent.field("use"));
        let message = format!("there is no builtin `{function}`");
        let problem = Problem::error(Code::UnknownBuiltin, at.clone(), message);
        let names = || BUILTINS.iter().map(|builtin| builtin.name);
        problems.push(match suggest::nearest(function, names()) {
            Some(meant) => {
                problem.replace(format!("did you mean `{meant}`?"), at, shape::quoted(meant))
            }
            None => problem.help(format!("the builtins are {}", suggest::list(names(), 20))),
        });
        return;
    };
    root(team, agent, builtin, problems);
    for (path, text) in agent.texts("serves") {
        let Ok(capability) = Capability::parse(text) else { continue };
        if !builtin.serves.contains(&capability.to_string().as_str()) {
            let message = format!("the builtin `{function}` cannot do `{capability}`");
            let problem =
                Problem::error(Code::NotItsCapability, team.document.value_at(&path), message);
            let own = suggest::list(builtin.serves.iter().copied(), 10);
            problems
                .push(problem.help(format!("it serves {own}; leave `serves` away to serve all")));
        }
    }
}

/// Who reads beneath a directory is told which; nobody else is.
fn root(team: &Team<'_>, agent: &Member<'_>, builtin: &Builtin, problems: &mut Problems) {
    let name = builtin.name;
    match (builtin.takes_root, agent.has("root")) {
        (true, false) => {
            let at = team.document.key_at(&agent.path);
            let message = format!("the builtin `{name}` has no `root`");
            let help = "say beneath which directory it reads: `root = \"docs\"`";
            problems.push(Problem::error(Code::MissingField, at, message).help(help));
        }
        (false, true) => {
            let at = team.document.key_at(&agent.field("root"));
            let message = format!("the builtin `{name}` takes no `root`");
            let help = "its input says what it reads; `files` is confined to a `root`";
            problems.push(Problem::error(Code::UnknownField, at, message).help(help));
        }
        (true, true) | (false, false) => {}
    }
}

pub(super) fn command(
    team: &Team<'_>,
    agent: &Member<'_>,
    surroundings: &dyn Surroundings,
    problems: &mut Problems,
) {
    let argv = agent.texts("argv");
    let Some((path, program)) = argv.first() else { return };
    let at = team.document.value_at(path);
    if program.is_empty() {
        let problem = Problem::error(Code::Empty, at, "the program has no name");
        return problems.push(
            problem.help("write the program to start, as in `argv = [\"python3\", \"tests.py\"]`"),
        );
    }
    let left_out =
        agent.texts("when_on_path").iter().any(|(_, need)| !surroundings.has_program(need));
    if !left_out && !surroundings.has_program(program) {
        let message = format!("there is no program `{program}` here");
        let help =
            format!("install it, or let the team do without: `when_on_path = [\"{program}\"]`");
        problems.push(Problem::warning(Code::ProgramNotFound, at, message).help(help));
    }
}

fn serves_something(team: &Team<'_>, name: &str, agent: &Member<'_>, problems: &mut Problems) {
    let serves = agent.fields.get("serves");
    if serves.is_none_or(|serves| serves.as_array().is_some_and(Vec::is_empty)) {
        let path = if serves.is_some() { agent.field("serves") } else { agent.path.clone() };
        let at = team.document.key_at(&path);
        let problem =
            Problem::error(Code::ServesNothing, at, format!("agent `{name}` serves nothing"));
        problems.push(problem.help("say what it can do, as in `serves = [\"test.run\"]`"));
    }
}

fn duplicates(team: &Team<'_>, agent: &Member<'_>, problems: &mut Problems) {
    let mut first: BTreeMap<Capability, String> = BTreeMap::new();
    for (path, text) in agent.texts("serves") {
        let Ok(capability) = Capability::parse(text) else { continue };
        let message = format!("`{capability}` is named twice");
        match first.get(&capability) {
            Some(earlier) => problems.push(
                Problem::error(Code::DuplicateServe, team.document.value_at(&path), message)
                    .also(team.document.value_at(earlier), "first named here")
                    .help("name it once; without `@` a capability is version 1"),
            ),
            None => drop(first.insert(capability, path)),
        }
    }
}

/// Agents that no step asks. Where an agent can ask others itself, nobody can tell from the file.
fn unused(team: &Team<'_>, problems: &mut Problems) {
    let asks_itself = |agent: &Member<'_>| match agent.text("kind") {
        Some("builtin" | "human" | "mcp") => false,
        Some("command") => agent.text("protocol") == Some("jsonl"),
        Some("llm") => agent.has("tools"),
        Some(_) | None => true,
    };
    if team.steps.is_empty() || team.agents.values().any(asks_itself) {
        return;
    }
    let served: Vec<Capability> =
        team.agents.values().flat_map(|agent| team.served_by(agent)).collect();
    let scheduled = team.schedules.values().filter(|schedule| schedule.has("ask"));
    let asking = team.steps.values().chain(scheduled);
    let asked = asking.map(|it| it.text("ask").map(Asked::parse));
    let asked: Option<Vec<Asked>> = asked.map(|ask| ask?.ok()).collect();
    let is_served = |ask: &Asked| served.iter().any(|it| ask.takes(it));
    // A misspelt capability may be what an idle agent serves; one mistake is told once.
    let Some(mut asked) = asked.filter(|asked| asked.iter().all(is_served)) else { return };
    asked.extend(ASKED_BY_US.iter().filter_map(|ask| Asked::parse(ask).ok()));
    let is_asked = |it: &Capability| asked.iter().any(|asked| asked.takes(it));
    for (name, agent) in &team.agents {
        let serves = team.served_by(agent);
        if !serves.is_empty() && !serves.iter().any(is_asked) {
            let at = team.document.key_at(&agent.path);
            let message = format!("no step asks agent `{name}`");
            let serves: Vec<String> = serves.iter().map(Capability::to_string).collect();
            let serves = suggest::list(serves.iter().map(String::as_str), 5);
            let problem = Problem::warning(Code::UnusedAgent, at, message);
            problems.push(problem.help(format!(
                "it serves {serves}; ask for that in a step, or leave the agent away"
            )));
        }
    }
}
