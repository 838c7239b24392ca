//! What a topic keeps: for how long, how much, and from where somebody reads.

use super::*;

#[test]
fn what_expires_is_gone_for_everybody_and_counted_for_those_who_waited() {
    let mut story = Story::with(SubscriberTerms::default());
    story.subscribe("late", Place::First, SubscriberTerms::default());
    let short = Publish { ttl_ms: Some(100), ..message(1) };
    let (token, ..) = one(&story.topic(TopicCommand::Publish(short.clone())));
    story.ack(token, 1);
    let (held, ..) = one(&story.topic(TopicCommand::Publish(short)));
    story.publish(3);
    story.pass(100);
    let fates = |story: &Story, seq| {
        let receipts = story.kernel.state().receipts("orders", seq).expect("it was there");
        (receipts.kept, receipts.fates["indexer"].clone(), receipts.fates["late"].clone())
    };
    assert_eq!(fates(&story, 1), (false, Fate::Handled, Fate::Expired));
    assert_eq!(fates(&story, 2), (false, Fate::Expired, Fate::Expired));
    assert_eq!(fates(&story, 3), (true, Fate::Delivered, Fate::Sent));
    assert_eq!(story.ack(held, 2).answer, Err(Refusal::StaleToken));
    let late = &story.held().subscribers["late"];
    assert_eq!((story.reader().expired, late.expired), (1, 2));
    // The gap is stepped over.
    assert_eq!(one(&story.attach("late")).1, [3]);
    assert_eq!(story.held().subscribers["late"].cursor, 3);
    // Numbers go on, whatever is kept.
    story.pass(1);
    assert_eq!((story.held().first(), story.publish(4).answer), (3, sent(4, true, 2)));
}

#[test]
fn numbers_are_never_used_twice_though_nothing_is_kept() {
    let mut story = Story::begun();
    for seq in 1..4 {
        let short = Publish { ttl_ms: Some(1), ..message(1) };
        assert_eq!(story.topic(TopicCommand::Publish(short)).answer, sent(seq, true, 0));
        story.pass(1);
        assert!(story.held().messages.is_empty());
        story.begin();
    }
}

#[test]
fn a_full_topic_refuses_what_would_cost_somebody_a_message() {
    let mut story = Story::begun();
    let terms = TopicTerms { messages_max: Some(2), ..TopicTerms::default() };
    story.topic(TopicCommand::Set(terms));
    // Nobody waits for these: the oldest make room.
    (1..=3).for_each(|byte| drop(story.publish(byte)));
    assert_eq!(story.held().first(), 2);
    story.subscribe("indexer", Place::First, SubscriberTerms::default());
    let refused = story.publish(4);
    assert!(matches!(refused.answer, Err(Refusal::Overloaded { .. })));
    assert!(refused.entries.is_empty());
    let (token, seqs, _) = one(&story.attach("indexer"));
    assert_eq!(seqs, [2, 3]);
    assert!(matches!(story.publish(4).answer, Err(Refusal::Overloaded { .. })));
    story.ack(token, 2);
    assert_eq!(story.publish(4).answer, sent(4, true, 1), "one is handled, and makes room");
}

#[test]
fn where_the_topic_says_so_the_oldest_go_and_are_counted() {
    let mut story = Story::with(SubscriberTerms { window: 1, ..SubscriberTerms::default() });
    let terms = TopicTerms { bytes_max: Some(2), full: Full::DropOldest, ..TopicTerms::default() };
    story.topic(TopicCommand::Set(terms));
    let (token, ..) = one(&story.publish(1));
    story.publish(2);
    let third = story.publish(3);
    assert_eq!(third.answer, sent(3, true, 1));
    assert_eq!((story.held().bytes, story.held().first()), (2, 2));
    assert_eq!((story.reader().dropped, story.fate(1)), (1, Fate::Dropped));
    assert_eq!(story.ack(token, 1).answer, Err(Refusal::StaleToken));
    assert_eq!(one(&third).1, [2], "what it had in hand is over");
    let mut large = message(9);
    large.payload.len = 3;
    assert_eq!(
        story.topic(TopicCommand::Publish(large)).answer,
        Err(Refusal::TooLarge { max: 2 }),
        "it will never fit"
    );
}

#[test]
fn a_subscriber_begins_where_it_says() {
    let mut story = Story::begun();
    for byte in 1..=3 {
        story.publish(byte);
        story.now += 1_000;
    }
    let terms = SubscriberTerms::default();
    story.topic(TopicCommand::Set(TopicTerms { messages_max: Some(3), ..TopicTerms::default() }));
    story.publish(4);
    let places = [
        ("now", Place::Now, Ok(5)),
        ("first", Place::First, Ok(2)),
        ("third", Place::Seq(3), Ok(3)),
        ("next", Place::Seq(5), Ok(5)),
        ("gone", Place::Seq(1), Err(Refused::NotKept { first: 2 }.into())),
        ("wall", Place::Wall { ms: WALL + 1_001 }, Ok(3)),
        ("future", Place::Wall { ms: WALL + 9_999 }, Ok(5)),
    ];
    for (name, place, cursor) in places {
        let answer = story.subscribe(name, place, terms).answer;
        let found = story.held().subscribers.get(name).map(|it| it.cursor);
        assert_eq!(answer.map(|_| found), cursor.map(Some), "{name}");
    }
    let unborn = story.subscribe("unborn", Place::Seq(6), terms).answer;
    assert!(matches!(unborn, Err(Refusal::BadTerms { .. })), "{unborn:?}");
}

#[test]
fn what_was_handled_can_be_read_again() {
    let mut story = Story::with(SubscriberTerms::default());
    let (token, ..) = one(&story.publish(1));
    story.ack(token, 1);
    let (held, ..) = one(&story.publish(2));
    let replay = TopicCommand::Replay { name: "indexer".into(), from: Place::Seq(1) };
    let (token, seqs, counts) = one(&story.topic(replay));
    assert_eq!((seqs, counts), (vec![1, 2], vec![1, 1]));
    assert_eq!(story.ack(held, 2).answer, Err(Refusal::StaleToken));
    story.ack(token, 2);
    assert_eq!(story.reader().cursor, 3);
    let skip = TopicCommand::Replay { name: "indexer".into(), from: Place::Now };
    assert!(got(&story.topic(skip)).is_empty());
    assert_eq!(story.fate(1), Fate::Before, "nobody claims that it was handled");
}

#[test]
fn what_was_discarded_and_is_read_again_is_told_as_handled() {
    let mut story =
        Story::with(SubscriberTerms { deliveries_max: 1, ..SubscriberTerms::default() });
    for seq in 1..=2 {
        let (token, ..) = one(&story.publish(seq as u8));
        story.nack(token, seq, None, "never");
        story.topic(TopicCommand::Discard { name: "indexer".into(), seq });
    }
    let replay = TopicCommand::Replay { name: "indexer".into(), from: Place::Seq(2) };
    let (token, seqs, _) = one(&story.topic(replay));
    assert_eq!(seqs, [2]);
    story.ack(token, 2);
    assert_eq!((story.fate(1), story.fate(2)), (Fate::Discarded, Fate::Handled));
}

#[test]
fn what_had_expired_before_somebody_came_is_not_told_as_handled() {
    let mut story = Story::begun();
    for ttl_ms in [None, Some(1), Some(1), None, Some(1), None] {
        story.topic(TopicCommand::Publish(Publish { ttl_ms, ..message(1) }));
    }
    story.pass(1);
    story.subscribe("indexer", Place::First, SubscriberTerms::default());
    let (token, seqs, _) = one(&story.attach("indexer"));
    assert_eq!(seqs, [1, 4, 6]);
    story.ack(token, 6);
    let fates: Vec<Fate> = (1..=6).map(|seq| story.fate(seq)).collect();
    let (handled, expired) = (Fate::Handled, Fate::Expired);
    assert_eq!(
        fates,
        [&handled, &expired, &expired, &handled, &expired, &handled].map(Fate::clone)
    );
    assert_eq!(story.reader().expired, 0, "nobody waited for them");
}

#[test]
fn a_snapshot_holds_the_bytes_of_all_that_may_still_be_handed_over() {
    let mut story =
        Story::with(SubscriberTerms { deliveries_max: 1, ..SubscriberTerms::default() });
    let (token, ..) = one(&story.publish(1));
    story.nack(token, 1, None, "never");
    story.topic(TopicCommand::Set(TopicTerms { messages_max: Some(1), ..TopicTerms::default() }));
    story.publish(2);
    let held: Vec<u8> = story.kernel.state().payloads().map(|it| it.digest.0[0]).collect();
    assert_eq!(held, [2, 1], "what is kept, and the dead letter's own");
    let mut facts = story.kernel.snapshot().clone();
    facts.restore_payloads(|_| None);
    facts.restore_payloads(|it| Some(Arc::from([it.digest.0[0]])));
    let restored = Kernel::replay(Limits::default(), Some(facts), []);
    let bytes = |it: &Payload| it.inline.as_ref().map(|bytes| bytes[0]);
    let bytes: Vec<_> = restored.state().payloads().map(bytes).collect();
    assert_eq!(bytes, [Some(2), Some(1)]);
}
