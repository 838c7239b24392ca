//! What a program may want from whoever runs it: the wire's calls as a trait. The runtime's context
//! is one host; a test is another.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use futures_util::Stream;
use serde_json::Value;

use super::wire::{Answer, Failure, Heard, OnUnknown, Outcome, Said, Wanted};

/// A future that can be kept beside others.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a subscription hears; dropped, it is unsubscribed.
pub type Feed = Pin<Box<dyn Stream<Item = News> + Send>>;

/// Takes a text piece by piece.
pub type Writing = Box<dyn Fn(&str) + Send>;

/// What a subscription brings.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A message.
    Heard(Heard),
    /// Its end, which comes last, in the wire's word for why.
    Ended(&'static str),
}

/// One attempt at a task, in the words that cross the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The task.
    pub task: String,
    /// The fencing token of this attempt: higher than that of every attempt before.
    pub token: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The run it belongs to.
    pub run: String,
    /// The idempotency key: the same on every attempt.
    pub key: String,
    /// What is asked for.
    pub capability: String,
    /// The question.
    pub input: Value,
}

/// Who runs an attempt. Cheap to clone; every call speaks for that attempt.
pub trait Host: Clone + Send + Sync + 'static {
    /// A child task. Its step key is taken now, not when the future is polled.
    fn ask(&self, step: Option<String>, capability: String, input: Value) -> Later<Answer>;

    /// Whether a step may be performed, and what if nobody knows whether it was.
    fn once(&self, step: String, on_unknown: OnUnknown) -> Later<Answer>;

    /// Records what came of a step; answers when that is durable.
    fn done(&self, step: String, outcome: Outcome) -> Later<Answer>;

    /// Tells whoever listens on the bus now; answers with how many queues took it.
    fn publish(&self, said: Said) -> Later<Answer>;

    /// Listens on the bus until what this gives is dropped or the attempt ends.
    fn subscribe(&self, wanted: Wanted) -> Later<Result<Feed, Failure>>;

    /// How far it is, from 0 to 1 if that can be told.
    fn progress(&self, fraction: Option<f32>, message: &str);

    /// What there is of the output so far.
    fn partial(&self, output: &Value);

    /// Begins a text that the program writes; what this gives takes what is written.
    fn text(&self) -> Writing;

    /// The program has the task.
    fn started(&self);

    /// The program has just shown that it lives.
    fn heartbeat(&self);

    /// The program has missed its heartbeats: until the next one nobody vouches for it.
    fn silent(&self);

    /// An answer that came when the attempt had been told to stop: whether it is heard is not for
    /// the program's side to say.
    fn late(&self, output: Value) -> impl Future<Output = ()> + Send;

    /// A line for the log; the level in the program's own word.
    fn log(&self, level: &str, message: &str);

    /// Runs a future during which the attempt needs no slot.
    fn parked<T: Send>(
        &self,
        future: impl Future<Output = T> + Send,
    ) -> impl Future<Output = T> + Send;

    /// The slot: taken until what this gives is dropped.
    fn hold(&self) -> Box<dyn Any + Send + Sync>;
}
