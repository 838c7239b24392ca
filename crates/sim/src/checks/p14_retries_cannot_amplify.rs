//! P14: retries are a share of what is offered, spread over the whole interval, and never earlier
//! than the agent asked.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use crate::program::payload;
use crate::rng::Rng;
use kernel::{
    AgentSpec, Begin, Command, Effect, Event, Failure, FailureKind, Kernel, Limits, Report,
    RetryPolicy, Serves, Submit, TaskId, Terms, Time,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Offered and tried again, by the journal alone.
pub struct Retries {
    percent: u64,
    floor_per_s: u64,
    delay_max_ms: u64,
    offered: u64,
    retried: u64,
    began: Option<Time>,
    /// Failed tasks, and when they may go on.
    waiting: BTreeMap<TaskId, Time>,
    policies: BTreeMap<TaskId, (RetryPolicy, u32)>,
}

impl Retries {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Retries {
        Retries {
            percent: u64::from(limits.retry_percent),
            floor_per_s: u64::from(limits.retry_floor_per_s),
            delay_max_ms: limits.delay_max_ms,
            offered: 0,
            retried: 0,
            began: None,
            waiting: BTreeMap::new(),
            policies: BTreeMap::new(),
        }
    }

    fn failed(&mut self, at: Time, task: TaskId, failure: &Failure, until: Time) -> Verdict {
        let Some((policy, failed)) = self.policies.get_mut(&task) else { return Ok(()) };
        *failed += 1;
        if until == Time::NEVER {
            return Ok(());
        }
        self.waiting.insert(task, until);
        let asked = failure.retry_after_ms.unwrap_or(0).min(self.delay_max_ms);
        if until.since(at) < asked {
            return Err(format!("task {task} asked for {asked} ms and got {}", until.since(at)));
        }
        if self.floor_per_s >= 1_000 && asked == 0 {
            let doublings = (*failed - 1).min(20);
            let bound = policy.base_ms.saturating_mul(1 << doublings).min(policy.cap_ms);
            if until.since(at) > bound {
                return Err(format!("task {task} waits {} ms, bound {bound}", until.since(at)));
            }
        }
        Ok(())
    }

    fn granted(&mut self, at: Time, task: TaskId) -> Verdict {
        let Some(until) = self.waiting.remove(&task) else { return Ok(()) };
        if at < until {
            return Err(format!("task {task} was retried at {}, not before {}", at.0, until.0));
        }
        self.retried += 1;
        let since = at.since(self.began.unwrap_or(at));
        let allowed = self.offered * self.percent / 100 + (since / 1_000 + 11) * self.floor_per_s;
        if self.retried > allowed + 1 {
            let (retried, offered) = (self.retried, self.offered);
            return Err(format!("{retried} retries for {offered} offered in {since} ms"));
        }
        Ok(())
    }
}

impl Check for Retries {
    fn name(&self) -> &'static str {
        "p14_retries_cannot_amplify"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        let at = seen.entry.at;
        self.began = self.began.or(Some(at));
        match &seen.entry.event {
            Event::TaskAccepted(accepted) => {
                self.offered += 1;
                self.policies.insert(accepted.task, (accepted.terms.retry, 0));
                Ok(())
            }
            Event::AttemptFailed { task, failure, retry_at, .. } => {
                self.failed(at, *task, failure, *retry_at)
            }
            Event::LeaseGranted(granted) => self.granted(at, granted.task),
            _ => Ok(()),
        }
    }
}

/// A storm: a thousand tasks fail at once against something that is down.
pub fn scene(seed: u64) -> Verdict {
    budget_holds(seed)?;
    delays_are_spread(seed)
}

/// With default limits the attempts stay within 1.2 × offered + 10/s and the saved ten seconds.
fn budget_holds(seed: u64) -> Verdict {
    let offered = 400;
    let policy = RetryPolicy { attempts_max: 5, base_ms: 10, cap_ms: 100 };
    let (attempts, lasted, _) = storm(seed, &Limits::default(), offered, policy)?;
    let allowed = offered as f64 * 1.2 + 10.0 * (lasted as f64 / 1_000.0) + 101.0;
    if attempts as f64 > allowed {
        return Err(format!(
            "{attempts} attempts for {offered} tasks in {lasted} ms, {allowed:.0}"
        ));
    }
    Ok(())
}

/// With a generous budget only the jitter decides: uniform over the whole interval
/// (Kolmogorov–Smirnov, 0.1 % level: D ≤ 1.95 / √n).
fn delays_are_spread(seed: u64) -> Verdict {
    let limits = Limits { retry_percent: 1_000, retry_floor_per_s: 100_000, ..Limits::default() };
    let policy = RetryPolicy { attempts_max: 2, base_ms: 100_000, cap_ms: 100_000 };
    let (_, _, mut delays) = storm(seed, &limits, 400, policy)?;
    delays.sort_unstable();
    let count = delays.len() as f64;
    let distance = |(at, delay): (usize, &u64)| (at as f64 / count - *delay as f64 / 1e5).abs();
    let worst = delays.iter().enumerate().map(distance).fold(0.0, f64::max);
    if worst > 1.95 / count.sqrt() {
        return Err(format!("delays are not uniform: D = {worst:.3} over {count}"));
    }
    Ok(())
}

/// Lets every attempt fail; gives attempts, how long it took, and the delays that were drawn.
fn storm(
    seed: u64,
    limits: &Limits,
    offered: u64,
    policy: RetryPolicy,
) -> Result<(u64, u64, Vec<u64>), String> {
    let mut rng = Rng::new(seed, 14);
    let mut kernel = Kernel::new(limits.clone());
    let (mut now, mut attempts) = (Time(1_000_000), 0);
    let mut failing = Vec::new();
    let mut delays = Vec::new();
    let begin = Begin { restored: false, seed: rng.next(), wall_ms: 0 };
    let mut commands = vec![Command::Begin(begin), Command::Join(Arc::new(agent()))];
    commands.extend((0..offered).map(|at| Command::Submit(question(at, policy))));
    let mut seen = BTreeSet::new();
    // Each life is a submit, a few failures and a few ticks; a storm that goes on has no end.
    for _ in 0..offered * 50 {
        let command = commands.pop().unwrap_or(Command::Tick);
        let command = if commands.is_empty() && !failing.is_empty() {
            let failure = Failure::new(FailureKind::Error, "it is down");
            Command::Report(failing.remove(0), Report::Failed(failure))
        } else {
            command
        };
        let step = kernel.step(now, command);
        for entry in &step.entries {
            if let Event::AttemptFailed { task, retry_at, .. } = &entry.event
                && seen.insert(*task)
            {
                delays.push(retry_at.since(now));
            }
        }
        for effect in step.effects {
            if let Effect::Dispatch(dispatch) = effect {
                attempts += 1;
                failing.push(dispatch.attempt);
            }
        }
        if commands.is_empty() && failing.is_empty() {
            match kernel.next_deadline() {
                Some(at) if at < Time::NEVER => now = now.max(at),
                Some(_) | None => return Ok((attempts, now.0 - 1_000_000, delays)),
            }
        }
    }
    Err(format!("a storm of {offered} tasks has not ended after {attempts} attempts"))
}

fn agent() -> AgentSpec {
    AgentSpec::new(
        "down",
        "simulated",
        vec![Serves { capability: "work".into(), version: 1 }],
        1_000,
    )
}

fn question(at: u64, policy: RetryPolicy) -> Submit {
    let mut terms = Terms::new("work");
    terms.retry = policy;
    Submit::new(terms, payload(&at.to_le_bytes()))
}
