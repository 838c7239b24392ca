//! A team in TOML: text → document → shape → definition → checks → plan.
//!
//! ```text
//! team.toml ─▶ Document ─▶ shape ─▶ check ─▶ TeamFile ─▶ Plan
//!              (places)    (schema)  (sense)  (typed)    (steps)
//! ```

pub(crate) mod assign;
pub mod bus;
pub mod capability;
pub mod catalogue;
mod ceiling;
pub mod check;
mod code;
pub mod definitions;
pub mod difference;
pub mod document;
pub mod expr;
pub mod file;
pub(crate) mod govern;
pub mod init;
pub mod llm;
pub mod mcp;
pub mod plan;
pub mod policy;
pub mod problem;
pub mod prompt;
pub mod quantity;
pub mod requirement;
pub mod roster;
pub mod scan;
pub mod schedule;
pub mod schema;
pub mod scope;
pub mod settings;
pub mod shape;
pub mod step;
mod suggest;
pub mod template;
pub mod topic;
pub mod vocabulary;
pub mod workflow;

use check::Surroundings;
use document::Document;
use file::TeamFile;
use problem::{Code, Problem, Severity};

/// A team file that was read: the definition if it can be run, and everything to be said about it.
#[derive(Debug)]
pub struct Reading {
    /// The text and its places, to show problems in.
    pub document: Document,
    /// The definition; `None` if there is a single mistake.
    pub definition: Option<TeamFile>,
    /// Mistakes and warnings, in the order of the file.
    pub problems: Vec<Problem>,
}

/// Reads and checks a team file; `name` is the file's name as it is shown to people.
///
/// ```
/// let text = r#"
/// [agents]
/// lead = { kind = "builtin", use = "lead" }
/// [steps]
/// survey = { ask = "code.survey", input = { path = "{{ args[0] }}" } }
/// "#;
/// let reading = majordomo::team::read("team.toml", text, &majordomo::team::check::Anywhere);
/// assert!(reading.problems.is_empty());
/// assert_eq!(reading.definition.unwrap().steps.len(), 1);
/// ```
pub fn read(name: &str, text: &str, surroundings: &dyn Surroundings) -> Reading {
    let (mut document, mut problems) = Document::parse(name, text);
    if document.is_readable() {
        shape::check(&document, schema::schema(), &mut problems);
        check::check(&document, surroundings, &mut problems);
    }
    let mut problems = problems.sorted();
    // What people see of the file is seen by logs too; also where they took a value for a name.
    let is_secret = |it: &&Problem| it.code == Code::Secret && it.severity == Severity::Error;
    problems.iter().filter(is_secret).for_each(|it| document.cover(it.at.clone()));
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    let mut definition = None;
    if sound {
        match serde_json::from_value(document.json().clone()) {
            Ok(mut read) => {
                prompt::inline(&mut read, surroundings);
                mcp::settle(&mut read);
                definition = Some(with_schemas(read, surroundings));
            }
            // The schema comes from the structs, so this is a difference between the two, ours to
            // mend.
            Err(error) => problems.push(Problem::error(Code::BadType, 0..0, error.to_string())),
        }
    }
    Reading { document, definition, problems }
}

/// The definition with the schemas themselves where it named files: a run is pinned to what they
/// say, wherever it is resumed.
fn with_schemas(mut definition: TeamFile, surroundings: &dyn Surroundings) -> TeamFile {
    for contract in definition.capabilities.values_mut() {
        for schema in [&mut contract.input, &mut contract.output].into_iter().flatten() {
            // What cannot be read was a problem above, and there is no definition then.
            if let Ok(read) = check::schema_of(schema, surroundings) {
                *schema = read;
            }
        }
    }
    definition
}

impl Reading {
    /// What there is to say, as rustc would; empty if there is nothing.
    pub fn render(&self, coloured: bool) -> String {
        problem::render(&self.document, &self.problems, coloured)
    }

    /// What there is to say, for machines.
    pub fn lines(&self) -> Vec<problem::Line> {
        self.problems.iter().map(|problem| problem.to_line(&self.document)).collect()
    }
}
