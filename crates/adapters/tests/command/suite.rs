//! The agents' conformance suite, passed by Rust code and by programs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use adapters::agent::command::{Command, Spec};
use adapters::{blobs, journal};
use runtime::Stores;
use runtime::api::{AgentEntry, Context, Failure};
use runtime::port::{Agent, BoxFuture};
use runtime::testing::agent_suite::{self, Seen};
use serde_json::{Value, json};

use crate::stage::{self, Stage};

fn stores() -> Stores {
    Stores {
        journal: Box::new(journal::memory::Store::default().take_over()),
        blobs: Arc::new(blobs::memory::Memory::new()),
        observers: Vec::new(),
        restored: false,
    }
}

/// Rust code that counts itself.
#[derive(Clone, Default)]
struct Native {
    seen: Arc<Mutex<Vec<Seen>>>,
    working: Arc<AtomicUsize>,
}

struct Working(Arc<AtomicUsize>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Agent for Native {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let alone = self.working.fetch_add(1, Ordering::SeqCst) == 0;
        let working = Working(self.working.clone());
        let (key, token) = (cx.key(), cx.attempt().token.0);
        self.seen.lock().unwrap().push(Seen { key, token, alone });
        Box::pin(async move {
            let _working = working;
            match cx.input().as_str() {
                Some("hang") => std::future::pending().await,
                Some("die") => panic!("as the suite wants it"),
                Some("reject") => Err(Failure::rejected("no good")),
                Some("error") => Err(Failure::error("not now")),
                Some("third") if cx.attempt_no() < 3 => Err(Failure::error("not yet")),
                _ => Ok(cx.input().clone()),
            }
        })
    }
}

impl agent_suite::Stage for Native {
    fn entry(&self) -> AgentEntry {
        AgentEntry::new("native", "native", &["suite@1"], 1, Arc::new(self.clone()))
    }

    fn stores(&self) -> Stores {
        stores()
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn working(&self) -> usize {
        self.working.load(Ordering::SeqCst)
    }
}

/// A program for each task, which writes down what it finds. It does not hear TERM.
struct Plain {
    stage: Stage,
    command: Command,
}

const SCRIPT: &str = r#"
trap '' TERM
alone=true
[ -f hangs ] && kill -0 $(cat hangs) 2> /dev/null && alone=false
echo "$MAJORDOMO_KEY $MAJORDOMO_TOKEN $alone" >> seen
read input
case $input in
    '"hang"') echo $$ > hangs; while true; do sleep 600; done ;;
    '"die"') kill -9 $$ ;;
    '"reject"') exit 65 ;;
    '"error"') exit 1 ;;
    '"third"') [ $MAJORDOMO_ATTEMPT_NO = 3 ] || exit 1 ;;
esac
echo "$input"
"#;

impl Plain {
    fn new() -> Plain {
        let stage = Stage::new();
        // The input comes without an end of line, which `read` reports as its failure.
        let program = stage.shell(SCRIPT);
        let spec = Spec { limits: stage::limits(), ..Spec::plain(program, &["suite@1"]) };
        Plain { stage, command: Command::new(spec) }
    }
}

impl agent_suite::Stage for Plain {
    fn entry(&self) -> AgentEntry {
        self.command.clone().entry("plain")
    }

    fn stores(&self) -> Stores {
        stores()
    }

    fn seen(&self) -> Vec<Seen> {
        let text = std::fs::read_to_string(self.stage.path("seen")).unwrap_or_default();
        let seen = |line: &str| {
            let told: Vec<&str> = line.split(' ').collect();
            let (key, token) = (told[0].to_owned(), told[1].parse().unwrap());
            Seen { key, token, alone: told[2] == "true" }
        };
        text.lines().map(seen).collect()
    }

    fn working(&self) -> usize {
        // Counted in trees: what a program starts belongs to it.
        self.command.processes()
    }
}

#[tokio::test(start_paused = true)]
async fn rust_code_passes_the_suite() {
    agent_suite::run(&Native::default()).await;
}

#[tokio::test]
async fn a_program_passes_the_suite() {
    let plain = Plain::new();
    agent_suite::run(&plain).await;
    assert_eq!(plain.stage.alive(), Vec::<u32>::new());
}

/// An agent whose work outlives its future, and that says nothing of it: the suite must notice.
#[derive(Clone, Default)]
struct Leaks(Native);

impl Agent for Leaks {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let hangs = *cx.input() == json!("hang");
        let work = tokio::spawn(self.0.run(cx));
        Box::pin(async move {
            let result = work.await?;
            assert!(!hangs);
            result
        })
    }
}

impl agent_suite::Stage for Leaks {
    fn entry(&self) -> AgentEntry {
        AgentEntry::new("leaks", "native", &["suite@1"], 1, Arc::new(self.clone()))
    }

    fn stores(&self) -> Stores {
        stores()
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.seen()
    }

    fn working(&self) -> usize {
        self.0.working()
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_goes_on_after_its_end_does_not_pass() {
    let judged = tokio::spawn(async { agent_suite::run(&Leaks::default()).await });
    assert!(judged.await.is_err_and(|it| it.is_panic()));
}
