//! `mcp` agents: the tools of a server of the Model Context Protocol as capabilities, without a
//! model.
//!
//! ```text
//!   task ─▶ tools/call ─▶ result        agent ─ session ─ link ─ stdio ─ process tree
//!            key, token   text or JSON             └ tool   rpc  └ http ─ address
//! ```
//!
//! A server is data like any other answer: what it asks for is refused, what it says is bounded,
//! and what its tools take and give is checked by their own schemas.
//!
//! ```no_run
//! use majordomo_adapters::agent::mcp::{Limits, Mcp, Served, Server, Spec};
//! use majordomo_adapters::process::Program;
//!
//! let server = Server::Program(Program::new(["uvx", "mcp-server-git"]));
//! let log = Served { tool: "git_log".into(), capability: "history.log@1".into() };
//! let spec = Spec { server, tools: vec![log], slots: 1, limits: Limits::default() };
//! let entry = Mcp::new(spec).entry("git"); // Ready to join a team.
//! assert_eq!(&*entry.spec.kind, "mcp");
//! ```
//!
//! Why our own client? The official one is well kept, and trimmed to what is used here it adds 47
//! seconds of computing to a release build that may take 300 on two cores, and 19 packages; with it
//! a malformed or an enormous message is passed over, where it has to end the server. What is
//! needed of the protocol is these files.

mod address;
mod ear;
mod fault;
mod headers;
#[cfg(test)]
mod hostile;
mod http;
mod life;
mod limits;
mod link;
mod rpc;
mod session;
mod stdio;
mod stream;
mod tool;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::Serves;
use runtime::api::{AgentEntry, Context, Contract, Failure};
use runtime::port::{Agent, BoxFuture, Secrets, Vitals};
use runtime::secret::Reference;
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub use address::Address;
pub use fault::Fault;
pub use limits::Limits;
pub use tool::Served;

use crate::process::{Census, Hurry, Patience, Program};
use crate::web::secret::Secret;
use ear::Ear;
use fault::failure;
use http::Http;
use life::Life;
use link::Link;
use session::Session;
use stdio::Stdio;

/// A server as an agent. Cheap to clone; clones share the server.
#[derive(Clone)]
pub struct Mcp {
    spec: Arc<Spec>,
    census: Census,
    state: Arc<Mutex<State>>,
}

/// What an `mcp` agent is made of.
#[derive(Clone)]
pub struct Spec {
    /// Where its server is.
    pub server: Server,
    /// The tools that it serves, and as what.
    pub tools: Vec<Served>,
    /// How many calls it makes at once; the runtime's slots.
    pub slots: u32,
    /// What it may use.
    pub limits: Limits,
}

/// Where a server is.
#[derive(Clone)]
pub enum Server {
    /// A program of ours that speaks over stdin and stdout.
    Program(Program),
    /// Somebody who speaks streamable HTTP.
    Remote {
        /// Where.
        address: Address,
        /// By which it knows us.
        token: Option<Token>,
    },
}

/// What is sent as `Authorization: Bearer`, read anew at each start.
#[derive(Clone)]
pub struct Token {
    /// Its name.
    pub reference: Reference,
    /// Who knows it.
    pub secrets: Arc<dyn Secrets>,
}

impl Token {
    async fn read(self, address: &Address) -> Result<Secret, Fault> {
        let from = self.reference.to_string();
        let reading = spawn_blocking(move || self.secrets.read(&self.reference)).await;
        let read = reading.unwrap_or_else(|_panicked| Err("it cannot be read".to_owned()));
        let secret = read.and_then(|it| Secret::new(&it, &from).map_err(|why| why.to_string()));
        secret.map_err(|why| Fault::Token { server: address.origin().to_owned(), why })
    }
}

#[derive(Default)]
struct State {
    /// The present life; none before the first and after the last.
    session: Option<Arc<Session>>,
    /// Ends the patience with a server that is being stopped.
    hurry: Option<Hurry>,
}

impl Mcp {
    /// An agent without a server yet: it comes with the start.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        Self { spec: Arc::new(spec), census: Census::new(), state: Arc::default() }
    }

    /// The agent under a name, ready to join a team.
    #[must_use]
    pub fn entry(self, name: &str) -> AgentEntry {
        let tools: Vec<&str> = self.spec.tools.iter().map(|it| it.capability.as_str()).collect();
        AgentEntry::new(name, "mcp", &tools, self.spec.slots, Arc::new(self.clone()))
    }

    /// How many process trees it has now.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.census.count()
    }

    async fn open(&self, vitals: Vitals, hurry: Hurry) -> Result<Session, Fault> {
        let Spec { server, tools, limits, .. } = &*self.spec;
        let life = Life::new(vitals);
        let link = match server {
            Server::Program(program) => {
                let (present, on_end) = (self.census.enter(), life.on_end());
                Link::Stdio(Stdio::start(program, limits, present, hurry, on_end).await?)
            }
            Server::Remote { address, token } => {
                let token = match token.clone() {
                    Some(token) => Some(token.read(address).await?),
                    None => None,
                };
                Link::Http(Http::new(address.clone(), token, limits))
            }
        };
        let session = Session::open(link, limits, tools).await?;
        life.is_up()?;
        Ok(session)
    }

    async fn call(&self, cx: Context) -> Result<Value, Fault> {
        let limits = &self.spec.limits;
        let session = self.lock().session.clone();
        let not_up = || Fault::NotUp { server: "its server".to_owned() };
        let session = session.ok_or_else(not_up)?;
        let tools = session.tools.iter();
        let will_do = tools.filter(|(it, _)| cx.asks_for(&it.capability, it.version));
        let tool = will_do.max_by_key(|(it, _)| it.version);
        let (_, tool) = tool.ok_or_else(not_up)?;
        let arguments = cx.input().clone();
        let marks = marks(&cx);
        let ear = Arc::new(Ear::new(cx.clone(), limits.said_max_bytes, limits.logs_max));
        cx.started();
        let calling = session.call(tool, arguments, marks, ear);
        let Some(call_ms) = limits.call_ms else { return calling.await };
        let late = |_| Err(Fault::TimedOut { tool: tool.name.clone(), call_ms });
        timeout(Duration::from_millis(call_ms), calling).await.unwrap_or_else(late)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Agent for Mcp {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let agent = self.clone();
        Box::pin(async move { agent.call(cx).await.map_err(failure) })
    }

    fn start(&self, vitals: Vitals) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.stop().await; // Nothing of a life before may be left.
            let hurry = Hurry::new();
            self.lock().hurry = Some(hurry.clone());
            let session = self.open(vitals, hurry).await.map_err(failure)?;
            self.lock().session = Some(Arc::new(session));
            Ok(())
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let (session, hurry) = {
                let mut state = self.lock();
                (state.session.take(), state.hurry.clone())
            };
            let _patience = hurry.map(Patience);
            if let Some(session) = session {
                session.end().await;
            }
            self.census.empty().await;
        })
    }

    fn declares(&self) -> Vec<(String, Contract)> {
        let Some(session) = self.lock().session.clone() else { return Vec::new() };
        let contract = |tool: &tool::Tool| {
            let said = Contract::anything().input(tool.input.clone());
            let said = tool.output.iter().cloned().fold(said, Contract::output);
            tool.about.iter().fold(said, |said, about| said.about(about))
        };
        let tools = session.tools.iter();
        let named = |it: &Serves| format!("{}@{}", it.capability, it.version);
        tools.map(|(serves, tool)| (named(serves), contract(tool))).collect()
    }
}

/// What goes with a call: for which task it is, the key that is the same on every attempt, and the
/// token that rises with each.
fn marks(cx: &Context) -> Map<String, Value> {
    let attempt = cx.attempt();
    let marks: [(&str, Value); 5] = [
        ("majordomo/key", cx.key().into()),
        ("majordomo/token", attempt.token.0.to_string().into()),
        ("majordomo/task", attempt.task.to_string().into()),
        ("majordomo/run", cx.run_id().to_string().into()),
        ("majordomo/attempt", cx.attempt_no().into()),
    ];
    marks.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
