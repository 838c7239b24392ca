//! Programs that promised signs of life and stopped giving them: they are doubted, not killed, and
//! the lease decides.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adapters::agent::command::{Command, Limits, Program, Spec};
use adapters::{blobs, journal};
use kernel::Event;
use runtime::Stores;
use runtime::api::TeamBuilder;
use runtime::testing::Record;
use rustix::process::Signal;
use serde_json::json;

use crate::host::{Remembering, first};
use crate::stage::{self, Stage, eventually};
use crate::supervised::{known, signal, steady, submit};

/// A shell agent that promises a beat every 20 ms, then hears one task and does `rest`.
fn raw(stage: &Stage, rest: &str) -> Program {
    let ready = r#"{"type":"ready","version":1,"serves":["it"],"heartbeat_ms":20}"#;
    stage.shell(&format!("read hello; echo '{ready}'; read task\n{rest}"))
}

#[tokio::test]
async fn who_promised_heartbeats_and_falls_silent_is_doubted_until_it_speaks() {
    let stage = Stage::new();
    let rest = r#"while [ ! -e go ]; do sleep 0.01; done
                  echo '{"type":"result","token":"101","output":"here"}'; read end"#;
    let spec = Spec { limits: stage::limits(), ..Spec::jsonl(raw(&stage, rest), &["it"]) };
    let agent = Command::new(spec);
    let host = Remembering::new();
    let doubted = async {
        eventually("it is doubted", || host.notes() == ["silent"]).await;
        assert_eq!((agent.processes(), host.heard.load(Ordering::Relaxed)), (1, 0));
        std::fs::write(stage.path("go"), "").unwrap();
    };
    let (output, ()) = tokio::join!(agent.attempt(host.clone(), first()), doubted);
    assert_eq!(output.unwrap(), json!("here"), "the slow are not murdered");
    assert_eq!((host.notes(), host.heard.load(Ordering::Relaxed)), (vec!["silent".into()], 1));
    agent.stop().await;
    assert_eq!(stage.alive(), Vec::<u32>::new());
}

/// Ten processes are stopped while they work, for longer than their leases last.
#[tokio::test]
async fn what_stopped_processes_answer_after_their_leases_is_refused() {
    const MANY: usize = 10;
    let stage = Stage::new();
    let rest = r#"token=$(echo "$task" | sed 's/.*"token":"\([0-9]*\)".*/\1/')
                  echo $$ > at-$token
                  while [ ! -e go ]; do echo '{"type":"heartbeat"}'; sleep 0.02; done
                  echo '{"type":"result","token":"'$token'","output":"late"}'
                  read end"#;
    let limits = Limits { grace_ms: 20_000, ..stage::limits() };
    let spec = Spec { limits, slots: MANY as u32, ..Spec::jsonl(raw(&stage, rest), &["it"]) };
    let mut entry = Command::new(spec).entry("paused");
    entry.spec.prefer = 1;
    let record = Record::default();
    let (lease_ms, renew_ms, renew_retry_ms) = (400, 200, 50);
    let limits = kernel::Limits { lease_ms, renew_ms, renew_retry_ms, ..Default::default() };
    let team = watched(record.clone()).limits(limits).agent(entry).start().await.unwrap();
    let mut tickets = Vec::new();
    for _ in 0..MANY {
        tickets.push(submit(&team).await);
    }
    let at_work = || {
        std::fs::read_dir(stage.path(""))
            .unwrap()
            .filter_map(|file| {
                let file = file.unwrap();
                file.file_name()
                    .to_str()?
                    .starts_with("at-")
                    .then(|| std::fs::read_to_string(file.path()))
            })
            .filter_map(|pid| pid.ok()?.trim().parse().ok())
            .collect::<Vec<u64>>()
    };
    eventually("all of them work", || at_work().len() == MANY).await;
    let pids = at_work();
    pids.iter().for_each(|pid| signal(*pid, Signal::STOP));
    eventually("the agent is suspected", || known(&team, "paused").life.suspected).await;
    team.join(steady()).await.unwrap();
    for ticket in tickets {
        assert_eq!(ticket.outcome().await.unwrap(), "steady", "it went to another agent");
    }
    std::fs::write(stage.path("go"), "").unwrap();
    pids.iter().for_each(|pid| signal(*pid, Signal::CONT));
    eventually("all late answers are refused", || late(&record) == MANY).await;
    assert_eq!(completed(&record), MANY, "each task was completed once");
    eventually("it is trusted again", || !known(&team, "paused").life.suspected).await;
    assert_eq!(team.drain(Duration::ZERO).await.agents_left, 0);
}

/// How many answers came too late.
fn late(record: &Record) -> usize {
    record.count(|event| matches!(event, Event::WorkEnded { late: true, .. }))
}

fn completed(record: &Record) -> usize {
    record.count(|event| matches!(event, Event::TaskCompleted { .. }))
}

fn watched(record: Record) -> TeamBuilder {
    let stores = Stores {
        journal: Box::new(journal::memory::Store::default().take_over()),
        blobs: Arc::new(blobs::memory::Memory::new()),
        observers: vec![Arc::new(record)],
        restored: false,
    };
    TeamBuilder::new(Ok(stores))
}
