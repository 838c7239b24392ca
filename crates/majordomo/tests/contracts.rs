//! What goes into a capability and what comes out of it, where no compiler sees both sides.
#![cfg(feature = "schema")]

use majordomo::kernel::{FailureKind, Recurrence, Terms};
use majordomo::runtime::port::{Agent, BoxFuture};
use majordomo::{AgentEntry, Context, Contract, Failure, Fault, Result, SubmitOptions, Team};
use majordomo::{ScheduleOptions, StartError, capability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// An agent without a type: what it gives is made of what it gets.
struct Untyped(fn(&Value) -> Value);

impl Agent for Untyped {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let output = (self.0)(cx.input());
        Box::pin(async move { Ok(output) })
    }
}

fn untyped(name: &str, serves: &str, work: fn(&Value) -> Value) -> AgentEntry {
    AgentEntry::new(name, "native", &[serves], 4, Arc::new(Untyped(work)))
}

fn files() -> Value {
    json!({
        "type": "object", "required": ["files"],
        "properties": { "files": { "type": "array", "items": {
            "type": "object", "required": ["path"],
            "properties": { "path": { "type": "string" } },
        } } },
    })
}

/// It answers as many as it was given, or what it was told to.
fn reviewer(name: &str) -> AgentEntry {
    let work = |input: &Value| match input.get("answer") {
        Some(answer) => answer.clone(),
        None => json!(input["files"].as_array().map_or(0, Vec::len)),
    };
    let output = json!({ "type": "integer", "minimum": 0 });
    let contract = Contract::anything().input(files()).output(output);
    untyped(name, "code.review@1", work).contract("code.review@1", contract)
}

fn why(refused: Result<Team, StartError>) -> String {
    refused.err().expect("refused").to_string()
}

#[tokio::test(start_paused = true)]
async fn an_input_that_does_not_match_is_refused_before_it_is_a_task() {
    let team = Team::in_memory().agent(reviewer("ann")).start().await.expect("starts");
    let wrong = json!({ "files": [{ "path": "a" }, { "path": 3 }] });
    let refused = team.ask_value("code.review@1", &wrong).await.expect_err("no text");
    assert_eq!((refused.kind, refused.fault()), (FailureKind::Rejected, Fault::Asker));
    let place = refused.mismatch.expect("it says where");
    assert_eq!(place.path, "/files/1/path");
    assert_eq!((&*place.wanted, &*place.given), ("a text", "the number 3"));
    assert!(refused.message.contains("code.review@1"), "{}", refused.message);
    // By name alone, any version that is here may get it; a batch is looked at one by one.
    let many = [wrong, json!({ "files": [] })].map(|input| {
        (Terms::new("code.review"), input.to_string().into_bytes(), SubmitOptions::default())
    });
    let mut many = team.submit_many(many);
    let refused = many.next().await.expect("an answer").err().expect("refused");
    assert_eq!(refused.mismatch.expect("it says where").path, "/files/1/path");
    let taken = many.next().await.expect("an answer").expect("accepted");
    assert_eq!(taken.task.0, 1, "what was refused never was a task");
    assert_eq!(taken.await, Ok(json!(0)));
}

#[capability("lead@1")]
async fn lead(cx: Context, _: ()) -> Result<(String, Value)> {
    let wrong = cx.ask_value("code.review@1", json!({ "files": "all" })).await;
    let place = wrong.expect_err("no list").mismatch.expect("it says where");
    let right = cx.ask_value("code.review@1", json!({ "files": [{ "path": "a" }] })).await?;
    Ok((place.path, right))
}

#[tokio::test(start_paused = true)]
async fn a_step_is_checked_as_a_root_task_is() {
    let team = Team::in_memory().agent(reviewer("ann")).with(lead).start().await.expect("starts");
    assert_eq!(team.ask::<lead>(()).await, Ok(("/files".to_owned(), json!(1))));
}

#[tokio::test(start_paused = true)]
async fn what_comes_round_is_checked_when_it_is_set() {
    let team = Team::in_memory().agent(reviewer("ann")).start().await.expect("starts");
    let set = async |input: Value| {
        let (every, terms) = (Recurrence::Every { ms: 3_600_000 }, Terms::new("code.review"));
        let input = input.to_string().into_bytes();
        team.schedule("hourly", every, terms, input, ScheduleOptions::default()).await
    };
    let refused = set(json!({ "files": 3 })).await.expect_err("no list");
    assert_eq!(refused.mismatch.expect("it says where").path, "/files");
    assert!(team.schedules().is_empty(), "nothing comes round");
    set(json!({ "files": [] })).await.expect("this does");
    assert_eq!(team.schedules().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_output_that_does_not_match_is_the_agents_fault() {
    let team = Team::in_memory().agent(reviewer("ann")).start().await.expect("starts");
    let input = json!({ "files": [], "answer": "none" });
    let failed = team.ask_value("code.review@1", &input).await.expect_err("no number");
    let wanted = "output does not match: wanted an integer, was given a text of 4 characters";
    assert!(failed.message.contains(wanted), "{}", failed.message);
    let ann = team.agents().into_iter().next().expect("she is here");
    assert_eq!(ann.failed, 5, "each attempt counts in her record");
    let input = json!({ "files": [], "answer": -1 });
    let failed = team.ask_value("code.review@1", &input).await.expect_err("too small");
    assert!(failed.message.contains("at least 0"), "{}", failed.message);
}

#[tokio::test(start_paused = true)]
async fn two_agents_of_one_version_say_the_same_or_do_not_meet() {
    let other = |name: &str, version: u32| {
        let mut input = files();
        input["properties"]["files"]["items"]["properties"]["path"] = json!({ "type": "integer" });
        let serves = format!("code.review@{version}");
        let contract = Contract::anything().input(input);
        untyped(name, &serves, Value::clone).contract(&serves, contract)
    };
    let team = Team::in_memory().agent(reviewer("ann")).agent(other("bob", 1)).start().await;
    let why = why(team);
    for word in ["bob", "ann", "code.review@1", "/files/*/path", "\"integer\"", "\"string\""] {
        assert!(why.contains(word), "{word}: {why}");
    }
    // Another version is another contract; and when the one has left, the other may come.
    let team = Team::in_memory().agent(reviewer("ann")).agent(other("bob", 2)).start().await;
    let team = team.expect("side by side");
    assert!(team.join(other("carl", 1)).await.is_err());
    team.leave("ann").await.expect("leaves");
    team.join(other("carl", 1)).await.expect("nobody says otherwise");
    assert!(team.join(reviewer("ann")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_only_one_of_two_says_is_asked_for_both() {
    let mut input = files();
    input["properties"]["files"]["maxItems"] = json!(1);
    let contract = Contract::anything().input(input);
    let bob = untyped("bob", "code.review@1", |_| json!(1)).contract("code.review@1", contract);
    let team = Team::in_memory().agent(reviewer("ann")).agent(bob).start().await.expect("starts");
    let two = json!({ "files": [{ "path": "a" }, { "path": "b" }] });
    let refused = team.ask_value("code.review@1", &two).await.expect_err("bob may get it");
    assert_eq!(refused.mismatch.expect("it says where").wanted, "at most 1 items");
}

#[tokio::test(start_paused = true)]
async fn a_schema_that_is_none_keeps_its_agent_out() {
    for (schema, word) in [
        (json!({ "type": "text" }), "/type"),
        (json!({ "$ref": "https://example.com/schema.json" }), "https://example.com"),
        (json!({ "pattern": "x".repeat(1 << 17) }), "bytes"),
        (json!("string"), "a schema is"),
    ] {
        let contract = Contract::anything().output(schema);
        let entry = untyped("ann", "code.review@1", Value::clone);
        let team = Team::in_memory().agent(entry.contract("code.review@1", contract)).start().await;
        let why = why(team);
        assert!(why.contains(word) && why.contains("output schema of code.review@1"), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn work_older_than_the_contract_is_looked_at_when_it_is_dispatched() {
    let team = Team::in_memory().start().await.expect("starts");
    let input = json!({ "files": 3 }).to_string().into_bytes();
    let ticket = team.submit(Terms::new("code.review"), input, SubmitOptions::default()).await;
    let ticket = ticket.expect("nobody has said anything yet");
    team.join(reviewer("ann")).await.expect("joins");
    let failed = ticket.await.expect_err("no list");
    assert_eq!(failed.kind, FailureKind::Rejected);
    assert!(failed.message.contains("at /files: wanted a list"), "{}", failed.message);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Page {
    title: String,
    #[schemars(range(min = 1, max = 500))]
    number: u16,
    note: Option<String>,
}

/// Its type derives no schema.
#[derive(Serialize, Deserialize)]
struct Plain {
    any: u8,
}

#[capability("page.print@1")]
async fn print(_: Context, page: Page) -> Result<String> {
    Ok(page.title)
}

#[capability("page.plain@1")]
async fn plain(_: Context, plain: Plain) -> Result<u8> {
    Ok(plain.any)
}

#[tokio::test(start_paused = true)]
async fn a_type_has_its_schema_and_one_without_is_checked_by_serde_alone() {
    let team = Team::in_memory().with(print).with(plain).start().await.expect("starts");
    let page = Page { title: "one".into(), number: 1, note: None };
    assert_eq!(team.ask::<print>(page.clone()).await, Ok("one".to_owned()));
    let refused = team.ask::<print>(Page { number: 0, ..page }).await.expect_err("no page 0");
    assert_eq!(refused.mismatch.expect("it says where").path, "/number");
    let wrong = json!({ "title": "one", "number": "1" });
    let refused = team.ask_value("page.print", &wrong).await.expect_err("no number");
    assert_eq!(refused.mismatch.expect("it says where").wanted, "an integer");
    let refused = team.ask_value("page.plain", &json!({ "any": "x" })).await.expect_err("no u8");
    assert_eq!((refused.kind, refused.mismatch), (FailureKind::Rejected, None));
}

#[tokio::test(start_paused = true)]
async fn a_typed_and_an_untyped_agent_meet_if_their_schemas_agree() {
    let untyped = |number: &str| {
        let input = json!({ "type": "object", "required": ["title", "number"], "properties": {
            "title": { "type": "string" }, "number": { "type": number } } });
        let contract = Contract::anything().input(input).output(json!({ "type": "string" }));
        untyped("printer", "page.print@1", |_| json!("p")).contract("page.print@1", contract)
    };
    let team = Team::in_memory().with(print).agent(untyped("integer")).start().await;
    drop(team.expect("they agree"));
    let why = why(Team::in_memory().with(print).agent(untyped("string")).start().await);
    assert!(why.contains("/number") && why.contains("page.print"), "{why}");
    // And who says that an agent is of a type says what its schemas must be.
    let team = Team::in_memory().agent(untyped("string")).start().await.expect("alone it may");
    let refused = team.agent::<print>("printer").err().expect("it wants something else");
    assert!(refused.message.contains("/number"), "{}", refused.message);
    tokio::time::sleep(Duration::from_secs(1)).await;
}
