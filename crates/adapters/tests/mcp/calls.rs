//! Calls: what a tool gives, and every way in which one fails.

use std::time::Duration;

use adapters::agent::mcp::Limits;
use kernel::FailureKind;
use serde_json::{Value, json};

use crate::play::{Play, limits};
use crate::stage::eventually;

#[tokio::test]
async fn a_text_something_structured_and_parts() {
    let play = Play::of(json!({}), &["echo", "count", "image"]).await;
    assert_eq!(
        play.ask("echo", json!({ "text": "[1]" })).await,
        json!("[1]"),
        "nothing is guessed"
    );
    assert_eq!(play.ask("count", json!({ "text": "a b c" })).await, json!({ "words": 3 }));
    let image = json!({ "type": "image", "data": "aGk=", "mimeType": "image/png" });
    let parts = json!([{ "type": "text", "text": "see" }, image]);
    assert_eq!(play.ask("image", json!({})).await, parts);
    play.end().await;
}

#[tokio::test]
async fn every_way_to_misbehave_has_its_kind() {
    let limits = Limits { message_max_bytes: 100_000, call_ms: Some(300), ..limits() };
    for (tool, input, kind, said) in [
        ("fail", json!({}), FailureKind::Error, "fail failed: the disk is full"),
        ("refuse", json!({}), FailureKind::Rejected, "the path is outside (-32602)"),
        ("miscount", json!({}), FailureKind::Garbage, "output does not match: at /words"),
        ("input", json!({}), FailureKind::Rejected, "asks for more before it goes on (elicitation"),
        ("garbage", json!({}), FailureKind::Garbage, "in the message \"this is no message\""),
        ("flood", json!({ "bytes": 200_000 }), FailureKind::Garbage, "longer than 100000 bytes"),
        ("die", json!({}), FailureKind::Crash, "in the middle of a call (exit code 3), saying: it"),
        ("stall", json!({}), FailureKind::Timeout, "stall worked for 300 ms and was called off"),
    ] {
        let play = Play::limited(json!({}), &[tool], limits.clone()).await;
        let failure = play.fails(tool, input).await;
        assert_eq!(failure.kind, kind, "{tool}: {}", failure.message);
        assert!(failure.message.contains(said), "{tool}: {}", failure.message);
        play.end().await;
    }
}

#[tokio::test]
async fn many_calls_go_through_one_server_at_once() {
    let play = Play::of(json!({}), &["echo", "stall", "pid"]).await;
    let stalled = play.submit("stall", json!({}), 1).await;
    play.stage.written("stalled").await;
    let before = play.pid().await;
    for n in 0..20 {
        let said = format!("number {n}");
        assert_eq!(play.ask("echo", json!({ "text": said })).await, json!(said));
    }
    assert_eq!((play.pid().await, play.mcp.processes()), (before, 1));
    play.team.cancel(stalled.task, "enough").await.unwrap();
    play.end().await;
}

/// The server hears of it, the slot is free at once, and what it answers after all is not heard.
#[tokio::test]
async fn a_cancelled_call_is_called_off() {
    let play = Play::of(json!({}), &["echo", "stall"]).await;
    for round in 1..=5 {
        let ticket = play.submit("stall", json!({}), 1).await;
        let numbers = || play.stage.path("stalled");
        let stalled =
            || std::fs::read_to_string(numbers()).is_ok_and(|it| it.lines().count() == round);
        eventually("the server has it", stalled).await;
        play.team.cancel(ticket.task, "enough").await.unwrap();
        let outcome = ticket.settled().await.unwrap();
        assert!(matches!(&*outcome, kernel::Outcome::Cancelled(_)), "{outcome:?}");
    }
    let told = || std::fs::read_to_string(play.stage.path("cancelled")).unwrap_or_default();
    eventually("the server hears of each", || told().lines().count() == 5).await;
    assert_eq!(told(), std::fs::read_to_string(play.stage.path("stalled")).unwrap());
    assert_eq!(play.ask("echo", json!({ "text": "on" })).await, json!("on"));
    play.end().await;
}

#[tokio::test]
async fn the_key_is_the_same_on_every_attempt_and_the_token_rises() {
    for era in ["handshake", "stateless"] {
        let play = Play::of(json!({ "era": era, "fails": 2 }), &["meta"]).await;
        let ticket = play.submit("meta", json!({}), 3).await;
        ticket.outcome().await.unwrap();
        let told = play.stage.written("metas").await;
        let metas: Vec<Value> = told.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
        assert_eq!(metas.len(), 3);
        let key = |meta: &Value| meta["majordomo/key"].as_str().unwrap().to_owned();
        let token =
            |meta: &Value| -> u64 { meta["majordomo/token"].as_str().unwrap().parse().unwrap() };
        assert!(metas.iter().all(|it| key(it) == key(&metas[0])), "{told}");
        assert!(metas.is_sorted_by(|one, next| token(one) < token(next)), "{told}");
        let attempts: Vec<&Value> = metas.iter().map(|it| &it["majordomo/attempt"]).collect();
        assert_eq!(attempts, [1, 2, 3]);
        play.end().await;
    }
}

#[tokio::test]
async fn what_it_tells_on_its_way_is_passed_on() {
    let play = Play::of(json!({}), &["tell"]).await;
    assert_eq!(play.ask("tell", json!({})).await, json!("told"));
    let wanted = ["Some(0.25) at 1", "Some(0.5) at 2", "Warn a word"];
    eventually("it is heard", || play.notes.said() == wanted).await;
    play.end().await;
}

/// It does not say which call it speaks of: nobody hears then what is another tenant's.
#[tokio::test]
async fn what_is_told_to_nobody_is_heard_by_one_tenant_only() {
    let far = ["Some(0.25) at 1", "Some(0.5) at 2"];
    let word = "Warn a word";
    for (tenant, heard) in [("other", 0), ("same", 2)] {
        let play = Play::of(json!({}), &["tell", "stall", "stray"]).await;
        assert_eq!(play.ask("stray", json!({})).await, json!("told"));
        let stalled = play.submit_as(tenant, "stall", json!({})).await;
        play.stage.written("stalled").await;
        let told = play.submit_as("same", "tell", json!({})).await;
        told.outcome().await.unwrap();
        play.team.cancel(stalled.task, "enough").await.unwrap();
        stalled.settled().await.unwrap();
        assert_eq!(play.ask("tell", json!({})).await, json!("told"));
        let wanted = [&far[..], &vec![word; heard], &far, &[word]].concat();
        let said = || play.notes.said();
        eventually("all is heard", || said().len() >= wanted.len()).await;
        assert_eq!(said(), wanted, "{tenant}");
        play.end().await;
    }
}

#[tokio::test]
async fn what_a_server_asks_for_is_refused() {
    let play = Play::of(json!({}), &["ask"]).await;
    assert_eq!(play.ask("ask", json!({})).await, json!("-32601"));
    let wanted = ["Warn the server asked for sampling/createMessage, which was refused"];
    assert_eq!(play.notes.said(), wanted);
    play.end().await;
}

/// Nobody waits for a server that does not end: it is asked, and then made to.
#[tokio::test]
async fn a_server_is_asked_to_end_by_the_end_of_its_input() {
    let play = Play::of(json!({}), &["pid"]).await;
    play.pid().await;
    let Play { stage, team, .. } = play;
    tokio::time::timeout(Duration::from_secs(20), team.drain(Duration::ZERO)).await.unwrap();
    stage.written("closed").await;
    stage.empty().await;
}
