//! Agents that fail are kept from what they fail at, tried again, and never all at once.

#![allow(unused_must_use)] // A story does not look at every answer.

mod told;

use majordomo_kernel::*;
use std::sync::Arc;

/// Two capabilities, some agents, and a journal that is replayed after every step.
struct House {
    kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
    tasks: u64,
}

impl House {
    fn of(agents: &[&str]) -> House {
        let kernel = Kernel::new(Limits::default());
        let mut house = House { kernel, journal: Vec::new(), now: 0, tasks: 0 };
        house.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        for name in agents {
            house.join(name, 100);
        }
        house
    }

    fn join(&mut self, name: &str, slots: u32) {
        let serves = ["x", "y"].map(|it| Serves { capability: it.into(), version: 1 });
        self.tell(Command::Join(Arc::new(AgentSpec::new(name, "native", serves.into(), slots))));
    }

    fn tell(&mut self, command: Command) -> Step {
        told::step(&mut self.kernel, &mut self.journal, self.now, command)
    }

    /// Submits one task that may fail once; gives who got it, if anybody did.
    fn submit(&mut self, capability: &str) -> Option<(AgentId, AttemptId)> {
        self.tasks += 1;
        let mut terms = Terms::new(capability);
        terms.retry.attempts_max = 1;
        let input = Payload { digest: Digest([self.tasks as u8; 32]), len: 1, inline: None };
        let step = self.tell(Command::Submit(Submit::new(terms, input)));
        dispatched(&step).first().copied()
    }

    fn end(&mut self, attempt: AttemptId, kind: Option<FailureKind>) -> Step {
        let output = Payload { digest: Digest([0; 32]), len: 1, inline: None };
        self.tell(Command::Report(
            attempt,
            match kind {
                None => Report::Completed(output),
                Some(kind) => Report::Failed(Failure::new(kind, "as told")),
            },
        ))
    }

    /// Lets tasks of `x` fail under one agent until its breaker opens, others succeed.
    fn fail(&mut self, agent: AgentId, times: usize) -> bool {
        let mut failed = 0;
        for _ in 0..times * 8 {
            let Some((who, attempt)) = self.submit("x") else { return false };
            let kind = (who == agent).then_some(FailureKind::Crash);
            failed += usize::from(kind.is_some());
            let step = self.end(attempt, kind);
            if opened(&step) {
                assert_eq!(failed, times, "it opens at the tenth failure");
                return true;
            }
        }
        false
    }

    fn state_of(&self, agent: u32) -> Option<&'static str> {
        self.kernel.state().breakers.get(&(AgentId(agent), "x".into())).map(Breaker::name)
    }
}

fn dispatched(step: &Step) -> Vec<(AgentId, AttemptId)> {
    let dispatches = step.effects.iter().filter_map(|effect| match effect {
        Effect::Dispatch(dispatch) => Some((dispatch.agent, dispatch.attempt)),
        _ => None,
    });
    dispatches.collect()
}

fn opened(step: &Step) -> bool {
    step.entries.iter().any(|entry| matches!(entry.event, Event::BreakerOpened { .. }))
}

#[test]
fn one_that_fails_at_x_gets_no_x_and_still_gets_y() {
    let mut house = House::of(&["a", "b"]);
    assert!(house.fail(AgentId(0), 10));
    for _ in 0..10 {
        let (who, _) = house.submit("x").expect("b serves it");
        assert_eq!(who, AgentId(1));
    }
    let served: Vec<u32> = (0..4).filter_map(|_| house.submit("y")).map(|it| it.0.0).collect();
    assert!(served.contains(&0), "{served:?}");
    let granted = house.journal.iter().rev().find_map(|entry| match &entry.event {
        Event::LeaseGranted(granted) if granted.why.breaker_open > 0 => Some(granted.why.clone()),
        _ => None,
    });
    assert_eq!(granted.map(|why| (why.breaker_open, why.not_serving)), Some((1, 0)));
}

#[test]
fn half_open_it_gets_exactly_three_and_closes_when_all_go_well() {
    let mut house = House::of(&["a", "b"]);
    assert!(house.fail(AgentId(0), 10));
    assert_eq!(house.kernel.next_deadline(), Some(Time(30_000)));
    house.now = 30_000;
    house.tell(Command::Tick);
    assert_eq!(house.state_of(0), Some("half_open"));
    let granted: Vec<_> = (0..200).filter_map(|_| house.submit("x")).collect();
    let probes: Vec<_> = granted.iter().filter(|(who, _)| *who == AgentId(0)).collect();
    assert_eq!(probes.len(), 3);
    house.end(probes[0].1, None);
    house.end(probes[1].1, None);
    assert_eq!(house.state_of(0), Some("half_open"), "two of three are not all");
    // One that says nothing about the agent makes room for another.
    let step = house.end(probes[2].1, Some(FailureKind::Rejected));
    let next: Vec<_> = dispatched(&step);
    assert_eq!(next.iter().map(|(who, _)| who.0).collect::<Vec<_>>(), [0]);
    house.end(next[0].1, None);
    assert_eq!(house.state_of(0), Some("closed"));
}

#[test]
fn a_probe_that_fails_opens_it_again_for_longer() {
    let mut house = House::of(&["a", "b"]);
    assert!(house.fail(AgentId(0), 10));
    house.now = 30_000;
    house.tell(Command::Tick);
    let granted = (0..9).filter_map(|_| house.submit("x")).find(|(who, _)| *who == AgentId(0));
    let step = house.end(granted.expect("a probe").1, Some(FailureKind::Crash));
    assert!(opened(&step));
    assert_eq!(house.state_of(0), Some("open"));
    assert_eq!(house.kernel.next_deadline().map(|at| at.0), Some(60_000), "leases end before it");
    let phase = house.kernel.state().breakers[&(AgentId(0), "x".into())].phase().clone();
    assert_eq!(phase, Phase::Open { until: Time(90_000) });
}

#[test]
fn one_task_never_opens_it_nor_what_is_not_the_agents_fault() {
    let mut house = House::of(&["a", "b"]);
    let mut terms = Terms::new("x");
    terms.retry = RetryPolicy { attempts_max: 100, base_ms: 0, cap_ms: 0 };
    let input = Payload { digest: Digest([1; 32]), len: 1, inline: None };
    let mut step = house.tell(Command::Submit(Submit::new(terms, input)));
    for _ in 0..60 {
        while dispatched(&step).is_empty() {
            house.now = house.kernel.next_deadline().expect("a retry").0;
            step = house.tell(Command::Tick);
        }
        step = house.end(dispatched(&step)[0].1, Some(FailureKind::Panic));
        assert!(!opened(&step));
    }
    for _ in 0..40 {
        let (_, attempt) = house.submit("y").expect("somebody serves it");
        assert!(!opened(&house.end(attempt, Some(FailureKind::Rejected))));
    }
}

#[test]
fn at_most_half_are_out_and_the_last_one_never_is() {
    let mut house = House::of(&["a", "b"]);
    assert!(house.fail(AgentId(0), 10));
    for _ in 0..30 {
        let (_, attempt) = house.submit("x").expect("b is never out while a is");
        assert!(!opened(&house.end(attempt, Some(FailureKind::Crash))));
    }
    // The one that is left goes: the other is tried at once.
    house.tell(Command::Leave(AgentId(1)));
    assert_eq!(house.state_of(0), Some("half_open"));
    let mut alone = House::of(&["a"]);
    assert!(!alone.fail(AgentId(0), 30));
    assert_eq!(alone.state_of(0), Some("closed"));
}

#[test]
fn when_everybody_is_out_tasks_wait_and_go_on_when_a_bar_lifts() {
    let mut house = House::of(&["a", "b"]);
    let force = |agent, forced| Command::Breaker { agent, capability: Some("x".into()), forced };
    house.tell(force(AgentId(0), Some(Forced::Open)));
    house.tell(force(AgentId(1), Some(Forced::Open)));
    assert_eq!(house.submit("x"), None, "an operator may shut out everybody");
    assert!(house.submit("y").is_some());
    let step = house.tell(force(AgentId(1), None));
    assert_eq!(dispatched(&step).iter().map(|it| it.0.0).collect::<Vec<_>>(), [1]);
    let step = house.tell(Command::Breaker {
        agent: AgentId(0),
        capability: Some("z".into()),
        forced: None,
    });
    assert!(matches!(step.answer, Err(Refusal::NotServed { .. })));
}

#[test]
fn the_policy_of_a_capability_says_when() {
    let mut house = House::of(&["a", "b"]);
    let breaker = BreakerPolicy { minimum: 4, window: 8, ..BreakerPolicy::default() };
    let own = CapabilityPolicy { breaker: Some(breaker), ..CapabilityPolicy::default() };
    let policies = Policies { capabilities: [("x".into(), own)].into(), ..Policies::default() };
    house.tell(Command::Configure { team: "".into(), policies: Arc::new(policies) });
    assert!(house.fail(AgentId(0), 4));
    // Switched off, it bars nobody, and the journal knows.
    let off = BreakerPolicy { on: false, ..BreakerPolicy::default() };
    let policies = Policies { breaker: off, ..Policies::default() };
    house.tell(Command::Configure { team: "".into(), policies: Arc::new(policies) });
    let served: Vec<u32> = (0..4).filter_map(|_| house.submit("x")).map(|it| it.0.0).collect();
    assert!(served.contains(&0), "{served:?}");
}
