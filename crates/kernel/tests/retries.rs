//! When a task is tried again: not before its agent says, and not at all where its deadline passes
//! first.

use majordomo_kernel::*;
use std::sync::Arc;

/// A kernel whose agent works on one task with this deadline, and the attempt.
fn working(deadline_ms: Option<u64>, retry: RetryPolicy) -> (Kernel, AttemptId) {
    let mut kernel = Kernel::new(Limits::default());
    let _ = kernel.step(Time(0), Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
    let serves = vec![Serves { capability: "count".into(), version: 1 }];
    let spec = AgentSpec::new("counter", "native", serves, 1);
    let _ = kernel.step(Time(0), Command::Join(Arc::new(spec)));
    let terms = Terms { retry, ..Terms::new("count") };
    let input = Payload { digest: Digest([1; 32]), len: 1, inline: Some(Arc::from([1])) };
    let submit = Submit { deadline_ms, ..Submit::new(terms, input) };
    let step = kernel.step(Time(0), Command::Submit(submit));
    let attempt = step.effects.iter().find_map(|effect| match effect {
        Effect::Dispatch(dispatch) => Some(dispatch.attempt),
        _ => None,
    });
    (kernel, attempt.expect("somebody is free"))
}

/// A failure that asks for peace for this long.
fn busy(retry_after_ms: u64) -> Report {
    let failure = Failure::new(FailureKind::Overloaded, "too much to do");
    Report::Failed(Failure { retry_after_ms: Some(retry_after_ms), ..failure })
}

fn settled(step: &Step) -> Option<&Outcome> {
    step.effects.iter().find_map(|effect| match effect {
        Effect::Settled { outcome, .. } => Some(&**outcome),
        _ => None,
    })
}

#[test]
fn an_agent_that_says_when_to_come_back_is_left_alone_until_then() {
    let at_once = RetryPolicy { base_ms: 1, cap_ms: 1, ..RetryPolicy::default() };
    let (mut kernel, first) = working(None, at_once);
    let step = kernel.step(Time(100), Command::Report(first, busy(7_000)));
    assert_eq!(settled(&step), None);
    assert_eq!(kernel.next_deadline(), Some(Time(7_100)));
    let early = kernel.step(Time(7_099), Command::Tick);
    assert!(early.effects.is_empty(), "{early:?}");
    let step = kernel.step(Time(7_100), Command::Tick);
    assert!(matches!(&step.effects[..], [Effect::Dispatch(_)]), "{step:?}");
}

#[test]
fn a_task_whose_deadline_passes_before_it_may_be_tried_again_fails_at_once() {
    for (retry_after_ms, waits) in [(4_899, true), (4_900, false), (60_000, false)] {
        let at_once = RetryPolicy { base_ms: 1, cap_ms: 1, ..RetryPolicy::default() };
        let (mut kernel, first) = working(Some(5_000), at_once);
        let step = kernel.step(Time(100), Command::Report(first, busy(retry_after_ms)));
        let Some(outcome) = settled(&step) else {
            assert!(waits, "{retry_after_ms} ms: it is tried again just before its deadline");
            continue;
        };
        assert!(!waits, "{retry_after_ms} ms: there was time for another attempt: {outcome:?}");
        let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.kind, FailureKind::Deadline);
        assert_eq!(
            &*failure.message,
            "another attempt could not start before its deadline; the last one failed: too much \
             to do"
        );
        assert_eq!(kernel.state().open(), 0);
        assert_eq!(kernel.next_deadline(), None, "nobody waits for it");
    }
}

#[test]
fn a_failure_that_ends_a_task_says_with_which_attempt_of_whom() {
    let retry = RetryPolicy { attempts_max: 2, base_ms: 0, cap_ms: 0 };
    let (mut kernel, first) = working(None, retry);
    let claimed = FailedAttempt { agent: "somebody else".into(), number: 7, of: 7 };
    let broke = Failure::new(FailureKind::Error, "it broke");
    let broke = Report::Failed(Failure { attempt: Some(Box::new(claimed)), ..broke });
    let step = kernel.step(Time(100), Command::Report(first, broke.clone()));
    let [Effect::Dispatch(second)] = &step.effects[..] else { panic!("{step:?}") };
    let step = kernel.step(Time(300), Command::Report(second.attempt, broke));
    let Some(Outcome::Dead(failure)) = settled(&step) else { panic!("{step:?}") };
    let last = FailedAttempt { agent: "counter".into(), number: 2, of: 2 };
    assert_eq!(failure.attempt.as_deref(), Some(&last));
    assert_eq!(last.to_string(), "agent counter, attempt 2 of 2");
    let of_attempts = step.entries.iter().filter_map(|entry| match &entry.event {
        Event::AttemptFailed { failure, .. } => Some(failure.attempt.clone()),
        _ => None,
    });
    assert_eq!(of_attempts.collect::<Vec<_>>(), [None], "its lease says it, and nobody else");
}

#[test]
fn a_deadline_that_passes_says_who_was_at_it_if_anybody_was() {
    let (mut kernel, _) = working(Some(5_000), RetryPolicy::default());
    let input = Payload { digest: Digest([2; 32]), len: 1, inline: Some(Arc::from([2])) };
    let submit = Submit { deadline_ms: Some(6_000), ..Submit::new(Terms::new("count"), input) };
    let _ = kernel.step(Time(0), Command::Submit(submit)); // It waits for the agent's slot.
    let mut whose = Vec::new();
    for at in [5_000, 6_000] {
        let step = kernel.step(Time(at), Command::Tick);
        let Some(Outcome::Failed(failure)) = settled(&step) else { panic!("{step:?}") };
        assert_eq!(failure.kind, FailureKind::Deadline);
        whose.push(failure.attempt.as_ref().map(ToString::to_string));
    }
    assert_eq!(whose, [Some("agent counter, attempt 1 of 5".to_owned()), None]);
}

#[test]
fn the_last_attempt_of_a_task_leaves_it_dead_whatever_its_deadline() {
    let once = RetryPolicy { attempts_max: 1, ..RetryPolicy::default() };
    let (mut kernel, only) = working(Some(5_000), once);
    let step = kernel.step(Time(100), Command::Report(only, busy(60_000)));
    assert!(matches!(settled(&step), Some(Outcome::Dead(_))), "{step:?}");
}
