//! Alerts: when something becomes a problem, somebody is told, by a task to the capability
//! `notify`.
//!
//! ```text
//!   durable entries ──▶ feed ──▶ what has become a problem ──pace──▶ one task to whoever serves it
//!   disk, longest wait, now and then ──▶ ┘
//! ```
//!
//! So an alert is sent by any kind of agent: a program, a person's inbox, a Rust function, a
//! workflow. Where nobody serves `notify` nothing is sent. Each alert has an idempotency key that
//! says what it covers, so neither a restart nor a repeat sends it twice. And there is no storm:
//! what becomes a problem while the latest alert of its kind is young goes into the next one, with
//! its number; the pause between two of a kind grows; no more are sent than can be open; and what
//! goes wrong in the tree of an alert, or with an agent that serves `notify`, is never a reason for
//! another one.

mod feed;
mod pace;
mod pending;
#[cfg(test)]
mod tests;

pub(crate) use feed::Feed;

use crate::Team;
use crate::problem::{Kind, Problem};
use kernel::{Class, Terms};
use pace::Pace;
use pending::Pending;
use runtime::api::{Failure, SubmitOptions};
use runtime::port::calendar::system_wall_ms;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// What an agent serves that sends alerts.
pub const CAPABILITY: &str = "notify";

/// How often what no event tells is looked at: the disk, and the longest wait.
const LOOK: Duration = Duration::from_secs(10);
/// An alert that could not be sent for this long is void: `health` still tells.
const WITHIN_MS: u64 = 24 * 3_600_000;
/// Tasks that may be open in the trees of alerts before the next one waits.
const OPEN_MAX: usize = 16;

/// Sends alerts until it is dropped.
pub(crate) struct Watcher(JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Watcher {
    /// Watches the feed of a team. `scope` is whose agents are asked first.
    pub(crate) fn start(team: Team, feed: Arc<Feed>, scope: &str) -> Watcher {
        let watch = Watch { team, feed, scope: scope.to_owned(), pace: Pace::default() };
        Watcher(tokio::spawn(watch.go_on()))
    }
}

struct Watch {
    team: Team,
    feed: Arc<Feed>,
    scope: String,
    pace: Pace,
}

impl Watch {
    async fn go_on(mut self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => self.look_around(), // The first time at once.
                () = self.feed.changed() => {}
            }
            self.send().await;
        }
    }

    /// What no event tells.
    fn look_around(&self) {
        let runtime = self.team.runtime();
        let (now_ms, standing) = (wall_ms(), runtime.standing());
        let near = Problem::data_near(standing.data_bytes, standing.data_max_bytes);
        let low = standing.free_bytes.and_then(Problem::disk_low);
        let wait = runtime.longest_wait(CAPABILITY).and_then(|(task, ms)| {
            let since_ms = now_ms - i64::try_from(ms).unwrap_or(i64::MAX);
            Problem::long_wait(task.0, since_ms, now_ms)
        });
        let mut feed = self.feed.books();
        for (kind, found) in
            [(Kind::DataNearBound, near), (Kind::DiskLow, low), (Kind::LongWait, wait)]
        {
            let found = found.map(|it| Problem { since_ms: it.since_ms.or(Some(now_ms)), ..it });
            feed.pending.condition(kind, found);
        }
    }

    /// Sends what is due, a task for each kind of problem.
    async fn send(&mut self) {
        let now = Instant::now();
        let kinds = self.feed.books().pending.kinds();
        for kind in kinds {
            let Some((terms, pending)) = self.next(kind, now) else { continue };
            if self.submit(terms, &pending).await {
                self.pace.sent(kind, now);
                self.feed.books().pending.told(kind, &pending);
            }
        }
    }

    /// What there is to tell of this kind, and whom, if it is time.
    fn next(&self, kind: Kind, now: Instant) -> Option<(Terms, Pending)> {
        let books = self.feed.books();
        if !self.pace.is_due(kind, now) || books.open_alerts() >= OPEN_MAX {
            return None;
        }
        let team = books.notifier(&self.scope)?;
        let terms = Terms { team, class: Class::High, ..Terms::new(CAPABILITY) };
        Some((terms, books.pending.of(kind)?.clone()))
    }

    /// True if that is told: now, or it was before.
    async fn submit(&self, terms: Terms, pending: &Pending) -> bool {
        let Ok(input) = runtime::canonical::to_bytes(&body(pending)) else { return true };
        let options = SubmitOptions {
            key: Some(pending.key(wall_ms())),
            deadline_ms: Some(WITHIN_MS),
            ..SubmitOptions::default()
        };
        match self.team.submit(terms, input, options).await {
            Ok(_) => true,
            // Told before, in other words: the key says what it covers, not how it was put.
            Err(Failure { kind: kernel::FailureKind::Rejected, .. }) => true,
            Err(_) => false, // No room, or the end: it is tried again as long as it is a problem.
        }
    }
}

/// What whoever sends it gets to read: the first problem of its kind, and how many there are.
fn body(pending: &Pending) -> Value {
    let Problem { level, kind, about, since_ms, what, next } = &pending.problems[0];
    let since = since_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let since = since.map(|it| it.to_string());
    let others = pending.count - 1;
    let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
    let told = since.as_ref().map_or_else(String::new, |it| format!(", since {it}"));
    let todo = if next.is_empty() { String::new() } else { format!("; {next}") };
    json!({
        "text": format!("{what}{more}{told}{todo}"),
        "problem": what,
        "level": level,
        "kind": kind,
        "about": about,
        "since": since,
        "since_ms": since_ms,
        "next": next,
        "more": others,
        "others": pending.problems[1..].iter().map(|it| &it.what).collect::<Vec<_>>(),
    })
}

fn wall_ms() -> i64 {
    i64::try_from(system_wall_ms()).unwrap_or(i64::MAX)
}
