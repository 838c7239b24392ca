//! The agents of a definition, made ready to join: what the team file says → an agent of the
//! runtime.

#[cfg(feature = "llm")]
pub(crate) mod llm;
#[cfg(feature = "mcp")]
mod mcp;

use crate::team::definitions::Definitions;
use crate::team::file::{self, Agent, BusAccess, Format, Protocol};
use crate::team::workflow::{Fallback, Workflow};
use crate::team::{catalogue, roster};
use adapters::agent::command::{self, Program};
use adapters::agent::human::{Human, Inbox};
use kernel::{Cost, FailureKind, Text};
use runtime::api::{AgentEntry, Context, Contract, Failure};
use runtime::bus::Access;
use runtime::port::{Agent as Port, BoxFuture, Llm, Secrets as _, Vitals};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Runs of one team at once; they wait without a slot.
const RUNS_AT_ONCE: u32 = 64;

/// Why an agent of a definition cannot join.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such builtin.
    #[error("agent `{agent}`: there is no builtin `{function}`; run `majordomo check`")]
    NoBuiltin {
        /// Which agent.
        agent: String,
        /// The word after `use =`.
        function: String,
    },
    /// A builtin whose settings will not do.
    #[error("agent `{agent}`: {why}")]
    Builtin {
        /// Which agent.
        agent: String,
        /// What is wrong with them.
        why: String,
    },
    /// A kind that this version does not run.
    #[error(
        "agent `{agent}` is of kind `{kind}`, which this version cannot run; run `majordomo check`"
    )]
    Kind {
        /// Which agent.
        agent: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A server that cannot be spoken to.
    #[error("agent `{agent}`: {why}")]
    Mcp {
        /// Which agent.
        agent: String,
        /// Why, and what to do.
        why: String,
    },
    /// A model that cannot think.
    #[error("agent `{agent}`: {why}")]
    Llm {
        /// Which agent.
        agent: String,
        /// Why, and what to do.
        why: String,
    },
}

/// The capability under which the steps of a team are asked for.
pub(crate) fn capability(team: &str) -> String {
    format!("run.{team}")
}

/// Whether this is such a capability.
pub(crate) fn is_root(capability: &str) -> bool {
    capability.starts_with("run.")
}

/// Secrets that agents may have and that are not here now, each in a line for people: a task that
/// names one fails when it is dispatched, which may be hours from now.
pub(crate) fn missing_secrets(agents: &BTreeMap<String, Agent>) -> Vec<String> {
    let mut missing = Vec::new();
    for (name, agent) in agents {
        for reference in agent.common().secrets.iter().filter_map(|it| it.parse().ok()) {
            if let Err(why) = adapters::secrets::Local.read(&reference) {
                missing.push(format!("agent `{name}`: secret {reference}: {why}"));
            }
        }
    }
    missing
}

/// Makes directories absolute, so that a pinned definition means the same wherever it is resumed.
pub(crate) fn anchor(definition: &mut file::TeamFile, directory: &Path) {
    for agent in definition.agents.values_mut() {
        let dir = match agent {
            Agent::Builtin(builtin) => &mut builtin.root,
            Agent::Command(command) => &mut command.dir,
            Agent::Mcp(mcp) => &mut mcp.dir,
            Agent::Workflow(_) | Agent::Llm(_) | Agent::Human(_) | Agent::A2a(_) => continue,
        };
        if let Some(dir) = dir {
            *dir = directory.join(&*dir).to_string_lossy().into_owned();
        }
    }
}

/// The agent that runs the steps of this scope, under the capabilities `roots`.
pub(crate) fn workflow(
    definitions: &Arc<Definitions>,
    fallback: Arc<Fallback>,
    scope: &str,
    roots: &[String],
) -> AgentEntry {
    let workflow = Arc::new(Workflow::new(definitions.clone(), fallback));
    let serves: Vec<String> = roots.iter().map(|root| format!("{root}@1")).collect();
    let serves: Vec<&str> = serves.iter().map(String::as_str).collect();
    let mut steps = AgentEntry::new("workflow", "workflow", &serves, RUNS_AT_ONCE, workflow);
    steps.spec.team = scope.into();
    steps.sealed() // It only passes on what it is given.
}

/// Whom the agents of a session turn to outside of it.
#[derive(Clone, Default)]
pub(crate) struct Outside {
    /// People.
    pub(crate) inbox: Inbox,
    /// Models; `None` is those that the environment of this process sets up.
    pub(crate) llm: Option<Arc<dyn Llm>>,
}

/// What a team file says of others than its agents, for whoever makes these.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    /// Of capabilities.
    pub(crate) contracts: &'a BTreeMap<String, file::Contract>,
    /// Of models.
    pub(crate) models: &'a BTreeMap<String, file::Model>,
}

impl<'a> Said<'a> {
    pub(crate) fn of(file: &'a file::TeamFile) -> Said<'a> {
        Said { contracts: &file.capabilities, models: &file.models }
    }
}

/// What a file says of the rates of models holds from now on.
pub(crate) fn govern(file: &file::TeamFile) {
    #[cfg(feature = "llm")]
    llm::govern(&file.models);
    #[cfg(not(feature = "llm"))]
    let _ = file; // Nobody here calls any.
}

/// Agents of a team file, for tasks of this scope, by what it says of other things.
///
/// # Errors
/// An agent that this version cannot run.
pub(crate) fn members(
    agents: &BTreeMap<String, Agent>,
    of: Said<'_>,
    outside: &Outside,
    scope: &str,
) -> Result<Vec<AgentEntry>, Error> {
    let mut entries = Vec::new();
    for (name, agent) in agents {
        let mut entry = member(name, agent, of, outside)?;
        entry.spec.team = scope.into();
        for capability in roster::capabilities(agent) {
            if let Some(contract) = file::Contract::of(of.contracts, &capability) {
                entry = entry.contract(&capability.to_string(), said(contract));
            }
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// What a team file says of a capability.
fn said(contract: &file::Contract) -> Contract {
    let file::Contract { input, output } = contract.clone();
    let said = Contract::anything();
    let said = input.into_iter().fold(said, Contract::input);
    output.into_iter().fold(said, Contract::output)
}

fn member(name: &str, agent: &Agent, of: Said<'_>, outside: &Outside) -> Result<AgentEntry, Error> {
    let timeout = agent.common().timeout.map(|it| Duration::from_millis(it.as_ms()));
    let (port, timeout): (Arc<dyn Port>, _) = match agent {
        Agent::Builtin(builtin) => {
            let (agent, function) = (name.to_owned(), builtin.function.clone());
            let known = catalogue::builtin(&function);
            let known = known.ok_or(Error::NoBuiltin { agent, function })?;
            let settings = catalogue::Settings { root: builtin.root.as_ref().map(Into::into) };
            let unfit = |why| Error::Builtin { agent: name.to_owned(), why };
            (known.agent(&settings).map_err(unfit)?, timeout)
        }
        // Its own clock stops while it waits for others.
        Agent::Command(command) => (program(command, &serves(agent)), None),
        // A question waits for its own deadline, and for nothing else.
        Agent::Human(human) => {
            let deadline = Duration::from_millis(human.deadline.as_ms());
            (Arc::new(Human::new(name, deadline, outside.inbox.clone())), None)
        }
        #[cfg(feature = "llm")]
        Agent::Llm(said) => (llm::agent(name, said, of, outside)?, timeout),
        #[cfg(not(feature = "llm"))]
        Agent::Llm(_) => {
            // Only models ask what a tool takes, have a rate, or somebody who thinks for them.
            let _ = (of.contracts, of.models, &outside.llm);
            return Err(Error::Kind { agent: name.to_owned(), kind: agent.kind() });
        }
        // Its calls are called off by its own clock.
        #[cfg(feature = "mcp")]
        Agent::Mcp(said) => (mcp::agent(name, said)?, None),
        #[cfg(not(feature = "mcp"))]
        Agent::Mcp(_) => {
            return Err(Error::Kind { agent: name.to_owned(), kind: agent.kind() });
        }
        Agent::Workflow(_) | Agent::A2a(_) => {
            return Err(Error::Kind { agent: name.to_owned(), kind: agent.kind() });
        }
    };
    let common = agent.common();
    let (price, serves) = (common.price_usd.as_micro_usd(), serves(agent));
    let member = Arc::new(Member { name: name.into(), agent: port, timeout, price });
    let serves: Vec<&str> = serves.iter().map(String::as_str).collect();
    let mut entry = AgentEntry::new(name, agent.kind(), &serves, common.slots, member);
    entry.spec.prefer = common.prefer;
    entry.spec.about = common.about.as_deref().map(Text::from);
    let labels = common.labels.iter();
    entry.spec.labels = labels.map(|(name, it)| (name.as_str().into(), it.into())).collect();
    if let Agent::Llm(file::Llm { model: Some(model), .. }) = agent {
        // So that it can be asked for, and what was spent be told by it: by the first of several,
        // where nobody says which was asked.
        let label = || kernel::Label::Text(model.first().into());
        entry.spec.labels.entry("model".into()).or_insert_with(label);
    }
    entry.spec.restart = common.restart.into();
    if let Some(shutdown) = common.shutdown {
        entry.spec.shutdown_ms = shutdown.as_ms();
    }
    let entry = match agent {
        // What they see is shown to a person, or sent to a model.
        Agent::Human(_) | Agent::Llm(_) => entry.sealed(),
        _ => entry.secrets(common.secrets.iter().filter_map(|it| it.parse().ok())),
    };
    Ok(match common.bus.clone() {
        Some(BusAccess { publish, subscribe }) => entry.bus_access(Access { publish, subscribe }),
        None => entry,
    })
}

fn serves(agent: &Agent) -> Vec<String> {
    roster::capabilities(agent).iter().map(ToString::to_string).collect()
}

fn program(said: &file::Command, serves: &[String]) -> Arc<dyn Port> {
    let mut program = Program::new(said.argv.clone());
    program.directory = said.dir.as_ref().map(Into::into);
    program.inherit.extend(said.env.iter().cloned());
    program.set.clone_from(&said.set);
    let format = |format| match format {
        Format::Json => command::Format::Json,
        Format::Text => command::Format::Text,
    };
    let protocol = match said.protocol {
        Protocol::Jsonl => command::Protocol::Jsonl,
        Protocol::Plain => {
            let (input, output) = (format(said.stdin), format(said.stdout));
            command::Protocol::Plain { input, output }
        }
    };
    let mut limits = command::Limits { grace_ms: said.grace.as_ms(), ..Default::default() };
    if let Some(timeout) = said.common.timeout {
        limits.wall_ms = Some(timeout.as_ms());
    }
    if let Some(memory) = said.memory {
        limits.memory_max_bytes = Some(memory.as_bytes());
    }
    if let Some(max) = said.output_max {
        let max = usize::try_from(max.as_bytes()).unwrap_or(usize::MAX);
        (limits.stdout_max_bytes, limits.line_max_bytes) = (max, max);
    }
    let (serves, slots) = (serves.to_vec(), said.common.slots);
    Arc::new(command::Command::new(command::Spec { program, protocol, serves, slots, limits }))
}

/// An agent in its place in a team: what it fails at is told with its name, and what the team file
/// says of its time and price holds.
struct Member {
    name: Text,
    agent: Arc<dyn Port>,
    /// Of one attempt; `None` where the agent minds its time itself.
    timeout: Option<Duration>,
    /// Of one attempt, in millionths of a dollar.
    price: u64,
}

/// Pays for one attempt, unless there is nothing left to pay with. That nothing is left after it is
/// said to whatever is paid next.
async fn pays(cx: &Context, price: Cost) -> Result<(), Failure> {
    let _aside = cx.set_aside(price).await?;
    match cx.spend(price).await {
        Err(failure) if failure.kind != FailureKind::OverBudget => Err(failure),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Port for Member {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let (name, agent) = (self.name.clone(), self.agent.clone());
        let (timeout, price) = (self.timeout, self.price);
        Box::pin(async move {
            if price > 0 {
                pays(&cx, Cost { money_micros: price, ..Cost::default() }).await?;
            }
            let work = agent.run(cx);
            let result = match timeout {
                None => work.await,
                Some(time) => match tokio::time::timeout(time, work).await {
                    Ok(result) => result,
                    Err(_) => {
                        let message = format!("it worked for {time:?}, which is its `timeout`");
                        Err(Failure::new(FailureKind::Timeout, message))
                    }
                },
            };
            result.map_err(|failure| told(&name, failure))
        })
    }

    fn start(&self, vitals: Vitals) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let started = self.agent.start(vitals).await;
            started.map_err(|failure| told(&self.name, failure))
        })
    }

    fn declares(&self) -> Vec<(String, Contract)> {
        self.agent.declares()
    }

    fn resize(&self, slots: u32) {
        self.agent.resize(slots);
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        self.agent.stop()
    }
}

/// A failure with the name of whose it is.
fn told(name: &str, failure: Failure) -> Failure {
    Failure { message: format!("agent `{name}`: {}", failure.message), ..failure }
}
