//! Models one after the other: each call goes to the first that may be asked now, and to the next
//! when it does not answer, within the same recorded step.
//!
//! Why not another attempt of the task? The conversation is at hand, and another model answers at
//! once. What another provider would not do otherwise either is no reason to ask it: a request that
//! is no good, a conversation that is too long, a budget that is used up. Who was asked decides
//! what it costs, whose rate it takes, and by which name it is told what it cost.

use super::call::{Asking, HELD};
use super::{Inner, aloud};
use crate::llm::rate::{Away, Need, NotNow, Place};
use kernel::FailureKind;
use runtime::api::{Failure, SetAside};
use runtime::llm::{Error, Reply};
use runtime::port::observer::Level;
use std::sync::Arc;
use std::time::Duration;

/// After so long a model for which too many wait may have room again, milliseconds.
const FULL_MS: u64 = 60_000;

/// A place in the queue of one model of the chain, and why it is not one before it.
pub(super) struct Chosen {
    /// Which model.
    pub(super) at: usize,
    pub(super) place: Place,
    pub(super) passed: Vec<NotAnswered>,
    /// None of them should be asked now: then each is, as work that may fail is better than none.
    pub(super) is_last_resort: bool,
}

/// Why a model has not answered, or was not asked.
pub(super) struct NotAnswered {
    said: String,
    kind: FailureKind,
    retry_after_ms: Option<u64>,
}

impl Inner {
    /// A place at the first model that may be asked now; where none may, at the one that may be
    /// first again.
    pub(super) fn choose(&self, need: &Need) -> Result<Chosen, Failure> {
        let models = &self.spec.models;
        let mut passed = Vec::new();
        for (at, model) in models.iter().enumerate().filter(|_| models.len() > 1) {
            match self.governor.enter_unless_away(&model.name, need.clone(), HELD) {
                Ok(place) => return Ok(Chosen { at, place, passed, is_last_resort: false }),
                Err(not_now) => passed.push(NotAnswered::not_now(&model.name, not_now)),
            }
        }
        let back = passed.iter().enumerate().min_by_key(|(_, it)| it.retry_after_ms);
        let at = back.map_or(0, |(at, _)| at);
        let place = self.governor.enter(&models[at].name, need.clone())?;
        Ok(Chosen { at, place, passed: Vec::new(), is_last_resort: true })
    }
}

impl Asking {
    /// Asks the chosen model, and the others until one answers.
    pub(super) async fn ask(self, chosen: Chosen, aside: SetAside) -> Result<Reply, Failure> {
        let Chosen { mut at, mut place, mut passed, is_last_resort } = chosen;
        let before = if is_last_resort { at } else { 0 };
        let mut left: Vec<usize> = (0..self.inner.spec.models.len()).collect();
        left.retain(|it| !(before..=at).contains(it));
        let mut aside = aside;
        self.tell(&passed, at);
        loop {
            place.sent();
            let (inner, request) = (&self.inner, Arc::new(self.request_of(at)));
            let result = aloud::complete(&*inner.llm, request, &self.cx, inner.spec.streams).await;
            place.done(&result);
            let error = match result {
                Ok(reply) => return self.paid(at, reply, aside).await,
                Err(error) => error,
            };
            drop(aside);
            let may_be_answered = another_may_answer(&error);
            let told = passed.len();
            passed.push(NotAnswered::of(&error));
            let next = match may_be_answered {
                true => self.next(&mut left, is_last_resort, &mut passed).await,
                false => None,
            };
            let Some(next) = next else { return Err(none_of(&passed)) };
            (at, place) = next;
            self.tell(&passed[told..], at);
            aside = match self.aside(at).await {
                Err(refused) if refused.kind == FailureKind::OverBudget => {
                    // It is no answer to why the first one has failed, and another attempt may
                    // find one that is well, or a new day.
                    passed.push(NotAnswered::unpaid(&refused));
                    return Err(none_of(&passed));
                }
                aside => aside?,
            };
        }
    }

    /// The next model of those left that takes a call within a moment: the slot is held meanwhile.
    async fn next(
        &self,
        left: &mut Vec<usize>,
        is_last_resort: bool,
        passed: &mut Vec<NotAnswered>,
    ) -> Option<(usize, Place)> {
        let governor = &self.inner.governor;
        while !left.is_empty() {
            let at = left.remove(0);
            let model = &self.inner.spec.models[at].name;
            let entered = match governor.enter_unless_away(model, self.need.clone(), HELD) {
                Err(NotNow::Away(Away { is_broken: true, .. })) if is_last_resort => {
                    governor.enter(model, self.need.clone()).map_err(|_| NotNow::Full)
                }
                entered => entered,
            };
            match entered {
                Ok(place) if tokio::time::timeout(HELD, place.granted()).await.is_ok() => {
                    return Some((at, place));
                }
                Ok(place) => passed.push(NotAnswered::busy(model, place.waits())),
                Err(not_now) => passed.push(NotAnswered::not_now(model, not_now)),
            }
        }
        None
    }

    fn tell(&self, passed: &[NotAnswered], at: usize) {
        if !passed.is_empty() {
            let model = &self.inner.spec.models[at].name;
            let said = format!("{}; {model} is asked instead", words(passed));
            self.cx.log(Level::Warn, said);
        }
    }
}

/// Whether this says something of the one that was asked and nothing of what it was asked. That a
/// recording has no call of it does: it was away then, or had no key.
fn another_may_answer(error: &Error) -> bool {
    if matches!(error, Error::NotRecorded { .. }) {
        return true;
    }
    match error.kind() {
        FailureKind::Overloaded => {
            error.retry_after_ms().is_none_or(|ms| Duration::from_millis(ms) > HELD)
        }
        kind => kind.is_retryable(),
    }
}

impl NotAnswered {
    fn of(error: &Error) -> NotAnswered {
        let (kind, retry_after_ms) = (error.kind(), error.retry_after_ms());
        NotAnswered { said: error.to_string(), kind, retry_after_ms }
    }

    fn unpaid(refused: &Failure) -> NotAnswered {
        let said = refused.message.to_string();
        NotAnswered { said, kind: refused.kind, retry_after_ms: refused.retry_after_ms }
    }

    fn not_now(model: &str, not_now: NotNow) -> NotAnswered {
        let seconds = |ms: u64| ms.div_ceil(1_000);
        let (said, ms) = match not_now {
            NotNow::Away(Away { ms, is_broken: true }) => {
                let when = match seconds(ms) {
                    0 => "is being tried by others".to_owned(),
                    seconds => format!("is tried in {seconds} s"),
                };
                (format!("{model} has failed too often, and {when}"), ms)
            }
            NotNow::Away(Away { ms, is_broken: false }) => {
                (format!("{model} takes nothing more for {} s", seconds(ms)), ms)
            }
            NotNow::Full => (format!("too many calls wait for {model}"), FULL_MS),
        };
        NotAnswered { said, kind: FailureKind::Overloaded, retry_after_ms: Some(ms) }
    }

    fn busy(model: &str, waits: Duration) -> NotAnswered {
        let said = format!("the rate of {model} allows no call now");
        let ms = u64::try_from(waits.as_millis()).unwrap_or(u64::MAX);
        NotAnswered { said, kind: FailureKind::Overloaded, retry_after_ms: Some(ms) }
    }
}

/// Nobody has answered: why each has not. What one alone would be told is told as it is. Of
/// several, what another attempt may mend decides: another one of them may answer it then.
fn none_of(passed: &[NotAnswered]) -> Failure {
    if let [NotAnswered { said, kind, retry_after_ms }] = passed {
        return Failure { retry_after_ms: *retry_after_ms, ..Failure::new(*kind, said.as_str()) };
    }
    let may_pass = passed.iter().filter(|it| it.kind.is_retryable());
    let worst = may_pass.clone().find(|it| it.kind != FailureKind::Overloaded);
    let kind = worst.map_or(FailureKind::Overloaded, |it| it.kind);
    let soonest = may_pass.filter_map(|it| it.retry_after_ms).min();
    let retry_after_ms = soonest.filter(|_| kind == FailureKind::Overloaded);
    Failure { retry_after_ms, ..Failure::new(kind, words(passed)) }
}

fn words(passed: &[NotAnswered]) -> String {
    let words: Vec<&str> = passed.iter().map(|it| it.said.as_str()).collect();
    words.join("; ")
}
