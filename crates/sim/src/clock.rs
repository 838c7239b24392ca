//! The clock of one process: the last journaled time plus what its boot clock has advanced.

use kernel::Time;

/// A clock that can be wrong in every way a clock is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    base: Time,
    /// True time at which it was last set right.
    since: u64,
    /// Thousandths of true speed.
    rate: u64,
    /// Added by jumps, milliseconds.
    jump: i64,
    frozen_until: u64,
}

impl Clock {
    /// A clock that starts from the journal's last time.
    #[must_use]
    pub(crate) fn boot(base: Time, now: u64) -> Clock {
        Clock { base, since: now, rate: 1_000, jump: 0, frozen_until: 0 }
    }

    /// What it shows. It may fall: the kernel must not believe it then.
    #[must_use]
    pub(crate) fn read(&self, now: u64) -> Time {
        let now = if now < self.frozen_until { self.since } else { now };
        let elapsed = (now - self.since) * self.rate / 1_000;
        Time(self.base.0.saturating_add(elapsed).saturating_add_signed(self.jump))
    }

    /// How long, in true milliseconds, until it shows `at`; 0 if it does.
    #[must_use]
    pub(crate) fn until(&self, at: Time, now: u64) -> u64 {
        let ahead = at.since(self.read(now));
        let frozen = self.frozen_until.saturating_sub(now);
        if ahead == 0 { 0 } else { ahead.saturating_mul(1_000).div_ceil(self.rate) + frozen }
    }

    /// Jumps.
    pub(crate) fn jump(&mut self, by_ms: i64) {
        self.jump += by_ms;
    }

    /// Runs at another speed from now on.
    pub(crate) fn drift(&mut self, now: u64, rate: u64) {
        self.base = self.read(now);
        (self.jump, self.since, self.rate) = (0, now, rate);
    }

    /// Stands still for a while, then makes up for it, as after a machine's sleep.
    pub(crate) fn freeze(&mut self, now: u64, until: u64) {
        self.drift(now, self.rate);
        self.frozen_until = until;
    }
}
