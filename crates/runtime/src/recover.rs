//! Opens a journal and takes up where whoever held it before left off.

use crate::bounds::Bounds;
use crate::port::journal::{self, Journal, Seq};
use crate::port::{Blobs, Calendar, Observer, calendar};
use crate::record;
use crate::tick::tick;
use crate::turn::Runtime;
use kernel::{Begin, Command, Effect, Entry, Kernel, Limits};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

/// What the runtime keeps things in, and who watches.
pub struct Stores {
    /// What has happened.
    pub journal: Box<dyn Journal>,
    /// Large payloads.
    pub blobs: Arc<dyn Blobs>,
    /// Views and other listeners.
    pub observers: Vec<Arc<dyn Observer>>,
    /// The journal was just restored from a backup: tokens start in a new generation.
    pub restored: bool,
}

/// Why a runtime could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// Its snapshot cannot be understood.
    #[error("the snapshot cannot be used: {0}")]
    Snapshot(record::Error),
    /// The bounds contradict each other.
    #[error("{0}")]
    Limits(String),
    /// The journal failed during the start.
    #[error("the start could not be made durable: {0}")]
    Start(String),
}

/// The kernel that a journal describes.
pub fn replay(journal: &mut dyn Journal, limits: Limits) -> Result<Kernel, Error> {
    replay_for(journal, limits, &[])
}

/// The same; observers that have fallen behind hear what they missed.
fn replay_for(
    journal: &mut dyn Journal,
    limits: Limits,
    observers: &[Arc<dyn Observer>],
) -> Result<Kernel, Error> {
    let mut kernel = Kernel::new(limits);
    let mut from = Seq(1);
    if let Some((at, bytes)) = journal.snapshot()? {
        kernel.restore(record::decode_snapshot(&bytes).map_err(Error::Snapshot)?);
        from = Seq(at.0 + 1);
    }
    let (first, head, at) = (journal.first(), journal.head(), Seq(from.0 - 1));
    let listens = |it| start_from(it, &kernel, first, head, at);
    let behind: Vec<_> = observers.iter().filter_map(listens).collect();
    let oldest = behind.iter().map(|(_, applied)| Seq(applied.0 + 1)).min();
    let start = oldest.map_or(from, |oldest| oldest.min(from)).max(journal.first());
    let mut missed: Vec<(Seq, Entry)> = Vec::new();
    journal.read(start, &mut |seq, bytes| {
        let entry = record::decode(bytes)
            .map_err(|why| journal::Error::Unreadable { at: seq, why: why.to_string() })?;
        if seq >= from {
            kernel.apply(&entry);
        }
        if !behind.is_empty() {
            missed.push((seq, entry));
            if missed.len() >= 10_000 {
                catch_up(&behind, &mut missed);
            }
        }
        Ok(())
    })?;
    catch_up(&behind, &mut missed);
    Ok(kernel)
}

/// The last entry that an observer has. One that cannot follow (entries it has not seen are gone,
/// or it has seen entries of another journal) starts over from the snapshot's state.
fn start_from<'o>(
    observer: &'o Arc<dyn Observer>,
    kernel: &Kernel,
    first: Seq,
    head: Seq,
    at: Seq,
) -> Option<(&'o Arc<dyn Observer>, Seq)> {
    let applied = observer.applied()?;
    if applied <= head && applied.0 + 1 >= first.0 {
        return Some((observer, applied));
    }
    observer.restart(kernel.state(), at);
    Some((observer, at))
}

/// Gives each observer what it has not seen.
fn catch_up(behind: &[(&Arc<dyn Observer>, Seq)], missed: &mut Vec<(Seq, Entry)>) {
    let Some((first, _)) = missed.first() else { return };
    let first = *first;
    let entries: Arc<[Entry]> = missed.drain(..).map(|(_, entry)| entry).collect();
    for (observer, applied) in behind {
        match (applied.0 + 1).saturating_sub(first.0) as usize {
            0 => observer.durable(first, &entries),
            skip if skip < entries.len() => {
                observer.durable(Seq(first.0 + skip as u64), &entries[skip..].into());
            }
            _ => {} // It has all of these.
        }
    }
}

impl Runtime {
    /// Opens the stores, replays, closes what the process before left open, and starts the clock.
    /// Agents are not here yet; nothing is granted until they join.
    pub async fn open(stores: Stores, limits: Limits) -> Result<Runtime, Error> {
        Runtime::open_within(stores, limits, &Bounds::default()).await
    }

    /// The same with other bounds on what is stored.
    pub async fn open_within(
        stores: Stores,
        limits: Limits,
        bounds: &Bounds,
    ) -> Result<Runtime, Error> {
        Runtime::open_with(stores, limits, bounds, None).await
    }

    /// The same with a calendar for schedules.
    pub async fn open_with(
        mut stores: Stores,
        limits: Limits,
        bounds: &Bounds,
        calendar: Option<Arc<dyn Calendar>>,
    ) -> Result<Runtime, Error> {
        check(&limits)?;
        let kernel = replay_for(&mut *stores.journal, limits, &stores.observers)?;
        let Stores { journal, blobs, observers, .. } = stores;
        let runtime = Runtime::new(kernel, journal, blobs, observers, bounds, calendar);
        let seed = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let wall_ms = runtime.wall_ms();
        let begin = Begin { restored: stores.restored, seed, wall_ms };
        let begun = runtime.send(Command::Begin(begin)).await;
        if begun.is_err() {
            let why = runtime.failed().map_or_else(String::new, |why| why.to_string());
            return Err(Error::Start(why));
        }
        runtime.ask_calendars();
        runtime.measure_in_background();
        tokio::spawn(tick(runtime.clone()));
        Ok(runtime)
    }
}

impl Runtime {
    /// What the wall clock says.
    pub(crate) fn wall_ms(&self) -> u64 {
        let calendar = self.inner.calendar.as_ref();
        calendar.map_or_else(calendar::system_wall_ms, |calendar| calendar.wall_ms())
    }

    /// What the process before wanted to know of calendars, and did not live to hear.
    fn ask_calendars(&self) {
        let outstanding = self.look(|kernel, _| kernel.outstanding());
        let asks = outstanding.into_iter().filter(|it| matches!(it, Effect::Reckon { .. }));
        asks.for_each(|effect| self.inner.desk.perform(&self.inner, effect));
    }
}

/// A lease that ends before it can be renewed would end every piece of work.
fn check(limits: &Limits) -> Result<(), Error> {
    if limits.lease_ms <= limits.renew_ms * 6 / 5 {
        return Err(Error::Limits(format!(
            "lease_ms = {} must be more than 1.2 × renew_ms = {}; leases would run out while they \
             are being renewed",
            limits.lease_ms, limits.renew_ms
        )));
    }
    Ok(())
}
