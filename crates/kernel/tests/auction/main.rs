//! A market, told by hand: who is asked, what is heard, who wins, and who pays what.

#![allow(unused_must_use)] // A story does not look at every answer.

mod asked;
#[path = "../told/mod.rs"]
mod told;
mod won;

use majordomo_kernel::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use told::payload;

struct Story {
    kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
}

const RULES: Policy = Policy::Auction { bids_ms: 1_000, bidders_max: 8, price_percent: 50 };

impl Story {
    /// A market for `work` with such agents, one slot each; all of them serve `bid`.
    fn of(agents: &[&str]) -> Story {
        let kernel = Kernel::new(Limits::default());
        let mut story = Story { kernel, journal: Vec::new(), now: 0 };
        story.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        story.rule(RULES);
        agents.iter().for_each(|name| _ = story.join(name, &["work", "bid"], 1));
        story
    }

    fn rule(&mut self, routing: Policy) {
        let policy = CapabilityPolicy { routing, ..CapabilityPolicy::default() };
        let capabilities = BTreeMap::from([("work".into(), policy)]);
        let policies = Arc::new(Policies { capabilities, ..Policies::default() });
        self.tell(Command::Configure { team: "".into(), policies });
    }

    fn join(&mut self, name: &str, serves: &[&str], slots: u32) -> AgentId {
        let served = |name: &&str| Serves { capability: (*name).into(), version: 1 };
        let spec = AgentSpec::new(name, "native", serves.iter().map(served).collect(), slots);
        match self.tell(Command::Join(Arc::new(spec))).answer {
            Ok(Answer::Joined(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    fn tell(&mut self, command: Command) -> Step {
        told::step(&mut self.kernel, &mut self.journal, self.now, command)
    }

    fn submit(&mut self) -> TaskId {
        self.submit_with(Submit::new(Terms::new("work"), payload(1)))
    }

    fn submit_with(&mut self, submit: Submit) -> TaskId {
        match self.tell(Command::Submit(submit)).answer {
            Ok(Answer::Accepted(receipt)) => receipt.task,
            other => panic!("{other:?}"),
        }
    }

    fn tick(&mut self, now: u64) -> Step {
        self.now = now;
        self.tell(Command::Tick)
    }

    fn agent(&self, name: &str) -> AgentId {
        self.kernel.state().agent_named(name).expect("it has joined").id
    }

    /// The attempt at which this agent works, or is asked for a bid.
    fn attempt(&self, name: &str) -> AttemptId {
        let agent = self.agent(name);
        let its = |task: &&Task| task.status.working().is_some_and(|it| it.agent == agent);
        let attempt = self.kernel.state().tasks().find(its).and_then(Task::attempt);
        attempt.unwrap_or_else(|| panic!("{name} works on nothing"))
    }

    fn says(&mut self, name: &str, report: Report) -> Step {
        let attempt = self.attempt(name);
        self.tell(Command::Report(attempt, report))
    }

    fn bids(&mut self, name: &str, price_micros: u64, time_ms: u64) -> Step {
        let bid = Some(Bid { price_micros, time_ms, confidence: 1_000_000 });
        self.says(name, Report::Bid { bid, output: payload(5) })
    }

    fn done(&mut self, name: &str, after_ms: u64) -> Step {
        self.now += after_ms;
        self.says(name, Report::Completed(payload(9)))
    }

    fn fails(&mut self, name: &str) -> Step {
        let failure = Failure::new(FailureKind::Error, "no luck");
        self.says(name, Report::Failed(failure))
    }

    /// Time passes until the task may be tried again.
    fn retried(&mut self, task: TaskId) -> Granted {
        let at = match self.kernel.state().task(task).map(|it| it.status) {
            Some(Status::Queued { ready_at }) => ready_at.0,
            other => panic!("{other:?}"),
        };
        granted(&self.tick(at.max(self.now)), task)
    }

    fn auction(&self, task: TaskId) -> &Auction {
        &self.kernel.state().auctions[&task]
    }

    /// What is used and set aside of a run's money.
    fn money(&self, run: TaskId) -> (u64, u64) {
        let purse = self.kernel.state().purses.get(&run);
        purse.map_or((0, 0), |it| (it.used(Part::Money), it.reserved(Part::Money)))
    }
}

fn granted(step: &Step, task: TaskId) -> Granted {
    let mine = step.entries.iter().find_map(|entry| match &entry.event {
        Event::LeaseGranted(granted) if granted.task == task => Some((**granted).clone()),
        _ => None,
    });
    mine.unwrap_or_else(|| panic!("task {task} was not granted: {:?}", step.entries))
}

fn passed_over(granted: &Granted) -> Vec<(u32, NoBid)> {
    granted.why.passed_over.iter().map(|it| (it.agent.0, it.why)).collect()
}

fn granted_in(journal: &[Entry], task: TaskId) -> Granted {
    let grants = journal.iter().rev().find_map(|entry| match &entry.event {
        Event::LeaseGranted(granted) if granted.task == task => Some((**granted).clone()),
        _ => None,
    });
    grants.expect("it was granted")
}
