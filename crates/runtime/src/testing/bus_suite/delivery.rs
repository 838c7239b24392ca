//! Who gets what: patterns, order, groups, presence, and what is told of those who are gone.

use super::{
    Dice, Fresh, PATIENCE, Stage, assert_quiet, eventually, heard, heard_all, numbers, subject, who,
};
use crate::bounds::BusBounds;
use crate::bus::{Body, End, Envelope, Error, Feed, MessageId, Options, Pattern, Receipt, Schema};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub(super) async fn run(fresh: &impl Fresh) {
    wildcards_stand_for_whole_words(fresh).await;
    ten_thousand_pairs_agree_with_the_plain_matcher(fresh).await;
    one_senders_messages_about_one_subject_keep_their_order(fresh).await;
    one_of_a_group_gets_each_message(fresh).await;
    dead_members_of_a_group_are_passed_over(fresh).await;
    who_sends_to_nobody_or_the_dead_is_told(fresh).await;
    a_subscription_ends_from_elsewhere(fresh).await;
    who_is_there_is_told(fresh).await;
    who_only_watches_is_nobody(fresh).await;
    a_message_outlived_is_not_delivered(fresh).await;
    what_is_too_large_is_refused(fresh).await;
    subscriptions_have_a_limit(fresh).await;
    what_is_not_of_the_topic_is_skipped_and_counted(fresh).await;
    a_body_from_elsewhere_is_read_like_any_other(fresh).await;
}

async fn wildcards_stand_for_whole_words(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut one = stage.listen("a.*.c", Options::default()).await;
    let mut rest = stage.listen("a.>", Options::default()).await;
    let mut exact = stage.listen("a.b.c", Options::default()).await;
    for (number, text) in ["a.b.c", "a.x.c", "a.b", "a.b.c.d", "a", "b.b.c"].iter().enumerate() {
        stage.say(text, number as u64).await;
    }
    assert_eq!(heard_all(&mut one, 2).await, [0, 1], "wildcards: `*` is one word");
    assert_eq!(heard_all(&mut rest, 4).await, [0, 1, 2, 3], "wildcards: `>` is one or more");
    assert_eq!(heard_all(&mut exact, 1).await, [0], "wildcards: none is exact");
    for subscription in [&mut one, &mut rest, &mut exact] {
        assert_quiet(subscription, "wildcards").await;
    }
}

async fn ten_thousand_pairs_agree_with_the_plain_matcher(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut dice = Dice(42);
    let mut word = |wild: u64| match dice.roll(4 + wild) {
        it @ 0..4 => ["a", "b", "c", "aa"][it as usize],
        4 => "*",
        _ => ">",
    };
    let mut text = |wild: u64, length: u64| -> String {
        let mut words = Vec::new();
        while words.len() < length as usize && words.last() != Some(&">") {
            words.push(word(wild));
        }
        words.join(".")
    };
    let patterns: Vec<String> = (0..100).map(|it| text(2, 1 + it % 4)).collect();
    let subjects: Vec<String> = (0..100).map(|it| text(0, 1 + it % 4)).collect();
    let mut listeners = Vec::new();
    for pattern in &patterns {
        listeners.push(stage.listen(pattern, Options::default()).await);
    }
    for (number, subject) in subjects.iter().enumerate() {
        stage.say(subject, number as u64).await;
    }
    for (pattern, listener) in patterns.iter().zip(&mut listeners) {
        let plain = Pattern::new(pattern.as_str()).expect("a pattern");
        let matched = |text: &String| plain.matches(&subject(text));
        let expected: Vec<u64> = (0..)
            .zip(&subjects)
            .filter(|(_, text)| matched(text))
            .map(|(number, _)| number)
            .collect();
        let heard = heard_all(listener, expected.len()).await;
        assert_eq!(heard, expected, "random pairs: {pattern} of {subjects:?}");
        assert_quiet(listener, "random pairs").await;
    }
}

async fn one_senders_messages_about_one_subject_keep_their_order(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let room = Options { capacity: 4_096, ..Options::default() };
    let mut listeners = [stage.listen("a.*", room.clone()).await, stage.listen("a.b", room).await];
    let senders = (0..4_u64).map(|sender| {
        let client = who(&stage.bus, &format!("sender-{sender}"));
        tokio::spawn(async move {
            for number in 0..250 {
                client.publish(&numbers("a.b"), sender * 1_000 + number).await.expect("sent");
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("no panic");
    }
    for listener in &mut listeners {
        let heard = heard_all(listener, 1_000).await;
        for sender in 0..4 {
            let of_one = heard.iter().filter(|it| *it / 1_000 == sender).map(|it| it % 1_000);
            assert!(of_one.eq(0..250), "order: sender {sender} in {heard:?}");
        }
    }
}

async fn one_of_a_group_gets_each_message(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut workers = Vec::new();
    for pattern in ["a.b", "a.*", "a.>"] {
        workers.push(stage.listen(pattern, Options::group("workers")).await);
    }
    let mut other = stage.listen("a.b", Options::group("others")).await;
    let mut alone = stage.listen("a.b", Options::default()).await;
    for number in 0..300 {
        let receipt = stage.say("a.b", number).await;
        assert!(!receipt.is_nobody(), "groups: {receipt:?}");
    }
    let everything: Vec<u64> = (0..300).collect();
    assert_eq!(heard_all(&mut other, 300).await, everything, "groups: each group gets all");
    assert_eq!(heard_all(&mut alone, 300).await, everything, "groups: who is in none gets all");
    eventually("all are with the workers", || stage.counts("suite").offered == 900).await;
    let mut together = Vec::new();
    for worker in &mut workers {
        let own = heard_all(worker, worker.counts().offered as usize).await;
        assert!(own.len() >= 50, "groups: shared badly, one got {} of 300", own.len());
        assert!(own.is_sorted(), "groups: in order for each");
        together.extend(own);
    }
    together.sort_unstable();
    assert_eq!(together, everything, "groups: each message once");
}

async fn dead_members_of_a_group_are_passed_over(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut alive = stage.listen("a", Options::group("workers")).await;
    let dropped = stage.listen("a", Options::group("workers")).await;
    let closed = stage.listen("a", Options::group("workers")).await;
    drop(dropped);
    closed.closer().close(End::AttemptEnded);
    for number in 0..50 {
        assert!(!stage.say("a", number).await.is_nobody(), "dead members: one is alive");
    }
    assert_eq!(heard_all(&mut alive, 50).await, (0..50).collect::<Vec<_>>(), "dead members");
    assert_eq!(closed.counts().offered, 0, "dead members: one who is gone got something");
}

async fn who_sends_to_nobody_or_the_dead_is_told(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    assert!(stage.say("a", 1).await.is_nobody(), "nobody: none has come yet");
    let mut listener = stage.listen("a", Options::default()).await;
    assert!(!stage.say("a", 2).await.is_nobody(), "nobody: one is there");
    assert_eq!(heard(&mut listener).await, 2);
    assert!(stage.say("b", 3).await.is_nobody(), "nobody: not for this subject");
    drop(listener);
    assert!(stage.say("a", 4).await.is_nobody(), "nobody: it is gone");
    let stats = stage.bus.stats();
    assert_eq!(stats.subscriptions, [], "unsubscribed on drop");
    assert_eq!((stats.published, stats.nobody), (4, 3), "nobody: counted");
}

async fn a_subscription_ends_from_elsewhere(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut listener = stage.listen("a", Options::default()).await;
    stage.say("a", 1).await;
    eventually("it is there", || listener.counts().offered == 1).await;
    let closer = listener.closer();
    let waits = tokio::spawn(async move {
        let first = heard(&mut listener).await;
        (first, listener.next().await.is_none(), listener.end())
    });
    sleep(Duration::from_millis(5)).await;
    closer.close(End::AttemptEnded);
    let (first, is_end, end) = timeout(PATIENCE, waits).await.expect("in time").expect("no panic");
    assert_eq!((first, is_end), (1, true), "ended: what lay there is received first");
    assert_eq!(end, Some(End::AttemptEnded), "ended: with the reason");
    assert!(closer.is_done(), "ended: once and for all");
    assert!(stage.say("a", 2).await.is_nobody(), "ended: nobody is there");
}

async fn who_is_there_is_told(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let (ann, bob) = (who(&stage.bus, "ann"), who(&stage.bus, "bob"));
    let pattern = Pattern::new("a.*").expect("a pattern");
    let ann = ann.listen(&pattern, Options::default()).await.expect("subscribes");
    let _bob = bob.listen(&pattern, Options::group("workers")).await.expect("subscribes");
    let names = async |text: &str| -> Vec<String> {
        let present = stage.bus.present(&subject(text)).await.expect("tells");
        let mut names: Vec<String> = present
            .into_iter()
            .map(|it| format!("{} {} {}", it.name, it.pattern, it.group.unwrap_or_default()))
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("a.b").await, ["ann a.* ", "bob a.* workers"], "presence");
    assert_eq!(names("b").await, [""; 0], "presence: of those who would get it");
    drop(ann);
    assert_eq!(names("a.b").await, ["bob a.* workers"], "presence: who goes is not there");
}

async fn who_only_watches_is_nobody(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let silent = Options { silent: true, ..Options::default() };
    let mut watcher = stage.listen(">", silent).await;
    assert_eq!(stage.say("a", 1).await, Receipt::default(), "watching: nobody was there");
    assert_eq!(heard(&mut watcher).await, 1, "watching: and yet it was seen");
    assert_eq!(stage.bus.present(&subject("a")).await, Ok(Vec::new()), "watching: not present");
}

async fn a_message_outlived_is_not_delivered(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut listener = stage.listen("a", Options::default()).await;
    let lives = async |ms: u64, number: u64| {
        let envelope = stage.client.envelope(&numbers("a"), number).expect("small");
        let envelope = envelope.ttl(Duration::from_millis(ms));
        stage.client.send(envelope).await.expect("sent")
    };
    lives(20, 1).await;
    lives(60_000, 2).await;
    stage.say("a", 3).await;
    lives(20, 4).await;
    sleep(Duration::from_millis(50)).await;
    assert_eq!(heard_all(&mut listener, 2).await, [2, 3], "time to live");
    assert_quiet(&mut listener, "time to live").await;
    let counts = listener.counts();
    assert_eq!((counts.received, counts.expired), (2, 2), "time to live: counted");
}

async fn what_is_too_large_is_refused(fresh: &impl Fresh) {
    let bounds = BusBounds { body_max_bytes: 100, field_max_bytes: 20, ..BusBounds::default() };
    let stage = Stage::within(fresh, bounds).await;
    let mut listener = stage.listen("a", Options::default()).await;
    let topic = crate::bus::Topic::<String>::new("a", 1).expect("a subject");
    // A text of up to 255 bytes has two more in front.
    let fits = stage.client.publish(&topic, "x".repeat(98)).await;
    assert!(fits.is_ok(), "size: it just fits: {fits:?}");
    let refused = stage.client.publish(&topic, "x".repeat(99)).await;
    assert_eq!(refused, Err(Error::TooLarge { subject: subject("a"), max: 100 }), "size");
    let raw = |bytes: usize, name: &str| {
        let body = Body::from_bytes(vec![0xc0; bytes]);
        stage.bus.publish(Envelope::new(subject("a"), Schema::new(name, 1), body))
    };
    assert!(raw(100, "raw").await.is_ok(), "size: raw bytes just fit");
    assert!(raw(101, "raw").await.is_err(), "size: raw bytes");
    assert!(raw(1, &"n".repeat(21)).await.is_err(), "size: a field of the header");
    let _first = listener.next().await.expect("a text");
    let _second = listener.next().await.expect("raw bytes");
    assert_quiet(&mut listener, "size").await;
    assert_eq!(stage.bus.stats().refused, 2, "size: counted");
}

async fn subscriptions_have_a_limit(fresh: &impl Fresh) {
    let bounds = BusBounds { subscriptions_max: 2, queue_max: 10, ..BusBounds::default() };
    let stage = Stage::within(fresh, bounds).await;
    let try_it = async |options: Options| {
        stage.client.listen(&Pattern::new("a").expect("a pattern"), options).await
    };
    for capacity in [0, 11] {
        let refused = try_it(Options { capacity, ..Options::default() }).await.map(|_| ());
        assert!(matches!(refused, Err(Error::BadOptions { .. })), "limits: queue of {capacity}");
    }
    let small = Options { capacity: 10, ..Options::default() };
    let _first = try_it(small.clone()).await.expect("subscribes");
    let second = try_it(small.clone()).await.expect("subscribes");
    let third = try_it(small.clone()).await.map(|_| ());
    assert_eq!(third, Err(Error::TooMany { what: "subscriptions", max: 2 }), "limits");
    drop(second);
    assert!(try_it(small).await.is_ok(), "limits: a place is free again");
}

async fn what_is_not_of_the_topic_is_skipped_and_counted(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut feed: Feed<u64> = stage.client.subscribe(&numbers("a")).await.expect("subscribes");
    let texts = crate::bus::Topic::<String>::new("a", 1).expect("a subject");
    stage.say("a", 1).await;
    stage.client.publish(&texts, "one".to_owned()).await.expect("sent");
    stage.client.publish(&numbers("a").named("size"), 2_u64).await.expect("sent");
    stage.client.publish(&texts.clone().named("u64"), "two".to_owned()).await.expect("sent");
    stage.say("a", 3).await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let next = timeout(PATIENCE, feed.next()).await.expect("in time").expect("no end");
        seen.push(next.map(|it| *it).map_err(|why| why.to_string()));
    }
    assert_eq!((&seen[0], &seen[4]), (&Ok(1), &Ok(3)), "schema: what is of the topic is read");
    let wrong = |at: usize, words: [&str; 2]| {
        let Err(text) = &seen[at] else { panic!("schema: {:?} was read", seen[at]) };
        assert!(words.iter().all(|it| text.contains(it)), "schema: both are named: {text}");
    };
    wrong(1, ["String@1", "u64@1"]);
    wrong(2, ["size@1", "u64@1"]);
    wrong(3, ["u64@1", "is not"]);
    assert_eq!(feed.counts().unreadable, 3, "schema: counted");
}

async fn a_body_from_elsewhere_is_read_like_any_other(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut feed: Feed<u64> = stage.client.subscribe(&numbers("a")).await.expect("subscribes");
    let raw =
        Envelope::new(subject("a"), Schema::new("u64", 1), Body::from_bytes(vec![0xcd, 1, 0]));
    let id = raw.header.id;
    stage.client.send(raw).await.expect("sent");
    let read = timeout(PATIENCE, feed.next()).await.expect("in time").expect("no end");
    let read = read.expect("a number");
    assert_eq!(*read, 256, "bytes");
    assert_eq!(read.envelope().header.id, id, "bytes: the header stays");
    assert_eq!(&*read.envelope().header.sender, "suite", "bytes: with the sender that is known");
    let ids: BTreeSet<MessageId> = (0..1_000).map(|_| MessageId::next()).collect();
    assert_eq!(ids.len(), 1_000, "no two messages share a number");
}
