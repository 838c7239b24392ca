//! The calls of one model: who goes now, who waits, and until when. Pure: time is handed in.
//!
//! ```text
//!   enter ──▶ queue ──grant──▶ under way ──done──▶ what it took, what is left, or a refusal
//!               └──────leave───────┴──▶ its place is free
//! ```
//!
//! Whose turn it is the kernel's [`FairQueue`] says: class by weight, tenant by turn, then whoever
//! came first. The one whose turn it is is waited for: if a smaller call could pass a large one,
//! the large one would never go.

use super::standing::{Left, Refusals};
use super::window::{KEPT_MS, MINUTE_MS, Window, pace};
use kernel::{Class, FairQueue, TaskId, Text, Time};
use runtime::llm::{Allowance, Error, Reply};
use std::collections::BTreeMap;

/// How much of a model may be used. What is not said is not limited until the other side says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Calls a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute, read and written together.
    pub tokens_per_minute: Option<u64>,
    /// Calls at once.
    pub concurrency: Option<u32>,
}

/// A call that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// How urgent.
    pub class: Class,
    /// Whose.
    pub tenant: Text,
    /// What it will take, as far as can be told: read and written together.
    pub tokens: u64,
    /// Which call it is: the same number for every attempt at it.
    pub call: u64,
}

/// As many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was answered, and took so many tokens.
    Answered { tokens: u64, allowance: Allowance },
    /// There were too many, or the other side has too much to do.
    Refused { after_ms: Option<u64>, is_rate: bool },
    /// It failed; whether it counted there is not known.
    Failed,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    pub(super) rate: Rate,
    requests: Window,
    /// Requests that were answered: what is known to be allowed.
    answered: Window,
    tokens: Window,
    /// Limits that answers tell.
    told: Rate,
    requests_left: Option<Left>,
    tokens_left: Option<Left>,
    refusals: Refusals,
    /// The most that was answered in a minute: so much is known to be allowed.
    proven: u64,
    queue: FairQueue,
    waiting: BTreeMap<u64, Need>,
    under_way: BTreeMap<u64, UnderWay>,
    last: u64,
}

#[derive(Clone, Debug)]
struct UnderWay {
    /// When it was made; until then, when it was granted.
    sent_ms: u64,
    tokens: u64,
    need: Need,
}

/// Where nobody tells a limit, so many calls go beyond what is known to be allowed before it is
/// waited whether they are refused. A refusal comes at once, an answer takes seconds: all that are
/// sent between the first one too many and its refusal are sent in vain.
const UNHEARD_MAX: usize = 4;

/// So long a refusal may take, milliseconds; who is not refused by then most likely is not.
const UNHEARD_MS: u64 = 250;

impl Ending {
    pub(super) fn of(result: &Result<Reply, Error>) -> Ending {
        match result {
            Ok(reply) => {
                let (tokens, allowance) = (reply.usage.total_tokens(), reply.allowance);
                Ending::Answered { tokens, allowance }
            }
            Err(Error::RateLimited { retry_after_ms, .. }) => {
                Ending::Refused { after_ms: *retry_after_ms, is_rate: true }
            }
            Err(Error::Overloaded { retry_after_ms, .. }) => {
                Ending::Refused { after_ms: *retry_after_ms, is_rate: false }
            }
            Err(_) => Ending::Failed,
        }
    }
}

impl Flow {
    /// Under this rate, with nobody in it.
    #[cfg(test)]
    pub(super) fn of(rate: Rate) -> Flow {
        Flow { rate, ..Flow::default() }
    }

    /// Joins the queue.
    pub(super) fn enter(&mut self, need: Need, waiting_max: usize) -> Result<u64, Full> {
        if self.waiting.len() >= waiting_max {
            return Err(Full);
        }
        self.last += 1;
        self.queue.insert(need.class, &need.tenant, Time::NEVER, TaskId(self.last));
        self.waiting.insert(self.last, need);
        Ok(self.last)
    }

    /// Gives a place up: waiting, or granted and never used.
    pub(super) fn leave(&mut self, number: u64) {
        self.dequeue(number);
        self.under_way.remove(&number);
    }

    fn dequeue(&mut self, number: u64) -> Option<Need> {
        let need = self.waiting.remove(&number)?;
        self.queue.remove(need.class, &need.tenant, Time::NEVER, TaskId(number));
        Some(need)
    }

    /// Lets everybody go who may go now, in their order.
    pub(super) fn grant(&mut self, now_ms: u64) -> Vec<u64> {
        let mut granted = Vec::new();
        while let Some(number) = self.head()
            && self.next_at(now_ms) == Some(now_ms)
        {
            let Some(need) = self.waiting.get(&number) else { break };
            self.queue.granted(need.class, &need.tenant.clone());
            let Some(need) = self.dequeue(number) else { break };
            self.send(now_ms, number, need);
            granted.push(number);
        }
        granted
    }

    fn send(&mut self, now_ms: u64, number: u64, need: Need) {
        let tokens = need.tokens;
        self.requests.add(now_ms, 1);
        self.tokens.add(now_ms, tokens);
        self.requests_left = self.requests_left.and_then(|it| it.take(1));
        self.tokens_left = self.tokens_left.and_then(|it| it.take(tokens));
        self.under_way.insert(number, UnderWay { sent_ms: now_ms, tokens, need });
    }

    /// Whether a call that was granted may still go. Whoever needed a while to begin, as for a
    /// slot, and was sent away with all others meanwhile, waits again in the place that it had.
    pub(super) fn may_still_go(&mut self, now_ms: u64, number: u64) -> bool {
        if now_ms >= self.refusals.closed_until_ms {
            return true;
        }
        let Some(it) = self.under_way.remove(&number) else { return true };
        self.requests.amend(it.sent_ms, 1, 0);
        self.tokens.amend(it.sent_ms, it.tokens, 0);
        self.queue.insert(it.need.class, &it.need.tenant, Time::NEVER, TaskId(number));
        self.waiting.insert(number, it.need);
        false
    }

    /// A call that was granted is made now. It counts from now on: whoever needed a while to begin
    /// would else be counted as of a minute that is over too early.
    pub(super) fn sent(&mut self, now_ms: u64, number: u64) {
        let Some(UnderWay { sent_ms, tokens, .. }) = self.under_way.get_mut(&number) else {
            return;
        };
        self.requests.amend(*sent_ms, 1, 0);
        self.requests.add(now_ms, 1);
        self.tokens.amend(*sent_ms, *tokens, 0);
        self.tokens.add(now_ms, *tokens);
        *sent_ms = now_ms;
    }

    /// Whose turn it is.
    pub(super) fn head(&self) -> Option<u64> {
        self.queue.next().map(|(_, task)| task.0)
    }

    /// Whether it may go, or has gone.
    pub(super) fn is_granted(&self, number: u64) -> bool {
        self.under_way.contains_key(&number)
    }

    /// When the one whose turn it is may go, as far as is known now; `None`: when a call ends, or
    /// never, as nobody waits.
    pub(super) fn next_at(&self, now_ms: u64) -> Option<u64> {
        let need = self.head().and_then(|number| self.waiting.get(&number))?;
        let max = self.rate.concurrency.map_or(usize::MAX, |it| it.max(1) as usize);
        (self.under_way.len() < max).then(|| self.opens_at(now_ms, need.tokens))
    }

    /// The first moment at which a call of so many tokens is within every limit that is known.
    fn opens_at(&self, now_ms: u64, tokens: u64) -> u64 {
        let mut at_ms = now_ms.max(self.refusals.closed_until_ms);
        let mut within = |window: &Window, limit: Option<u64>, amount: u64| {
            let Some(per_minute) = limit else { return };
            let (span_ms, share) = pace(per_minute);
            at_ms = at_ms.max(window.fits_at(now_ms, KEPT_MS, per_minute.max(1), amount));
            at_ms = at_ms.max(window.fits_at(now_ms, span_ms, share, amount));
        };
        within(&self.requests, self.requests_per_minute(now_ms), 1);
        within(&self.tokens, self.tokens_per_minute(), tokens);
        at_ms = at_ms.max(self.heard_at(now_ms));
        let left = [(self.requests_left, 1), (self.tokens_left, tokens)];
        let told =
            left.into_iter().filter_map(|(left, amount)| Some(left?.fits_at(now_ms, amount)));
        told.fold(at_ms, u64::max)
    }

    /// When a call may go without being one too many of those of whom it is not heard yet whether
    /// they are allowed.
    fn heard_at(&self, now_ms: u64) -> u64 {
        let is_told = least(self.rate.requests_per_minute, self.told.requests_per_minute).is_some();
        let is_proven = self.requests.sum(now_ms, MINUTE_MS) < self.proven;
        if is_told || is_proven || self.requests_left.is_some() {
            return now_ms;
        }
        let sent = self.under_way.values().map(|it| it.sent_ms + UNHEARD_MS);
        let mut heard: Vec<u64> = sent.filter(|at_ms| *at_ms > now_ms).collect();
        heard.sort_unstable();
        let over = (heard.len() + 1).saturating_sub(UNHEARD_MAX);
        over.checked_sub(1).and_then(|at| heard.get(at)).copied().unwrap_or(now_ms)
    }

    /// What was said goes before what answers tell, and that before what was learned.
    fn requests_per_minute(&self, now_ms: u64) -> Option<u64> {
        let known = least(self.rate.requests_per_minute, self.told.requests_per_minute);
        known.or_else(|| self.refusals.per_minute(now_ms))
    }

    fn tokens_per_minute(&self) -> Option<u64> {
        least(self.rate.tokens_per_minute, self.told.tokens_per_minute)
    }

    /// How long a place waits at least, if nobody before it gives up: those of its class and tenant
    /// who came before all go first.
    pub(super) fn waits_ms(&self, now_ms: u64, number: u64) -> u64 {
        let Some(need) = self.waiting.get(&number) else { return 0 };
        let before = self.waiting.range(..number).filter(|(_, it)| {
            it.class == need.class && it.tenant == need.tenant // Others go in turns.
        });
        let (mut calls, mut tokens) = (0, 0);
        for (_, it) in before {
            (calls, tokens) = (calls + 1, tokens + it.tokens);
        }
        let took = |amount: u64, limit: Option<u64>| {
            let (span_ms, share) = limit.map_or((0, 1), pace);
            (amount / share).saturating_mul(span_ms)
        };
        let queue_ms = took(calls, self.requests_per_minute(now_ms))
            .max(took(tokens, self.tokens_per_minute()));
        self.opens_at(now_ms, need.tokens) - now_ms + queue_ms
    }

    /// For how long the other side has sent us away.
    pub(super) fn closed_for_ms(&self, now_ms: u64) -> u64 {
        self.refusals.closed_until_ms.saturating_sub(now_ms)
    }

    /// A call has ended.
    pub(super) fn done(&mut self, now_ms: u64, number: u64, ending: Ending) {
        let Some(UnderWay { sent_ms, tokens: thought, .. }) = self.under_way.remove(&number) else {
            return;
        };
        match ending {
            Ending::Answered { tokens, allowance } => {
                self.tokens.amend(sent_ms, thought, tokens);
                self.answered.add(now_ms, 1);
                self.proven = self.proven.max(self.answered.sum(now_ms, MINUTE_MS));
                self.refusals.accepted(sent_ms);
                self.hear(now_ms, &allowance);
            }
            Ending::Refused { after_ms, is_rate } => {
                let knows = self.rate.requests_per_minute.or(self.told.requests_per_minute);
                // Those under way may be accepted yet; each that is not says so itself.
                let accepted = self.answered.sum(now_ms, MINUTE_MS) + self.under_way.len() as u64;
                let accepted = (is_rate && knows.is_none()).then_some(accepted);
                self.proven = accepted.map_or(self.proven, |it| self.proven.min(it));
                self.tokens.amend(sent_ms, thought, 0);
                self.refusals.refused(now_ms, sent_ms, after_ms, accepted);
            }
            Ending::Failed => {}
        }
    }

    /// Takes in what an answer says of limits. One over a longer time than a minute only counts by
    /// what is left of it.
    fn hear(&mut self, now_ms: u64, said: &Allowance) {
        let per_minute = |left: &runtime::llm::Left| {
            left.limit.filter(|_| left.reset_ms.is_none_or(|it| it <= MINUTE_MS))
        };
        if let Some(left) = &said.requests {
            self.told.requests_per_minute = per_minute(left);
            self.requests_left = Left::of(now_ms, left, self.under_way.len() as u64);
        }
        if let Some(left) = &said.tokens {
            self.told.tokens_per_minute = per_minute(left);
            let under_way = self.under_way.values().map(|it| it.tokens).sum();
            self.tokens_left = Left::of(now_ms, left, under_way);
        }
    }

    /// Who waits, and who is under way.
    pub(super) fn standing(&self) -> (usize, usize) {
        (self.waiting.len(), self.under_way.len())
    }
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}
