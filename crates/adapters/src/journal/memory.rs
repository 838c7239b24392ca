//! A journal in memory: for tests, and for teams that keep nothing.
//!
//! A [`Store`] outlives the openings of it, as a directory would, so a restart can be played in one
//! process. It is instant: an append is a copy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime::port::Reader;
use runtime::port::journal::{Batch, Epoch, Error, Journal, Record, Seq, Size, Sweep, Visit};

/// What a journal in memory holds, whoever has it open. Cheap to clone; clones are the same store.
#[derive(Clone, Default)]
pub struct Store {
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    epoch: u64,
    is_open: bool,
    /// Records before the first one kept.
    dropped: u64,
    bytes: Vec<u8>,
    /// (end of head, end of payload) in `bytes`, per record.
    ends: Vec<(usize, usize)>,
    snapshots: Vec<(u64, Vec<u8>)>,
    /// Written by a reader, not taken in yet.
    staged: Option<(u64, Vec<u8>)>,
}

impl Store {
    /// Opens it for writing, in the next epoch.
    ///
    /// # Errors
    /// `Held` while another opening is alive.
    pub fn open(&self) -> Result<Memory, Error> {
        if self.lock().is_open {
            return Err(Error::Held { holder: "this process".to_owned() });
        }
        Ok(self.take_over())
    }

    /// Opens it although another opening may be alive; that one's appends are refused from now on.
    pub fn take_over(&self) -> Memory {
        let mut held = self.lock();
        held.is_open = true;
        held.epoch += 1;
        Memory { store: self.clone(), epoch: held.epoch }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing under this lock panics half-way, so what a panic elsewhere left is whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open journal in memory.
pub struct Memory {
    store: Store,
    epoch: u64,
}

impl Memory {
    /// An empty journal that nobody else can open.
    pub fn new() -> Memory {
        Store::default().take_over()
    }

    fn held(&self, expected: Seq) -> Result<MutexGuard<'_, Held>, Error> {
        let held = self.store.lock();
        if held.epoch == self.epoch {
            Ok(held)
        } else {
            Err(Error::Superseded { expected, found: held.head() })
        }
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::new()
    }
}

impl Held {
    fn head(&self) -> Seq {
        Seq(self.dropped + self.ends.len() as u64)
    }

    fn start(&self, nth: usize) -> usize {
        nth.checked_sub(1).map_or(0, |before| self.ends[before].1)
    }

    fn record(&self, nth: usize) -> Record<'_> {
        let (head_end, end) = self.ends[nth];
        Record { head: &self.bytes[self.start(nth)..head_end], payload: &self.bytes[head_end..end] }
    }

    /// Drops the records up to and including `at`.
    fn drop_to(&mut self, at: u64) {
        let count = at.saturating_sub(self.dropped) as usize;
        let start = self.start(count);
        self.bytes.drain(..start);
        self.ends.drain(..count);
        for (head_end, end) in &mut self.ends {
            *head_end -= start;
            *end -= start;
        }
        self.dropped += count as u64;
    }

    /// Takes the payload out of one record.
    fn erase(&mut self, nth: usize) {
        let (head_end, end) = self.ends[nth];
        self.bytes.drain(head_end..end);
        self.ends[nth].1 = head_end;
        for (later_head, later_end) in &mut self.ends[nth + 1..] {
            *later_head -= end - head_end;
            *later_end -= end - head_end;
        }
    }
}

impl Journal for Memory {
    fn head(&self) -> Seq {
        self.store.lock().head()
    }

    fn first(&self) -> Seq {
        Seq(self.store.lock().dropped + 1)
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    fn append(&mut self, expected: Seq, batch: &Batch) -> Result<Seq, Error> {
        let mut held = self.held(expected)?;
        let found = held.head();
        if expected != found {
            return Err(Error::Superseded { expected, found });
        }
        for record in batch.records() {
            held.bytes.extend_from_slice(record.head);
            let head_end = held.bytes.len();
            held.bytes.extend_from_slice(record.payload);
            let end = held.bytes.len();
            held.ends.push((head_end, end));
        }
        Ok(held.head())
    }

    fn read(&mut self, from: Seq, visit: Visit<'_>) -> Result<(), Error> {
        let held = self.store.lock();
        let skipped = from.0.saturating_sub(held.dropped + 1) as usize;
        for nth in skipped..held.ends.len() {
            visit(Seq(held.dropped + 1 + nth as u64), held.record(nth))?;
        }
        Ok(())
    }

    fn put_snapshot(&mut self, at: Seq, bytes: &[u8]) -> Result<(), Error> {
        self.held(at)?.staged = Some((at.0, bytes.to_vec()));
        self.adopt_snapshot(at).map(drop)
    }

    fn adopt_snapshot(&mut self, at: Seq) -> Result<Sweep, Error> {
        let mut held = self.held(at)?;
        let found = held.head();
        if at > found {
            return Err(Error::Superseded { expected: at, found });
        }
        let Some(staged) = held.staged.take().filter(|(staged, _)| *staged == at.0) else {
            let why = "no snapshot up to this record was staged".to_owned();
            return Err(Error::Unreadable { at, why });
        };
        if held.snapshots.last().is_none_or(|(newest, _)| *newest <= at.0) {
            held.snapshots.clear();
            held.snapshots.push(staged);
            held.drop_to(at.0);
        }
        Ok(Box::new(|| Ok(())))
    }

    fn reader(&self) -> Option<Box<dyn Reader>> {
        Some(Box::new(Beside { store: self.store.clone(), head: self.head() }))
    }

    fn snapshot(&mut self) -> Result<Option<(Seq, Vec<u8>)>, Error> {
        Ok(self.store.lock().snapshots.last().map(|(at, bytes)| (Seq(*at), bytes.clone())))
    }

    fn erase(&mut self, seq: Seq) -> Result<(), Error> {
        let mut held = self.held(seq)?;
        if seq > held.head() || seq == Seq(0) {
            return Err(Error::Unreadable { at: seq, why: "there is no such record".to_owned() });
        }
        if seq.0 > held.dropped {
            let nth = (seq.0 - held.dropped - 1) as usize;
            held.erase(nth);
        }
        Ok(())
    }

    fn forget_older(&mut self) -> Result<(), Error> {
        // Only the newest snapshot is ever kept here.
        self.held(self.head()).map(drop)
    }

    fn size(&self) -> Size {
        let held = self.store.lock();
        let snapshots: usize = held.snapshots.iter().map(|(_, bytes)| bytes.len()).sum();
        let tail = held.bytes.len() as u64;
        let snapshot_bytes = snapshots as u64;
        Size { total_bytes: tail + snapshot_bytes, tail_bytes: tail, snapshot_bytes }
    }

    fn is_instant(&self) -> bool {
        true
    }
}

/// Reads the store while somebody writes: a part at a time, so that the writer hardly waits.
struct Beside {
    store: Store,
    head: Seq,
}

/// Bytes of records copied at a time.
const PART: usize = 256 << 10;

impl Reader for Beside {
    fn head(&self) -> Seq {
        self.head
    }

    fn first(&self) -> Seq {
        Seq(self.store.lock().dropped + 1)
    }

    fn snapshots(&self) -> Vec<Seq> {
        self.store.lock().snapshots.iter().map(|(at, _)| Seq(*at)).collect()
    }

    fn snapshot(&mut self, at: Seq) -> Result<Vec<u8>, Error> {
        let held = self.store.lock();
        let found = held.snapshots.iter().find(|(found, _)| *found == at.0);
        let gone = || Error::Unreadable { at, why: "this snapshot was replaced".to_owned() };
        found.map(|(_, bytes)| bytes.clone()).ok_or_else(gone)
    }

    fn read(&mut self, from: Seq, visit: Visit<'_>) -> Result<(), Error> {
        let mut part = Batch::default();
        let mut next = from.max(self.first());
        while next <= self.head {
            part.clear();
            let held = self.store.lock();
            let Some(skipped) = next.0.checked_sub(held.dropped + 1) else {
                let why = "the record was dropped while the journal was read".to_owned();
                return Err(Error::Unreadable { at: next, why });
            };
            let last = (self.head.0 - held.dropped) as usize;
            for nth in skipped as usize..last {
                part.push(held.record(nth));
                if part.size() >= PART {
                    break;
                }
            }
            drop(held);
            for record in part.records() {
                visit(next, record)?;
                next.0 += 1;
            }
        }
        Ok(())
    }

    fn stage_snapshot(&mut self, at: Seq, bytes: &[u8]) -> Result<(), Error> {
        self.store.lock().staged = Some((at.0, bytes.to_vec()));
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut held = self.store.lock();
        if held.epoch == self.epoch {
            held.is_open = false;
        }
    }
}
