//! How a process tree ends: TERM to its group, a grace, KILL to every member, until a look into
//! `/proc` finds none.
//!
//! TERM goes to the group only, as a terminal's Ctrl-C would: it is a request, and a program that
//! has moved children elsewhere is expected to pass it on. KILL goes to every member in every net
//! of [`super::members`]. A killed member may just have forked, so we look again until nobody is
//! there.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::members::{self, Tree};
use super::process::Body;

/// Between two looks; it doubles from the first to the last.
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK_LAST: Duration = Duration::from_millis(100);

/// Ends the tree; gives the status of its first process when no member is left. A member that the
/// system cannot end now (it hangs in a device) is waited for, however long: its slot is not free.
pub(super) async fn end(body: Body) -> io::Result<ExitStatus> {
    if is_running(&body).await {
        signal_group(&body.tree, Signal::TERM);
        let grace = Duration::from_millis(body.grace_ms());
        let _asked_long_enough = timeout(grace, all_gone_by_themselves(&body)).await;
    }
    let mut pause = LOOK_FIRST;
    loop {
        let tree = body.tree.clone();
        // A panic inside would mean that nothing was looked at; looking again is right then too.
        if spawn_blocking(move || kill(&tree)).await.is_ok_and(|killed| killed == 0) {
            return body.bury().await;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOK_LAST);
    }
}

async fn is_running(body: &Body) -> bool {
    timeout(Duration::ZERO, body.exited()).await.is_err()
}

/// Waits for the first process, then for the rest of its group.
async fn all_gone_by_themselves(body: &Body) {
    body.exited().await;
    let mut pause = LOOK_FIRST;
    while group_has_living(&body.tree) {
        sleep(pause).await;
        pause = (pause * 2).min(LOOK_LAST);
    }
}

/// The unreaped leader itself counts as a member to the kernel, so only `/proc` tells.
fn group_has_living(tree: &Tree) -> bool {
    match group(tree) {
        Some(group) if test_kill_process_group(group).is_ok() => !tree.living().is_empty(),
        _ => false,
    }
}

/// Sends KILL to every living member; gives how many there were. Blocking.
pub(super) fn kill(tree: &Tree) -> usize {
    signal_group(tree, Signal::KILL);
    let living = tree.living();
    living.iter().for_each(|member| members::signal(member, Signal::KILL));
    living.len()
}

fn signal_group(tree: &Tree, signal: Signal) {
    if let Some(group) = group(tree) {
        // The group is gone, or all of it are zombies: both are what is wanted.
        let _gone = kill_process_group(group, signal);
    }
}

fn group(tree: &Tree) -> Option<Pid> {
    Pid::from_raw(tree.leader.cast_signed())
}
