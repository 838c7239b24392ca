//! On the bus: one that listens well, and others that do so for half of a life.
//!
//! The bad ones: `slow` takes a message in a hundredth of a second and has room for sixteen; `deaf`
//! takes none and has room for a thousand; `dying` lets go of its subscription with a message in
//! its hands, again and again; `torn` ends at its first full queue; `odd` reads everything as
//! something else; and `babble` publishes what is something else.

use super::{Stage, act, lock};
use anyhow::{Context, Result, ensure};
use majordomo::Team;
use runtime::bus::{Client, End, Feed, Message, Options, Overflow, Topic};
use serde::{Deserialize, Serialize};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What is said.
#[derive(Serialize, Deserialize)]
struct Word {
    number: u64,
    /// Nanoseconds since the beginning.
    sent: u64,
}

/// A message each so often, between bursts.
const PACE: Duration = Duration::from_millis(1);
/// Longer than this no burst may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The one that listens well, and what it has heard.
pub(super) struct Good {
    heard: Arc<Heard>,
    latest: watch::Receiver<u64>,
    said: Arc<AtomicU64>,
}

#[derive(Default)]
struct Heard {
    words: AtomicU64,
    /// Something else, which it was told of and has skipped.
    odd: AtomicU64,
}

fn topic() -> Topic<Word> {
    Topic::new("soak.words", 1).expect("a subject")
}

/// A queue that loses nothing: whoever finds it full waits.
fn patient() -> Options {
    Options::default().queue(1_024, Overflow::Block { at_most_ms: 60_000 })
}

/// Everybody comes; what is said is numbered from here on.
pub(super) async fn enter(
    stage: &Arc<Stage>,
    team: &Team,
    actors: &mut JoinSet<()>,
) -> Result<Good> {
    let feed = team.bus("good")?.subscribe_with(&topic(), patient()).await?;
    let (heard, said) = (Arc::<Heard>::default(), Arc::<AtomicU64>::default());
    let (tell, latest) = watch::channel(0);
    act(actors, listen(stage.clone(), feed, heard.clone(), tell));
    for (name, behave) in BAD {
        act(actors, behave(stage.clone(), team.bus(name)?));
    }
    act(actors, babble(stage.clone(), team.bus("babble")?));
    act(actors, speak(stage.clone(), team.bus("speaker")?, said.clone()));
    Ok(Good { heard, latest, said })
}

async fn listen(
    stage: Arc<Stage>,
    mut feed: Feed<Word>,
    heard: Arc<Heard>,
    latest: watch::Sender<u64>,
) -> Result<()> {
    while let Some(word) = feed.next().await {
        let Ok(word) = word else {
            heard.odd.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        heard.words.fetch_add(1, Ordering::Relaxed);
        latest.send_replace(word.number);
        if word.sent > 0 {
            lock(&stage.told).push(stage.now().saturating_sub(word.sent));
        }
    }
    Ok(())
}

/// One word at a time, at an even pace.
async fn speak(stage: Arc<Stage>, bus: Client, said: Arc<AtomicU64>) -> Result<()> {
    let mut clock = tokio::time::interval(PACE);
    loop {
        clock.tick().await;
        let number = said.fetch_add(1, Ordering::Relaxed) + 1;
        bus.publish(&topic(), Word { number, sent: stage.now() }).await?;
    }
}

/// Who is bad, by name.
type Behave = fn(Arc<Stage>, Client) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;
const BAD: [(&str, Behave); 5] = [
    ("slow", |stage, bus| Box::pin(slow(stage, bus))),
    ("deaf", |stage, bus| Box::pin(deaf(stage, bus))),
    ("dying", |stage, bus| Box::pin(dying(stage, bus))),
    ("torn", |stage, bus| Box::pin(torn(stage, bus))),
    ("odd", |stage, bus| Box::pin(odd(stage, bus))),
];

async fn slow(stage: Arc<Stage>, bus: Client) -> Result<()> {
    let options = Options::default().queue(16, Overflow::DropOldest);
    let mut feed = bus.subscribe_with(&topic(), options).await?;
    while feed.next().await.is_some() {
        if stage.is_hostile() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}

async fn deaf(stage: Arc<Stage>, bus: Client) -> Result<()> {
    let mut feed = bus.subscribe(&topic()).await?;
    loop {
        while stage.is_hostile() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let _word = feed.next().await.context("the bus has ended")?;
    }
}

async fn dying(stage: Arc<Stage>, bus: Client) -> Result<()> {
    loop {
        let mut feed = bus.subscribe(&topic()).await?;
        let mut taken = 0_u32;
        let in_hand = loop {
            let word = feed.next().await.context("the bus has ended")?;
            taken += 1;
            if stage.is_hostile() && taken.is_multiple_of(16) {
                break word;
            }
        };
        drop(feed);
        drop(in_hand);
    }
}

async fn torn(stage: Arc<Stage>, bus: Client) -> Result<()> {
    loop {
        let options = Options::default().queue(1_024, Overflow::Disconnect);
        let mut feed = bus.subscribe_with(&topic(), options).await?;
        while feed.next().await.is_some() {
            if stage.is_hostile() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        ensure!(feed.end() == Some(End::Overflow), "the bus has ended");
    }
}

async fn odd(stage: Arc<Stage>, bus: Client) -> Result<()> {
    let other = Topic::<u64>::new("soak.words", 7)?;
    loop {
        read(&stage, &bus, &other, true).await?;
        read(&stage, &bus, &topic(), false).await?;
    }
}

/// Reads words as these, for as long as that is what it does in this half.
async fn read<T: Message>(
    stage: &Stage,
    bus: &Client,
    topic: &Topic<T>,
    while_hostile: bool,
) -> Result<()> {
    let mut feed = bus.subscribe(topic).await?;
    while stage.is_hostile() == while_hostile {
        let _word = feed.next().await.context("the bus has ended")?;
    }
    Ok(())
}

/// What it says is no word, though it is about words.
async fn babble(stage: Arc<Stage>, bus: Client) -> Result<()> {
    let other = Topic::<String>::new("soak.words", 1)?;
    let lie = Topic::<String>::new("soak.words", 1)?.named("Word");
    let mut clock = tokio::time::interval(Duration::from_millis(7));
    loop {
        clock.tick().await;
        if stage.is_hostile() {
            bus.publish(&other, "babble".to_owned()).await?;
            bus.publish(&lie, "no word".to_owned()).await?;
        }
    }
}

impl Good {
    /// One sender says so many as fast as it can, until the good one has heard the last; messages
    /// by the second.
    pub(super) async fn burst(&mut self, team: &Team, messages: u64) -> Result<f64> {
        let bus = team.bus("burst")?;
        let begun = Instant::now();
        let mut last = 0;
        for _ in 0..messages {
            last = self.said.fetch_add(1, Ordering::Relaxed) + 1;
            bus.publish(&topic(), Word { number: last, sent: 0 }).await?;
        }
        let heard = self.latest.wait_for(|it| *it >= last);
        tokio::time::timeout(PATIENCE, heard).await.context("the burst is heard to its end")??;
        Ok(messages as f64 / begun.elapsed().as_secs_f64())
    }

    /// It has lost nothing; what was something else was told to it as that.
    pub(super) fn was_told_all(&self, stage: &Stage, team: &Team) {
        let Ok(bus) = team.bus("check") else { return };
        let subscriptions = bus.stats().subscriptions;
        let Some(good) = subscriptions.iter().find(|it| &*it.name == "good") else {
            return stage.fault("the good one's subscription has ended by itself".to_owned());
        };
        if good.counts.dropped > 0 || good.counts.expired > 0 {
            stage.fault(format!("the good one has lost messages: {:?}", good.counts));
        }
        let odd = self.heard.odd.load(Ordering::Relaxed);
        if odd == 0 {
            stage.fault("nobody has said anything odd to the good one".to_owned());
        }
        for it in &subscriptions {
            let sum = it.counts.received + it.counts.dropped + it.counts.expired;
            if it.counts.offered != sum + it.queued as u64 {
                stage.fault(format!("{} was lost count of: {it:?}", it.name));
            }
        }
    }
}

/// When everybody has gone, the bus holds nothing of them.
pub(super) fn is_left_empty(stage: &Stage, team: &Team) {
    let Ok(bus) = team.bus("check") else { return };
    let stats = bus.stats();
    if !stats.subscriptions.is_empty() || stats.asking > 0 {
        stage.fault(format!("subscriptions are left of those who have gone: {stats:?}"));
    }
    let total = stats.total;
    if total.offered != total.received + total.dropped + total.expired {
        stage.fault(format!("messages were lost count of: {total:?}"));
    }
}
