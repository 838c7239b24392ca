//! Rust functions as agents.

use super::handles::output_of;
use super::{Context, Failure, Handler};
use crate::port::{Agent, BoxFuture};
use serde_json::Value;
use std::sync::Arc;

struct Native<H>(Arc<H>);

impl<H: Handler> Agent for Native<H> {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let handler = self.0.clone();
        Box::pin(async move {
            let input = cx.input_as()?;
            let output = handler.handle(cx, input).await?;
            output_of(output)
        })
    }
}

/// An agent that serves this capability by calling its code here: `native(count)`.
pub fn native<H: Handler>(handler: fn() -> H) -> Arc<dyn Agent> {
    Arc::new(Native(Arc::new(handler())))
}
