//! A team of one agent, which is the played server, and everything that it lets anybody know.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapters::agent::mcp::{Limits, Mcp, Served, Server, Spec};
use adapters::process::{Process, Program};
use adapters::schema::JsonSchemas;
use adapters::{blobs, journal};
use kernel::{Entry, Outcome, RetryPolicy, Terms};
use runtime::Stores;
use runtime::api::{AgentEntry, StartError, SubmitOptions, Team, TeamBuilder, Ticket};
use runtime::port::journal::Seq;
use runtime::port::observer::{Note, Observer, Said};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::stage::Stage;

/// The server and whoever asks it.
pub(crate) struct Play {
    pub(crate) stage: Stage,
    pub(crate) mcp: Mcp,
    pub(crate) team: Team,
    pub(crate) notes: Arc<Notes>,
    /// Where the server is no program of the agent.
    pub(crate) site: Option<Process>,
}

/// What agents say in passing.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn durable(&self, _: Seq, _: &Arc<[Entry]>) {}

    fn note(&self, note: &Note) {
        let said = match &note.what {
            Said::Progress { fraction, message } => format!("{fraction:?} {message}"),
            Said::Log { level, message, .. } => format!("{level:?} {message}"),
            Said::Partial { .. } | Said::Text { .. } => format!("{:?}", note.what),
        };
        self.0.lock().unwrap().push(said);
    }
}

impl Notes {
    pub(crate) fn said(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Limits short enough for a test and long enough for a busy machine.
pub(crate) fn limits() -> Limits {
    Limits { grace_ms: 2_000, start_ms: 20_000, ..Limits::default() }
}

/// The server, with these tools as `files.TOOL`.
pub(crate) fn server(stage: &Stage, wants: &Value, tools: &[&str], limits: Limits) -> Mcp {
    let server = Server::Program(program(stage, wants));
    Mcp::new(Spec { server, tools: self::tools(tools), slots: 4, limits })
}

/// The played server as a program.
pub(crate) fn program(stage: &Stage, wants: &Value) -> Program {
    let mut program = stage.python(include_str!("server.py"));
    program.argv.push(wants.to_string());
    program
}

/// These tools as `files.TOOL`.
pub(crate) fn tools(tools: &[&str]) -> Vec<Served> {
    let served = |tool: &&str| Served {
        tool: (*tool).to_owned(),
        capability: format!("files.{}@1", tool.replace(' ', "_")),
    };
    tools.iter().map(served).collect()
}

pub(crate) fn builder(notes: &Arc<Notes>) -> TeamBuilder {
    let stores = Stores {
        journal: Box::new(journal::memory::Store::default().take_over()),
        blobs: Arc::new(blobs::memory::Memory::new()),
        observers: vec![notes.clone()],
        restored: false,
    };
    TeamBuilder::new(Ok(stores)).schemas(Arc::new(JsonSchemas))
}

impl Play {
    pub(crate) async fn of(wants: Value, tools: &[&str]) -> Self {
        Self::limited(wants, tools, limits()).await
    }

    pub(crate) async fn limited(wants: Value, tools: &[&str], limits: Limits) -> Self {
        Self::start(wants, tools, limits).await.unwrap()
    }

    pub(crate) async fn start(
        wants: Value,
        tools: &[&str],
        limits: Limits,
    ) -> Result<Self, StartError> {
        let (stage, notes) = (Stage::new(), Arc::new(Notes::default()));
        let mcp = server(&stage, &wants, tools, limits);
        let entry: AgentEntry = mcp.clone().entry("files");
        let team = builder(&notes).agent(entry).start().await;
        match team {
            Ok(team) => Ok(Self { stage, mcp, team, notes, site: None }),
            Err(why) => {
                stage.empty().await; // Whoever did not come up leaves nobody behind.
                Err(why)
            }
        }
    }

    pub(crate) async fn submit(&self, tool: &str, input: Value, attempts_max: u32) -> Ticket {
        let mut terms = Terms::new(format!("files.{tool}"));
        terms.retry = RetryPolicy { attempts_max, base_ms: 1, cap_ms: 1 };
        let input = serde_json::to_vec(&input).unwrap();
        self.team.submit(terms, input, SubmitOptions::default()).await.unwrap()
    }

    /// A call of one tenant.
    pub(crate) async fn submit_as(&self, tenant: &str, tool: &str, input: Value) -> Ticket {
        let terms = Terms { tenant: tenant.into(), ..Terms::new(format!("files.{tool}")) };
        let input = serde_json::to_vec(&input).unwrap();
        self.team.submit(terms, input, SubmitOptions::default()).await.unwrap()
    }

    /// What a tool gives.
    pub(crate) async fn ask(&self, tool: &str, input: Value) -> Value {
        let ticket = self.submit(tool, input, 1).await;
        timeout(Duration::from_secs(20), ticket.outcome()).await.expect("it ends").unwrap()
    }

    /// How a tool fails that is called once.
    pub(crate) async fn fails(&self, tool: &str, input: Value) -> kernel::Failure {
        let ticket = self.submit(tool, input, 1).await;
        let settled = timeout(Duration::from_secs(20), ticket.settled()).await;
        let outcome = settled.expect("it ends").unwrap();
        let (Outcome::Failed(failure) | Outcome::Dead(failure)) = &*outcome else {
            panic!("{tool}: {outcome:?}")
        };
        failure.clone()
    }

    /// The number of the server's process.
    pub(crate) async fn pid(&self) -> u64 {
        self.ask("pid", json!({})).await.as_str().unwrap().parse().unwrap()
    }

    /// The agent leaves.
    pub(crate) async fn leave(&self) {
        self.team.leave("files").await.unwrap();
    }

    /// Ends all of it, the server as well.
    pub(crate) async fn end_site(self) {
        assert_eq!(self.team.drain(Duration::from_millis(10)).await.agents_left, 0);
        drop(self.site);
        self.stage.empty().await;
    }

    /// Ends all of it, and sees that nobody is left.
    pub(crate) async fn end(self) {
        assert_eq!(self.team.drain(Duration::from_millis(10)).await.agents_left, 0);
        assert_eq!((self.mcp.processes(), self.stage.alive()), (0, Vec::<u32>::new()));
    }
}
