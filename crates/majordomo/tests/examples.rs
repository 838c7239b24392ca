//! Each example is run, on what comes along with it, and does what it says.
#![cfg(all(feature = "cli", feature = "llm"))]
#![allow(dead_code)] // Of each example only `run` is called; its `main` is for people.
#![allow(clippy::duplicate_mod)] // Each is a program of its own, and they share `watch.rs`.

#[path = "../../../examples/auction.rs"]
mod auction;

#[path = "../../../examples/multi_agent_coordination/main.rs"]
mod multi_agent_coordination;

#[path = "../../../examples/troubled_team/main.rs"]
mod troubled_team;

use adapters::testing::models::{Answer, Seen, Server};
use clap::Parser;
use majordomo::models::provider::Provider;
use majordomo::models::{Endpoint, Limits, Models};
use multi_agent_coordination::{Options, Scenario};
use serde_json::{Value, json};
use std::sync::Arc;

async fn coordinated(scenario: Scenario, path: Option<&str>) -> Value {
    let options = Options { scenario, path: path.map(str::to_owned), model: None, json: true };
    let told = multi_agent_coordination::run(&options).await.expect("it works");
    serde_json::from_str(&told).expect("JSON")
}

fn page(told: &Value) -> &str {
    told["page"].as_str().expect("a page")
}

/// The figures of one agent.
fn agent<'a>(told: &'a Value, name: &str) -> &'a Value {
    let agents = told["agents"].as_array().expect("agents");
    agents.iter().find(|agent| agent["agent"] == name).expect(name)
}

fn count(told: &Value, name: &str, what: &str) -> u64 {
    agent(told, name)[what].as_u64().expect(what)
}

/// In every scenario the second coder joins and works, and the figures are those of real work.
fn assert_a_team_worked(told: &Value) {
    for name in ["master", "analyst", "coder", "writer", "recruiter", "coder-2"] {
        assert!(count(told, name, "done") > 0, "{name} did nothing: {told}");
        assert!(count(told, name, "p50_us") > 0, "{name} took no time: {told}");
        let busy = agent(told, name)["busy_percent"].as_f64().expect("a share");
        assert!(busy > 0.0 && busy <= 100.0, "{name} was busy {busy}% of its time");
    }
    let grants = told["grants"].as_array().expect("grants");
    let classes: Vec<&str> = grants.iter().filter_map(|grant| grant["class"].as_str()).collect();
    for class in ["high", "normal", "low", "critical"] {
        assert!(classes.contains(&class), "nothing of class {class}: {classes:?}");
    }
    let urgent = classes.iter().position(|class| *class == "high");
    assert!(urgent < classes.iter().position(|class| *class == "low"), "{classes:?}");
}

#[tokio::test]
async fn a_master_has_code_reviewed_and_fixed() {
    let told = coordinated(Scenario::CodeReview, None).await;
    assert_a_team_worked(&told);
    assert_eq!(count(&told, "analyst", "done"), 3, "one analysis a file");
    assert!(page(&told).contains("+        return yaml.safe_load(file)"), "{}", page(&told));
    let (made, refused) = ["done", "failed"]
        .map(|what| count(&told, "coder", what) + count(&told, "coder-2", what))
        .into();
    assert_eq!((made, refused), (7, 3), "every finding was tried: {}", page(&told));
}

#[tokio::test]
async fn a_master_has_documentation_written() {
    let told = coordinated(Scenario::Documentation, None).await;
    assert_a_team_worked(&told);
    assert!(page(&told).contains("let result = value.put(book);"), "{}", page(&told));
    assert!(page(&told).contains("Shelves for books"), "{}", page(&told));
}

#[tokio::test]
async fn a_master_has_a_log_diagnosed() {
    let told = coordinated(Scenario::Diagnosis, None).await;
    assert_a_team_worked(&told);
    let first = page(&told).split("## 1.").nth(1).expect("a first suspicion");
    assert!(first.starts_with(" configuration reloaded: pool of"), "{}", page(&told));
    assert!(first.contains("before a burst of 17 errors"), "{first}");
    assert!(first.contains("pool of 2 connections (was 20)"), "the evidence: {first}");
}

/// Names the last of the candidates, whoever it is; every third time somebody who is none.
fn assigns(seen: &Seen, number: usize) -> Answer {
    let told = seen.body["messages"][1]["content"].as_str().expect("a question");
    let (_, fenced) = told.split_once("Its input:\n").expect("as data");
    let question = majordomo::runtime::llm::unfenced(fenced).expect("one fence");
    let question: Value = serde_json::from_str(question).expect("JSON");
    let candidates = question["candidates"].as_array().expect("some");
    let last = candidates.last().expect("two at least")["agent"].as_str().expect("a name");
    let agent = if number % 3 == 2 { "ghost" } else { last };
    let choice = json!({ "agent": agent, "reason": "it is its turn", "confidence": 0.9 });
    Answer::text(choice.to_string()).with_usage(100, 20)
}

#[tokio::test]
async fn a_model_says_who_does_what_and_what_it_says_and_costs_is_told() {
    let server = Server::start();
    server.always(assigns);
    let endpoint = Endpoint::new(Provider::Compatible, &server.openai(), None).expect("an address");
    let models = Arc::new(Models::at([endpoint], Limits::default()));
    for scenario in [Scenario::CodeReview, Scenario::Documentation, Scenario::Diagnosis] {
        let model = Some("compatible/scripted".to_owned());
        let options = Options { scenario, path: None, model, json: false };
        let before = server.seen().len();
        let told = multi_agent_coordination::run_with(&options, Some(models.clone())).await;
        let told = told.expect("it works");
        let asked = server.seen().len() - before;
        assert!(asked > 2, "it was asked {asked} times");
        let (_, choices) = told.split_once("who the model chose, and why\n").expect("choices");
        assert!(choices.contains("as it chose"), "{choices}");
        assert!(choices.contains("compatible/scripted: it is its turn (confidence 0.9)"));
        assert!(choices.contains("it chose ghost: unknown"), "{choices}");
        assert!(choices.contains(&format!(" {} tokens", 120 * asked)), "{asked}: {choices}");
        for name in ["analyst-b", "coder-b", "assigner"] {
            assert!(told.contains(name), "{told}");
        }
    }
}

#[tokio::test]
async fn a_path_that_is_not_there_is_said() {
    let (path, json) = (Some("no/such/file".to_owned()), false);
    let options = Options { scenario: Scenario::Diagnosis, path, model: None, json };
    let why = multi_agent_coordination::run(&options).await.expect_err("nothing to read").message;
    assert!(why.contains("no/such/file cannot be read"), "{why}");
}

/// What happened with an agent, in order.
fn troubles(told: &Value, name: &str) -> Vec<String> {
    let all = told["troubles"].as_array().expect("troubles");
    let of = all.iter().filter(|it| it["agent"] == name);
    of.map(|it| it["what"].as_str().expect("words").to_owned()).collect()
}

#[tokio::test]
async fn a_team_in_trouble_does_all_its_work() {
    let told = troubled_team::run(&troubled_team::Options { json: true }).await.expect("it works");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    for (name, failed) in [("crash", 4), ("hang", 4), ("slow", 0)] {
        let troubles = troubles(&told, name);
        let place = |what: &str| troubles.iter().position(|it| it.starts_with(what));
        let opened = place("breaker open for").expect("its breaker opened");
        let tried = place("breaker half-open").expect("it was tried again");
        let closed = place("breaker closed").expect("it is well again");
        assert!(opened < tried && tried < closed, "{name}: {troubles:?}");
        let failures = troubles.iter().filter(|it| it.starts_with("failed at")).count();
        assert!(failures >= failed, "{name}: {troubles:?}");
        let restarts = troubles.iter().filter(|it| it.starts_with("started again")).count();
        assert!(restarts >= failed, "{name} was started again after each death: {troubles:?}");
        let gave_up = troubles.iter().any(|it| it.starts_with("given up"));
        assert!(!gave_up, "{name} stays within its intensity: {troubles:?}");
    }
    let done = |name| count(&told, name, "done");
    let by_name = ["steady-1", "steady-2", "steady-3", "crash", "hang", "slow"].map(done);
    assert_eq!(told["sorted"], by_name.iter().sum::<u64>(), "every parcel was sorted: {told}");
    assert!(by_name.iter().all(|done| *done > 0), "somebody did nothing: {told}");
}

/// Time is driven, so that everybody takes exactly as long as it takes.
#[tokio::test(start_paused = true)]
async fn who_lies_about_its_speed_loses_the_market_to_its_own_record() {
    let told = auction::run(&auction::Options { json: true }).await.expect("it works");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let rounds = told["rounds"].as_array().expect("rounds");
    let won: Vec<&str> = rounds.iter().filter_map(|round| round["won"].as_str()).collect();
    let (believed, then) = won.split_at(2);
    assert_eq!(believed, [auction::LIAR; 2], "it is the cheapest and the fastest, by its word");
    assert!(then.len() == 8 && then.iter().all(|it| *it == "steady"), "{won:?}");
    let bids = rounds[9]["bids"].as_array().expect("bids");
    let liar = bids.iter().find(|bid| bid["agent"] == auction::LIAR).expect("it bids still");
    assert_eq!((&liar["says_ms"], &liar["shown_ms"]), (&20.into(), &200.into()), "{liar}");
    assert_eq!(liar["expected_ms"], 140, "two results of 200, and its word as a third: {liar}");
    let picky = rounds.iter().filter(|round| round["bids"].as_array().expect("bids").len() == 5);
    assert_eq!(picky.count(), 5, "it does not want long pages");
    let human = auction::run(&auction::Options { json: false }).await.expect("it works again");
    assert!(human.contains("bargain was believed 2 times; then its record spoke."), "{human}");
}

/// The line of the guide that runs an example names one of ours, with options that it has.
#[tokio::test]
async fn the_line_of_the_guide_is_run() {
    let guide = include_str!("../../../docs/guide/coordination.md");
    let lines: Vec<&str> = guide.split("```sh\n").skip(1).collect();
    assert_eq!(lines.len(), 1, "each line is run here");
    let line = lines[0].split_once("\n```").expect("the block ends").0;
    let (run, options) = line.split_once(" -- ").expect("options");
    assert_eq!(run, "cargo run --example multi_agent_coordination");
    let options = std::iter::once("it").chain(options.split(' '));
    let options = Options::try_parse_from(options).expect("options that it has");
    let told = multi_agent_coordination::run(&options).await.expect("it works");
    assert!(told.contains("coder-2"), "{told}");
}
