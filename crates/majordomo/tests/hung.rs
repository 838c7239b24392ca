//! Agents' code that hangs, in every way it can, and a machine that sleeps: whose lease runs out,
//! and who is spared. Time is driven: a poll takes as long as the code says.

use kernel::{Event, FailureKind, Limits, Terms};
use majordomo::runtime::port::{Agent, BoxFuture};
use majordomo::testing::Record;
use majordomo::{AgentEntry, Context, Failure, Result, Team};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::time::{Instant, advance, sleep};

/// An agent made of a function.
struct Code<F>(F);

impl<F, W> Agent for Code<F>
where
    F: Fn(Context) -> W + Send + Sync + 'static,
    W: Future<Output = Result<Value>> + Send + 'static,
{
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(self.0(cx))
    }
}

/// Serves `work`, and before others if `prefer` is higher.
fn agent<F, W>(name: &str, prefer: i32, code: F) -> AgentEntry
where
    F: Fn(Context) -> W + Send + Sync + 'static,
    W: Future<Output = Result<Value>> + Send + 'static,
{
    let mut entry = AgentEntry::new(name, "native", &["work"], 1, Arc::new(Code(code)));
    entry.spec.prefer = prefer;
    entry
}

fn steady() -> AgentEntry {
    agent("steady", 0, |cx| async move { Ok(json!(["steady", cx.attempt_no()])) })
}

/// How many leases ran out.
fn expired(record: &Record) -> usize {
    record.count(|event| match event {
        Event::AttemptFailed { failure, .. } => failure.kind == FailureKind::LeaseExpired,
        _ => false,
    })
}

/// How many attempts did not succeed.
fn failed(record: &Record) -> usize {
    record.count(|event| matches!(event, Event::AttemptFailed { .. } | Event::AttemptLost { .. }))
}

async fn team_of(agents: impl IntoIterator<Item = AgentEntry>) -> (Team, Record) {
    let record = Record::default();
    let team = Team::in_memory_watched(vec![Arc::new(record.clone())]);
    let team = agents.into_iter().fold(team, majordomo::TeamBuilder::agent);
    (team.start().await.expect("starts"), record)
}

async fn ask(team: &Team) -> Result<Value> {
    team.ask_value("work", &Value::Null).await
}

/// Asks; says how long it took, and how many leases ran out on the way.
async fn asked(agents: impl IntoIterator<Item = AgentEntry>) -> (Value, Duration, usize) {
    let (team, record) = team_of(agents).await;
    let begun = Instant::now();
    let answer = ask(&team).await.expect("somebody answers");
    let took = begun.elapsed();
    team.drain(Duration::ZERO).await;
    (answer, took, expired(&record))
}

#[tokio::test(start_paused = true)]
async fn who_spins_loses_its_lease_and_another_agent_does_the_work() {
    let spins = agent("spins", 1, |_| async {
        loop {
            advance(Duration::from_secs(1)).await; // A second on its thread, then the next.
        }
    });
    let (answer, took, expired) = asked([spins, steady()]).await;
    assert_eq!((answer, expired), (json!(["steady", 2]), 1));
    let limits = Limits::default();
    let bound = Duration::from_millis(limits.lease_ms + limits.renew_ms + 2_000);
    assert!(took >= Duration::from_millis(limits.lease_ms) && took <= bound, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_nobody_loses_its_lease() {
    let waits = agent("waits", 1, |_| std::future::pending());
    let (answer, _, expired) = asked([waits, steady()]).await;
    assert_eq!((answer, expired), (json!(["steady", 2]), 1));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_something_keeps_its_lease() {
    let waits = agent("waits", 1, |_| async {
        sleep(Duration::from_secs(3_000)).await;
        Ok(json!("worth it"))
    });
    assert_eq!(asked([waits, steady()]).await.0, "worth it");
}

#[tokio::test(start_paused = true)]
async fn who_runs_for_long_but_says_how_far_it_is_keeps_its_lease() {
    let counts = agent("counts", 1, |cx| async move {
        for second in 0..120_u8 {
            advance(Duration::from_secs(1)).await;
            if second % 5 == 0 {
                cx.progress(Some(f32::from(second) / 120.0), "counting");
            }
        }
        Ok(json!("counted"))
    });
    assert_eq!(asked([counts, steady()]).await.0, "counted");
}

#[tokio::test(start_paused = true)]
async fn who_mostly_waits_may_run_for_long() {
    let mixes = agent("mixes", 1, |_| async {
        for _ in 0..60 {
            advance(Duration::from_secs(1)).await;
            sleep(Duration::from_secs(1)).await;
        }
        Ok(json!("mixed"))
    });
    assert_eq!(asked([mixes, steady()]).await.0, "mixed");
}

#[tokio::test(start_paused = true)]
async fn a_sleeping_machine_charges_nobody() {
    let (go, gate) = tokio::sync::watch::channel(false);
    let waits = agent("waits", 1, move |_| {
        let mut gate = gate.clone();
        async move {
            let _ = gate.wait_for(|open| *open).await;
            Ok(json!("rested"))
        }
    });
    let (team, record) = team_of([waits, steady()]).await;
    let mut terms = Terms::new("work");
    terms.timeout_ms = Some(60_000);
    let ticket = team.submit(terms, b"null".to_vec(), Default::default()).await.expect("accepted");
    sleep(Duration::from_secs(20)).await;
    advance(Duration::from_secs(36_000)).await; // Nobody is polled: the machine sleeps.
    sleep(Duration::from_secs(35)).await;
    assert_eq!(failed(&record), 0, "it has worked for 55 s of the minute that it may");
    go.send_replace(true);
    assert_eq!(ticket.outcome().await, Ok(json!("rested")));
    assert_eq!(record.count(|it| matches!(it, Event::BreakerOpened { .. })), 0);
    assert_eq!(record.count(|it| matches!(it, Event::Supervised(_))), 0, "nobody is suspected");
}

#[tokio::test(start_paused = true)]
async fn a_sleep_puts_a_timeout_off_and_does_not_call_it_off() {
    let waits = agent("waits", 1, |_| async {
        sleep(Duration::from_secs(100_000)).await;
        Ok(Value::Null)
    });
    let (team, record) = team_of([waits]).await;
    let mut terms = Terms::new("work");
    terms.timeout_ms = Some(60_000);
    terms.retry.attempts_max = 1;
    let ticket = team.submit(terms, b"null".to_vec(), Default::default()).await.expect("accepted");
    sleep(Duration::from_secs(20)).await;
    advance(Duration::from_secs(36_000)).await;
    let begun = Instant::now();
    ticket.outcome().await.expect_err("it is late");
    let left = begun.elapsed().as_secs();
    assert!((30..=50).contains(&left), "{left} s were left of the minute");
    let late = |event: &Event| match event {
        Event::AttemptFailed { failure, .. } => failure.kind == FailureKind::Timeout,
        _ => false,
    };
    assert_eq!((record.count(late), failed(&record)), (1, 1));
}

/// Real threads: one of them is blocked, and the others notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn who_blocks_its_thread_is_replaced_and_its_late_answer_refused() {
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Mutex::new(Some(blocked));
    let blocks = agent("blocks", 1, move |cx| {
        let blocked = blocked.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            if let Some(blocked) = blocked {
                let _ = blocked.recv();
            }
            Ok(json!(["blocks", cx.attempt_no()]))
        }
    });
    let record = Record::default();
    let limits = Limits { lease_ms: 400, renew_ms: 200, renew_retry_ms: 50, ..Limits::default() };
    let team = Team::in_memory_watched(vec![Arc::new(record.clone())]).limits(limits);
    let team = team.agent(blocks).agent(steady()).start().await.expect("starts");
    let answer = tokio::time::timeout(Duration::from_secs(20), ask(&team)).await;
    assert_eq!(answer.expect("it is noticed"), Ok(json!(["steady", 2])));
    assert_eq!(expired(&record), 1);
    release.send(()).expect("it waits for this");
    let late = |event: &Event| matches!(event, Event::WorkEnded { late: true, .. });
    let begun = std::time::Instant::now();
    while record.count(late) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the late answer is not shown");
        tokio::task::yield_now().await;
    }
    assert_eq!(record.count(|it| matches!(it, Event::TaskCompleted { .. })), 1);
    team.drain(Duration::ZERO).await;
}
