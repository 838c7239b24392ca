//! The steps of a team as a graph: what is done → what can start, and with which input.
//!
//! Pure: it asks nobody and remembers nothing but outputs. The executor is a loop over three
//! questions: which steps are [`ready`](Plan::ready), what does each [`start`](Plan::start) as,
//! and, when all are done, what is the [`output`](Plan::output). The same definition and the same
//! outputs give the same answers, in the same order, so a replayed workflow asks for the same tasks
//! under the same keys.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::capability::Asked;
use super::expr::{self, Expression};
use super::file::{Step, TeamFile};
use super::problem::Code;
use super::scan::Fault;
use super::scope::Scope;
pub use super::settings::Settings;
use super::template::Template;

/// The compiled steps of a team.
#[derive(Clone, Debug)]
pub struct Plan {
    team: Json,
    steps: BTreeMap<String, Node>,
    order: Vec<String>,
    output: Option<Template>,
}

/// One compiled step.
#[derive(Clone, Debug)]
struct Node {
    capability: Asked,
    settings: Settings,
    input: Option<Template>,
    when: Option<Expression>,
    for_each: Option<Expression>,
    key: Option<Expression>,
    sticky: Option<Template>,
    needs: BTreeSet<String>,
}

/// What a step is when its turn has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// `when` is false: its output is none at once.
    Skip,
    /// One task; its output is the step's.
    One(Task),
    /// One task for each item, in the order of the list; the list of their outputs is the step's.
    Each(Vec<Task>),
}

/// A task to ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The step key: `step`, or `step/item-key` in a `for_each`.
    pub key: String,
    /// What to ask for.
    pub capability: Asked,
    /// What to pass.
    pub input: Json,
    /// Tasks with the same one go to the same agent, where the policy is sticky.
    pub affinity: Option<String>,
}

/// Why a plan cannot go on; names the step and the field, and the source names the expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A definition that `check` would refuse.
    #[error("step `{step}`: {reason}; run `majordomo check` on the team file")]
    Definition {
        /// Where.
        step: String,
        /// What is wrong.
        reason: String,
    },
    /// An expression without a value.
    #[error("{place}: {source}")]
    Expression {
        /// Which step and field.
        place: String,
        /// What is wrong.
        source: expr::Error,
    },
    /// Two items with one key.
    #[error(
        "step `{step}`: items {first} and {second} both have the key `{key}`; \
         choose a `key` that tells them apart"
    )]
    DuplicateKey {
        /// Where.
        step: String,
        /// The key.
        key: String,
        /// Place in the list, from 0.
        first: usize,
        /// Place in the list, from 0.
        second: usize,
    },
    /// A key that is too long, or empty.
    #[error(
        "step `{step}`: item {index} has a key of {bytes} bytes; 1 to {KEY_MAX_BYTES} are allowed"
    )]
    BadKey {
        /// Where.
        step: String,
        /// Place in the list, from 0.
        index: usize,
        /// Its length.
        bytes: usize,
    },
    /// More items than a run may have tasks.
    #[error(
        "step `{step}`: `for_each` has {items} items, and the run may have {tasks} \
         tasks; raise `limits.tasks`"
    )]
    TooMany {
        /// Where.
        step: String,
        /// How many items.
        items: usize,
        /// The limit.
        tasks: u64,
    },
}

/// The longest key of an item.
pub const KEY_MAX_BYTES: usize = 1_024;

impl Error {
    /// The stable code, whose page explains the error.
    pub fn code(&self) -> Code {
        match self {
            Self::Definition { .. } => Code::Expression,
            Self::Expression { source, .. } => source.code(),
            Self::DuplicateKey { .. } => Code::DuplicateKey,
            Self::BadKey { .. } => Code::WrongType,
            Self::TooMany { .. } => Code::TooLarge,
        }
    }
}

impl Plan {
    /// Compiles the steps of a definition that passed its checks.
    ///
    /// # Errors
    /// [`Error::Definition`] for one that did not: a pinned definition may come from another
    /// version.
    pub fn new(file: &TeamFile) -> Result<Self, Error> {
        let mut steps = BTreeMap::new();
        for (name, step) in &file.steps {
            let names: BTreeSet<&str> = file.steps.keys().map(String::as_str).collect();
            steps.insert(name.clone(), Node::new(name, step, &names)?);
        }
        let output = file.output.as_ref().map(|output| template("", output)).transpose()?;
        let order = order(&steps)?;
        let team = serde_json::json!({ "name": file.name, "description": file.description });
        Ok(Self { team, steps, order, output })
    }

    /// What every expression sees before the first step is done. `args` are the words after the
    /// team's name, or whatever the run was given.
    pub fn scope(&self, args: &Json) -> Scope {
        Scope::new(args, &self.team)
    }

    /// The steps, each after all it needs, those of equal standing by name.
    pub fn steps(&self) -> &[String] {
        &self.order
    }

    /// What a step waits for.
    pub fn needs(&self, step: &str) -> impl Iterator<Item = &str> {
        self.steps.get(step).into_iter().flat_map(|node| node.needs.iter().map(String::as_str))
    }

    /// How a step's tasks are to be asked for.
    pub fn settings(&self, step: &str) -> Option<&Settings> {
        self.steps.get(step).map(|node| &node.settings)
    }

    /// Whether the step is a list of tasks, or works on one: starting it may take a while.
    pub fn is_wide(&self, step: &str) -> bool {
        let lists = |step: &str| self.steps.get(step).is_some_and(|node| node.for_each.is_some());
        lists(step) || self.needs(step).any(lists)
    }

    /// Whether [`output`](Self::output) needs this step's output beside the scope.
    pub fn is_answer(&self, step: &str) -> bool {
        self.output.is_none() && !self.steps.values().any(|node| node.needs.contains(step))
    }

    /// The steps that are neither done nor started, and whose needs are all done.
    pub fn ready(&self, done: &BTreeSet<String>, started: &BTreeSet<String>) -> Vec<&str> {
        let waiting =
            self.order.iter().filter(|step| !done.contains(*step) && !started.contains(*step));
        let ready = waiting.filter(|step| self.steps[*step].needs.is_subset(done));
        ready.map(String::as_str).collect()
    }

    /// What `step` is, now that the outputs of all it needs are in `scope`; `tasks_max` is the
    /// run's limit.
    ///
    /// # Errors
    /// An expression without a value, keys that do not tell items apart, more items than tasks.
    ///
    /// # Panics
    /// If there is no step of that name.
    pub fn start(&self, step: &str, scope: &Scope, tasks_max: u64) -> Result<Start, Error> {
        let node = self.steps.get(step).expect("the name comes from this plan");
        let at = |field: &str| {
            let place = format!("step `{step}`, `{field}`");
            move |source| Error::Expression { place, source }
        };
        if let Some(when) = &node.when
            && !when.truth(scope).map_err(at("when"))?
        {
            return Ok(Start::Skip);
        }
        let Some(for_each) = &node.for_each else {
            let input = node.input.as_ref().map(|input| input.fill(scope));
            let input = input.transpose().map_err(at("input"))?.unwrap_or_default();
            let affinity = node.affinity(scope).map_err(at("sticky"))?;
            let (key, capability) = (step.to_owned(), node.capability.clone());
            return Ok(Start::One(Task { key, capability, input, affinity }));
        };
        let items = for_each.items(scope).map_err(at("for_each"))?;
        if items.len() as u64 > tasks_max {
            let (step, items) = (step.to_owned(), items.len());
            return Err(Error::TooMany { step, items, tasks: tasks_max });
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut tasks = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let scope = scope.with_item(item, index);
            let item_key = node.item_key(&scope).map_err(at("key"))?;
            if item_key.is_empty() || item_key.len() > KEY_MAX_BYTES {
                let bytes = item_key.len();
                return Err(Error::BadKey { step: step.to_owned(), index, bytes });
            }
            let (key, capability) = (format!("{step}/{item_key}"), node.capability.clone());
            let input = node.item_input(&scope).map_err(at("input"))?;
            let affinity = node.affinity(&scope).map_err(at("sticky"))?;
            tasks.push(Task { key, capability, input, affinity });
            if let Some(first) = seen.insert(item_key.clone(), index) {
                let step = step.to_owned();
                return Err(Error::DuplicateKey { step, key: item_key, first, second: index });
            }
        }
        Ok(Start::Each(tasks))
    }

    /// What the workflow answers when all is done: `output` filled in, or the output of the one
    /// step nobody needs, or a table of those of all such steps by name.
    ///
    /// # Errors
    /// An expression of `output` without a value.
    pub fn output(&self, scope: &Scope, outputs: &BTreeMap<String, Json>) -> Result<Json, Error> {
        if let Some(output) = &self.output {
            let place = "`output`".to_owned();
            return output.fill(scope).map_err(|source| Error::Expression { place, source });
        }
        let needed: BTreeSet<&String> = self.steps.values().flat_map(|node| &node.needs).collect();
        let last = self.order.iter().filter(|step| !needed.contains(step));
        let last: Vec<&String> = last.collect();
        let output = |step: &String| outputs.get(step).cloned().unwrap_or_default();
        match last.as_slice() {
            [only] => Ok(output(only)),
            several => Ok(Json::Object(
                several.iter().map(|step| ((*step).clone(), output(step))).collect(),
            )),
        }
    }
}

impl Node {
    fn new(name: &str, step: &Step, steps: &BTreeSet<&str>) -> Result<Self, Error> {
        let definition = |reason: String| Error::Definition { step: name.to_owned(), reason };
        let expression = |source: &Option<String>| {
            let compiled = source.as_deref().map(Expression::compile).transpose();
            compiled.map_err(|faults| definition(first_fault(faults)))
        };
        let input = step.input.as_ref().map(|input| template(name, input)).transpose()?;
        let (when, for_each, key) =
            (expression(&step.when)?, expression(&step.for_each)?, expression(&step.key)?);
        let sticky = step.sticky.as_ref().map(|text| template(name, &Json::from(text.as_str())));
        let sticky = sticky.transpose()?;
        let referred = [&when, &for_each, &key].into_iter().flatten();
        let mut needs: BTreeSet<String> =
            referred.flat_map(|expression| expression.variables()).cloned().collect();
        needs.extend(input.iter().chain(&sticky).flat_map(Template::variables));
        needs.retain(|variable| steps.contains(variable.as_str()));
        for need in &step.needs {
            if !steps.contains(need.as_str()) {
                return Err(definition(format!("it needs `{need}`, which is no step")));
            }
            needs.insert(need.clone());
        }
        let capability = Asked::parse(&step.ask).map_err(|error| definition(error.to_string()))?;
        let settings = Settings::of(step).map_err(|error| definition(error.message))?;
        Ok(Self { capability, settings, input, when, for_each, key, sticky, needs })
    }

    /// A key is a text or a whole number; without `key` the item itself must be one.
    fn item_key(&self, scope: &Scope) -> Result<String, expr::Error> {
        static ITEM: std::sync::OnceLock<Expression> = std::sync::OnceLock::new();
        let item =
            || ITEM.get_or_init(|| Expression::compile("item").expect("a name is an expression"));
        let key = self.key.as_ref().unwrap_or_else(item);
        match key.value(scope)? {
            Json::String(text) => Ok(text),
            Json::Number(number) if !number.is_f64() => Ok(number.to_string()),
            other => {
                Err(key.wrong_type(kind(&other), "a text or a whole number that names the task"))
            }
        }
    }

    /// A text or a whole number, as a key is.
    fn affinity(&self, scope: &Scope) -> Result<Option<String>, expr::Error> {
        let Some(sticky) = &self.sticky else { return Ok(None) };
        match sticky.fill(scope)? {
            Json::String(text) => Ok(Some(text)),
            Json::Number(number) if !number.is_f64() => Ok(Some(number.to_string())),
            other => Err(expr::Error::WrongType {
                expression: "sticky".to_owned(),
                found: kind(&other).to_owned(),
                wanted: "a text or a whole number",
            }),
        }
    }

    fn item_input(&self, scope: &Scope) -> Result<Json, expr::Error> {
        match &self.input {
            Some(input) => input.fill(scope),
            None => scope.item(),
        }
    }
}

fn template(step: &str, value: &Json) -> Result<Template, Error> {
    let mut first = None;
    let template = Template::compile(value, "", &mut |_, fault| {
        first.get_or_insert(fault);
    });
    match first {
        None => Ok(template),
        Some(fault) => Err(Error::Definition { step: step.to_owned(), reason: fault.message }),
    }
}

fn first_fault(faults: Vec<Fault>) -> String {
    faults.into_iter().next().map(|fault| fault.message).unwrap_or_default()
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "none",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a table",
    }
}

/// Each step after all it needs, by name among equals.
fn order(steps: &BTreeMap<String, Node>) -> Result<Vec<String>, Error> {
    let mut order: Vec<String> = Vec::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    while order.len() < steps.len() {
        let next = steps
            .iter()
            .filter(|(name, node)| !done.contains(*name) && node.needs.is_subset(&done));
        let next: Vec<String> = next.map(|(name, _)| name.clone()).collect();
        if next.is_empty() {
            let stuck = steps.keys().find(|name| !done.contains(*name)).cloned();
            let reason = "it waits for a step that waits for it".to_owned();
            return Err(Error::Definition { step: stuck.unwrap_or_default(), reason });
        }
        done.extend(next.iter().cloned());
        order.extend(next);
    }
    Ok(order)
}
