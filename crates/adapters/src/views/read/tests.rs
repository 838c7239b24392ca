//! Stories as a person reads them, from kernels in the hand.

use super::{Filter, Obstacle, Reader, SpanEnd, What};
use crate::views::testing::{Scene, question};
use crate::views::tests::busy_morning;
use crate::views::{Error, Views};
use kernel::{AgentId, Command, FailureKind, TaskId, Token};

/// Reads what a scene has written so far.
fn read(scene: &Scene) -> (tempfile::TempDir, Reader, Views) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let views = scene.views(&path);
    let reader = Reader::open(&path).unwrap();
    (directory, reader, views)
}

fn names(whats: &[super::Moment]) -> Vec<&'static str> {
    let name = |what: &What| match what {
        What::Accepted { .. } => "accepted",
        What::Granted { .. } => "granted",
        What::Began { .. } => "began",
        What::Waited { .. } => "waited",
        What::StepBegan { .. } => "step began",
        What::StepEnded { .. } => "step ended",
        What::Failed { .. } => "failed",
        What::Lost { .. } => "lost",
        What::Stopped { .. } => "stopped",
        What::WorkEnded { .. } => "work ended",
        What::Refused { .. } => "refused",
        What::RuntimeStarted { .. } => "runtime started",
        What::Ended { .. } => "ended",
    };
    whats.iter().map(|it| name(&it.what)).collect()
}

#[test]
fn a_story_is_told_whole_and_in_order() {
    let mut scene = Scene::new();
    scene.join("lead", &["lead"], 1);
    scene.join("ann", &["review"], 1);
    let root = scene.submit("lead", r#"{"path":"."}"#);
    scene.after(1).start(root);
    scene.after(1);
    let child = scene.ask(root, "review#0", "review", "1");
    scene.after(1).wait(root);
    scene.after(1).fail(child, FailureKind::Crash, "it fell over");
    scene.after(2_000).complete(child, "2");
    scene.after(1).complete(root, r#"{"found":0}"#);
    let (_directory, reader, mut views) = read(&scene);
    views.append_log(root, Token(1), 0, "refused", "a late result").unwrap();

    let story = reader.task_story(root.0).unwrap();
    let expected =
        ["refused", "accepted", "granted", "began", "step began", "waited", "step ended", "ended"];
    assert_eq!(names(&story.moments), expected);
    assert_eq!(story.input.value, Some(serde_json::json!({ "path": "." })));
    assert_eq!(story.output.unwrap().value, Some(serde_json::json!({ "found": 0 })));
    assert_eq!((story.steps[0].child, story.log_lines), (Some(child.0), 1));
    let waited = story.moments.iter().find_map(|it| match &it.what {
        What::Waited { steps, until_ms } => Some((steps.clone(), until_ms.is_some())),
        _ => None,
    });
    assert_eq!(waited, Some((vec!["review#0".to_owned()], true)));
    let story = reader.task_story(child.0).unwrap();
    assert_eq!(names(&story.moments), ["accepted", "granted", "failed", "granted", "ended"]);
    assert_eq!(story.attempts[1].number, 2);
    assert!(matches!(reader.task_story(99), Err(Error::Unknown { what: "task", id: 99, .. })));
}

#[test]
fn a_crash_stands_in_the_story_of_what_it_hit() {
    let mut scene = Scene::new();
    scene.join("ann", &["review"], 1);
    let task = scene.submit("review", "1");
    scene.after(10).begin(500);
    scene.join("ann", &["review"], 1);
    scene.after(10).complete(task, "2");
    let (_directory, reader, _views) = read(&scene);
    let story = reader.task_story(task.0).unwrap();
    let expected = ["accepted", "granted", "lost", "runtime started", "granted", "ended"];
    assert_eq!(names(&story.moments), expected);
    let timeline = reader.timeline(task.0).unwrap();
    assert_eq!(timeline.critical.sentence(), "520 ms = 10 work + 510 restart");
    let ends: Vec<SpanEnd> = timeline.lanes[0].spans.iter().map(|it| it.end).collect();
    assert_eq!(ends, [SpanEnd::Lost, SpanEnd::Completed]);
    assert!(timeline.lanes[0].spans[0].fenced && timeline.starts[0].why == "crash");
}

#[test]
fn a_queued_task_says_what_it_waits_for() {
    let mut scene = Scene::new();
    let obstacles = |scene: &Scene, task: TaskId| {
        let (_directory, reader, _views) = read(scene);
        reader.why(task.0).unwrap().obstacles
    };
    let task = scene.submit("review", "1");
    let capability = "review".to_owned();
    let nobody = Obstacle::NobodyServes { capability, version: None };
    assert_eq!(obstacles(&scene, task), [nobody]);

    scene.join("ann", &["review"], 1);
    assert_eq!(obstacles(&scene, task), []);
    let second = scene.submit("review", "2");
    let third = scene.submit("review", "3");
    let busy = |ahead| Obstacle::Busy { agents: vec!["ann".into()], ahead };
    assert_eq!(obstacles(&scene, second), [busy(0)]);
    assert_eq!(obstacles(&scene, third), [busy(1)]);

    scene.tell(Command::Pause(AgentId(0)));
    scene.complete(task, "1");
    assert_eq!(obstacles(&scene, second), [Obstacle::Paused { agents: vec!["ann".into()] }]);
    scene.tell(Command::Unpause(AgentId(0)));
    scene.fail(second, FailureKind::Error, "not now");
    assert!(
        matches!(obstacles(&scene, second)[0], Obstacle::Delayed { after_failure: true, .. }),
        "{:?}",
        obstacles(&scene, second)
    );
    let mut later = question("review", "4");
    later.delay_ms = 60_000;
    scene.tell(Command::Submit(later));
    let later = scene.kernel.state().last_task;
    let until_ms = (crate::views::testing::BEGAN_MS + 60_000) as i64;
    let delayed = Obstacle::Delayed { until_ms, after_failure: false };
    assert_eq!(obstacles(&scene, later)[0], delayed);
    scene.tell(Command::Drain);
    assert!(obstacles(&scene, later).contains(&Obstacle::Draining));
    scene.begin(0);
    let left = Obstacle::Left { agents: vec!["ann".into()] };
    assert!(obstacles(&scene, second).contains(&left));
}

#[test]
fn a_waiting_task_names_its_steps() {
    let mut scene = Scene::new();
    scene.join("lead", &["lead"], 1);
    let root = scene.submit("lead", "1");
    scene.ask(root, "review#0", "review", "1");
    scene.wait(root);
    let (_directory, reader, _views) = read(&scene);
    let why = reader.why(root.0).unwrap();
    assert_eq!(why.obstacles, [Obstacle::Steps { steps: vec!["review#0".into()] }]);
    assert_eq!(why.waits, ["it waits for review#0"]);
    assert_eq!(why.decisions[0].sentences[0], "lead was the only agent with a free slot for it");
}

#[test]
fn lanes_do_not_overlap_and_the_path_has_no_gaps() {
    let scene = busy_morning();
    let (_directory, reader, _views) = read(&scene);
    let runs = reader.runs(0).unwrap();
    assert!(runs.len() >= 3);
    for run in runs {
        let timeline = reader.timeline(run.run).unwrap();
        assert_eq!(timeline.tasks.len() as u64, run.tasks);
        for lane in &timeline.lanes {
            let apart = |pair: &[super::Span]| {
                pair[0].stopped_ms.unwrap_or(pair[0].to_ms) <= pair[1].from_ms
            };
            assert!(lane.spans.windows(2).all(apart), "{lane:?}");
        }
        let path = &timeline.critical;
        let sum: i64 = path.pieces.iter().map(|it| it.to_ms - it.from_ms).sum();
        assert_eq!(sum, timeline.to_ms - timeline.from_ms, "{path:?}");
        assert!(path.pieces.windows(2).all(|pair| pair[0].to_ms == pair[1].from_ms));
    }
}

#[test]
fn lists_filter_and_agents_and_dead_letters_add_up() {
    let scene = busy_morning();
    let (_directory, reader, _views) = read(&scene);
    let all = reader.tasks(&Filter::default()).unwrap();
    assert_eq!(all.len() as u64, scene.kernel.state().counts.accepted);
    let filter = Filter { run: Some(1), status: Some("completed".into()), ..Filter::default() };
    let some = reader.tasks(&filter).unwrap();
    assert!(!some.is_empty() && some.len() < all.len());
    assert!(some.iter().all(|it| it.run == 1 && it.status == "completed"));
    let newest = reader.tasks(&Filter { limit: 2, ..Filter::default() }).unwrap();
    assert_eq!(newest, all[all.len() - 2..]);
    let agents = reader.agents().unwrap();
    assert_eq!(agents.len(), 3);
    assert!(agents.iter().any(|it| it.completed > 0 && it.p95_ms >= it.p50_ms));
    let held: Vec<u64> = reader.dead().unwrap().iter().map(|it| it.task).collect();
    let expected: Vec<u64> = scene.kernel.state().dead.keys().map(|it| it.0).collect();
    assert_eq!(held, expected);
    assert_eq!(
        reader.dead_letter(held[0]).unwrap().attempts.len() as u64,
        reader.task(held[0]).unwrap().attempts
    );
}

#[test]
fn a_reader_needs_views_of_its_own_version() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    assert!(matches!(Reader::open(&path), Err(Error::Missing { .. })));
    drop(Views::open(&path).unwrap());
    assert!(Reader::open(&path).is_ok());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("pragma user_version = 77").unwrap();
    assert!(matches!(Reader::open(&path), Err(Error::OtherVersion { found: 77, .. })));
}
