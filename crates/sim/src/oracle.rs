//! The judge: it sees what anybody outside could see, and asks every check about it.
//!
//! It keeps two shadows, kernels that only ever apply entries: one of everything decided (it must
//! equal the deciding kernel's memory after each step) and one of what is durable (it must equal
//! what a restart finds). The checks keep models of their own.

use crate::checks::{self, Check};
use kernel::{
    AttemptId, Command, Effect, Entry, Kernel, Limits, Refusal, State, Step, TaskId, Time,
};
use runtime::port::journal::{Epoch, Seq};

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Red {
    /// The check that says so.
    pub check: &'static str,
    /// What was seen.
    pub why: String,
}

/// What a check says: `Err` with what it saw.
pub type Verdict = Result<(), String>;

/// One step of the kernel, just decided.
pub struct Stepped<'a> {
    /// The process's clock; it may have fallen.
    pub now: Time,
    /// What was asked.
    pub command: &'a Command,
    /// What was decided.
    pub step: &'a Step,
    /// The memory before.
    pub before: &'a State,
    /// The kernel after.
    pub kernel: &'a Kernel,
}

/// One entry that has become durable.
pub struct Recorded<'a> {
    /// Its place.
    pub seq: Seq,
    /// Who wrote it.
    pub epoch: Epoch,
    /// The entry.
    pub entry: &'a Entry,
    /// The durable state before it.
    pub before: &'a State,
}

/// Something the world did or saw outside the kernel.
pub enum Act<'a> {
    /// An effect was performed that depends on everything up to `needs`.
    Performed {
        /// Which.
        effect: &'a Effect,
        /// The last entry it depends on.
        needs: Seq,
        /// The last durable entry.
        durable: Seq,
    },
    /// An answer was given that speaks of everything up to `needs`.
    Answered {
        /// What was asked; `None`: nobody listens to it.
        refused: Option<&'a Refusal>,
        /// The last entry it speaks of.
        needs: Seq,
        /// The last durable entry.
        durable: Seq,
    },
    /// A client has a receipt in its hand.
    Receipt(TaskId),
    /// A holder renewed its lease, and the process heard it.
    Renewed {
        /// Which lease.
        attempt: AttemptId,
        /// The process's clock.
        now: Time,
    },
    /// The process stood still for a while, and has noticed.
    Slept {
        /// The process's clock after it.
        now: Time,
    },
    /// A side effect was really performed.
    SideEffect {
        /// By whom.
        attempt: AttemptId,
        /// Its stable key.
        step: &'a str,
        /// Its author says that it may be done again when nobody knows how it went.
        may_repeat: bool,
    },
    /// A process ended; in order or not.
    Ended {
        /// It drained and handed everything back.
        orderly: bool,
    },
    /// A process has read the journal and will now begin.
    Recovered {
        /// What it remembers.
        kernel: &'a Kernel,
        /// What is durable.
        durable: &'a State,
    },
    /// The first turn of a process is durable and performed.
    Began {
        /// Effects of it.
        performed: &'a [Effect],
        /// What had to be performed.
        outstanding: &'a [Effect],
    },
    /// A live agent took part in something that it must not see.
    Surprise(String),
}

/// The judge.
pub struct Oracle {
    /// Everything decided by the present process.
    pub live: Kernel,
    /// Everything durable.
    pub durable: Kernel,
    /// The first broken promise.
    pub red: Option<Red>,
    checks: Vec<Box<dyn Check>>,
    steps: u64,
}

impl Oracle {
    /// A judge with all checks and nothing seen.
    #[must_use]
    pub fn new(limits: &Limits) -> Oracle {
        let empty = Kernel::new(limits.clone());
        let checks = checks::all(limits);
        Oracle { live: empty.clone(), durable: empty, red: None, checks, steps: 0 }
    }

    /// Looks at a step: all checks, then the shadow.
    pub fn stepped(&mut self, now: Time, command: &Command, step: &Step, kernel: &Kernel) {
        let seen = Stepped { now, command, step, before: self.live.state(), kernel };
        for check in &mut self.checks {
            note(&mut self.red, check.name(), check.step(&seen));
        }
        step.entries.iter().for_each(|entry| self.live.apply(entry));
        self.steps += 1;
        let equal = checks::p05_one_command_one_set_of_facts::same(&self.live, kernel);
        note(&mut self.red, "p05_one_command_one_set_of_facts", equal);
        if self.steps.is_multiple_of(8) {
            note(&mut self.red, "p05_one_command_one_set_of_facts", kernel.state().check_index());
        }
    }

    /// Looks at an entry that is durable now.
    pub fn recorded(&mut self, seq: Seq, epoch: Epoch, entry: &Entry) {
        let seen = Recorded { seq, epoch, entry, before: self.durable.state() };
        for check in &mut self.checks {
            note(&mut self.red, check.name(), check.entry(&seen));
        }
        self.durable.apply(entry);
    }

    /// Looks at something that happened.
    pub fn saw(&mut self, act: &Act<'_>) {
        for check in &mut self.checks {
            note(&mut self.red, check.name(), check.act(act));
        }
    }

    /// A process has read the journal: it remembers what is durable, and nothing else.
    pub fn recovered(&mut self, kernel: &Kernel) {
        let durable = self.durable.clone();
        self.saw(&Act::Recovered { kernel, durable: durable.state() });
        self.live = durable;
    }

    /// Asks for the last word, when all is quiet.
    pub fn end(&mut self, kernel: &Kernel) {
        for check in &mut self.checks {
            note(&mut self.red, check.name(), check.end(kernel));
        }
        note(&mut self.red, "p05_one_command_one_set_of_facts", kernel.state().check_index());
    }

    /// Breaks a promise by the world's own judgement.
    pub fn condemn(&mut self, check: &'static str, why: String) {
        note(&mut self.red, check, Err(why));
    }
}

/// The first broken promise counts: what follows from it is noise.
fn note(red: &mut Option<Red>, check: &'static str, verdict: Verdict) {
    if let (None, Err(why)) = (&red, verdict) {
        *red = Some(Red { check, why });
    }
}
