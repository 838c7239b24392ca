//! Servers under supervision: their deaths are noticed, and the kernel decides who starts again.

use kernel::{Agent, FailureKind, Stage as LifeStage};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::play::{Play, limits};
use crate::stage::eventually;
use adapters::agent::mcp::Limits;

fn files(play: &Play) -> Agent {
    play.team.agents().into_iter().find(|it| &*it.spec.name == "files").unwrap()
}

fn is_up_again(play: &Play, restarts: u64) -> bool {
    let agent = files(play);
    agent.restarts == restarts && agent.life.stage == LifeStage::Up
}

#[tokio::test]
async fn an_idle_server_that_dies_is_started_again() {
    let play = Play::of(json!({}), &["pid"]).await;
    let first = play.pid().await;
    let pid = Pid::from_raw(i32::try_from(first).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    eventually("it is up again", || is_up_again(&play, 1)).await;
    assert_ne!(play.pid().await, first);
    assert_eq!(play.mcp.processes(), 1);
    play.end().await;
}

#[tokio::test]
async fn whoever_dies_at_work_fails_every_open_call_and_comes_back() {
    let play = Play::of(json!({}), &["die", "stall", "echo"]).await;
    let stalled = play.submit("stall", json!({}), 1).await;
    play.stage.written("stalled").await;
    let failure = play.fails("die", json!({})).await;
    assert_eq!(failure.kind, FailureKind::Crash, "{}", failure.message);
    let also = stalled.outcome().await.unwrap_err();
    assert!(also.message.contains("ended in the middle of a call"), "{also:?}");
    eventually("it is up again", || is_up_again(&play, 1)).await;
    assert_eq!(play.ask("echo", json!({ "text": "back" })).await, json!("back"));
    play.end().await;
}

#[tokio::test]
async fn one_that_breaks_the_protocol_is_ended_and_started_again() {
    let limits = Limits { message_max_bytes: 10_000, ..limits() };
    let play = Play::limited(json!({}), &["garbage", "flood", "pid"], limits).await;
    let first = play.pid().await;
    play.fails("garbage", json!({})).await;
    eventually("it is up again", || is_up_again(&play, 1)).await;
    let second = play.pid().await;
    play.fails("flood", json!({ "bytes": 20_000 })).await;
    eventually("it is up again", || is_up_again(&play, 2)).await;
    let third = play.pid().await;
    assert!(first != second && second != third);
    assert_eq!(play.stage.alive().len(), 1);
    play.end().await;
}

/// A task that meets a dying server is tried again, and its next attempt finds one that lives.
#[tokio::test]
async fn a_call_that_died_with_its_server_is_tried_again() {
    let play = Play::of(json!({ "dies": 1 }), &["die"]).await;
    let ticket = play.submit("die", json!({}), 3).await;
    assert_eq!(ticket.outcome().await.unwrap(), json!("alive"));
    play.end().await;
}
