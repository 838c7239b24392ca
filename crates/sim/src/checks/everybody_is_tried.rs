//! Routing by record: the best gets most, and the others are not given up.
//!
//! A scene of its own, since in a world agents are seldom all free at once: two agents, one ten
//! times as fast as the other, and one task at a time.

use crate::oracle::Verdict;
use crate::program::payload;
use crate::rng::Rng;
use kernel::{
    AgentSpec, Begin, CapabilityPolicy, Command, Event, Granted, Kernel, Limits, Policies, Policy,
    Report, Serves, Step, Submit, Terms, Time,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The check's name in reports.
pub const NAME: &str = "everybody_is_tried";

/// So many tasks, one after the other.
const TASKS: u64 = 400;
/// Of a hundred grants, so many go to whoever is known least.
const EXPLORE_PERCENT: u32 = 20;

/// Plays the scene.
pub fn scene(seed: u64) -> Verdict {
    let mut kernel = Kernel::new(Limits::default());
    let mut now = 0;
    let begin = Begin { restored: false, seed: Rng::new(seed, 29).next(), wall_ms: 0 };
    let _ = tell(&mut kernel, now, Command::Begin(begin));
    let routing = Policy::BestRecord { explore_percent: EXPLORE_PERCENT };
    let policy = CapabilityPolicy { routing, ..CapabilityPolicy::default() };
    let capabilities = BTreeMap::from([("work".into(), policy)]);
    let policies = Arc::new(Policies { capabilities, ..Policies::default() });
    let _ = tell(&mut kernel, now, Command::Configure { team: "".into(), policies });
    for name in ["fast", "slow"] {
        let serves = vec![Serves { capability: "work".into(), version: 1 }];
        let spec = AgentSpec::new(name, "simulated", serves, 1);
        let _ = tell(&mut kernel, now, Command::Join(Arc::new(spec)));
    }
    let mut grants = [0_u64; 2];
    for nth in 0..TASKS {
        let submit = Submit::new(Terms::new("work"), payload(&nth.to_le_bytes()));
        let granted = granted(&tell(&mut kernel, now, Command::Submit(submit)))
            .ok_or_else(|| format!("task {nth} was not granted, with everybody free"))?;
        let which = granted.agent.0 as usize;
        grants[which] += 1;
        now += [10, 100][which];
        let attempt = kernel::AttemptId { task: granted.task, token: granted.token };
        let report = Report::Completed(payload(b"1"));
        let _ = tell(&mut kernel, now, Command::Report(attempt, report));
    }
    judge(grants)
}

/// The slow one is tried now and then: at least half of what was set aside to find out.
fn judge([fast, slow]: [u64; 2]) -> Verdict {
    let aside = TASKS * u64::from(EXPLORE_PERCENT) / 100;
    if slow < aside / 2 {
        return Err(format!("the slow agent was tried {slow} times in {TASKS}"));
    }
    if fast < TASKS / 2 {
        return Err(format!("the fast agent got only {fast} of {TASKS}"));
    }
    Ok(())
}

fn tell(kernel: &mut Kernel, now: u64, command: Command) -> Step {
    kernel.step(Time(now), command)
}

fn granted(step: &Step) -> Option<Granted> {
    step.entries.iter().find_map(|entry| match &entry.event {
        Event::LeaseGranted(granted) => Some((**granted).clone()),
        _ => None,
    })
}
