//! Sessions on one data directory, and everything that happens in them.

use majordomo::data::DataDir;
use majordomo::kernel::{Entry, Event};
use majordomo::live::Board;
use majordomo::runtime::port::journal::Seq;
use majordomo::runtime::port::observer::{Note, Observer};
use majordomo::session::{Error, Options, Session};
use majordomo::team::{self, check::Anywhere};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;

/// Keeps every event, and wakes who waits for one.
#[derive(Default)]
pub(crate) struct Heard {
    events: Mutex<Vec<Event>>,
    more: Notify,
}

impl Observer for Heard {
    fn durable(&self, _: Seq, entries: &Arc<[Entry]>) {
        let events = entries.iter().map(|entry| entry.event.clone());
        self.events.lock().unwrap().extend(events);
        self.more.notify_waiters();
    }

    fn note(&self, _: &Note) {}
}

impl Heard {
    pub(crate) fn count(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.events.lock().unwrap().iter().filter(|event| which(event)).count()
    }

    /// Waits until something has happened so often.
    pub(crate) async fn until(&self, times: usize, which: impl Fn(&Event) -> bool) {
        loop {
            let more = self.more.notified();
            if self.count(&which) >= times {
                return;
            }
            more.await;
        }
    }
}

pub(crate) struct Stage {
    pub(crate) directory: TempDir,
    pub(crate) heard: Arc<Heard>,
    pub(crate) board: Arc<Board>,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let directory = tempfile::tempdir().unwrap();
        Stage { directory, heard: Arc::default(), board: Arc::default() }
    }

    pub(crate) fn data(&self) -> DataDir {
        DataDir::new(self.directory.path().join("data"))
    }

    pub(crate) async fn start(&self, text: &str) -> Result<Session, Error> {
        let reading = team::read("t.toml", &format!("name = 't'\n{text}"), &Anywhere);
        let said = reading.render(false);
        let definition = reading.definition.unwrap_or_else(|| panic!("{said}"));
        let file = Some(self.directory.path().join("t.toml"));
        let observers: Vec<Arc<dyn Observer>> = vec![self.board.clone(), self.heard.clone()];
        let options = Options { file, observers, ..Options::default() };
        Session::start(definition, &self.data(), options).await
    }

    /// One run to its end, in a session of its own.
    pub(crate) async fn run(&self, text: &str, args: Value) -> Value {
        let session = self.start(text).await.unwrap();
        let outcome = session.run(args).await.unwrap().outcome().await;
        session.drain(Duration::ZERO).await;
        outcome.unwrap()
    }
}
