//! Opens a session: stores, one replay, pins, limits, listeners, runtime, agents, in this order.

use super::leaving::Departures;
use super::scope::{Joined, scope_of};
use super::{Inbox, Migrate, Options, Own, Session};
use crate::alert::{Feed, Watcher};
use crate::crew::Outside;
use crate::data::DataDir;
use crate::tally::Tally;
use crate::team::definitions::{self, Definition, Definitions};
use crate::team::file::TeamFile;
use crate::team::roster::{self, ThisMachine};
use crate::{Team, crew};
use kernel::{Limits, State};
use runtime::Replayed;
use runtime::api::{Failure, Pinned, StartError, TeamBuilder};
use runtime::port::Llm;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// The longest key of a task: the name of a step, and a path.
const NAME_MAX_BYTES: usize = 2_048;

/// Why a session cannot start or resume.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data directory cannot be used, or an agent was refused.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The definition cannot be kept, read, or turned into a plan.
    #[error(transparent)]
    Definition(#[from] definitions::Error),
    /// An agent of the definition cannot run here.
    #[error(transparent)]
    Crew(#[from] crew::Error),
    /// What the definition says of its team was refused.
    #[error(
        "what the team file says of breakers, routing, limits and supervisors cannot hold: {0}"
    )]
    Policies(String),
    /// A schedule of the definition was refused.
    #[error("schedule `{name}`: {why}")]
    Schedule {
        /// Its name.
        name: String,
        /// Why, and what to do.
        why: String,
    },
    /// A durable topic of the definition was refused.
    #[error("topic `{name}`: {why}")]
    Topic {
        /// Its subject.
        name: String,
        /// Why, and what to do.
        why: String,
    },
    /// What goes into a capability, or comes out of it, would change under those at work.
    #[error(
        "the schemas of {capability} have changed, and agents and runs rely on them: give what has \
         changed a new version, as in `serves = [\"name@2\"]`, or end this team and start it anew"
    )]
    Contract {
        /// Which, with its version.
        capability: String,
    },
    /// A run cannot be moved to another definition.
    #[error("the run was not moved: {0}")]
    Migrate(String),
    /// There is no definition to be changed.
    #[error("no team is at work here whose file could be read anew: start `majordomo up TEAM`")]
    NoTeam,
    /// The definition is that of another team.
    #[error(
        "the file is that of the team `{other}`, and `{own}` is at work here: say \
         `name = \"{own}\"` in it if it is the same team, or end this one and start the other"
    )]
    OtherTeam {
        /// Who is at work.
        own: String,
        /// Whose file it is.
        other: String,
    },
    /// The process is about to end.
    #[error("the program is ending")]
    Ended,
}

impl Session {
    pub(super) async fn open(
        file: Option<TeamFile>,
        data: &DataDir,
        options: Options,
    ) -> Result<Session, Error> {
        let Options { observers, file: path, migrate, llm, one_off } = options;
        let mut stores = data.open()?;
        let blobs = stores.blobs.clone();
        stores.observers = observers;
        let replayed = Replayed::of(stores).map_err(StartError::from)?;
        let definitions = Arc::new(Definitions::new(blobs.clone()));
        let (mut own, mut notes) = (None, Vec::new());
        if let Some(file) = file {
            let name = name(&file, path.as_deref());
            let settled = settle(file, path.clone(), llm.clone(), &mut notes);
            notes.extend(crew::missing_secrets(&settled.agents));
            own = Some((name, definitions.keep(settled)?));
        }
        let state = replayed.state();
        let limits = limits(state, &definitions, own.as_ref().map(|(_, it)| &**it));
        // What was before is counted where a run is unfinished.
        let tally = Arc::new(Tally::new(state.tasks().map(|task| (task.id, task.run))));
        let feed = Arc::new(Feed::new(state));
        let replayed = replayed.watched_by(tally.clone()).map_err(StartError::from)?;
        let replayed = replayed.watched_by(feed.clone()).map_err(StartError::from)?;
        let departures = Arc::new(Departures::default());
        let replayed = replayed.watched_by(departures.clone()).map_err(StartError::from)?;
        let bus = Arc::new(adapters::bus::local::Local::new());
        let builder = TeamBuilder::after(replayed).limits(limits).bus(bus).bounds(data.bounds());
        let builder = builder.schemas(Arc::new(adapters::schema::JsonSchemas));
        let builder = builder.secrets(Arc::new(adapters::secrets::Local));
        let team = builder.calendar(Arc::new(crate::calendar::System)).start().await?;
        data.clear_restored().map_err(|why| StartError::Stores(why.to_string()))?;
        let (team, joined) = (Team::of(team), Mutex::new(Joined::default()));
        let (own_yet, errands) = (None, Mutex::default());
        let outside = Outside { inbox: Inbox::default(), llm };
        let successors = Arc::default();
        let file = path.and_then(|path| std::path::absolute(path).ok());
        let mut session = Session {
            team,
            blobs,
            definitions,
            tally,
            own: own_yet,
            joined,
            outside,
            notes,
            file,
            departures,
            errands,
            successors,
            watcher: None,
        };
        if let Some((name, definition)) = own
            && let Err(why) = session.take_on(name, definition, migrate, one_off).await
        {
            session.drain(Duration::ZERO).await; // The journal must not stay held by nobody.
            return Err(why);
        }
        session.watcher = Some(Watcher::start(session.team.clone(), feed, session.scope()));
        Ok(session)
    }

    /// The definition of this session: runs move to it, its agents join.
    async fn take_on(
        &mut self,
        name: String,
        definition: Arc<Definition>,
        migrate: Migrate,
        one_off: bool,
    ) -> Result<(), Error> {
        let digest = definition.digest;
        let moved = self.migrate(migrate, digest).await;
        moved.map_err(|why: Failure| Error::Migrate(why.message))?;
        let scope = scope_of(&name, digest, &self.team.pinned());
        self.forget_old_scopes(&name, &scope).await?;
        self.set_topics(&definition.file).await?;
        let definition = RwLock::new(definition);
        self.own = Some(Own { definition, name, scope: scope.clone() });
        self.join(digest, &scope).await?;
        match self.own.as_ref().filter(|_| !one_off) {
            Some(own) => self.set_schedules(own, &own.definition().file).await,
            None => Ok(()),
        }
    }
}

/// What the team is called.
pub(crate) fn name(file: &TeamFile, path: Option<&Path>) -> String {
    let stem = path.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    file.name.clone().or(stem).unwrap_or_else(|| "team".to_owned())
}

/// The definition as it can run on this machine, wherever it is resumed.
pub(crate) fn settle(
    file: TeamFile,
    path: Option<PathBuf>,
    llm: Option<Arc<dyn Llm>>,
    notes: &mut Vec<String>,
) -> TeamFile {
    let roster = roster::settle(file, &ThisMachine::now().asking(llm));
    notes.extend(roster.notes);
    let mut file = roster.definition;
    let directory = path.as_deref().and_then(Path::parent);
    // That of `team.toml` is empty, and an empty path cannot be made absolute.
    let directory = directory.filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let absolute = std::path::absolute(directory);
    crew::anchor(&mut file, absolute.as_deref().unwrap_or(directory));
    file
}

/// The widest of all definitions that are at work; what one run may use stands in its budget. A pin
/// that cannot be read is told when its run is taken up.
fn limits(state: &State, definitions: &Definitions, own: Option<&Definition>) -> Limits {
    let pinned = Pinned::all(state);
    let pinned = pinned.iter().filter_map(|it| definitions.get(it.pin.definition).ok());
    let mut limits = Limits { name_max_bytes: NAME_MAX_BYTES, ..Limits::default() };
    let mut widen = |file: &TeamFile| {
        limits.depth_max = limits.depth_max.max(file.limits.depth);
        let steps = u32::try_from(file.limits.tasks).unwrap_or(u32::MAX);
        limits.steps_max = limits.steps_max.max(steps);
    };
    pinned.for_each(|it| widen(&it.file));
    own.into_iter().for_each(|it| widen(&it.file));
    limits
}
