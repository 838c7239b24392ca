//! Many tasks at one model: they wait for its rate without a slot, and share what may be spent.
#![cfg(feature = "llm")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use adapters::schema::JsonSchemas;
use majordomo::kernel::{Budget, Event, FailureKind, Terms};
use majordomo::llm::{LlmAgent, Spec};
use majordomo::models::price::Price;
use majordomo::models::rate::{Governor, Rate};
use majordomo::testing::Disk;
use majordomo::{Context, Result, SubmitOptions, capability};
use runtime::llm::{Error, Reply, Request, Usage};
use runtime::port::{BoxFuture, Llm};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TOKENS: Usage =
    Usage { input_tokens: 40, output_tokens: 20, cached_tokens: 0, is_estimated: false };

/// A model that answers a moment after it is asked, and says when that was.
#[derive(Default)]
struct Slow(Mutex<Vec<tokio::time::Instant>>);

impl Llm for Slow {
    fn complete(&self, _: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        self.0.lock().unwrap().push(tokio::time::Instant::now());
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(Reply { text: "done".into(), usage: TOKENS, ..Reply::default() })
        })
    }
}

/// So many tasks of a model at once, under this rate, in this many slots.
async fn flood(rate: Rate, slots: u32, tasks: usize, options: SubmitOptions) -> Flooded {
    let (disk, model, governor) = (Disk::new(), Arc::new(Slow::default()), Governor::default());
    governor.set("scripted/model", rate);
    let dollar = Price { input_micros: 1_000_000, output_micros: 1_000_000, cached_micros: 0 };
    let spec = Spec::new("solver", "scripted/model", "You solve.").price(dollar);
    let agent = LlmAgent::new(spec, model.clone(), &JsonSchemas).unwrap().governed(&governor);
    let all = disk.team().with(fan).agent(agent.joins(&["solve"], slots));
    let team = all.start().await.unwrap();
    let input = tasks.to_string().into_bytes();
    let ticket = team.submit(Terms::new("fan"), input, options).await.unwrap();
    let gave = ticket.typed::<Vec<Value>>().await;
    disk.record().assert_settled();
    Flooded { disk, gave, model, governor }
}

struct Flooded {
    disk: Disk,
    gave: Result<Vec<Value>>,
    model: Arc<Slow>,
    governor: Governor,
}

#[capability("fan@1")]
async fn fan(cx: Context, tasks: usize) -> Result<Vec<Value>> {
    let ask = |cx: Context, _| async move { cx.ask_value("solve", json!("?")).await };
    cx.map(0..tasks, usize::to_string, tasks, ask).await
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_rate_holds_no_slot_and_spends_no_working_time() {
    let rate = Rate { requests_per_minute: Some(10), ..Rate::default() };
    let begun = tokio::time::Instant::now();
    let budget = Budget { work_ms: Some(120_000), ..Budget::default() };
    let options = SubmitOptions { budget: Some(budget), ..SubmitOptions::default() };
    let Flooded { disk, gave, model, governor } = flood(rate, 30, 30, options).await;
    assert_eq!(
        gave.map(|it| it.len()),
        Ok(30),
        "they waited for 40 minutes in all, and worked for 2"
    );
    let (times, begun) = (model.0.lock().unwrap().clone(), begun);
    let minute = Duration::from_secs(60);
    assert!(
        times
            .iter()
            .all(|at| times.iter().filter(|it| **it >= *at && **it < *at + minute).count() <= 10)
    );
    assert!(begun.elapsed() < Duration::from_secs(190), "{:?}", begun.elapsed());
    assert_eq!(governor.standing("scripted/model"), (0, 0));
    let spent = |event: &Event| match event {
        Event::Spent { cost, .. } => (cost.money_micros, cost.tokens),
        _ => (0, 0),
    };
    let all = disk
        .record()
        .entries()
        .iter()
        .map(|it| spent(&it.event))
        .fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    assert_eq!(all, (30 * 60, 30 * 60), "and each was paid for once");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_task_has_no_time_for_fails_at_once() {
    let rate = Rate { requests_per_minute: Some(1), ..Rate::default() };
    let begun = tokio::time::Instant::now();
    let options = SubmitOptions { deadline_ms: Some(30_000), ..SubmitOptions::default() };
    let Flooded { gave, model, .. } = flood(rate, 2, 2, options).await;
    let failure = gave.unwrap_err();
    assert!(failure.message.contains("allows this call in 60 s"), "{failure}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(model.0.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_at_once_overdraw_a_purse_by_one_at_most() {
    let budget = Budget { money_micros: Some(100), ..Budget::default() };
    let options = SubmitOptions { budget: Some(budget), ..SubmitOptions::default() };
    let Flooded { disk, gave, model, .. } = flood(Rate::default(), 8, 8, options).await;
    assert_eq!(gave.unwrap_err().kind, FailureKind::OverBudget);
    let calls = model.0.lock().unwrap().len();
    assert_eq!(calls, 2, "60 for the first, and 40 are left: one more, and nobody after it");
    disk.record().assert_settled();
}
