//! Bids through the whole runtime: what a bidder is given, what counts as a bid, and what a market
//! keeps over the end of its process. Time is driven.

use majordomo::kernel::{
    Command, Decision, Event, Fallback, NoBid, Policy, Reason, Routing, Terms,
};
use majordomo::runtime::port::{Agent, BoxFuture};
use majordomo::testing::Record;
use majordomo::{AgentEntry, Bid, Context, Offered, Result, Team, TeamBuilder, capability};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.split_whitespace().count())
}

const RULES: Policy = Policy::Auction { bids_ms: 1_000, bidders_max: 8, price_percent: 50 };

/// The choices that were no plain ones.
fn made(record: &Record) -> Vec<Decision> {
    let entries = record.entries().into_iter();
    let granted = entries.filter_map(|entry| match entry.event {
        Event::LeaseGranted(granted) => Some(granted.why),
        _ => None,
    });
    granted.filter(|it| it.policy == RULES.kind()).collect()
}

fn bids(record: &Record) -> usize {
    record.count(|it| matches!(it, Event::Routing { step: Routing::Bid { .. }, .. }))
}

fn team(record: &Record) -> TeamBuilder {
    Team::in_memory_watched(vec![Arc::new(record.clone())]).route("text.count", RULES)
}

fn cheap(_: &Offered) -> Option<Bid> {
    Some(Bid { price: 0.001, time_ms: 10, confidence: 1.0 })
}

#[tokio::test(start_paused = true)]
async fn a_bidder_sees_what_is_on_offer_however_large_it_is() {
    let record = Record::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let entry = AgentEntry::native("a", 1, count).bidding(move |offered| {
        told.lock().expect("nobody panics here").push(offered.clone());
        cheap(offered)
    });
    let team = team(&record).agent(entry).start().await.expect("starts");
    let text = "to be or not to be ".repeat(1_000);
    assert_eq!(team.ask::<count>(text.clone()).await.expect("counted"), 6_000);
    let seen = seen.lock().expect("nobody panics here");
    let [offered] = &seen[..] else { panic!("asked {} times", seen.len()) };
    assert_eq!((&*offered.capability, &offered.input), ("text.count", &Value::String(text)));
    let made = made(&record);
    assert_eq!((made.len(), made[0].reason, made[0].round), (1, Reason::BestBid, 1));
}

/// Says the same whatever it is asked.
struct Parrot(Value);

impl Agent for Parrot {
    fn run(&self, _: Context) -> BoxFuture<'static, Result<Value>> {
        let says = self.0.clone();
        Box::pin(async move { Ok(says) })
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_bid_is_none_and_the_work_is_done_all_the_same() {
    let record = Record::default();
    let mut team = team(&record).agent(AgentEntry::native("plain", 1, count));
    let odd = [
        ("rude", json!("a lot")),
        ("vague", json!({ "price": 1 })),
        ("shy", Value::Null),
        ("dear", json!({ "price": 1_000, "time_ms": 1, "confidence": 1 })),
    ];
    for (name, says) in odd {
        let serves = ["text.count", "bid"];
        let mut entry = AgentEntry::new(name, "native", &serves, 1, Arc::new(Parrot(says)));
        entry.spec.prefer = -1; // So that the one that can count is chosen where nobody bids.
        team = team.agent(entry);
    }
    let team = team.start().await.expect("starts");
    assert_eq!(team.ask::<count>("one two").await.expect("counted"), 2);
    let made = made(&record);
    assert_eq!((made.len(), made[0].fallback), (1, Some(Fallback::NoBids)));
    let mut whys: Vec<NoBid> = made[0].passed_over.iter().map(|it| it.why).collect();
    whys.sort_unstable();
    let expected = [NoBid::Declined, NoBid::Malformed, NoBid::Malformed, NoBid::OverBudget];
    assert_eq!(whys, expected);
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_is_waited_for_only_so_long() {
    struct Silent;
    impl Agent for Silent {
        fn run(&self, _: Context) -> BoxFuture<'static, Result<Value>> {
            Box::pin(std::future::pending())
        }
    }
    let record = Record::default();
    let serves = ["text.count", "bid"];
    let silent = AgentEntry::new("silent", "native", &serves, 1, Arc::new(Silent));
    let works = AgentEntry::native("works", 1, count).bidding(cheap);
    let team = team(&record).agent(silent).agent(works).start().await.expect("starts");
    let begun = tokio::time::Instant::now();
    assert_eq!(team.ask::<count>("one two").await.expect("counted"), 2);
    let waited = begun.elapsed().as_millis();
    assert!((1_000..1_100).contains(&waited), "{waited} ms");
    let made = made(&record);
    assert_eq!(made[0].passed_over.iter().map(|it| it.why).collect::<Vec<_>>(), [NoBid::Late]);
    assert_eq!(bids(&record), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bidder_hears_how_many_slots_it_has() {
    #[derive(Default)]
    struct Keeper(Mutex<Vec<u32>>);
    impl Agent for Keeper {
        fn run(&self, _: Context) -> BoxFuture<'static, Result<Value>> {
            Box::pin(std::future::ready(Ok(Value::Null)))
        }

        fn resize(&self, slots: u32) {
            self.0.lock().expect("nobody panics here").push(slots);
        }
    }
    let keeper = Arc::new(Keeper::default());
    let entry = AgentEntry::new("keeper", "native", &["text.count"], 1, keeper.clone());
    let team = team(&Arc::default()).agent(entry.bidding(cheap)).start().await.expect("starts");
    let agent = team.agent_id("keeper").expect("it is here");
    team.command(Command::Resize { agent, slots: 3 }).await.expect("resized");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(*keeper.0.lock().expect("nobody panics here"), [3]);
}

#[tokio::test(start_paused = true)]
async fn a_child_is_put_on_offer_like_a_root() {
    #[capability("page.count@1")]
    async fn page(cx: Context, page: String) -> Result<usize> {
        let lines: Vec<String> = page.lines().map(str::to_owned).collect();
        let each = |cx: Context, line: String| async move { cx.ask::<count>(line).await };
        Ok(cx.map(lines, |line| line.to_owned(), 8, each).await?.into_iter().sum())
    }
    let record = Record::default();
    let mut team = team(&record).agent(AgentEntry::native("master", 1, page));
    for name in ["a", "b", "c"] {
        team = team.agent(AgentEntry::native(name, 2, count).bidding(cheap));
    }
    let team = team.start().await.expect("starts");
    let lines = "one two\nthree\nfour five six\nseven\neight".to_owned();
    assert_eq!(team.ask::<page>(lines).await.expect("counted"), 8);
    let made = made(&record);
    assert!(made.len() == 5 && made.iter().all(|it| it.reason == Reason::BestBid), "{made:?}");
    assert_eq!(team.ask::<count>("again").await.expect("counted"), 1);
    let terms = Terms::new("text.count");
    let ticket = team.submit(terms, b"\"by hand\"".to_vec(), Default::default()).await;
    assert_eq!(ticket.expect("accepted").typed::<usize>().outcome().await.expect("counted"), 2);
}
