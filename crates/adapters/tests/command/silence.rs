//! Programs that promised signs of life and stopped giving them: they are doubted, not killed, and
//! the lease decides.

use std::sync::atomic::Ordering;

use adapters::agent::command::{Command, Program, Spec};
use serde_json::json;

use crate::host::{Remembering, first};
use crate::stage::{self, Stage, eventually};

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
