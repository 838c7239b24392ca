//! What becomes an alert and what does not, from the entries of a kernel in the hand; and alerts as
//! a team in memory sends them, in driven time.

use super::{CAPABILITY, Feed, Watcher};
use crate::problem::Kind;
use crate::{AgentEntry, Context, Failure, Result, SubmitOptions, Team, capability};
use adapters::views::testing::{Scene, question};
use kernel::{
    AgentId, Command, Entry, Exit, Exited, Extent, FailureKind, Kernel, Limits, Report, Stage,
    TaskId, Terms,
};
use runtime::port::Observer;
use runtime::port::journal::Seq;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Everything that a scene has written, heard by a feed that began with nothing.
fn heard(scene: &Scene) -> Feed {
    let feed = Feed::new(Kernel::new(Limits::default()).state());
    let entries: Vec<Entry> = scene.journal.iter().map(|(_, entry)| entry.clone()).collect();
    feed.durable(Seq(1), &entries.into());
    feed
}

fn told(feed: &Feed) -> Vec<(Kind, u64, String)> {
    let books = feed.books();
    let pending = books.pending.kinds().into_iter().filter_map(|kind| {
        let pending = books.pending.of(kind)?;
        Some((kind, pending.count, pending.problems[0].what.clone()))
    });
    pending.collect()
}

fn id(scene: &Scene, name: &str) -> AgentId {
    scene.kernel.state().agent_named(name).map(|it| it.id).expect("it joined")
}

/// A task that is tried once.
fn once(scene: &mut Scene, capability: &str) -> TaskId {
    let mut asked = question(capability, "1");
    Arc::make_mut(&mut asked.terms).retry.attempts_max = 1;
    scene.tell(Command::Submit(asked));
    scene.kernel.state().last_task
}

/// A task that is dead.
fn dead(scene: &mut Scene, capability: &str) -> TaskId {
    let task = once(scene, capability);
    scene.fail(task, FailureKind::Error, "no");
    assert!(scene.kernel.state().dead.contains_key(&task), "{capability} is dead");
    task
}

/// It dies, and dies again when it is started again, until nobody starts it.
fn give_up(scene: &mut Scene, name: &str) {
    let agent = id(scene, name);
    let life = |scene: &Scene| scene.kernel.state().agent(agent).expect("it joined").life.clone();
    for _ in 0..10_000 {
        if life(scene).given_up.is_some() {
            return;
        }
        match life(scene).stage {
            Stage::Up => {
                let (life, extent) = (life(scene).number, Extent::Whole);
                let reason = Exit::Abnormal("it fell over".into());
                scene.tell(Command::Exited(Exited { agent, life, reason, extent }));
            }
            Stage::Starting => scene.tell(Command::Started(agent, life(scene).number)),
            _ => _ = scene.after(100),
        }
    }
    panic!("{name} is started again and again: {:?}", life(scene));
}

#[test]
fn what_has_become_a_problem_is_told_and_what_is_none_any_more_is_not() {
    let mut scene = Scene::new();
    scene.join("ann", &["review"], 4);
    let (first, second) = (dead(&mut scene, "review"), dead(&mut scene, "review"));
    let expected = format!("task {first} is dead: its attempts are used up");
    assert_eq!(told(&heard(&scene)), [(Kind::DeadLetters, 2, expected)]);
    scene.tell(Command::Discard(first));
    scene.tell(Command::Release { task: second, input: None });
    assert_eq!(told(&heard(&scene)), []);

    give_up(&mut scene, "ann");
    let found = told(&heard(&scene));
    assert_eq!((found[0].0, found[0].1), (Kind::AgentGivenUp, 1), "{found:?}");
    assert!(found[0].2.starts_with("ann died too often and is not started again: "), "{found:?}");
}

#[test]
fn a_start_tells_what_has_died_since_the_last_alert_however_long_ago() {
    let mut scene = Scene::new();
    scene.join("ann", &["review"], 4);
    dead(&mut scene, "review");
    let first = scene.kernel.state().time.0;
    let died = |scene: &Scene| told(&Feed::new(scene.kernel.state()));
    assert_eq!(died(&scene).len(), 1, "it has just died");
    scene.after(600_000);
    scene.tell(Command::Tick);
    let second = dead(&mut scene, "review");
    scene.after(600_000);
    scene.submit("review", "1"); // Time is as of the last event.
    assert_eq!(died(&scene), [], "nobody was ever told, and both are old");
    let mut alert = question(CAPABILITY, "1");
    alert.key = Some(format!("majordomo/alert/dead_letters/{first:020}").into());
    scene.tell(Command::Submit(alert));
    let expected = format!("task {second} is dead: its attempts are used up");
    assert_eq!(died(&scene), [(Kind::DeadLetters, 1, expected)], "of the first somebody was");
}

#[test]
fn a_breaker_that_opens_again_for_a_probe_is_the_trouble_that_was_told() {
    let mut scene = Scene::new();
    scene.join("bob", &["review"], 1);
    scene.submit("review", "1"); // Bob has something to do, and everything else goes to Ann.
    scene.join("ann", &["review"], 1);
    let ann = id(&scene, "ann");
    let is_open = |scene: &Scene| {
        let breaker = scene.kernel.state().breakers.get(&(ann, "review".into()));
        breaker.is_some_and(|it| *it.phase() != kernel::Phase::Closed)
    };
    for _ in 0..20 {
        if !is_open(&scene) {
            dead(&mut scene, "review");
        }
    }
    assert!(is_open(&scene), "it has failed at everything");
    let feed = heard(&scene);
    let found: Vec<_> = told(&feed).into_iter().filter(|it| it.0 == Kind::BreakerOpen).collect();
    let expected = "ann gets no review: it failed too often".to_owned();
    assert_eq!(found, [(Kind::BreakerOpen, 1, expected)]);
    let before = scene.journal.len();
    let probed = once(&mut scene, "review");
    scene.after(31_000).fail(probed, FailureKind::Error, "still no");
    let again = &scene.journal[before..];
    let is_opening = |entry: &Entry| matches!(entry.event, kernel::Event::BreakerOpened { .. });
    assert!(again.iter().any(|(_, entry)| is_opening(entry)), "{again:?}");
    let again: Vec<Entry> = again.iter().map(|(_, entry)| entry.clone()).collect();
    feed.durable(Seq(1), &again.into());
    assert!(told(&feed).contains(&found[0]), "told once: {:?}", told(&feed));
}

#[test]
fn a_failing_notify_and_all_below_it_is_never_a_reason_for_another_alert() {
    let mut scene = Scene::new();
    scene.join("teller", &[CAPABILITY], 4);
    scene.join("sender", &["send"], 4);
    dead(&mut scene, CAPABILITY);
    let alert = scene.submit(CAPABILITY, "1");
    scene.start(alert);
    let mut asked = question("send", "1");
    Arc::make_mut(&mut asked.terms).retry.attempts_max = 1;
    scene.report(alert, Report::Ask { step: "send#0".into(), submit: Box::new(asked) });
    let below = scene.kernel.state().last_task;
    assert_eq!(heard(&scene).books().open_alerts(), 2);
    scene.fail(below, FailureKind::Error, "no line");
    assert!(scene.kernel.state().dead.contains_key(&below), "it is dead all the same");
    assert_eq!(told(&Feed::new(scene.kernel.state())), [], "nor at a start");
    give_up(&mut scene, "teller");
    assert_eq!(told(&heard(&scene)), []);
    dead(&mut scene, "send");
    assert_eq!(told(&heard(&scene)).len(), 1, "the same failure outside of an alert");
}

/// What was said to whoever serves `notify`.
static SAID: Mutex<Vec<Value>> = Mutex::new(Vec::new());

#[capability("notify@1")]
async fn notify(_: Context, alert: Value) -> Result<()> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).push(alert);
    Ok(())
}

#[capability("work@1")]
async fn work(_: Context, _: Value) -> Result<()> {
    Err(Failure::error("no luck"))
}

fn said() -> Vec<String> {
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.iter().map(|it| it["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

/// A whole day in which nobody does the one thing that is asked, and another fails for ever.
#[tokio::test(start_paused = true)]
async fn somebody_is_told_at_once_and_then_ever_more_seldom() {
    let feed = Arc::new(Feed::new(Kernel::new(Limits::default()).state()));
    let team = Team::in_memory_watched(vec![feed.clone()]).with(work).start().await;
    let team = team.expect("it starts in memory");
    let _watcher = Watcher::start(team.clone(), feed, "");
    let submit = async |capability: &str| {
        let mut terms = Terms::new(capability);
        terms.retry.attempts_max = 1;
        let submitted = team.submit(terms, b"1".to_vec(), SubmitOptions::default()).await;
        drop(submitted.expect("there is room"));
    };
    submit("nobody.serves").await;
    submit("work").await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(said(), [""; 0], "nobody serves it");
    let entry = AgentEntry::native("teller", 1, notify);
    team.join(entry).await.expect("its name is free");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(said(), ["dead_letters"], "what died before is still a problem");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(said(), ["dead_letters", "long_wait"], "after a minute of waiting");
    for _ in 0..24 * 60 {
        submit("work").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let all = said();
    let dead = all.iter().filter(|it| *it == "dead_letters").count();
    assert!((25..=31).contains(&dead), "minutes, then hours: {dead} in a day");
    assert_eq!(all.len(), dead + 1, "the wait is still the same: {all:?}");
    let last = SAID.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
    let last = last.expect("it was told");
    assert!(last["more"].as_u64() > Some(50), "those of an hour are one alert: {last}");
    for field in ["text", "problem", "since", "next", "about", "level"] {
        assert!(last[field].is_string(), "{field}: {last}");
    }
}
