//! `command` agents: programs in any language, one process per task (*plain*) or resident
//! (*jsonl*).
//!
//! ```text
//!   plain   stdin ▶ program ▶ stdout
//!   jsonl   attempt ─ pool ─ resident ─ wire
//!             └─ hearing ─ aboard └─ beat
//! ```
//!
//! What is enforced, and what is not: see [`Limits`] and `docs/wire.md`. The process
//! trees themselves are those of [`crate::process`].

mod aboard;
mod attempt;
mod beat;
mod fault;
mod hearing;
mod host;
mod limits;
mod plain;
mod pool;
mod resident;
mod serve;
pub mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime::api::AgentEntry;
use runtime::port::Vitals;
use serde_json::Value;

pub use crate::process::{
    Bounds, Census, ENVIRONMENT, LaunchError, Pipes, Present, Process, Program, VARIABLE, sweep,
};
pub use fault::{Fault, Meaning, meaning};
pub use host::{Assignment, Feed, Host, Later, News, Writing};
pub use limits::Limits;
pub use plain::Format;

use crate::process::output::Tail;
use crate::process::{Hurry, Patience};
use pool::Pool;
use resident::About;

/// A program that is an agent. Cheap to clone; clones share the processes.
#[derive(Clone)]
pub struct Command {
    spec: Arc<Spec>,
    census: Census,
    /// Of the *jsonl* protocol only.
    pool: Option<Arc<Pool>>,
    /// Ends the patience with *plain* processes that are being stopped; anew for each life.
    hurry: Arc<Mutex<Hurry>>,
}

/// What a `command` agent is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What to start.
    pub program: Program,
    /// How to speak with it.
    pub protocol: Protocol,
    /// The capabilities it is configured for, `name` or `name@version`. Programs know only names.
    pub serves: Vec<String>,
    /// How many tasks it works on at once; the runtime's slots. Of idle *jsonl* processes as many
    /// are kept.
    pub slots: u32,
    /// What it may use.
    pub limits: Limits,
}

/// How to speak with a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A process per attempt.
    Plain {
        /// How the input stands on stdin.
        input: Format,
        /// How the output stands on stdout.
        output: Format,
    },
    /// Resident processes; see [`wire`].
    Jsonl,
}

impl Spec {
    /// A *plain* agent with JSON both ways, one slot and the default limits.
    pub fn plain(program: Program, serves: &[&str]) -> Self {
        let protocol = Protocol::Plain { input: Format::Json, output: Format::Json };
        let serves = serves.iter().map(ToString::to_string).collect();
        Self { program, protocol, serves, slots: 1, limits: Limits::default() }
    }

    /// A *jsonl* agent with one slot and the default limits.
    pub fn jsonl(program: Program, serves: &[&str]) -> Self {
        Self { protocol: Protocol::Jsonl, ..Self::plain(program, serves) }
    }
}

/// How an attempt ended that gave no output.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The program misbehaved or died.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The program itself said that the task failed (*jsonl*).
    #[error("{}: {}", .0.kind, .0.message)]
    Reported(wire::Failure),
}

impl Command {
    /// An agent without any process yet: they come with [`Command::start`], or when a task needs
    /// one.
    pub fn new(spec: Spec) -> Self {
        let census = Census::new();
        let about = || About {
            program: spec.program.clone(),
            limits: spec.limits.clone(),
            serves: spec.serves.iter().map(|serves| name_of(serves).to_owned()).collect(),
        };
        let slots = usize::try_from(spec.slots).unwrap_or(usize::MAX);
        let pool =
            (spec.protocol == Protocol::Jsonl).then(|| Pool::new(about(), census.clone(), slots));
        let hurry = Arc::new(Mutex::new(Hurry::new()));
        Self { spec: Arc::new(spec), census, pool, hurry }
    }

    /// What it is made of.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The agent under a name, ready to join a team.
    pub fn entry(self, name: &str) -> AgentEntry {
        let serves: Vec<&str> = self.spec.serves.iter().map(String::as_str).collect();
        AgentEntry::new(name, "command", &serves, self.spec.slots, Arc::new(self.clone()))
    }

    /// How many process trees it has now, idle ones included.
    pub fn processes(&self) -> usize {
        self.census.count()
    }

    /// Has the program work on a task. The future may be dropped at any await: the work is then
    /// ended in the background, and what [`Host::hold`] gave is dropped when that is done.
    pub async fn attempt(&self, host: impl Host, work: Assignment) -> Result<Value, Ended> {
        match (&self.pool, self.spec.protocol) {
            (Some(pool), _) => attempt::serve(pool, host, work).await,
            (None, Protocol::Plain { input, output }) => {
                Ok(self.plain(host, work, input, output).await?)
            }
            (None, Protocol::Jsonl) => unreachable!("`new` makes a pool for this protocol"),
        }
    }

    /// A life begins: a *jsonl* agent has its processes on return, and `vitals` hears of those that
    /// die, or fall silent. It never starts one again by itself.
    pub async fn start(&self, vitals: Vitals) -> Result<(), Fault> {
        *self.lock_hurry() = Hurry::new();
        match &self.pool {
            Some(pool) => pool.start(vitals).await,
            None => Ok(()),
        }
    }

    /// Has so many slots from now on. Must be called on a tokio runtime.
    pub fn resize(&self, slots: u32) {
        if let Some(pool) = &self.pool {
            pool.resize(usize::try_from(slots).unwrap_or(usize::MAX));
        }
    }

    /// Ends the resident processes and returns when no process of any attempt is left. Whoever runs
    /// attempts must have dropped or finished them. Dropped before, it waits for nobody any longer:
    /// KILL.
    pub async fn stop(&self) {
        let Some(pool) = &self.pool else {
            let _patience = Patience(self.lock_hurry().clone());
            return self.census.empty().await;
        };
        pool.close().await;
    }

    fn lock_hurry(&self) -> MutexGuard<'_, Hurry> {
        self.hurry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn plain(
        &self,
        host: impl Host,
        work: Assignment,
        input: Format,
        output: Format,
    ) -> Result<Value, Fault> {
        let Spec { program, limits, .. } = &*self.spec;
        let variables = variables(&work);
        let present = self.census.enter();
        let (mut process, pipes) =
            Process::start(program, &variables, limits, (present, host.hold())).await?;
        process.hasten_by(&self.lock_hurry());
        let story = Tail::new(limits.stderr_tail_bytes);
        let input = input.write(&work.input);
        let job = plain::Job { program, limits, input, output, story: story.clone() };
        let result = plain::follow(job, process, pipes).await;
        for line in story.text().lines() {
            host.log("info", line);
        }
        result
    }
}

/// The name of a capability, its version apart.
fn name_of(capability: &str) -> &str {
    capability.split_once('@').map_or(capability, |(name, _version)| name)
}

/// What a *plain* process finds in its environment.
fn variables(work: &Assignment) -> BTreeMap<String, String> {
    let Assignment { task, token, attempt, run, key, capability, input: _ } = work;
    let attempt_no = attempt.to_string();
    [
        ("MAJORDOMO_TASK", task),
        ("MAJORDOMO_TOKEN", token),
        ("MAJORDOMO_ATTEMPT_NO", &attempt_no),
        ("MAJORDOMO_RUN", run),
        ("MAJORDOMO_KEY", key),
        ("MAJORDOMO_CAPABILITY", capability),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_string(), value.clone()))
    .collect()
}
