//! Servers at an address: the same calls over streamable HTTP, and what only that can do wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use adapters::agent::mcp::{Address, Limits, Mcp, Server, Spec, Token};
use adapters::process::Process;
use kernel::FailureKind;
use runtime::port::Secrets;
use runtime::secret::Reference;
use serde_json::{Value, json};

use crate::play::{Notes, Play, builder, limits, program, tools};
use crate::stage::{Stage, eventually};

const TOKEN: &str = "canary-token-123";

/// Knows one secret.
struct Vault;

impl Secrets for Vault {
    fn read(&self, reference: &Reference) -> Result<String, String> {
        match reference.name() {
            "MCP_TOKEN" => Ok(TOKEN.to_owned()),
            name => Err(format!("the variable {name} is not set")),
        }
    }
}

fn token(name: &str) -> Token {
    Token { reference: format!("env:{name}").parse().unwrap(), secrets: Arc::new(Vault) }
}

/// The server, and an agent that speaks to it.
struct Site {
    stage: Stage,
    _process: Process,
    port: u16,
}

impl Site {
    async fn open(mut wants: Value, port: u16) -> Self {
        wants["port"] = port.into();
        let stage = Stage::new();
        let bounds = &adapters::agent::command::Limits::default();
        let started = Process::start(&program(&stage, &wants), &BTreeMap::new(), bounds, ()).await;
        let (process, _pipes) = started.unwrap();
        let port = stage.written("port").await.trim().parse().unwrap();
        Self { stage, _process: process, port }
    }

    fn agent(&self, wanted: &[&str], token: Option<Token>, limits: Limits) -> Mcp {
        let address = Address::new(&format!("http://127.0.0.1:{}/mcp", self.port)).unwrap();
        let server = Server::Remote { address, token };
        Mcp::new(Spec { server, tools: tools(wanted), slots: 4, limits })
    }

    async fn play(wants: Value, wanted: &[&str], limits: Limits) -> Play {
        let site = Self::open(wants, 0).await;
        let mcp = site.agent(wanted, None, limits);
        let notes = Arc::new(Notes::default());
        let team = builder(&notes).agent(mcp.clone().entry("files")).start().await.unwrap();
        Play { stage: site.stage, mcp, team, notes, site: Some(site._process) }
    }

    /// Why the agent does not come up.
    async fn refused(wants: Value, token: Option<Token>) -> String {
        let site = Self::open(wants, 0).await;
        let mcp = site.agent(&["echo"], token, limits());
        let Err(why) = builder(&Arc::default()).agent(mcp.entry("files")).start().await else {
            panic!("it came up")
        };
        why.to_string()
    }
}

#[tokio::test]
async fn answers_come_as_json_and_as_events_in_every_revision() {
    for http in ["json", "sse"] {
        for era in ["handshake", "2025-03-26", "stateless"] {
            let sessions = era != "stateless";
            let wants = json!({ "http": http, "era": era, "sessions": sessions, "page": 3 });
            let play = Site::play(wants.clone(), &["echo", "count", "meta"], limits()).await;
            assert_eq!(play.ask("echo", json!({ "text": "a" })).await, json!("a"), "{wants}");
            assert_eq!(play.ask("count", json!({ "text": "a b" })).await, json!({ "words": 2 }));
            let meta = play.ask("meta", json!({})).await;
            assert!(meta["majordomo/key"].is_string() && meta["majordomo/token"].is_string());
            let refused = play.team.ask_value("files.echo", &json!({ "text": 1 })).await;
            assert!(refused.unwrap_err().message.contains("does not match"));
            let posted = play.stage.written("posted").await;
            let last = posted.lines().last().unwrap();
            match era {
                "stateless" => assert_eq!(last, "tools/call None 2026-07-28"),
                "handshake" => assert_eq!(last, "tools/call s1 2025-11-25"),
                _ => assert_eq!(last, "tools/call s1 2025-03-26"),
            }
            play.leave().await;
            if sessions {
                assert_eq!(play.stage.written("deleted").await, "s1\n");
            }
            play.end_site().await;
        }
    }
}

#[tokio::test]
async fn every_way_to_misbehave_has_its_kind() {
    let limits = Limits { message_max_bytes: 100_000, call_ms: Some(2_000), ..limits() };
    for (http, tool, input, kind, said) in [
        ("json", "fail", json!({}), FailureKind::Error, "fail failed: the disk is full"),
        ("sse", "refuse", json!({}), FailureKind::Rejected, "the path is outside"),
        ("sse", "miscount", json!({}), FailureKind::Garbage, "output does not match"),
        ("json", "html", json!({}), FailureKind::Garbage, "it answers with text/html"),
        ("json", "garbage", json!({}), FailureKind::Garbage, "this is no message"),
        ("json", "other", json!({}), FailureKind::Garbage, "something else than it was asked"),
        ("json", "flood", json!({ "bytes": 200_000 }), FailureKind::Garbage, "longer than 100000"),
        ("sse", "flood", json!({ "bytes": 200_000 }), FailureKind::Garbage, "longer than 100000"),
        ("sse", "snaps", json!({}), FailureKind::Error, "broke off"),
        ("sse", "die", json!({}), FailureKind::Error, "broke off"),
        ("json", "die", json!({}), FailureKind::Error, "broke off"),
        ("json", "stall", json!({}), FailureKind::Timeout, "stall worked for 2000 ms"),
    ] {
        let play = Site::play(json!({ "http": http }), &[tool], limits.clone()).await;
        let failure = play.fails(tool, input).await;
        assert_eq!(failure.kind, kind, "{http} {tool}: {}", failure.message);
        assert!(failure.message.contains(said), "{http} {tool}: {}", failure.message);
        play.end_site().await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_taken_up_again() {
    let play = Site::play(json!({ "http": "sse" }), &["breaks"], limits()).await;
    assert_eq!(play.ask("breaks", json!({})).await, json!("whole"));
    assert_eq!(play.stage.written("resumed").await.lines().count(), 1);
    play.end_site().await;
}

/// However often, as long as it comes on: what it says of itself needs no data with it.
#[tokio::test]
async fn a_stream_that_comes_on_is_taken_up_as_often_as_it_breaks_off() {
    let play = Site::play(json!({ "http": "sse" }), &["drips"], limits()).await;
    assert_eq!(play.ask("drips", json!({})).await, json!("whole"));
    assert_eq!(play.stage.written("resumed").await.lines().count(), 8);
    play.end_site().await;
}

/// The call that found it so was not done, and goes on in the new one.
#[tokio::test]
async fn a_lost_session_is_begun_anew() {
    let wants = json!({ "http": "json", "sessions": true, "loses": true });
    let play = Site::play(wants, &["meta"], limits()).await;
    let asked: Vec<_> = (0..4).map(|_| play.ask("meta", json!({}))).collect();
    for gave in futures_util::future::join_all(asked).await {
        assert_eq!(gave["majordomo/attempt"], 1);
    }
    let posted = play.stage.written("posted").await;
    let count = |what: &str| posted.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!(count("initialize "), 2, "{posted}");
    assert_eq!(play.stage.written("metas").await.lines().count(), 4, "each is done once");
    play.end_site().await;
}

/// What could not be begun anew is begun by the next call.
#[tokio::test]
async fn a_session_that_cannot_be_begun_anew_at_once_is_begun_later() {
    let wants = json!({ "http": "json", "sessions": true, "loses": true, "stumbles": 2 });
    let play = Site::play(wants, &["echo"], limits()).await;
    for _ in 0..2 {
        let failure = play.fails("echo", json!({ "text": "a" })).await;
        assert!(failure.message.contains("answers with status 500"), "{}", failure.message);
    }
    assert_eq!(play.ask("echo", json!({ "text": "a" })).await, json!("a"));
    play.end_site().await;
}

/// A session is one when the server has been told that it is.
#[tokio::test]
async fn a_session_that_the_server_does_not_hear_of_is_none() {
    let wants = json!({ "http": "json", "sessions": true, "loses": true, "deaf": 1 });
    let play = Site::play(wants, &["echo"], limits()).await;
    let failure = play.fails("echo", json!({ "text": "a" })).await;
    assert!(failure.message.contains("answers with status 500"), "{}", failure.message);
    assert_eq!(play.ask("echo", json!({ "text": "a" })).await, json!("a"));
    let posted = play.stage.written("posted").await;
    let begun = posted.lines().filter(|line| line.starts_with("initialize "));
    assert_eq!(begun.count(), 3, "{posted}");
    play.end_site().await;
}

/// Until all of it is settled nobody speaks in the new session, nor as nobody has agreed upon.
#[tokio::test]
async fn who_calls_while_a_session_is_begun_anew_waits_for_it() {
    let wants = json!({ "http": "json", "era": "2025-03-26", "sessions": true, "loses": true,
                        "dwells": true });
    let play = Site::play(wants, &["meta"], limits()).await;
    let first = play.submit("meta", json!({}), 1).await;
    play.stage.written("dwelling").await;
    play.ask("meta", json!({})).await;
    first.outcome().await.unwrap();
    let posted = play.stage.written("posted").await;
    let calls: Vec<&str> = posted.lines().filter(|it| it.starts_with("tools/call")).collect();
    let lost = calls.iter().filter(|it| it.starts_with("tools/call s1 "));
    assert_eq!((calls.len(), lost.count()), (3, 1), "{posted}");
    assert!(calls.iter().all(|it| it.ends_with(" 2025-03-26")), "{posted}");
    play.end_site().await;
}

#[tokio::test]
async fn what_it_tells_and_asks_on_its_way_is_heard_and_refused() {
    let play = Site::play(json!({ "http": "sse" }), &["tell", "ask"], limits()).await;
    assert_eq!(play.ask("tell", json!({})).await, json!("told"));
    assert_eq!(play.ask("ask", json!({})).await, json!("-32601"));
    let asked = "Warn the server asked for sampling/createMessage, which was refused";
    let wanted = ["Some(0.25) at 1", "Some(0.5) at 2", "Warn a word", asked];
    eventually("it is heard", || play.notes.said() == wanted).await;
    play.end_site().await;
}

#[tokio::test]
async fn a_cancelled_call_is_called_off() {
    let play = Site::play(json!({ "http": "sse" }), &["stall", "echo"], limits()).await;
    let ticket = play.submit("stall", json!({}), 1).await;
    let number = play.stage.written("stalled").await;
    play.team.cancel(ticket.task, "enough").await.unwrap();
    assert_eq!(play.stage.written("cancelled").await, number);
    assert_eq!(play.ask("echo", json!({ "text": "on" })).await, json!("on"));
    play.end_site().await;
}

/// What stands in front of a server says why, in words that hold no token.
#[tokio::test]
async fn who_is_not_let_in_is_told_what_to_do() {
    let guarded = || json!({ "http": "json", "token": TOKEN });
    let status = |status: u16| json!({ "http": "json", "status": status });
    for (wants, given, said) in [
        (guarded(), None, "does not let us in (status 401): say a `token` that it takes"),
        (guarded(), Some(token("OTHER")), "the variable OTHER is not set"),
        (status(307), None, "is elsewhere (status 307)"),
        (status(503), None, "has too much to do (status 503)"),
        (status(500), Some(token("MCP_TOKEN")), "answers with status 500: not here"),
    ] {
        let why = Site::refused(wants.clone(), given).await;
        assert!(why.contains(said), "{wants}: {why}");
        assert!(!why.contains("canary"), "{why}");
    }
    let site = Site::open(guarded(), 0).await;
    let mcp = site.agent(&["echo", "slips"], Some(token("MCP_TOKEN")), limits());
    let team = builder(&Arc::default()).agent(mcp.entry("files")).start().await.unwrap();
    // Whoever says the token back says nothing, however it is written.
    let input = json!({ "text": format!("it is {TOKEN}") });
    assert_eq!(team.ask_value("files.echo", &input).await.unwrap(), json!("it is ***"));
    assert_eq!(team.ask_value("files.slips", &json!({})).await.unwrap(), json!("it is ***"));
    team.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_and_found_again() {
    let site = Site::open(json!({ "http": "json" }), 0).await;
    let port = site.port;
    let mcp = site.agent(&["echo"], None, limits());
    let team = builder(&Arc::default()).agent(mcp.entry("files")).start().await.unwrap();
    let input = json!({ "text": "a" });
    let ask = || team.ask_value("files.echo", &input);
    ask().await.unwrap();
    site._process.end().await.unwrap();
    let mut terms = kernel::Terms::new("files.echo");
    terms.retry = kernel::RetryPolicy { attempts_max: 1, base_ms: 1, cap_ms: 1 };
    let ticket = team.submit(terms, br#"{"text":"a"}"#.to_vec(), Default::default()).await;
    let why = ticket.unwrap().outcome().await.unwrap_err();
    assert!(why.message.contains("cannot be reached"), "{why:?}");
    let _again = Site::open(json!({ "http": "json" }), port).await;
    assert_eq!(ask().await.unwrap(), json!("a"));
    team.drain(Duration::ZERO).await;
}
