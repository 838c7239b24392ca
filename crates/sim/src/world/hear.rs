//! What an agent does with the answers to its reports.

use super::World;
use super::work::Beat;
use crate::oracle::Act;
use crate::program::Op;
use kernel::{Answer, Failure, FailureKind, Refusal, Report, Text, Token};

impl World {
    /// An answer comes back.
    pub(super) fn hears(
        &mut self,
        agent: usize,
        token: Token,
        call: u32,
        answer: Result<Answer, Refusal>,
    ) {
        let Some(work) = self.agents[agent].works.get_mut(&token) else { return };
        let Some((current, said)) = work.call.clone() else { return };
        if current != call {
            return;
        }
        work.call = None;
        match answer {
            Ok(answer) => self.granted(agent, token, &said, answer),
            Err(refusal) => self.refused(agent, token, &said, &refusal),
        }
    }

    fn granted(&mut self, agent: usize, token: Token, said: &Report, answer: Answer) {
        let remote = self.agents[agent].spec.remote;
        let Some(work) = self.agents[agent].works.get_mut(&token) else { return };
        let again = matches!(work.program.get(work.at), Some(Op::Once(_, true)));
        match (said, answer) {
            (Report::Ask { step, .. } | Report::Sleep { step, .. }, Answer::Pending) => {
                if !work.known.contains_key(step) {
                    work.pending.insert(step.clone(), said.clone());
                }
                work.at += usize::from(!matches!(work.program[work.at], Op::Join));
            }
            (
                Report::Ask { step, .. } | Report::Sleep { step, .. } | Report::Once { step, .. },
                Answer::Recorded(outcome),
            ) => {
                let known = work.known.get(step).filter(|it| **it != outcome);
                if let Some(known) = known {
                    let why =
                        format!("{step} of {} was {known:?}, now {outcome:?}", work.attempt.task);
                    self.oracle.saw(&Act::Surprise(why));
                    return;
                }
                work.learn(step, &outcome);
                if matches!(said, Report::Once { .. }) {
                    work.performed.insert(step.clone());
                }
                work.at += usize::from(!matches!(work.program[work.at], Op::Join));
            }
            (Report::Once { step, .. }, Answer::Perform) => {
                return self.side_effect(agent, token, step);
            }
            (Report::Once { step, .. }, Answer::Unknown) if again => {
                return self.say(agent, token, Report::Once { step: step.clone(), again: true });
            }
            (Report::Once { .. }, Answer::Unknown) => {
                let failure = Failure::new(FailureKind::Unknown, "it may have happened");
                return self.last_word(agent, token, Report::Failed(failure));
            }
            (Report::Wait { .. }, Answer::Done) => {
                work.waiting = true;
                if remote {
                    self.later(agent, token, 10_000, Beat::Nag(0));
                }
                return;
            }
            (Report::Wait { .. }, Answer::News) => {
                work.waiting = false;
                let question = work.pending.values().next().cloned();
                return match question {
                    Some(question) if remote => self.say(agent, token, question),
                    Some(_) | None => self.later(agent, token, 200, Beat::Next),
                };
            }
            (_, _) => work.at += 1,
        }
        self.go_on(agent, token);
    }

    /// Performs a side effect in the outside world.
    fn side_effect(&mut self, agent: usize, token: Token, step: &Text) {
        let Some(work) = self.agents[agent].works.get_mut(&token) else { return };
        work.performed.insert(step.clone());
        work.busy = true;
        let attempt = work.attempt;
        let may_repeat = matches!(work.program.get(work.at), Some(Op::Once(_, true)));
        self.oracle.saw(&Act::SideEffect { attempt, step, may_repeat });
        let after = self.rng.between(1, 2_000);
        self.later(agent, token, after, Beat::Done(step.clone()));
    }

    fn refused(&mut self, agent: usize, token: Token, said: &Report, refusal: &Refusal) {
        let Some(work) = self.agents[agent].works.get_mut(&token) else { return };
        match (said, refusal) {
            (_, Refusal::StaleToken) => {
                // Somebody else has the task now; whatever this was, it is over.
                let attempt = work.attempt;
                self.agents[agent].works.remove(&token);
                self.agents[agent].past.push(attempt);
            }
            (_, Refusal::Drift { .. }) => {
                let why = format!("a program that never changes drifted: {refusal:?}");
                self.oracle.saw(&Act::Surprise(why));
            }
            (Report::Spent(_), Refusal::OverBudget { .. }) => {
                let failure = Failure::new(FailureKind::OverBudget, "nothing left to spend");
                self.last_word(agent, token, Report::Failed(failure));
            }
            (_, _) => {
                work.at += usize::from(!matches!(work.program.get(work.at), Some(Op::Join)));
                self.later(agent, token, 1, Beat::Next);
            }
        }
    }
}
