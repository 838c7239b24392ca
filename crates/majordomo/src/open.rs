//! Teams for Rust users: opened on a directory, or in memory.

use crate::data::DataDir;
use adapters::{blobs, journal};
use runtime::Stores;
use runtime::api::{self, AgentEntry, Handler, NativeAgent, StartError};
use runtime::port::Observer;
use std::path::Path;
use std::sync::Arc;

/// A team at work. Cheap to clone; dereferences to [`api::Team`], where its methods are.
///
/// ```
/// use majordomo::{Context, Result, Team, capability};
/// use std::time::Duration;
///
/// #[capability("text.count@1")]
/// async fn count(_: Context, text: String) -> Result<usize> {
///     Ok(text.split_whitespace().count())
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<()> {
/// let team = Team::in_memory().with(count).start().await?; // or Team::open(".majordomo")
/// assert_eq!(team.ask::<count>("to be or not to be").await?, 6);
/// assert_eq!(team.ask_value("text.count@1", &"to be".into()).await?, 2);
/// assert_eq!((team.agents().len(), team.open_tasks()), (1, 0));
/// team.drain(Duration::from_secs(10)).await; // what runs gets so long
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Team(api::Team);

/// A team in the making.
pub struct TeamBuilder {
    builder: api::TeamBuilder,
    data: Option<DataDir>,
}

impl Team {
    /// One that was started elsewhere.
    #[cfg(feature = "team")]
    pub(crate) fn of(team: api::Team) -> Team {
        Team(team)
    }

    /// A team whose journal stands in this directory. Unfinished work of an earlier process goes on
    /// when it starts.
    pub fn open(path: impl AsRef<Path>) -> TeamBuilder {
        Team::open_watched(path, Vec::new())
    }

    /// The same, watched by these observers.
    pub fn open_watched(path: impl AsRef<Path>, observers: Vec<Arc<dyn Observer>>) -> TeamBuilder {
        let data = DataDir::new(path);
        let stores = data.open().map(|stores| Stores { observers, ..stores });
        TeamBuilder { builder: builder(stores), data: Some(data) }
    }

    /// A team that forgets everything with the process; for tests and for work that may be lost.
    #[must_use]
    pub fn in_memory() -> TeamBuilder {
        Team::in_memory_watched(Vec::new())
    }

    /// The same, watched by these observers.
    #[must_use]
    pub fn in_memory_watched(observers: Vec<Arc<dyn Observer>>) -> TeamBuilder {
        let stores = Stores {
            journal: Box::new(journal::memory::Memory::new()),
            blobs: Arc::new(blobs::memory::Memory::new()),
            observers,
            restored: false,
        };
        TeamBuilder::on(Ok(stores))
    }
}

/// With the machine's calendar, where the feature that reads it is there.
fn builder(stores: Result<Stores, StartError>) -> api::TeamBuilder {
    let builder = api::TeamBuilder::new(stores).bus(Arc::new(adapters::bus::local::Local::new()));
    let builder = builder.secrets(Arc::new(adapters::secrets::Local));
    #[cfg(feature = "schema")]
    let builder = builder.schemas(Arc::new(adapters::schema::JsonSchemas));
    #[cfg(feature = "team")]
    let builder = builder.calendar(Arc::new(crate::calendar::System));
    builder
}

impl std::ops::Deref for Team {
    type Target = api::Team;
    fn deref(&self) -> &api::Team {
        &self.0
    }
}

impl TeamBuilder {
    /// A team on these stores.
    pub(crate) fn on(stores: Result<Stores, StartError>) -> TeamBuilder {
        TeamBuilder { builder: builder(stores), data: None }
    }

    /// Adds a Rust function, made a capability by `#[capability]`.
    #[must_use]
    pub fn with<H: Handler>(self, handler: fn() -> H) -> TeamBuilder {
        TeamBuilder { builder: self.builder.with(handler), ..self }
    }

    /// Adds an agent of a Rust type, made by `make` for each of its lives: at the start, and
    /// whenever its supervisor starts it again. What it needs, `make` has captured. It works on
    /// `slots` tasks at once; 1 if any of its methods takes `&mut self`.
    ///
    /// ```
    /// use majordomo::{Context, Result, Team, capability};
    ///
    /// struct Counter {
    ///     counted: usize,
    /// }
    ///
    /// #[capability]
    /// impl Counter {
    ///     #[capability("text.count@1")]
    ///     async fn count(&mut self, _: Context, text: String) -> Result<usize> {
    ///         self.counted += text.split_whitespace().count();
    ///         Ok(self.counted)
    ///     }
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<()> {
    /// let team = Team::in_memory().with_agent("counter", 1, || Counter { counted: 0 });
    /// let team = team.start().await?;
    /// let counter = team.agent::<Counter>("counter")?;
    /// counter.ask::<count>("to be").await?;
    /// assert_eq!(counter.ask::<count>("or not to be").await?, 6);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_agent<A: NativeAgent>(
        self,
        name: &str,
        slots: u32,
        make: impl Fn() -> A + Send + Sync + 'static,
    ) -> TeamBuilder {
        TeamBuilder { builder: self.builder.with_agent(name, slots, make), ..self }
    }

    /// Adds an agent of any kind.
    #[must_use]
    pub fn agent(self, entry: AgentEntry) -> TeamBuilder {
        TeamBuilder { builder: self.builder.agent(entry), ..self }
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub fn limits(self, limits: kernel::Limits) -> TeamBuilder {
        TeamBuilder { builder: self.builder.limits(limits), ..self }
    }

    /// Other bounds on what is stored.
    #[must_use]
    pub fn bounds(self, bounds: runtime::Bounds) -> TeamBuilder {
        TeamBuilder { builder: self.builder.bounds(bounds), ..self }
    }

    /// Who reads calendars and the wall clock for schedules; the machine's unless told otherwise.
    #[must_use]
    pub fn calendar(self, calendar: Arc<dyn runtime::port::Calendar>) -> TeamBuilder {
        TeamBuilder { builder: self.builder.calendar(calendar), ..self }
    }

    /// What carries messages between the agents; a bus of its own inside this process unless told
    /// otherwise.
    #[must_use]
    pub fn bus(self, bus: Arc<dyn runtime::port::Bus>) -> TeamBuilder {
        TeamBuilder { builder: self.builder.bus(bus), ..self }
    }

    /// Where secrets come from; the environment of this process, and the directory of files that
    /// it names, unless told otherwise.
    #[must_use]
    pub fn secrets(self, secrets: Arc<dyn runtime::port::Secrets>) -> TeamBuilder {
        TeamBuilder { builder: self.builder.secrets(secrets), ..self }
    }

    /// Who may publish and subscribe to what on the bus; within the own team unless it is said.
    #[must_use]
    pub fn bus_policy(self, policy: runtime::bus::Policy) -> TeamBuilder {
        TeamBuilder { builder: self.builder.bus_policy(policy), ..self }
    }

    /// What holds for the team: quotas, breakers, supervisors, and how agents are chosen.
    #[must_use]
    pub fn policies(self, policies: kernel::Policies) -> TeamBuilder {
        TeamBuilder { builder: self.builder.policies(policies), ..self }
    }

    /// What held goes on to hold: for whoever opens the data of a team without being that team.
    #[must_use]
    pub fn keep_policies(self) -> TeamBuilder {
        TeamBuilder { builder: self.builder.keep_policies(), ..self }
    }

    /// How an agent is chosen for one capability; the lowest load decides unless told otherwise.
    ///
    /// ```
    /// use majordomo::{Team, kernel::Policy};
    ///
    /// let explore_percent = 10;
    /// let team = Team::in_memory().route("code.review", Policy::BestRecord { explore_percent });
    /// # let _ = team;
    /// ```
    #[must_use]
    pub fn route(self, capability: &str, policy: kernel::Policy) -> TeamBuilder {
        TeamBuilder { builder: self.builder.route(capability, policy), ..self }
    }

    /// Opens the journal, takes up what is unfinished, and lets the agents join.
    ///
    /// # Errors
    /// The journal is held by another process, damaged, or cannot be written; an agent was refused.
    pub async fn start(self) -> Result<Team, StartError> {
        let team = self.builder.start().await?;
        if let Some(data) = self.data {
            let cleared = data.clear_restored();
            cleared.map_err(|why| StartError::Stores(why.to_string()))?;
        }
        Ok(Team(team))
    }
}
