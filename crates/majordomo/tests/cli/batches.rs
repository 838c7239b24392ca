//! Many tasks from a file, and many dead ones, against the real program.

use crate::house::{House, NAPS};
use serde_json::Value;

/// A team whose agent does what it finds in `mended`, and cannot before.
const FAILS: &str = r#"
name = "fails"

[agents.broken]
kind = "command"
argv = ["sh", "-c", 'read it; test -e mended || { echo "no tools" >&2; exit 3; }; echo "$it"']
serves = ["work", "other"]

[steps]
only = { ask = "work", input = "{{ args[0] }}", retry = { attempts = 1 } }
"#;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_line_of_a_file_has_its_own_answer_in_order_and_keys_are_made_once() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let up = house.up("naps.toml");
    // More lines than go together, with what is wrong in between.
    let mut file = String::new();
    for number in 1..=1_500 {
        file += &match number {
            3 => "not json\n".to_owned(),
            4 => "{\"input\":1}\n".to_owned(),
            5 => "\n".to_owned(),
            6 => "{\"capability\":\"nap\",\"inptu\":1}\n".to_owned(),
            7 => "{\"capability\":\"nap\",\"input\":7,\"key\":\"k1\"}\n".to_owned(),
            it => format!("{{\"capability\":\"later\",\"input\":{it},\"key\":\"k{it}\"}}\n"),
        };
    }
    house.write("tasks.jsonl", file.trim_end()); // The last line need not end.
    let said = house.run(&["submit", "--many", "tasks.jsonl", "--class", "low"]);
    assert_eq!(said.code, Some(1), "some were refused: {:?}", said.err);
    assert_eq!(said.err.trim(), "1495 accepted, 0 known by their keys, 4 refused");
    let answers = lines(&said.out);
    let numbers = answers.iter().map(|it| it["line"].as_u64().unwrap());
    assert!(numbers.eq((1..=1_500).filter(|it| *it != 5)), "a blank line is none");
    let tasks: Vec<_> = answers.iter().filter_map(|it| it["accepted"]["task"].as_u64()).collect();
    assert!(tasks.is_sorted() && tasks.len() == 1_495);
    for (line, words) in [
        (3, "expected ident"),
        (4, "which `capability` is asked for"),
        (6, "unknown field `inptu`"),
        (7, "the idempotency key belongs to task"),
    ] {
        let answer = answers.iter().find(|it| it["line"] == line).unwrap();
        let message = answer["refused"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
    }
    let again = house.run(&["submit", "later", "--many", "tasks.jsonl"]);
    assert_eq!(again.err.trim(), "1 accepted, 1495 known by their keys, 3 refused");
    house.done(&["stop", "--grace", "0"]);
    up.end();
}

#[test]
fn tasks_from_a_file_wait_where_nobody_works_yet() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    house.done(&["run", "naps.toml", "0"]);
    house.write("tasks.jsonl", "{\"input\":\"0\\n\"}\n{\"input\":\"0\\n\"}\n");
    let answers = house.done(&["submit", "nap", "--team", "naps", "--many", "tasks.jsonl"]);
    let task = lines(&answers)[1]["accepted"]["task"].to_string();
    let mut up = house.up("naps.toml");
    up.until("it is done", || house.run(&["show", &task]).out.contains("completed"));
    house.done(&["stop"]);
    up.end();
    let said = house.run(&["submit", "nap", "1", "--many", "tasks.jsonl"]);
    assert_eq!(said.code, Some(2), "an input for all is a mistake: {said:?}");
    let said = house.run(&["submit", "--many", "none.jsonl"]);
    assert!(said.err.contains("cannot read none.jsonl"), "{said:?}");
}

/// A house with three dead tasks, oldest first.
fn with_dead() -> (House, [String; 3]) {
    let house = House::new();
    house.write("fails.toml", FAILS);
    house.write("other.toml", &FAILS.replace("ask = \"work\"", "ask = \"other\""));
    for args in [["fails.toml", "1"], ["fails.toml", "2"], ["other.toml", "3"]] {
        assert_eq!(house.run(&[&["run"], &args[..]].concat()).code, Some(1));
    }
    let tasks = dead(&house);
    (house, tasks.try_into().unwrap())
}

/// Those that wait for a decision.
fn dead(house: &House) -> Vec<String> {
    let list: Value =
        serde_json::from_str(&house.run(&["dead", "list", "--json"]).out).unwrap_or_default();
    list.as_array().into_iter().flatten().map(|it| it["task"].to_string()).collect()
}

#[test]
fn a_dead_task_is_shown_with_all_that_is_known_and_lives_again_with_a_mended_input() {
    let (house, [first, ..]) = with_dead();
    let letter = house.done(&["dead", "show", &first]);
    for words in ["input \"1\"", "attempt 1 by broken", "no tools", "dead retry"] {
        assert!(letter.contains(words), "{words}: {letter}");
    }
    let wrong = house.run(&["dead", "retry", &first, "--input", "forty two"]);
    assert!(wrong.err.contains("is no JSON; text needs quotes"), "{wrong:?}");
    house.write("mended", "");
    house.write("input.json", "{\"better\": 42}");
    house.done(&["dead", "retry", &first, "--input", "@input.json"]);
    let letter = house.done(&["dead", "show", &first, "--json"]);
    let letter: Value = serde_json::from_str(&letter).unwrap();
    let next = letter["released_into"].to_string();
    let twice = house.run(&["dead", "retry", &first]);
    assert_eq!(twice.code, Some(1), "it has its other life: {twice:?}");
    let mut up = house.up("fails.toml");
    up.until("it is done", || house.run(&["show", &next]).out.contains("completed"));
    let story = house.done(&["show", &next]);
    assert!(story.contains("\"better\":42") || story.contains("\"better\": 42"), "{story}");
    assert!(house.done(&["show", &first]).contains("dead"), "what died stays dead");
    house.done(&["stop"]);
    up.end();
}

#[test]
fn dead_tasks_are_retried_by_capability_and_dropped_by_age() {
    let (house, tasks) = with_dead();
    house.write("mended", "");
    let said = house.done(&["dead", "retry", "--all", "--capability", "work"]);
    assert!(said.contains("2 dead tasks are given another life"), "{said}");
    assert_eq!(dead(&house), [tasks[2].clone()], "the other capability still waits");
    let said = house.done(&["dead", "drop", "--older", "7d"]);
    assert!(said.contains("0 dead tasks are forgotten"), "{said}");
    let said = house.done(&["dead", "drop", "--older", "0s"]);
    assert!(said.contains("1 dead tasks are forgotten"), "{said}");
    assert_eq!(dead(&house), Vec::<String>::new());
    for args in [&["dead", "retry"] as &[&str], &["dead", "drop"], &["dead", "retry", "1", "--all"]]
    {
        assert_eq!(house.run(args).code, Some(2), "{args:?}");
    }
}

const LABELS: &str = r#"
[agents.eu]
kind = "command"
argv = ["sh", "-c", "echo 1"]
serves = ["x"]
labels = { region = "eu", tokens = 9 }
[agents.us]
kind = "command"
argv = ["sh", "-c", "echo 2"]
serves = ["x"]
slots = 2
labels = { region = "us" }
[limits.tenant.banned]
queued = 0
"#;

#[test]
fn a_task_says_which_agent_it_wants_and_whose_it_is() {
    let house = House::new();
    house.write("labels.toml", LABELS);
    let up = house.up("labels.toml");
    let ask = |more: &[&str]| house.done(&[&["submit", "x", "--wait"], more].concat());
    assert_eq!(ask(&["--require", "region in ['eu']"]).trim(), "1");
    assert_eq!(ask(&["--require", "not tokens > 8"]).trim(), "2");
    assert_eq!(ask(&["--wish", "region == 'us'"]).trim(), "2");
    assert_eq!(ask(&["--weight", "2", "--sticky", "a"]).trim(), "2");

    let wrong = house.run(&["submit", "x", "--require", "region = 'eu'"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("region = 'eu'\n         ^"), "{}", wrong.err);
    let refused = house.run(&["submit", "x", "--tenant", "banned"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");

    let line = r#"{"capability":"x","require":"region == 'eu'"}"#;
    house.write("many", &format!("{line}\n{{\"capability\":\"x\",\"wish\":\"region =\"}}\n"));
    let many = house.run(&["submit", "--many", "many"]);
    let mut lines = many.out.lines();
    assert!(lines.next().unwrap().contains("accepted"), "{many:?}");
    assert!(lines.next().unwrap().contains("`=` means nothing here"), "{many:?}");
    house.done(&["stop"]);
    up.end();
}
