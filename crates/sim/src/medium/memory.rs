//! A journal in memory that outlives the processes which write it. Batches are whole or absent.

use super::{Blow, Medium};
use crate::mutants::{Planted, planted};
use runtime::port::journal::{Batch, Epoch, Error, Journal, Record, Seq, Size, Visit};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// The memory.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    records: Vec<(Vec<u8>, Vec<u8>)>,
    epoch: u64,
    blow: Blow,
    snapshot: Option<(Seq, Vec<u8>)>,
}

struct Writer {
    memory: Memory,
    epoch: u64,
    broken: bool,
}

impl Memory {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().expect("one thread a world, and no check panics while it holds the store")
    }
}

impl Medium for Memory {
    fn open(&mut self) -> Result<Box<dyn Journal>, Error> {
        let mut store = self.store();
        store.epoch += 1;
        let epoch = store.epoch;
        Ok(Box::new(Writer { memory: self.clone(), epoch, broken: false }))
    }

    fn plan(&mut self, blow: Blow) {
        self.store().blow = blow;
    }

    fn power_cut(&mut self, _: u64) -> Result<(), String> {
        Ok(()) // It has no unsynced bytes.
    }

    fn bit_flips(&mut self, _: u64, _: Seq) -> Result<bool, String> {
        Ok(false) // It stands for a disk that checks itself.
    }

    fn can_be_taken_over(&self) -> bool {
        true
    }
}

impl Store {
    fn head(&self) -> Seq {
        Seq(self.records.len() as u64)
    }

    fn write(&mut self, batch: &Batch) {
        let owned = |record: Record<'_>| (record.head.to_vec(), record.payload.to_vec());
        self.records.extend(batch.records().map(owned));
    }
}

fn broken() -> Error {
    Error::Broken { place: "memory".into(), source: io::Error::other("planned fault") }
}

impl Journal for Writer {
    fn head(&self) -> Seq {
        self.memory.store().head()
    }

    fn first(&self) -> Seq {
        Seq(1)
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    fn append(&mut self, expected: Seq, batch: &Batch) -> Result<Seq, Error> {
        let mut store = self.memory.store();
        if self.broken {
            return Err(broken());
        }
        let fenced = store.epoch != self.epoch || store.head() != expected;
        if fenced && !planted(Planted::OldEpochMayAppend) {
            return Err(Error::Superseded { expected, found: store.head() });
        }
        let blow = std::mem::take(&mut store.blow);
        if !matches!(blow, Blow::Lost | Blow::Full | Blow::Torn(_)) {
            store.write(batch);
        }
        self.broken = blow != Blow::None;
        match blow {
            Blow::None => Ok(store.head()),
            Blow::Full => Err(Error::Full { place: "memory".into() }),
            Blow::Lost | Blow::Kept | Blow::Torn(_) => Err(broken()),
        }
    }

    fn read(&mut self, from: Seq, visit: Visit<'_>) -> Result<(), Error> {
        let store = self.memory.store();
        let start = from.0.saturating_sub(1) as usize;
        for (at, (head, payload)) in store.records.iter().enumerate().skip(start) {
            visit(Seq(at as u64 + 1), Record { head, payload })?;
        }
        Ok(())
    }

    fn put_snapshot(&mut self, at: Seq, bytes: &[u8]) -> Result<(), Error> {
        self.memory.store().snapshot = Some((at, bytes.to_vec()));
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Option<(Seq, Vec<u8>)>, Error> {
        Ok(self.memory.store().snapshot.clone())
    }

    fn forget_older(&mut self) -> Result<(), Error> {
        Ok(()) // Every world reads its journal from the start.
    }

    fn erase(&mut self, seq: Seq) -> Result<(), Error> {
        if let Some((_, payload)) = self.memory.store().records.get_mut(seq.0 as usize - 1) {
            payload.clear();
        }
        Ok(())
    }

    fn size(&self) -> Size {
        let store = self.memory.store();
        let total_bytes = store.records.iter().map(|(head, it)| (head.len() + it.len()) as u64);
        Size { total_bytes: total_bytes.sum(), tail_bytes: 0, ..Size::default() }
    }
}
