//! What happens when somebody is slow: policies of overflow, exact counts, and nobody else waits.

use super::{
    Dice, Fresh, PATIENCE, Stage, assert_quiet, eventually, heard, heard_all, numbers, who,
};
use crate::bus::{Counts, End, Error, Options, Overflow, Subscription, Topic};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

pub(super) async fn run(fresh: &impl Fresh) {
    the_oldest_make_room(fresh).await;
    the_newest_are_dropped(fresh).await;
    who_is_too_slow_is_disconnected(fresh).await;
    a_publisher_waits_until_its_deadline(fresh).await;
    others_do_not_wait_with_a_publisher(fresh).await;
    a_publisher_goes_on_when_there_is_room(fresh).await;
    bytes_are_bounded_too(fresh).await;
    a_slow_subscriber_slows_nobody(fresh).await;
    a_full_member_of_a_group_is_passed_over(fresh).await;
    counts_are_exact(fresh).await;
}

fn small(overflow: Overflow) -> Options {
    Options::default().queue(4, overflow)
}

/// Ten numbers for a queue of four; the counts afterwards.
async fn ten(stage: &Stage, listener: &Subscription) -> Counts {
    for number in 0..10 {
        stage.say("a", number).await;
    }
    eventually("all ten have come to it, or it has ended", || {
        listener.counts().offered == 10 || listener.end().is_some()
    })
    .await;
    listener.counts()
}

async fn the_oldest_make_room(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut listener = stage.listen("a", small(Overflow::DropOldest)).await;
    let counts = ten(&stage, &listener).await;
    assert_eq!((counts.offered, counts.dropped), (10, 6), "drop oldest: counted");
    assert_eq!(heard_all(&mut listener, 4).await, [6, 7, 8, 9], "drop oldest: the newest stay");
    assert_quiet(&mut listener, "drop oldest").await;
}

async fn the_newest_are_dropped(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut listener = stage.listen("a", small(Overflow::DropNewest)).await;
    let counts = ten(&stage, &listener).await;
    assert_eq!((counts.offered, counts.dropped), (10, 6), "drop newest: counted");
    assert_eq!(heard_all(&mut listener, 4).await, [0, 1, 2, 3], "drop newest: the oldest stay");
    assert_quiet(&mut listener, "drop newest").await;
    assert!(!stage.say("a", 10).await.is_nobody(), "drop newest: it is still there");
    assert_eq!(heard(&mut listener).await, 10, "drop newest: and has room again");
}

async fn who_is_too_slow_is_disconnected(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut listener = stage.listen("a", small(Overflow::Disconnect)).await;
    let counts = ten(&stage, &listener).await;
    assert_eq!((counts.offered, counts.dropped), (5, 1), "disconnect: the fifth is its end");
    assert_eq!(heard_all(&mut listener, 4).await, [0, 1, 2, 3], "disconnect: no gap before it");
    let end = timeout(PATIENCE, listener.next()).await.expect("in time");
    assert!(end.is_none() && listener.end() == Some(End::Overflow), "disconnect: with the reason");
    assert!(stage.say("a", 11).await.is_nobody(), "disconnect: nobody is there any more");
}

async fn a_publisher_waits_until_its_deadline(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut fast = stage.listen("a", Options::default()).await;
    let mut slow = stage.listen("a", small(Overflow::Block { at_most_ms: 500 })).await;
    for number in 0..4 {
        stage.say("a", number).await;
    }
    let begun = Instant::now();
    let publisher = who(&stage.bus, "publisher");
    let fifth = tokio::spawn(async move { publisher.publish(&numbers("a"), 4_u64).await });
    assert_eq!(heard_all(&mut fast, 5).await, [0, 1, 2, 3, 4], "block: others have it at once");
    let receipt = timeout(PATIENCE, fifth).await.expect("in time").expect("no panic");
    let receipt = receipt.expect("it was sent");
    assert!(begun.elapsed() >= Duration::from_millis(500), "block: not before the deadline");
    assert_eq!((receipt.delivered, receipt.dropped), (1, 1), "block: then it is dropped, and told");
    assert_eq!(heard_all(&mut slow, 4).await, [0, 1, 2, 3], "block");
    assert_quiet(&mut slow, "block").await;
    assert_eq!((slow.counts().offered, slow.counts().dropped), (5, 1), "block: counted");
}

/// It would wait for longer than the suite does.
async fn others_do_not_wait_with_a_publisher(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut fast = stage.listen("a", Options::default()).await;
    let slow = stage.listen("a", small(Overflow::Block { at_most_ms: 60_000 })).await;
    for number in 0..4 {
        stage.say("a", number).await;
    }
    let publisher = who(&stage.bus, "publisher");
    let fifth = tokio::spawn(async move { publisher.publish(&numbers("a"), 4_u64).await });
    assert_eq!(heard_all(&mut fast, 5).await, [0, 1, 2, 3, 4], "block: others do not wait");
    assert!(!fifth.is_finished(), "block: the publisher waits");
    drop(slow);
    timeout(PATIENCE, fifth).await.expect("in time").expect("no panic").expect("it was sent");
}

async fn a_publisher_goes_on_when_there_is_room(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut slow = stage.listen("a", small(Overflow::Block { at_most_ms: 60_000 })).await;
    let publisher = who(&stage.bus, "publisher");
    let sending = tokio::spawn(async move {
        for number in 0..100_u64 {
            publisher.publish(&numbers("a"), number).await.expect("sent");
        }
    });
    for number in 0..100 {
        if number % 10 == 0 {
            sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(heard(&mut slow).await, number, "block: in order and none lost");
    }
    timeout(PATIENCE, sending).await.expect("in time").expect("no panic");
    assert_eq!(slow.counts().dropped, 0, "block: none lost");
    // Whoever waits for somebody who goes is told at once.
    for number in 0..4 {
        stage.say("a", number).await;
    }
    let publisher = who(&stage.bus, "publisher");
    let waits = tokio::spawn(async move { publisher.publish(&numbers("a"), 4_u64).await });
    sleep(Duration::from_millis(5)).await;
    drop(slow);
    let receipt = timeout(PATIENCE, waits).await.expect("at once").expect("no panic");
    assert!(receipt.expect("it was sent").is_nobody(), "block: it is gone");
}

async fn bytes_are_bounded_too(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let bounded = Options { capacity_bytes: 100, ..Options::default() };
    let mut listener = stage.listen("a", bounded).await;
    let topic = Topic::<String>::new("a", 1).expect("a subject");
    for length in [38, 38, 38, 98, 99] {
        stage.client.publish(&topic, "x".repeat(length)).await.expect("sent");
    }
    eventually("all have come to it", || listener.counts().offered == 5).await;
    // The third makes room by the first, the fourth by all; the fifth is larger than the queue, so
    // nobody makes room for it in vain.
    assert_eq!(listener.counts().dropped, 4, "bytes: counted");
    assert_eq!(next_text(&mut listener, &topic).await, 98, "bytes: the largest that fits");
    assert_quiet(&mut listener, "bytes").await;
    let huge = Options { capacity_bytes: usize::MAX, ..Options::default() };
    let pattern = listener.pattern().clone();
    let refused = stage.client.listen(&pattern, huge).await.map(|_| ());
    assert!(matches!(refused, Err(Error::BadOptions { .. })), "bytes: there is a limit");
}

async fn next_text(listener: &mut Subscription, topic: &Topic<String>) -> usize {
    let next = timeout(PATIENCE, listener.next()).await.expect("in time").expect("no end");
    topic.read(next).expect("a text").len()
}

async fn a_slow_subscriber_slows_nobody(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let slow = [Overflow::DropOldest, Overflow::DropNewest, Overflow::Disconnect];
    let mut idle = Vec::new();
    for overflow in slow {
        idle.push(stage.listen("a", Options::default().queue(1, overflow)).await);
    }
    let room = Options { capacity: 2_000, ..Options::default() };
    let mut fast = stage.listen("a", room).await;
    let begun = Instant::now();
    for number in 0..1_000 {
        stage.say("a", number).await;
    }
    assert_eq!(heard_all(&mut fast, 1_000).await, (0..1_000).collect::<Vec<_>>(), "slow ones");
    assert!(begun.elapsed() < PATIENCE, "slow ones: it took {:?}", begun.elapsed());
    assert_eq!(fast.counts().dropped, 0, "slow ones: the fast one has lost nothing");
    drop(idle);
}

async fn a_full_member_of_a_group_is_passed_over(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let one = Options::group("workers").queue(1, Overflow::DropNewest);
    let _full = stage.listen("a", one.clone()).await;
    let room = Options { capacity: 100, ..one.clone() };
    let mut able = stage.listen("a", room).await;
    for number in 0..50 {
        let receipt = stage.say("a", number).await;
        assert_eq!(receipt.dropped, 0, "full members: another has room for {number}");
    }
    let in_order = heard_all(&mut able, 49).await;
    assert!(in_order.is_sorted(), "full members: {in_order:?}");
    // Where nobody has room, somebody who is there decides, not one who has gone.
    let stage = Stage::new(fresh).await;
    let gone = stage.listen("a", one.clone()).await;
    let _full = stage.listen("a", one).await;
    gone.closer().close(End::AttemptEnded);
    for number in 0..10 {
        assert!(!stage.say("a", number).await.is_nobody(), "full members: told as dropped");
    }
    assert_eq!(stage.counts("suite").dropped, 9, "full members: counted");
}

/// Senders, readers of every policy and every speed, some that go: offered = received + dropped +
/// expired + queued for each, and together as many as were sent.
async fn counts_are_exact(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let policies = [Overflow::DropOldest, Overflow::DropNewest, Overflow::Block { at_most_ms: 1 }];
    let mut readers = Vec::new();
    for (speed, overflow) in (0..12_u64).zip(policies.into_iter().cycle()) {
        let options = Options::default().queue(1 + speed as usize * 3, overflow);
        let mut listener = stage.listen("a.>", options).await;
        readers.push(tokio::spawn(async move {
            let mut read = 0;
            while timeout(Duration::from_millis(200), listener.next()).await.is_ok() {
                read += 1;
                if read % (speed + 1) == 0 {
                    sleep(Duration::from_millis(1)).await;
                }
            }
            (read, listener)
        }));
    }
    let mut dice = Dice(7);
    for number in 0..2_000 {
        let envelope = stage.client.envelope(&numbers("a.b"), number).expect("small");
        let ttl = Duration::from_millis(1 + dice.roll(20));
        stage.client.send(envelope.ttl(ttl)).await.expect("sent");
        if number % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let mut expected = Counts::default();
    for reader in readers {
        let (read, listener) = reader.await.expect("no panic");
        let counts = listener.counts();
        let Counts { offered, received, dropped, expired, .. } = counts;
        assert_eq!(offered, 2_000, "counts: every message came to each: {counts:?}");
        assert_eq!(received, read, "counts: what was read: {counts:?}");
        assert_eq!(offered, received + dropped + expired, "counts: nothing in silence: {counts:?}");
        expected.add(counts);
    }
    let total = stage.bus.stats().total;
    assert_eq!(total, expected, "counts: those who are gone are counted");
    assert!(total.dropped > 0 && total.expired > 0, "counts: the scene is too tame: {total:?}");
}
