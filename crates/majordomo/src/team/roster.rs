//! Who of a team is here: a definition and the programs of this machine → the definition that can
//! run, and why some are left out.
//!
//! An agent with `when_on_path` joins when its programs are there. Otherwise it is taken out before
//! the run is pinned, and steps that only it serves are skipped, so the pinned definition speaks
//! for itself: a run that is resumed on a machine with more programs goes on as it began.

mod models;

use runtime::port::Llm as Brain;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assign;
use super::capability::{Asked, Capability};
use super::catalogue;
use super::check::Surroundings;
use super::file::{Agent, TeamFile};

/// A definition for this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Roster {
    /// What can run here.
    pub definition: TeamFile,
    /// One line if anybody is left out: which programs are missing, and who and what for them.
    pub notes: Vec<String>,
}

/// Leaves out the agents whose programs are not here.
pub fn settle(mut definition: TeamFile, surroundings: &dyn Surroundings) -> Roster {
    let (mut missing, mut agents, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    let mut lost: BTreeSet<Capability> = BTreeSet::new();
    definition.agents.retain(|name, agent| {
        let Some(program) = missing_program(agent, surroundings) else { return true };
        missing.push(program.to_owned());
        agents.push(name.clone());
        lost.extend(capabilities(agent));
        false
    });
    let left: Vec<Capability> = definition.agents.values().flat_map(capabilities).collect();
    let is_lost = |asked: &Asked| {
        let takes = |it: &Capability| asked.takes(it);
        lost.iter().any(takes) && !left.iter().any(takes)
    };
    for (name, step) in &mut definition.steps {
        if Asked::parse(&step.ask).is_ok_and(|asked| is_lost(&asked)) {
            steps.push(name.clone());
            step.when = Some("false".to_owned());
        }
    }
    let mut notes =
        if agents.is_empty() { Vec::new() } else { vec![note(missing, &agents, &steps)] };
    notes.extend(models::shorter_chains(&definition, surroundings));
    notes.extend(models::without(&mut definition, surroundings));
    notes.extend(assign::settle(&mut definition, surroundings));
    Roster { definition, notes }
}

/// However many are missing, they are told in one line: to be without them is no trouble.
fn note(mut missing: Vec<String>, agents: &[String], steps: &[String]) -> String {
    missing.sort_unstable();
    missing.dedup();
    let list = |words: &[String]| format!("`{}`", words.join("`, `"));
    let some = |noun: &str, words: &[String]| match words {
        [] => String::new(),
        [one] => format!(", {noun} `{one}`"),
        more => format!(", {noun}s {}", list(more)),
    };
    let left_out = some("agent", agents) + &some("step", steps);
    format!("left out, as {} cannot be found on PATH: {}", list(&missing), &left_out[2..])
}

/// The capabilities an agent serves, those of its builtin if it names none.
pub fn capabilities(agent: &Agent) -> Vec<Capability> {
    let named = &agent.common().serves;
    let own: Vec<&str> = match agent {
        Agent::Builtin(agent) if named.is_empty() => catalogue::builtin(&agent.function)
            .map_or_else(Vec::new, |builtin| builtin.serves.to_vec()),
        _ => named.iter().map(String::as_str).collect(),
    };
    own.into_iter().filter_map(|text| Capability::parse(text).ok()).collect()
}

fn missing_program<'a>(agent: &'a Agent, surroundings: &dyn Surroundings) -> Option<&'a str> {
    let needed = match agent {
        Agent::Command(command) => &command.when_on_path,
        Agent::Mcp(mcp) => &mcp.when_on_path,
        Agent::Builtin(_)
        | Agent::Workflow(_)
        | Agent::Llm(_)
        | Agent::Human(_)
        | Agent::A2a(_) => return None,
    };
    let needed = needed.iter().map(String::as_str);
    needed.into_iter().find(|program| !surroundings.has_program(program))
}

/// This machine, as the PATH of this process shows it.
#[derive(Clone)]
pub struct ThisMachine {
    directories: Vec<PathBuf>,
    /// Whom models are asked of; the environment says it where this is `None`.
    llm: Option<Arc<dyn Brain>>,
    /// Where the files stand that a team file names.
    beside: PathBuf,
}

/// A file that a team file names has at most so many bytes.
const FILE_MAX_BYTES: u64 = 1 << 20;

impl ThisMachine {
    /// Reads PATH.
    pub fn now() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::env::split_paths(&path).collect();
        Self { directories, llm: None, beside: ".".into() }
    }

    /// The same, where models are asked of `llm`, if that is said.
    #[must_use]
    pub fn asking(self, llm: Option<Arc<dyn Brain>>) -> Self {
        Self { llm, ..self }
    }

    /// The same, as seen from this team file.
    #[must_use]
    pub fn beside(self, file: &Path) -> Self {
        Self { beside: file.parent().map(Into::into).unwrap_or_default(), ..self }
    }

    fn read(&self, file: &Path) -> Result<String, String> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        let open = std::fs::File::open(self.beside.join(file));
        let read = open.and_then(|it| it.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes));
        match read.map_err(|why| why.to_string())? as u64 {
            ..=FILE_MAX_BYTES => String::from_utf8(bytes).map_err(|_| "it is no text".to_owned()),
            _ => Err(format!("it has more than {FILE_MAX_BYTES} bytes")),
        }
    }
}

impl Surroundings for ThisMachine {
    fn has_program(&self, program: &str) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        let runs = |path: &Path| {
            path.metadata()
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        };
        if program.contains('/') {
            return runs(Path::new(program));
        }
        !program.is_empty()
            && self.directories.iter().any(|directory| runs(&directory.join(program)))
    }

    fn schema(&self, file: &str) -> Result<serde_json::Value, String> {
        let text = self.read(Path::new(file));
        let text = text.map_err(|why| format!("the schema `{file}` cannot be read: {why}"))?;
        serde_json::from_str(&text).map_err(|why| format!("`{file}` is no JSON: {why}"))
    }

    fn text(&self, file: &Path) -> Option<Result<String, String>> {
        Some(self.read(file))
    }

    #[cfg(feature = "llm")]
    fn lacks_model(&self, model: Option<&str>) -> Option<String> {
        let Some(model) = model else { return Some("no `model` is said".to_owned()) };
        let checked = match &self.llm {
            Some(llm) => llm.check(model),
            None => crate::crew::llm::models().check(model),
        };
        checked.err().map(|error| error.to_string())
    }

    #[cfg(not(feature = "llm"))]
    fn lacks_model(&self, _: Option<&str>) -> Option<String> {
        let _ = &self.llm;
        Some("this version has no models".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team::check::Anywhere;
    use crate::team::read;

    struct Without(&'static str);

    impl Surroundings for Without {
        fn has_program(&self, program: &str) -> bool {
            program != self.0
        }
    }

    const TEAM: &str = r#"
        [agents.ruff]
        kind = "command"
        argv = ["sh"]
        serves = ["lint.py", "lint"]
        when_on_path = ["ruff"]
        [agents.clippy]
        kind = "command"
        argv = ["sh"]
        serves = ["lint"]
        when_on_path = ["cargo-clippy"]
        [steps]
        python = { ask = "lint.py" }
        any = { ask = "lint" }
    "#;

    #[test]
    fn an_agent_without_its_program_is_left_out_and_steps_only_it_serves_are_skipped() {
        let definition = read("t.toml", TEAM, &Anywhere).definition.unwrap();
        let all = settle(definition.clone(), &Anywhere);
        assert_eq!((all.definition, all.notes), (definition.clone(), vec![]));

        let roster = settle(definition, &Without("ruff"));
        assert_eq!(roster.definition.agents.keys().collect::<Vec<_>>(), ["clippy"]);
        assert_eq!(roster.definition.steps["python"].when.as_deref(), Some("false"));
        assert_eq!(roster.definition.steps["any"].when, None);
        assert_eq!(
            roster.notes,
            ["left out, as `ruff` cannot be found on PATH: agent `ruff`, step `python`"]
        );
    }

    #[test]
    fn programs_are_looked_for_on_path() {
        let machine = ThisMachine::now();
        assert!(machine.has_program("sh") && machine.has_program("/bin/sh"));
        for missing in ["no-such-program-anywhere", "", "/", "/etc/passwd"] {
            assert!(!machine.has_program(missing), "{missing}");
        }
    }
}
