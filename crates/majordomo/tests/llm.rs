//! Agents that are models, with a model that plays a script: tools are child tasks, answers that do
//! not fit are asked for again, and what was paid is paid once.
#![cfg(feature = "llm")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use adapters::schema::JsonSchemas;
use majordomo::kernel::{Budget, Cost, Event, FailureKind, Terms};
use majordomo::llm::{LlmAgent, Spec, Tool};
use majordomo::testing::Disk;
use majordomo::{Context, Failure, Result, SubmitOptions, Team, capability};
use runtime::api::join;
use runtime::llm::{self, Error, Message, Reply, Request, ToolCall, Usage};
use runtime::port::{BoxFuture, Llm};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A model that says one line after the other.
#[derive(Default)]
struct Playing {
    lines: Mutex<VecDeque<Result<Reply, Error>>>,
    asked: Mutex<Vec<Arc<Request>>>,
}

impl Llm for Playing {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        self.asked.lock().unwrap().push(request);
        let line = self.lines.lock().unwrap().pop_front();
        let line = line.expect("the script has a line for it");
        Box::pin(std::future::ready(line))
    }
}

impl Playing {
    fn new(lines: impl IntoIterator<Item = Result<Reply, Error>>) -> Arc<Playing> {
        let lines = Mutex::new(lines.into_iter().collect());
        Arc::new(Playing { lines, ..Playing::default() })
    }

    fn asked(&self) -> Vec<Arc<Request>> {
        assert!(self.lines.lock().unwrap().is_empty(), "every line was said");
        self.asked.lock().unwrap().clone()
    }
}

const TOKENS: Usage =
    Usage { input_tokens: 40, output_tokens: 20, cached_tokens: 0, is_estimated: false };

fn text(text: &str) -> Result<Reply, Error> {
    Ok(Reply { text: text.into(), usage: TOKENS, ..Reply::default() })
}

fn calls(calls: &[(&str, &str)]) -> Result<Reply, Error> {
    let call = |(at, (name, arguments)): (usize, &(&str, &str))| ToolCall {
        id: format!("id-{at}"),
        name: (*name).into(),
        arguments: (*arguments).into(),
    };
    let calls = calls.iter().enumerate().map(call).collect();
    Ok(Reply { calls, usage: TOKENS, ..Reply::default() })
}

#[capability("math.add@1")]
async fn add(_: Context, terms: Vec<i64>) -> Result<i64> {
    if terms.is_empty() {
        return Err(Failure::rejected("nothing to add"));
    }
    Ok(terms.iter().sum())
}

fn solver() -> Spec {
    let terms = json!({ "type": "array", "items": { "type": "integer" } });
    let add = Tool::new("add", "math.add").about("Adds whole numbers.").input(terms);
    Spec::new("solver", "scripted/model", "You solve.").tool(add)
}

/// A schema of one whole number.
fn number() -> Value {
    let n = json!({ "type": "integer" });
    json!({ "type": "object", "properties": { "n": n }, "required": ["n"] })
}

async fn team_of(disk: &Disk, spec: Spec, model: &Arc<Playing>) -> Team {
    let agent = LlmAgent::new(spec, model.clone(), &JsonSchemas).unwrap();
    disk.team().with(add).agent(agent.joins(&["solve"], 4)).start().await.unwrap()
}

/// What one task gives.
async fn solve(spec: Spec, model: &Arc<Playing>) -> (Disk, Result<Value>) {
    let disk = Disk::new();
    let team = team_of(&disk, spec, model).await;
    let gave = team.ask_value("solve", &json!("1 + 2?")).await;
    disk.record().assert_settled();
    (disk, gave)
}

fn last(request: &Request) -> &Message {
    request.messages.last().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_model_calls_tools_and_answers() {
    let model = Playing::new([
        calls(&[("add", r#"{"input":[1,2]}"#), ("add", r#"{"input":[3,4]}"#)]),
        text("3 and 7"),
    ]);
    let (disk, gave) = solve(solver(), &model).await;
    assert_eq!(gave, Ok(json!("3 and 7")));
    assert_eq!(disk.record().tasks("math.add").len(), 2, "each call is a task of its own");
    let asked = model.asked();
    let text = format!("A task for you, `solve`. Its input:\n{}", llm::fence("1 + 2?"));
    assert_eq!(asked[0].messages[1], Message::User { text });
    assert_eq!(asked[0].messages[0].text(), format!("You solve.\n\n{}", llm::RULE));
    assert_eq!(asked[0].tools[0].schema["required"], json!(["input"]));
    let told: Vec<&str> = asked[1].messages[3..].iter().map(Message::text).collect();
    assert_eq!(told, [llm::fence("3"), llm::fence("7")], "data, whatever it says");
    let (first, second) = (asked[0].key.clone().unwrap(), asked[1].key.clone().unwrap());
    assert!(first.ends_with("/solver/0/0") && second.ends_with("/solver/0/1"), "{first} {second}");
}

#[tokio::test(start_paused = true)]
async fn what_a_model_does_wrong_is_told_to_it() {
    let model = Playing::new([
        calls(&[
            ("add", "{"),
            ("add", r#"{"input":["one"]}"#),
            ("shell", r#"{"input":"rm"}"#),
            ("add", r#"{"input":[]}"#),
        ]),
        text("sorry"),
    ]);
    let (disk, gave) = solve(solver(), &model).await;
    assert_eq!(gave, Ok(json!("sorry")));
    assert_eq!(disk.record().tasks("math.add").len(), 1, "only what fits is asked for");
    let asked = model.asked();
    let told: Vec<(&str, bool)> = asked[1].messages[3..]
        .iter()
        .map(|message| match message {
            Message::Tool { text, is_error, .. } => (text.as_str(), *is_error),
            other => panic!("{other:?}"),
        })
        .collect();
    for (said, (text, is_error)) in [
        "the arguments are no JSON",
        "the arguments do not fit: at /0: ",
        "there is no such tool; there are: add",
        "nothing to add",
    ]
    .into_iter()
    .zip(told)
    {
        assert!(is_error && text.contains(said), "{said}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_is_asked_for_again() {
    let model =
        Playing::new([text("three"), text(r#"{"n":"3"}"#), text("```json\n{\"n\":3}\n```")]);
    let (_, gave) = solve(solver().schema(number()), &model).await;
    assert_eq!(gave, Ok(json!({ "n": 3 })));
    let asked = model.asked();
    assert_eq!(asked[0].schema, Some(number()));
    assert!(last(&asked[1]).text().contains("it is no JSON"), "{:?}", last(&asked[1]));
    assert!(last(&asked[2]).text().contains("at /n: wanted"), "{:?}", last(&asked[2]));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_never_fits_fails_and_the_next_attempt_begins_afresh() {
    let model = Playing::new([text("a"), text("b"), text("c"), text(r#"{"n":3}"#)]);
    let (disk, gave) = solve(solver().schema(number()).repairs(2), &model).await;
    assert_eq!(gave, Ok(json!({ "n": 3 })));
    let [task] = disk.record().tasks("solve")[..] else { panic!("one task") };
    let failures = disk.record().failures(task);
    let [failure] = &failures[..] else { panic!("{failures:?}") };
    assert_eq!(failure.kind, FailureKind::Garbage);
    assert!(failure.message.contains("asked 3 times, its answer does not fit"), "{failure:?}");
    let asked = model.asked();
    assert_eq!(asked[3].messages.len(), 2, "it knows nothing of the answers before");
    assert!(asked[3].key.as_ref().unwrap().ends_with("/solver/1/0"));
}

#[tokio::test(start_paused = true)]
async fn turns_are_counted() {
    let again = || calls(&[("add", r#"{"input":[1]}"#)]);
    let model = Playing::new([again(), again(), again()]);
    let (_, gave) = solve(solver().turns(3), &model).await;
    let failure = gave.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Limit);
    assert!(failure.message.contains("has had its 3 turns"), "{failure}");
    assert_eq!(model.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_goes_round_in_a_circle_is_told_and_then_stopped() {
    let again = || calls(&[("add", r#"{"input":[1]}"#)]);
    let model = Playing::new([again(), again(), again(), again()]);
    let (disk, gave) = solve(solver(), &model).await;
    let failure = gave.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Limit);
    assert!(failure.message.contains("goes round in a circle: it has called add"), "{failure}");
    let asked = model.asked();
    assert!(matches!(last(&asked[2]), Message::Tool { .. }), "it may ask again");
    assert!(last(&asked[3]).text().starts_with("You have made the same calls"));
    assert_eq!(disk.record().tasks("math.add").len(), 3, "the last call is not made");

    let other = calls(&[("add", r#"{"input":[2]}"#)]);
    let model = Playing::new([again(), again(), again(), other, text("2")]);
    assert_eq!(solve(solver(), &model).await.1, Ok(json!("2")), "who finds another way goes on");
}

#[tokio::test(start_paused = true)]
async fn a_later_attempt_goes_on_at_the_call_that_failed() {
    let (model, said) = ("scripted/model".to_owned(), "slow down".to_owned());
    let busy = Error::RateLimited { model, said, retry_after_ms: Some(90_000) };
    let model = Playing::new([calls(&[("add", r#"{"input":[1,2]}"#)]), Err(busy), text("3")]);
    let begun = tokio::time::Instant::now();
    let (disk, gave) = solve(solver(), &model).await;
    assert_eq!(gave, Ok(json!("3")));
    assert!(begun.elapsed().as_secs() >= 90, "it came back when it was told to");
    assert_eq!(disk.record().tasks("math.add").len(), 1, "what was done is not done again");
    let asked = model.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[1].key, asked[2].key, "the same call");
    let token = |at: usize| asked[at].token.clone().unwrap().parse::<u64>().unwrap();
    assert!(token(1) < token(2), "of a later attempt");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_no_good_is_not_made_again() {
    let (model, said) = ("scripted/model".to_owned(), "no".to_owned());
    let model = Playing::new([Err(Error::BadRequest { model, status: 400, said })]);
    let (_, gave) = solve(solver(), &model).await;
    assert_eq!(gave.unwrap_err().kind, FailureKind::Rejected);
    assert_eq!(model.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_spent_and_stop_at_the_limit() {
    let again = || calls(&[("add", r#"{"input":[1]}"#)]);
    let model = Playing::new([again(), again()]);
    let disk = Disk::new();
    let team = team_of(&disk, solver(), &model).await;
    let budget = Budget { tokens: Some(100), ..Budget::default() };
    let options = SubmitOptions { budget: Some(budget), ..SubmitOptions::default() };
    let ticket = team.submit(Terms::new("solve"), b"\"1?\"".to_vec(), options).await.unwrap();
    let failure = ticket.typed::<Value>().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::OverBudget, "{failure}");
    let spent = |event: &Event| match event {
        Event::Spent { cost, .. } => cost.tokens,
        _ => 0,
    };
    let spent: u64 = disk.record().entries().iter().map(|it| spent(&it.event)).sum();
    assert_eq!(spent, 120, "the limit, and what one call took beyond it");
    assert_eq!(model.asked().len(), 2);
}

/// Spends, while the model is out of reach, what is left.
#[capability("dear@1")]
async fn dear(cx: Context, _: ()) -> Result<()> {
    cx.sleep(Duration::from_secs(10)).await?;
    let _ = cx.spend(Cost { tokens: 40, ..Cost::default() }).await; // Whatever is said of the rest.
    Ok(())
}

#[capability("both@1")]
async fn both(cx: Context, _: ()) -> Result<Value> {
    let (solved, ()) = join((cx.ask_value("solve", json!("1?")), cx.ask::<dear>(()))).await?;
    Ok(solved)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_made_again_is_only_made_if_something_is_left() {
    let (model, said) = ("scripted/model".to_owned(), "slow down".to_owned());
    let busy = Error::RateLimited { model, said, retry_after_ms: Some(90_000) };
    let model = Playing::new([calls(&[("add", r#"{"input":[1]}"#)]), Err(busy)]);
    let agent = LlmAgent::new(solver(), model.clone(), &JsonSchemas).unwrap();
    let disk = Disk::new();
    let team = disk.team().with(add).with(both).with(dear).agent(agent.joins(&["solve"], 1));
    let team = team.start().await.unwrap();
    let budget = Budget { tokens: Some(100), ..Budget::default() };
    let options = SubmitOptions { budget: Some(budget), ..SubmitOptions::default() };
    let ticket = team.submit(Terms::new("both"), b"null".to_vec(), options).await.unwrap();
    let failure = ticket.typed::<Value>().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::OverBudget, "{failure}");
    assert_eq!(model.asked().len(), 2, "60 tokens for the first, nothing for the second");
}

#[tokio::test(start_paused = true)]
async fn what_a_model_says_is_paid_for_once_over_many_lives() {
    let model = Playing::new([calls(&[("wait", "{}")]), text("done")]);
    let spec = Spec::new("solver", "scripted/model", "You solve.").tool(Tool::new("wait", "wait"));
    let disk = Disk::new();
    let team = team_of(&disk, spec.clone(), &model).await;
    let ticket = team.submit(Terms::new("solve"), b"\"?\"".to_vec(), SubmitOptions::default());
    let ticket = ticket.await.unwrap();
    let run = ticket.id();
    while disk.record().tasks("wait").is_empty() {
        tokio::task::yield_now().await;
    }
    disk.kill(team);
    // Nobody serves it in this life either; only the third has somebody.
    let team = team_of(&disk, spec.clone(), &model).await;
    while team.open_tasks() < 2 {
        tokio::task::yield_now().await;
    }
    disk.kill(team);
    let agent = LlmAgent::new(spec, model.clone(), &JsonSchemas).unwrap();
    let team = disk.team().with(wait).agent(agent.joins(&["solve"], 1)).start().await.unwrap();
    assert_eq!(team.ticket(run).unwrap().typed::<Value>().await, Ok(json!("done")));
    let asked = model.asked();
    assert_eq!(asked.len(), 2, "each call once");
    assert!(matches!(last(&asked[1]), Message::Tool { .. }), "it goes on where it was");
    disk.record().assert_settled();
}

#[capability("wait@1")]
async fn wait(_: Context, _: Value) -> Result<()> {
    Ok(())
}

#[test]
fn what_cannot_be_an_agent_is_refused() {
    let refused =
        |spec: Spec| LlmAgent::new(spec, Playing::new([]), &JsonSchemas).err().unwrap().to_string();
    assert!(
        refused(solver().schema(json!({ "type": 1 }))).contains("the answer is no JSON schema")
    );
    assert!(refused(solver().tool(Tool::new("add", "x"))).contains("`add` cannot be a tool's"));
    assert!(refused(solver().tool(Tool::new("a.b", "x"))).contains("`a.b` cannot be a tool's"));
    let tool = Tool::new("b", "x").input(json!({ "$ref": "http://127.0.0.1:1/" }));
    assert!(refused(solver().tool(tool)).contains("tool `b`"));
}
