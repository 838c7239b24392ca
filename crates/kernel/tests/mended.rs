//! Faults that the simulator found, each told once more by hand so that it stays mended.

#![allow(unused_must_use)] // A story does not look at every answer.

use majordomo_kernel::*;
use std::sync::Arc;

fn kernel(limits: Limits) -> Kernel {
    let mut kernel = Kernel::new(limits);
    tell(&mut kernel, 0, begin());
    kernel
}

fn begin() -> Command {
    Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 })
}

fn spec(name: &str, capability: &str, remote: bool) -> AgentSpec {
    AgentSpec {
        remote,
        ..AgentSpec::new(
            name,
            "native",
            vec![Serves { capability: capability.into(), version: 1 }],
            1,
        )
    }
}

fn join(name: &str, capability: &str, remote: bool) -> Command {
    Command::Join(Arc::new(spec(name, capability, remote)))
}

fn submit(capability: &str, input: u8) -> Submit {
    Submit::new(Terms::new(capability), payload(input, 1))
}

fn payload(byte: u8, len: u32) -> Payload {
    Payload { digest: Digest([byte; 32]), len, inline: None }
}

fn tell(kernel: &mut Kernel, now: u64, command: Command) -> Step {
    let step = kernel.step(Time(now), command);
    kernel.state().check_index().expect("indexes follow from the facts");
    step
}

fn report(kernel: &mut Kernel, now: u64, by: AttemptId, report: Report) -> Step {
    tell(kernel, now, Command::Report(by, report))
}

fn attempt(task: u64, token: u64) -> AttemptId {
    AttemptId { task: TaskId(task), token: Token(token) }
}

fn ask(step: &str, submit: Submit) -> Report {
    Report::Ask { step: step.into(), submit: Box::new(submit) }
}

fn kinds(step: &Step) -> Vec<&Event> {
    step.entries.iter().map(|entry| &entry.event).collect()
}

#[test]
fn a_restart_gives_remote_work_one_more_lease_and_charges_nobody() {
    let mut kernel = kernel(Limits::default());
    tell(&mut kernel, 0, join("far", "work", true));
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    // Renewed until 90 s; the renewals are soft and die with the process.
    for now in [20_000, 40_000, 60_000] {
        kernel.pulse(Time(now), Pulse::Renew(attempt(1, 1)));
    }
    let step = tell(&mut kernel, 70_000, begin());
    assert!(!kinds(&step).iter().any(|it| matches!(it, Event::AttemptFailed { .. })));
    assert_eq!(kernel.next_deadline(), Some(Time(100_000)), "one lease from the restart");
    assert_eq!(
        report(&mut kernel, 99_000, attempt(1, 1), Report::Started).answer,
        Ok(Answer::Done)
    );
}

#[test]
fn saying_that_it_began_does_not_undo_a_renewal() {
    let mut kernel = kernel(Limits::default());
    tell(&mut kernel, 0, join("near", "work", false));
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    kernel.pulse(Time(20_000), Pulse::Renew(attempt(1, 1)));
    report(&mut kernel, 29_000, attempt(1, 1), Report::Started);
    assert_eq!(kernel.next_deadline(), Some(Time(50_000)));
}

#[test]
fn a_token_of_another_task_spends_nothing() {
    let mut kernel = kernel(Limits::default());
    tell(&mut kernel, 0, join("near", "work", false));
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    tell(&mut kernel, 1, Command::Cancel { task: TaskId(1), reason: "enough".into() });
    tell(&mut kernel, 1, Command::Submit(submit("work", 2)));
    let cost = Cost { money_micros: 5, tokens: 5, ..Cost::default() };
    let step = report(&mut kernel, 2, attempt(2, 1), Report::Spent(cost));
    assert_eq!(step.answer, Err(Refusal::StaleToken));
    let step = report(&mut kernel, 2, attempt(1, 1), Report::Spent(cost));
    assert_eq!(step.answer.is_err(), step.entries.is_empty(), "what it cost is accepted");
}

#[test]
fn a_key_is_not_forgotten_while_its_task_is_open() {
    let limits = Limits { key_ms: 10, ..Limits::default() };
    let mut kernel = kernel(limits);
    let keyed = Submit { key: Some("k".into()), ..submit("work", 1) };
    tell(&mut kernel, 0, Command::Submit(keyed.clone()));
    let step = tell(&mut kernel, 1_000, Command::Submit(keyed.clone()));
    assert!(matches!(step.answer, Ok(Answer::Accepted(it)) if !it.fresh && it.task == TaskId(1)));
    tell(&mut kernel, 1_000, Command::Cancel { task: TaskId(1), reason: "enough".into() });
    let step = tell(&mut kernel, 1_009, Command::Submit(keyed.clone()));
    assert!(matches!(step.answer, Ok(Answer::Accepted(it)) if !it.fresh), "it outlives the task");
    let step = tell(&mut kernel, 1_010, Command::Submit(keyed));
    assert!(matches!(step.answer, Ok(Answer::Accepted(it)) if it.fresh));
}

#[test]
fn nobody_waits_for_nothing_and_asking_again_does_not_wake() {
    let mut kernel = kernel(Limits::default());
    tell(&mut kernel, 0, join("near", "work", false));
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    let by = attempt(1, 1);
    assert_eq!(report(&mut kernel, 1, by, Report::Wait { seen: 0 }).answer, Ok(Answer::News));
    report(&mut kernel, 1, by, Report::Sleep { step: "nap".into(), ms: 10 });
    assert_eq!(report(&mut kernel, 1, by, Report::Wait { seen: 0 }).answer, Ok(Answer::Done));
    // The slot goes to another task; the timer fires; there is no slot to go on with.
    tell(&mut kernel, 2, Command::Submit(submit("work", 2)));
    tell(&mut kernel, 11, Command::Tick);
    assert_eq!(report(&mut kernel, 12, by, Report::Wait { seen: 0 }).answer, Ok(Answer::Done));
    let step = report(&mut kernel, 13, attempt(2, 2), Report::Completed(payload(1, 1)));
    assert!(step.effects.contains(&Effect::Resume { attempt: by }));
}

#[test]
fn a_child_that_fails_for_want_of_budget_wakes_its_parent_in_the_same_step() {
    let mut kernel = kernel(Limits::default());
    tell(&mut kernel, 0, join("near", "work", false));
    tell(&mut kernel, 0, join("other", "part", false));
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    let parent = attempt(1, 1);
    let poor = Budget { money_micros: Some(5), ..Budget::default() };
    let child = Submit { budget: Some(poor), ..submit("part", 2) };
    report(&mut kernel, 0, parent, ask("one", child));
    report(&mut kernel, 0, parent, Report::Wait { seen: 0 });
    // The child spends all it has, then its process falls over: it cannot be granted again.
    let cost = Cost { money_micros: 5, tokens: 0, ..Cost::default() };
    report(&mut kernel, 5, attempt(2, 2), Report::Spent(cost));
    let failure = Failure::new(FailureKind::Crash, "it died");
    report(&mut kernel, 5, attempt(2, 2), Report::Failed(failure));
    let due = kernel.next_deadline().expect("a retry");
    let step = tell(&mut kernel, due.0, Command::Tick);
    assert!(matches!(kinds(&step)[0], Event::TaskFailed { task: TaskId(2), .. }), "{step:?}");
    assert!(step.effects.contains(&Effect::Resume { attempt: parent }), "{step:?}");
}

#[test]
fn work_that_goes_on_for_ever_ends_with_the_budget_of_its_tree() {
    let limits = Limits { tree_work_ms: 50_000, ..Limits::default() };
    let mut kernel = kernel(limits);
    tell(&mut kernel, 0, join("near", "work", false));
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    for now in [20_000, 40_000] {
        kernel.pulse(Time(now), Pulse::Renew(attempt(1, 1)));
    }
    assert_eq!(kernel.next_deadline(), Some(Time(50_000)));
    let step = tell(&mut kernel, 50_000, Command::Tick);
    let over = |failure: &Failure| failure.kind == FailureKind::OverBudget;
    let failed = |it: &&Event| matches!(it, Event::TaskFailed { failure, .. } if over(failure));
    assert!(kinds(&step).iter().any(failed), "{step:?}");
}

#[test]
fn orphans_and_stopping_work_are_paid_for_by_their_tree() {
    let mut kernel = kernel(Limits::default());
    for (name, capability) in [("a", "root"), ("b", "middle"), ("c", "leaf")] {
        tell(&mut kernel, 0, join(name, capability, false));
    }
    tell(&mut kernel, 0, Command::Submit(submit("root", 1)));
    let purse = Budget { money_micros: Some(500), ..Budget::default() };
    let middle = Submit { budget: Some(purse), ..submit("middle", 2) };
    report(&mut kernel, 0, attempt(1, 1), ask("middle", middle));
    report(&mut kernel, 0, attempt(2, 2), ask("leaf", submit("leaf", 3)));
    report(&mut kernel, 1, attempt(2, 2), Report::Completed(payload(9, 1)));
    // The leaf was told to stop, and still reports what it cost.
    let cost = Cost { money_micros: 70, tokens: 0, ..Cost::default() };
    report(&mut kernel, 2, attempt(3, 3), Report::Spent(cost));
    report(&mut kernel, 3, attempt(3, 3), Report::Ended);
    let purse = &kernel.state().facts().purses[&TaskId(1)];
    assert_eq!((purse.used(Part::Money), purse.reserved(Part::Money)), (70, 0));
    assert_eq!(kernel.state().facts().purses.len(), 1);
}

#[test]
fn an_agent_that_hands_everything_back_does_not_keep_a_task_going_round() {
    let limits = Limits { crash_attempts_max: 3, ..Limits::default() };
    let mut kernel = kernel(limits);
    tell(&mut kernel, 0, join("near", "work", false));
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    let mut now = 0;
    for token in 1..=3 {
        report(&mut kernel, now, attempt(1, token), Report::HandedBack);
        now += 60_000;
        tell(&mut kernel, now, Command::Tick);
    }
    assert!(kernel.state().facts().dead.contains_key(&TaskId(1)));
}

#[test]
fn what_is_handed_back_in_a_drain_costs_nothing() {
    let limits = Limits { crash_attempts_max: 1, ..Limits::default() };
    let mut kernel = kernel(limits);
    tell(&mut kernel, 0, join("near", "work", false));
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    tell(&mut kernel, 0, Command::Drain);
    report(&mut kernel, 0, attempt(1, 1), Report::HandedBack);
    assert_eq!(kernel.state().task(TaskId(1)).map(|task| task.lost), Some(0));
}

#[test]
fn nothing_is_put_off_for_ever() {
    let limits = Limits { delay_max_ms: 1_000, ..Limits::default() };
    let mut kernel = kernel(limits);
    tell(&mut kernel, 0, join("near", "work", false));
    let later = Submit { delay_ms: u64::MAX, ..submit("work", 1) };
    let too_long = Err(Refusal::TooLarge { max: 1_000 });
    assert_eq!(tell(&mut kernel, 0, Command::Submit(later)).answer, too_long);
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    let by = attempt(1, 1);
    let nap = Report::Sleep { step: "nap".into(), ms: u64::MAX };
    assert_eq!(report(&mut kernel, 0, by, nap).answer, too_long);
    let kind = FailureKind::Overloaded;
    let failure =
        Failure { retry_after_ms: Some(u64::MAX), ..Failure::new(kind, "come back later") };
    report(&mut kernel, 0, by, Report::Failed(failure));
    assert_eq!(kernel.next_deadline(), Some(Time(1_000)));
}

#[test]
fn a_side_effect_has_no_larger_result_than_a_task() {
    let limits = Limits { payload_one_max_bytes: 10, ..Limits::default() };
    let mut kernel = kernel(limits);
    tell(&mut kernel, 0, join("near", "work", false));
    tell(&mut kernel, 0, Command::Submit(submit("work", 1)));
    let by = attempt(1, 1);
    report(&mut kernel, 0, by, Report::Once { step: "pay".into(), again: false });
    let outcome = Outcome::Completed(payload(2, 11));
    let step = report(&mut kernel, 0, by, Report::OnceDone { step: "pay".into(), outcome });
    assert_eq!(step.answer, Err(Refusal::TooLarge { max: 10 }));
}

#[test]
fn a_released_task_needs_room_as_any_other() {
    let limits = Limits { queue_max: 1, ..Limits::default() };
    let mut kernel = kernel(limits);
    tell(&mut kernel, 0, join("near", "work", false));
    let mut fragile = Terms::new("work");
    fragile.retry.attempts_max = 1;
    tell(&mut kernel, 0, Command::Submit(Submit { terms: fragile.into(), ..submit("work", 1) }));
    let failure = Failure::new(FailureKind::Error, "no");
    report(&mut kernel, 0, attempt(1, 1), Report::Failed(failure));
    tell(&mut kernel, 0, Command::Submit(submit("work", 2)));
    let step = tell(&mut kernel, 0, Command::Release { task: TaskId(1), input: None });
    assert!(matches!(step.answer, Err(Refusal::Overloaded { .. })));
    assert!(kernel.state().facts().dead.contains_key(&TaskId(1)));
}

#[test]
fn a_remote_agent_cannot_take_a_local_ones_name() {
    let mut kernel = kernel(Limits::default());
    tell(&mut kernel, 0, join("near", "work", false));
    let step = tell(&mut kernel, 0, join("near", "work", true));
    assert_eq!(step.answer, Err(Refusal::NameTaken("near".into())));
    tell(&mut kernel, 0, join("far", "work", true));
    let again = tell(&mut kernel, 0, join("far", "work", true));
    assert_eq!(
        again.answer,
        Ok(Answer::Joined(AgentId(1))),
        "it may come back before it is missed"
    );
}

#[test]
fn who_may_spend_nothing_may_still_delegate() {
    let mut kernel = kernel(Limits::default());
    tell(&mut kernel, 0, join("near", "work", false));
    let free = Budget { money_micros: Some(0), ..Budget::default() };
    tell(&mut kernel, 0, Command::Submit(Submit { budget: Some(free), ..submit("work", 1) }));
    let step = report(&mut kernel, 0, attempt(1, 1), ask("part", submit("part", 2)));
    assert_eq!(step.answer, Ok(Answer::Pending));
}

/// A journal that was begun before journals had names gets none: the keys that outside systems know
/// must not change.
#[test]
fn a_journal_is_named_at_its_first_start_or_never() {
    let begin = |seed| Command::Begin(Begin { restored: false, seed, wall_ms: 0 });
    let mut kernel = Kernel::new(Limits::default());
    let first = kernel.step(Time(0), begin(7));
    let name = kernel.state().journal.expect("named at the first start");
    kernel.step(Time(1), begin(8));
    assert_eq!(kernel.state().journal, Some(name));

    let mut old = first.entries;
    for entry in &mut old {
        if let Event::RuntimeStarted { journal, .. } = &mut entry.event {
            *journal = None;
        }
    }
    let mut kernel = Kernel::replay(Limits::default(), None, &old);
    kernel.step(Time(1), begin(8));
    assert_eq!(kernel.state().journal, None);
}
