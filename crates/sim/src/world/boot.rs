//! Processes come and go: boot, crash, orderly exit, and standing still while another takes over.

use super::{Happening, Process, To, Turn, World};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::medium::Blow;
use crate::mutants::{Planted, planted};
use crate::oracle::Act;
use kernel::{Begin, Command, Effect, Entry, Kernel, Report};
use runtime::port::journal::{Journal, Seq};
use runtime::record;

impl World {
    /// A process starts: it opens the journal, reads it, and takes over.
    pub(super) fn boot(&mut self) {
        let seed = self.rng.next();
        self.rot();
        let opened = self.medium.power_cut(seed).and_then(|()| {
            self.medium.open().map_err(|error| format!("the journal does not open: {error}"))
        });
        let journal = match opened {
            Ok(journal) => journal,
            Err(why) => return self.oracle.condemn("p07_crash_anywhere_recover", why),
        };
        let kernel = match self.recover(journal) {
            Ok(recovered) => recovered,
            Err(why) => return self.oracle.condemn("p07_crash_anywhere_recover", why),
        };
        self.trace.say(self.now, || format!("BOOT process {}", self.processes));
        let begin = Begin {
            restored: self.strikes(Fault::Restored),
            seed: self.rng.next(),
            wall_ms: self.wall_ms(),
        };
        self.process = Some(kernel);
        self.command(Command::Begin(begin), To::Begin);
        let Some(process) = &mut self.process else { return };
        // Its answer starts the local agents; what was decided before is performed with it.
        let outstanding = process.kernel.outstanding();
        if !planted(Planted::OutstandingForgotten) {
            outstanding.iter().for_each(|effect| process.note_outstanding(effect));
        }
        process.outstanding = Some(outstanding);
        self.push_on();
    }

    /// A bit of the journal flips: nobody may open it and miss something.
    fn rot(&mut self) {
        let rate = self.mix.rate(Fault::BitFlipped);
        if rate == 0 || !self.rng.chance(rate) {
            return;
        }
        let seed = self.rng.next();
        match self.medium.bit_flips(seed, self.durable) {
            Ok(true) => self.tally.fired(Fault::BitFlipped),
            Ok(false) => {}
            Err(why) => self.oracle.condemn("p08_corruption_is_found", why),
        }
    }

    fn recover(&mut self, mut journal: Box<dyn Journal>) -> Result<Process, String> {
        let snapshot = journal.snapshot().map_err(|error| error.to_string())?;
        let needed = journal.first() > Seq(1);
        let snapshot = snapshot.filter(|_| self.rng.chance(700) || needed);
        self.settle_limbo(journal.head())?;
        let mut from = Seq(1);
        let mut kernel = Kernel::new(self.limits.clone());
        if let Some((at, bytes)) = snapshot {
            kernel.restore(record::decode_snapshot(&bytes).map_err(|error| error.to_string())?);
            from = Seq(at.0 + 1);
        }
        let mut entries: Vec<Entry> = Vec::new();
        let mut unreadable = None;
        let read = journal.read(from, &mut |_, bytes| {
            match record::decode(bytes) {
                Ok(entry) => entries.push(entry),
                Err(error) => unreadable = Some(error.to_string()),
            }
            Ok(())
        });
        read.map_err(|error| error.to_string())?;
        if let Some(why) = unreadable {
            return Err(why);
        }
        entries.iter().for_each(|entry| kernel.apply(entry));
        self.oracle.recovered(&kernel);
        self.processes += 1;
        let decided = journal.head();
        Ok(Process {
            serial: self.processes,
            clock: Clock::boot(kernel.state().time, self.now),
            kernel,
            journal,
            decided,
            open: Turn::default(),
            flight: None,
            wakes_at: 0,
            outstanding: None,
            draining: false,
        })
    }

    /// A batch that failed is there whole or not at all.
    fn settle_limbo(&mut self, head: Seq) -> Result<(), String> {
        if let Some((epoch, turn)) = self.limbo.take()
            && head.0 == self.durable.0 + turn.entries.len() as u64
        {
            self.tally.happened("failed append was there");
            self.show_durable(self.durable, epoch, &turn);
        }
        if head == self.durable {
            return Ok(());
        }
        Err(format!("the journal ends with entry {head}, durable were {}", self.durable))
    }

    /// The process dies here and now, with its local agents and all that was not yet durable.
    pub(super) fn crash(&mut self, how: &str) {
        self.trace.say(self.now, || format!("CRASH {how}"));
        self.tally.happened("crash");
        self.leave_process(false);
    }

    fn leave_process(&mut self, orderly: bool) {
        self.process = None;
        self.oracle.saw(&Act::Ended { orderly });
        self.locals().into_iter().for_each(|agent| self.end_life(agent));
        self.clients.forget_calls();
        let after = if self.healed { 100 } else { self.rng.between(1, 20_000) };
        self.at(after, Happening::Boot);
    }

    /// The process stands still in the middle of an append; another one takes over.
    pub(super) fn freeze(&mut self, turn: Turn) {
        let Some(mut process) = self.process.take() else { return };
        self.trace.say(self.now, || "the process stands still; another takes over".into());
        process.flight = Some(turn);
        let serial = process.serial;
        self.frozen.push(process);
        self.leave_process(false);
        let after = self.rng.between(20_001, 60_000);
        self.at(after, Happening::Thaw(serial));
    }

    /// It goes on where it stood: its append must be refused, and then it ends.
    pub(super) fn thaw(&mut self, serial: u64) {
        let Some(at) = self.frozen.iter().position(|process| process.serial == serial) else {
            return;
        };
        let mut process = self.frozen.remove(at);
        let Some(turn) = process.flight.take() else { return };
        self.trace.say(self.now, || format!("process {serial} goes on"));
        self.medium.plan(Blow::None);
        if self.write(&mut process, &turn) {
            let why = format!("process {serial} appended after another had taken over");
            self.oracle.condemn("p27_one_writer", why);
        }
        self.tally.happened("old writer refused");
    }

    /// The operator asks the process to end in order.
    pub(super) fn drain(&mut self) {
        let Some(process) = &mut self.process else { return };
        if std::mem::replace(&mut process.draining, true) {
            return;
        }
        let serial = process.serial;
        self.command(Command::Drain, To::Nobody);
        let grace = self.rng.between(100, 8_000);
        self.at(grace, Happening::Exit(serial));
    }

    /// The grace is over: local work is handed back, and when that is durable the process ends.
    pub(super) fn exit(&mut self) {
        let Some(process) = &self.process else { return };
        let locals = self.locals();
        let held: Vec<_> = process
            .kernel
            .state()
            .tasks()
            .filter(|task| {
                let agent = task.status.lease().and_then(|lease| self.by_id.get(&lease.agent));
                agent.is_some_and(|agent| locals.contains(agent))
            })
            .filter_map(kernel::Task::attempt)
            .collect();
        let done = held.is_empty() && process.open.outs.is_empty() && process.flight.is_none();
        let serial = process.serial;
        if done || planted(Planted::DrainSkipsHandBack) {
            self.trace.say(self.now, || "EXIT in order".into());
            self.tally.happened("orderly exit");
            return self.leave_process(true);
        }
        for attempt in held {
            self.command(Command::Report(attempt, Report::HandedBack), To::Nobody);
        }
        locals.into_iter().for_each(|agent| self.drop_works(agent));
        self.at(5, Happening::Exit(serial));
    }

    /// A background replay makes a snapshot of what is durable.
    pub(super) fn snapshot(&mut self) {
        let Some(process) = &mut self.process else { return };
        let at = process.journal.head();
        let bytes = record::encode_snapshot(&self.oracle.durable);
        if let Err(error) = process.journal.put_snapshot(at, &bytes) {
            self.oracle.condemn("p07_crash_anywhere_recover", error.to_string());
        }
        self.tally.happened("snapshot");
    }
}

impl Process {
    /// What recovery performs besides what its first turn decides.
    fn note_outstanding(&mut self, effect: &Effect) {
        // The first turn may be in flight already; what goes out with it waits for it all the same.
        let decided = self.decided;
        let turn = self.flight.as_mut().unwrap_or(&mut self.open);
        turn.outs.insert(0, (decided, super::Out::Perform(effect.clone())));
    }
}
