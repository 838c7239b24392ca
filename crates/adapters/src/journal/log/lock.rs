//! One process holds the journal at a time, and says who it is.
//!
//! The lock is the system's (`flock` on the file `lock`), so it ends with the process however that
//! ends, and no stale file keeps anyone out. The file's content is a note for people. A lock can be
//! lost (the file is deleted, a network file system forgets): then the fence in the last segment
//! stops the older writer, see [`super::writer`].

use std::fs;
use std::io::{Read, Seek, Write};
use std::path::Path;

use runtime::port::journal::Error;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, test_kill_process};

/// The held lock. Dropping it empties the note and lets go.
pub(super) struct Lock {
    file: fs::File,
}

impl Lock {
    /// Takes the lock of a directory, or says who holds it.
    pub(super) fn take(dir: &Path) -> Result<Lock, Error> {
        let path = dir.join("lock");
        let unusable = |source| Error::Unusable { place: path.display().to_string(), source };
        let mut file = fs::File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(unusable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(Error::Held { holder: holder(&mut file) });
            }
            Err(error) => return Err(unusable(error.into())),
        }
        let mut lock = Lock { file };
        // The note helps people only; a full disk must not keep the journal shut.
        let _ = lock.write_note();
        Ok(lock)
    }

    fn write_note(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "process {} ({})", std::process::id(), command())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty note is right for a journal that nobody holds; failing to empty it harms no one.
        let _ = self.file.set_len(0);
        // Closing would not be enough: a process that is just being started elsewhere in this
        // program has a copy of the descriptor until it runs its own program.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Who the note names. A holder that is just starting has not written its own yet; what stands
/// there is then empty, or of a process that was killed, and names nobody.
fn holder(file: &mut fs::File) -> String {
    let mut note = String::new();
    let is_read = file.read_to_string(&mut note).is_ok();
    let number = note.strip_prefix("process ").and_then(|rest| rest.split(' ').next());
    let process = number.and_then(|digits| Pid::from_raw(digits.parse().ok()?));
    // A process of somebody else is alive too, although it may not be signalled.
    let is_alive = |pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH);
    if is_read && process.is_some_and(is_alive) {
        return note.trim_end().to_owned();
    }
    "another process, which is just starting".to_owned()
}

/// The program and its verb. Further arguments may hold what others should not read.
fn command() -> String {
    let mut arguments = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    match arguments.next() {
        Some(verb) => format!("{name} {verb}"),
        None => name,
    }
}
