//! A log in a directory of its own, with a disk that can fail and files that can be damaged.
//!
//! Frames are found by a walk written from the description of the format, not by the log's own
//! code.
#![allow(dead_code, reason = "each test file uses another part")]

pub(crate) mod checks;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use majordomo_adapters::disk::{
    Disk,
    faults::{Failure, Faults},
};
use majordomo_adapters::journal::log::{Log, Options};
use runtime::port::journal::{Error, Seq};
use runtime::testing::journal_suite::{self, Fixture, Read};

pub(crate) const PAGE: usize = 4096;

pub(crate) struct Rig {
    keep: tempfile::TempDir,
    pub(crate) faults: Arc<Faults>,
    pub(crate) options: Options,
}

/// All files of a journal by name; what a backup by hand would hold.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

impl Rig {
    /// Small segments, so that a few records roll. In memory where the system has a place for
    /// that: these tests open a journal thousands of times, and a sync there costs nothing.
    pub(crate) fn new() -> Rig {
        let place = Path::new("/dev/shm");
        let place = if place.is_dir() { place.to_owned() } else { std::env::temp_dir() };
        let keep = tempfile::tempdir_in(place).expect("a directory");
        let options = Options { first_bytes: 8 << 10, segment_bytes: 16 << 10, snapshots: 2 };
        Rig { keep, faults: Arc::default(), options }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.keep.path().join("journal")
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.keep.path().join(name)
    }

    pub(crate) fn log(&self) -> Log {
        self.try_log().expect("opens")
    }

    pub(crate) fn try_log(&self) -> Result<Log, Error> {
        Log::open_on(&Disk::faulty(self.faults.clone()), &self.dir(), self.options)
    }

    /// Ends a writer as `kill -9` would: nothing it does from now on has an effect.
    pub(crate) fn crash(&self, log: Log) {
        self.faults.fail(1, Failure::Stop);
        drop(log);
        self.faults.heal();
    }

    /// Every file except the lock.
    pub(crate) fn files(&self) -> Files {
        files_in(&self.dir())
    }

    /// Makes the directory hold exactly these files.
    pub(crate) fn put(&self, files: &Files) {
        let dir = self.dir();
        if dir.exists() {
            fs::remove_dir_all(&dir).expect("removed");
        }
        fs::create_dir_all(&dir).expect("created");
        for (name, bytes) in files {
            fs::write(dir.join(name), bytes).expect("written");
        }
    }
}

impl Fixture for Rig {
    type Journal = Log;

    fn open(&mut self) -> Result<Log, Error> {
        self.try_log()
    }

    fn kill(&mut self, journal: Log) {
        self.crash(journal);
    }

    fn take_over(&mut self) -> Result<Log, Error> {
        fs::remove_file(self.dir().join("lock")).expect("the lock was there");
        self.try_log()
    }

    fn damage(&mut self, at: Seq) -> bool {
        let mut files = self.files();
        for bytes in files.iter_mut().filter(|(name, _)| name.ends_with(".log")).map(|(_, b)| b) {
            if let Some(frame) = frames(bytes).into_iter().find(|frame| frame.seq == at.0) {
                bytes[frame.at + 64] ^= 4;
            }
        }
        self.put(&files);
        true
    }
}

pub(crate) fn files_in(dir: &Path) -> Files {
    let entries = fs::read_dir(dir).expect("is a directory").map(|entry| entry.expect("reads"));
    let named =
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let kept = named.filter(|(name, _)| name != "lock");
    kept.map(|(name, path)| (name, fs::read(path).expect("reads"))).collect()
}

/// Where a frame stands in a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) at: usize,
    pub(crate) size: usize,
    pub(crate) seq: u64,
}

pub(crate) fn frames(segment: &[u8]) -> Vec<Frame> {
    let number = |at: usize| {
        u32::from_le_bytes(segment[at..at + 4].try_into().expect("4 or 8 bytes")) as usize
    };
    let mut found = Vec::new();
    let mut at = PAGE;
    while at + 64 <= segment.len() && number(at) != 0 {
        let size = (64 + number(at + 8) + number(at + 12)).next_multiple_of(8) + 8;
        let seq = u64::from_le_bytes(segment[at + 16..at + 24].try_into().expect("4 or 8 bytes"));
        found.push(Frame { at, size, seq });
        at += size;
    }
    found
}

/// The name of the newest segment.
pub(crate) fn newest(files: &Files) -> String {
    files.keys().rfind(|name| name.ends_with(".log")).expect("a segment").clone()
}

/// What opening a journal may come to, after anything was done to its files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It holds exactly the first so many records.
    Prefix(u64),
    /// It was refused, and no file was changed.
    Refused,
}

/// Opens the journal made of these files; panics on anything but an exact prefix of `written` or a
/// typed refusal that leaves the files alone.
pub(crate) fn outcome(rig: &Rig, files: &Files, written: &[Read], case: &str) -> Outcome {
    rig.put(files);
    match rig.try_log() {
        Ok(mut log) => {
            let records = journal_suite::read_from(&mut log, Seq(1))
                .unwrap_or_else(|error| panic!("{case}: opened, but reading said {error}"));
            let is_prefix = written.starts_with(&records);
            assert!(is_prefix, "{case}: {} records, not a prefix", records.len());
            Outcome::Prefix(records.len() as u64)
        }
        Err(Error::Damaged { .. } | Error::TooNew { .. }) => {
            assert!(rig.files() == *files, "{case}: refused, but files were changed");
            Outcome::Refused
        }
        Err(other) => panic!("{case}: {other}"),
    }
}
