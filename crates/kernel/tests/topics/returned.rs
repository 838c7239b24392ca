//! What comes back from a delivery: by a word, by silence, with the process; and what is dead.

use super::*;

fn thrice() -> SubscriberTerms {
    SubscriberTerms { deliveries_max: 3, ack_ms: 1_000, ..SubscriberTerms::default() }
}

#[test]
fn what_is_nacked_too_often_is_a_dead_letter_with_every_reason() {
    let mut story = Story::with(thrice());
    let (mut token, ..) = one(&story.publish(1));
    for (at, reason) in ["a", "b"].into_iter().enumerate() {
        story.nack(token, 1, Some(50), reason);
        assert!(matches!(story.fate(1), Fate::Returned { .. }));
        assert!(story.pass(49).is_empty(), "not before its time");
        let (next, seqs, counts) = story.pass(1).remove(0);
        assert_eq!((seqs, counts), (vec![1], vec![at as u32 + 2]));
        token = next;
    }
    story.nack(token, 1, Some(50), "c");
    let reasons: Vec<Text> = vec!["a".into(), "b".into(), "c".into()];
    assert_eq!(story.fate(1), Fate::Refused { reasons: reasons.clone() });
    assert_eq!((story.reader().cursor, &story.reader().dead[&1].reasons), (2, &reasons));
    assert!(story.pass(100_000).is_empty());

    // Another life, with nothing held against it, though the topic has let go of the message.
    story.topic(TopicCommand::Set(TopicTerms { messages_max: Some(1), ..TopicTerms::default() }));
    let (second, ..) = one(&story.publish(2));
    assert!(!story.held().messages.contains_key(&1));
    let name: Text = "indexer".into();
    let redeliver = TopicCommand::Redeliver { name: name.clone(), seq: 1 };
    let (token, seqs, counts) = one(&story.topic(redeliver.clone()));
    assert_eq!((seqs, counts), (vec![1], vec![1]));
    assert_eq!(story.topic(redeliver).answer, Err(Refused::NotDead { seq: 1 }.into()));
    story.ack(token, 1);
    story.ack(second, 2);
    assert_eq!((story.fate(1), story.reader().cursor), (Fate::Handled, 3));
}

#[test]
fn a_dead_letter_can_be_forgotten() {
    let mut story = Story::with(SubscriberTerms { deliveries_max: 1, ..thrice() });
    let (token, ..) = one(&story.publish(1));
    story.nack(token, 1, None, "");
    let reasons = vec!["it was nacked without a reason".into()];
    assert_eq!(story.fate(1), Fate::Refused { reasons });
    let discard = TopicCommand::Discard { name: "indexer".into(), seq: 1 };
    assert_eq!(story.topic(discard.clone()).answer, Ok(Answer::Done));
    assert_eq!(story.fate(1), Fate::Discarded);
    assert_eq!(story.topic(discard).answer, Err(Refused::NotDead { seq: 1 }.into()));
}

#[test]
fn silence_puts_a_message_back_and_its_token_is_stale() {
    let mut story = Story::with(thrice());
    let (first, ..) = one(&story.publish(1));
    assert!(story.pass(999).is_empty());
    let again = story.pass(60_000);
    let (second, _, counts) = again[0].clone();
    assert_eq!(counts, [2]);
    assert_ne!(first, second);
    // By now it was silent three times.
    assert_eq!(again.len(), 2, "{again:?}");
    let silent: Text = "nothing was said of it in time".into();
    assert_eq!(story.fate(1), Fate::Refused { reasons: vec![silent; 3] });

    let (third, ..) = one(&story.publish(2));
    assert_eq!(story.ack(first, 9).answer, Err(Refusal::StaleToken));
    assert_eq!(story.nack(second, 2, None, "late").answer, Err(Refusal::StaleToken));
    assert_eq!(story.fate(2), Fate::Delivered);
    assert_eq!(story.ack(third, 2).answer, Ok(Answer::Done));
    assert_eq!(story.ack(third, 2).answer, Err(Refusal::StaleToken), "it is over");
}

#[test]
fn a_crash_charges_nobody_but_does_not_go_on_for_ever() {
    let mut story = Story::with(thrice());
    let (mut token, ..) = one(&story.publish(1));
    for crash in 1..25 {
        story.begin();
        assert_eq!(story.ack(token, 1).answer, Err(Refusal::StaleToken));
        let (next, seqs, counts) = one(&story.attach("indexer"));
        assert_eq!((seqs, counts), (vec![1], vec![crash + 1]));
        token = next;
    }
    assert_eq!(story.reader().again[&1].failed, 0);
    story.begin();
    assert!(got(&story.attach("indexer")).is_empty(), "what ends process after process is dead");
    assert_eq!(
        (story.reader().dead[&1].lost, story.fate(1)),
        (25, Fate::Refused { reasons: Vec::new() })
    );
}

#[test]
fn what_is_in_somebodys_hands_is_outstanding_until_it_is_not() {
    let mut story = Story::with(thrice());
    let (token, ..) = one(&story.publish(1));
    let outstanding = |story: &Story| {
        let all = story.kernel.outstanding().into_iter();
        all.filter(|it| matches!(it, Effect::DeliverMessages(_))).collect::<Vec<_>>()
    };
    let all = outstanding(&story);
    let [Effect::DeliverMessages(delivery)] = &all[..] else { panic!("{all:?}") };
    assert_eq!((delivery.token, delivery.messages[0].seq), (token, 1));
    assert_eq!(delivery.messages[0].message.payload.inline.as_deref(), Some(&[1][..]));
    story.ack(token, 1);
    assert!(outstanding(&story).is_empty());
}

#[test]
fn who_goes_away_gives_back_and_nothing_is_held_against_it() {
    let mut story = Story::with(thrice());
    for _ in 0..10 {
        let step = if story.kernel.state().topics["orders"].next == 1 {
            story.publish(1)
        } else {
            story.attach("indexer")
        };
        assert_eq!(one(&step).1, [1]);
        story.topic(TopicCommand::Detach("indexer".into()));
        assert!(story.pass(60_000).is_empty(), "nobody is there to get it");
    }
    assert_eq!(story.reader().again[&1].failed, 0);
}

#[test]
fn a_sleep_of_the_machine_costs_nobody_a_delivery() {
    let mut story = Story::with(thrice());
    let (token, ..) = one(&story.publish(1));
    story.now += 3_600_000;
    story.kernel.pulse(Time(story.now), Pulse::Slept { ms: 3_600_000 });
    assert!(story.pass(999).is_empty());
    assert_eq!(story.ack(token, 1).answer, Ok(Answer::Done));
    assert_eq!(story.fate(1), Fate::Handled);
}

#[test]
fn while_it_drains_nothing_is_handed_over_and_acks_are_heard() {
    let mut story = Story::with(SubscriberTerms { window: 1, ..thrice() });
    let (token, ..) = one(&story.publish(1));
    story.publish(2);
    story.tell(Command::Drain);
    assert!(got(&story.ack(token, 1)).is_empty());
    assert_eq!((story.fate(1), story.fate(2)), (Fate::Handled, Fate::Sent));
    story.begin();
    assert_eq!(one(&story.attach("indexer")).1, [2]);
}
