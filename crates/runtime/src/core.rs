//! What decides: the kernel, its clock, and memory for what it decides.

use crate::desk::Desk;
use crate::inbox::Letter;
use crate::keep;
use crate::portion::Portion;
use crate::standing::Refused;
use crate::turn::{Inner, lock};
use kernel::{Kernel, Limits, Pulse, Time};
use std::time::Duration;
use tokio::time::Instant;

/// What decides.
#[repr(align(128))]
pub(crate) struct Core {
    pub(crate) kernel: Kernel,
    clock: Clock,
    /// When somebody was last at work here.
    looked: Time,
    /// When it was last seen to the leases of what works here.
    renewed: Time,
    /// Memory for what comes out of the inbox, and for what is decided of it.
    letters: Vec<Letter>,
    decided: Portion,
    pub(crate) refused: Refused,
    pub(crate) closed: bool,
}

/// Kernel time: the journal's last moment, plus what this process's clock has advanced since.
struct Clock {
    base: Time,
    since: Instant,
}

impl Core {
    pub(crate) fn new(kernel: Kernel) -> Core {
        let clock = Clock { base: kernel.state().time, since: Instant::now() };
        let (looked, renewed) = (clock.base, clock.base);
        let (letters, decided) = (Vec::new(), Portion::default());
        Core {
            kernel,
            clock,
            looked,
            renewed,
            letters,
            decided,
            refused: Refused::default(),
            closed: false,
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Steps everything in the inbox, in order, at one reading of the clock; true if the next
    /// deadline came nearer.
    pub(crate) fn step_all(&mut self, inner: &Inner) -> bool {
        let mut letters = std::mem::take(&mut self.letters);
        inner.inbox.swap(&mut letters);
        let now = self.clock.now();
        self.look_around(now, &inner.desk);
        let deadline = self.kernel.next_deadline();
        letters.drain(..).for_each(|letter| self.step(inner, now, letter));
        self.letters = letters;
        self.hand_over(inner);
        self.kernel.next_deadline().is_some_and(|next| deadline.is_none_or(|it| next < it))
    }

    fn step(&mut self, inner: &Inner, now: Time, letter: Letter) {
        if self.closed {
            return; // Dropping the letter says so.
        }
        let Letter { command, reply, then } = letter;
        if inner.room.is_full()
            && let Some(refusal) = keep::no_room(&self.kernel, &command)
        {
            self.refused.hears(&refusal, now);
            reply.map(|reply| reply.send(Err(refusal))); // Records nothing, so it need not wait.
            return;
        }
        let Portion { entries, effects, answers, .. } = &mut self.decided;
        let verdict = self.kernel.step_into(now, command, entries, effects);
        if let Err(refusal) = &verdict {
            self.refused.hears(refusal, now);
        }
        if let Some(next) = then.and_then(|then| then(&inner.desk, &verdict)) {
            let _ = self.kernel.step_into(now, next, entries, effects); // Nobody waits for it.
        }
        answers.extend(reply.map(|reply| (reply, verdict)));
        if self.decided.is_full() {
            self.hand_over(inner);
        }
    }

    /// What was decided joins what waits for the committer.
    fn hand_over(&mut self, inner: &Inner) {
        if self.decided.is_empty() {
            return;
        }
        let mut waiting = lock(&inner.waiting);
        waiting.push(&mut self.decided);
        let sleeps = std::mem::take(&mut waiting.sleeps);
        drop(waiting);
        if sleeps {
            inner.work.notify_one();
        }
    }

    /// Sees to signs of life before anything is decided, so that nobody's lease runs out because
    /// we came late. Somebody comes every `renew_retry_ms`; if nobody has for as long as a renewal
    /// takes its time, the process stood still or its machine slept, and nobody is charged for it.
    pub(crate) fn look_around(&mut self, now: Time, desk: &Desk) {
        let Limits { renew_ms, renew_retry_ms, .. } = *self.kernel.limits();
        let gap_ms = now.since(std::mem::replace(&mut self.looked, now));
        if gap_ms >= renew_ms {
            desk.slept(Duration::from_millis(gap_ms));
            self.kernel.pulse(now, Pulse::Slept { ms: gap_ms });
        }
        if now.since(self.renewed) >= renew_retry_ms {
            self.renewed = now;
            let pulses = desk.pulses(Duration::from_millis(renew_ms));
            pulses.into_iter().for_each(|pulse| self.kernel.pulse(now, pulse));
        }
    }
}

impl Clock {
    fn now(&self) -> Time {
        let advance = self.since.elapsed().as_millis();
        self.base.after(u64::try_from(advance).unwrap_or(u64::MAX))
    }
}
