//! Capabilities: a name, a version, and the types that go in and come out.

use super::{Context, Failure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;

/// Something that can be asked for. `#[capability("name@1")]` on an async function makes one.
pub trait Capability: Send + Sync + 'static {
    /// What it is asked with; canonical JSON on the way.
    type Input: Serialize + DeserializeOwned + Send + 'static;
    /// What it gives.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// `text.count`.
    const NAME: &'static str;
    /// 1 and up.
    const VERSION: u32;
}

/// A capability together with code that serves it in this process.
pub trait Handler: Capability {
    /// Works on one attempt.
    fn handle(
        &self,
        cx: Context,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}
