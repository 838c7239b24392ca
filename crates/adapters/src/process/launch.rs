//! Starting a process: an argument vector, a chosen environment, a directory, three pipes.
//!
//! Every process is started by one thread that lives as long as this program, because Linux sends
//! the parent-death signal when the *thread* that forked ends, and a runtime's threads come and go.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;

use rustix::process::Pid;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::{child, marker, members};

/// Variables a process gets from the orchestrator's own environment unless told otherwise: what
/// programs need to find others, their home, and the user's language. No secret is among them.
pub const ENVIRONMENT: [&str; 9] =
    ["PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV"];

/// What to start, and in which surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments, handed over as they are: no shell reads them. A program
    /// without a slash is looked up in `PATH`.
    pub argv: Vec<String>,
    /// The working directory; `None`: that of the orchestrator.
    pub directory: Option<PathBuf>,
    /// Names of variables handed on from the orchestrator's environment, if they are set there.
    pub inherit: Vec<String>,
    /// Variables set for the process. They win over inherited ones; names that begin with
    /// `MAJORDOMO_` are overwritten by ours.
    pub set: BTreeMap<String, String>,
}

impl Program {
    /// This argument vector in the default surroundings.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            directory: None,
            inherit: ENVIRONMENT.map(String::from).to_vec(),
            set: BTreeMap::new(),
        }
    }

    /// The name by which messages speak of it.
    pub(crate) fn name(&self) -> &str {
        self.argv.first().map_or("(nothing)", String::as_str)
    }

    fn command(&self, variables: &BTreeMap<String, String>) -> Option<Command> {
        let (program, arguments) = self.argv.split_first()?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        for name in &self.inherit {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&self.set).envs(variables);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Some(command)
    }
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The argument vector is empty.
    #[error("argv is empty; name the program to start")]
    Nothing,
    /// The system refused.
    #[error("cannot start {program} ({source}); is it installed, executable and on PATH?")]
    Refused {
        /// The program, as configured.
        program: String,
        /// The system's words.
        source: io::Error,
    },
    /// The thread that starts processes is not there.
    #[error("cannot start {program}: this program has no thread left to start it from")]
    NoThread {
        /// The program, as configured.
        program: String,
    },
}

/// Starts it; what dead orchestrators left behind is killed before the first start.
pub(crate) async fn start(
    program: &Program,
    variables: &BTreeMap<String, String>,
    memory_max_bytes: Option<u64>,
) -> Result<Child, Error> {
    let mut command = program.command(variables).ok_or(Error::Nothing)?;
    let parent = Pid::from_raw(std::process::id().cast_signed()).expect("pids are positive");
    child::prepare(command.as_std_mut(), parent, memory_max_bytes);
    let (answer, answered) = oneshot::channel();
    let job = Job { command, runtime: Handle::current(), answer };
    let no_thread = || Error::NoThread { program: program.name().into() };
    spawner().ok_or_else(no_thread)?.send(job).await.map_err(|_| no_thread())?;
    let started = answered.await.map_err(|_| no_thread())?;
    started.map_err(|source| Error::Refused { program: program.name().into(), source })
}

struct Job {
    command: Command,
    /// Whose reactor will watch the pipes.
    runtime: Handle,
    answer: oneshot::Sender<io::Result<Child>>,
}

/// The thread's inbox; `None` when the system would not give us a thread.
fn spawner() -> Option<&'static mpsc::Sender<Job>> {
    static SPAWNER: OnceLock<Option<mpsc::Sender<Job>>> = OnceLock::new();
    let start = || {
        let (sender, mut jobs) = mpsc::channel::<Job>(64);
        let work = move || {
            members::sweep();
            while let Some(mut job) = jobs.blocking_recv() {
                let _reactor = job.runtime.enter();
                // Nobody waits for it any more: the child is dropped here, which kills it.
                let _unwanted = job.answer.send(job.command.kill_on_drop(true).spawn());
            }
        };
        std::thread::Builder::new().name("majordomo-spawner".into()).spawn(work).ok()?;
        Some(sender)
    };
    SPAWNER.get_or_init(start).as_ref()
}

/// The variables that tell a process whose it is.
pub(crate) fn marked(marker: &marker::Marker) -> BTreeMap<String, String> {
    BTreeMap::from([(marker::VARIABLE.to_string(), marker.value())])
}
