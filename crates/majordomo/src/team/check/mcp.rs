//! Servers of MCP: each is a program, and serves tools as capabilities that can be asked for.

use std::collections::BTreeMap;

use runtime::secret::Reference;
use serde_json::{Map, Value as Json};

use super::{Code, Member, Problem, Problems, Surroundings, Team, agents};
use crate::team::capability::Capability;
use crate::team::document::join;
use crate::team::mcp::named;

pub(super) fn check(
    team: &Team<'_>,
    (name, agent): (&str, &Member<'_>),
    surroundings: &dyn Surroundings,
    problems: &mut Problems,
) {
    server(team, name, agent, problems);
    agents::command(team, agent, surroundings, problems);
    tools(team, name, agent, problems);
    if agent.has("serves") {
        let at = team.document.key_at(&agent.field("serves"));
        let message = format!("`{name}` serves its tools, and nothing beside them");
        let help = "leave `serves` away; what a tool is served as stands in `tools`, as in \
                    `tools = { search = \"web.search\" }`";
        problems.push(Problem::error(Code::McpTools, at, message).help(help));
    }
}

/// What only a server that is a program has.
const OF_PROGRAMS: [&str; 6] = ["dir", "env", "grace", "memory", "set", "when_on_path"];

/// It is a program or an address, and not both.
fn server(team: &Team<'_>, name: &str, agent: &Member<'_>, problems: &mut Problems) {
    let either = "say what to start, as in `argv = [\"uvx\", \"mcp-server-git\"]`, or where it \
                  listens, as in `url = \"https://example.org/mcp\"`";
    match (agent.has("argv"), agent.has("url")) {
        (true, true) => {
            let at = team.document.key_at(&agent.field("url"));
            let message = format!("`{name}` is a program and an address; it can be one of them");
            problems.push(Problem::error(Code::McpServer, at, message).help(either));
        }
        (false, false) => {
            let at = team.document.key_at(&agent.path);
            let message = format!("agent `{name}` has no server");
            problems.push(Problem::error(Code::McpServer, at, message).help(either));
        }
        (true, false) => idle(team, name, agent, &["token"], "is a program", problems),
        (false, true) => {
            idle(team, name, agent, &OF_PROGRAMS, "is at an address", problems);
            address(team, agent, problems);
        }
    }
}

/// Fields that mean nothing for where the server is.
fn idle(
    team: &Team<'_>,
    name: &str,
    agent: &Member<'_>,
    fields: &[&str],
    is: &str,
    problems: &mut Problems,
) {
    for field in fields.iter().filter(|field| agent.has(field)) {
        let at = team.document.key_at(&agent.field(field));
        let message = format!("`{field}` has no effect on `{name}`, whose server {is}");
        problems.push(Problem::warning(Code::NoEffect, at, message).help("leave it away"));
    }
}

/// Where it is can be reached safely, and its token is named and not written.
fn address(team: &Team<'_>, agent: &Member<'_>, problems: &mut Problems) {
    #[cfg(feature = "mcp")]
    if let Some(Err(why)) = agent.text("url").map(adapters::agent::mcp::Address::new) {
        let at = team.document.value_at(&agent.field("url"));
        let message = "no server can be spoken to there";
        problems.push(Problem::error(Code::McpServer, at, message).help(why));
    }
    if let Some(Err(why)) = agent.text("token").map(str::parse::<Reference>) {
        let at = team.document.value_at(&agent.field("token"));
        let problem = Problem::error(Code::Secret, at, "this names no secret");
        problems.push(problem.help(why.to_string()));
    }
}

/// Each tool is named once, and is a capability.
fn tools(team: &Team<'_>, name: &str, agent: &Member<'_>, problems: &mut Problems) {
    let tools = served(name, agent);
    let said = agent.fields.get("tools");
    let is_empty = |it: &Json| {
        it.as_array().is_some_and(Vec::is_empty) || it.as_object().is_some_and(Map::is_empty)
    };
    if said.is_some_and(is_empty) {
        let at = team.document.key_at(&agent.field("tools"));
        let problem =
            Problem::error(Code::ServesNothing, at, format!("agent `{name}` serves nothing"));
        problems.push(problem.help("name the tools that it serves, as in `tools = [\"search\"]`"));
    }
    let mut first: BTreeMap<Capability, &String> = BTreeMap::new();
    for Tool { path, tool, capability } in &tools {
        let at = team.document.value_at(path);
        let read = match Capability::parse(capability) {
            Ok(read) => read,
            Err(why) => {
                let message = format!("`{capability}` cannot be a capability");
                let help = match is_named(agent) {
                    true => why.to_string(),
                    false => {
                        format!(
                            "say what it is served as: `tools = {{ \"{tool}\" = \"…\" }}`; {why}"
                        )
                    }
                };
                problems.push(Problem::error(Code::McpTools, at, message).help(help));
                continue;
            }
        };
        let Some(earlier) = first.get(&read) else {
            first.insert(read, path);
            continue;
        };
        let message = format!("`{read}` is two tools of this agent");
        problems.push(
            Problem::error(Code::McpTools, at, message)
                .also(team.document.value_at(earlier), "first named here")
                .help("name each tool once, and give each a capability of its own"),
        );
    }
}

/// A tool as it is written.
pub(super) struct Tool<'t> {
    path: String,
    tool: &'t str,
    pub(super) capability: String,
}

/// The tools of an agent, each with what it is served as.
pub(super) fn served<'t>(name: &str, agent: &Member<'t>) -> Vec<Tool<'t>> {
    let table = agent.fields.get("tools").and_then(|it| it.as_object()).into_iter().flatten();
    let table = table.filter_map(|(tool, to)| {
        let path = join(&agent.field("tools"), tool);
        Some(Tool { path, tool, capability: to.as_str()?.to_owned() })
    });
    let names = agent.texts("tools").into_iter();
    let names = names.map(|(path, tool)| Tool { path, tool, capability: named(name, tool) });
    names.chain(table).collect()
}

/// Whether it says what its tools are served as.
fn is_named(agent: &Member<'_>) -> bool {
    agent.fields.get("tools").is_some_and(Json::is_object)
}
