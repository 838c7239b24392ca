//! Stories as a person reads them, from kernels in the hand.

use super::{Barred, Excluded, Exclusion, Filter, Obstacle, Reader, SpanEnd, What};
use crate::views::testing::{Scene, payload, question};
use crate::views::tests::busy_morning;
use crate::views::{Error, Views};
use kernel::{
    AgentId, AgentSpec, Class, Command, Comparison, Constraint, FailureKind, Forced, Policies,
    Serves, Submit, TaskId, Terms, Text, Versions,
};
use std::sync::Arc;

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
    let (_directory, reader, _views) = read(&scene);

    let story = reader.task_story(root.0).unwrap();
    let expected = ["accepted", "granted", "began", "step began", "waited", "step ended", "ended"];
    assert_eq!(names(&story.moments), expected);
    assert_eq!(story.input.value, Some(serde_json::json!({ "path": "." })));
    assert_eq!(story.output.unwrap().value, Some(serde_json::json!({ "found": 0 })));
    assert_eq!((story.steps[0].child, story.log_lines), (Some(child.0), 0));
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
    let nobody = Obstacle::NobodyServes { capability, version: None, team: None };
    assert_eq!(obstacles(&scene, task), [nobody]);

    scene.join("ann", &["review"], 1);
    assert_eq!(obstacles(&scene, task), []);
    let second = scene.submit("review", "2");
    let third = scene.submit("review", "3");
    let ann = |reason, detail: Option<&str>, ahead| {
        let agents = vec![Barred { agent: "ann".into(), detail: detail.map(str::to_owned) }];
        Obstacle::Excluded(Excluded { reason, count: 1, agents, ahead })
    };
    let busy = |ahead| ann(Exclusion::Busy, Some("1 of 1 slot"), ahead);
    assert_eq!(obstacles(&scene, second), [busy(0)]);
    assert_eq!(obstacles(&scene, third), [busy(1)]);

    scene.tell(Command::Pause(AgentId(0)));
    scene.complete(task, "1");
    assert_eq!(obstacles(&scene, second), [ann(Exclusion::Paused, None, 0)]);
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
    assert!(obstacles(&scene, second).contains(&ann(Exclusion::Left, None, 0)));
}

/// An agent in one line, for the scene below.
fn hired(name: &str, change: impl FnOnce(&mut AgentSpec)) -> Command {
    let serves = vec![Serves { capability: "review".into(), version: 2 }];
    let mut spec = AgentSpec::new(name, "native", serves, 2);
    spec.labels.insert("region".into(), "eu".into());
    change(&mut spec);
    Command::Join(Arc::new(spec))
}

#[test]
fn every_agent_that_cannot_have_it_is_told_with_its_reason_and_what_to_do() {
    let mut scene = Scene::new();
    scene.tell(hired("old", |it| it.serves[0].version = 1));
    scene.tell(hired("far", |it| _ = it.labels.insert("region".into(), "us".into())));
    scene.tell(hired("small", |it| it.slots = 1));
    scene.tell(hired("idle", |_| ()));
    scene.tell(hired("away", |it| it.team = "other".into()));
    scene.tell(hired("ill", |_| ()));
    scene.tell(hired("kept", |_| ()));
    scene.tell(hired("full", |_| ()));
    scene.join("clerk", &["file"], 1);
    let id = |scene: &Scene, name: &str| scene.kernel.state().agent_named(name).unwrap().id;
    scene.tell(Command::Pause(id(&scene, "idle")));
    scene.tell(Command::Suspect(id(&scene, "ill"), 1));
    let (agent, capability, forced) =
        (id(&scene, "kept"), Some("review".into()), Some(Forced::Open));
    scene.tell(Command::Breaker { agent, capability, forced });
    let heavy = |scene: &mut Scene| {
        let mut asked = question("review", "1");
        let terms = Arc::make_mut(&mut asked.terms);
        (terms.versions, terms.weight) = (Versions::exactly(2), 2);
        let eu = Constraint::Is("region".into(), Comparison::Equal, "eu".into());
        terms.require = Some(Arc::new(eu));
        scene.tell(Command::Submit(asked));
        scene.kernel.state().last_task
    };
    let first = heavy(&mut scene);
    let second = heavy(&mut scene);
    let (_directory, reader, _views) = read(&scene);
    let why = reader.why(first.0).unwrap();
    assert_eq!(why.decisions[0].agent, "full");
    let excluded = &why.decisions[0].sentences[1];
    let expected = "out of the question: 1 paused, 1 kept from it by a breaker, 1 down or \
                    suspected to be, 1 too small for it, 1 without the labels it requires, 1 \
                    serving another version, 1 not serving it";
    assert_eq!(excluded, expected);

    let why = reader.why(second.0).unwrap();
    assert_eq!(why.task.requires.as_deref(), Some("region == \"eu\""));
    let expected = [
        "1 agent has no room now: full (2 of 2 slots)",
        "1 agent is kept from it by a breaker: kept (until an operator closes it)",
        "1 agent is down or suspected to be: ill (suspected)",
        "1 agent is paused: idle",
        "1 agent has fewer slots than it takes: small (has 1 slot)",
        "1 agent has not the labels that it requires: far (does not meet region == \"eu\")",
        "1 agent serves another version of it: old (version 1)",
        "1 agent serves it for another team: away (of team other)",
    ];
    assert_eq!(why.waits, expected);
    assert_eq!(why.next.len(), expected.len());
    assert!(why.next.iter().all(|it| !it.is_empty()), "{:?}", why.next);
    assert_eq!(why.next[3], "`majordomo agents resume idle`");
    let agents = reader.agents().unwrap();
    let full = agents.iter().find(|it| it.name == "full").unwrap();
    assert_eq!((full.busy, full.slots), (2, 2), "a task of weight two takes both");
}

#[test]
fn a_limit_of_the_team_that_is_reached_is_told() {
    let mut scene = Scene::new();
    scene.join("ann", &["review"], 4);
    let mut policies = kernel::Policies::default();
    let quota = kernel::Quota { working_max: Some(1), queued_max: None };
    let policy = kernel::CapabilityPolicy { quota, ..Default::default() };
    policies.capabilities.insert("review".into(), policy);
    let (team, policies) = ("".into(), Arc::new(policies));
    scene.tell(Command::Configure { team, policies });
    scene.submit("review", "1");
    let second = scene.submit("review", "2");
    let (_directory, reader, _views) = read(&scene);
    let why = reader.why(second.0).unwrap();
    assert_eq!(why.waits, ["1 tasks of capability review are worked on, and 1 may be"]);
}

#[test]
fn the_record_of_an_agent_is_told_as_of_any_moment() {
    let mut scene = Scene::new();
    scene.join("ann", &["review"], 2);
    let tasks: Vec<TaskId> = (0..3).map(|_| scene.submit("review", "1")).collect();
    let cost = kernel::Cost { money_micros: 5_000, tokens: 700, ..kernel::Cost::default() };
    scene.after(20_000).report(tasks[0], kernel::Report::Spent(cost));
    scene.complete(tasks[0], "1");
    scene.after(9_000).complete(tasks[2], "1");
    scene.fail(tasks[1], FailureKind::Timeout, "too slow");
    let (_directory, reader, _views) = read(&scene);
    let now_ms = reader.applied_ms().unwrap();
    let ann = |at_ms| reader.agents_at(at_ms).unwrap().remove(0);
    let it = ann(now_ms);
    assert_eq!((it.completed, it.failed, it.timed_out, it.faults), (2, 1, 1, 1));
    assert_eq!(it.success_percent, Some(66));
    assert_eq!((it.money_micros, it.tokens), (5_000, 700));
    // Two slots for 29 s, both in use all the while.
    assert_eq!(it.used_percent, Some(100), "{it:?}");
    assert_eq!(it.queued_p50_ms, Some(0));
    let waited = it.queued_p95_ms.unwrap();
    assert!((19_600..20_400).contains(&waited), "the third waited for the first: {waited}");
    let later = ann(now_ms + 29_000).used_percent;
    assert_eq!(later, Some(50), "as long again with nothing to do");
    assert_eq!(ann(now_ms + 3_600_000).used_percent, Some(0), "an hour is out of the window");
}

#[test]
fn what_is_worked_on_during_a_pause_makes_nobody_look_busy() {
    let mut scene = Scene::new();
    scene.join("ann", &["review"], 2);
    let task = scene.submit("review", "1");
    let ann = scene.kernel.state().agent_named("ann").unwrap().id;
    let used = |scene: &Scene, later_ms: i64| {
        let (_directory, reader, _views) = read(scene);
        let now_ms = reader.applied_ms().unwrap() + later_ms;
        reader.agents_at(now_ms).unwrap()[0].used_percent
    };
    assert_eq!(used(&scene, 2_000), Some(50), "one slot of two");
    scene.after(2_000).tell(Command::Pause(ann));
    assert_eq!((used(&scene, 0), used(&scene, 4_000)), (Some(50), Some(50)), "as before it");
    scene.after(4_000).tell(Command::Unpause(ann));
    assert_eq!((used(&scene, 0), used(&scene, 2_000)), (Some(50), Some(50)), "and after it");
    scene.after(2_000).complete(task, "1");
    assert_eq!((used(&scene, 0), used(&scene, 4_000)), (Some(50), Some(25)), "then it rests");
}

#[test]
fn whoever_is_paused_from_the_beginning_has_no_use_to_tell() {
    let mut scene = Scene::new();
    scene.join("ann", &["review"], 1);
    scene.submit("review", "1");
    let ann = scene.kernel.state().agent_named("ann").unwrap().id;
    scene.tell(Command::Pause(ann));
    let (_directory, reader, _views) = read(scene.after(5_000));
    let agents = reader.agents().unwrap();
    assert_eq!((agents[0].busy, agents[0].used_percent), (1, None));
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
    assert_eq!(agents.len(), 4);
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
    connection.execute_batch("pragma user_version = 0").unwrap();
    assert!(matches!(Reader::open(&path), Err(Error::Missing { .. })), "nothing is in it yet");
    connection.execute_batch("pragma user_version = 77").unwrap();
    assert!(matches!(Reader::open(&path), Err(Error::OtherVersion { found: 77, .. })));
}

#[test]
fn who_made_room_for_whom_is_told_of_both() {
    let mut scene = Scene::new();
    let preempt = [Class::Critical].into();
    let policies = Arc::new(Policies { preempt, ..Policies::default() });
    scene.tell(Command::Configure { team: Text::default(), policies });
    scene.join("ann", &["review"], 1);
    let submit = |scene: &mut Scene, class, preemptible, input: &str| {
        let terms = Terms { class, preemptible, ..Terms::new("review") };
        scene.tell(Command::Submit(Submit::new(terms, payload(input))));
        scene.kernel.state().last_task
    };
    let lent = submit(&mut scene, Class::Low, true, "1");
    let urgent = submit(&mut scene, Class::Critical, false, "2");
    scene.stopped();

    let (_directory, reader, _views) = read(&scene);
    let story = reader.task_story(lent.0).unwrap();
    let lost = story.moments.iter().find_map(|it| match &it.what {
        What::Lost { cause, message, .. } => Some((cause.clone(), message.clone())),
        _ => None,
    });
    let why = format!("to make room for task {urgent}");
    assert_eq!(lost, Some(("preempted".to_owned(), Some(why.clone()))));
    assert_eq!((story.task.failed, story.task.lost), (0, 0));
    let waits = reader.why(lent.0).unwrap().waits;
    assert_eq!(waits[0], format!("it was stopped at ann {why}"), "{waits:?}");
    let decision = &reader.why(urgent.0).unwrap().decisions[0];
    let told = "less urgent work was stopped at ann to make room for it";
    assert!(decision.sentences[0].contains(told), "{decision:?}");
}
