//! Messages beside tasks: the bus as an agent has it, and as whoever holds the team does.

use super::entry::ROLE;
use super::{Context, Team, TeamBuilder};
use crate::bus::{
    Access, BadSubject, Call, Client, Error, Feed, Holder, Identity, Message, Options, Policy,
    Receipt, Received, Topic, Trace,
};
use crate::port::Bus;
use kernel::{Label, Text};
use std::sync::Arc;
use std::time::Duration;

/// The bus of a runtime, and who may do what on it.
#[derive(Default)]
pub(crate) struct Aboard {
    bus: Option<Arc<dyn Bus>>,
    policy: Policy,
}

impl TeamBuilder {
    /// What carries messages between the agents. Teams of one process may share one.
    #[must_use]
    pub fn bus(mut self, bus: Arc<dyn Bus>) -> TeamBuilder {
        self.aboard.bus = Some(bus);
        self
    }

    /// Who may publish and subscribe to what; within the own team and nowhere else, unless it is
    /// said.
    #[must_use]
    pub fn bus_policy(mut self, policy: Policy) -> TeamBuilder {
        self.aboard.policy = policy;
        self
    }
}

impl Team {
    /// The bus, for whoever holds the team: under this name, with leave to do everything.
    ///
    /// # Errors
    /// The team was started without one.
    pub fn bus(&self, name: &str) -> Result<Client, Error> {
        let aboard = self.runtime.inner.aboard.get().ok_or(Error::NoBus)?;
        let bus = aboard.bus.clone().ok_or(Error::NoBus)?;
        let (name, access) = (name.into(), Access::all());
        Ok(Client::new(bus, Identity { name, access, ..Identity::default() }))
    }
}

impl Context {
    /// The bus in the agent's name. What is sent carries the attempt's fencing token: once the
    /// lease is lost it is refused, and subscriptions end with the attempt.
    ///
    /// A message is no step: whoever sends it in one life sends it again in the next, unless it is
    /// sent in a [`Context::once`].
    ///
    /// # Errors
    /// The team has no bus.
    pub fn bus(&self) -> Result<Client, Error> {
        let aboard = self.live.runtime.inner.aboard.get().ok_or(Error::NoBus)?;
        let bus = aboard.bus.clone().ok_or(Error::NoBus)?;
        let identity = self.live.identity.get_or_init(|| Arc::new(self.identify(&aboard.policy)));
        Ok(Client::bound(bus, identity.clone(), self.live.clone()))
    }

    /// A topic of the agent's own team: `findings` is `team.NAME.findings`.
    ///
    /// # Errors
    /// What is given does not make a subject.
    pub fn topic<T: Message>(&self, name: &str, version: u32) -> Result<Topic<T>, BadSubject> {
        let (_, team) = self.agent_and_team();
        let subject = crate::bus::TeamSubjects::of(&team).named(name)?;
        Ok(Topic::at(subject, version))
    }

    /// Sends a value to everybody who listens to the topic, and tells whether anybody did.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// async fn review(cx: Context, file: String) -> Result<bool> {
    ///     let findings = cx.topic::<String>("findings", 1)?;
    ///     Ok(!cx.publish(&findings, file).await?.is_nobody())
    /// }
    /// ```
    ///
    /// # Errors
    /// The agent may not, the attempt is no longer the one, or the value is too large.
    pub async fn publish<T: Message>(
        &self,
        topic: &Topic<T>,
        value: impl Into<Arc<T>>,
    ) -> Result<Receipt, Error> {
        self.bus()?.publish(topic, value).await
    }

    /// Listens to a topic until the attempt ends.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Failure, Result};
    /// async fn first_finding(cx: Context, _: ()) -> Result<String> {
    ///     let mut findings = cx.subscribe(&cx.topic::<String>("findings", 1)?).await?;
    ///     let first = findings.next().await.ok_or_else(|| Failure::error("the bus has ended"))??;
    ///     Ok(String::clone(&first))
    /// }
    /// ```
    ///
    /// # Errors
    /// The agent may not, or a bound of the bus is reached.
    pub async fn subscribe<T: Message>(&self, topic: &Topic<T>) -> Result<Feed<T>, Error> {
        self.bus()?.subscribe_with(topic, Options::default()).await
    }

    /// Says it to everybody of the agent's team who hears [`Context::broadcasts`], and tells
    /// whether anybody did.
    ///
    /// # Errors
    /// As for [`Context::publish`].
    pub async fn broadcast<T: Message>(&self, value: T) -> Result<Receipt, Error> {
        self.bus()?.broadcast(value).await
    }

    /// The same to everybody of the team whose [role](super::AgentEntry::role) is this.
    ///
    /// # Errors
    /// As for [`Context::publish`].
    pub async fn broadcast_to_role<T: Message>(
        &self,
        role: &str,
        value: T,
    ) -> Result<Receipt, Error> {
        self.bus()?.broadcast_to_role(role, value).await
    }

    /// Listens, until the attempt ends, to what is said to everybody of the team and to the agent's
    /// own role.
    ///
    /// # Errors
    /// As for [`Context::subscribe`].
    pub async fn broadcasts<T: Message>(&self) -> Result<Feed<T>, Error> {
        self.bus()?.broadcasts().await
    }

    /// Asks whoever listens, and waits for the first answer.
    ///
    /// # Errors
    /// At once if nobody listens; when the deadline has passed; when the answer is something else.
    pub async fn request<Q: Message, A: Message>(
        &self,
        call: &Call<Q, A>,
        question: impl Into<Arc<Q>>,
        deadline: Duration,
    ) -> Result<Received<A>, Error> {
        self.bus()?.request(call, question, deadline).await
    }

    /// What this attempt may on the bus. What was said first holds.
    pub(super) fn restrict(&self, access: Arc<Access>) {
        let _ = self.live.access.set(access); // Whoever is outermost in the entry says it first.
    }

    fn identify(&self, policy: &Policy) -> Identity {
        let (attempt, (name, team)) = (self.attempt(), self.agent_and_team());
        let listed = self.live.access.get().map(|it| Access::clone(it));
        Identity {
            access: listed.unwrap_or_else(|| policy.access(&name, &team)),
            name,
            team,
            role: self.role(),
            correlation: Some(Text::from(format!("run-{}", self.run_id()))),
            causation: Some(Text::from(format!("task-{}", attempt.task))),
            trace: Some(self.trace().header()),
            attempt: Some(Holder { task: attempt.task.0, token: attempt.token.0 }),
        }
    }

    /// The trace that this works on: what other systems are told of it.
    #[must_use]
    pub fn trace(&self) -> Trace {
        let journal = self.live.runtime.look(|kernel, _| kernel.state().journal);
        let task = self.attempt().task;
        Trace { journal: journal.unwrap_or_default(), run: self.run_id(), task }
    }

    /// The names of the agent that works on this, and of its team.
    fn role(&self) -> Option<Text> {
        let agent = self.live.dispatch.agent;
        self.live.runtime.look(|kernel, _| {
            match kernel.state().agent(agent)?.spec.labels.get(ROLE)? {
                Label::Text(role) => Some(role.clone()),
                Label::Flag(_) | Label::Integer(_) => None,
            }
        })
    }

    fn agent_and_team(&self) -> (Text, Text) {
        let agent = self.live.dispatch.agent;
        self.live.runtime.look(|kernel, _| {
            let agent = kernel.state().agent(agent);
            agent.map(|it| (it.spec.name.clone(), it.spec.team.clone())).unwrap_or_default()
        })
    }
}
