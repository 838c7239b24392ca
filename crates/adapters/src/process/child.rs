//! What the new process does between `fork` and `exec`, and how its end is noticed: the only unsafe
//! code of this folder.
//!
//! 1. a session and a group of its own, without a terminal: nothing can stop it by asking for one;
//! 2. KILL when the orchestrator dies, however it dies;
//! 3. limits: private memory, and no core dumps (they would hold the task's data);
//! 4. files it makes are for their owner only;
//! 5. no descriptor but 0, 1 and 2 survives the `exec`.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;

use rustix::fs::Mode;
use rustix::process::{self, Pid, Resource, Rlimit, Signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Adds the five steps to a command that is about to be spawned by process `parent`.
pub(crate) fn prepare(
    command: &mut std::process::Command,
    parent: Pid,
    memory_max_bytes: Option<u64>,
) {
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. `settle_in` makes
    // system calls by rustix and libc wrappers that allocate nothing, take no lock and touch no
    // memory but their arguments; the closure owns two plain numbers.
    #[expect(unsafe_code, reason = "there is no safe way to run code between fork and exec")]
    unsafe {
        command.pre_exec(move || settle_in(parent, memory_max_bytes));
    }
}

fn settle_in(parent: Pid, memory_max_bytes: Option<u64>) -> io::Result<()> {
    process::setsid()?;
    process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The orchestrator may have died before the line above: then no signal will ever come.
    if process::getppid() != Some(parent) {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    let limit = |value| Rlimit { current: Some(value), maximum: Some(value) };
    if let Some(bytes) = memory_max_bytes {
        process::setrlimit(Resource::Data, limit(bytes))?;
    }
    process::setrlimit(Resource::Core, limit(0))?;
    process::umask(Mode::RWXG | Mode::RWXO);
    close_on_exec()
}

/// Marks every descriptor from 3 up. Ours are marked already; those of a foreign library may not
/// be.
fn close_on_exec() -> io::Result<()> {
    // SAFETY: close_range takes three numbers and touches no memory; with CLOEXEC it closes nothing
    // yet, so the pipe by which the standard library reports a failed exec still works.
    #[expect(unsafe_code, reason = "rustix has no close_range")]
    let answer =
        unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets the reactor watch a pidfd: it becomes readable when its process has ended.
pub(crate) fn watch(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` gives one and the same open descriptor until it is dropped, and the
    // `AsyncFd` owns it until then.
    #[expect(unsafe_code, reason = "tokio asks for a promise about any descriptor")]
    let watched = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
    watched.map_err(|error| error.into_parts().1)
}
