//! `docs/wire.md` is exact: each line in it is a message of ours, and its transcript is replayed
//! from both ends; against the Python client, and against the adapter.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use adapters::agent::command::wire::{Answer, FromAgent, ToAgent};
use adapters::agent::command::{Command, Spec};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::host::{Remembering, attempt, failed};
use crate::stage::{self, Stage, eventually};

const DOCUMENT: &str = include_str!("../../../../docs/wire.md");

/// What stands between the fence and the next fence.
fn fenced(name: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("```{name}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// All lines with this arrow, as JSON.
fn lines(text: &str, arrow: &str) -> Vec<Value> {
    let json = |line: &str| serde_json::from_str(line).unwrap();
    text.lines().filter_map(|line| line.strip_prefix(arrow)).map(json).collect()
}

/// Without the optional fields that are not set.
fn without_nulls(mut value: Value) -> Value {
    value.as_object_mut().unwrap().retain(|name, value| name == "value" || !value.is_null());
    value
}

#[test]
fn every_line_to_the_agent_is_one_that_we_write() {
    for line in lines(DOCUMENT, "→ ") {
        let message: ToAgent = serde_json::from_value(line.clone()).unwrap();
        let written: Value = serde_json::from_slice(&message.line()).unwrap();
        assert_eq!(written, line);
    }
}

#[test]
fn every_line_from_the_agent_is_understood_in_every_field() {
    for line in lines(DOCUMENT, "← ") {
        let message: FromAgent = serde_json::from_value(line.clone()).unwrap();
        let understood = serde_json::to_value(&message).unwrap();
        assert_eq!(without_nulls(understood), without_nulls(line));
    }
}

/// The names by which serde knows the variants, from its complaint about one it does not know.
fn variants<T: serde::de::DeserializeOwned>(tag: &str) -> BTreeSet<String> {
    let error = serde_json::from_value::<T>(json!({ tag: "?" })).err().unwrap().to_string();
    let (_, names) = error.split_once("expected one of ").unwrap();
    names.split(", ").map(|name| name.trim_matches('`').to_string()).collect()
}

#[test]
fn every_message_and_every_answer_is_told() {
    let told = |arrow, field| -> BTreeSet<String> {
        let texts = lines(DOCUMENT, arrow);
        texts.iter().filter_map(|line| Some(line.get(field)?.as_str()?.to_string())).collect()
    };
    assert_eq!(told("→ ", "type"), variants::<ToAgent>("type"));
    assert_eq!(told("← ", "type"), variants::<FromAgent>("type"));
    assert_eq!(told("→ ", "answer"), variants::<Answer>("answer"));
}

#[test]
fn a_field_from_the_future_is_ignored_and_a_message_is_not() {
    let known = json!({"type": "heartbeat", "mood": "good"});
    assert_eq!(serde_json::from_value::<FromAgent>(known).unwrap(), FromAgent::Heartbeat {});
    serde_json::from_value::<FromAgent>(json!({"type": "dance"})).unwrap_err();
}

#[tokio::test]
async fn the_python_client_speaks_the_transcript() {
    let stage = Stage::new();
    let program = stage.client(fenced("python"));
    let mut process = tokio::process::Command::new(&program.argv[0])
        .args(&program.argv[1..])
        .envs(&program.set)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
    for line in fenced("transcript").lines() {
        if let Some(ours) = line.strip_prefix("→ ") {
            stdin.write_all(format!("{ours}\n").as_bytes()).await.unwrap();
            continue;
        }
        let expected: Value = serde_json::from_str(line.strip_prefix("← ").unwrap()).unwrap();
        let mut said = json!({"type": "heartbeat"});
        while said["type"] == "heartbeat" {
            said = serde_json::from_str(&stdout.next_line().await.unwrap().unwrap()).unwrap();
        }
        assert_eq!(said, expected);
    }
    drop(stdin);
    assert!(process.wait().await.unwrap().success());
}

/// An agent that knows the transcript by heart and accepts nothing else.
const BY_HEART: &str = "
import json, sys
for line in open('transcript', encoding='utf-8'):
    if line.startswith('→ '):
        heard = sys.stdin.readline()
        if json.loads(heard) != json.loads(line[2:]):
            sys.exit(f'expected {line} heard {heard}')
    else:
        print(line[2:], end='', flush=True)
open('verdict', 'w').write('word for word\\n')
";

#[tokio::test]
async fn the_adapter_speaks_the_transcript() {
    let stage = Stage::new();
    std::fs::write(stage.path("transcript"), fenced("transcript")).unwrap();
    let mut program = stage.python(BY_HEART);
    program.set.insert("PYTHONIOENCODING".into(), "utf-8".into());
    let limits = adapters::agent::command::Limits { grace_ms: 5_000, ..stage::limits() };
    let agent = Command::new(Spec { limits, ..Spec::jsonl(program, &["invoice.send"]) });
    let count = AtomicU32::new(0);
    let host = Remembering::answering(move |_, _| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Box::pin(async { Answer::Ok { value: json!("Dear Ada") } }),
        1 => Box::pin(async { failed("rejected", "no such person") }),
        _ => Box::pin(std::future::pending()),
    });
    let work = |n| attempt(n, "invoice.send", json!({"to": "Ada"}));
    assert_eq!(agent.attempt(host.clone(), work(1)).await.unwrap(), json!("Dear Ada"));
    let refused = agent.attempt(host.clone(), work(2)).await.unwrap_err();
    assert_eq!(refused.to_string(), "rejected: no such person");
    let asked = || host.notes().iter().filter(|note| note.starts_with("ask")).count() == 3;
    tokio::select! {
        ended = agent.attempt(host.clone(), work(3)) => panic!("{ended:?}"),
        () = eventually("the third attempt asks", asked) => {}
    }
    host.slots.empty().await;
    agent.stop().await;
    assert_eq!(stage.written("verdict").await, "word for word\n");
    assert!(stage.alive().is_empty());
}

/// The guide's agent, with a `my_agent` that notes each call it is paid for.
#[tokio::test]
async fn the_guide_s_fifteen_lines_survive_a_kill_and_pay_once() {
    let guide = include_str!("../../../../docs/guide/wrap-your-agent.md");
    let (_, code) = guide.split_once("```python\n").unwrap();
    let code = code.split_once("```").unwrap().0;
    assert!(code.lines().filter(|line| !line.is_empty()).count() <= 15);
    let stage = Stage::new();
    let paid = "def note(name):\n    open('paid', 'a').write(name + '\\n')\n    return name\n\
                def plan(topic): note('plan'); return [topic + '-1', topic + '-2']\n\
                def write(title): return note(title)\n";
    std::fs::write(stage.path("my_agent.py"), paid).unwrap();
    let agent = Command::new(Spec {
        limits: stage::limits(),
        ..Spec::jsonl(stage.client(code), &["report.write"])
    });
    let count = AtomicU32::new(0);
    let host = Remembering::answering(move |_, input| {
        let is_first = count.fetch_add(1, Ordering::Relaxed) == 0;
        let value = input["pages"].clone();
        Box::pin(async move {
            if is_first { std::future::pending().await } else { Answer::Ok { value } }
        })
    });
    let work = |n| attempt(n, "report.write", json!({"topic": "t"}));
    let killed = async {
        eventually("it asks", || host.notes().last().is_some_and(|n| n.starts_with("ask"))).await;
        for pid in stage.alive() {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
    };
    let (ended, ()) = tokio::join!(agent.attempt(host.clone(), work(1)), killed);
    assert!(ended.unwrap_err().to_string().contains("signal 9"));
    let output = agent.attempt(host.clone(), work(2)).await.unwrap();
    assert_eq!(output, json!({"pages": ["t-1", "t-2"], "verdict": ["t-1", "t-2"]}));
    assert_eq!(stage.written("paid").await, "plan\nt-1\nt-2\n");
    agent.stop().await;
}

#[test]
fn the_python_client_passes_its_own_tests() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/python");
    let output = std::process::Command::new(stage::python3())
        .args(["-B", "-W", "error", "-m", "unittest", "test_majordomo"])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
