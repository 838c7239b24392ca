//! Small runs, and the chain that decides each.

use super::super::{Start, TimelineTask, Try, Wait};
use super::{CriticalPath, Part, Piece};

fn attempt(granted_ms: i64, ended_ms: i64, outcome: &str, waits: &[(i64, i64)]) -> Try {
    let wait = |(since_ms, until_ms): &(i64, i64)| Wait {
        since_ms: *since_ms,
        until_ms: Some(*until_ms),
        steps: Vec::new(),
    };
    Try {
        granted_ms,
        ended_ms: Some(ended_ms),
        outcome: Some(outcome.into()),
        waits: waits.iter().map(wait).collect(),
        ..Try::default()
    }
}

fn done(id: u64, accepted_ms: i64, tries: Vec<Try>) -> TimelineTask {
    let ended_ms = tries.last().and_then(|it| it.ended_ms);
    let parent = (id > 1).then_some(1);
    TimelineTask { id, parent, accepted_ms, ended_ms, tries, ..TimelineTask::default() }
}

/// Task and length of each piece.
fn told(tasks: &[TimelineTask], starts: &[Start]) -> String {
    let path = CriticalPath::of(tasks, starts, tasks[0].ended_ms.unwrap_or(100));
    let mut at_ms = tasks[0].accepted_ms;
    for piece in &path.pieces {
        assert_eq!(piece.from_ms, at_ms, "no gaps: {path:?}");
        at_ms = piece.to_ms;
    }
    assert_eq!(at_ms - tasks[0].accepted_ms, path.total_ms, "{path:?}");
    let piece = |it: &Piece| format!("{}:{} {}", it.task, it.part.name(), it.to_ms - it.from_ms);
    path.pieces.iter().map(piece).collect::<Vec<_>>().join(", ")
}

#[test]
fn one_task_is_queue_and_work() {
    let task = done(1, 0, vec![attempt(10, 100, "completed", &[])]);
    assert_eq!(told(&[task], &[]), "1:queue 10, 1:work 90");
}

#[test]
fn the_child_that_ended_last_decides() {
    let root = done(1, 0, vec![attempt(0, 70, "completed", &[(10, 60)])]);
    let short = done(2, 4, vec![attempt(10, 20, "completed", &[])]);
    let long = done(3, 5, vec![attempt(20, 55, "completed", &[])]);
    let expected = "1:work 5, 3:queue 15, 3:work 35, 1:queue 5, 1:work 10";
    assert_eq!(told(&[root, short, long], &[]), expected);
}

#[test]
fn a_failed_attempt_and_its_delay_are_retry() {
    let mut failed = attempt(0, 30, "failed", &[]);
    failed.retry_ms = Some(50);
    let task = done(1, 0, vec![failed, attempt(60, 100, "completed", &[])]);
    assert_eq!(told(&[task], &[]), "1:retry 30, 1:retry 20, 1:queue 10, 1:work 40");
}

#[test]
fn time_without_a_process_is_restart() {
    let crash = Start { at_ms: 1_000, down_ms: Some(400), why: "crash".into() };
    let mut lost = attempt(0, 1_000, "lost", &[]);
    lost.retry_ms = Some(1_000);
    let task = done(1, 0, vec![lost, attempt(1_010, 2_000, "completed", &[])]);
    assert_eq!(told(&[task], &[crash]), "1:retry 400, 1:restart 600, 1:queue 10, 1:work 990");
}

#[test]
fn a_child_that_outlived_a_crash_leads_past_the_attempts_of_its_parent() {
    let crash = Start { at_ms: 100, down_ms: Some(60), why: "crash".into() };
    let first = attempt(0, 100, "lost", &[(20, 100)]);
    let root = done(1, 0, vec![first, attempt(101, 200, "completed", &[(102, 190)])]);
    let lost = attempt(30, 100, "lost", &[]);
    let child = done(2, 10, vec![lost, attempt(105, 180, "completed", &[])]);
    let expected = "1:work 10, 2:queue 20, 2:retry 30, 2:restart 40, 2:queue 5, 2:work 75, \
                    1:queue 10, 1:work 10";
    assert_eq!(told(&[root, child], &[crash]), expected);
}

#[test]
fn a_timer_that_woke_it_decides() {
    let mut task = done(1, 0, vec![attempt(0, 70, "completed", &[(10, 60)])]);
    task.timers = vec![("nap".into(), 5, Some(58))];
    assert_eq!(told(&[task], &[]), "1:work 5, 1:timer 53, 1:queue 2, 1:work 10");
}

#[test]
fn an_open_run_is_told_up_to_now() {
    let mut root = done(1, 0, vec![attempt(0, 0, "", &[(10, 0)])]);
    root.ended_ms = None;
    root.tries[0].ended_ms = None;
    root.tries[0].waits[0].until_ms = None;
    let mut child = done(2, 5, vec![attempt(20, 0, "", &[])]);
    (child.ended_ms, child.tries[0].ended_ms) = (None, None);
    assert_eq!(told(&[root, child], &[]), "1:work 5, 2:queue 15, 2:work 80");
}

#[test]
fn everything_in_one_millisecond_ends() {
    let waits = [(5, 5), (5, 5), (5, 5)];
    let mut root = done(1, 5, vec![attempt(5, 5, "completed", &waits)]);
    root.timers = vec![("a".into(), 5, Some(5)), ("b".into(), 5, Some(5))];
    let child = |id| done(id, 5, vec![attempt(5, 5, "completed", &[])]);
    assert_eq!(told(&[root, child(2), child(3)], &[]), "");
}

#[test]
fn the_rounded_parts_add_up_to_the_rounded_total() {
    let path = |parts: &[(Part, i64)]| CriticalPath {
        pieces: Vec::new(),
        parts: parts.iter().copied().collect(),
        total_ms: parts.iter().map(|part| part.1).sum(),
    };
    let parts = [(Part::Work, 3_060), (Part::Queue, 1_240), (Part::Restart, 510)];
    assert_eq!(path(&parts).sentence(), "4.8 s = 3.1 work + 1.2 queue + 0.5 restart");
    let parts = [(Part::Work, 1_040), (Part::Queue, 1_040), (Part::Timer, 1_040)];
    assert_eq!(path(&parts).sentence(), "3.1 s = 1.1 work + 1.0 queue + 1.0 timer");
    assert_eq!(path(&[(Part::Work, 30)]).sentence(), "30 ms = 30 work");
    assert_eq!(path(&[(Part::Work, 900_000)]).sentence(), "15.0 min = 15.0 work");
    assert_eq!(path(&[]).sentence(), "0 ms");
}
