//! Whether a model answers: its calls → the kernel's breaker, for a model in place of an agent.
//!
//! The rule is the kernel's ([`Breaker`]); here are only its numbers and its clock. They differ
//! from those of agents in that another model is there: to open too early costs little, and to open
//! late costs every call the wait for a model that does not answer. What is counted is *which* call
//! failed, so one that no model can answer, made again and again, opens nothing.

use kernel::{Breaker, BreakerPolicy, Mark, Phase, TaskId, Time, Token, Verdict};
use runtime::llm::{Error, Reply};

/// When a model gets no more calls.
const POLICY: BreakerPolicy = BreakerPolicy {
    on: true,
    window: 10,
    minimum: 5,
    failed_percent: 50,
    slow_ms: 0,
    slow_percent: 50,
    open_ms: 30_000,
    open_max_ms: 300_000,
    probes: 1,
};

/// How the latest calls of one model went.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Breaker);

impl Health {
    /// Whether one more call may be made; after its time a closed door is opened for a probe.
    pub(super) fn lets_in(&mut self, now_ms: u64) -> bool {
        if self.back_at(now_ms) == Some(now_ms) {
            self.0.half_opened();
        }
        self.0.lets_in(&POLICY)
    }

    /// When it is tried again, if it is not asked now because it failed; never in the past.
    pub(super) fn back_at(&self, now_ms: u64) -> Option<u64> {
        match self.0.phase() {
            Phase::Open { until } => Some(until.0.max(now_ms)),
            Phase::Closed | Phase::HalfOpen { .. } => None,
        }
    }

    /// A call has its place.
    pub(super) fn begun(&mut self, number: u64) {
        self.0.granted(Token(number));
    }

    /// It gave its place up, or ended in a way that says nothing of the model.
    pub(super) fn left(&mut self, number: u64) {
        self.0.withdrawn(Token(number));
    }

    /// It has ended. `call` is the same for every attempt at it.
    pub(super) fn ended(
        &mut self,
        now_ms: u64,
        number: u64,
        call: u64,
        result: &Result<Reply, Error>,
    ) {
        let mark = match result {
            Ok(_) => Mark::Good,
            Err(error) if error.kind().is_agents_fault() => Mark::Failed(TaskId(call)),
            Err(_) => return self.left(number), // The request's own doing.
        };
        self.0.mark(&POLICY, Token(number), mark);
        match self.0.verdict(&POLICY) {
            Verdict::Stay => {}
            Verdict::Close => self.0.closed(),
            Verdict::Open(_) => {
                let until = Time(now_ms).after(self.0.open_ms(&POLICY));
                self.0.opened(until);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Result<Reply, Error> {
        Err(Error::Cut { model: "m".into(), bytes: 0 })
    }

    /// One call after the other; each is let in, and so are those of other models.
    fn make(health: &mut Health, now_ms: u64, calls: &[(u64, &Result<Reply, Error>)]) {
        for (number, result) in calls {
            assert!(health.lets_in(now_ms), "{number}");
            health.begun(*number);
            health.ended(now_ms, *number, *number, result);
        }
    }

    #[test]
    fn it_opens_is_tried_once_and_closes() {
        let (mut health, failed, good) = (Health::default(), failed(), Ok(Reply::default()));
        let all: Vec<_> = (1..=5).map(|at| (at, if at < 3 { &good } else { &failed })).collect();
        make(&mut health, 0, &all);
        assert_eq!((health.lets_in(1), health.back_at(1)), (false, Some(30_000)));

        assert!(health.lets_in(30_000), "its time is up");
        health.begun(6);
        assert!(!health.lets_in(30_000), "one probe at a time");
        health.left(6);
        make(&mut health, 30_000, &[(7, &failed)]);
        assert_eq!(health.back_at(30_000), Some(90_000), "longer than before");
        make(&mut health, 90_000, &[(8, &good), (9, &good)]);
        assert_eq!(health.back_at(90_000), None);
    }

    #[test]
    fn one_call_that_nobody_can_answer_opens_nothing() {
        let mut health = Health::default();
        let said = || "no".to_owned();
        let refused = Err(Error::BadRequest { model: said(), status: 400, said: said() });
        for number in 0..100 {
            health.begun(number);
            let result = if number % 2 == 0 { failed() } else { refused.clone() };
            health.ended(0, number, 1, &result);
        }
        assert!(health.lets_in(0));
    }
}
