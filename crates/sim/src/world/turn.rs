//! The turn: decide in memory, append once, then perform and answer; and dying at every point of
//! it.

use super::{Happening, Out, Process, To, Turn, World};
use crate::fault::Fault;
use crate::medium::Blow;
use crate::mutants::{Planted, planted};
use crate::oracle::Act;
use kernel::{Answer, Command, Effect, Refusal, Time};
use runtime::port::journal::{Epoch, Error, Record, Seq};
use runtime::record;

/// A tick may only move delayed tasks into their queues, a few at a time; more than this is a loop.
const VAIN_TICKS_MAX: u32 = 1_000;

impl World {
    /// Gives the process a command. Nobody hears it when there is none.
    pub(super) fn command(&mut self, command: Command, to: To) {
        let Some(process) = &mut self.process else { return };
        let now = process.clock.read(self.now);
        let asked = command.clone();
        let step = process.kernel.step(now, command);
        self.tally.steps += 1;
        self.oracle.stepped(now, &asked, &step, &process.kernel);
        self.trace.say(self.now, || {
            let answer = match &step.answer {
                Ok(answer) => format!("{answer:?}"),
                Err(refusal) => format!("refused: {refusal:?}"),
            };
            format!("{} {asked:?} → {answer}", now.0)
        });
        if step.answer.is_err() {
            self.tally.happened("refusal");
        }
        process.note(step.entries);
        let needs = process.decided;
        let mut outs: Vec<Out> = step.effects.into_iter().map(Out::Perform).collect();
        outs.push(Out::Answer(to, step.answer));
        for out in outs {
            let early = match &out {
                Out::Perform(_) => planted(Planted::EffectBeforeDurable),
                Out::Answer(..) => planted(Planted::AnswerBeforeDurable),
            };
            if early {
                self.release(needs, out);
            } else if let Some(process) = &mut self.process {
                process.open.outs.push((needs, out));
            }
        }
        self.push_on();
    }

    /// Starts the next append when none is under way, and sets the alarm for the next deadline.
    pub(super) fn push_on(&mut self) {
        let Some(process) = &mut self.process else { return };
        let serial = process.serial;
        if process.flight.is_none() && !process.open.outs.is_empty() {
            let turn = std::mem::take(&mut process.open);
            let empty = turn.entries.is_empty();
            process.flight = Some(turn);
            self.start_append(serial, empty);
        }
        self.set_alarm();
    }

    fn start_append(&mut self, serial: u64, empty: bool) {
        if empty {
            return self.at(0, Happening::Append(serial));
        }
        if self.strikes(Fault::SyncHangs) {
            let after = self.rng.between(1_000, 60_000);
            return self.at(after, Happening::Crash(serial));
        }
        let delay = if self.strikes(Fault::AppendSlow) {
            self.rng.between(1, 1_000)
        } else {
            self.rng.between(0, 2)
        };
        self.at(delay, Happening::Append(serial));
    }

    fn set_alarm(&mut self) {
        let Some(process) = &mut self.process else { return };
        let Some(deadline) = process.kernel.next_deadline() else { return };
        if deadline == Time::NEVER {
            return;
        }
        let at = self.now + process.clock.until(deadline, self.now).max(1);
        if at < process.wakes_at || process.wakes_at <= self.now {
            process.wakes_at = at;
            let serial = process.serial;
            self.at(at - self.now, Happening::Wake(serial));
        }
    }

    /// The alarm rings: a tick, if anything is really due.
    pub(super) fn wake(&mut self) {
        let Some(process) = &self.process else { return };
        let due = process.kernel.next_deadline();
        let now = process.clock.read(self.now).max(process.kernel.state().time);
        if due.is_none_or(|due| due > now) {
            return self.set_alarm();
        }
        let before = process.decided;
        self.command(Command::Tick, To::Nobody);
        let vain = self.process.as_ref().is_some_and(|process| process.decided == before);
        self.vain_ticks = if vain { self.vain_ticks + 1 } else { 0 };
        if self.vain_ticks > VAIN_TICKS_MAX {
            let why = format!("{due:?} is due at {now:?} and nothing comes of it");
            self.oracle.condemn("p24_everything_ends", why);
        }
    }

    /// The append of a process comes to its end, or the process does.
    pub(super) fn append(&mut self, serial: u64) {
        if !self.is_present(serial) {
            return; // It was frozen meanwhile; `thaw` lets it try.
        }
        let Some(process) = &mut self.process else { return };
        let Some(turn) = process.flight.take() else { return };
        if turn.entries.is_empty() {
            return self.finish(turn);
        }
        if self.medium.can_be_taken_over() && self.strikes(Fault::TakenOver) {
            return self.freeze(turn);
        }
        if self.strikes(Fault::CrashBeforeAppend) {
            return self.crash("before its append");
        }
        if self.strikes(Fault::DiskFull) {
            self.full_until = self.now + self.rng.between(1_000, 60_000);
        }
        let blow = if self.now < self.full_until {
            Blow::Full
        } else if self.strikes(Fault::AppendFails) {
            Blow::Lost
        } else if self.strikes(Fault::AppendFailsAfter) {
            Blow::Kept
        } else if self.strikes(Fault::AppendTorn) {
            Blow::Torn(self.rng.below(2 * turn.batch.size() as u64) as usize)
        } else {
            Blow::None
        };
        self.medium.plan(blow);
        let Some(mut process) = self.process.take() else { return };
        let written = self.write(&mut process, &turn);
        self.process = Some(process);
        if !written {
            return self.crash("could not append");
        }
        if self.strikes(Fault::CrashAfterAppend) {
            return self.crash("after its append");
        }
        self.finish(turn);
    }

    /// Appends a turn and shows the oracle what became durable. False: the process must end.
    pub(super) fn write(&mut self, process: &mut Process, turn: &Turn) -> bool {
        let before = process.journal.head();
        let undecided = (process.open.entries.len() + turn.entries.len()) as u64;
        let expected = Seq(process.decided.0 - undecided);
        let epoch = process.journal.epoch();
        match process.journal.append(expected, &turn.batch) {
            Ok(head) => {
                self.show_durable(before, epoch, turn);
                head.0 == expected.0 + turn.entries.len() as u64
            }
            Err(Error::Broken { .. } | Error::Full { .. }) => {
                // What is on the disk is not known until somebody reads it.
                self.limbo = Some((epoch, turn.clone()));
                false
            }
            Err(Error::Superseded { .. }) => false,
            Err(other) => {
                self.oracle.condemn("p07_crash_anywhere_recover", other.to_string());
                false
            }
        }
    }

    /// The entries of a turn are durable.
    pub(super) fn show_durable(&mut self, before: Seq, epoch: Epoch, turn: &Turn) {
        let mut seq = before;
        for (entry, record) in turn.entries.iter().zip(turn.batch.records()) {
            seq = Seq(seq.0 + 1);
            self.oracle.recorded(seq, epoch, entry);
            self.trace.event(&entry.event);
            self.trace.bytes(record.head);
            self.trace.bytes(record.payload);
            self.trace.say(self.now, || format!("  {seq} {:?}", entry.event));
        }
        self.durable = seq;
    }

    /// The turn is durable: perform, then answer; the next turn starts.
    fn finish(&mut self, turn: Turn) {
        let serial = self.process.as_ref().map_or(0, |process| process.serial);
        let (mut effects, mut answers): (Vec<_>, Vec<_>) =
            turn.outs.into_iter().partition(|(_, out)| matches!(out, Out::Perform(_)));
        if effects.len() > 1 && self.strikes(Fault::CrashMidEffects) {
            effects.truncate(effects.len() / 2);
            effects.into_iter().for_each(|(needs, out)| self.release(needs, out));
            return self.crash("between two effects");
        }
        self.began(&effects);
        effects.into_iter().for_each(|(needs, out)| self.release(needs, out));
        if !answers.is_empty() && self.strikes(Fault::CrashBeforeAnswer) {
            return self.crash("before its answers");
        }
        answers.drain(..).for_each(|(needs, out)| self.release(needs, out));
        if self.is_present(serial) {
            self.push_on();
        }
    }

    /// Shows the oracle what the first turn performed.
    fn began(&mut self, effects: &[(Seq, Out)]) {
        let Some(process) = &mut self.process else { return };
        let Some(outstanding) = process.outstanding.take() else { return };
        let effect = |(_, out): &(Seq, Out)| match out {
            Out::Perform(effect) => Some(effect.clone()),
            Out::Answer(..) => None,
        };
        let performed: Vec<Effect> = effects.iter().filter_map(effect).collect();
        self.oracle.saw(&Act::Began { performed: &performed, outstanding: &outstanding });
    }

    /// Something goes out into the world.
    fn release(&mut self, needs: Seq, out: Out) {
        let durable = self.process.as_ref().map_or(Seq(0), |process| process.journal.head());
        match out {
            Out::Perform(effect) => {
                self.oracle.saw(&Act::Performed { effect: &effect, needs, durable });
                self.perform(effect);
            }
            Out::Answer(to, answer) => {
                let refused = answer.as_ref().err();
                self.oracle.saw(&Act::Answered { refused, needs, durable });
                self.answer(to, answer);
            }
        }
    }

    fn answer(&mut self, to: To, answer: Result<Answer, Refusal>) {
        match to {
            To::Nobody => {}
            To::Client(call) => self.client_hears(call, answer),
            To::Agent(agent, life) => self.agent_joined(agent, life, answer),
            To::Work(agent, life, token, call) => {
                self.send_answer(agent, life, token, call, answer);
            }
            To::Begin => self.join_locals(),
        }
    }
}

impl Process {
    /// Adds entries to the open turn.
    fn note(&mut self, entries: Vec<kernel::Entry>) {
        let (mut head, mut payload) = (Vec::new(), Vec::new());
        for entry in entries {
            head.clear();
            payload.clear();
            record::encode(&entry, &mut head, &mut payload);
            self.open.batch.push(Record { head: &head, payload: &payload });
            self.open.entries.push(entry);
            self.decided = Seq(self.decided.0 + 1);
        }
    }

    /// Something to perform once everything decided so far is durable.
    pub(super) fn also(&mut self, effect: Effect) {
        self.open.outs.push((self.decided, Out::Perform(effect)));
    }
}
