//! Both journals and both blob stores pass the runtime's public suites.
#![cfg(feature = "log")]

mod rig;

use std::time::Duration;

use majordomo_adapters::blobs::{files::Files, memory};
use majordomo_adapters::disk::Disk;
use majordomo_adapters::journal::memory::{Memory, Store};
use runtime::port::journal::{Error, Seq};
use runtime::testing::journal_suite::Fixture;
use runtime::testing::{blobs_suite, journal_suite};

#[derive(Default)]
struct InMemory(Store);

impl Fixture for InMemory {
    type Journal = Memory;

    fn open(&mut self) -> Result<Memory, Error> {
        self.0.open()
    }

    fn kill(&mut self, journal: Memory) {
        drop(journal);
    }

    fn take_over(&mut self) -> Result<Memory, Error> {
        Ok(self.0.take_over())
    }

    fn damage(&mut self, _: Seq) -> bool {
        false
    }
}

#[test]
fn the_memory_journal_passes_the_suite() {
    journal_suite::run(InMemory::default);
}

#[test]
fn the_log_passes_the_suite() {
    journal_suite::run(rig::Rig::new);
}

#[test]
fn the_log_passes_the_suite_with_default_sizes() {
    journal_suite::run(|| {
        let mut rig = rig::Rig::new();
        rig.options = Default::default();
        rig
    });
}

#[test]
fn blobs_in_memory_pass_the_suite() {
    blobs_suite::run(|no_grace| {
        if no_grace { memory::Memory::with_grace(Duration::ZERO) } else { memory::Memory::new() }
    });
}

#[test]
fn blobs_in_files_pass_the_suite() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut nth = 0;
    blobs_suite::run(|no_grace| {
        nth += 1;
        let dir = dir.path().join(nth.to_string());
        let grace = if no_grace { Duration::ZERO } else { Duration::from_secs(3600) };
        Files::open_on(&Disk::real(), &dir, grace).expect("opens")
    });
}
