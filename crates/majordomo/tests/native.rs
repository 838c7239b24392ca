//! Rust agents at work: delegation, waiting, failing, recovering. Time is driven, not waited for.

use majordomo::kernel::{FailureKind, Terms};
use majordomo::{Context, Failure, OnUnknown, Result, SubmitOptions, Team, capability};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.split_whitespace().count())
}

#[capability("text.report@1")]
async fn report(cx: Context, text: String) -> Result<String> {
    Ok(format!("{} words", cx.ask::<count>(text).await?))
}

/// Eight deep on one slot: every level waits for the one below.
#[capability("nest@1")]
async fn nest(cx: Context, depth: u32) -> Result<u32> {
    if depth == 0 { Ok(0) } else { Ok(cx.ask::<nest>(depth - 1).await? + 1) }
}

#[capability("many@1")]
async fn many(cx: Context, n: u32) -> Result<usize> {
    let texts: Vec<String> = (0..n).map(|at| "word ".repeat(at as usize)).collect();
    let each = |cx: Context, text: String| async move { cx.ask::<count>(text).await };
    let counts = cx.map(texts, |text| text.len().to_string(), 8, each).await?;
    Ok(counts.into_iter().sum())
}

#[capability("flaky@1")]
async fn flaky(cx: Context, how: String) -> Result<u32> {
    match how.as_str() {
        "panic" if cx.attempt_no() == 1 => panic!("dropped the plates"),
        "error" if cx.attempt_no() < 3 => Err(Failure::error("not yet")),
        "bad" => Err(Failure::rejected("cannot be done")),
        "hang" if cx.attempt_no() == 1 => std::future::pending().await,
        _ => Ok(cx.attempt_no()),
    }
}

#[capability("slow@1")]
async fn slow(cx: Context, _: Value) -> Result<()> {
    cx.sleep(Duration::from_secs(3600)).await
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_through_a_delegate() {
    let team = Team::in_memory().with(count).with(report).start().await.expect("starts");
    let words = team.ask::<report>("to be or not to be").await.expect("answers");
    assert_eq!(words, "6 words");
}

#[tokio::test(start_paused = true)]
async fn many_tasks_are_taken_as_they_can_be_and_each_has_its_answer_in_order() {
    let team = Team::in_memory().with(count).start().await.expect("starts");
    let taken = AtomicU32::new(0);
    let tasks = (0..1_000).map(|number| {
        taken.fetch_add(1, Ordering::Relaxed);
        let name = if number == 500 { "n".repeat(1 << 20) } else { "text.count".to_owned() };
        let input = json!("word ".repeat(number)).to_string().into_bytes();
        let key = Some(format!("{}", number % 900));
        (Terms::new(name), input, SubmitOptions { key, ..SubmitOptions::default() })
    });
    let mut many = team.submit_many(tasks);
    let mut tickets = Vec::new();
    for number in 0..1_000 {
        match many.next().await.expect("an answer for each") {
            Ok(ticket) => tickets.push((number, ticket)),
            Err(refused) if number == 500 => assert_eq!(refused.kind, FailureKind::Limit),
            Err(refused) => assert!(number >= 900, "{number}: {refused}"), // Another input.
        }
        let ahead = taken.load(Ordering::Relaxed) - number;
        assert!(ahead <= 256, "{ahead} were taken and have no answer");
    }
    assert!(many.next().await.is_none() && many.next().await.is_none());
    assert_eq!(tickets.len(), 899);
    assert!(tickets.is_sorted_by_key(|(_, ticket)| ticket.task), "accepted in order");
    for (number, ticket) in tickets {
        assert_eq!(ticket.outcome().await, Ok(json!(number)));
    }
}

#[tokio::test(start_paused = true)]
async fn recursion_needs_one_slot() {
    let mut entry = nest_entry();
    entry.spec.slots = 1;
    let team = Team::in_memory().agent(entry).start().await.expect("starts");
    assert_eq!(team.ask::<nest>(8).await, Ok(8));
}

fn nest_entry() -> majordomo::AgentEntry {
    majordomo::AgentEntry::new("nest", "native", &["nest@1"], 1, runtime::api::native(nest))
}

#[tokio::test(start_paused = true)]
async fn a_map_asks_for_each_item_and_keeps_their_order() {
    let team = Team::in_memory().with(count).with(many).start().await.expect("starts");
    assert_eq!(team.ask::<many>(100).await, Ok(4950));
}

#[tokio::test(start_paused = true)]
async fn panic_error_and_rejection_are_told_apart() {
    let team = Team::in_memory().with(flaky).start().await.expect("starts");
    assert_eq!(team.ask::<flaky>("panic").await, Ok(2));
    assert_eq!(team.ask::<flaky>("error").await, Ok(3));
    let bad = team.ask::<flaky>("bad").await.expect_err("rejected");
    assert_eq!(bad.kind, kernel::FailureKind::Rejected);
    assert!(bad.message.contains("cannot be done"), "{bad}");
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_timed_out_and_tried_again() {
    let team = Team::in_memory().with(flaky).start().await.expect("starts");
    let mut terms = kernel::Terms::new("flaky");
    terms.timeout_ms = Some(1_000);
    let input = serde_json::to_vec(&json!("hang")).expect("json");
    let ticket = team.submit(terms, input, Default::default()).await.expect("accepted");
    assert_eq!(ticket.outcome().await, Ok(json!(2)));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_ends_and_frees_its_slot() {
    let team = Team::in_memory().with(slow).start().await.expect("starts");
    let ticket = team
        .submit(kernel::Terms::new("slow"), b"null".to_vec(), Default::default())
        .await
        .expect("accepted");
    team.cancel(ticket.task, "changed my mind").await.expect("cancels");
    let ended = ticket.outcome().await.expect_err("cancelled");
    assert!(ended.message.contains("changed my mind"), "{ended}");
}

#[tokio::test(start_paused = true)]
async fn a_sleep_takes_its_time_and_no_slot() {
    let team = Team::in_memory().with(slow).start().await.expect("starts");
    let before = tokio::time::Instant::now();
    assert_eq!(team.ask::<slow>(Value::Null).await, Ok(()));
    assert!(before.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test(start_paused = true)]
async fn nobody_to_serve_it_means_waiting_not_failing() {
    let team = Team::in_memory().with(report).start().await.expect("starts");
    let asked = team.clone();
    let answer = tokio::spawn(async move { asked.ask::<report>("a b").await });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!answer.is_finished());
    let late = majordomo::AgentEntry::new(
        "late",
        "native",
        &["text.count@1"],
        1,
        runtime::api::native(count),
    );
    team.join(late).await.expect("joins");
    assert_eq!(answer.await.expect("no panic"), Ok("2 words".to_owned()));
}

static PAID: AtomicU32 = AtomicU32::new(0);

/// Pays three times, then asks; the second life must not pay again.
#[capability("buy@1")]
async fn buy(cx: Context, _: Value) -> Result<u32> {
    for item in 0..3 {
        let pay = async { Ok(PAID.fetch_add(1, Ordering::Relaxed)) };
        let _: u32 = cx.once(&format!("pay {item}"), pay).on_unknown(OnUnknown::Fail).await?;
    }
    cx.ask_value("ship", json!({ "items": 3 })).await?;
    Ok(PAID.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_second_life_pays_for_nothing_twice() {
    let dir = tempfile::tempdir().expect("a directory");
    let team = Team::open(dir.path()).with(buy).start().await.expect("starts");
    let ticket = team
        .submit(kernel::Terms::new("buy"), b"null".to_vec(), Default::default())
        .await
        .expect("accepted");
    let run = ticket.task;
    while PAID.load(Ordering::Relaxed) < 3 {
        tokio::task::yield_now().await;
    }
    team.drain(Duration::ZERO).await;
    drop((team, ticket));

    let ship =
        majordomo::AgentEntry::new("shipper", "native", &["ship@1"], 1, runtime::api::native(ship));
    let team = Team::open(dir.path()).with(buy).agent(ship).start().await.expect("starts again");
    let outcome = team.ticket(run).expect("it goes on").outcome().await;
    assert_eq!(outcome, Ok(json!(3)));
}

#[capability("ship@1")]
async fn ship(_: Context, _: Value) -> Result<bool> {
    Ok(true)
}
