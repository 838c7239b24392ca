//! Typed ways to whoever does the work: to one agent, or to a capability whoever serves it.
//!
//! Both come from a team, where an answer is awaited from outside, and from a context, where a
//! question is a step of the asking task.

use super::handles::{Handles, NativeAgent};
use super::many::Proposed;
use super::{
    Ask, Capability, Context, Failure, IntoInput, SubmitMany, SubmitOptions, Team, Ticket,
};
use crate::canonical;
use crate::port::BoxFuture;
use kernel::{Presence, Terms, Versions};
use std::any::{TypeId, type_name};
use std::marker::PhantomData;

/// One agent by its name, known to do what agents of type `A` do. It takes no other questions: what
/// `A` does not handle does not compile.
#[derive(Clone)]
pub struct AgentRef<A, From = Team> {
    from: From,
    name: String,
    agent: PhantomData<fn() -> A>,
}

/// A capability, whoever serves it.
#[derive(Clone)]
pub struct Handle<C, From = Team> {
    from: From,
    capability: PhantomData<fn() -> C>,
}

impl<A, From> AgentRef<A, From> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Team {
    /// The agent of this name. It may be written in any language: what counts is that it said, when
    /// it joined, that it serves all that agents of type `A` do.
    ///
    /// # Errors
    /// `Rejected` when nobody of this name is here, or it serves less than that.
    pub fn agent<A: NativeAgent>(&self, name: &str) -> Result<AgentRef<A>, Failure> {
        let known = self.agents().into_iter().find(|it| *it.spec.name == *name);
        let known = known.filter(|it| it.presence != Presence::Left).ok_or_else(|| {
            let names: Vec<String> =
                self.agents().iter().map(|it| it.spec.name.to_string()).collect();
            Failure::rejected(format!("no agent is named {name}; here are {}", names.join(", ")))
        })?;
        for served in A::serves() {
            if !known.spec.serves.contains(&served.to_kernel()) {
                let (capability, version) = (served.name, served.version);
                return Err(Failure::rejected(format!(
                    "agent {name} is not a {}: it does not serve {capability}@{version}",
                    type_name::<A>()
                )));
            }
            let contracts = &self.runtime.inner.desk.contracts;
            let (team, serves) = (&known.spec.team, served.to_kernel());
            contracts.meets(team, &serves, served.contract).map_err(|why| {
                let type_of = type_name::<A>();
                Failure::rejected(format!("agent {name} is not a {type_of}: {why}"))
            })?;
        }
        Ok(AgentRef { from: self.clone(), name: name.to_owned(), agent: PhantomData })
    }

    /// A capability, whoever serves it.
    #[must_use]
    pub fn handle<C: Capability>(&self) -> Handle<C> {
        Handle { from: self.clone(), capability: PhantomData }
    }

    pub(super) async fn submit_typed<C: Capability>(
        &self,
        input: C::Input,
        options: SubmitOptions,
    ) -> Result<Ticket<C::Output>, Failure> {
        let input = canonical::to_bytes(&input)?;
        let of = Some(TypeId::of::<C>());
        let handed = self.hand_over(terms_of::<C>(), input, options, of).await?;
        Ok(handed.receipt().await?.typed())
    }
}

/// The terms of a question by type.
pub(super) fn terms_of<C: Capability>() -> Terms {
    Terms { versions: Versions::exactly(C::VERSION), ..Terms::new(C::NAME) }
}

impl<A> AgentRef<A> {
    /// Asks it, and waits for the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub fn ask<C: Capability>(
        &self,
        input: impl IntoInput<C::Input>,
    ) -> BoxFuture<'_, Result<C::Output, Failure>>
    where
        A: Handles<C>,
    {
        let handed = self.submit::<C>(input, SubmitOptions::default());
        Box::pin(async move { handed.await?.outcome().await })
    }

    /// Hands a task to it; the receipt is durable on return.
    ///
    /// # Errors
    /// As for [`Team::submit`].
    pub fn submit<C: Capability>(
        &self,
        input: impl IntoInput<C::Input>,
        options: SubmitOptions,
    ) -> BoxFuture<'_, Result<Ticket<C::Output>, Failure>>
    where
        A: Handles<C>,
    {
        let (input, to) = (input.into_input(), Some(self.name.clone()));
        Box::pin(self.from.submit_typed::<C>(input, SubmitOptions { to, ..options }))
    }
}

impl<C: Capability> Handle<C> {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask(&self, input: impl IntoInput<C::Input>) -> Result<C::Output, Failure> {
        self.from.ask::<C>(input).await
    }

    /// Hands a task over; the receipt is durable on return.
    ///
    /// # Errors
    /// As for [`Team::submit`].
    pub async fn submit(
        &self,
        input: impl IntoInput<C::Input>,
        options: SubmitOptions,
    ) -> Result<Ticket<C::Output>, Failure> {
        self.from.submit_typed::<C>(input.into_input(), options).await
    }

    /// Hands any number of tasks over, as [`Team::submit_many`] does; an input that cannot be
    /// written as JSON is refused in its place.
    pub fn submit_many<I>(
        &self,
        inputs: I,
    ) -> SubmitMany<impl Iterator<Item = Proposed> + use<I, C>, C::Output>
    where
        I: IntoIterator<Item = C::Input>,
    {
        self.from.submit_proposed(
            Some(TypeId::of::<C>()),
            inputs.into_iter().map(|input| {
                Ok((terms_of::<C>(), canonical::to_bytes(&input)?, SubmitOptions::default()))
            }),
        )
    }
}

impl Context {
    /// The agent of this name, which is said to do what agents of type `A` do. Looks at nothing, so
    /// that a later life goes the same way: who is not here is missed when it is asked.
    #[must_use]
    pub fn agent<A: NativeAgent>(&self, name: &str) -> AgentRef<A, Context> {
        AgentRef { from: self.clone(), name: name.to_owned(), agent: PhantomData }
    }

    /// A capability, whoever serves it.
    #[must_use]
    pub fn handle<C: Capability>(&self) -> Handle<C, Context> {
        Handle { from: self.clone(), capability: PhantomData }
    }

    /// Leaves this task to another capability: what that gives is returned as one's own, a failure
    /// with its kind and its words. Two that only hand a task to and fro are stopped.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Capability, Context, Result};
    /// async fn triage<C: Capability<Input = String, Output = String>>(
    ///     cx: Context,
    ///     question: String,
    /// ) -> Result<String> {
    ///     cx.handoff::<C>(question).await
    /// }
    /// ```
    pub fn handoff<C: Capability>(
        &self,
        input: impl IntoInput<C::Input>,
    ) -> BoxFuture<'static, Result<C::Output, Failure>> {
        Box::pin(self.ask::<C>(input).handed_off())
    }
}

impl<A> AgentRef<A, Context> {
    /// Asks it, in a step of this task; see [`Context::ask_to`].
    pub fn ask<C: Capability>(&self, input: impl IntoInput<C::Input>) -> Ask<C::Output>
    where
        A: Handles<C>,
    {
        self.from.ask_to::<C>(&self.name, input)
    }

    /// Leaves the task to it; see [`Context::handoff`].
    pub fn handoff<C: Capability>(
        &self,
        input: impl IntoInput<C::Input>,
    ) -> BoxFuture<'static, Result<C::Output, Failure>>
    where
        A: Handles<C>,
    {
        Box::pin(self.from.ask_to::<C>(&self.name, input).handed_off())
    }
}

impl<C: Capability> Handle<C, Context> {
    /// Asks, in a step of this task; see [`Context::ask`].
    pub fn ask(&self, input: impl IntoInput<C::Input>) -> Ask<C::Output> {
        self.from.ask::<C>(input)
    }
}
