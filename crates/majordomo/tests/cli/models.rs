//! Models in team files, against a scripted server: a process that is killed goes on at the next
//! call, and a key is nowhere to be seen.

use crate::house::{Going, House, PROGRAM};
use adapters::testing::models::{Answer, Call, Seen, Server};
use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeSet;
use std::process::Command;

/// A model that notes nine numbers, one after the other, and then says what it was told.
const TEAM: &str = r#"
name = "thinking"
output = { answer = "{{ think }}" }

[agents.thinker]
kind = "llm"
model = "compatible/scripted"
prompt = "thinker.md"
serves = ["think"]

[agents.thinker.tools.note]
ask = "note"
about = "Notes a number."
input = { type = "object", required = ["n"] }

[agents.keeper]
kind = "command"
argv = ["sh", "keeper.sh"]
serves = ["note"]

[steps.think]
ask = "think"
input = "{{ args[0] }}"
"#;

/// Notes what it is given; at the number in `stop` it waits until `go` is there.
const KEEPER: &str = r#"read it
echo "$it" >> noted
[ "$it" != "$(cat stop)" ] || until [ -e go ]; do sleep 0.02; done
echo "$it"
"#;

/// Calls of the model in one run.
const CALLS: usize = 10;

/// The next of the script, by what the conversation has in it.
fn next(seen: &Seen) -> Answer {
    let messages = seen.body["messages"].as_array().unwrap();
    let told: Vec<&str> = messages
        .iter()
        .filter(|it| it["role"] == "tool")
        .map(|it| runtime::llm::unfenced(it["content"].as_str().unwrap()).unwrap())
        .collect();
    match told.len() {
        n if n + 1 < CALLS => Answer::calls([Call::new("c", "note", json!({ "n": n }))]),
        _ => Answer::text(told.join(" ")),
    }
}

fn start(house: &House, server: &Server, args: &[&str]) -> Going {
    let mut command = Command::new(PROGRAM);
    command.args(args).env("PATH", house.path(".bin"));
    command.env("COMPATIBLE_BASE_URL", server.openai());
    house.at_home(&mut command);
    house.spawn(command)
}

fn house() -> House {
    let house = House::new();
    house.write("thinking.toml", TEAM);
    house.write("keeper.sh", KEEPER);
    house.write("thinker.md", "You note numbers for {{ input }}.\n");
    house
}

/// Goes on with the run, and requires the answer that an undisturbed one gives.
fn resume(house: &House, server: &Server) {
    let said = start(house, server, &["resume", "--json"]).end();
    assert_eq!(said.code, Some(0), "{said:?}");
    let summary: serde_json::Value = serde_json::from_str(said.out.trim()).unwrap();
    let numbers: Vec<String> = (0..CALLS - 1).map(|n| format!("{{\"n\":{n}}}")).collect();
    assert_eq!(summary["outputs"]["answer"], numbers.join(" "), "{summary}");
}

/// How many different calls the server was asked for.
fn keys(server: &Server) -> usize {
    let seen = server.seen();
    let keys = seen.iter().map(|it| it.header("idempotency-key").unwrap());
    keys.collect::<BTreeSet<_>>().len()
}

#[test]
fn killed_between_two_calls_it_goes_on_at_the_next() {
    let (house, server) = (house(), Server::start());
    server.always(|seen, _| next(seen));
    house.write("stop", r#"{"n":5}"#);
    let mut run = start(&house, &server, &["run", "thinking.toml", "me"]);
    run.until("the sixth tool works", || {
        let noted = std::fs::read_to_string(house.path("noted")).unwrap_or_default();
        noted.lines().count() == 6
    });
    run.signal(Signal::KILL);
    assert_eq!(run.end().code, Some(-9));
    assert_eq!(server.seen().len(), 6);
    house.write("go", "");
    resume(&house, &server);
    assert_eq!((server.seen().len(), keys(&server)), (CALLS, CALLS), "nothing was paid twice");
    let first = server.seen()[0].body["messages"][0]["content"].clone();
    assert!(first.as_str().unwrap().starts_with("You note numbers for <<data "), "{first}");
}

#[test]
fn killed_within_a_call_it_makes_that_call_again_and_no_other() {
    let (house, server) = (house(), Server::start());
    server.always(|seen, number| if number == 4 { next(seen).held() } else { next(seen) });
    house.write("stop", "never");
    let run = start(&house, &server, &["run", "thinking.toml", "me"]);
    server.wait_for(5);
    run.signal(Signal::KILL);
    assert_eq!(run.end().code, Some(-9));
    server.release();
    // The instructions that the run began with hold, whatever became of the file.
    house.write("thinker.md", "You do something else.");
    resume(&house, &server);
    assert_eq!((server.seen().len(), keys(&server)), (CALLS + 1, CALLS));
    let last = server.seen()[CALLS].body["messages"][0]["content"].clone();
    assert!(last.as_str().unwrap().starts_with("You note numbers for <<data "), "{last}");
}

#[test]
fn a_key_is_nowhere_to_be_seen() {
    const KEY: &str = "sk-canary-5d1f0c";
    let (house, server) = (house(), Server::start());
    let team = TEAM.replace("compatible/scripted", "openai/scripted");
    house.write("thinking.toml", &format!("{team}retry = {{ attempts = 1 }}\n"));
    server.then(Answer::status(401).saying(format!("Incorrect API key provided: {KEY}")));
    let mut command = Command::new(PROGRAM);
    command.args(["run", "thinking.toml", "me"]).env("PATH", house.path(".bin"));
    command.env("OPENAI_BASE_URL", server.openai()).env("OPENAI_API_KEY", KEY);
    house.at_home(&mut command);
    let said = house.spawn(command).end();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("Incorrect API key provided: ***"), "{said:?}");
    assert!(said.out.contains("OPENAI_API_KEY"), "it says what to mend: {said:?}");
    let sent = server.seen()[0].header("authorization").map(str::to_owned);
    assert_eq!(sent, Some(format!("Bearer {KEY}")), "it was sent where it belongs");
    let mut files = vec![house.home.path().to_owned()];
    let mut read = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            let inside = std::fs::read_dir(&path).unwrap().map(|it| it.unwrap().path());
            files.extend(inside.filter(|it| !it.ends_with(".bin")));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(KEY.len()).any(|it| it == KEY.as_bytes());
            assert!(!found, "{} has the key", path.display());
            read += 1;
        }
    }
    assert!(read > 4, "the journal and what was said were looked at: {read}");
}

#[test]
fn a_model_that_is_not_set_up_is_named_before_anything_begins() {
    let house = house();
    let said = house.run(&["run", "thinking.toml", "me"]);
    assert_ne!(said.code, Some(0));
    let why = "agent `thinker`: compatible/scripted: COMPATIBLE_BASE_URL says where it is";
    assert!(said.err.contains(why), "{said:?}");
    house.write("thinker.md", "{{ args }}");
    let said = house.run(&["check", "thinking.toml"]);
    assert!(said.err.contains("`args` stands for nothing in a prompt"), "{said:?}");
    std::fs::remove_file(house.path("thinker.md")).unwrap();
    let said = house.run(&["check", "thinking.toml"]);
    assert!(said.err.contains("team-prompt"), "{said:?}");
}

#[test]
fn providers_are_looked_at() {
    let (house, server) = (House::new(), Server::start());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(args).env("COMPATIBLE_BASE_URL", server.openai());
        command.env("COMPATIBLE_API_KEY", "sk-canary-77");
        command.env("OLLAMA_BASE_URL", format!("http://{nobody}/v1"));
        for name in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"] {
            command.env_remove(name).env_remove(format!("{name}_FILE"));
        }
        house.at_home(&mut command);
        house.spawn(command).end()
    };
    let said = run(&["models"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for line in [
        "openai      not set up   -",
        "neither OPENAI_API_KEY nor OPENAI_API_KEY_FILE is set",
        "ollama      unreachable",
        "compatible  reachable",
        "yes  compatible/scripted",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert!(!said.out.contains("canary"), "{said:?}");
    let one = run(&["models", "compatible", "--json"]);
    let one: serde_json::Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!((&one[0]["status"], &one[0]["models"]), (&json!("reachable"), &json!(["scripted"])));
    assert_eq!(run(&["models", "ollama"]).code, Some(1));
    let unknown = run(&["models", "nobody"]);
    assert!(unknown.err.contains("there are openai, anthropic"), "{unknown:?}");
}

#[test]
fn a_run_may_choose_the_model() {
    let (house, server) = (house(), Server::start());
    house.write("thinking.toml", &TEAM.replace("model = \"compatible/scripted\"\n", ""));
    server.always(|seen, _| next(seen));
    let said = start(&house, &server, &["run", "thinking.toml", "me"]).end();
    assert!(said.err.contains("it has no model: say `model`, or `--model`"), "{said:?}");
    house.write("stop", "never");
    let model = ["run", "thinking.toml", "me", "--model", "compatible/other"];
    let said = start(&house, &server, &model).end();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(server.seen()[0].body["model"], "other");
    let said = start(&house, &server, &["run", "thinking.toml", "--model", "other"]).end();
    assert!(said.err.contains("`other` is no model's name"), "{said:?}");
}

/// Two models, and a program that reads logs in the place of a third.
const FALLBACK: &str = r#"
name = "fallback"
output = { answer = "{{ think }}" }

[agents.thinker]
kind = "llm"
model = ["openai/unpaid", "compatible/first", "ollama/second"]
prompt = "You think."
serves = ["think"]

[models."ollama/second"]
price = { input_usd = 2, output_usd = 2 }

[steps.think]
ask = "think"
input = "?"
"#;

#[test]
fn a_model_that_is_overloaded_is_replaced_at_once_and_it_is_told() {
    let (house, first, second) = (House::new(), Server::start(), Server::start());
    first.always(|_, _| Answer::status(429).header("retry-after", "60"));
    second.always(|_, _| Answer::text("so it is").with_usage(100, 0));
    house.write("fallback.toml", FALLBACK);
    let start = |args: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(args).env("COMPATIBLE_BASE_URL", first.openai());
        command.env("OLLAMA_BASE_URL", second.openai()).env_remove("OPENAI_API_KEY");
        house.at_home(&mut command);
        house.spawn(command).end()
    };
    let said = start(&["run", "fallback.toml"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let note = "openai/unpaid is not asked (openai/unpaid: neither OPENAI_API_KEY nor \
                OPENAI_API_KEY_FILE is set); the other models of `thinker` are";
    assert!(said.err.contains(note), "{said:?}");
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
    let log = start(&["logs", "2"]);
    assert!(log.out.contains("ollama/second is asked instead"), "{log:?}");
    let costs = house.json(&["cost", "--by", "model"]);
    let line = json!({ "of": "ollama/second", "reports": 1, "tokens": 100, "money_micros": 200 });
    assert_eq!(costs["costs"], json!([line]), "{costs}");
}

#[test]
fn where_the_model_fails_another_agent_does_the_work() {
    let (house, server) = (House::new(), Server::start());
    server.always(|_, _| Answer::status(500));
    let team = r#"
        output = { read = "{{ read }}" }
        [agents]
        reader = { kind = "builtin", use = "log-reader" }
        [agents.thinker]
        kind = "llm"
        model = "compatible/m"
        prompt = "Read."
        serves = ["log.templates"]
        prefer = 1
        [steps]
        read = { ask = "log.templates", input = { path = "it.log" } }
    "#;
    house.write("read.toml", team);
    house.write("it.log", "a 1\na 2\n");
    let said = start(&house, &server, &["run", "read.toml", "--json"]).end();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(server.seen().len(), 1, "it goes first, and once");
    let summary: serde_json::Value = serde_json::from_str(said.out.trim()).unwrap();
    assert!(summary["outputs"]["read"].is_object(), "{summary}");
}

#[test]
fn a_model_reads_files_beneath_a_root_and_no_others() {
    let (house, server) = (House::new(), Server::start());
    let team = r#"
        output = { said = "{{ think }}" }
        [agents]
        reader = { kind = "builtin", use = "files", root = "docs" }
        [agents.thinker]
        kind = "llm"
        model = "compatible/m"
        prompt = "Read."
        serves = ["think"]
        tools = { read = { ask = "file.read" }, list = { ask = "file.list" } }
        [steps]
        think = { ask = "think", input = "?" }
    "#;
    std::fs::create_dir_all(house.path("teams/docs")).unwrap();
    house.write("teams/read.toml", team);
    house.write("teams/docs/a.md", "what is written\n");
    house.write("teams/secret.txt", "what is beside it\n");
    server.always(|seen, number| match number {
        0 => Answer::calls([
            Call::new("1", "list", json!({})),
            Call::new("2", "read", json!({ "path": "a.md" })),
            Call::new("3", "read", json!({ "path": "../secret.txt" })),
        ]),
        _ => Answer::text(seen.body["messages"].to_string()),
    });
    let said = start(&house, &server, &["run", "teams/read.toml", "--json"]).end();
    assert_eq!(said.code, Some(0), "{said:?}");
    let summary: serde_json::Value = serde_json::from_str(said.out.trim()).unwrap();
    let told = summary["outputs"]["said"].as_str().unwrap();
    assert!(told.contains("a.md") && told.contains("what is written"), "{told}");
    assert!(told.contains("does not lead to something in the files"), "{told}");
    assert!(!told.contains("what is beside it"), "{told}");
    std::fs::remove_dir_all(house.path("teams/docs")).unwrap();
    let said = start(&house, &server, &["run", "teams/read.toml"]).end();
    assert!(said.err.contains("agent `reader`: the root ") && said.code != Some(0), "{said:?}");
}
