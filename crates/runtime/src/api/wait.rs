//! Waiting without a slot: for a time, a signal, the end of a step, or of the attempt.

use super::{Context, Failure};
use crate::attempt::{Cancelled, Delivery, Live};
use kernel::{Answer, Outcome, Report, StepKind, Text, Time};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

impl Context {
    /// Waits, without a slot, and over restarts: the time counts from the first call, to the
    /// millisecond.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// # use std::time::Duration;
    /// async fn tomorrow(cx: Context, text: String) -> Result<String> {
    ///     cx.sleep(Duration::from_secs(24 * 3600)).await?;
    ///     Ok(text)
    /// }
    /// ```
    ///
    /// # Errors
    /// `Lost` when this attempt is no longer the one; `Limit` when the task has too many steps.
    pub fn sleep(
        &self,
        time: Duration,
    ) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let (live, step) = (self.live.clone(), self.scope.next("sleep"));
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        async move {
            if live.recorded(&step).is_none() {
                let answer = live.report(Report::Sleep { step: step.clone(), ms }).await?;
                let outcome = match answer {
                    Answer::Recorded(outcome) => Some(outcome),
                    _ => None,
                };
                live.record(&step, StepKind::Timer { due: Time::NEVER }, outcome);
            }
            Delivery::of(&live, step).await;
            Ok(())
        }
    }

    /// Lets [`Context::signalled`] go on, in this life of the task and in every later one; durable
    /// on return. For code beside the attempt's own, such as a door that takes an answer.
    ///
    /// # Errors
    /// `Lost` when this attempt is no longer the one.
    pub async fn signal(&self, name: &str) -> Result<(), Failure> {
        let step = self.scope.named(&format!("{name}#signal"));
        self.live.report(Report::Sleep { step, ms: 0 }).await.map(|_| ())
    }

    /// Waits, without a slot, for [`Context::signal`].
    pub async fn signalled(&self, name: &str) {
        Delivery::of(&self.live, self.scope.named(&format!("{name}#signal"))).await;
    }

    /// How long this task sleeps on, if it does.
    #[must_use]
    pub fn sleeps_for(&self) -> Option<Duration> {
        self.live.runtime.look(|kernel, now| {
            let past = kernel.state().task(self.attempt().task)?.past.as_ref()?;
            let due = past.steps.values().filter_map(|step| match step.kind {
                StepKind::Timer { due } if step.outcome.is_none() => Some(due),
                StepKind::Timer { .. } | StepKind::Child { .. } | StepKind::Once { .. } => None,
            });
            due.min().map(|due| Duration::from_millis(due.since(now)))
        })
    }

    /// Resolves when the attempt is to end. Code that awaits it gets a few seconds to clean up;
    /// code that does not is dropped at once.
    pub async fn cancelled(&self) {
        Cancelled::of(&self.live).await;
    }

    /// Waits for a recorded or running step.
    pub(super) async fn delivered(live: &Live, step: Text) -> Arc<Outcome> {
        Delivery::of(live, step).await
    }
}
