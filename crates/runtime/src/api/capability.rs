//! Capabilities: a name, a version, and the types that go in and come out.

use super::{Context, Failure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::Future;

/// Something that can be asked for. `#[capability("name@1")]` on an async function makes one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a capability",
    label = "this cannot be asked for",
    note = "a capability is made by `#[capability(\"some.name@1\")]` on an \
            `async fn(Context, Input) -> Result<Output>`, and has the function's name"
)]
pub trait Capability: Send + Sync + 'static {
    /// What it is asked with; canonical JSON on the way.
    type Input: Serialize + DeserializeOwned + Send + 'static;
    /// What it gives.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// `text.count`.
    const NAME: &'static str;
    /// 1 and up.
    const VERSION: u32;

    /// A JSON schema of its input; `None` is anything that can be read into the type. What
    /// `#[capability]` makes has one where the type does: `#[derive(schemars::JsonSchema)]`.
    #[must_use]
    fn input_schema() -> Option<Value> {
        None
    }

    /// The same of its output.
    #[must_use]
    fn output_schema() -> Option<Value> {
        None
    }
}

/// A capability together with code that serves it in this process.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that serves a capability",
    label = "nothing says what this serves",
    note = "put `#[capability(\"some.name@1\")]` on an `async fn(Context, Input) -> \
            Result<Output>`; an agent with a state joins by `with_agent(\"name\", slots, || …)`"
)]
pub trait Handler: Capability {
    /// Works on one attempt.
    fn handle(
        &self,
        cx: Context,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// What the first parameter of a capability is: a [`Context`], and nothing else.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the first parameter of a capability is its `Context`, not `{Self}`",
    label = "this should be `Context`",
    note = "a capability has one input, after the `Context`; several go into one struct or tuple"
)]
pub trait FirstParameter {}

impl FirstParameter for Context {}
