//! One task from submit to completed, and the ways it can go wrong, read top to bottom.

#![allow(unused_must_use)] // A story does not look at every answer.

mod told;

use majordomo_kernel::*;
use std::sync::Arc;
use told::payload;

/// A kernel with one agent that serves `count`, and the time in its hand.
struct Story {
    kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
}

impl Story {
    fn with_agent(slots: u32) -> Story {
        let kernel = Kernel::new(Limits::default());
        let mut story = Story { kernel, journal: Vec::new(), now: 0 };
        story.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        story.join("counter", slots);
        story
    }

    fn join(&mut self, name: &str, slots: u32) {
        self.tell(Command::Join(Arc::new(AgentSpec::new(
            name,
            "native",
            vec![Serves { capability: "count".into(), version: 1 }],
            slots,
        ))));
    }

    fn tell(&mut self, command: Command) -> Step {
        told::step(&mut self.kernel, &mut self.journal, self.now, command)
    }

    fn submit(&mut self, input: u8) -> Step {
        self.tell(Command::Submit(question("count", input)))
    }

    fn report(&mut self, attempt: AttemptId, report: Report) -> Step {
        self.tell(Command::Report(attempt, report))
    }
}

fn question(capability: &str, input: u8) -> Submit {
    Submit::new(Terms::new(capability), payload(input))
}

fn dispatched(step: &Step) -> Vec<&Dispatch> {
    let dispatches = step.effects.iter().filter_map(|effect| match effect {
        Effect::Dispatch(dispatch) => Some(&**dispatch),
        _ => None,
    });
    dispatches.collect()
}

fn attempt(task: u64, token: u64) -> AttemptId {
    AttemptId { task: TaskId(task), token: Token(token) }
}

#[test]
fn a_task_is_submitted_dispatched_and_completed() {
    let mut story = Story::with_agent(1);
    story.now = 10;
    let step = story.submit(1);
    assert!(matches!(&step.answer, Ok(Answer::Accepted(it)) if it.task == TaskId(1) && it.fresh));
    assert_eq!(dispatched(&step)[0].attempt, attempt(1, 1));
    assert_eq!(story.kernel.next_deadline(), Some(Time(30_010)));

    story.now = 20;
    let step = story.report(attempt(1, 1), Report::Completed(payload(9)));
    let outcome = Arc::new(Outcome::Completed(payload(9)));
    assert_eq!(step.effects, [Effect::Settled { task: TaskId(1), outcome }]);
    assert_eq!(story.kernel.state().open(), 0);
}

#[test]
fn a_silent_agent_loses_the_task_and_its_late_answer_is_refused() {
    let mut story = Story::with_agent(1);
    story.join("other", 1);
    let step = story.submit(1);
    let first = dispatched(&step)[0].clone();

    story.now = 30_000;
    let step = story.tell(Command::Tick);
    assert_eq!(step.effects, [Effect::Stop { attempt: first.attempt, agent: first.agent }]);
    story.now = 60_000;
    let step = story.tell(Command::Tick);
    let second = dispatched(&step)[0].clone();
    assert_ne!(second.agent, first.agent, "the next attempt goes to another agent");
    assert!(second.attempt.token > first.attempt.token);

    let late = story.report(first.attempt, Report::Completed(payload(9)));
    assert_eq!(late.answer, Err(Refusal::StaleToken));
    let ended = story.report(first.attempt, Report::EndedLate);
    assert_eq!(ended.answer, Ok(Answer::Done));
    let ended = ended.entries.into_iter().map(|entry| entry.event).next();
    let token = first.attempt.token;
    assert_eq!(ended, Some(Event::WorkEnded { token, late: true }), "its late answer is told");
    assert_eq!(
        story.report(second.attempt, Report::Completed(payload(9))).answer,
        Ok(Answer::Done)
    );
}

#[test]
fn a_parent_waits_without_a_slot_and_finds_its_steps_again_after_a_crash() {
    let mut story = Story::with_agent(1);
    story.submit(1);
    let parent = attempt(1, 1);
    let ask =
        |input| Report::Ask { step: "count#0".into(), submit: question("count", input).into() };
    assert_eq!(story.report(parent, ask(2)).answer, Ok(Answer::Pending));
    let step = story.report(parent, Report::Wait { seen: 0 });
    let child = dispatched(&step)[0].attempt;
    assert_eq!(child.task, TaskId(2), "the slot went to the child");

    let step = story.report(child, Report::Completed(payload(7)));
    assert!(matches!(&step.effects[0], Effect::Deliver { attempt, .. } if *attempt == parent));
    assert_eq!(step.effects[1], Effect::Resume { attempt: parent });

    let step = story.tell(Command::Begin(Begin { restored: false, seed: 8, wall_ms: 0 }));
    assert!(dispatched(&step).is_empty(), "its agent is gone with the process");
    story.join("counter", 1);
    let again = attempt(1, 3);
    let answer = story.report(again, ask(2)).answer;
    let recorded = Arc::new(Outcome::Completed(payload(7)));
    assert_eq!(answer, Ok(Answer::Recorded(recorded)), "finished steps answer at once");
    let drift = story.report(again, ask(3)).answer;
    assert!(matches!(drift, Err(Refusal::Drift { .. })), "{drift:?}");
}

#[test]
fn a_side_effect_that_may_have_happened_is_not_repeated_unasked() {
    let mut story = Story::with_agent(1);
    story.submit(1);
    let once = |again| Report::Once { step: "pay".into(), again };
    let by = attempt(1, 1);
    assert_eq!(story.report(by, once(false)).answer, Ok(Answer::Perform));
    assert_eq!(story.report(by, once(false)).answer, Ok(Answer::Unknown), "it gave it up half way");
    assert_eq!(story.report(by, once(true)).answer, Ok(Answer::Perform));
    story.tell(Command::Begin(Begin { restored: false, seed: 8, wall_ms: 0 }));
    story.join("counter", 1);
    let by = attempt(1, 2);
    assert_eq!(story.report(by, once(false)).answer, Ok(Answer::Unknown));
    assert_eq!(story.report(by, once(true)).answer, Ok(Answer::Perform));
    let outcome = Outcome::Completed(payload(5));
    let done = Report::OnceDone { step: "pay".into(), outcome: outcome.clone() };
    assert_eq!(story.report(by, done).answer, Ok(Answer::Done));
    assert_eq!(story.report(by, once(false)).answer, Ok(Answer::Recorded(Arc::new(outcome))));
}

#[test]
fn cancelling_a_parent_takes_its_children_and_stops_the_work() {
    let mut story = Story::with_agent(2);
    story.submit(1);
    let ask = Report::Ask { step: "a".into(), submit: question("count", 2).into() };
    let step = story.report(attempt(1, 1), ask);
    let child = dispatched(&step)[0].attempt;
    let step = story.tell(Command::Cancel { task: TaskId(1), reason: "enough".into() });
    let stops = step.effects.iter().filter(|it| matches!(it, Effect::Stop { .. })).count();
    assert_eq!((stops, story.kernel.state().open()), (2, 0));
    assert_eq!(story.kernel.state().slots_used(AgentId(0)), 2, "until the work has ended");
    story.report(child, Report::Ended);
    story.report(attempt(1, 1), Report::Ended);
    assert_eq!(story.kernel.state().slots_used(AgentId(0)), 0);
}

#[test]
fn a_poison_task_is_set_aside_and_released_once() {
    let mut story = Story::with_agent(1);
    story.submit(1);
    for token in 1..=5 {
        let failure = Failure::new(FailureKind::Crash, "it died");
        assert_eq!(
            story.report(attempt(1, token), Report::Failed(failure)).answer,
            Ok(Answer::Done)
        );
        story.now += 120_000;
        story.tell(Command::Tick);
    }
    assert_eq!(story.kernel.state().facts().dead[&TaskId(1)].task.failed, 5);
    let step = story.tell(Command::Release { task: TaskId(1), input: None });
    assert!(matches!(step.answer, Ok(Answer::Accepted(it)) if it.task == TaskId(2)));
    let again = story.tell(Command::Release { task: TaskId(1), input: None });
    assert_eq!(again.answer, Err(Refusal::UnknownTask(TaskId(1))));
}

#[test]
fn a_dead_task_may_live_again_with_a_mended_input() {
    let mut story = Story::with_agent(1);
    let once = RetryPolicy { attempts_max: 1, ..RetryPolicy::default() };
    let mut submit = question("count", 1);
    submit.terms = Arc::new(Terms { retry: once, ..Terms::new("count") });
    story.tell(Command::Submit(submit));
    let failure = Failure::new(FailureKind::Crash, "it cannot read this");
    story.report(attempt(1, 1), Report::Failed(failure));

    let limit = Limits::default().payload_one_max_bytes;
    let huge = Payload { len: limit + 1, ..payload(2) };
    let refused = story.tell(Command::Release { task: TaskId(1), input: Some(huge) });
    assert_eq!(refused.answer, Err(Refusal::TooLarge { max: u64::from(limit) }));
    let step = story.tell(Command::Release { task: TaskId(1), input: Some(payload(2)) });
    assert!(matches!(&step.answer, Ok(Answer::Accepted(it)) if it.task == TaskId(2)));
    let next = dispatched(&step)[0];
    assert_eq!((next.attempt.task, &next.input), (TaskId(2), &payload(2)));
    assert!(!story.kernel.state().facts().dead.contains_key(&TaskId(1)), "it is decided");
}

#[test]
fn a_run_keeps_its_definition_until_it_ends_or_is_moved_and_hands_it_to_its_next_life() {
    let mut story = Story::with_agent(1);
    let pin = |story: &Story, task| story.kernel.state().pins.get(&TaskId(task)).cloned();
    let mut submit = question("count", 1);
    submit.definition = Some(Digest([1; 32]));
    story.tell(Command::Submit(submit));
    assert_eq!(pin(&story, 1).map(|it| it.definition), Some(Digest([1; 32])));

    let migrate = |run| Command::Migrate { run: TaskId(run), definition: Digest([2; 32]) };
    assert_eq!(story.tell(migrate(1)).entries.len(), 1);
    assert_eq!(story.tell(migrate(1)).entries.len(), 0, "it is there already");
    assert_eq!(story.tell(migrate(9)).answer, Err(Refusal::UnknownTask(TaskId(9))));
    assert_eq!(pin(&story, 1).map(|it| it.definition), Some(Digest([2; 32])));

    for token in 1..=5 {
        let failure = Failure::new(FailureKind::Crash, "it died");
        let _ = story.report(attempt(1, token), Report::Failed(failure));
        story.now += 120_000;
        story.tell(Command::Tick);
    }
    story.tell(Command::Release { task: TaskId(1), input: None });
    assert_eq!(pin(&story, 1), None);
    assert_eq!(pin(&story, 2).map(|it| it.definition), Some(Digest([2; 32])));
    story.tell(Command::Cancel { task: TaskId(2), reason: "enough".into() });
    assert!(story.kernel.state().pins.is_empty());
}

#[test]
fn a_team_may_say_how_much_of_a_capability_and_of_a_tenant_may_wait() {
    let mut story = Story::with_agent(1);
    let queued = |max| Quota { queued_max: Some(max), ..Quota::default() };
    let mut policies = Policies::default();
    policies.capabilities.insert(
        "count".into(),
        CapabilityPolicy { quota: queued(2), ..CapabilityPolicy::default() },
    );
    policies.tenants.insert("acme".into(), queued(1));
    let policies = Arc::new(policies);
    let configure =
        || Command::Configure { team: Text::default(), policies: Arc::clone(&policies) };
    assert_eq!(story.tell(configure()).entries.len(), 1);
    assert_eq!(story.tell(configure()).entries.len(), 0, "it holds already");

    (1..=3).for_each(|input| assert!(story.submit(input).answer.is_ok(), "one works, two wait"));
    let refused = |quota| Err(Refusal::OverQuota { quota, max: 2, retry_after_ms: 1_000 });
    let full = refused(QuotaOf::Capability("count".into()));
    assert_eq!(story.submit(4).answer, full);
    assert_eq!(story.kernel.state().open(), 3, "a refusal changes nothing");

    let of_acme = |input| {
        let terms = Terms { tenant: "acme".into(), ..Terms::new("sum") };
        Command::Submit(Submit::new(terms, payload(input)))
    };
    assert!(story.tell(of_acme(5)).answer.is_ok());
    let quota = QuotaOf::Tenant("acme".into());
    let full = Err(Refusal::OverQuota { quota, max: 1, retry_after_ms: 1_000 });
    assert_eq!(story.tell(of_acme(6)).answer, full);

    story.report(attempt(1, 1), Report::Completed(payload(9)));
    assert!(story.submit(4).answer.is_ok(), "one of those that waited is worked on");
    let team = Text::default();
    story.tell(Command::Configure { team, policies: Arc::default() });
    assert!(story.submit(7).answer.is_ok() && story.tell(of_acme(8)).answer.is_ok());
}

#[test]
fn policies_have_sizes() {
    let mut story = Story::with_agent(1);
    let mut policies = Policies::default();
    policies.tenants.insert("x".repeat(513).into(), Quota::default());
    let configure = |team: &str, policies: Policies| Command::Configure {
        team: team.into(),
        policies: Arc::new(policies),
    };
    let step = story.tell(configure("", policies));
    assert_eq!(step.answer, Err(Refusal::TooLarge { max: 512 }));
    let step = story.tell(configure(&"x".repeat(513), Policies::default()));
    assert_eq!(step.answer, Err(Refusal::TooLarge { max: 512 }));
}
