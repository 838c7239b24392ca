//! Servers of MCP: each is a program, and serves tools as capabilities that can be asked for.

use std::collections::BTreeMap;

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

/// It is a program or an address, and not both.
fn server(team: &Team<'_>, name: &str, agent: &Member<'_>, problems: &mut Problems) {
    let problem = |at, message| Problem::error(Code::McpServer, at, message);
    let start = "say what to start, as in `argv = [\"uvx\", \"mcp-server-git\"]`";
    match (agent.has("argv"), agent.text("url")) {
        (true, None) => {}
        (_, Some(_)) => {
            let at = team.document.key_at(&agent.field("url"));
            let message = "this version starts servers, and speaks to none at an address yet";
            problems.push(problem(at, message.to_owned()).help(start));
        }
        (false, None) => {
            let at = team.document.key_at(&agent.path);
            problems.push(problem(at, format!("agent `{name}` has no server")).help(start));
        }
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
