//! Durable topics, told from outside: what is published is kept, and handed over until it is
//! handled or dead.

#![allow(unused_must_use)] // A story does not look at every answer.

mod kept;
mod returned;
#[path = "../told/mod.rs"]
mod told;

use majordomo_kernel::topic::*;
use majordomo_kernel::*;
use std::sync::Arc;
use told::payload;

/// Wall time when the first process begins.
const WALL: u64 = 1_700_000_000_000;

/// A kernel with a topic in it, and the time in its hand.
pub(crate) struct Story {
    pub(crate) kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
}

/// A delivery, as (token, numbers, which delivery of each it is).
type Got = (Token, Vec<u64>, Vec<u32>);

impl Story {
    fn begun() -> Story {
        let kernel = Kernel::new(Limits::default());
        let mut story = Story { kernel, journal: Vec::new(), now: 0 };
        story.begin();
        story
    }

    /// One subscriber is there, on these terms, and has read nothing.
    fn with(terms: SubscriberTerms) -> Story {
        let mut story = Story::begun();
        story.subscribe("indexer", Place::First, terms);
        story.attach("indexer");
        story
    }

    /// Another process takes over.
    fn begin(&mut self) {
        self.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: WALL + self.now }));
    }

    fn tell(&mut self, command: Command) -> Step {
        told::step(&mut self.kernel, &mut self.journal, self.now, command)
    }

    fn topic(&mut self, what: TopicCommand) -> Step {
        self.tell(Command::Topic("orders".into(), what))
    }

    fn publish(&mut self, byte: u8) -> Step {
        self.topic(TopicCommand::Publish(message(byte)))
    }

    fn subscribe(&mut self, name: &str, from: Place, terms: SubscriberTerms) -> Step {
        self.topic(TopicCommand::Subscribe { name: name.into(), from, terms })
    }

    fn attach(&mut self, name: &str) -> Step {
        self.topic(TopicCommand::Attach(name.into()))
    }

    fn ack(&mut self, token: Token, up_to: u64) -> Step {
        self.topic(TopicCommand::Ack { name: "indexer".into(), token, up_to, also: Vec::new() })
    }

    fn nack(&mut self, token: Token, seq: u64, delay_ms: Option<u64>, reason: &str) -> Step {
        let (name, reason) = ("indexer".into(), reason.into());
        self.topic(TopicCommand::Nack { name, token, seq, delay_ms, reason })
    }

    /// Time passes for a process that works; what is delivered meanwhile.
    fn pass(&mut self, ms: u64) -> Vec<Got> {
        let (end, mut all) = (self.now + ms, Vec::new());
        while let Some(at) = self.kernel.next_deadline().filter(|at| at.0 <= end) {
            self.now = self.now.max(at.0);
            all.extend(got(&self.tell(Command::Tick)));
        }
        self.now = end;
        all
    }

    fn held(&self) -> &Topic {
        &self.kernel.state().topics["orders"]
    }

    fn reader(&self) -> &Subscriber {
        &self.held().subscribers["indexer"]
    }

    fn fate(&self, seq: u64) -> Fate {
        let receipts = self.kernel.state().receipts("orders", seq).expect("it was published");
        receipts.fates["indexer"].clone()
    }
}

fn message(byte: u8) -> Publish {
    Publish { payload: payload(byte), key: None, ttl_ms: None }
}

/// Every delivery of a step.
fn got(step: &Step) -> Vec<Got> {
    let deliveries = step.effects.iter().filter_map(|effect| match effect {
        Effect::DeliverMessages(delivery) => Some(delivery),
        _ => None,
    });
    let shape = |it: &Arc<Delivery>| {
        let (seqs, counts) = it.messages.iter().map(|it| (it.seq, it.delivery)).unzip();
        (it.token, seqs, counts)
    };
    deliveries.map(shape).collect()
}

/// The only delivery of a step.
fn one(step: &Step) -> Got {
    let mut all = got(step);
    assert_eq!(all.len(), 1, "{:?}", step.effects);
    all.remove(0)
}

fn sent(seq: u64, fresh: bool, subscribers: u32) -> Result<Answer, Refusal> {
    Ok(Answer::Published { seq, fresh, subscribers })
}

#[test]
fn what_is_published_is_handed_over_once_and_acked_in_runs() {
    let mut story = Story::with(SubscriberTerms::default());
    let first = story.publish(1);
    assert_eq!(first.answer, sent(1, true, 1));
    let (token, seqs, _) = one(&first);
    assert_eq!(seqs, [1]);
    assert_eq!(story.fate(1), Fate::Delivered);
    assert!(got(&story.ack(token, 1)).is_empty());
    assert_eq!((story.fate(1), story.reader().cursor), (Fate::Handled, 2));

    // Two deliveries in hand, acked out of order: the cursor waits for the gap.
    let (second, third) = (one(&story.publish(2)).0, one(&story.publish(3)).0);
    story.ack(third, 3);
    assert_eq!((story.reader().cursor, story.reader().unsettled()), (2, 1));
    story.ack(second, 2);
    assert_eq!((story.reader().cursor, story.reader().handled), (4, 3));
    assert!(story.held().is_through(story.reader()));
    assert_eq!(story.held().messages.len(), 3, "kept for whoever comes later");
}

#[test]
fn who_is_away_gets_it_all_when_they_are_there_and_in_one_delivery() {
    let mut story = Story::begun();
    assert_eq!(story.publish(1).answer, sent(1, true, 0), "nobody is there");
    assert!(story.kernel.state().receipts("orders", 1).expect("it is kept").fates.is_empty());
    story.subscribe("indexer", Place::First, SubscriberTerms::default());
    let second = story.publish(2);
    assert_eq!((second.answer.clone(), got(&second)), (sent(2, true, 1), Vec::new()));
    assert_eq!(story.fate(2), Fate::Sent);
    let (token, seqs, _) = one(&story.attach("indexer"));
    assert_eq!(seqs, [1, 2]);
    let acked = story.ack(token, 2);
    assert_eq!(acked.entries.len(), 1, "a run is one event");
    assert!(got(&story.attach("indexer")).is_empty(), "what is handled does not come again");
}

#[test]
fn a_window_is_all_that_somebody_has_in_hand_and_of_one_is_an_order() {
    let mut story = Story::with(SubscriberTerms { window: 1, ..SubscriberTerms::default() });
    let (token, ..) = one(&story.publish(1));
    assert!(got(&story.publish(2)).is_empty());
    // What comes again later still goes before what is new.
    assert!(got(&story.nack(token, 1, Some(500), "not yet")).is_empty());
    let again = story.pass(500);
    let [(token, seqs, counts)] = &again[..] else { panic!("{again:?}") };
    assert_eq!((&seqs[..], &counts[..]), (&[1][..], &[2][..]));
    assert_eq!(one(&story.ack(*token, 1)).1, [2]);
}

#[test]
fn a_key_names_one_message_for_as_long_as_it_is_kept() {
    let mut story = Story::begun();
    let keyed = |byte| {
        let key = Some("order-7".into());
        TopicCommand::Publish(Publish { key, ttl_ms: Some(1_000), ..message(byte) })
    };
    assert_eq!(story.topic(keyed(1)).answer, sent(1, true, 0));
    let again = story.topic(keyed(1));
    assert_eq!((again.answer.clone(), again.entries.len()), (sent(1, false, 0), 0));
    assert_eq!(story.topic(keyed(2)).answer, Err(Refused::KeyReused { seq: 1 }.into()));
    story.pass(1_000);
    assert_eq!(story.topic(keyed(2)).answer, sent(2, true, 0), "the first has expired");
}

#[test]
fn an_attempt_publishes_as_long_as_it_is_the_one() {
    let mut story = Story::begun();
    let serves = vec![Serves { capability: "count".into(), version: 1 }];
    story.tell(Command::Join(Arc::new(AgentSpec::new("counter", "native", serves, 1))));
    story.tell(Command::Submit(Submit::new(Terms::new("count"), payload(9))));
    let attempt = story.kernel.state().task(TaskId(1)).and_then(Task::attempt).expect("granted");
    let says = |token| {
        let report = Report::Publish { topic: "orders".into(), publish: Box::new(message(1)) };
        Command::Report(AttemptId { token, ..attempt }, report)
    };
    assert_eq!(story.tell(says(attempt.token)).answer, sent(1, true, 0));
    assert_eq!(story.held().messages[&1].by, Some(TaskId(1)));
    assert_eq!(story.tell(says(attempt.token.next())).answer, Err(Refusal::StaleToken));
    assert_eq!(story.held().next, 2);
    // While it drains, clients are refused, and what runs may finish.
    story.tell(Command::Drain);
    assert_eq!(story.publish(2).answer, Err(Refusal::Draining));
    assert_eq!(story.tell(says(attempt.token)).answer, sent(2, true, 0));
}

#[test]
fn names_are_durable_and_their_terms_stand() {
    let terms = SubscriberTerms::default();
    let mut story = Story::with(terms);
    assert_eq!(story.subscribe("indexer", Place::Now, terms).entries.len(), 0, "said again");
    let other = SubscriberTerms { ack_ms: 1, ..terms };
    let (topic, name) = ("orders".into(), "indexer".into());
    let refused = Err(Refused::OtherTerms { topic, name }.into());
    assert_eq!(story.subscribe("indexer", Place::Now, other).answer, refused);
    for bad in [
        SubscriberTerms { window: 0, ..terms },
        SubscriberTerms { window: 257, ..terms },
        SubscriberTerms { deliveries_max: 0, ..terms },
        SubscriberTerms { deliveries_max: 33, ..terms },
        SubscriberTerms { ack_ms: 0, ..terms },
    ] {
        let answer = story.subscribe("other", Place::Now, bad).answer;
        assert!(matches!(answer, Err(Refusal::BadTerms { .. })), "{bad:?}: {answer:?}");
    }
    let (token, ..) = one(&story.publish(1));
    let subscribed = story.topic(TopicCommand::Remove).answer;
    assert!(
        matches!(subscribed, Err(Refusal::Topic(Refused::Subscribed { .. }))),
        "{subscribed:?}"
    );
    story.topic(TopicCommand::Unsubscribe("indexer".into()));
    assert!(matches!(story.ack(token, 1).answer, Err(Refusal::Topic(Refused::Nobody { .. }))));
    assert_eq!(story.topic(TopicCommand::Remove).answer, Ok(Answer::Done));
    assert!(story.kernel.state().topics.is_empty());
    assert!(matches!(story.attach("indexer").answer, Err(Refusal::Topic(Refused::Unknown(_)))));
}

#[test]
fn a_name_is_served_otherwise_from_its_next_delivery_on_and_keeps_its_place() {
    let one_at_a_time = SubscriberTerms { window: 1, ..SubscriberTerms::default() };
    let mut story = Story::with(one_at_a_time);
    let (token, numbers, _) = one(&story.publish(1));
    assert_eq!(numbers, [1]);
    story.publish(2);
    story.publish(3);
    let serve = |terms| TopicCommand::Serve { name: "indexer".into(), terms };
    let same = story.topic(serve(one_at_a_time));
    assert_eq!((same.answer, same.entries.len()), (Ok(Answer::Done), 0), "said again");
    let wide = story.topic(serve(SubscriberTerms { window: 9, ..one_at_a_time }));
    assert_eq!(one(&wide).1, [2, 3], "what there is room for now comes at once");
    assert_eq!(story.ack(token, 1).answer, Ok(Answer::Done), "what it had in hand, it still has");
    let bad = story.topic(serve(SubscriberTerms { window: 0, ..one_at_a_time })).answer;
    assert!(matches!(bad, Err(Refusal::BadTerms { .. })), "{bad:?}");
    let nobody = TopicCommand::Serve { name: "other".into(), terms: one_at_a_time };
    let nobody = story.topic(nobody).answer;
    assert!(matches!(nobody, Err(Refusal::Topic(Refused::Nobody { .. }))), "{nobody:?}");
}

#[test]
fn what_a_topic_says_holds_for_messages_and_names_that_say_nothing() {
    let mut story = Story::begun();
    let served = SubscriberTerms { deliveries_max: 2, ..SubscriberTerms::default() };
    let (ttl_ms, served) = (Some(5), Some(served));
    let terms = TopicTerms { ttl_ms, served, ..TopicTerms::default() };
    story.topic(TopicCommand::Set(terms.clone()));
    story.publish(1);
    let own = Publish { ttl_ms: Some(9), ..message(2) };
    story.topic(TopicCommand::Publish(own));
    let expires = |story: &Story| {
        let kept = story.held().messages.values().map(|it| it.expires.0 - it.at.0);
        kept.collect::<Vec<_>>()
    };
    assert_eq!(expires(&story), [5, 9]);
    let state = story.kernel.state();
    assert_eq!(Some(state.subscriber_terms("orders", "anybody")), served);
    assert_eq!(state.subscriber_terms("elsewhere", "anybody"), SubscriberTerms::default());
    let own = SubscriberTerms { window: 3, ..SubscriberTerms::default() };
    story.subscribe("indexer", Place::First, own);
    assert_eq!(story.kernel.state().subscriber_terms("orders", "indexer"), own);
    for bad in [
        TopicTerms { ttl_ms: Some(0), ..terms.clone() },
        TopicTerms { served: Some(SubscriberTerms { window: 0, ..own }), ..terms.clone() },
        TopicTerms { schema: Some("".into()), ..terms },
    ] {
        let answer = story.topic(TopicCommand::Set(bad.clone())).answer;
        assert!(matches!(answer, Err(Refusal::BadTerms { .. })), "{bad:?}: {answer:?}");
    }
}

#[test]
fn topics_make_no_event_larger() {
    // What every task costs: its events and effects are moved about by value.
    assert!(size_of::<Event>() <= 128, "{}", size_of::<Event>());
    assert!(size_of::<Effect>() <= 72, "{}", size_of::<Effect>());
}
