//! `--record` and `--replay`: a run that was recorded goes the same way without the server of its
//! models, without a key, and with what it costs.

use crate::house::{House, PROGRAM, Said};
use adapters::testing::models::{Answer, Call, Seen, Server};
use serde_json::{Value, json};
use std::process::Command;

/// A model that asks a program once, and gives its answer; its first call fails.
const TEAM: &str = r#"
name = "thinking"
output = { answer = "{{ think }}" }

[models."openai/scripted"]
requests_per_minute = 1
price = { input_usd = 1.0, output_usd = 10.0 }

[agents.thinker]
kind = "llm"
model = "openai/scripted"
prompt = "You think of {{ input }}."
serves = ["think"]

[agents.thinker.tools.look]
ask = "look"
about = "Looks something up."
input = { type = "object", required = ["n"] }

[agents.looker]
kind = "command"
argv = ["sh", "-c", 'read it; echo "$it" >> looked; echo "$LOOKED at $it"']
stdout = "text"
serves = ["look"]
env = ["LOOKED"]
secrets = ["env:LOOKED"]

[steps.think]
ask = "think"
input = "{{ args[0] }}"
retry = { attempts = 3, backoff = "10ms" }
"#;

const KEY: &str = "sk-canary-9c1f22";

/// What a program says that has it from its environment.
const SECRET: &str = "canary-of-a-program-41";

fn next(seen: &Seen) -> Answer {
    let messages = seen.body["messages"].as_array().unwrap();
    match messages.iter().find(|it| it["role"] == "tool") {
        None => Answer::calls([Call::new("c", "look", json!({ "n": 1 }))]).with_usage(100, 10),
        Some(_) => Answer::text("it is one").with_usage(200, 20),
    }
}

/// Runs the program; with a server there is a key, too.
fn run(house: &House, server: Option<&Server>, args: &[&str]) -> Said {
    let mut command = Command::new(PROGRAM);
    command.args(args).env("PATH", house.path(".bin")).env("LOOKED", SECRET);
    for name in ["OPENAI_API_KEY", "OPENAI_API_KEY_FILE", "OPENAI_BASE_URL"] {
        command.env_remove(name);
    }
    if let Some(server) = server {
        command.env("OPENAI_BASE_URL", server.openai()).env("OPENAI_API_KEY", KEY);
    }
    house.at_home(&mut command);
    house.spawn(command).end()
}

fn summary(said: &Said) -> Value {
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str(said.out.lines().last().unwrap_or_default())
        .unwrap_or_else(|why| panic!("{why}: {said:?}"))
}

/// A house in which the run was recorded, and what it came to.
fn recorded() -> (House, Value) {
    let (house, server) = (House::new(), Server::start());
    let team = TEAM.replace("requests_per_minute = 1\n", "");
    house.write("thinking.toml", &team);
    server.then(Answer::status(500).saying("out of order"));
    server.always(|seen, _| next(seen));
    let said = run(
        &house,
        Some(&server),
        &["run", "thinking.toml", "one", "--record", "think.jsonl", "--json"],
    );
    assert!(said.err.contains("recorded: think.jsonl (calls: 3)"), "{said:?}");
    let summary = summary(&said);
    assert_eq!(summary["outputs"]["answer"], "it is one");
    (house, summary)
}

fn looked(house: &House) -> usize {
    std::fs::read_to_string(house.path("looked")).unwrap_or_default().lines().count()
}

#[test]
fn a_recorded_run_needs_no_server_and_no_key() {
    let (house, recorded) = recorded();
    // Nothing waits for a rate that nobody keeps.
    house.write("thinking.toml", TEAM);
    let args = ["run", "thinking.toml", "one", "--replay", "think.jsonl", "--json"];
    for _ in 0..2 {
        let said = run(&house, None, &args);
        let played = summary(&said);
        assert_eq!(played["outputs"], recorded["outputs"]);
        assert_eq!(played["tasks"], recorded["tasks"]);
        assert!(!said.err.contains("not asked for"), "{said:?}");
    }
    assert_eq!(looked(&house), 3, "programs do their work in each run");
    let costs = house.json(&["cost"])["costs"].clone();
    let costs: Vec<(Value, Value)> = costs.as_array().unwrap().iter().map(spent).collect();
    // 300 tokens read at a dollar a million, and 30 written at ten.
    assert_eq!(costs, vec![(json!(330), json!(600)); 3]);
}

fn spent(of: &Value) -> (Value, Value) {
    (of["tokens"].clone(), of["money_micros"].clone())
}

#[test]
fn what_was_not_recorded_fails_and_says_what_differs() {
    let (house, _) = recorded();
    let said = run(&house, None, &["run", "thinking.toml", "two", "--replay", "think.jsonl"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for words in [
        "agent `thinker`: openai/scripted: this call is not on the cassette think.jsonl",
        "the nearest is line 2 (step thinker/0/0): message 1 (instructions) was",
        "record it anew with --record think.jsonl",
    ] {
        assert!(said.out.contains(words), "{words}: {said:?}");
    }
    assert!(
        said.err.contains("note: 3 of the 3 calls in think.jsonl were not asked for"),
        "{said:?}"
    );
    let tasks = house.json(&["tasks"]);
    let of_two = |it: &&Value| it["capability"] == "think" && it["status"] == "failed";
    let failed = tasks.as_array().unwrap().iter().find(of_two).unwrap();
    assert_eq!(failed["attempts"], 1, "it is not tried again: {failed}");
}

#[test]
fn no_secret_stands_on_a_cassette() {
    let (house, _) = recorded();
    let text = std::fs::read_to_string(house.path("think.jsonl")).unwrap();
    assert!(!text.contains(KEY) && !text.contains(SECRET), "{text}");
    assert!(text.contains("[secret env:LOOKED] at"), "what the program said was asked on: {text}");
}

#[test]
fn a_cassette_that_is_none_is_told_before_anything_begins() {
    let (house, server) = (House::new(), Server::start());
    house.write("thinking.toml", TEAM);
    house.write("x.jsonl", "hello\n");
    let said = run(&house, None, &["run", "thinking.toml", "--replay", "x.jsonl"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("x.jsonl is no cassette"), "{said:?}");
    let said = run(&house, None, &["run", "thinking.toml", "--replay", "a", "--record", "b"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(server.seen().len(), 0);
}
