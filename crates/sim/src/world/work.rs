//! One attempt as an agent lives it: a program run from its first line, step by step.

use super::link::Mail;
use super::{Happening, To, World};
use crate::fault::Fault;
use crate::program::{Input, Op, payload};
use kernel::{AttemptId, Dispatch, Failure, FailureKind, Outcome, Report, StepRecord, Text, Token};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How an agent is about one piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Honest,
    Slow,
    /// Says nothing more, not even that it lives.
    Silent,
    /// Says that it lives, and nothing else.
    Hogs,
    Lies,
    HandsBack,
    WaitsForNothing,
}

/// One attempt, seen by the agent.
pub(super) struct Work {
    pub(super) attempt: AttemptId,
    pub(super) number: u32,
    pub(super) program: Vec<Op>,
    pub(super) at: usize,
    pub(super) mood: Mood,
    /// Steps asked for that have not ended, with the question.
    pub(super) pending: BTreeMap<Text, Report>,
    /// Steps that had ended when the attempt began.
    old: BTreeSet<Text>,
    /// How steps ended, as far as it knows.
    pub(super) known: BTreeMap<Text, Arc<Outcome>>,
    pub(super) waiting: bool,
    /// At it until a beat says otherwise.
    pub(super) busy: bool,
    /// The call whose answer it waits for, and what it said.
    pub(super) call: Option<(u32, Report)>,
    calls: u32,
    /// Side effects this attempt has performed.
    pub(super) performed: BTreeSet<Text>,
}

/// Something an agent does by itself after a while.
#[derive(Clone, Debug)]
pub(super) enum Beat {
    /// Goes on with its program.
    Next,
    /// Says that it lives.
    Renew,
    /// Has really stopped.
    Ended(AttemptId),
    /// Has had no answer and asks again.
    Nag(u32),
    /// Has performed a side effect.
    Done(Text),
    /// Says again what it said.
    Again(Report),
}

impl Work {
    pub(super) fn new(dispatch: &Dispatch) -> Work {
        let mut work = Work {
            attempt: dispatch.attempt,
            number: dispatch.number,
            program: match dispatch.bids_for {
                Some(_) => Input::of(&dispatch.input).bidding(),
                None => Input::of(&dispatch.input).program(&dispatch.terms.capability),
            },
            at: 0,
            mood: Mood::Honest,
            pending: BTreeMap::new(),
            old: BTreeSet::new(),
            known: BTreeMap::new(),
            waiting: false,
            busy: false,
            call: None,
            calls: 0,
            performed: BTreeSet::new(),
        };
        work.learn_table(&dispatch.steps);
        work.old = work.known.keys().cloned().collect();
        work
    }

    /// Takes in how a step ended.
    pub(super) fn learn(&mut self, step: &Text, outcome: &Arc<Outcome>) {
        self.pending.remove(step);
        self.known.insert(step.clone(), outcome.clone());
    }

    pub(super) fn learn_table(&mut self, steps: &[(Text, StepRecord)]) {
        for (step, record) in steps {
            if let Some((_, outcome)) = &record.outcome {
                self.learn(step, outcome);
            }
        }
    }

    /// Whether it is at it, rather than waiting or about to hear that it may wait.
    pub(super) fn works(&self) -> bool {
        !self.waiting && !matches!(self.call, Some((_, Report::Wait { .. })))
    }

    /// Deliveries to this attempt that it has taken in.
    fn seen(&self) -> u32 {
        let new = |step: &&Text| !self.old.contains(*step) && !self.performed.contains(*step);
        self.known.keys().filter(new).count() as u32
    }
}

impl World {
    /// Draws how this agent is about this work.
    pub(super) fn choose_mood(&mut self, agent: usize, token: Token) {
        const MOODS: [(Fault, Mood); 6] = [
            (Fault::AgentSilent, Mood::Silent),
            (Fault::AgentHogs, Mood::Hogs),
            (Fault::AgentSlow, Mood::Slow),
            (Fault::AgentLies, Mood::Lies),
            (Fault::AgentHandsBack, Mood::HandsBack),
            (Fault::WaitsForNothing, Mood::WaitsForNothing),
        ];
        let mood = MOODS.into_iter().find(|(fault, _)| self.strikes(*fault));
        if let (Some((_, mood)), Some(work)) = (mood, self.agents[agent].works.get_mut(&token)) {
            work.mood = mood;
        }
    }

    /// The first thing an agent does with a task.
    pub(super) fn begin_work(&mut self, agent: usize, token: Token) {
        let Some(work) = self.agents[agent].works.get(&token) else { return };
        let (attempt, mood) = (work.attempt, work.mood);
        if mood == Mood::Silent {
            return;
        }
        if self.rng.chance(600) {
            self.post(agent, Mail::Report(attempt, Report::Started, To::Nobody));
        }
        match mood {
            Mood::Honest | Mood::Slow => self.go_on(agent, token),
            Mood::Silent | Mood::Hogs => {}
            Mood::Lies => self.last_word(agent, token, Report::Completed(payload(b"\"trust me\""))),
            Mood::HandsBack => self.last_word(agent, token, Report::HandedBack),
            Mood::WaitsForNothing => self.say(agent, token, Report::Wait { seen: 0 }),
        }
    }

    /// Runs the program until it has to wait for something.
    pub(super) fn go_on(&mut self, agent: usize, token: Token) {
        let Some(work) = self.agents[agent].works.get_mut(&token) else { return };
        if work.waiting
            || work.busy
            || work.call.is_some()
            || matches!(work.mood, Mood::Silent | Mood::Hogs)
        {
            return;
        }
        let Some(op) = work.program.get(work.at).cloned() else { return };
        let (slow, number) = (work.mood == Mood::Slow, work.number);
        match op {
            Op::Work(ms) => {
                work.at += 1;
                work.busy = true;
                self.later(agent, token, if slow { ms * 20 } else { ms }, Beat::Next);
            }
            Op::Ask(step, submit) => self.say(agent, token, Report::Ask { step, submit }),
            Op::Sleep(step, ms) => self.say(agent, token, Report::Sleep { step, ms }),
            Op::Once(step, _) => self.say(agent, token, Report::Once { step, again: false }),
            Op::Spend(cost) if self.has_ceilings => self.look_and_spend(agent, token, cost),
            Op::Spend(cost) => self.say(agent, token, Report::Spent(cost)),
            Op::Join if work.pending.is_empty() => {
                work.at += 1;
                self.go_on(agent, token);
            }
            Op::Join => {
                let seen = work.seen();
                self.say(agent, token, Report::Wait { seen });
            }
            Op::Complete => {
                let large = self.strikes(Fault::OutputTooLarge);
                let output = if large {
                    payload(&vec![b'1'; 4_096])
                } else {
                    payload(&token.0.to_le_bytes())
                };
                self.last_word(agent, token, Report::Completed(output));
            }
            Op::Bid => self.say_bid(agent, token),
            Op::Fail { until_attempt, .. } if number >= until_attempt => {
                work.at += 1;
                self.go_on(agent, token);
            }
            Op::Fail { retryable, .. } => {
                let kind = if retryable { FailureKind::Error } else { FailureKind::Rejected };
                let mut failure = Failure::new(kind, "as its program says");
                if self.strikes(Fault::AbsurdRetryAfter) {
                    failure.retry_after_ms = Some(u64::MAX);
                }
                self.last_word(agent, token, Report::Failed(failure));
            }
        }
    }

    /// Says something whose answer it needs before it goes on.
    pub(super) fn say(&mut self, agent: usize, token: Token, report: Report) {
        let Some(work) = self.agents[agent].works.get_mut(&token) else { return };
        work.calls += 1;
        let (attempt, call) = (work.attempt, work.calls);
        work.call = Some((call, report.clone()));
        self.speak(agent, attempt, report, call);
        if self.agents[agent].spec.remote {
            self.later(agent, token, 5_000, Beat::Nag(call));
        }
    }

    /// Puts a report on its way, and with it the lies and errors of the day.
    fn speak(&mut self, agent: usize, attempt: AttemptId, report: Report, call: u32) {
        let life = self.agents[agent].life;
        if self.strikes(Fault::WrongToken) {
            // One of another task, or one that nobody will ever be given; a higher one could come
            // true while the report is on its way.
            let near = Token(attempt.token.0.saturating_sub(self.rng.between(1, 3)));
            let token = if self.rng.chance(700) { near } else { Token(attempt.token.0 | 1 << 47) };
            let wrong = AttemptId { token, ..attempt };
            self.post(agent, Mail::Report(wrong, report.clone(), To::Nobody));
        }
        if self.strikes(Fault::ReportFromOldLife)
            && let Some(past) = self.rng.pick(&self.agents[agent].past).copied()
        {
            self.at(0, Happening::Ghost(past));
        }
        let to = To::Work(agent, life, attempt.token, call);
        self.post(agent, Mail::Report(attempt, report, to));
    }

    /// Says how the work ended; it holds nothing any more.
    pub(super) fn last_word(&mut self, agent: usize, token: Token, report: Report) {
        let Some(work) = self.agents[agent].works.remove(&token) else { return };
        self.agents[agent].past.push(work.attempt);
        if self.strikes(Fault::ReportTwice) {
            let life = self.agents[agent].life;
            let after = self.rng.between(0, 40_000);
            let again = Beat::Again(report.clone());
            self.agents[agent].works.insert(token, work);
            self.at(after, Happening::Beat(agent, life, token, again));
            let attempt = self.agents[agent].works.remove(&token).map(|work| work.attempt);
            let Some(attempt) = attempt else { return };
            return self.speak(agent, attempt, report, 0);
        }
        self.speak(agent, work.attempt, report, 0);
    }

    pub(super) fn later(&mut self, agent: usize, token: Token, ms: u64, beat: Beat) {
        let life = self.agents[agent].life;
        self.at(ms, Happening::Beat(agent, life, token, beat));
    }

    /// Something an agent does by itself.
    pub(super) fn beat(&mut self, agent: usize, life: u64, token: Token, beat: Beat) {
        if self.agents[agent].life != life {
            return;
        }
        if let Beat::Ended(attempt) = beat {
            return self.post(agent, Mail::Report(attempt, Report::Ended, To::Nobody));
        }
        if let Beat::Again(report) = beat {
            let past = self.agents[agent].past.iter().rev();
            if let Some(attempt) = past.copied().find(|attempt| attempt.token == token) {
                self.post(agent, Mail::Report(attempt, report, To::Nobody));
            }
            return;
        }
        let Some(work) = self.agents[agent].works.get_mut(&token) else { return };
        let attempt = work.attempt;
        match beat {
            Beat::Next => {
                work.busy = false;
                self.go_on(agent, token);
            }
            Beat::Renew => {
                if work.mood != Mood::Silent {
                    if !work.waiting {
                        self.post(agent, Mail::Renew(attempt));
                    }
                    self.later(agent, token, self.limits.renew_ms, Beat::Renew);
                }
            }
            Beat::Nag(call) => match work.call.clone() {
                Some((current, report)) if current == call => {
                    self.speak(agent, attempt, report, call);
                    self.later(agent, token, 5_000, Beat::Nag(call));
                }
                Some(_) | None if work.waiting => {
                    // It may have missed that it may go on.
                    let seen = work.seen();
                    self.say(agent, token, Report::Wait { seen });
                }
                Some(_) | None => {}
            },
            Beat::Done(step) => self.side_effect_done(agent, token, step),
            Beat::Ended(_) | Beat::Again(_) => {}
        }
    }

    /// The side effect is over: its result is recorded before anything else.
    fn side_effect_done(&mut self, agent: usize, token: Token, step: Text) {
        let large = self.strikes(Fault::ResultTooLarge);
        let given_up = self.strikes(Fault::OnceGivenUp);
        let Some(work) = self.agents[agent].works.get_mut(&token) else { return };
        if given_up {
            // It begins the same step again, and is told that nobody knows how it went.
            work.busy = false;
            return self.go_on(agent, token);
        }
        let result = if large { payload(&vec![b'2'; 4_096]) } else { payload(step.as_bytes()) };
        let outcome = Outcome::Completed(result);
        work.busy = false;
        self.say(agent, token, Report::OnceDone { step, outcome });
    }
}
