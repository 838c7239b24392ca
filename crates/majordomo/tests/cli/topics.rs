//! Durable topics from the command line: with a team at work, and without.

use crate::house::{House, NAPS};
use crate::verbs::same;
use kernel::topic::SubscriberTerms;
use majordomo::Team;
use majordomo::runtime::bus::Topic;
use runtime::api::DurableOptions;
use serde_json::{Value, json};

/// A topic with three messages, of which a subscriber has handled the first and can handle none of
/// the others.
#[tokio::main]
async fn troubled(house: &House) {
    let team = Team::open(house.path(".majordomo")).start().await.unwrap();
    let orders = Topic::<Value>::new("shop.orders", 1).unwrap();
    let topic = team.durable("shop", &orders).unwrap();
    let terms = SubscriberTerms { deliveries_max: 1, ..SubscriberTerms::default() };
    let options = DurableOptions { terms, ..DurableOptions::default() };
    let mut feed = topic.subscribe_with("indexer", options).await.unwrap();
    for n in 1..=3 {
        topic.publish(json!({ "n": n })).await.unwrap();
    }
    for n in 1..=3 {
        let delivered = feed.next().await.unwrap().unwrap();
        match n {
            1 => delivered.ack().await.unwrap(),
            _ => delivered.nack(None, "no \u{1b}[31mshelf").await.unwrap(),
        }
    }
    drop(feed);
    team.drain(std::time::Duration::ZERO).await;
}

#[test]
fn what_nobody_could_handle_is_listed_lives_again_and_goes_with_its_name() {
    let house = House::new();
    troubled(&house);
    same(&house, "topics-show.txt", &house.done(&["topics", "show", "shop.orders"]));
    same(&house, "topics-dead.txt", &house.done(&["topics", "dead", "list"]));
    let letters = house.json(&["topics", "dead", "list", "shop.orders"]);
    let found: Vec<_> = letters.as_array().unwrap().iter().map(|it| &it["message"]).collect();
    assert_eq!(found, [&json!(2), &json!(3)], "{letters}");
    let retried = house.done(&["topics", "dead", "retry", "shop.orders", "indexer", "2"]);
    same(&house, "topics-dead-retry.txt", &retried);
    let dropped = house.done(&["topics", "dead", "drop", "shop.orders", "indexer", "3"]);
    same(&house, "topics-dead-drop.txt", &dropped);
    assert!(house.done(&["topics", "dead", "list"]).contains("no message is dead"));

    let from = ["topics", "replay", "shop.orders", "indexer", "--from", "first"];
    same(&house, "topics-replay.txt", &house.done(&from));
    let waiting = house.json(&["topics", "show", "shop.orders"])["subscribers"]["indexer"].clone();
    assert_eq!((&waiting["cursor"], &waiting["waiting"]), (&json!(1), &json!(3)), "{waiting}");
    let gone = house.done(&["topics", "unsubscribe", "shop.orders", "indexer"]);
    same(&house, "topics-unsubscribe.txt", &gone);
    let again = house.run(&["topics", "unsubscribe", "shop.orders", "indexer"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    house.done(&["topics", "remove", "shop.orders"]);
}

#[test]
fn what_is_published_is_kept_and_told_though_nobody_works() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    house.done(&["run", "naps.toml", "0"]);
    let empty = house.done(&["topics", "list"]);
    assert!(empty.contains("no topic is durable"), "{empty}");
    let first = house.run(&["topics", "publish", "shop.orders", "{\"n\":1}", "--key", "k"]);
    assert_eq!(first.code, Some(1), "{first:?}");
    assert!(first.out.contains("message 1 of shop.orders is kept: nobody subscribes yet"));
    let again = house.json(&["topics", "publish", "shop.orders", "{\"n\":1}", "--key", "k"]);
    assert_eq!(again, json!({ "seq": 1, "fresh": false, "subscribers": 0 }));
    let terms = ["--messages", "2", "--full", "drop-oldest", "--schema", "Value@1", "--ttl", "1h"];
    let names = ["--ack", "5s", "--window", "1", "--deliveries", "2"];
    house.done(&[&["topics", "set", "shop.orders"][..], &terms, &names].concat());
    let odd = house.run(&["topics", "publish", "shop.orders", "2", "--schema", "Odd@1"]);
    assert!(odd.err.contains("takes messages of the schema Value@1"), "{odd:?}");
    house.run(&["topics", "publish", "shop.orders", "2"]);
    house.run(&["topics", "publish", "shop.orders", "3"]);

    let topics = house.json(&["topics", "list"]);
    let orders = &topics["shop.orders"];
    assert_eq!((&orders["first"], &orders["next"]), (&json!(2), &json!(4)), "{topics}");
    let listed = house.done(&["topics", "list"]);
    assert!(listed.contains("shop.orders") && listed.contains("drop oldest"), "{listed}");
    let shown = house.done(&["topics", "show", "shop.orders"]);
    assert!(shown.contains("nobody subscribes") && shown.contains("takes Value@1"), "{shown}");
    assert!(shown.contains("live for 3600000 ms") && shown.contains("a window of 1"), "{shown}");
    let told = house.json(&["topics", "show", "shop.orders", "--message", "1"]);
    assert_eq!(told, json!({ "kept": false, "fates": {} }));
    let never = house.run(&["topics", "show", "shop.orders", "--message", "9"]);
    assert_eq!(never.code, Some(1), "{never:?}");
    assert!(never.err.contains("no message 9"), "{never:?}");

    let nobody = house.run(&["topics", "replay", "shop.orders", "indexer", "--from", "first"]);
    assert!(nobody.err.contains("nobody subscribes to shop.orders"), "{nobody:?}");
    let odd = house.run(&["topics", "replay", "shop.orders", "indexer", "--from", "noon"]);
    assert_eq!(odd.code, Some(2), "{odd:?}");
    assert!(house.done(&["topics", "dead", "list"]).contains("no message is dead"));
    house.done(&["topics", "remove", "shop.orders"]);
    let gone = house.run(&["topics", "show", "shop.orders"]);
    assert!(gone.err.contains("there is no durable topic shop.orders"), "{gone:?}");
}
