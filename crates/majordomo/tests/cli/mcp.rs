//! Servers of MCP in team files: a model calls their tools, and nobody outlives the process.

use crate::house::{House, PROGRAM};
use adapters::testing::models::{Answer, Call, Seen, Server};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

const SERVER: &str = include_str!("../../../adapters/tests/mcp/server.py");

/// A model that counts words with the tool of a server, and a step that asks for another tool.
const TEAM: &str = r#"
name = "counting"
output = { answer = "{{ think }}", said = "{{ say }}" }

[agents.words]
kind = "mcp"
argv = ["PYTHON", "server.py", "{}"]
tools = { count = "text.count", echo = "text.echo", stall = "text.stall", pid = "text.pid" }
slots = 2

[agents.thinker]
kind = "llm"
model = "compatible/scripted"
prompt = "You count words."
serves = ["think"]

[agents.thinker.tools]
count = { ask = "text.count" }
echo = { ask = "text.echo", about = "Says it again." }

[steps]
say = { ask = "text.echo", input = { text = "{{ args[0] }}" } }
think = { ask = "think", input = "{{ say }}" }
"#;

/// Not the one on PATH, which may be a script that looks for it.
fn python() -> String {
    let script = ["-c", "import sys; print(sys.executable)"];
    let answer = Command::new("python3").args(script).output().expect("these tests need `python3`");
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
}

fn house() -> House {
    let house = House::new();
    house.write("counting.toml", &TEAM.replace("PYTHON", &python()));
    house.write("server.py", SERVER);
    house
}

fn command(house: &House, server: &Server, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).env("PATH", house.path(".bin"));
    command.env("COMPATIBLE_BASE_URL", server.openai());
    house.at_home(&mut command);
    command
}

/// What the model was told of its calls.
fn told(seen: &Seen) -> Vec<String> {
    let messages = seen.body["messages"].as_array().unwrap().iter();
    let tools = messages.filter(|it| it["role"] == "tool");
    let text = |it: &Value| it["content"].as_str().map(str::to_owned).unwrap();
    tools.map(|it| runtime::llm::unfenced(&text(it)).unwrap().to_owned()).collect()
}

#[test]
fn a_model_calls_the_tools_of_a_server_as_tasks() {
    let (house, server) = (house(), Server::start());
    server.always(|seen, _| match told(seen).len() {
        0 => Answer::calls([Call::new("a", "echo", json!({ "text": 3 }))]),
        1 => Answer::calls([
            Call::new("b", "count", json!({ "text": "to be or not" })),
            Call::new("c", "echo", json!({ "text": "again" })),
        ]),
        _ => Answer::text(told(seen).join(" / ")),
    });
    let run = house.spawn(command(&house, &server, &["run", "counting.toml", "hello", "--json"]));
    let said = run.end();
    assert_eq!(said.code, Some(0), "{said:?}");
    let summary: Value = serde_json::from_str(said.out.trim()).unwrap();
    assert_eq!(summary["outputs"]["said"], "hello");
    let answer = summary["outputs"]["answer"].as_str().unwrap();
    let refused = "the input of text.echo@1 does not match: at /text: wanted a text, was given the \
                   number 3";
    assert!(answer.contains(refused), "{answer}");
    assert!(answer.ends_with(r#" / {"words":4} / again"#), "{answer}");

    // What the table does not say, the server says.
    let tools = server.seen()[0].body["tools"].clone();
    let tool = |name: &str| {
        let found = tools.as_array().unwrap().iter().find(|it| it["function"]["name"] == name);
        found.unwrap()["function"].clone()
    };
    assert_eq!(tool("count")["description"], "Does count.");
    assert_eq!(tool("echo")["description"], "Says it again.");
    let text = &tool("echo")["parameters"]["properties"]["text"];
    assert_eq!(text["description"], "What to say.", "{tools}");

    // Three calls were tasks; what was refused is none.
    let agents = house.json(&["agents"]);
    let words = agents["agents"].as_array().unwrap().iter().find(|it| it["name"] == "words");
    let words = words.unwrap_or_else(|| panic!("{agents}"));
    assert_eq!((&words["kind"], &words["completed"]), (&json!("mcp"), &json!(3)), "{agents}");
}

/// Whether a process has not ended; who waits to be reaped has.
fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn a_server_does_not_outlive_a_process_that_is_killed() {
    let (house, server) = (house(), Server::start());
    let team = TEAM.replace("PYTHON", &python());
    let stall = "[steps]\nstall = { ask = \"text.stall\", input = {} }";
    house.write("counting.toml", &team.replace("[steps]", stall));
    server.always(|_, _| Answer::text("nothing"));
    let mut run = house.spawn(command(&house, &server, &["run", "counting.toml", "hello"]));
    run.until("a call stalls", || house.path("stalled").exists());
    let children = std::fs::read_dir("/proc").unwrap().filter_map(|it| {
        let pid: i32 = it.ok()?.file_name().to_str()?.parse().ok()?;
        let place = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let is_server = String::from_utf8_lossy(&line).contains("server.py");
        (is_server && place == house.home.path().canonicalize().ok()?).then_some(pid)
    });
    let servers: Vec<i32> = children.collect();
    assert_eq!(servers.len(), 1);
    run.signal(Signal::KILL);
    assert_eq!(run.end().code, Some(-9));
    let begun = Instant::now();
    while lives(servers[0]) {
        assert!(begun.elapsed() < Duration::from_secs(20), "its server has outlived it");
        std::thread::yield_now();
    }
}
