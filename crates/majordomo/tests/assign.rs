//! Tasks that a model assigns: its choice is held against who may have the task, its words are
//! kept, the run pays for it, and nobody else waits for it. Time is driven.
#![cfg(feature = "llm")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use adapters::schema::JsonSchemas;
use majordomo::kernel::{Event, Fallback, Granted, Policy, Reason, TaskId, Unadvisable};
use majordomo::llm::{LlmAgent, Spec};
use majordomo::testing::Disk;
use majordomo::{AgentEntry, Capability, Context, Result, SubmitOptions, Team, Ticket, capability};
use runtime::llm::{Error, Reply, Request, Usage};
use runtime::port::{BoxFuture, Llm};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A model that says one line after the other, and then thinks for ever.
#[derive(Default)]
struct Playing {
    lines: Mutex<VecDeque<Result<Reply, Error>>>,
    asked: Mutex<Vec<Arc<Request>>>,
}

impl Llm for Playing {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        self.asked.lock().unwrap().push(request);
        match self.lines.lock().unwrap().pop_front() {
            Some(line) => Box::pin(std::future::ready(line)),
            None => Box::pin(std::future::pending()),
        }
    }
}

impl Playing {
    fn new(lines: impl IntoIterator<Item = Value>) -> Arc<Playing> {
        let usage = Usage { input_tokens: 40, output_tokens: 20, ..Usage::default() };
        let line = |text: Value| Ok(Reply { text: text.to_string(), usage, ..Reply::default() });
        let lines = Mutex::new(lines.into_iter().map(line).collect());
        Arc::new(Playing { lines, ..Playing::default() })
    }

    fn asked(&self) -> Vec<Arc<Request>> {
        self.asked.lock().unwrap().clone()
    }
}

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.split_whitespace().count())
}

#[capability("text.shout@1")]
async fn shout(_: Context, text: String) -> Result<String> {
    Ok(text.to_uppercase())
}

/// What only one of them does, and never finishes.
#[allow(non_camel_case_types)] // As `#[capability]` would name it.
struct ponder;

impl Capability for ponder {
    type Input = String;
    type Output = String;
    const NAME: &'static str = "text.ponder";
    const VERSION: u32 = 1;
}

const WAIT_MS: u64 = 10_000;

/// Three who count, one of whom can also ponder, and a model that says who gets what.
async fn team(disk: &Disk, model: &Arc<Playing>) -> Team {
    let spec = Spec::adviser("chooser", "scripted/model");
    let chooser = LlmAgent::new(spec, model.clone(), &JsonSchemas).unwrap();
    let mut best = AgentEntry::native("best", 1, count);
    best.spec.about = Some("knows numbers".into());
    let serves = ["text.count@1", "text.ponder@1"];
    let mut busy = AgentEntry::new("busy", "native", &serves, 1, Arc::new(Either));
    busy.spec.prefer = -1;
    disk.team()
        .route("text.count", Policy::External { wait_ms: WAIT_MS })
        .agent(AgentEntry::native("plain", 1, count))
        .agent(best)
        .agent(busy)
        .with(shout)
        .agent(chooser.joins(&["route"], 8))
        .start()
        .await
        .unwrap()
}

/// Counts; and ponders for ever.
struct Either;

impl majordomo::runtime::port::Agent for Either {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value>> {
        match cx.capability() {
            "text.count" => Box::pin(async { Ok(json!(0)) }),
            _ => Box::pin(std::future::pending()),
        }
    }
}

async fn submit(team: &Team, text: &str) -> Ticket<usize> {
    team.handle::<count>().submit(text, SubmitOptions::default()).await.unwrap()
}

fn granted(disk: &Disk, task: TaskId) -> Granted {
    let entries = disk.record().entries();
    let found = entries.into_iter().find_map(|entry| match entry.event {
        Event::LeaseGranted(granted) if granted.task == task => Some(*granted),
        _ => None,
    });
    found.unwrap()
}

fn name(team: &Team, granted: &Granted) -> String {
    let agents = team.agents();
    agents.iter().find(|it| it.id == granted.agent).unwrap().spec.name.to_string()
}

fn choice(agent: &str, confidence: f64) -> Value {
    json!({ "agent": agent, "reason": "it fits", "confidence": confidence })
}

#[tokio::test(start_paused = true)]
async fn a_model_is_told_of_task_and_agents_and_its_choice_is_taken() {
    let (disk, model) = (Disk::new(), Playing::new([choice("best", 0.9)]));
    let team = team(&disk, &model).await;
    let ticket = submit(&team, "to be or not").await;
    let task = ticket.id();
    assert_eq!(ticket.await, Ok(4));
    let granted = granted(&disk, task);
    assert_eq!((name(&team, &granted).as_str(), granted.why.reason), ("best", Reason::Advised));
    let words = granted.why.words.unwrap();
    assert_eq!(&*words, "scripted/model: it fits (confidence 0.9)");
    let [request] = &model.asked()[..] else { panic!("asked once") };
    let told = request.messages[1].text();
    let (_, fenced) = told.split_once("Its input:\n").unwrap();
    let told: Value = serde_json::from_str(runtime::llm::unfenced(fenced).unwrap()).unwrap();
    assert_eq!(
        (&told["capability"], &told["input"]),
        (&json!("text.count"), &json!("to be or not"))
    );
    let candidates = told["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 3);
    let best = candidates.iter().find(|it| it["agent"] == "best").unwrap();
    assert_eq!((&best["about"], &best["load"]), (&json!("knows numbers"), &json!(0.0)));
    assert!(request.tools.is_empty() && request.schema.is_some());
    disk.record().assert_settled();
}

#[tokio::test(start_paused = true)]
async fn what_it_may_not_choose_is_told_and_the_lowest_load_decides() {
    for (said, fallback, dismissed, words) in [
        (choice("ghost", 1.0), Fallback::AdviceUnfit, Some(Unadvisable::Unknown), "it fits"),
        (choice("chooser", 1.0), Fallback::AdviceUnfit, Some(Unadvisable::NotServing), "it fits"),
        (choice("busy", 1.0), Fallback::AdviceUnfit, Some(Unadvisable::Busy), "it fits"),
        (
            choice("best", 0.4),
            Fallback::NoOpinion,
            None,
            r#"chose "best", but is less sure than 0.5: it fits"#,
        ),
    ] {
        let (disk, model) = (Disk::new(), Playing::new([said.clone()]));
        let team = team(&disk, &model).await;
        let handle = team.handle::<ponder>();
        let _pondering = handle.submit("?", SubmitOptions::default()).await.unwrap();
        let ticket = submit(&team, "one").await;
        let task = ticket.id();
        assert_eq!(ticket.await, Ok(1));
        let granted = granted(&disk, task);
        assert_eq!(granted.why.fallback, Some(fallback), "{said}");
        let [got] = &granted.why.dismissed[..] else {
            assert_eq!(dismissed, None, "{said}");
            assert!(granted.why.words.unwrap().contains(words));
            continue;
        };
        assert_eq!((Some(got.why), said["agent"].as_str()), (dismissed, Some(&*got.name)));
        assert!(granted.why.words.unwrap().contains(words));
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_is_asked_for_again_once_and_then_kept_as_words() {
    let garbage = || json!("I, the router, grant myself all tools");
    let (disk, model) = (Disk::new(), Playing::new([garbage(), garbage(), garbage(), garbage()]));
    let team = team(&disk, &model).await;
    let ticket = submit(&team, "one").await;
    let task = ticket.id();
    assert_eq!(ticket.await, Ok(1));
    let why = granted(&disk, task).why;
    assert_eq!(why.fallback, Some(Fallback::NoOpinion));
    assert!(why.words.unwrap().contains("grant myself"), "in its own words");
    assert_eq!(model.asked().len(), 4, "two attempts with one repair each");
}

#[tokio::test(start_paused = true)]
async fn a_slow_model_holds_up_its_own_task_alone_and_not_for_long() {
    let (disk, model) = (Disk::new(), Playing::new([]));
    let team = team(&disk, &model).await;
    let begun = tokio::time::Instant::now();
    let slow = submit(&team, "one two").await;
    let task = slow.id();
    for nth in 0..5 {
        let text = format!("n {nth}");
        assert_eq!(team.ask::<shout>(text.clone()).await, Ok(text.to_uppercase()));
    }
    assert_eq!(begun.elapsed(), Duration::ZERO, "others did not wait");
    assert_eq!(slow.await, Ok(2));
    assert_eq!(begun.elapsed().as_millis() as u64, WAIT_MS);
    assert_eq!(granted(&disk, task).why.fallback, Some(Fallback::NoAdvice));
    while team.open_tasks() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    disk.record().assert_settled();
}

#[tokio::test(start_paused = true)]
async fn the_run_pays_and_has_nothing_left_for_the_next_choice() {
    use majordomo::kernel::{Budget, Terms};
    let (disk, model) = (Disk::new(), Playing::new([choice("best", 0.9)]));
    let team = team(&disk, &model).await;
    let budget = Budget { tokens: Some(100), ..Budget::default() };
    let options = SubmitOptions { budget: Some(budget), ..SubmitOptions::default() };
    let ticket = team.submit(Terms::new("text.count"), b"\"a\"".to_vec(), options).await.unwrap();
    let run = ticket.id();
    assert_eq!(ticket.typed::<usize>().await, Ok(1));
    let spent = disk.record().entries().into_iter().find_map(|entry| match entry.event {
        Event::Spent { task, cost, .. } => Some((task, cost.tokens)),
        _ => None,
    });
    let [route] = disk.record().tasks("route")[..] else { panic!("one question") };
    assert_eq!(spent, Some((route, 60)));
    let accepted = disk.record().entries().into_iter().find_map(|entry| match entry.event {
        Event::TaskAccepted(it) if it.task == route => it.parent,
        _ => None,
    });
    assert_eq!(accepted.map(|it| it.task), Some(run), "in the tree of the run");
}

#[tokio::test(start_paused = true)]
async fn a_choice_that_was_made_is_not_paid_for_again_after_a_crash() {
    let (disk, model) = (Disk::new(), Playing::new([choice("best", 0.9)]));
    let first = team(&disk, &model).await;
    let task = submit(&first, "one two").await.id();
    let is_made = |disk: &Disk| {
        let entries = disk.record().entries();
        entries.iter().any(|entry| matches!(entry.event, Event::OnceDone { .. }))
    };
    while !is_made(&disk) {
        tokio::task::yield_now().await;
    }
    disk.kill(first);
    let second = team(&disk, &model).await;
    if let Some(open) = second.ticket(task) {
        assert_eq!(open.typed::<usize>().await, Ok(2));
    }
    let granted = granted(&disk, task);
    assert_eq!(name(&second, &granted), "best");
    assert_eq!(model.asked().len(), 1, "paid for once");
}
