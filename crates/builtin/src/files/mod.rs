//! `file.read` and `file.list`: texts beneath one directory, for whoever works on what they say.
//!
//! Whoever asks may be a language model, and the path is what it says: data. So the root comes from
//! the team file and no path leads out of it (`root`), what is no text is refused, and an answer is
//! a page: its size is bounded, and it says where the next one begins.

mod list;
mod read;
mod root;
#[cfg(test)]
mod tests;

pub use list::{Entry, Kind, List, Listed};
pub use read::{Page, Read};
pub use root::{Refused, Root};

use runtime::api::{Context, Failure};
use runtime::port::{Agent, BoxFuture};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Display;
use std::sync::Arc;

/// Serves both, each by its name, beneath a root.
struct Files(Arc<Root>);

/// An agent that serves the files of this root.
pub(crate) fn agent(root: Root) -> Arc<dyn Agent> {
    Arc::new(Files(Arc::new(root)))
}

impl Agent for Files {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let root = self.0.clone();
        Box::pin(async move {
            let work = cx.clone();
            let done = cx.blocking(move || match work.capability() {
                "file.list" => answer(&work, |said| list::list(&root, said)),
                _ => answer(&work, |said| read::read(&root, said)),
            });
            done.await?
        })
    }
}

/// What it refuses it would refuse again.
fn answer<I: DeserializeOwned, O: Serialize, E: Display>(
    cx: &Context,
    work: impl FnOnce(&I) -> Result<O, E>,
) -> Result<Value, Failure> {
    let gave = work(&cx.input_as()?).map_err(|why| Failure::rejected(why.to_string()))?;
    Ok(serde_json::to_value(gave)?)
}
