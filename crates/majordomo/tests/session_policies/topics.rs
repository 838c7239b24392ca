//! Durable topics of a team file: there from the start, on its terms, and there to stay.

use crate::stage::Stage;
use majordomo::kernel::topic::{Full, SubscriberTerms, Summary, TopicEvent};
use majordomo::kernel::{Event, FailureKind};
use majordomo::runtime::bus::Topic;
use majordomo::session::Session;
use serde_json::{Value, json};
use std::time::Duration;

const ORDERS: &str = r#"
[agents]
lead = { kind = "builtin", use = "lead" }
[topics."team.t.orders"]
schema = "Order@1"
ttl = "1h"
messages = 100
full = "drop_oldest"
deliveries = 3
[topics."team.t.orders".subscribers]
billing = { window = 1 }
"#;

fn orders(session: &Session) -> Summary {
    let topics = session.team().topics();
    let found = topics.into_iter().find(|(name, _)| &**name == "team.t.orders");
    found.map(|(_, it)| it).expect("it is there")
}

fn topic(schema: &str, version: u32) -> Topic<Value> {
    Topic::new("team.t.orders", version).unwrap().named(schema)
}

fn set(event: &Event) -> bool {
    matches!(event, Event::Topic { what: TopicEvent::Set(_) | TopicEvent::Served { .. }, .. })
}

#[tokio::test]
async fn a_topic_is_there_on_the_terms_of_the_file_before_anybody_comes() {
    let stage = Stage::new();
    let session = stage.start(ORDERS).await.unwrap();
    let found = orders(&session);
    let served = SubscriberTerms { deliveries_max: 3, ..SubscriberTerms::default() };
    assert_eq!((found.terms.messages_max, found.terms.full), (Some(100), Full::DropOldest));
    assert_eq!((found.terms.ttl_ms, found.terms.served), (Some(3_600_000), Some(served)));
    let billing = SubscriberTerms { window: 1, ..served };
    assert_eq!(found.subscribers["billing"].terms, billing);

    let shop =
        |schema: &str, version| session.team().durable("shop", &topic(schema, version)).unwrap();
    for (schema, version) in [("Order", 2), ("Value", 1)] {
        let refused = shop(schema, version).publish(json!(1)).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Rejected);
        let said =
            format!("takes messages of the schema Order@1, and this one is {schema}@{version}");
        assert!(refused.message.contains(&said), "{refused:?}");
    }
    let sent = shop("Order", 1).publish(json!("tea")).await.unwrap();
    assert_eq!((sent.seq, sent.subscribers), (1, 1), "it is kept for who has not come yet");
    // Who comes without a word is served as the file says, new or known.
    for name in ["billing", "newcomer"] {
        let mut feed = shop("Order", 1).subscribe(name).await.unwrap();
        let order = feed.next().await.unwrap().unwrap();
        assert_eq!((&*order, order.seq()), (&json!("tea"), 1));
        order.ack().await.unwrap();
    }
    assert_eq!(orders(&session).subscribers["newcomer"].terms, served);
    session.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn what_the_file_changes_holds_what_it_repeats_is_no_event_and_what_it_drops_stays() {
    let stage = Stage::new();
    let session = stage.start(ORDERS).await.unwrap();
    let shop = session.team().durable("shop", &topic("Order", 1)).unwrap();
    shop.publish(json!("tea")).await.unwrap();
    session.drain(Duration::ZERO).await;
    assert_eq!(stage.heard.count(set), 1);

    let session = stage.start(ORDERS).await.unwrap();
    assert_eq!(stage.heard.count(set), 1, "the second start says the same");
    session.drain(Duration::ZERO).await;

    let changed = ORDERS.replace("window = 1", "window = 7").replace("\"1h\"", "\"2h\"");
    let session = stage.start(&changed).await.unwrap();
    assert_eq!(stage.heard.count(set), 3, "the topic, and the name");
    let found = orders(&session);
    assert_eq!(
        (found.terms.ttl_ms, found.subscribers["billing"].terms.window),
        (Some(7_200_000), 7)
    );
    assert_eq!(found.subscribers["billing"].waiting, 1, "and it goes on where it was");
    session.drain(Duration::ZERO).await;

    let (without, _) = ORDERS.split_once("[topics").unwrap();
    let session = stage.start(without).await.unwrap();
    assert_eq!(orders(&session), found, "what is kept is nobody's to lose");
    session.drain(Duration::ZERO).await;
}
