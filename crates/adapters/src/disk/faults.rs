//! A plan of faults: which operation fails, how, and what a power cut takes back.
//!
//! Operations are counted from 1 in the order in which they are asked for, so a test runs once to
//! count them and then once per operation with that one failing. A write counts as one operation
//! however long it is. Reads always succeed: what they find is what the faults left.
//!
//! [`Faults::power_cut`] is the laziest disk that POSIX allows: of each write that was not synced,
//! any subset of its 512-byte sectors is lost, and of the directory changes not synced, any tail.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a disk keeps or loses as a whole when the power fails.
pub const SECTOR: usize = 512;

/// A kind of operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writing bytes, reserving space, cutting a file.
    Write,
    /// Syncing a file or a directory.
    Sync,
    /// Opening or creating a file or directory.
    Open,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
}

/// How the chosen operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It gives this error number, once; later operations succeed.
    Once(i32),
    /// It gives this error number, and so does every operation after it.
    Always(i32),
    /// The process stops before it: it and every later operation do nothing.
    Stop,
    /// The process stops in it: a write leaves its first bytes, anything else is not done.
    Tear(usize),
}

/// A plan, and what happened so far. Shared by the disk and the test.
#[derive(Default)]
pub struct Faults {
    state: Mutex<State>,
}

type Hook = Box<dyn FnMut(Operation) + Send>;

#[derive(Default)]
struct State {
    count: u64,
    plan: Option<(u64, Failure)>,
    only: Option<Operation>,
    down: Option<i32>,
    fired: u64,
    hook: Option<Hook>,
    writes: Vec<Unsynced>,
    changes: Vec<Change>,
}

/// File contents as they were before an operation that is not synced yet.
struct Unsynced {
    file: fs::File,
    inode: u64,
    before: Before,
}

enum Before {
    Bytes { offset: u64, old: Vec<u8>, len: u64 },
    Length(u64),
}

/// A directory change that is not synced yet, with what undoes it.
enum Change {
    Created(PathBuf),
    Renamed { from: PathBuf, to: PathBuf, replaced: Option<fs::File> },
    Removed { path: PathBuf, stash: fs::File },
}

impl Faults {
    /// Fails the `n`-th operation from now on (counted from 1).
    pub fn fail(&self, n: u64, failure: Failure) {
        let mut state = self.state();
        state.count = 0;
        state.only = None;
        state.plan = Some((n, failure));
    }

    /// Fails the `n`-th operation of one kind from now on (counted from 1).
    pub fn fail_kind(&self, kind: Operation, n: u64, failure: Failure) {
        self.fail(n, failure);
        self.state().only = Some(kind);
    }

    /// Calls `hook` before each operation, for instance to make a sync slow.
    pub fn hook(&self, hook: impl FnMut(Operation) + Send + 'static) {
        self.state().hook = Some(Box::new(hook));
    }

    /// Forgets the plan and lets everything succeed again, as after a restart.
    pub fn heal(&self) {
        let mut state = self.state();
        state.plan = None;
        state.down = None;
        state.hook = None;
        state.count = 0;
    }

    /// Operations asked for since the plan was made.
    pub fn operations(&self) -> u64 {
        self.state().count
    }

    /// How often an operation was made to fail.
    pub fn fired(&self) -> u64 {
        self.state().fired
    }

    /// Takes back what was not synced: random sectors of every write and a random tail of the
    /// directory changes, chosen by `seed`. All files must be closed or unused by now.
    pub fn power_cut(&self, seed: u64) -> io::Result<()> {
        let mut state = self.state();
        let mut random = seed;
        for unsynced in std::mem::take(&mut state.writes).into_iter().rev() {
            unsynced.undo(&mut random)?;
        }
        let changes = std::mem::take(&mut state.changes);
        let kept = next(&mut random) as usize % (changes.len() + 1);
        for change in changes.into_iter().skip(kept).rev() {
            change.undo()?;
        }
        Ok(())
    }

    pub(super) fn allow(&self, operation: Operation) -> io::Result<()> {
        match self.strike(operation) {
            None => Ok(()),
            Some(Failure::Once(code) | Failure::Always(code)) => {
                Err(io::Error::from_raw_os_error(code))
            }
            Some(Failure::Stop | Failure::Tear(_)) => Err(stopped()),
        }
    }

    pub(super) fn write(&self, file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (whole, error) = match self.strike(Operation::Write) {
            None => (bytes.len(), None),
            Some(Failure::Once(code) | Failure::Always(code)) => {
                (0, Some(io::Error::from_raw_os_error(code)))
            }
            Some(Failure::Stop) => (0, Some(stopped())),
            Some(Failure::Tear(kept)) => (kept.min(bytes.len()), Some(stopped())),
        };
        let metadata = file.metadata()?;
        let mut old = vec![0; whole];
        let mut filled = 0;
        while filled < whole {
            match file.read_at(&mut old[filled..], offset + filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        let before = Before::Bytes { offset, old, len: metadata.len() };
        let inode = metadata.ino();
        self.state().writes.push(Unsynced { file: file.try_clone()?, inode, before });
        file.write_all_at(&bytes[..whole], offset)?;
        error.map_or(Ok(()), Err)
    }

    pub(super) fn resizing(&self, file: &fs::File) {
        if let (Ok(metadata), Ok(file)) = (file.metadata(), file.try_clone()) {
            let before = Before::Length(metadata.len());
            self.state().writes.push(Unsynced { file, inode: metadata.ino(), before });
        }
    }

    pub(super) fn synced(&self, file: &fs::File) {
        if let Ok(metadata) = file.metadata() {
            self.state().writes.retain(|write| write.inode != metadata.ino());
        }
    }

    pub(super) fn created(&self, path: &Path) {
        self.state().changes.push(Change::Created(path.to_owned()));
    }

    pub(super) fn renamed(&self, from: &Path, to: &Path, replaced: Option<fs::File>) {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.state().changes.push(Change::Renamed { from, to, replaced });
    }

    pub(super) fn removed(&self, path: &Path, stash: fs::File) {
        self.state().changes.push(Change::Removed { path: path.to_owned(), stash });
    }

    pub(super) fn synced_dir(&self, dir: &Path) {
        self.state().changes.retain(|change| change.path().parent() != Some(dir));
    }

    /// Counts an operation and says how it fails, if it does.
    fn strike(&self, operation: Operation) -> Option<Failure> {
        let mut state = self.state();
        if let Some(mut hook) = state.hook.take() {
            // The hook may wait; the lock must not be held meanwhile.
            drop(state);
            hook(operation);
            state = self.state();
            state.hook.get_or_insert(hook);
        }
        if let Some(code) = state.down {
            return Some(Failure::Always(code));
        }
        if state.only.is_some_and(|only| only != operation) {
            return None;
        }
        state.count += 1;
        let (n, failure) = state.plan?;
        if state.count != n {
            return None;
        }
        state.fired += 1;
        state.down = match failure {
            Failure::Once(_) => None,
            Failure::Always(code) => Some(code),
            Failure::Stop | Failure::Tear(_) => Some(rustix::io::Errno::IO.raw_os_error()),
        };
        Some(failure)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unsynced {
    fn undo(self, random: &mut u64) -> io::Result<()> {
        match self.before {
            Before::Length(len) => self.file.set_len(len),
            Before::Bytes { offset, old, len } => {
                let mut at = 0;
                while at < old.len() {
                    let in_sector = SECTOR - (offset as usize + at) % SECTOR;
                    let end = (at + in_sector).min(old.len());
                    if next(random).is_multiple_of(2) {
                        self.file.write_all_at(&old[at..end], offset + at as u64)?;
                    }
                    at = end;
                }
                if next(random).is_multiple_of(2) { self.file.set_len(len) } else { Ok(()) }
            }
        }
    }
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Change::Created(path) | Change::Removed { path, .. } => path,
            Change::Renamed { to, .. } => to,
        }
    }

    fn undo(self) -> io::Result<()> {
        match self {
            Change::Created(path) => fs::remove_file(path).or(Ok(())),
            Change::Removed { path, stash } => restore(&path, &stash),
            Change::Renamed { from, to, replaced } => {
                if fs::rename(&to, &from).is_ok()
                    && let Some(stash) = replaced
                {
                    restore(&to, &stash)?;
                }
                Ok(())
            }
        }
    }
}

fn restore(path: &Path, stash: &fs::File) -> io::Result<()> {
    let mut bytes = vec![0; stash.metadata()?.len() as usize];
    stash.read_exact_at(&mut bytes, 0)?;
    fs::write(path, bytes)
}

fn stopped() -> io::Error {
    io::Error::other("the process stopped here (planned fault)")
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough to choose which sectors are lost.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
