//! Models one after the other: who does not answer is passed over within the same step, who never
//! answers is left alone for a while, and each is paid for as itself. Time is driven.
#![cfg(feature = "llm")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use adapters::schema::JsonSchemas;
use majordomo::kernel::{Budget, Cost, Entry, Event, FailureKind, Terms};
use majordomo::llm::{LlmAgent, Spec};
use majordomo::models::price::Price;
use majordomo::models::rate::{Governor, Rate};
use majordomo::testing::Disk;
use majordomo::{Context, Result, SubmitOptions, Team, capability};
use runtime::llm::{Error, Reply, Request, Usage};
use runtime::port::{BoxFuture, Llm};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const FIRST: &str = "openai/first";
const SECOND: &str = "anthropic/second";

/// What is wrong with each model, if anything is, and who was asked.
#[derive(Default)]
struct World {
    ill: Mutex<BTreeMap<String, Error>>,
    asked: Mutex<Vec<Arc<Request>>>,
    /// It thinks for so long.
    thinks: Mutex<Option<Duration>>,
}

impl Llm for World {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        let error = self.ill.lock().unwrap().get(&request.model).cloned();
        let usage = Usage { input_tokens: 1_000, output_tokens: 0, ..Usage::default() };
        let reply = Reply { text: request.model.clone(), usage, ..Reply::default() };
        self.asked.lock().unwrap().push(request);
        let thinks = *self.thinks.lock().unwrap();
        Box::pin(async move {
            if let Some(thinks) = thinks {
                tokio::time::sleep(thinks).await;
            }
            error.map_or(Ok(reply), Err)
        })
    }
}

impl World {
    fn falls_ill(&self, error: Error) {
        let model = match &error {
            Error::Overloaded { model, .. }
            | Error::RateLimited { model, .. }
            | Error::Cut { model, .. }
            | Error::NotRecorded { model, .. }
            | Error::BadRequest { model, .. } => model.clone(),
            other => panic!("{other}"),
        };
        self.ill.lock().unwrap().insert(model, error);
    }

    fn is_well(&self, model: &str) {
        self.ill.lock().unwrap().remove(model);
    }

    /// The models that were asked since this was asked last.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().drain(..).map(|it| it.model.clone()).collect()
    }
}

fn cut(model: &str) -> Error {
    Error::Cut { model: model.into(), bytes: 7 }
}

fn busy(model: &str, retry_after_ms: Option<u64>) -> Error {
    Error::RateLimited { model: model.into(), said: "slow down".into(), retry_after_ms }
}

/// A team of one that asks the first model, or the second.
struct House {
    disk: Disk,
    world: Arc<World>,
    team: Team,
}

impl House {
    async fn new() -> House {
        let governor = Governor::default();
        House::under(&governor).await
    }

    async fn under(governor: &Governor) -> House {
        let (disk, world) = (Disk::new(), Arc::new(World::default()));
        let dollars = |n: u64| Price { input_micros: n * 1_000_000, ..Price::default() };
        let spec = Spec::new("solver", FIRST, "You solve.").price(dollars(1));
        let spec = spec.or(SECOND).price(dollars(2));
        let agent = LlmAgent::new(spec, world.clone(), &JsonSchemas).unwrap().governed(governor);
        let team = disk.team().agent(agent.joins(&["solve"], 8));
        let team = team.with(thrice).with(both).with(waste);
        let team = team.start().await.unwrap();
        House { disk, world, team }
    }

    async fn solve(&self) -> Result<Value> {
        self.team.ask_value("solve", &json!("?")).await
    }

    /// What was spent, on what.
    fn spent(&self) -> Vec<(String, u64)> {
        let entries = self.disk.record().entries().into_iter();
        let spent = entries.filter_map(|entry| match entry.event {
            Event::Spent { on, cost, .. } => Some((on.to_string(), cost.money_micros)),
            _ => None,
        });
        spent.collect()
    }
}

/// Three questions one after the other.
#[capability("thrice@1")]
async fn thrice(cx: Context, _: ()) -> Result<Vec<Value>> {
    let ask = |cx: Context, _| async move { cx.ask_value("solve", json!("?")).await };
    cx.map(0..3, usize::to_string, 1, ask).await
}

#[tokio::test(start_paused = true)]
async fn the_next_model_is_asked_within_the_same_step_and_paid_as_itself() {
    let house = House::new().await;
    house.world.falls_ill(cut(FIRST));
    assert_eq!(house.solve().await, Ok(json!(SECOND)));
    let asked: Vec<_> = house.world.asked.lock().unwrap().drain(..).collect();
    let keys: Vec<&str> = asked.iter().map(|it| it.key.as_deref().unwrap()).collect();
    assert!(keys[0].ends_with("/solver/0/0"), "{keys:?}");
    assert_eq!(keys[1], format!("{}/{SECOND}", keys[0]), "no provider takes it for another's");
    assert_eq!(house.spent(), [(SECOND.to_owned(), 2_000)]);
    let task = house.disk.record().tasks("solve")[0];
    assert_eq!(house.disk.record().failures(task).len(), 0, "no attempt was lost over it");

    house.world.is_well(FIRST);
    assert_eq!(house.solve().await, Ok(json!(FIRST)), "one failure is not enough");
    assert_eq!(house.spent()[1], (FIRST.to_owned(), 1_000));
}

/// A question, while all that there is to spend is wasted.
#[capability("both@1")]
async fn both(cx: Context, _: ()) -> Result<Vec<Value>> {
    let ask =
        |cx: Context, what: &'static str| async move { cx.ask_value(what, json!(null)).await };
    cx.map(["solve", "waste"], |it| (*it).to_owned(), 2, ask).await
}

#[capability("waste@1")]
async fn waste(cx: Context, _: ()) -> Result<()> {
    let cost = Cost { money_micros: 10_000, ..Cost::default() };
    let _nothing_is_left = cx.spend(cost).await;
    Ok(())
}

/// Why the first one has failed is told, and may be mended though the second cannot be paid now.
#[tokio::test(start_paused = true)]
async fn a_second_that_cannot_be_paid_does_not_hide_why_it_was_needed() {
    let house = House::new().await;
    house.world.falls_ill(cut(FIRST));
    *house.world.thinks.lock().unwrap() = Some(Duration::from_secs(1));
    let budget = Budget { money_micros: Some(10_000), ..Budget::default() };
    let options = SubmitOptions { budget: Some(budget), ..SubmitOptions::default() };
    let ticket = house.team.submit(Terms::new("both"), b"null".to_vec(), options).await.unwrap();
    ticket.outcome().await.unwrap_err();
    let task = house.disk.record().tasks("solve")[0];
    let failure = house.disk.record().failures(task)[0].clone();
    assert_eq!(failure.kind, cut(FIRST).kind(), "{failure:?}");
    for said in [cut(FIRST).to_string().as_str(), "budget"] {
        assert!(failure.message.contains(said), "{failure:?}");
    }
    assert_eq!(house.world.asked(), [FIRST]);
}

#[tokio::test(start_paused = true)]
async fn one_that_a_recording_does_not_have_was_not_asked_then() {
    let house = House::new().await;
    house.world.falls_ill(Error::NotRecorded { model: FIRST.into(), what: "nothing".into() });
    assert_eq!(house.solve().await, Ok(json!(SECOND)));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_again_and_again_is_left_alone_and_tried_again() {
    let house = House::new().await;
    house.world.falls_ill(cut(FIRST));
    for _ in 0..5 {
        house.solve().await.unwrap();
        assert_eq!(house.world.asked(), [FIRST, SECOND]);
    }
    for _ in 0..20 {
        house.solve().await.unwrap();
    }
    assert_eq!(house.world.asked(), [SECOND; 20], "nobody waits for it any more");
    tokio::time::advance(Duration::from_secs(30)).await;
    house.solve().await.unwrap();
    house.solve().await.unwrap();
    assert_eq!(house.world.asked(), [FIRST, SECOND, SECOND], "one probe");
    house.world.is_well(FIRST);
    tokio::time::advance(Duration::from_secs(60)).await;
    house.solve().await.unwrap();
    house.solve().await.unwrap();
    assert_eq!(house.world.asked(), [FIRST, FIRST]);
}

#[tokio::test(start_paused = true)]
async fn who_sends_us_away_is_not_asked_until_then() {
    let house = House::new().await;
    house.world.falls_ill(busy(FIRST, Some(90_000)));
    house.solve().await.unwrap();
    assert_eq!(house.world.asked(), [FIRST, SECOND]);
    let begun = tokio::time::Instant::now();
    house.solve().await.unwrap();
    assert_eq!(house.world.asked(), [SECOND]);
    assert!(begun.elapsed() < Duration::from_secs(1), "and nobody waits for it");
    house.world.is_well(FIRST);
    tokio::time::advance(Duration::from_secs(90)).await;
    house.solve().await.unwrap();
    assert_eq!(house.world.asked(), [FIRST]);
}

#[tokio::test(start_paused = true)]
async fn what_says_nothing_of_the_model_asks_no_other() {
    let house = House::new().await;
    let said = "no".to_owned();
    house.world.falls_ill(Error::BadRequest { model: FIRST.into(), status: 400, said });
    assert_eq!(house.solve().await.unwrap_err().kind, FailureKind::Rejected);
    assert_eq!(house.world.asked(), [FIRST]);
    house.world.falls_ill(busy(FIRST, Some(700)));
    house.world.falls_ill(cut(SECOND));
    tokio::join!(
        async {
            let failed = || house.disk.record().entries().into_iter().filter(has_failed).count();
            while failed() < 2 {
                tokio::task::yield_now().await;
            }
            house.world.is_well(FIRST);
        },
        async { assert_eq!(house.solve().await, Ok(json!(FIRST))) },
    );
    assert_eq!(house.world.asked(), [FIRST, FIRST], "a moment is waited for");
}

fn has_failed(entry: &Entry) -> bool {
    matches!(entry.event, Event::AttemptFailed { .. })
}

#[tokio::test(start_paused = true)]
async fn where_nobody_answers_each_is_told_and_the_task_is_tried_again() {
    let house = House::new().await;
    house.world.falls_ill(busy(FIRST, Some(20_000)));
    house.world.falls_ill(Error::Overloaded {
        model: SECOND.into(),
        said: "too much".into(),
        retry_after_ms: Some(9_000),
    });
    let begun = tokio::time::Instant::now();
    let terms = Terms::new("solve");
    let ticket = house.team.submit(terms, b"1".to_vec(), SubmitOptions::default()).await.unwrap();
    let task = ticket.id();
    while house.disk.record().failures(task).is_empty() {
        tokio::task::yield_now().await;
    }
    let failure = house.disk.record().failures(task)[0].clone();
    assert_eq!(failure.kind, FailureKind::Overloaded);
    for said in ["openai/first: too many calls", "anthropic/second: it is overloaded"] {
        assert!(failure.message.contains(said), "{failure:?}");
    }
    house.world.is_well(SECOND);
    assert_eq!(ticket.typed::<Value>().await, Ok(json!(SECOND)));
    let waited = begun.elapsed().as_secs();
    assert!((9..12).contains(&waited), "until the first of them takes calls again: {waited} s");
}

#[tokio::test(start_paused = true)]
async fn the_last_one_standing_is_asked_though_it_fails() {
    let house = House::new().await;
    house.world.falls_ill(cut(FIRST));
    house.world.falls_ill(cut(SECOND));
    for _ in 0..3 {
        assert!(house.solve().await.is_err());
    }
    house.world.asked();
    house.world.is_well(SECOND);
    assert_eq!(house.solve().await, Ok(json!(SECOND)), "work that may fail is better than none");
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_we_keep_ourselves_is_waited_for() {
    let governor = Governor::default();
    governor.set(FIRST, Rate { requests_per_minute: Some(1), ..Rate::default() });
    let house = House::under(&governor).await;
    let begun = tokio::time::Instant::now();
    house.team.ask::<thrice>(()).await.unwrap();
    assert_eq!(house.world.asked(), [FIRST; 3]);
    assert!(begun.elapsed() >= Duration::from_secs(120), "{:?}", begun.elapsed());
    // But not by one whose own model has just failed: then whoever takes it at once is asked.
    governor.set(SECOND, Rate { requests_per_minute: Some(1), ..Rate::default() });
    tokio::time::advance(Duration::from_secs(60)).await;
    house.world.falls_ill(cut(FIRST));
    assert_eq!(house.solve().await, Ok(json!(SECOND)));
}
