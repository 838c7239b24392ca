//! What the port [`Bus`] promises, sentence by sentence, as a program every bus must pass.
//!
//! Call [`run`] from a test, with a function that makes an empty bus of given bounds. Each function
//! in the files beside this one is one clause and panics, naming itself, when the bus breaks it.
//! The suite waits by tokio's clock only: under a paused one it takes no time.

mod delivery;
mod pressure;
mod questions;

use super::{PATIENCE, eventually};
use crate::bounds::BusBounds;
use crate::bus::{
    Access, Client, Identity, Options, Pattern, Receipt, Subject, Subscription, Topic,
};
use crate::port::Bus;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What has not come by then does not come.
const QUIET: Duration = Duration::from_millis(30);

/// Makes an empty bus.
pub trait Fresh: AsyncFn(BusBounds) -> Arc<dyn Bus> {}

impl<F: AsyncFn(BusBounds) -> Arc<dyn Bus>> Fresh for F {}

/// Runs every clause.
///
/// # Panics
/// On the first promise that is broken, with what was seen.
pub async fn run(fresh: impl Fresh) {
    delivery::run(&fresh).await;
    pressure::run(&fresh).await;
    questions::run(&fresh).await;
}

/// An empty bus, and somebody who may do everything on it.
struct Stage {
    bus: Arc<dyn Bus>,
    client: Client,
}

impl Stage {
    async fn new(fresh: &impl Fresh) -> Stage {
        Stage::within(fresh, BusBounds::default()).await
    }

    async fn within(fresh: &impl Fresh, bounds: BusBounds) -> Stage {
        let bus = fresh(bounds).await;
        let client = who(&bus, "suite");
        Stage { bus, client }
    }

    async fn listen(&self, pattern: &str, options: Options) -> Subscription {
        let pattern = Pattern::new(pattern).expect("a pattern");
        self.client.listen(&pattern, options).await.expect("subscribes")
    }

    async fn say(&self, subject: &str, number: u64) -> Receipt {
        self.client.publish(&numbers(subject), number).await.expect("publishes")
    }

    /// What has become of the messages for all subscriptions of this name.
    fn counts(&self, name: &str) -> crate::bus::Counts {
        let mut counts = crate::bus::Counts::default();
        let all = self.bus.stats().subscriptions;
        all.iter().filter(|it| &*it.name == name).for_each(|it| counts.add(it.counts));
        counts
    }
}

fn who(bus: &Arc<dyn Bus>, name: &str) -> Client {
    let identity = Identity { name: name.into(), access: Access::all(), ..Identity::default() };
    Client::new(bus.clone(), identity)
}

fn numbers(subject: &str) -> Topic<u64> {
    Topic::new(subject, 1).expect("a subject")
}

fn subject(text: &str) -> Subject {
    Subject::new(text).expect("a subject")
}

/// The next number that comes.
async fn heard(subscription: &mut Subscription) -> u64 {
    let next = timeout(PATIENCE, subscription.next()).await.expect("it comes in time");
    let envelope = next.expect("it has not ended");
    let subject = envelope.header.subject.to_string();
    *numbers(&subject).read(envelope).expect("a number")
}

/// The next so many numbers.
async fn heard_all(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(heard(subscription).await);
    }
    all
}

/// Nothing more comes.
async fn assert_quiet(subscription: &mut Subscription, clause: &str) {
    if let Ok(Some(envelope)) = timeout(QUIET, subscription.next()).await {
        panic!("{clause}: one too many: {:?}", envelope.header);
    }
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % below
    }
}
