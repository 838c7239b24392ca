//! A team: agents that have joined a runtime, and the doors through which work comes in.

use super::handles::NativeAgent;
use super::messages::Aboard;
use super::versions::asked;
use super::{
    AgentEntry, Capability, Failure, Handler, IntoInput, Pinned, SubmitOptions, Ticket, ticket,
};
use crate::bounds::Bounds;
use crate::canonical;
use crate::drain::Drained;
use crate::inbox::Then;
use crate::life;
use crate::port::{BoxFuture, Calendar, Schemas, Secrets};
use crate::recover::{self, Replayed, Stores};
use crate::turn::Runtime;
use crate::vitals::Vitals;
use kernel::{Answer, Command, Limits, Policies, Policy, TaskId, Terms};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// How many tasks a Rust function works on at once unless told otherwise.
const SLOTS_DEFAULT: u32 = 64;

/// A team in the making.
pub struct TeamBuilder {
    origin: Origin,
    limits: Limits,
    bounds: Bounds,
    calendar: Option<Arc<dyn Calendar>>,
    agents: Vec<AgentEntry>,
    policies: Option<Policies>,
    pub(super) schemas: Option<Arc<dyn Schemas>>,
    pub(super) secrets: Option<Arc<dyn Secrets>>,
    pub(super) aboard: Aboard,
}

/// Where a team keeps its things: still to be read, or read already.
enum Origin {
    Stores(Box<Result<Stores, StartError>>),
    Replayed(Box<Replayed>),
}

/// Why a team could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The runtime could not be opened.
    #[error(transparent)]
    Open(#[from] recover::Error),
    /// The place for its data could not be used.
    #[error("{0}")]
    Stores(String),
    /// What is to hold for the team was refused.
    #[error("these policies cannot hold: {0}")]
    Policies(String),
    /// An agent was refused.
    #[error("agent {name} cannot join: {why}")]
    Join {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
}

impl TeamBuilder {
    /// A team that keeps its things in these stores. What holds for it is what is said here,
    /// whatever held before.
    #[must_use]
    pub fn new(stores: Result<Stores, StartError>) -> TeamBuilder {
        let builder = TeamBuilder::from(Origin::Stores(Box::new(stores)));
        TeamBuilder { policies: Some(Policies::default()), ..builder }
    }

    /// A team that goes on from a journal that has been replayed. Unless policies are given, what
    /// held goes on.
    #[must_use]
    pub fn after(replayed: Replayed) -> TeamBuilder {
        TeamBuilder::from(Origin::Replayed(Box::new(replayed)))
    }

    fn from(origin: Origin) -> TeamBuilder {
        TeamBuilder {
            origin,
            limits: Limits::default(),
            bounds: Bounds::default(),
            calendar: None,
            agents: Vec::new(),
            policies: None,
            schemas: None,
            secrets: None,
            aboard: Aboard::default(),
        }
    }

    /// Adds a Rust function, made a capability by `#[capability]`.
    #[must_use]
    pub fn with<H: Handler>(self, handler: fn() -> H) -> TeamBuilder {
        self.agent(AgentEntry::native(H::NAME, SLOTS_DEFAULT, handler))
    }

    /// Adds an agent of a Rust type, by the factory for its lives. It works on `slots` tasks at
    /// once; 1 if any of its methods takes `&mut self`.
    #[must_use]
    pub fn with_agent<A: NativeAgent>(
        self,
        name: &str,
        slots: u32,
        make: impl Fn() -> A + Send + Sync + 'static,
    ) -> TeamBuilder {
        self.agent(AgentEntry::stateful(name, slots, make))
    }

    /// Adds an agent of any kind.
    #[must_use]
    pub fn agent(mut self, entry: AgentEntry) -> TeamBuilder {
        self.agents.push(entry);
        self
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> TeamBuilder {
        self.limits = limits;
        self
    }

    /// Other bounds on what is stored.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> TeamBuilder {
        self.bounds = bounds;
        self
    }

    /// Who reads calendars and the wall clock for schedules.
    #[must_use]
    pub fn calendar(mut self, calendar: Arc<dyn Calendar>) -> TeamBuilder {
        self.calendar = Some(calendar);
        self
    }

    /// What holds for the team: quotas, breakers, supervisors, and how agents are chosen. That is
    /// for the scope without a name, to which agents and tasks belong unless they say otherwise;
    /// for another see [`Team::configure_scope`].
    #[must_use]
    pub fn policies(mut self, policies: Policies) -> TeamBuilder {
        self.policies = Some(policies);
        self
    }

    /// What held goes on to hold: for whoever opens the data of a team without being that team.
    #[must_use]
    pub fn keep_policies(mut self) -> TeamBuilder {
        self.policies = None;
        self
    }

    /// How an agent is chosen for one capability; the lowest load decides unless told otherwise.
    #[must_use]
    pub fn route(mut self, capability: &str, policy: Policy) -> TeamBuilder {
        let policies = self.policies.get_or_insert_default();
        policies.capabilities.entry(capability.into()).or_default().routing = policy;
        self
    }

    /// Opens the journal, takes up what is unfinished, and lets the agents join.
    pub async fn start(self) -> Result<Team, StartError> {
        let TeamBuilder { origin, limits, bounds, calendar, agents, policies, .. } = self;
        let runtime = match origin {
            Origin::Stores(stores) => {
                Runtime::open_with((*stores)?, limits, &bounds, calendar).await?
            }
            Origin::Replayed(replayed) => replayed.open(limits, &bounds, calendar).await?,
        };
        let _ = runtime.inner.aboard.set(self.aboard); // Nobody else can have set these.
        if let Some(schemas) = self.schemas {
            let _ = runtime.inner.desk.contracts.port.set(schemas);
        }
        if let Some(secrets) = self.secrets {
            let _ = runtime.inner.desk.vault.port.set(secrets);
        }
        let team = Team { runtime };
        if let Some(policies) = policies
            && let Err(refused) = team.configure(policies).await
        {
            team.drain(Duration::ZERO).await; // The journal must not stay held by nobody.
            return Err(StartError::Policies(refused.message));
        }
        if let Err(refused) = team.join_all(agents).await {
            team.drain(Duration::ZERO).await; // The journal must not stay held by nobody.
            return Err(refused);
        }
        Ok(team)
    }
}

/// A team at work. Cheap to clone.
#[derive(Clone)]
pub struct Team {
    pub(crate) runtime: Runtime,
}

impl Team {
    /// The runtime beneath.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// An agent joins while the team is at work.
    pub async fn join(&self, entry: AgentEntry) -> Result<(), StartError> {
        self.join_all(vec![entry]).await
    }

    /// Agents join, one after the other; then those of them that advise are asked what an earlier
    /// process asked and was not told, so that they hear of everybody who came with them.
    ///
    /// # Errors
    /// An agent was refused: those before it are here, those after it are not.
    pub async fn join_all(&self, entries: Vec<AgentEntry>) -> Result<(), StartError> {
        for entry in entries {
            self.join_one(entry).await?;
        }
        self.runtime.ask_again();
        Ok(())
    }

    async fn join_one(&self, entry: AgentEntry) -> Result<(), StartError> {
        let spec = entry.spec.clone();
        let agent = self.hold_to(entry).await?;
        let name = spec.name.to_string();
        let vitals = Vitals::coming(&self.runtime);
        if let Err(failure) = agent.start(vitals.clone()).await {
            let why = self.runtime.inner.desk.vault.redactor.text(&failure.message);
            let why = format!("it did not start: {why}");
            return Err(StartError::Join { name, why });
        }
        let refused = agent.clone();
        let tokio = self.runtime.inner.tokio.clone();
        let grace = Duration::from_millis(spec.shutdown_ms);
        // Seated under the lock of the core, before the first grant to it can be performed.
        let seat: Then = Box::new(move |desk, verdict| {
            if let Ok(Answer::Joined(id)) = verdict {
                // Whoever sat there has left, and is let go of when that is performed or here.
                if let Some(before) = desk.seat(*id, agent) {
                    tokio.spawn(life::end(before, grace));
                }
            }
            None
        });
        let reply = self.runtime.send_then(Command::Join(Arc::new(spec)), seat);
        let why = match reply.await {
            Ok(Ok(answer)) => {
                self.vouch_for(&vitals, &answer);
                return Ok(());
            }
            Ok(Err(refusal)) => super::describe(&refusal),
            Err(_) => self.ended().message,
        };
        refused.stop().await;
        Err(StartError::Join { name, why })
    }

    /// From now on what the agent says of itself is heard.
    fn vouch_for(&self, vitals: &Vitals, answer: &Answer) {
        if let Answer::Joined(id) = answer {
            let life = |kernel: &kernel::Kernel| kernel.state().agent(*id).map(|it| it.life.number);
            let life = self.runtime.look(|kernel, _| life(kernel));
            vitals.joined(*id, life.unwrap_or_default());
        }
    }

    /// An agent leaves: what it holds is given to others, and what it keeps is ended.
    pub async fn leave(&self, name: &str) -> Result<(), Failure> {
        let id = self
            .agent_id(name)
            .ok_or_else(|| Failure::rejected(format!("there is no agent named {name}")))?;
        let agent = self.runtime.inner.desk.seated(id);
        self.command(Command::Leave(id)).await?;
        if let Some(agent) = agent {
            let grace = life::grace_of(&self.runtime, id);
            // The desk lets go of it too: then both wait for the same end.
            life::end(agent, grace).await;
        }
        Ok(())
    }

    /// Asks for a capability and waits for the answer.
    pub fn ask<C: Capability>(
        &self,
        input: impl IntoInput<C::Input>,
    ) -> BoxFuture<'_, Result<C::Output, Failure>> {
        let input = input.into_input();
        Box::pin(async move {
            self.submit_typed::<C>(input, SubmitOptions::default()).await?.outcome().await
        })
    }

    /// Asks for a capability by name, and waits for the answer: `text.count` is any version,
    /// `text.count@1` that one, and `text.count@>=1, <3` one of several; see [`asked`].
    pub async fn ask_value(&self, capability: &str, input: &Value) -> Result<Value, Failure> {
        let (name, versions) = asked(capability)?;
        let mut terms = Terms::new(name);
        terms.versions = versions;
        let input = canonical::to_bytes(input)?;
        self.submit(terms, input, SubmitOptions::default()).await?.outcome().await
    }

    /// The way to the outcome of a root task that is still open, after a restart for example.
    #[must_use]
    pub fn ticket(&self, task: TaskId) -> Option<Ticket> {
        let open = self.runtime.look(|kernel, _| {
            let open = kernel.state().task(task).is_some_and(|it| it.parent.is_none());
            open.then(|| self.runtime.inner.desk.ticket(task))
        });
        if self.runtime.is_closed() {
            return None; // Nobody would settle it.
        }
        let outcome = ticket::Settling::Coming(open?);
        Some(Ticket::new(&self.runtime, task, false, outcome))
    }

    /// Root tasks that have not ended, oldest first.
    #[must_use]
    pub fn open_runs(&self) -> Vec<TaskId> {
        self.runtime.look(|kernel, _| {
            let roots = kernel.state().tasks().filter(|task| task.parent.is_none());
            roots.map(|task| task.id).collect()
        })
    }

    /// Root tasks that wait for an agent that is not here, each with the capability that it needs.
    #[must_use]
    pub fn unserved(&self) -> Vec<(TaskId, kernel::Text)> {
        self.runtime.look(|kernel, _| {
            let roots = kernel.state().tasks().filter(|task| task.parent.is_none());
            let waiting = roots.filter(|task| !kernel.state().is_served(&task.terms));
            waiting.map(|task| (task.id, task.terms.capability.clone())).collect()
        })
    }

    /// How many tasks have not ended.
    #[must_use]
    pub fn open_tasks(&self) -> usize {
        self.runtime.look(|kernel, _| kernel.state().open())
    }

    /// The number of an agent that has joined at some time under this name.
    #[must_use]
    pub fn agent_id(&self, name: &str) -> Option<kernel::AgentId> {
        self.runtime.look(|kernel, _| kernel.state().agent_named(name).map(|it| it.id))
    }

    /// Everybody who has joined at some time, by number; who left is still known.
    #[must_use]
    pub fn agents(&self) -> Vec<kernel::Agent> {
        self.runtime.look(|kernel, _| kernel.state().agents().to_vec())
    }

    /// The runs that have not ended and follow a definition, oldest first.
    #[must_use]
    pub fn pinned(&self) -> Vec<Pinned> {
        self.runtime.look(|kernel, _| Pinned::all(kernel.state()))
    }

    /// Calls a task and everything below it off; durable on return. Its work is being ended then,
    /// and keeps its slots until it has.
    ///
    /// # Errors
    /// `Rejected` when there is no such open task, `Lost` when the runtime has ended.
    pub async fn cancel(&self, task: TaskId, reason: &str) -> Result<(), Failure> {
        self.command(Command::Cancel { task, reason: reason.into() }).await.map(|_| ())
    }

    /// Sends any command; a refusal comes back in words.
    pub async fn command(&self, command: Command) -> Result<Answer, Failure> {
        match self.runtime.send(command).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(refusal)) => Err(Failure::refused(&refusal)),
            Err(_) => Err(self.ended()),
        }
    }

    /// Ends in order; what runs gets `grace`, what is left goes on at the next start.
    pub async fn drain(&self, grace: Duration) -> Drained {
        self.runtime.drain(grace).await
    }

    pub(super) fn ended(&self) -> Failure {
        ticket::ended(&self.runtime)
    }
}
