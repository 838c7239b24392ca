//! How a conversation with a server begins: revisions, pages, and what does not come up.

use std::sync::Arc;

use adapters::agent::mcp::Limits;
use runtime::api::Contract;
use serde_json::{Value, json};

use crate::play::{Notes, Play, builder, limits, server};
use crate::stage::Stage;

/// Why a server does not come up.
async fn refused(wants: Value, tools: &[&str], limits: Limits) -> String {
    let Err(why) = Play::start(wants, tools, limits).await else { panic!("it came up") };
    why.to_string()
}

#[tokio::test]
async fn a_server_is_spoken_to_in_its_own_revision() {
    for wants in [
        json!({}),
        json!({ "era": "2024-11-05" }),
        json!({ "era": "2025-03-26" }),
        json!({ "era": "stateless" }),
    ] {
        let play = Play::of(wants.clone(), &["echo", "meta"]).await;
        assert_eq!(play.ask("echo", json!({ "text": "hello" })).await, json!("hello"), "{wants}");
        let meta = play.ask("meta", json!({})).await;
        let own = &meta["io.modelcontextprotocol/protocolVersion"];
        match wants["era"] == "stateless" {
            true => assert_eq!(own, "2026-07-28"),
            false => {
                assert_eq!(*own, Value::Null);
                play.stage.written("initialized").await;
            }
        }
        play.end().await;
    }
}

/// It says nothing to what it does not know, and is slow rather than silent for all that one knows.
#[tokio::test]
async fn a_server_that_ignores_what_it_does_not_know_gets_the_handshake() {
    let limits = Limits { probe_ms: 50, ..limits() };
    let play = Play::limited(json!({ "silent": true }), &["echo"], limits).await;
    assert_eq!(play.ask("echo", json!({ "text": "a" })).await, json!("a"));
    play.end().await;
}

/// The question came too early, and is asked again.
#[tokio::test]
async fn a_slow_server_without_a_handshake_is_asked_again() {
    let limits = Limits { probe_ms: 0, ..limits() };
    let play = Play::limited(json!({ "era": "stateless" }), &["echo"], limits).await;
    assert_eq!(play.ask("echo", json!({ "text": "a" })).await, json!("a"));
    play.end().await;
}

#[tokio::test]
async fn tools_come_in_pages() {
    let play = Play::of(json!({ "page": 2 }), &["echo", "pid"]).await;
    play.pid().await;
    play.end().await;
}

#[tokio::test]
async fn what_does_not_come_up_says_why_and_leaves_nobody() {
    let short = Limits { start_ms: 300, probe_ms: 50, ..limits() };
    let few = Limits { tools_max: 3, pages_max: 4, ..limits() };
    for (wants, tools, limits, said) in [
        (
            json!({ "tools": ["write_file", "read_file"] }),
            &["read_fil"][..],
            limits(),
            "has no tool `read_fil`; it has `read_file`, `write_file`",
        ),
        (json!({ "era": "1999-01-01" }), &["echo"], limits(), "speaks revision \"1999-01-01\""),
        (json!({}), &["echo"], few.clone(), "lists tools, which is more than the limit of 3"),
        (
            json!({ "endless": true, "page": 1 }),
            &["echo"],
            few,
            "lists its tools in pages, which is more than the limit of 4",
        ),
        (json!({ "tools": 3 }), &["echo"], limits(), "refused tools/list"),
        (json!({ "mute": true }), &["echo"], short, "was not ready within 300 ms"),
        (json!({ "ends": true }), &["echo"], limits(), "ended before it was ready (exit code 4)"),
    ] {
        let why = refused(wants.clone(), tools, limits).await;
        assert!(why.contains(said), "{wants}: {why}");
    }
}

/// What the server says of its tools holds for whoever asks, before anything is written down.
#[tokio::test]
async fn arguments_are_checked_when_they_are_asked_with() {
    let play = Play::of(json!({}), &["echo"]).await;
    for input in [json!({}), json!({ "text": 3 }), json!("hello"), Value::Null] {
        let refused = play.team.ask_value("files.echo", &input).await.unwrap_err();
        assert!(
            refused.message.contains("the input of files.echo@1 does not match"),
            "{refused:?}"
        );
    }
    assert_eq!((play.team.open_tasks(), play.team.agents()[0].completed), (0, 0));
    play.end().await;
}

/// What the team says of a capability and what the server says both hold, or it does not come up.
#[tokio::test]
async fn a_schema_that_contradicts_the_team_s_stops_the_start() {
    let (stage, notes) = (Stage::new(), Arc::new(Notes::default()));
    let files = server(&stage, &json!({}), &["echo"], limits()).entry("files");
    let text = Contract::anything().input(json!({ "type": "string" }));
    let Err(why) = builder(&notes).agent(files.contract("files.echo@1", text)).start().await else {
        panic!("it came up")
    };
    let said = "the input schema of files.echo@1 does not agree with that of agent files";
    assert!(why.to_string().contains(said), "{why}");
    stage.empty().await;
}
