//! `majordomo replay`: the code of a run again, over its record, with nobody there.

use crate::house::{House, PROGRAM, Said};
use adapters::testing::models::{Answer, Call, Seen, Server};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Three steps: a program, a model with a tool, and a program for each of what comes of it.
const TEAM: &str = r#"
name = "thinking"
output = { answer = "{{ think }}", all = "{{ each }}" }

[agents.thinker]
kind = "llm"
model = "compatible/scripted"
prompt = "You think of {{ input }}."
serves = ["think"]

[agents.thinker.tools.look]
ask = "look"
about = "Looks something up."
input = { type = "object", required = ["n"] }

[agents.looker]
kind = "command"
argv = ["sh", "look.sh"]
serves = ["look"]
slots = 4

[steps.first]
ask = "look"
input = { n = 0 }

[steps.think]
ask = "think"
input = "{{ args[0] }}"
needs = ["first"]

[steps.each]
ask = "look"
for_each = "[1, 2, 3]"
key = "index"
input = { n = "{{ item }}", of = "{{ think | length }}" }
"#;

/// Says what it was given; at what stands in `stop` it takes its time.
const LOOK: &str = r#"read it
echo "$it" >> looked
[ "$it" != "$(cat stop)" ] || sleep 60
echo "$it"
"#;

fn next(seen: &Seen) -> Answer {
    let messages = seen.body["messages"].as_array().unwrap();
    match messages.iter().filter(|it| it["role"] == "tool").count() {
        n @ (0 | 1) => Answer::calls([Call::new("c", "look", json!({ "n": 10 + n }))]),
        _ => Answer::text("both"),
    }
}

fn house() -> House {
    let house = House::new();
    house.write("thinking.toml", TEAM);
    house.write("look.sh", LOOK);
    house.write("stop", "never");
    house
}

fn run(house: &House, server: &Server) -> Said {
    let mut command = Command::new(PROGRAM);
    command.args(["run", "thinking.toml", "me", "--json"]).env("PATH", house.path(".bin"));
    command.env("COMPATIBLE_BASE_URL", server.openai());
    house.at_home(&mut command);
    house.spawn(command).end()
}

/// A house in which a run was done, and nobody is there any more.
fn done() -> House {
    let (house, server) = (house(), Server::start());
    server.always(|seen, _| next(seen));
    let said = run(&house, &server);
    assert_eq!(said.code, Some(0), "{said:?}");
    house
}

/// Every file under the data directory, but the views'.
fn data(house: &House) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut places) = (BTreeMap::new(), vec![house.path(".majordomo")]);
    while let Some(place) = places.pop() {
        for path in fs::read_dir(place).unwrap().map(|it| it.unwrap().path()) {
            match path.is_dir() {
                true => places.push(path),
                false => drop(files.insert(path.clone(), fs::read(&path).unwrap_or_default())),
            }
        }
    }
    files
}

fn looked(house: &House) -> usize {
    fs::read_to_string(house.path("looked")).unwrap().lines().count()
}

/// The verdict on each task that was played, by what was asked for.
fn verdicts(replay: &Value) -> BTreeMap<String, Vec<String>> {
    let mut verdicts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for task in replay["tasks"].as_array().unwrap() {
        let asked = task["capability"].as_str().unwrap().to_owned();
        verdicts.entry(asked).or_default().push(task["verdict"].as_str().unwrap().to_owned());
    }
    verdicts
}

/// Holds the run against an edited team file, and gives its differences by what was asked for.
fn held_against(house: &House, edited: &str) -> (i32, Vec<(String, Value)>) {
    house.write("edited.toml", edited);
    let said = house.run(&["replay", "1", "--team", "edited.toml", "--json"]);
    let last = serde_json::Deserializer::from_str(&said.out).into_iter::<Value>().last();
    let replay = last.unwrap_or_else(|| panic!("{said:?}")).unwrap();
    let tasks = replay["tasks"].as_array().unwrap().iter();
    let differs = tasks.filter(|it| it["verdict"] == "differs");
    let differs = differs
        .map(|it| (it["capability"].as_str().unwrap().to_owned(), it["differences"].clone()));
    (said.code.unwrap(), differs.collect())
}

#[test]
fn a_run_that_is_played_again_matches_and_touches_nothing() {
    let house = done();
    let (before, looks) = (data(&house), looked(&house));
    let replay = house.json(&["replay", "1"]);
    let matched = |n| vec!["matched".to_owned(); n];
    let expected = BTreeMap::from([
        ("look".to_owned(), vec!["taken".to_owned(); 6]),
        ("run.thinking".to_owned(), matched(1)),
        ("think".to_owned(), matched(1)),
    ]);
    assert_eq!(verdicts(&replay), expected, "{replay}");
    assert_eq!(
        (&replay["matched"], &replay["differs"], &replay["taken"]),
        (&json!(2), &json!(0), &json!(6))
    );
    let think = replay["tasks"].as_array().unwrap().iter().find(|it| it["capability"] == "think");
    assert_eq!(think.unwrap()["steps"], 5, "three calls, two tools: {replay}");
    assert_eq!(think.unwrap()["note"], Value::Null, "its requests are held against the record");
    let said = house.run(&["replay", "1"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let last = said.out.lines().last().unwrap();
    assert_eq!(last, "run 1: 2 matched, 0 differ, 6 taken from the record");
    assert_eq!(looked(&house), looks, "no program was started");
    assert_eq!(data(&house), before, "not a byte has changed");
}

#[test]
fn a_changed_prompt_is_told_with_its_words() {
    let house = done();
    let (code, differs) = held_against(&house, TEAM);
    assert_eq!((code, differs), (0, vec![]), "the same file");
    let (code, differs) =
        held_against(&house, &TEAM.replace("You think of", "You think quickly of"));
    assert_eq!(code, 1);
    assert_eq!(differs.len(), 1, "{differs:?}");
    let (asked, found) = &differs[0];
    assert_eq!((asked.as_str(), found[0]["step"].as_str()), ("think", Some("thinker/0/0")));
    let recorded = found[0]["recorded"].as_str().unwrap();
    assert!(recorded.starts_with("message 1 (instructions): You think of <<data"), "{found}");
    assert!(
        found[0]["now"].as_str().unwrap().starts_with("You think quickly of <<data"),
        "{found}"
    );
    let said = house.run(&["replay", "1", "--team", "edited.toml"]);
    assert!(said.out.contains("\n  step thinker/0/0\n    recorded  message 1"), "{said:?}");
}

#[test]
fn changed_steps_are_told_where_they_differ() {
    let house = done();
    let first = |edited: &str| {
        let (code, differs) = held_against(&house, edited);
        assert_eq!((code, differs.len()), (1, 1), "{edited}: {differs:?}");
        assert_eq!(differs[0].0, "run.thinking");
        differs[0].1.as_array().unwrap().clone()
    };
    let other_input = first(&TEAM.replace("{ n = 0 }", "{ n = 7 }"));
    assert_eq!(other_input[0]["step"], "first", "{other_input:?}");
    assert!(other_input[0]["recorded"].as_str().unwrap().starts_with("asks look with input "));
    let renamed =
        first(&TEAM.replace("steps.each", "steps.every").replace("{{ each }}", "{{ every }}"));
    assert!(renamed.iter().any(|it| it["step"] == "every/0" && it["recorded"] == "nothing"));
    assert!(renamed.iter().any(|it| it["step"] == "each/2" && it["now"] == "is not asked for"));
    let other_end = first(&TEAM.replace("answer = ", "result = "));
    assert_eq!(other_end[0]["step"], Value::Null, "{other_end:?}");
    assert!(other_end[0]["now"].as_str().unwrap().contains("\"result\":\"both\""), "{other_end:?}");
}

#[test]
fn a_run_under_way_matches_as_far_as_it_has_come() {
    let (house, server) = (house(), Server::start());
    server.always(|seen, _| next(seen));
    house.write("stop", r#"{"n":11}"#);
    let mut command = Command::new(PROGRAM);
    command.args(["run", "thinking.toml", "me"]).env("PATH", house.path(".bin"));
    command.env("COMPATIBLE_BASE_URL", server.openai());
    house.at_home(&mut command);
    let mut going = house.spawn(command);
    going.until("the second tool works", || {
        fs::read_to_string(house.path("looked")).unwrap_or_default().contains("11")
    });
    // It can be played while it is at work, and when it was killed.
    for _ in 0..2 {
        let replay = house.json(&["replay", "1"]);
        assert_eq!((&replay["matched"], &replay["differs"]), (&json!(2), &json!(0)), "{replay}");
        let tasks = replay["tasks"].as_array().unwrap();
        let think = tasks.iter().find(|it| it["capability"] == "think").unwrap();
        assert_eq!((&think["status"], &think["steps"]), (&json!("open"), &json!(4)), "{replay}");
        let (code, differs) = held_against(&house, &TEAM.replace("You think", "Think"));
        assert_eq!((code, differs.len()), (1, 1), "{differs:?}");
        let (code, differs) = held_against(&house, &TEAM.replace("[1, 2, 3]", "[1, 2, 3, 4]"));
        assert_eq!((code, differs), (0, vec![]), "what is to come may change");
        going.signal(Signal::KILL);
    }
}

#[test]
fn a_run_that_failed_fails_in_the_same_words() {
    let (house, server) = (house(), Server::start());
    server.always(|_, _| Answer::status(500).saying("out of order"));
    house.write(
        "thinking.toml",
        &format!("{TEAM}\n[steps.think.retry]\nattempts = 2\nbackoff = \"1ms\"\n"),
    );
    let said = run(&house, &server);
    assert_eq!((said.code, server.seen().len()), (Some(1), 2), "{said:?}");
    drop(server);
    let replay = house.json(&["replay", "1"]);
    assert_eq!((&replay["matched"], &replay["differs"]), (&json!(2), &json!(0)), "{replay}");
    let think = &replay["tasks"].as_array().unwrap()[1];
    assert_eq!((&think["capability"], &think["status"]), (&json!("think"), &json!("dead")));
    // A team that does without the answer ends otherwise.
    let optional = TEAM.replace("needs = [\"first\"]", "needs = [\"first\"]\noptional = true");
    let (code, differs) = held_against(&house, &optional);
    assert_eq!((code, differs.len()), (1, 1), "{differs:?}");
    assert_eq!(
        differs[0].1[0]["step"], "each/0",
        "it goes on where the run has ended: {differs:?}"
    );
}

#[test]
fn what_cannot_be_played_is_told() {
    let house = done();
    let said = house.run(&["replay", "99"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("the journal tells of no run 99"), "{said:?}");
    let said = house.run(&["replay", "2"]);
    assert!(said.err.contains("task 2 is part of run 1: replay that one"), "{said:?}");
    let said = house.run(&["--data", "nowhere", "replay", "1"]);
    assert!(said.err.contains("there is no journal in nowhere"), "{said:?}");
    house.done(&["forget", "1"]);
    let said = house.run(&["replay", "1"]);
    assert!(said.err.contains("no run 1") || said.out.contains("erased"), "{said:?}");
}
