//! The review that comes along, with `--model`: a model opens the report, is shown little of a
//! large tree, is paid for in sight, and costs nothing but its own words where it fails.

use crate::house::{House, PROGRAM, Said};
use adapters::testing::models::{Answer, Server};
use serde_json::{Value, json};
use std::process::Command;

const WORDS: &str = "Mend same.rs first: `a && a` is surely not what was meant.";

/// Runs the review with these words more; its report for programs and for people.
fn review(house: &House, server: Option<&Server>, more: &[&str]) -> (Said, Value, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["run", "code-review", "src", "--report", "report.md"]).args(more);
    command.env("PATH", house.path(".bin")).env_remove("OPENAI_API_KEY_FILE");
    match server {
        Some(server) => command.env("OPENAI_BASE_URL", server.openai()).env("OPENAI_API_KEY", "k"),
        None => command.env_remove("OPENAI_API_KEY"),
    };
    house.at_home(&mut command);
    let said = house.spawn(command).end();
    assert_eq!(said.code, Some(0), "{said:?}");
    let read = |file| std::fs::read_to_string(house.path(file)).unwrap();
    (said, serde_json::from_str(&read("report.json")).unwrap(), read("report.md"))
}

const MODEL: [&str; 2] = ["--model", "openai/gpt-4o-mini"];

#[test]
fn a_model_opens_the_report_and_its_cost_is_shown() {
    let (house, server) = (House::with_sources(), Server::start());
    server.then(Answer::text(json!({ "text": WORDS }).to_string()).with_usage(1_000, 100));
    let (said, report, page) = review(&house, Some(&server), &MODEL);
    assert_eq!(server.seen().len(), 1, "it is asked once, and assigns nothing");
    assert_eq!(report["opening"], json!({ "text": WORDS }));
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}: {page}"));
    assert!(at("2 findings in 3 files") < at("## In short"), "{page}");
    assert!(
        at("## In short") < at("Mend same.rs first\\: \\`a && a\\`".replace("&", "&amp;").as_str())
    );
    assert!(at("*By a language model that saw") < at("## Medium"), "{page}");
    assert!(page.contains("| editor | code.opening | 1 |"), "{page}");
    assert!(said.out.contains("  editor         1 done"), "{said:?}");
    let cost = "  cost $0.0002 · calls of models 1 · tokens 1100\n";
    assert!(said.out.contains(cost), "{said:?}");
    let costs = house.json(&["cost", "--by", "agent"]);
    let line = json!({ "of": "editor", "reports": 1, "tokens": 1_100, "money_micros": 210 });
    assert_eq!(costs["costs"], json!([line]), "{costs}");
    let body = server.seen()[0].body.to_string();
    assert!(body.contains("same.rs") && body.contains("\\\"medium\\\":1"), "{body}");
}

#[test]
fn however_large_the_tree_a_model_is_shown_little_of_it() {
    let (house, server) = (House::with_sources(), Server::start());
    let wide = "fn f(a: bool) -> bool {\n    a && a // ".to_owned() + &"x".repeat(5_000) + "\n}\n";
    for n in 0..60 {
        house.write(&format!("src/wide{n}.rs"), &wide.repeat(5));
    }
    server.always(|_, _| Answer::text(json!({ "text": WORDS }).to_string()));
    let (_, report, _) = review(&house, Some(&server), &MODEL);
    assert_eq!(report["counts"]["findings"], 302);
    let body = server.seen()[0].body.to_string();
    assert!(body.contains("\\\"medium\\\":301"), "it knows how many there are: {body}");
    assert!(body.len() < 16 << 10, "{} bytes: {body}", body.len());
}

#[test]
fn where_there_is_no_answer_the_report_says_why_and_is_otherwise_the_same() {
    let (house, server) = (House::with_sources(), Server::start());
    let (said, plain, page) = review(&house, None, &[]);
    assert!(plain.get("opening").is_none() && !page.contains("In short"), "{page}");
    assert!(!said.out.contains("cost") && !said.err.contains("editor"), "{said:?}");
    let (said, without_key, same) = review(&house, None, &MODEL);
    assert_eq!((&without_key, &same), (&plain, &page));
    let note = "left out, as there is no model for it: agent `editor` (openai/gpt-4o-mini: neither \
                OPENAI_API_KEY nor OPENAI_API_KEY_FILE is set); the run does without";
    assert!(said.err.contains(note), "{said:?}");
    for (answer, why) in [
        (Answer::status(500), "500"),
        (Answer::text("I am only a model."), "no JSON"),
        (Answer::text(json!({ "text": 1 }).to_string()), "text"),
    ] {
        server.always(move |_, _| answer.clone());
        let (said, mut report, told) = review(&house, Some(&server), &MODEL);
        let opening = report.as_object_mut().unwrap().remove("opening").unwrap();
        assert!(opening["note"].as_str().unwrap().contains(why), "{opening}");
        assert_eq!(report, plain, "{said:?}");
        let (before, after) = told.split_once("## In short\n\n").unwrap();
        let (line, after) = after.split_once("\n\n").unwrap();
        assert!(line.starts_with("Nothing to show: the model gave no answer"), "{line}");
        assert_eq!(format!("{before}{after}"), page);
    }
}
