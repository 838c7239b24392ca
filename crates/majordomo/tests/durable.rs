//! Durable topics at work: what is published is handed over until it is handled, after a crash too.

use kernel::FailureKind;
use kernel::topic::{Fate, SubscriberTerms};
use majordomo::runtime::bus::{Access, Policy, Topic};
use majordomo::{AgentEntry, Context, Failure, Result, SubmitOptions, Team, capability};
use runtime::api::{Durable, DurableFeed, DurableOptions, PublishOptions};
use serde::{Deserialize, Serialize};
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::oneshot;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    item: String,
}

fn orders() -> Topic<Order> {
    Topic::new("team.main.orders", 1).expect("a subject")
}

fn order(item: &str) -> Order {
    Order { item: item.to_owned() }
}

async fn in_memory() -> Team {
    Team::in_memory().with(sell).start().await.expect("starts")
}

fn durable(team: &Team) -> Durable<Order> {
    team.durable("shop", &orders()).expect("a bus")
}

/// The next message: its item, its number, and which delivery of it this is.
async fn next(feed: &mut DurableFeed<Order>) -> (String, u64, u32, runtime::api::Delivered<Order>) {
    let delivered = feed.next().await.expect("the team is there").expect("an order");
    (delivered.item.clone(), delivered.seq(), delivered.delivery(), delivered)
}

/// Says what it sells; its first attempt fails after that, and the second says it again.
#[capability("sell@1")]
async fn sell(cx: Context, item: String) -> Result<u64> {
    let key = Some(cx.key());
    let options = PublishOptions { key, ..PublishOptions::default() };
    let sent = cx.durable(&cx.topic("orders", 1)?)?.publish_with(order(&item), options).await?;
    match cx.attempt_no() {
        1 => Err(Failure::error("its first attempt fails")),
        _ => Ok(sent.seq),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acked_comes_again_after_a_crash_and_what_was_does_not() {
    let home = tempfile::tempdir().expect("a directory");
    let team = Team::open(home.path()).start().await.expect("starts");
    let topic = durable(&team);
    assert!(topic.publish(order("a")).await.expect("kept").is_nobody());
    let mut feed = topic.subscribe("indexer").await.expect("subscribes");
    let large = "b".repeat(10_000);
    topic.publish(order(&large)).await.expect("kept");
    topic.publish(order("c")).await.expect("kept");
    let (item, seq, delivery, first) = next(&mut feed).await;
    assert_eq!((&*item, seq, delivery), ("a", 1, 1));
    first.ack().await.expect("acked");
    let (_, _, _, held) = next(&mut feed).await;
    assert_eq!(held.message().envelope().header.sender, "shop".into());
    team.runtime().abandon();
    drop((held, feed, topic, team));

    let team = Team::open(home.path()).start().await.expect("starts again");
    let topic = durable(&team);
    assert_eq!(topic.receipts(1).expect("published").fates["indexer"], Fate::Handled);
    assert!(matches!(
        topic.receipts(2).expect("published").fates["indexer"],
        Fate::Returned { .. }
    ));
    let mut feed = topic.subscribe("indexer").await.expect("subscribes");
    let (item, seq, delivery, _second) = next(&mut feed).await;
    assert_eq!((item, seq, delivery), (large, 2, 2));
    let (item, seq, _, third) = next(&mut feed).await;
    assert_eq!((&*item, seq), ("c", 3));
    third.ack_all().await.expect("acked");
    assert_eq!(topic.receipts(2).expect("published").fates["indexer"], Fate::Handled);
    assert_eq!(topic.publish(order("d")).await.expect("kept").seq, 4, "numbers go on");
    assert_eq!(next(&mut feed).await.0, "d");
    team.drain(Duration::ZERO).await;
    assert!(feed.next().await.is_none(), "the team has ended");
}

#[tokio::test(start_paused = true)]
async fn what_two_attempts_say_under_one_key_is_said_once() {
    let team = in_memory().await;
    let mut feed = durable(&team).subscribe("indexer").await.expect("subscribes");
    assert_eq!(team.ask::<sell>("tea").await.expect("sold"), 1);
    let (item, seq, _, delivered) = next(&mut feed).await;
    assert_eq!((&*item, seq), ("tea", 1));
    let header = &delivered.message().envelope().header;
    assert_eq!((&*header.sender, header.causation.as_deref()), ("sell", Some("task-1")));
    delivered.ack().await.expect("acked");
    let key = PublishOptions { key: Some("k".into()), ..PublishOptions::default() };
    let topic = durable(&team);
    assert!(topic.publish_with(order("x"), key.clone()).await.expect("kept").fresh);
    assert!(!topic.publish_with(order("x"), key.clone()).await.expect("known").fresh);
    let other = topic.publish_with(order("y"), key).await.expect_err("another under the key");
    assert!(other.message.contains("message 2"), "{other:?}");
    assert_eq!(next(&mut feed).await.1, 2);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_handle_ends_as_a_dead_letter_with_its_reasons() {
    let team = in_memory().await;
    let topic = durable(&team);
    let terms = SubscriberTerms { deliveries_max: 3, ..SubscriberTerms::default() };
    let options = DurableOptions { terms, ..DurableOptions::default() };
    let mut feed = topic.subscribe_with("indexer", options).await.expect("subscribes");
    topic.publish(order("bad")).await.expect("kept");
    let begun = tokio::time::Instant::now();
    let (.., first) = next(&mut feed).await;
    first.nack(Some(Duration::from_secs(7)), "no such item").await.expect("nacked");
    let (_, _, delivery, second) = next(&mut feed).await;
    assert_eq!((delivery, begun.elapsed().as_secs()), (2, 7));
    drop(second);
    let (.., third) = next(&mut feed).await;
    tokio::time::sleep(Duration::from_secs(31)).await; // Longer than it may be silent.
    let late = third.ack().await.expect_err("it has run out");
    assert!(late.message.contains("no longer the one"), "{late:?}");
    let fate = topic.receipts(1).expect("published").fates["indexer"].clone();
    let Fate::Refused { reasons } = fate else { panic!("{fate:?}") };
    let expected =
        ["no such item", "it was let go of without a word", "nothing was said of it in time"];
    assert!(reasons.iter().map(|it| &**it).eq(expected), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_gives_back_and_one_feed_of_a_name_is_enough() {
    let team = in_memory().await;
    let topic = durable(&team);
    let mut feed = topic.subscribe("indexer").await.expect("subscribes");
    let second = topic.subscribe("indexer").await.err().expect("one is enough");
    assert!(second.message.contains("has a feed"), "{second:?}");
    topic.publish(order("a")).await.expect("kept");
    topic.publish(order("b")).await.expect("kept");
    let (.., held) = next(&mut feed).await;
    drop(feed);
    let mut feed = topic.subscribe("indexer").await.expect("subscribes again");
    assert_eq!(next(&mut feed).await.2, 1, "nothing is held against it");
    assert!(held.ack().await.is_err(), "its delivery went with the feed");
    assert_eq!(next(&mut feed).await.0, "b");
}

#[tokio::test(start_paused = true)]
async fn what_ran_out_before_anybody_looked_at_it_comes_anew() {
    let team = in_memory().await;
    let topic = durable(&team);
    topic.publish(order("a")).await.expect("kept");
    topic.publish(order("b")).await.expect("kept");
    let mut feed = topic.subscribe("indexer").await.expect("subscribes");
    let (.., first) = next(&mut feed).await; // Both came with one delivery.
    first.ack().await.expect("acked");
    tokio::time::sleep(Duration::from_secs(31)).await; // Longer than it may be silent.
    let (item, _, delivery, second) = next(&mut feed).await;
    assert_eq!((&*item, delivery), ("b", 2), "not the one that is over");
    second.ack().await.expect("it stands");
}

#[test]
fn who_stops_waiting_for_a_message_has_not_had_it() {
    let mut tokio = tokio::runtime::Builder::new_current_thread();
    let tokio = tokio.enable_all().max_blocking_threads(1).build().expect("a runtime");
    tokio.block_on(async {
        let team = in_memory().await;
        let topic = durable(&team);
        let mut feed = topic.subscribe("indexer").await.expect("subscribes");
        let large = "a".repeat(10_000);
        topic.publish(order(&large)).await.expect("kept");
        // What is large is read by the one thread for it, and that has something else to do.
        let (free, until_free) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || until_free.recv());
        {
            let mut waiting = pin!(feed.next());
            let waits = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
            assert!(waits, "it is not read yet");
        }
        drop(free);
        assert!(busy.await.expect("no panic").is_err(), "it has waited until now");
        let (item, _, delivery, first) = next(&mut feed).await;
        assert_eq!((item.len(), delivery), (10_000, 1), "it is still the next");
        first.ack().await.expect("acked");
    });
}

#[tokio::test(start_paused = true)]
async fn what_is_something_else_is_told_and_ends_as_a_dead_letter() {
    let team = in_memory().await;
    let mut feed = durable(&team).subscribe("indexer").await.expect("subscribes");
    let odd = Topic::<u64>::new("team.main.orders", 1).expect("a subject");
    team.durable("shop", &odd).expect("a bus").publish(7_u64).await.expect("kept");
    for _ in 0..5 {
        let told = feed.next().await.expect("the team is there").err().expect("no order");
        assert!(told.message.contains("u64@1"), "{told:?}");
    }
    let dead = || {
        let topics = team.topics();
        topics[0].1.subscribers["indexer"].dead.clone()
    };
    while dead().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(dead()[&1].len(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_policy_of_the_bus_holds_for_what_is_durable() {
    let policy = Policy::default();
    let team = Team::in_memory().with(elsewhere).bus_policy(policy).start().await;
    let team = team.expect("starts");
    let refused = team.ask::<elsewhere>(()).await.expect_err("it may not");
    assert!(refused.message.contains("may not publish to team.other.orders"), "{refused:?}");
    assert!(team.topics().is_empty());
}

#[capability("elsewhere@1")]
async fn elsewhere(cx: Context, _: ()) -> Result<u64> {
    let topic = Topic::<Order>::new("team.other.orders", 1)?;
    Ok(cx.durable(&topic)?.publish(order("a")).await?.seq)
}

#[tokio::test(start_paused = true)]
async fn who_may_not_hear_a_topic_keeps_nothing_of_it() {
    let deaf = Access { subscribe: Vec::new(), ..Access::of_team("main") };
    let entry = AgentEntry::native("listens", 1, listens).bus_access(deaf);
    let team = Team::in_memory().agent(entry).start().await.expect("starts");
    let refused = team.ask::<listens>(()).await.expect_err("it may not");
    assert!(refused.message.contains("may not subscribe to team.main.orders"), "{refused:?}");
    assert!(team.topics().is_empty());
}

#[capability("listens@1")]
async fn listens(cx: Context, _: ()) -> Result<()> {
    cx.durable(&orders())?.subscribe("indexer").await.map(drop)
}

/// What an attempt's code has handed out before it ended.
static LEFT: Mutex<Option<oneshot::Sender<Context>>> = Mutex::new(None);

#[capability("hangs@1")]
async fn hangs(cx: Context, _: ()) -> Result<()> {
    if let Some(left) = LEFT.lock().expect("no panic").take() {
        let _ = left.send(cx.clone());
    }
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn who_has_lost_the_lease_says_nothing_of_what_was_delivered() {
    let (sender, left) = oneshot::channel();
    *LEFT.lock().expect("no panic") = Some(sender);
    let team = Team::in_memory().with(hangs).start().await.expect("starts");
    let terms = kernel::Terms::new("hangs");
    let ticket = team.submit(terms, b"null".to_vec(), SubmitOptions::default()).await;
    let ticket = ticket.expect("accepted");
    let cx = left.await.expect("it began");
    let topic = cx.durable(&orders()).expect("a bus");
    topic.publish(order("a")).await.expect("kept");
    let mut feed = topic.subscribe("indexer").await.expect("subscribes");
    let (.., held) = next(&mut feed).await;

    team.cancel(ticket.task, "enough").await.expect("cancels");
    let acked = held.ack().await.expect_err("it may not any more");
    assert_eq!(acked.kind, FailureKind::Lost, "{acked:?}");
    let subscribed = topic.subscribe("archive").await.err().expect("nor this");
    assert_eq!(subscribed.kind, FailureKind::Lost, "{subscribed:?}");
    let published = topic.publish(order("b")).await.expect_err("nor that");
    assert_eq!(published.kind, FailureKind::Lost, "{published:?}");
    let fates = durable(&team).receipts(1).expect("published").fates;
    assert_ne!(fates["indexer"], Fate::Handled, "it comes again");
    assert!(!fates.contains_key("archive"));
}
