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

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::members::{self, Seen, Stat, Tree};
use super::running::Body;

/// Between two looks; it doubles from the first to the last.
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK_LAST: Duration = Duration::from_millis(100);

/// Ends the tree; gives the status of its first process when no member is left. A member that the
/// system cannot end now (it hangs in a device) is waited for, however long: its slot is not free.
pub(crate) async fn end(body: Body) -> io::Result<ExitStatus> {
    let mut seen = Seen::new();
    if !body.has_exited() {
        // Before anybody ends: a child of who ends first would lose its place in the tree.
        (_, seen) = looked(&body, seen, Tree::living).await;
        signal_group(&body.tree, Signal::TERM);
        body.grace(all_gone_by_themselves(&body, &seen)).await;
    }
    let mut pause = LOOK_FIRST;
    loop {
        let found;
        (found, seen) = looked(&body, seen, kill).await;
        if found.is_some_and(|living| living.is_empty()) {
            return body.bury().await;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOK_LAST);
    }
}

/// Looks into `/proc` on a thread that may block. `None`: the look failed; look again.
async fn looked(
    body: &Body,
    seen: Seen,
    look: fn(&Tree, &mut Seen) -> Vec<Stat>,
) -> (Option<Vec<Stat>>, Seen) {
    let (tree, mut now_seen) = (body.tree.clone(), seen.clone());
    let looking = spawn_blocking(move || (look(&tree, &mut now_seen), now_seen));
    match looking.await {
        Ok((living, now_seen)) => (Some(living), now_seen),
        Err(_panicked_or_shut_down) => (None, seen),
    }
}

/// Waits for the first process, then for the rest of its group. Who moved elsewhere was not asked
/// and is not waited for.
async fn all_gone_by_themselves(body: &Body, seen: &Seen) {
    body.exited().await;
    let mut pause = LOOK_FIRST;
    loop {
        let (living, _) = looked(body, seen.clone(), Tree::living).await;
        let is_asked = |member: &Stat| member.group == body.tree.leader;
        if living.is_some_and(|living| !living.iter().any(is_asked)) {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOK_LAST);
    }
}

/// Sends KILL to every living member and gives them. Blocking.
pub(crate) fn kill(tree: &Tree, seen: &mut Seen) -> Vec<Stat> {
    signal_group(tree, Signal::KILL);
    let living = tree.living(seen);
    living.iter().for_each(|member| members::signal(member, Signal::KILL));
    living
}

fn signal_group(tree: &Tree, signal: Signal) {
    if let Some(group) = Pid::from_raw(tree.leader.cast_signed()) {
        // The group is gone, or all of it are zombies: both are what is wanted.
        let _gone = kill_process_group(group, signal);
    }
}
