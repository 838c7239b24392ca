//! On a durable topic: names that handle well, and others that do so for half of a life.
//!
//! The bad ones: `slow` handles late, and at times too late; `dying` lets go of its feed with a
//! message in its hands; `lying` acks twice, acks what it has not got, speaks under the good one's
//! name and of deliveries that are over, and nacks some messages for ever. `babble` publishes what
//! is no job.
//!
//! What was published with a receipt is handled by every name, or is a dead letter of its with
//! reasons: that is looked at in the end, message by message, beside what each name has really had
//! in hand.

use super::{Stage, act, lock};
use anyhow::{Context, Result, bail};
use kernel::topic::{Fate, SubscriberTerms, TopicTerms};
use kernel::{Command, Text, TopicCommand};
use majordomo::Team;
use runtime::api::{Delivered, Durable, DurableFeed, DurableOptions, Failure, PublishOptions};
use runtime::bus::Topic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What is to be done.
#[derive(Clone, Serialize, Deserialize)]
struct Job {
    /// Nanoseconds since the beginning.
    sent: u64,
    /// So that a job weighs something.
    text: String,
}

const TOPIC: &str = "soak.jobs";
/// A job each so often.
const PACE: Duration = Duration::from_millis(5);
/// Every so manieth message is one that `lying` nacks for ever.
const NEVER: u64 = 250;
/// Every so manieth is held by `slow` for longer than it may be.
const TOO_LATE: u64 = 40;
/// A delivery of which nothing is said for so long comes again.
const ACK_MS: u64 = 1_000;
/// Messages that are kept at most.
const KEPT_MAX: u64 = 5_000;
/// Longer than this the end may not take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Those that are held to what they have had in hand. What `lying` says of itself is not believed.
const HONEST: [&str; 4] = ["good", "twin", "slow", "dying"];
/// With `lying`.
pub(super) const NAMES: u64 = HONEST.len() as u64 + 1;

/// What was promised, and what was seen.
#[derive(Default)]
pub(super) struct Ledger {
    /// Numbers for which there is a receipt.
    kept: Mutex<Vec<u64>>,
    /// What each honest name has had in hand, by number.
    seen: Mutex<BTreeMap<&'static str, Vec<bool>>>,
    /// How often there was no room.
    pub(super) refused: AtomicU64,
    /// Lies that were told, and refused.
    pub(super) lies: AtomicU64,
    /// Acks that came too late.
    pub(super) late: AtomicU64,
    /// Feeds that were let go of with a message in hand.
    pub(super) deaths: AtomicU64,
}

/// What the end came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checked {
    pub(super) published: u64,
    pub(super) messages: u64,
    pub(super) handled: u64,
    pub(super) dead: u64,
    pub(super) lies: u64,
    pub(super) late: u64,
    pub(super) deaths: u64,
    pub(super) refused: u64,
    pub(super) faults: Vec<String>,
}

impl Ledger {
    /// How many have a receipt.
    pub(super) fn published(&self) -> u64 {
        lock(&self.kept).len() as u64
    }

    fn saw(&self, name: &'static str, seq: u64) {
        let mut seen = lock(&self.seen);
        let seen = seen.entry(name).or_default();
        let at = seq as usize;
        if seen.len() <= at {
            seen.resize(at + 1, false);
        }
        seen[at] = true;
    }

    /// Says that it is handled. On a busy machine that may come too late, and then it comes again.
    async fn ack(&self, job: Delivered<Job>) {
        if job.ack().await.is_err() {
            self.late.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn has_seen(&self, name: &str, seq: u64) -> bool {
        let seen = lock(&self.seen);
        seen.get(name).and_then(|it| it.get(seq as usize)).copied().unwrap_or(false)
    }
}

fn topic() -> Topic<Job> {
    Topic::new(TOPIC, 1).expect("a subject")
}

fn jobs(team: &Team, who: &str) -> Result<Durable<Job>> {
    team.durable(who, &topic()).map_err(told)
}

fn told(failure: Failure) -> anyhow::Error {
    anyhow::anyhow!(failure.message)
}

/// Everybody comes.
pub(super) async fn enter(stage: &Arc<Stage>, team: &Team, actors: &mut JoinSet<()>) -> Result<()> {
    let terms = TopicTerms { messages_max: Some(KEPT_MAX), ..TopicTerms::default() };
    let set = Command::Topic(TOPIC.into(), TopicCommand::Set(terms));
    team.command(set).await.map_err(told)?;
    for name in ["good", "twin"] {
        act(actors, handle(stage.clone(), feed(team, name).await?, name));
    }
    act(actors, slow(stage.clone(), feed(team, "slow").await?));
    act(actors, dying(stage.clone(), team.clone(), feed(team, "dying").await?));
    act(actors, lying(stage.clone(), team.clone(), feed(team, "lying").await?));
    act(actors, publish(stage.clone(), jobs(team, "publisher")?));
    act(actors, babble(stage.clone(), team.clone()));
    Ok(())
}

async fn feed(team: &Team, name: &str) -> Result<DurableFeed<Job>> {
    // Who works on many at once has many in hand.
    let window = if name == "slow" { 256 } else { 32 };
    let terms = SubscriberTerms { ack_ms: ACK_MS, window, deliveries_max: 3 };
    let options = DurableOptions { terms, ..DurableOptions::default() };
    jobs(team, name)?.subscribe_with(name, options).await.map_err(told)
}

/// One job at a time, at an even pace. What has a receipt is written down.
async fn publish(stage: Arc<Stage>, jobs: Durable<Job>) -> Result<()> {
    let mut clock = tokio::time::interval(PACE);
    let text = "x".repeat(200);
    loop {
        clock.tick().await;
        let job = Job { sent: stage.now(), text: text.clone() };
        match jobs.publish_with(job, PublishOptions::default()).await {
            Ok(sent) => lock(&stage.ledger.kept).push(sent.seq),
            Err(why) if why.kind == kernel::FailureKind::Overloaded => {
                stage.ledger.refused.fetch_add(1, Ordering::Relaxed);
            }
            Err(why) => return Err(told(why)),
        }
    }
}

/// What it publishes is no job, though it is about jobs: a dead letter of every name.
async fn babble(stage: Arc<Stage>, team: Team) -> Result<()> {
    let lie = Topic::<String>::new(TOPIC, 1)?.named("Job");
    let jobs = team.durable("babble", &lie).map_err(told)?;
    let mut clock = tokio::time::interval(Duration::from_millis(800));
    loop {
        clock.tick().await;
        if stage.is_hostile()
            && let Ok(sent) = jobs.publish("no job".to_owned()).await
        {
            lock(&stage.ledger.kept).push(sent.seq);
        }
    }
}

/// The next job; what is no job it was told of, and passes over.
async fn next(feed: &mut DurableFeed<Job>) -> Result<Delivered<Job>> {
    loop {
        if let Ok(job) = feed.next().await.context("the team has ended")? {
            return Ok(job);
        }
    }
}

async fn handle(stage: Arc<Stage>, mut feed: DurableFeed<Job>, name: &'static str) -> Result<()> {
    loop {
        let job = next(&mut feed).await?;
        stage.ledger.saw(name, job.seq());
        if name == "good" {
            lock(&stage.kept).push(stage.now().saturating_sub(job.sent));
        }
        stage.ledger.ack(job).await;
    }
}

/// Many at once, each late, and at times too late: that one comes again.
async fn slow(stage: Arc<Stage>, mut feed: DurableFeed<Job>) -> Result<()> {
    let mut hands = JoinSet::new();
    loop {
        let job = next(&mut feed).await?;
        stage.ledger.saw("slow", job.seq());
        while hands.try_join_next().is_some() {}
        let is_late = stage.is_hostile() && job.delivery() == 1;
        let is_too_late = is_late && job.seq().is_multiple_of(TOO_LATE);
        let stage = stage.clone();
        hands.spawn(async move {
            let ms = if is_too_late { ACK_MS + 200 } else { u64::from(is_late) * 200 };
            tokio::time::sleep(Duration::from_millis(ms)).await;
            stage.ledger.ack(job).await;
        });
    }
}

/// Again and again it goes with a message in its hands, and comes back under its name.
async fn dying(stage: Arc<Stage>, team: Team, mut feed: DurableFeed<Job>) -> Result<()> {
    let mut handled = 0_u64;
    loop {
        let job = next(&mut feed).await?;
        stage.ledger.saw("dying", job.seq());
        handled += 1;
        if stage.is_hostile() && handled.is_multiple_of(50) {
            drop(feed); // With the message in hand, and others that it has not looked at.
            drop(job);
            stage.ledger.deaths.fetch_add(1, Ordering::Relaxed);
            feed = self::feed(&team, "dying").await?;
            continue;
        }
        stage.ledger.ack(job).await;
    }
}

/// Lies about everything that it has in hand.
async fn lying(stage: Arc<Stage>, team: Team, mut feed: DurableFeed<Job>) -> Result<()> {
    loop {
        let job = next(&mut feed).await?;
        let seq = job.seq();
        if !stage.is_hostile() {
            stage.ledger.ack(job).await;
            continue;
        }
        if seq.is_multiple_of(NEVER) {
            let soon = Some(Duration::from_millis(20));
            let _said = job.nack(soon, "it will not").await;
            continue;
        }
        lie(&stage, &team, seq).await?;
        stage.ledger.ack(job).await;
        // Twice, and what it has not got: whether that is refused or changes nothing is all one.
        for seq in [seq, seq + 1_000_000] {
            let latest = stage.tokens.of("lying").map(|(_, latest)| latest);
            let _ = ack(&team, "lying", latest, 0, seq).await;
        }
    }
}

/// Acks under its own name for a delivery that is over, and under the good one's for its own: both
/// must be refused.
async fn lie(stage: &Stage, team: &Team, seq: u64) -> Result<()> {
    let Some((first, latest)) = stage.tokens.of("lying") else { return Ok(()) };
    let mut lies = vec![("good", latest), ("slow", latest)];
    if first != latest {
        lies.push(("good", first));
    }
    for (name, token) in lies {
        match ack(team, name, Some(token), u64::MAX, seq).await {
            Ok(()) => stage.fault(format!("a lie was believed: {name} has handled {seq}")),
            Err(_) => drop(stage.ledger.lies.fetch_add(1, Ordering::Relaxed)),
        }
    }
    Ok(())
}

async fn ack(
    team: &Team,
    name: &str,
    token: Option<kernel::Token>,
    up_to: u64,
    seq: u64,
) -> Result<()> {
    let token = token.context("it has no delivery")?;
    let name = Text::from(name);
    let ack = TopicCommand::Ack { name, token, up_to, also: vec![seq] };
    team.command(Command::Topic(TOPIC.into(), ack)).await.map(|_| ()).map_err(told)
}

/// Everybody behaves, until each name is through with all that there is.
pub(super) async fn settle(stage: &Arc<Stage>, team: &Team) -> Result<()> {
    let mut actors = JoinSet::new();
    for name in HONEST.into_iter().chain(["lying"]) {
        act(&mut actors, handle(stage.clone(), feed(team, name).await?, name));
    }
    let begun = Instant::now();
    loop {
        let topics = team.topics();
        let (_, found) = topics.iter().find(|(name, _)| &**name == TOPIC).context("it is there")?;
        let left = |it: &kernel::topic::Reading| it.waiting + it.in_hand + it.returned;
        if found.subscribers.values().all(|it| left(it) == 0) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("not through after {} s: {found:?}", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What has become of every message, for every name.
pub(super) fn check(stage: &Stage, team: &Team) -> Checked {
    let ledger = &stage.ledger;
    let count = |it: &AtomicU64| it.load(Ordering::Relaxed);
    let mut checked = Checked {
        published: ledger.published(),
        lies: count(&ledger.lies),
        late: count(&ledger.late),
        deaths: count(&ledger.deaths),
        refused: count(&ledger.refused),
        ..Checked::default()
    };
    let Ok(jobs) = jobs(team, "check") else {
        checked.faults.push("the team has no bus".to_owned());
        return checked;
    };
    let last = lock(&ledger.kept).iter().copied().max().unwrap_or(0);
    // What was on its way when a life ended is durable, or is not; if it is, it counts like others.
    checked.messages = (last..).take_while(|seq| jobs.receipts(*seq).is_some()).last().unwrap_or(0);
    for seq in 1..=checked.messages {
        let Some(receipts) = jobs.receipts(seq) else {
            checked.faults.push(format!("message {seq} was published, and nobody knows of it"));
            continue;
        };
        for name in HONEST.into_iter().chain(["lying"]) {
            checked.judge(ledger, name, seq, receipts.fates.get(name));
        }
    }
    checked
}

impl Checked {
    fn judge(&mut self, ledger: &Ledger, name: &str, seq: u64, fate: Option<&Fate>) {
        match fate {
            Some(Fate::Handled) if name == "lying" || ledger.has_seen(name, seq) => {
                self.handled += 1;
            }
            Some(Fate::Refused { reasons }) if !reasons.is_empty() => self.dead += 1,
            Some(Fate::Handled) => {
                self.fault(format!("{seq} is handled for {name}, which has never had it in hand"));
            }
            other => self.fault(format!("{seq} is lost for {name}: {other:?}")),
        }
    }

    fn fault(&mut self, what: String) {
        if self.faults.len() < 100 {
            self.faults.push(what);
        }
    }
}
