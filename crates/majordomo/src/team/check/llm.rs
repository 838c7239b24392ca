//! Models: each has a name that says whose it is, instructions that can be read, tools that
//! somebody serves, and schemas that are some.

use adapters::agent::llm::Tool;
use adapters::schema::JsonSchemas;
use serde_json::{Map, Value as Json};

use super::capabilities::{no_schema, schema_of};
use super::{Code, Member, Problem, Problems, Surroundings, Team};
use crate::team::capability::Capability;
use crate::team::document::join;
use crate::team::llm::{CHAIN_MAX, EXAMPLES_MAX};
use crate::team::{prompt, suggest};

pub(super) fn check(
    team: &Team<'_>,
    agent: &Member<'_>,
    surroundings: &dyn Surroundings,
    problems: &mut Problems,
) {
    chain(team, agent, problems);
    instructions(team, agent, surroundings, problems);
    tools(team, agent, problems);
    schemas(team, agent, problems);
    examples(team, agent, surroundings, problems);
}

/// A model, or a list of them: each once, as it is asked once.
fn chain(team: &Team<'_>, agent: &Member<'_>, problems: &mut Problems) {
    model_at(team, &agent.field("model"), problems);
    let models = agent.texts("model");
    for (at, (path, model)) in models.iter().enumerate() {
        model_at(team, path, problems);
        if models[..at].iter().any(|(_, before)| before == model) {
            let message = format!("`{model}` stands twice in this list");
            let problem = Problem::error(Code::Model, team.document.value_at(path), message);
            problems.push(problem.help("name each model once: it is asked once for each call"));
        }
    }
    if models.len() > CHAIN_MAX {
        let at = team.document.value_at(&agent.field("model"));
        let message = format!("{} models one after the other; at most {CHAIN_MAX}", models.len());
        problems.push(Problem::error(Code::TooLarge, at, message));
    }
}

/// The name of a model that stands there, if one does.
pub(super) fn model_at(team: &Team<'_>, path: &str, problems: &mut Problems) {
    let Some(model) = team.document.json().pointer(path).and_then(Json::as_str) else { return };
    if let Err(why) = adapters::llm::provider::parse(model) {
        let at = team.document.value_at(path);
        let problem = Problem::error(Code::Model, at, format!("`{model}` is no model's name"));
        problems.push(problem.help(why));
    }
}

/// The names in `[models]` are those of models.
pub(super) fn models(team: &Team<'_>, problems: &mut Problems) {
    let table = team.document.json().get("models").and_then(Json::as_object);
    for name in table.into_iter().flatten().map(|(name, _)| name) {
        if let Err(why) = adapters::llm::provider::parse(name) {
            let at = team.document.key_at(&join(&join("", "models"), name));
            let problem = Problem::error(Code::Model, at, format!("`{name}` is no model's name"));
            problems.push(problem.help(why));
        }
    }
}

fn instructions(
    team: &Team<'_>,
    agent: &Member<'_>,
    surroundings: &dyn Surroundings,
    problems: &mut Problems,
) {
    let Some(said) = agent.text("prompt") else { return };
    let path = agent.field("prompt");
    let whole = team.document.value_at(&path);
    let Some(file) = prompt::file_of(said) else {
        prompt::template(said, &mut |fault| {
            let at = team.document.part_at(&path, fault.at);
            problems.push(told(Problem::error(fault.code, at, fault.message), fault.help));
        });
        return;
    };
    match surroundings.text(file) {
        None => {}
        Some(Err(why)) => {
            let message = format!("the instructions in `{said}` cannot be read: {why}");
            let help = "write the file beside the team file, or the instructions here";
            problems.push(Problem::error(Code::Prompt, whole, message).help(help));
        }
        Some(Ok(text)) => {
            prompt::template(&text, &mut |fault| {
                let line = text[..fault.at.start.min(text.len())].matches('\n').count() + 1;
                let message = format!("{said}, line {line}: {}", fault.message);
                problems.push(told(Problem::error(fault.code, whole.clone(), message), fault.help));
            });
        }
    }
}

fn told(problem: Problem, help: Option<String>) -> Problem {
    match help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

fn tools_of<'t>(agent: &Member<'t>) -> Option<&'t Map<String, Json>> {
    agent.fields.get("tools").and_then(Json::as_object)
}

fn tools(team: &Team<'_>, agent: &Member<'_>, problems: &mut Problems) {
    for (name, tool) in tools_of(agent).into_iter().flatten() {
        let path = join(&agent.field("tools"), name);
        if !Tool::can_be_called(name) {
            let at = team.document.key_at(&path);
            let message = format!("`{name}` cannot be the name of a tool");
            let help = "a tool's name has 1 to 64 letters, digits, `_` and `-`";
            problems.push(Problem::error(Code::BadName, at, message).help(help));
        }
        for field in ["ask", "approval"] {
            is_served(team, tool, &join(&path, field), field, problems);
        }
    }
}

/// Somebody serves what a field of a tool names.
fn is_served(team: &Team<'_>, tool: &Json, path: &str, field: &str, problems: &mut Problems) {
    let Some(asked) = tool.get(field).and_then(Json::as_str) else { return };
    let at = team.document.value_at(path);
    let (Ok(asked), Some(served)) = (Capability::parse(asked), team.served()) else { return };
    if !served.contains(&asked) {
        let message = format!("nobody in this team serves `{asked}`");
        let names: Vec<String> = served.iter().map(Capability::to_string).collect();
        let names = suggest::list(names.iter().map(String::as_str), 10);
        let problem = Problem::error(Code::NotServed, at, message);
        problems.push(problem.help(format!("served are {names}")));
    }
}

/// Examples are what they are examples of: tasks that the capability takes, and answers that it
/// gives.
fn examples(
    team: &Team<'_>,
    agent: &Member<'_>,
    surroundings: &dyn Surroundings,
    problems: &mut Problems,
) {
    let Some(all) = agent.fields.get("examples").and_then(Json::as_array) else { return };
    let path = agent.field("examples");
    if all.len() > EXAMPLES_MAX {
        let at = team.document.value_at(&path);
        let message = format!("{} examples; at most {EXAMPLES_MAX}", all.len());
        return problems.push(Problem::error(Code::TooLarge, at, message));
    }
    let said = |way: &str| {
        let own = agent.fields.get("schema").filter(|_| way == "output").cloned();
        let schema = own.or_else(|| contract_of(team, agent, way, surroundings))?;
        runtime::contract::compile(&schema, &JsonSchemas).ok() // That it is none is said elsewhere.
    };
    for way in ["input", "output"] {
        let Some(schema) = said(way) else { continue };
        for (at, example) in all.iter().enumerate() {
            let Some(value) = example.get(way) else { continue };
            let Err(mismatch) = schema.check(value) else { continue };
            let at = team.document.value_at(&join(&join(&path, &at.to_string()), way));
            let message = format!("the {way} of this example does not fit its schema: {mismatch}");
            problems.push(Problem::error(Code::Schema, at, message));
        }
    }
}

/// What the file says of the one capability that an agent serves.
fn contract_of(
    team: &Team<'_>,
    agent: &Member<'_>,
    way: &str,
    surroundings: &dyn Surroundings,
) -> Option<Json> {
    let [only] = &team.served_by(agent)[..] else { return None };
    let contracts = team.document.json().get("capabilities").and_then(Json::as_object)?;
    let said = contracts.iter().find(|(name, _)| Capability::parse(name).as_ref() == Ok(only));
    schema_of(said?.1.get(way)?, surroundings).ok()
}

/// What the answer is and what tools take: schemas, written here.
fn schemas(team: &Team<'_>, agent: &Member<'_>, problems: &mut Problems) {
    let answer = agent.fields.get("schema").map(|schema| (agent.field("schema"), schema));
    let inputs = tools_of(agent).into_iter().flatten().filter_map(|(name, tool)| {
        let path = join(&join(&agent.field("tools"), name), "input");
        Some((path, tool.get("input")?))
    });
    for (path, schema) in answer.into_iter().chain(inputs) {
        if let Err(why) = runtime::contract::compile(schema, &JsonSchemas) {
            no_schema(
                team,
                &path,
                why,
                "write a JSON schema, as in `{ type = \"string\" }`",
                problems,
            );
        }
    }
}
