//! Clients: they submit, repeat themselves, flood, and keep their receipts.

use super::{Happening, To, World};
use crate::fault::Fault;
use crate::oracle::Act;
use crate::program::{self, Input};
use kernel::{
    Answer, Budget, Class, Command, Digest, Outcome, Refusal, Submit, TaskId, Terms, Text,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What clients remember.
#[derive(Default)]
pub(super) struct Clients {
    calls: u64,
    /// Calls without an answer yet.
    open: BTreeMap<u64, Submit>,
    /// What was sent under a key, to be sent again.
    sent: Vec<Submit>,
    /// Outcomes that were told, by task.
    told: BTreeMap<TaskId, Outcome>,
    surprise: Option<String>,
}

impl Clients {
    /// The process is gone, and with it every connection.
    pub(super) fn forget_calls(&mut self) {
        self.open.clear();
    }

    /// A client hears how its task ended. It may hear twice, but not two things.
    pub(super) fn settled(&mut self, task: TaskId, outcome: &Outcome) {
        let known = self.told.entry(task).or_insert_with(|| outcome.clone());
        if known != outcome {
            self.surprise = Some(format!("task {task} ended as {known:?}, then as {outcome:?}"));
        }
    }
}

impl World {
    /// A client does something, and the next one is on its way.
    pub(super) fn client_turn(&mut self) {
        if self.healed {
            return;
        }
        if let Some(why) = self.clients.surprise.take() {
            self.oracle.saw(&Act::Surprise(why));
        }
        let many = if self.strikes(Fault::Burst) { 10 } else { 1 };
        for _ in 0..many {
            let submit = self.draw_submit();
            self.submit(submit);
        }
        if self.rng.chance(150)
            && let Some(again) = self.rng.pick(&self.clients.sent).cloned()
        {
            self.submit(again);
        }
        let pause = self.rng.between(50, 4_000);
        self.at(pause, Happening::Client);
    }

    fn submit(&mut self, submit: Submit) {
        if self.process.is_none() {
            return;
        }
        self.clients.calls += 1;
        let call = self.clients.calls;
        if submit.key.is_some() && self.clients.sent.len() < 30 {
            self.clients.sent.push(submit.clone());
        }
        self.clients.open.insert(call, submit.clone());
        self.command(Command::Submit(submit), To::Client(call));
    }

    /// The answer reaches a client.
    pub(super) fn client_hears(&mut self, call: u64, answer: Result<Answer, Refusal>) {
        let Some(submit) = self.clients.open.remove(&call) else { return };
        match answer {
            Ok(Answer::Accepted(receipt)) => {
                self.oracle.saw(&Act::Receipt(receipt.task));
                if let Some(outcome) = receipt.outcome {
                    self.clients.settled(receipt.task, &outcome);
                }
            }
            Ok(other) => {
                let why = format!("{submit:?} was answered with {other:?}");
                self.oracle.saw(&Act::Surprise(why));
            }
            Err(_) => {}
        }
    }

    fn draw_submit(&mut self) -> Submit {
        let flood = self.strikes(Fault::TenantFlood);
        let urgent = self.strikes(Fault::PriorityFlood);
        let same_key = self.strikes(Fault::KeyFlood);
        let rng = &mut self.rng;
        let mut terms = Terms::new(program::capability(rng));
        terms.tenant =
            if flood { "flood".into() } else { format!("tenant-{}", rng.below(3)).into() };
        terms.class = if urgent { Class::Critical } else { Class::ALL[rng.below(5) as usize] };
        terms.retry = program::retry(rng);
        program::demand(rng, &mut terms);
        terms.timeout_ms = rng.chance(300).then(|| rng.between(100, 20_000));
        if rng.chance(150) {
            terms.may = Some(Arc::new(program::subset(rng)));
        }
        let key = rng.chance(400).then(|| rng.below(12));
        let key: Option<Text> = key.map(|key| format!("key-{key}").into());
        let mut input = Input::draw(rng, 1);
        if rng.chance(30) {
            // Larger than is allowed.
            return large(terms);
        }
        if same_key {
            (terms.tenant, terms.capability) = ("tenant-0".into(), "add".into());
            input = Input { kind: program::Kind::Leaf, depth: 1, seed: 1 };
        }
        Submit {
            key: if same_key { Some("the-key".into()) } else { key },
            deadline_ms: rng.chance(200).then(|| rng.between(1, 60_000)),
            delay_ms: if rng.chance(150) { rng.below(20_000) } else { 0 },
            budget: rng.chance(200).then(|| Budget {
                money_micros: rng.chance(500).then(|| rng.below(300_000)),
                tokens: rng.chance(500).then(|| rng.below(300_000)),
                work_ms: rng.chance(300).then(|| rng.between(500, 60_000)),
                tasks: rng.chance(500).then(|| rng.below(20)),
                calls: None,
            }),
            affinity: rng.chance(400).then(|| program::affinity(rng)),
            definition: rng.chance(100).then_some(Digest([7; 32])),
            ..Submit::new(terms, input.payload())
        }
    }
}

fn large(terms: Terms) -> Submit {
    Submit::new(terms, program::payload(&[b'9'; 2_000]))
}
