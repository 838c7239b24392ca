//! Alerts of a session: a program that serves `notify` is told what has become a problem, once.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use kernel::{Entry, Event, TaskId};
use majordomo::data::DataDir;
use majordomo::session::{Options, Session};
use majordomo::team;
use majordomo::team::check::Anywhere;
use runtime::port::Observer;
use runtime::port::journal::Seq;
use runtime::port::observer::Note;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

const BROKEN: &str = "name = 'shop'\n[agents.broken]\nkind = 'command'\nserves = ['work']\n\
     argv = ['sh', '-c', 'exit 1']\n";
const STEPS: &str = "[steps]\na = { ask = 'work', retry = { attempts = 1, backoff = '1ms' } }\n";
const TELLER: &str = "[agents.teller]\nkind = 'command'\nserves = ['notify']\ndir = '.'\n\
     argv = ['sh', '-c', 'cat >> told; echo >> told; echo null']\n";

/// Hears which tasks to `notify` there are, and when one has been done.
struct Ear(Sender<TaskId>, std::sync::Mutex<Vec<TaskId>>);

impl Observer for Ear {
    fn durable(&self, _: Seq, entries: &Arc<[Entry]>) {
        let mut alerts = self.1.lock().unwrap();
        for entry in entries.iter() {
            match &entry.event {
                Event::TaskAccepted(it) if &*it.terms.capability == "notify" => {
                    alerts.push(it.task);
                }
                Event::TaskCompleted { task, .. } if alerts.contains(task) => {
                    let _ = self.0.try_send(*task);
                }
                _ => {}
            }
        }
    }

    fn note(&self, _: &Note) {}
}

/// A process that works on the directory, and what it hears of alerts.
async fn open(directory: &Path, text: &str) -> (Session, Arc<Ear>, Receiver<TaskId>) {
    let reading = team::read("t.toml", text, &Anywhere);
    let said = reading.render(false);
    let definition = reading.definition.unwrap_or_else(|| panic!("{said}"));
    let (sender, done) = channel(64);
    let ear = Arc::new(Ear(sender, std::sync::Mutex::default()));
    let file = Some(directory.join("t.toml"));
    let options = Options { observers: vec![ear.clone()], file, ..Options::default() };
    let data = DataDir::new(directory.join("data"));
    (Session::start(definition, &data, options).await.unwrap(), ear, done)
}

/// A run whose only step dies.
async fn fail(session: &Session) {
    let ticket = session.run(json!([])).await.unwrap();
    ticket.outcome().await.unwrap_err();
}

fn told(directory: &Path) -> Vec<Value> {
    let told = std::fs::read_to_string(directory.join("told")).unwrap_or_default();
    let lines = told.lines().filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_program_is_told_once_however_often_the_process_starts() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    // Nobody serves it: nothing is sent.
    let (session, ear, _) = open(home, &format!("{BROKEN}{STEPS}")).await;
    fail(&session).await;
    session.drain(Duration::ZERO).await;
    assert_eq!(*ear.1.lock().unwrap(), [], "nobody could have sent it");
    // What died a moment before this start, and was not told, is.
    let with_teller = format!("{BROKEN}{TELLER}{STEPS}");
    let (session, _, mut done) = open(home, &with_teller).await;
    done.recv().await.unwrap();
    session.drain(Duration::from_secs(5)).await;
    let first = told(home);
    assert_eq!((first.len(), &first[0]["kind"]), (1, &json!("dead_letters")), "{first:?}");
    assert!(first[0]["problem"].as_str().unwrap().contains("is dead"), "{first:?}");
    assert!(first[0]["since"].as_str().unwrap().ends_with('Z'), "{first:?}");
    assert!(first[0]["next"].as_str().unwrap().contains("dead list"), "{first:?}");
    // Started again, it is not told again; what dies now is.
    let (session, ear, mut done) = open(home, &with_teller).await;
    fail(&session).await;
    done.recv().await.unwrap();
    session.drain(Duration::from_secs(5)).await;
    let all = told(home);
    assert_eq!((all.len(), ear.1.lock().unwrap().len()), (2, 1), "{all:?}");
    assert_eq!(all[1]["more"], 0, "only the new one: {all:?}");
    assert_ne!(all[0]["about"], all[1]["about"]);
}
