//! Rust types as agents: what one of them serves, and with which code.
//!
//! ```text
//! A: NativeAgent          a type whose values work as agents
//! A: Handles<C>           the proof, as code, that it does C
//! AgentRef<A>::ask::<C>   compiles only where A: Handles<C>
//! ```
//!
//! `&self` methods share the state, as many at once as the agent has slots. A `&mut self` method
//! has it alone, and has it for the whole task: also while it waits for others, since nobody else
//! may see a state that is half changed.

use super::{Capability, Context, Contract, Failure, Handler};
use crate::port::BoxFuture;
use serde_json::Value;
use std::future::{Future, ready};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// An agent of this type does `C`. `#[capability]` on an `impl` block writes it for each capability
/// in there; a function that is a capability handles itself.
#[diagnostic::on_unimplemented(
    message = "agent `{Self}` does not handle the capability `{C}`",
    label = "`{C}` is asked for here, and `{Self}` does not handle it",
    note = "ask an agent that does, or ask for the capability without naming an agent",
    note = "to let `{Self}` do it, put `#[capability({C})]` on a method of its `#[capability] impl`"
)]
pub trait Handles<C: Capability>: NativeAgent {
    /// The code for it.
    fn served() -> Served<Self>;
}

/// A Rust type whose values work as agents. `#[capability]` on its `impl` block writes this.
///
/// Each life of the agent is a value of its own, made by the factory that the team was given: what
/// its supervisor starts again begins with a fresh state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the type of an agent",
    label = "nothing says what `{Self}` serves",
    note = "write `#[capability]` above `impl {Self}`, and `#[capability(\"some.name@1\")]` above \
            an `async fn` in it"
)]
pub trait NativeAgent: Sized + Send + Sync + 'static {
    /// Whether [`NativeAgent::health`] says anything; without, nobody asks.
    const HAS_HEALTH: bool = false;

    /// All that it serves.
    fn serves() -> Vec<Served<Self>>;

    /// Makes it ready, before its first task.
    ///
    /// # Errors
    /// It did not come up: it cannot join, or its supervisor tries again with a new value.
    fn started(&mut self) -> impl Future<Output = Result<(), Failure>> + Send {
        ready(Ok(()))
    }

    /// Ends what it keeps, after its last task.
    fn stopping(&mut self) -> impl Future<Output = ()> + Send {
        ready(())
    }

    /// How it is, asked every ten seconds. While it is not well it gets no new work.
    ///
    /// # Errors
    /// It is not well.
    fn health(&self) -> impl Future<Output = Result<(), Failure>> + Send {
        ready(Ok(()))
    }
}

/// One capability that agents of type `A` serve, with the code for it.
pub struct Served<A> {
    /// `code.review`.
    pub name: &'static str,
    /// 1 and up.
    pub version: u32,
    /// Its code has the state alone.
    pub exclusive: bool,
    /// What goes in and comes out.
    pub contract: fn() -> Contract,
    work: Work<A>,
}

type Work<A> = Box<
    dyn Fn(Arc<RwLock<A>>, Context) -> BoxFuture<'static, Result<Value, Failure>> + Send + Sync,
>;

/// The state of an agent, seen by several tasks at once.
pub struct Shared<A>(OwnedRwLockReadGuard<A>);

/// The state of an agent, in the hands of one task.
pub struct Exclusive<A>(OwnedRwLockWriteGuard<A>);

impl<A: NativeAgent> Served<A> {
    /// Code that takes `&self`.
    pub fn shared<C, F>(
        code: impl Fn(Shared<A>, Context, C::Input) -> F + Copy + Send + Sync + 'static,
    ) -> Served<A>
    where
        C: Capability,
        F: Future<Output = Result<C::Output, Failure>> + Send + 'static,
    {
        Served::of::<C>(false, move |state, cx| {
            Box::pin(async move {
                let input = cx.input_as()?;
                let state = Shared(state.read_owned().await);
                output_of(code(state, cx, input).await?)
            })
        })
    }

    /// Code that takes `&mut self`.
    pub fn exclusive<C, F>(
        code: impl Fn(Exclusive<A>, Context, C::Input) -> F + Copy + Send + Sync + 'static,
    ) -> Served<A>
    where
        C: Capability,
        F: Future<Output = Result<C::Output, Failure>> + Send + 'static,
    {
        Served::of::<C>(true, move |state, cx| {
            Box::pin(async move {
                let input = cx.input_as()?;
                let state = Exclusive(state.write_owned().await);
                output_of(code(state, cx, input).await?)
            })
        })
    }

    fn of<C: Capability>(
        exclusive: bool,
        work: impl Fn(Arc<RwLock<A>>, Context) -> BoxFuture<'static, Result<Value, Failure>>
        + Send
        + Sync
        + 'static,
    ) -> Served<A> {
        let contract = Contract::of::<C>;
        Served { name: C::NAME, version: C::VERSION, exclusive, contract, work: Box::new(work) }
    }

    pub(super) fn work(
        &self,
        state: Arc<RwLock<A>>,
        cx: Context,
    ) -> BoxFuture<'static, Result<Value, Failure>> {
        (self.work)(state, cx)
    }

    /// As the kernel knows it.
    pub(super) fn to_kernel(&self) -> kernel::Serves {
        kernel::Serves { capability: self.name.into(), version: self.version }
    }
}

/// What was returned, as JSON.
pub(super) fn output_of(output: impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(output)
        .map_err(|why| Failure::error(format!("the output cannot be written as JSON: {why}")))
}

impl<A> Deref for Shared<A> {
    type Target = A;
    fn deref(&self) -> &A {
        &self.0
    }
}

impl<A> Deref for Exclusive<A> {
    type Target = A;
    fn deref(&self) -> &A {
        &self.0
    }
}

impl<A> DerefMut for Exclusive<A> {
    fn deref_mut(&mut self) -> &mut A {
        &mut self.0
    }
}

/// A function is an agent that serves one capability: itself.
impl<H: Handler> NativeAgent for H {
    fn serves() -> Vec<Served<H>> {
        vec![H::served()]
    }
}

impl<H: Handler> Handles<H> for H {
    fn served() -> Served<H> {
        Served::shared::<H, _>(
            |this, cx, input| async move { Handler::handle(&*this, cx, input).await },
        )
    }
}
