//! A plain function as an agent: JSON in, work on a thread of its own, JSON out.
//!
//! The functions of this crate compute and read files, so they block. They run where blocking is
//! allowed, as many at once as the agent has slots, and when an attempt is called off, its slot
//! stays taken until the thread has really returned: no more work runs than slots say.
//!
//! They are deterministic, so what they refuse they would refuse again: no refusal is retried.

use runtime::api::{Context, Failure};
use runtime::port::{Agent, BoxFuture};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::Arc;

struct Function<I, F> {
    function: F,
    input: PhantomData<fn(I)>,
}

/// An agent that calls `function` for every task.
pub(crate) fn agent<I, O, E, F>(function: F) -> Arc<dyn Agent>
where
    I: DeserializeOwned + 'static,
    O: Serialize + 'static,
    E: Display + 'static,
    F: Fn(&I) -> Result<O, E> + Copy + Send + Sync + 'static,
{
    Arc::new(Function { function, input: PhantomData })
}

impl<I, O, E, F> Agent for Function<I, F>
where
    I: DeserializeOwned + 'static,
    O: Serialize + 'static,
    E: Display + 'static,
    F: Fn(&I) -> Result<O, E> + Copy + Send + Sync + 'static,
{
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let function = self.function;
        Box::pin(async move {
            let work = cx.clone();
            let done = cx.blocking(move || {
                let input: I = work.input_as()?;
                let output = function(&input).map_err(|why| Failure::rejected(why.to_string()))?;
                Ok(serde_json::to_value(output)?)
            });
            done.await?
        })
    }
}
