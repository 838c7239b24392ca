//! A market believes what agents have shown: whoever promises most and keeps least loses it.
//!
//! A scene of its own: three agents bid for one task after the other. One is the cheapest and
//! promises to be the fastest, and takes thirty times as long as it says.

use crate::oracle::Verdict;
use crate::program::payload;
use crate::rng::Rng;
use kernel::{
    AgentId, AgentSpec, AttemptId, Begin, Bid, CapabilityPolicy, Command, Effect, Event, Kernel,
    Limits, Policies, Policy, Report, Serves, Step, Submit, Terms, Time,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The check's name in reports.
pub const NAME: &str = "records_outweigh_promises";

/// So many tasks, one after the other.
const TASKS: u64 = 60;
/// What each asks, what it promises, and what it takes, in milliseconds.
const AGENTS: [(u64, u64, u64); 3] = [(100, 10, 300), (150, 60, 60), (200, 50, 55)];

/// Plays the scene.
pub fn scene(seed: u64) -> Verdict {
    let mut scene = Scene { kernel: Kernel::new(Limits::default()), now: 0, won: [0; 3] };
    scene.set_up(seed);
    for nth in 0..TASKS {
        let submit = Submit::new(Terms::new("work"), payload(&nth.to_le_bytes()));
        scene.play(Command::Submit(submit))?;
    }
    let [liar, honest, dear] = scene.won;
    if liar + honest + dear != TASKS {
        return Err(format!("{:?} of {TASKS} tasks were done", scene.won));
    }
    if liar > 3 {
        return Err(format!("the liar won {liar} of {TASKS}, after {honest} and {dear}"));
    }
    if liar == 0 {
        return Err("nobody believed the liar even once, with nothing known of it".into());
    }
    Ok(())
}

struct Scene {
    kernel: Kernel,
    now: u64,
    won: [u64; 3],
}

impl Scene {
    fn set_up(&mut self, seed: u64) {
        let begin = Begin { restored: false, seed: Rng::new(seed, 31).next(), wall_ms: 0 };
        let _ = self.tell(Command::Begin(begin));
        let routing = Policy::Auction { bids_ms: 1_000, bidders_max: 8, price_percent: 50 };
        let policy = CapabilityPolicy { routing, ..CapabilityPolicy::default() };
        let capabilities = BTreeMap::from([("work".into(), policy)]);
        let policies = Arc::new(Policies { capabilities, ..Policies::default() });
        let _ = self.tell(Command::Configure { team: "".into(), policies });
        for name in ["liar", "honest", "dear"] {
            let serves = |name: &str| Serves { capability: name.into(), version: 1 };
            let spec = AgentSpec::new(name, "simulated", vec![serves("work"), serves("bid")], 1);
            let _ = self.tell(Command::Join(Arc::new(spec)));
        }
    }

    fn tell(&mut self, command: Command) -> Step {
        self.kernel.step(Time(self.now), command)
    }

    /// Everybody does at once what a command leads to.
    fn play(&mut self, command: Command) -> Verdict {
        let mut commands = VecDeque::from([command]);
        while let Some(command) = commands.pop_front() {
            let step = self.tell(command);
            for effect in step.effects {
                if let Effect::Dispatch(dispatch) = effect {
                    let is_bid = dispatch.bids_for.is_some();
                    commands.push_back(self.answer(dispatch.attempt, dispatch.agent, is_bid));
                }
            }
            let lost = |it: &kernel::Entry| matches!(it.event, Event::AttemptFailed { .. });
            if step.entries.iter().any(lost) {
                return Err("an attempt failed in a scene without faults".into());
            }
        }
        Ok(())
    }

    fn answer(&mut self, attempt: AttemptId, agent: AgentId, is_bid: bool) -> Command {
        let at = agent.0 as usize;
        let (price_micros, time_ms, takes_ms) = AGENTS[at];
        let output = payload(b"1");
        if is_bid {
            let bid = Some(Bid { price_micros, time_ms, confidence: 1_000_000 });
            return Command::Report(attempt, Report::Bid { bid, output });
        }
        self.won[at] += 1;
        self.now += takes_ms;
        Command::Report(attempt, Report::Completed(output))
    }
}
