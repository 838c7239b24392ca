//! How the tasks of a step are asked for: what the file says → the terms of the runtime.

use std::sync::Arc;

use kernel::{Class, Constraint, RetryPolicy};
use runtime::api::AskOptions;

use super::quantity::Duration;
use super::requirement::{self, Requirement};
use super::step::Step;

/// How the tasks of a step are to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Tasks of a `for_each` under way at once.
    pub concurrency: u32,
    /// How long one task may take, all attempts together.
    pub timeout: Option<Duration>,
    /// Attempts in all.
    pub attempts: u32,
    /// The longest first pause between attempts.
    pub backoff: Duration,
    /// The longest pause of all.
    pub backoff_max: Duration,
    /// Whether a task that fails costs only its own output.
    pub optional: bool,
    /// How urgent; as urgent as the run if nothing is said.
    pub class: Option<Class>,
    /// Whether it may be stopped to make room; as with the run if nothing is said.
    pub preemptible: Option<bool>,
    /// What an agent's labels must meet.
    pub require: Option<Arc<Constraint>>,
    /// Agents whose labels meet this go first.
    pub wish: Option<Arc<Constraint>>,
    /// Slots that a task takes.
    pub weight: u32,
}

impl Settings {
    pub(super) fn of(step: &Step) -> Result<Self, requirement::Error> {
        let read = |text: &Option<String>| {
            let read = text.as_deref().map(requirement::parse).transpose();
            read.map(|it| it.map(|Requirement { constraint, .. }| Arc::new(constraint)))
        };
        Ok(Self {
            concurrency: step.concurrency,
            timeout: step.timeout,
            attempts: step.retry.attempts,
            backoff: step.retry.backoff,
            backoff_max: step.retry.backoff_max,
            optional: step.optional,
            class: step.class.map(Class::from),
            preemptible: step.preemptible,
            require: read(&step.require)?,
            wish: read(&step.wish)?,
            weight: step.weight,
        })
    }

    /// The terms on which one task is asked for.
    pub(super) fn options(&self, affinity: Option<String>) -> AskOptions {
        let retry = RetryPolicy {
            attempts_max: self.attempts,
            base_ms: self.backoff.as_ms(),
            cap_ms: self.backoff_max.as_ms(),
        };
        AskOptions {
            retry: Some(retry),
            deadline: self.timeout.map(|it| std::time::Duration::from_millis(it.as_ms())),
            class: self.class,
            preemptible: self.preemptible,
            require: self.require.clone(),
            wish: self.wish.clone(),
            weight: Some(self.weight),
            affinity,
            ..AskOptions::default()
        }
    }
}
