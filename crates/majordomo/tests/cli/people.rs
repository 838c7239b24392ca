//! A person in a team: asked through the inbox, answered from another terminal, across kills.

use crate::house::{Going, House};
use rustix::process::Signal;
use serde_json::Value;
use std::cell::Cell;

const TEAM: &str = r#"
name = "release"
output = { signed = "{{ sign }}" }

[agents]
owner = { kind = "human", serves = ["approve"], deadline = "1d" }

[agents.shell]
kind = "command"
argv = ["sh", "-c", "echo ran >> published; echo done"]
stdin = "text"
stdout = "text"
serves = ["publish"]

[steps]
sign = { ask = "approve", input = { show = "ship {{ args[0] }}?" } }
publish = { ask = "publish", needs = ["sign"] }
"#;

/// The team at work, with its one question in the inbox.
fn asked(house: &House, args: &[&str]) -> (Going, u64) {
    let mut run = house.start(args);
    let task = Cell::new(0);
    run.until("it is asked", || {
        let inbox = house.run(&["inbox", "--json"]);
        let inbox: Value = serde_json::from_str(&inbox.out).unwrap_or_default();
        let waiting = &inbox["waiting"];
        task.set(waiting[0]["task"].as_u64().unwrap_or(0));
        task.get() > 0 && waiting[1].is_null()
    });
    (run, task.get())
}

fn published(house: &House) -> bool {
    house.path("published").exists()
}

#[test]
fn a_yes_lets_the_work_go_on_and_the_second_answer_is_late() {
    let house = House::new();
    house.write("release.toml", TEAM);
    let (run, task) = asked(&house, &["run", "release.toml", "1.0\u{1b}[2J", "--json"]);
    let task = task.to_string();
    let shown = house.done(&["inbox"]);
    assert!(shown.contains("asks owner: approve") && shown.contains("until it is a no"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "what is asked is shown as data: {shown:?}");
    assert!(!published(&house), "nobody has said yes");
    house.done(&["answer", &task, "yes", "--note", "go", "--by", "ada"]);
    let late = house.run(&["answer", &task, "no"]);
    assert_eq!(late.code, Some(1), "{late:?}");
    let said = run.end();
    assert_eq!(said.code, Some(0), "{said:?}");
    let summary: Value = serde_json::from_str(said.out.trim()).unwrap();
    let signed = &summary["outputs"]["signed"];
    assert_eq!(signed["approved"], true, "{summary}");
    assert_eq!((&signed["by"], &signed["note"]), (&"ada".into(), &"go".into()), "{summary}");
    assert!(published(&house));
}

#[test]
fn a_no_ends_the_run_before_what_needed_the_yes() {
    let house = House::new();
    house.write("release.toml", TEAM);
    let (run, task) = asked(&house, &["run", "release.toml", "1.0", "--json"]);
    house.done(&["answer", &task.to_string(), "no", "--note", "not on a Friday", "--by", "ada"]);
    let said = run.end();
    assert_eq!(said.code, Some(1), "{said:?}");
    let summary: Value = serde_json::from_str(said.out.trim()).unwrap();
    let reason = summary["reason"].as_str().unwrap();
    assert!(reason.contains("ada said no: not on a Friday"), "{summary}");
    assert_eq!(summary["attempts"], 2, "the workflow's and one question: {summary}");
    assert!(!published(&house));
}

#[test]
fn silence_is_a_no() {
    let house = House::new();
    house.write("release.toml", &TEAM.replace("\"1d\"", "\"300ms\""));
    let said = house.run(&["run", "release.toml", "1.0", "--json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("nobody answered within 300ms, which means no"), "{said:?}");
    assert!(!published(&house));
}

#[test]
fn a_question_outlives_a_kill() {
    let house = House::new();
    house.write("release.toml", TEAM);
    let (run, before) = asked(&house, &["run", "release.toml", "1.0"]);
    run.signal(Signal::KILL);
    assert_eq!(run.end().code, Some(-9));
    let refused = house.run(&["answer", &before.to_string(), "yes"]);
    assert_eq!(refused.code, Some(1), "nobody is there to hear it: {refused:?}");
    assert!(refused.err.contains("majordomo resume"), "{refused:?}");
    let (run, task) = asked(&house, &["resume", "--json"]);
    assert_eq!(task, before, "the same question");
    house.done(&["answer", &task.to_string(), "yes"]);
    let said = run.end();
    assert_eq!(said.code, Some(0), "{said:?}");
    let summary: Value = serde_json::from_str(said.out.trim()).unwrap();
    assert_eq!(summary["tasks_open"], 0, "{summary}");
    assert_eq!(std::fs::read_to_string(house.path("published")).unwrap(), "ran\n");
}
