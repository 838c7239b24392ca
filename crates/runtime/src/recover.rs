//! Opens a journal and takes up where whoever held it before left off.

use crate::bounds::Bounds;
use crate::port::journal::{self, Journal, Seq};
use crate::port::{Blobs, Calendar, Observer, calendar};
use crate::record;
use crate::tick::tick;
use crate::turn::{Runtime, lock};
use kernel::{Begin, Command, Effect, Entry, Kernel, Limits, State};
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

/// A journal replayed, before anybody works on it: what was says how to go on.
///
/// ```text
/// stores ─▶ Replayed ─▶ state(): pins, open work ─▶ limits, more observers ─▶ open()
/// ```
pub struct Replayed {
    stores: Stores,
    kernel: Kernel,
}

impl Replayed {
    /// Reads the journal, once. The observers of the stores hear what they missed.
    ///
    /// # Errors
    /// What the journal says, or a snapshot that cannot be understood.
    pub fn of(mut stores: Stores) -> Result<Replayed, Error> {
        let kernel = replay_for(&mut *stores.journal, Limits::default(), &stores.observers)?;
        Ok(Replayed { stores, kernel })
    }

    /// What the journal describes.
    #[must_use]
    pub fn state(&self) -> &State {
        self.kernel.state()
    }

    /// One observer more. If it keeps count, it hears what it missed of the log that is kept, which
    /// is read once more for it, and nothing of what is gone from there.
    ///
    /// # Errors
    /// What the journal says.
    pub fn watched_by(mut self, observer: Arc<dyn Observer>) -> Result<Replayed, Error> {
        let journal = &mut *self.stores.journal;
        if let Some(applied) = observer.applied().filter(|applied| *applied < journal.head()) {
            let start = Seq(applied.0 + 1).max(journal.first());
            let behind = [(&observer, Seq(start.0 - 1))];
            read(journal, start, &behind, &mut |_, _| {})?;
        }
        self.stores.observers.push(observer);
        Ok(self)
    }

    /// Closes what the process before left open, and starts the clock. Agents are not here yet;
    /// nothing is granted until they join.
    ///
    /// # Errors
    /// Bounds that contradict each other, or a start that cannot be made durable.
    pub async fn open(
        mut self,
        limits: Limits,
        bounds: &Bounds,
        calendar: Option<Arc<dyn Calendar>>,
    ) -> Result<Runtime, Error> {
        check(&limits)?;
        self.kernel.set_limits(limits);
        Runtime::begin(self.stores, self.kernel, bounds, calendar).await
    }
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
    read(journal, start, &behind, &mut |seq, entry| {
        if seq >= from {
            kernel.apply(entry);
        }
    })?;
    Ok(kernel)
}

/// Visits the entries from `start` on; those who are behind hear what they have not seen.
fn read(
    journal: &mut dyn Journal,
    start: Seq,
    behind: &[(&Arc<dyn Observer>, Seq)],
    visit: &mut dyn FnMut(Seq, &Entry),
) -> Result<(), Error> {
    let mut missed: Vec<(Seq, Entry)> = Vec::new();
    journal.read(start, &mut |seq, bytes| {
        let entry = record::decode(bytes)
            .map_err(|why| journal::Error::Unreadable { at: seq, why: why.to_string() })?;
        visit(seq, &entry);
        if !behind.is_empty() {
            missed.push((seq, entry));
            if missed.len() >= 10_000 {
                catch_up(behind, &mut missed);
            }
        }
        Ok(())
    })?;
    catch_up(behind, &mut missed);
    Ok(())
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
        Runtime::begin(stores, kernel, bounds, calendar).await
    }

    /// Takes up where the journal ends.
    async fn begin(
        stores: Stores,
        kernel: Kernel,
        bounds: &Bounds,
        calendar: Option<Arc<dyn Calendar>>,
    ) -> Result<Runtime, Error> {
        let Stores { journal, blobs, observers, restored } = stores;
        let runtime = Runtime::new(kernel, journal, blobs, observers, bounds, calendar);
        let seed = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let wall_ms = runtime.wall_ms();
        let begin = Begin { restored, seed, wall_ms };
        let begun = runtime.send(Command::Begin(begin)).await;
        if begun.is_err() {
            let why = runtime.failed().map_or_else(String::new, |why| why.to_string());
            return Err(Error::Start(why));
        }
        runtime.take_up_questions();
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

    /// What the process before wanted to know, and did not live to hear. Calendars are asked now;
    /// an adviser is an agent, and is asked when it has joined.
    fn take_up_questions(&self) {
        for effect in self.look(|kernel, _| kernel.outstanding()) {
            if let Effect::Advise(question) = &effect {
                lock(&self.inner.unasked).insert((question.task, question.until));
            } else if matches!(effect, Effect::Reckon { .. }) {
                self.inner.desk.perform(&self.inner, effect);
            }
        }
    }
}

/// A lease that ends before it can be renewed would end every piece of work, and so would one whose
/// renewal cannot be tried a second time before it is due again. 1.2 leaves room for late clocks.
fn check(limits: &Limits) -> Result<(), Error> {
    let Limits { lease_ms, renew_ms, renew_retry_ms, .. } = *limits;
    let is_too_short = |it: u64, of: u64| u128::from(it) * 5 <= u128::from(of) * 6;
    let why = if is_too_short(lease_ms, renew_ms) {
        format!(
            "lease_ms = {lease_ms} must be more than 1.2 × renew_ms = {renew_ms}; leases would \
             run out while they are being renewed"
        )
    } else if is_too_short(renew_ms, renew_retry_ms) || renew_retry_ms == 0 {
        format!(
            "renew_ms = {renew_ms} must be more than 1.2 × renew_retry_ms = {renew_retry_ms}, \
             which must be more than 0; a renewal that fails could not be tried again in time"
        )
    } else {
        return Ok(());
    };
    Err(Error::Limits(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_that_cannot_be_renewed_in_time_are_refused() {
        let table = [
            (30_000, 10_000, 2_000, ""),
            (12_000, 10_000, 2_000, "lease_ms = 12000 must be more than 1.2 × renew_ms = 10000"),
            (12_001, 10_000, 2_000, ""),
            (30_000, 2_400, 2_000, "renew_ms = 2400 must be more than 1.2 × renew_retry_ms = 2000"),
            (30_000, 2_401, 2_000, ""),
            (30_000, 10_000, 0, "which must be more than 0"),
            (u64::MAX, u64::MAX / 2, u64::MAX / 3, ""),
        ];
        for (lease_ms, renew_ms, renew_retry_ms, why) in table {
            let limits = Limits { lease_ms, renew_ms, renew_retry_ms, ..Limits::default() };
            let said = check(&limits).err().map(|it| it.to_string()).unwrap_or_default();
            assert!(said.contains(why) && said.is_empty() == why.is_empty(), "{said} / {why}");
        }
    }
}
