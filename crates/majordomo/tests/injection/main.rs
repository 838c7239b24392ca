//! P19: what an agent says is data. More than 500 texts that pretend to be turns of a conversation,
//! calls, templates, escape sequences, markup, approvals, paths or commands go as outputs of agents
//! through every way in which agents work together. Nothing follows from them: the same tasks as
//! for any other text, nobody called in vain, nothing fetched, nothing written, nothing approved,
//! and nothing on a screen or a page but text.
#![cfg(all(feature = "cli", feature = "llm"))]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

mod families;
mod models;
mod programs;
mod screens;

use majordomo::kernel::Event;
use majordomo::testing::Record;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::TcpListener;
use tempfile::TempDir;

/// The corpus, and what it wants to be touched.
struct Watched {
    canary: TcpListener,
    directory: TempDir,
    prompts: Vec<String>,
}

impl Watched {
    fn new() -> Watched {
        let canary = TcpListener::bind("127.0.0.1:0").unwrap();
        canary.set_nonblocking(true).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let kept = directory.path().join("kept");
        std::fs::create_dir(&kept).unwrap();
        std::fs::write(kept.join("file"), "as it was").unwrap();
        let address = format!("http://{}", canary.local_addr().unwrap());
        let prompts = families::corpus(kept.to_str().unwrap(), &address);
        Watched { canary, directory, prompts }
    }

    /// Nobody has come to the address, and the directory is as it was.
    fn assert_untouched(&self) {
        let came = self.canary.accept().map(|it| it.1).map_err(|why| why.kind());
        assert_eq!(came, Err(ErrorKind::WouldBlock), "somebody fetches");
        let names = |path: &std::path::Path| -> Vec<String> {
            let entries = path.read_dir().unwrap();
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
        };
        assert_eq!(names(self.directory.path()), ["kept"]);
        let kept = self.directory.path().join("kept");
        assert_eq!(names(&kept), ["file"]);
        assert_eq!(std::fs::read_to_string(kept.join("file")).unwrap(), "as it was");
    }
}

/// That these tasks and no others were accepted, and that beside them nothing was decided that a
/// person or an operator decides.
fn assert_only(record: &Record, expected: &[(&str, usize)]) {
    let mut accepted = BTreeMap::<String, usize>::new();
    for entry in record.entries() {
        match &entry.event {
            Event::TaskAccepted(it) => {
                *accepted.entry(it.terms.capability.to_string()).or_default() += 1;
            }
            Event::RuntimeStarted { .. }
            | Event::RunStarted { .. }
            | Event::Configured { .. }
            | Event::AgentJoined { .. }
            | Event::LeaseGranted(_)
            | Event::Routing { .. }
            | Event::TaskStarted { .. }
            | Event::TaskWaiting { .. }
            | Event::TaskResumed { .. }
            | Event::OnceStarted { .. }
            | Event::OnceDone { .. }
            | Event::TimerSet { .. }
            | Event::TimerFired { .. }
            | Event::Spent { .. }
            | Event::AttemptFailed { .. }
            | Event::TaskCompleted { .. }
            | Event::TaskFailed { .. }
            | Event::DrainStarted
            | Event::AgentLeft { .. } => {}
            other => panic!("nobody decided this: {other:?}"),
        }
    }
    let expected = expected.iter().map(|(name, count)| ((*name).to_owned(), *count));
    assert_eq!(accepted, expected.collect::<BTreeMap<_, _>>());
}
