//! A team file at work on a data directory: opened, joined, run, resumed, summed up, drained.
//!
//! ```text
//! definition ─▶ kept as a blob ─▶ agents join ─▶ run(args) ─▶ ticket ─▶ summary ─▶ drain
//!                    ▲                              │ kill -9
//!                    └────── pin of each run ◀── resume()
//! ```
//!
//! A run follows the definition it was started with, whatever has become of the file: the digest is
//! journaled with it, the definition's agents serve it in a scope of its own, and only an operator
//! moves it to another definition ([`Options::migrate`]).

mod leaving;
mod open;
mod past;
mod reload;
mod schedules;
mod scope;
mod summary;
mod topics;

pub use crate::crew::Error as AgentError;
pub use open::Error;
#[cfg(feature = "cli")]
pub(crate) use open::name;
pub(crate) use open::settle;
pub use reload::Reload;
pub use summary::{Summary, Worked};

pub use adapters::agent::human::{Answer, Inbox, Waiting};

use crate::alert::Watcher;
use crate::crew::Outside;
use crate::data::DataDir;
use crate::tally::Tally;
use crate::team::definitions::{Definition, Definitions};
use crate::team::file::TeamFile;
use crate::{Team, crew};
use kernel::{Budget, Command, Digest, TaskId, Terms, Versions};
use leaving::{Departures, Errands, Successors};
use runtime::Drained;
use runtime::api::{Failure, Pinned, SubmitOptions, Ticket};
use runtime::port::{Blobs, Llm, Observer};
use scope::Joined;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// How a session starts.
#[derive(Default)]
pub struct Options {
    /// Whoever else watches: views, a terminal.
    pub observers: Vec<Arc<dyn Observer>>,
    /// The team file: its directory is where relative directories begin, and its name without
    /// `.toml` is the team's where the file gives none.
    pub file: Option<PathBuf>,
    /// Which unfinished runs go over to the definition given here.
    pub migrate: Migrate,
    /// Whom agents that are models ask, instead of the providers that the environment sets up: a
    /// cassette, or what plays a script in a test.
    pub llm: Option<Arc<dyn Llm>>,
    /// The session is there for some runs and ends with them: the schedules of the file stay as
    /// they are.
    pub one_off: bool,
}

/// Which unfinished runs are moved to another definition when a session starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Migrate {
    /// None: each run keeps its own.
    #[default]
    Nothing,
    /// All of them.
    All,
    /// This one, by its root.
    Run(TaskId),
}

/// A data directory in use, with the agents of one or more definitions.
pub struct Session {
    team: Team,
    blobs: Arc<dyn Blobs>,
    definitions: Arc<Definitions>,
    tally: Arc<Tally>,
    /// What new runs follow; none in a session that only resumes.
    own: Option<Own>,
    joined: Mutex<Joined>,
    outside: Outside,
    notes: Vec<String>,
    /// Where the team file stands.
    file: Option<PathBuf>,
    departures: Arc<Departures>,
    errands: Mutex<Errands>,
    successors: Arc<Mutex<Successors>>,
    /// Tells whoever serves `notify` what has become a problem.
    watcher: Option<Watcher>,
}

/// The definition given at the start, or read since.
struct Own {
    definition: RwLock<Arc<Definition>>,
    /// The team's name.
    name: String,
    scope: String,
}

impl Own {
    /// What new runs follow.
    fn definition(&self) -> Arc<Definition> {
        self.definition.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on they follow this one.
    fn follow(&self, definition: Arc<Definition>) {
        *self.definition.write().unwrap_or_else(PoisonError::into_inner) = definition;
    }
}

impl Session {
    /// Opens the data directory and lets the definition's agents join. Agents whose programs are
    /// not on this machine are left out: see [`Session::notes`]. Unfinished runs of the same
    /// definition go on at once, those of others when [`Session::resume`] is called.
    ///
    /// # Errors
    /// The data cannot be opened, or the definition cannot run here.
    pub async fn start(
        definition: TeamFile,
        data: &DataDir,
        options: Options,
    ) -> Result<Session, Error> {
        Session::open(Some(definition), data, options).await
    }

    /// Opens the data directory to go on with what is unfinished there; call [`Session::resume`].
    ///
    /// # Errors
    /// The data cannot be opened.
    pub async fn reopen(data: &DataDir, options: Options) -> Result<Session, Error> {
        Session::open(None, data, options).await
    }

    /// The agents at work, and every door to them.
    #[must_use]
    pub fn team(&self) -> &Team {
        &self.team
    }

    /// The name of the team given at the start.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.name.as_str())
    }

    /// The team file, where one was given.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The scope of its agents: what a task must say in [`Terms::team`] to be served by them. The
    /// team's name, unless runs of an older definition of that name are still open.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.own.as_ref().map_or("", |own| own.scope.as_str())
    }

    /// What a task that asks for this is pinned to: the definition, if it is a run of the team.
    #[must_use]
    pub fn pin_of(&self, capability: &str) -> Option<Digest> {
        let own = self.own.as_ref().filter(|own| crew::capability(&own.name) == capability);
        own.map(|own| own.definition().digest)
    }

    /// What waits for a person.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.outside.inbox
    }

    /// Whom its agents turn to outside of it.
    pub(crate) fn outside(&self) -> &Outside {
        &self.outside
    }

    /// One line if agents were left out, and steps with them, for want of their programs.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Starts a run of the steps; expressions know the input as `args`. The receipt is durable on
    /// return.
    ///
    /// # Errors
    /// A refusal, or a session without a definition.
    pub async fn run(&self, args: Value) -> Result<Ticket, Failure> {
        self.run_with(args, SubmitOptions::default()).await
    }

    /// The same with a key or a deadline. The definition and, unless given, the budget are the
    /// team's.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub async fn run_with(&self, args: Value, options: SubmitOptions) -> Result<Ticket, Failure> {
        let own = self.own.as_ref().ok_or_else(|| {
            Failure::rejected("this session resumes only; start one with a team to run it")
        })?;
        let mut terms = Terms::new(crew::capability(&own.name));
        terms.versions = Versions::exactly(1);
        terms.team = own.scope.as_str().into();
        let definition = own.definition();
        let options = SubmitOptions {
            definition: Some(definition.digest),
            budget: Some(options.budget.unwrap_or_else(|| budget(&definition.file))),
            ..options
        };
        let input = runtime::canonical::to_bytes(&args)?;
        self.team.submit(terms, input, options).await
    }

    /// Takes up every unfinished run: the agents of its own definition join, and what was done is
    /// not done again. Gives the way to each outcome, oldest first.
    ///
    /// # Errors
    /// A definition that is gone or not of this version: its run waits, and the error says what to
    /// do. The others have been taken up.
    pub async fn resume(&self) -> Result<Vec<Ticket>, Error> {
        let (mut failed, mut seen) = (None, BTreeSet::new());
        // The latest first: where several definitions have had one scope, it is theirs. However
        // many runs follow one, its agents come once.
        for Pinned { pin, .. } in self.team.pinned().into_iter().rev() {
            if !seen.insert((pin.definition, pin.team.clone())) {
                continue;
            }
            if let Err(error) = self.join(pin.definition, &pin.team).await {
                failed.get_or_insert(error);
            }
        }
        let runs = self.team.open_runs();
        match failed {
            None => Ok(runs.into_iter().filter_map(|run| self.team.ticket(run)).collect()),
            Some(error) => Err(error),
        }
    }

    /// What has become of a run, from what is durable; `None` for one that nothing is known of.
    pub async fn summary(&self, run: TaskId) -> Option<Summary> {
        let figures = match self.tally.figures(run).filter(|it| it.tasks.accepted > 0) {
            Some(figures) => figures,
            None => self.figures_before(run).await?,
        };
        let blobs = self.blobs.clone();
        tokio::task::spawn_blocking(move || Summary::of(run, figures, &*blobs)).await.ok()
    }

    /// Ends in order: what runs gets `grace`, what is left goes on at the next start. Nobody comes
    /// any more in the place of one who leaves.
    pub async fn drain(&self, grace: Duration) -> Drained {
        self.errands.lock().await.abort_all();
        self.team.drain(grace).await
    }

    /// Moves runs to the definition of this session.
    async fn migrate(&self, which: Migrate, definition: Digest) -> Result<(), Failure> {
        for Pinned { run, pin, .. } in self.team.pinned() {
            let chosen = match which {
                Migrate::Nothing => false,
                Migrate::All => true,
                Migrate::Run(only) => only == run,
            };
            if chosen && pin.definition != definition {
                self.team.command(Command::Migrate { run, definition }).await?;
            }
        }
        Ok(())
    }
}

/// What one run may use, everybody in it together.
fn budget(file: &TeamFile) -> Budget {
    let limits = &file.limits;
    Budget {
        money_micros: Some(limits.money_usd.as_micro_usd()),
        tokens: Some(limits.tokens),
        work_ms: Some(limits.working_time.as_ms()),
        tasks: Some(limits.tasks),
        calls: limits.calls,
    }
}
