//! Who of a team is here: a definition and the programs of this machine → the definition that can
//! run, and why some are left out.
//!
//! An agent with `when_on_path` joins when its programs are there. Otherwise it is taken out before
//! the run is pinned, and steps that only it serves are skipped, so the pinned definition speaks
//! for itself: a run that is resumed on a machine with more programs goes on as it began.

use runtime::port::Llm as Brain;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assign;
use super::capability::{Asked, Capability};
use super::catalogue;
use super::check::Surroundings;
use super::file::{Agent, Llm, TeamFile};

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
    notes.extend(shorter_chains(&definition, surroundings));
    notes.extend(without_models(&mut definition, surroundings));
    notes.extend(assign::settle(&mut definition, surroundings));
    Roster { definition, notes }
}

/// Those models of a chain that cannot be called, where others of it can, in one line each. The
/// chain stays whole: how much a conversation may hold must not hang on who has a key today.
fn shorter_chains(definition: &TeamFile, surroundings: &dyn Surroundings) -> Vec<String> {
    let mut lacking: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for (name, agent) in &definition.agents {
        let Agent::Llm(Llm { model: Some(chain), .. }) = agent else { continue };
        let why = |model: &str| surroundings.lacks_model(Some(model));
        if chain.models().iter().all(|model| why(model).is_some()) {
            continue;
        }
        for model in chain.models() {
            let Some(why) = why(model) else { continue };
            let entry = lacking.entry(model.clone()).or_insert_with(|| (why, Vec::new()));
            entry.1.push(name.clone());
        }
    }
    let note = |(model, (why, agents)): (String, (String, Vec<String>))| {
        let agents = agents.join("`, `");
        format!("{model} is not asked ({why}); the other models of `{agents}` are")
    };
    lacking.into_iter().map(note).collect()
}

/// Leaves out agents whose model cannot be called, where others serve all that they serve. Where
/// nobody does, the agent stays, and says itself why it cannot join.
fn without_models(definition: &mut TeamFile, surroundings: &dyn Surroundings) -> Option<String> {
    let lacking = |agent: &Agent| match agent {
        Agent::Llm(llm) => {
            let why = |model: &String| surroundings.lacks_model(Some(model));
            match &llm.model {
                None => surroundings.lacks_model(None),
                Some(chain) if chain.models().iter().any(|model| why(model).is_none()) => None,
                // Of several that are all lacking, what is said of the first is said.
                Some(chain) => chain.models().first().and_then(why),
            }
        }
        _ => None,
    };
    let able = definition.agents.values().filter(|agent| lacking(agent).is_none());
    let served: BTreeSet<Capability> = able.flat_map(capabilities).collect();
    let (mut names, mut why) = (Vec::new(), None);
    definition.agents.retain(|name, agent| {
        let spare = capabilities(agent).iter().all(|it| served.contains(it));
        let Some(reason) = lacking(agent).filter(|_| spare) else { return true };
        names.push(name.clone());
        why.get_or_insert(reason);
        false
    });
    let names = names.join("`, `");
    why.map(|why| {
        format!(
            "left out, as there is no model for it: agent `{names}` ({why}); others do its work"
        )
    })
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team::check::{Anywhere, NoModels};
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
    fn a_model_that_cannot_be_called_is_left_out_where_others_do_its_work() {
        let team = r#"
            [agents.thinker]
            kind = "llm"
            model = "openai/gpt"
            prompt = "Think."
            serves = ["think"]
            [agents.program]
            kind = "command"
            argv = ["sh"]
            serves = ["think"]
            [agents.lonely]
            kind = "llm"
            model = "openai/gpt"
            prompt = "Think."
            serves = ["dream"]
            [steps]
            a = { ask = "think" }
            b = { ask = "dream" }
        "#;
        let definition = read("t.toml", team, &Anywhere).definition.unwrap();
        let roster = settle(definition, &NoModels);
        assert_eq!(roster.definition.agents.keys().collect::<Vec<_>>(), ["lonely", "program"]);
        assert_eq!(
            roster.notes,
            ["left out, as there is no model for it: agent `thinker` (no key); others do its work"]
        );
        assert_eq!(roster.definition.steps["a"].when, None);
    }

    /// A machine that can call the models of one provider alone.
    struct Only(&'static str);

    impl Surroundings for Only {
        fn has_program(&self, _: &str) -> bool {
            true
        }

        fn lacks_model(&self, model: Option<&str>) -> Option<String> {
            let is_there = model.is_some_and(|it| it.starts_with(self.0));
            (!is_there).then(|| format!("no key for {}", model.unwrap_or_default()))
        }
    }

    #[test]
    fn a_chain_goes_on_without_the_models_that_cannot_be_called() {
        let team = r#"
            [agents.thinker]
            kind = "llm"
            model = ["openai/gpt", "ollama/small", "ollama/large"]
            prompt = "Think."
            serves = ["think"]
            [agents.doer]
            kind = "llm"
            model = ["ollama/small", "openai/gpt"]
            prompt = "Do."
            serves = ["do"]
            [steps]
            a = { ask = "think" }
            b = { ask = "do" }
        "#;
        let definition = read("t.toml", team, &Anywhere).definition.unwrap();
        let models = |roster: &Roster| {
            let of = |agent: &Agent| match agent {
                Agent::Llm(Llm { model: Some(chain), .. }) => chain.models().join(" "),
                _ => String::new(),
            };
            roster.definition.agents.values().map(of).collect::<Vec<_>>()
        };
        let all = settle(definition.clone(), &Anywhere);
        assert_eq!(all.notes, Vec::<String>::new());
        let some = settle(definition.clone(), &Only("ollama"));
        assert_eq!(models(&some), models(&all), "what a conversation may hold stays the same");
        let said = "openai/gpt is not asked (no key for openai/gpt); the other models of `doer`, \
                    `thinker` are";
        assert_eq!(some.notes, [said]);
        let none = settle(definition, &NoModels);
        assert_eq!(models(&none), models(&all), "who can ask nobody says so itself");
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
