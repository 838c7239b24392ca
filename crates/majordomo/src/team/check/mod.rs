//! The sense of a team file: what is well-formed but cannot be meant → problems, one family per
//! file.
//!
//! The checks read the JSON of the document, not the typed definition: a field of a wrong type in
//! one step must not hide a misspelt name in another. Whoever finds a field missing or of a wrong
//! type here says nothing; the shape check did.

mod agents;
mod bus;
mod capabilities;
mod ceilings;
mod cycles;
mod expressions;
#[cfg(feature = "llm")]
mod llm;
mod mcp;
mod names;
mod policies;
mod requirements;
mod schedules;
mod secrets;
mod steps;
mod supervisors;
mod topics;

pub(super) use capabilities::schema_of;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json};

use super::capability::Capability;
use super::catalogue;
use super::document::{Document, join};
use super::problem::{Code, Problem, Problems};

/// More agents, or more steps, than anyone has written.
const MEMBERS_MAX: usize = 1_000;

/// What a check needs to know of the machine.
pub trait Surroundings {
    /// Whether `program` can be started: it is on PATH, or it is a path to a program.
    fn has_program(&self, program: &str) -> bool;

    /// The schema in a file beside the team file; one of anything, where no file is looked at.
    ///
    /// # Errors
    /// It cannot be read, or is no JSON; in words for people.
    fn schema(&self, file: &str) -> Result<Json, String> {
        let _ = file;
        Ok(Json::Bool(true))
    }

    /// The text of a file beside the team file, or why it cannot be read; `None` where no file is
    /// looked at.
    fn text(&self, file: &Path) -> Option<Result<String, String>> {
        let _ = file;
        None
    }

    /// Why a model cannot be called here, if that is known.
    fn lacks_model(&self, model: Option<&str>) -> Option<String> {
        let _ = model;
        None
    }
}

/// A machine that has every program, for checks of the file alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anywhere;

impl Surroundings for Anywhere {
    fn has_program(&self, _: &str) -> bool {
        true
    }
}

/// A machine that has every program and can call no model.
#[cfg(test)]
pub(super) struct NoModels;

#[cfg(test)]
impl Surroundings for NoModels {
    fn has_program(&self, _: &str) -> bool {
        true
    }

    fn lacks_model(&self, _: Option<&str>) -> Option<String> {
        Some("no key".to_owned())
    }
}

/// Tells everything in `document` that cannot be meant.
pub fn check(document: &Document, surroundings: &dyn Surroundings, problems: &mut Problems) {
    let team = Team::of(document);
    for (what, members) in [
        ("agents", &team.agents),
        ("steps", &team.steps),
        ("supervisors", &team.supervisors),
        ("schedules", &team.schedules),
        ("topics", &team.topics),
    ] {
        if members.len() > MEMBERS_MAX {
            let message = format!("the team has {} {what}; at most {MEMBERS_MAX}", members.len());
            let at = document.key_at(&join("", what));
            return problems.push(Problem::error(Code::TooLarge, at, message));
        }
    }
    names::check(&team, problems);
    agents::check(&team, surroundings, problems);
    bus::check(&team, problems);
    capabilities::check(&team, surroundings, problems);
    secrets::check(&team, surroundings, problems);
    #[cfg(feature = "llm")]
    llm::models(&team, problems);
    steps::check(&team, problems);
    supervisors::check(&team, problems);
    policies::check(&team, problems);
    ceilings::check(&team, problems);
    requirements::check(&team, problems);
    schedules::check(&team, problems);
    topics::check(&team, problems);
    let waits = expressions::check(&team, problems);
    cycles::check(&team, &waits, problems);
}

/// The document as the checks read it.
struct Team<'a> {
    document: &'a Document,
    agents: BTreeMap<&'a str, Member<'a>>,
    steps: BTreeMap<&'a str, Member<'a>>,
    supervisors: BTreeMap<&'a str, Member<'a>>,
    schedules: BTreeMap<&'a str, Member<'a>>,
    topics: BTreeMap<&'a str, Member<'a>>,
}

/// What the root bears, and what an agent alone may take, are no supervisors.
const NO_SUPERVISORS: [&str; 2] = ["agent", "root"];

/// An agent, a step, a supervisor, a schedule or a topic: its path and its fields.
struct Member<'a> {
    path: String,
    fields: &'a Map<String, Json>,
}

impl<'a> Team<'a> {
    fn of(document: &'a Document) -> Self {
        let members = |table: &str| {
            let found = document.json().get(table).and_then(Json::as_object).into_iter().flatten();
            let found = found.filter_map(|(name, value)| {
                let path = join(&join("", table), name);
                Some((name.as_str(), Member { path, fields: value.as_object()? }))
            });
            found.collect::<BTreeMap<_, _>>()
        };
        let mut supervisors = members("supervisors");
        supervisors.retain(|name, _| !NO_SUPERVISORS.contains(name));
        let (agents, steps) = (members("agents"), members("steps"));
        let (schedules, topics) = (members("schedules"), members("topics"));
        Self { document, agents, steps, supervisors, schedules, topics }
    }

    /// What the team serves; `None` if an agent that cannot be read may serve more.
    fn served(&self) -> Option<Vec<Capability>> {
        let mut served = Vec::new();
        for agent in self.agents.values() {
            let by = self.served_by(agent);
            if by.is_empty() {
                return None;
            }
            served.extend(by);
        }
        served.sort();
        served.dedup();
        Some(served)
    }

    /// The capabilities an agent serves, those of its builtin if it names none.
    fn served_by(&self, agent: &Member<'_>) -> Vec<Capability> {
        if agent.text("kind") == Some("mcp") {
            let tools = mcp::served(agent.name(), agent).into_iter();
            return tools.filter_map(|tool| Capability::parse(&tool.capability).ok()).collect();
        }
        let named = agent.texts("serves");
        if named.is_empty()
            && let Some(builtin) = agent.text("use").and_then(catalogue::builtin)
        {
            let own = builtin.serves.iter();
            return own.filter_map(|capability| Capability::parse(capability).ok()).collect();
        }
        named.iter().filter_map(|(_, text)| Capability::parse(text).ok()).collect()
    }
}

impl<'a> Member<'a> {
    fn text(&self, field: &str) -> Option<&'a str> {
        self.fields.get(field).and_then(Json::as_str)
    }

    /// The texts of a list, each with its path.
    fn texts(&self, field: &str) -> Vec<(String, &'a str)> {
        let path = self.field(field);
        let items = self.fields.get(field).and_then(Json::as_array).into_iter().flatten();
        let items = items.enumerate();
        items
            .filter_map(|(at, item)| Some((join(&path, &at.to_string()), item.as_str()?)))
            .collect()
    }

    fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// As it is called, which can be written in a path as it is.
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn field(&self, field: &str) -> String {
        join(&self.path, field)
    }
}
