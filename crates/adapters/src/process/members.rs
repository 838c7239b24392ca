//! Who belongs to a process tree, read from `/proc`: the group, the descendants, and whoever
//! carries the marker.
//!
//! Three nets, because each has a hole. The *group* loses who calls `setsid`. The *descendants*
//! lose who forks twice and lets the middle one die. The *marker* loses who clears its environment.
//! Only a process that does all three, and only after its parents are gone, escapes; that is the
//! limit of what an unprivileged program can enforce without a cgroup.

use std::collections::BTreeSet;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::marker::{self, Marker, Owner};

/// What `/proc/PID/stat` says, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    pub(crate) start_ticks: u64,
    /// A zombie runs no code: it is the memory of a process, not a process.
    pub(crate) is_dead: bool,
    /// Its first thread has ended and others work on. Its state says zombie all the same.
    pub(crate) is_headless: bool,
}

impl Stat {
    fn identity(&self) -> (u32, u64) {
        (self.pid, self.start_ticks)
    }
}

/// A process tree: its first process, and the marker all of it inherited.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) leader: u32,
    pub(crate) marker: Marker,
}

/// Members seen so far, by process id and start: a member stays one when its parents are gone.
pub(crate) type Seen = BTreeSet<(u32, u64)>;

impl Tree {
    /// All living members, which are added to `seen`. Blocking: about 20 µs per process of the
    /// machine.
    pub(crate) fn living(&self, seen: &mut Seen) -> Vec<Stat> {
        let all = processes();
        let mut members: BTreeSet<u32> = all
            .iter()
            .filter(|stat| stat.group == self.leader || seen.contains(&stat.identity()))
            .map(|stat| stat.pid)
            .collect();
        for stat in &all {
            if !stat.is_dead && !members.contains(&stat.pid) && self.marks(stat) {
                members.insert(stat.pid);
            }
        }
        adopt_descendants(&all, &mut members);
        let lives = |stat: &Stat| members.contains(&stat.pid) && !stat.is_dead;
        let living: Vec<Stat> = all.into_iter().filter(lives).collect();
        seen.extend(living.iter().map(Stat::identity));
        living
    }

    fn marks(&self, stat: &Stat) -> bool {
        environ(stat).is_some_and(|environ| self.marker.is_in(&environ))
    }
}

/// Adds the children of members until nothing is added.
fn adopt_descendants(all: &[Stat], members: &mut BTreeSet<u32>) {
    loop {
        let before = members.len();
        for stat in all {
            if members.contains(&stat.parent) {
                members.insert(stat.pid);
            }
        }
        if members.len() == before {
            return;
        }
    }
}

/// Sends a signal to exactly this process: not to another one that got its number meanwhile.
pub(crate) fn signal(member: &Stat, signal: Signal) {
    let Some(pid) = i32::try_from(member.pid).ok().and_then(Pid::from_raw) else { return };
    // Errors mean that it is gone already, which is what is wanted.
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    if stat(member.pid).is_some_and(|now| now.start_ticks == member.start_ticks) {
        let _gone = pidfd_send_signal(&handle, signal);
    }
}

/// Kills what dead orchestrators left behind, and gives how many processes that were. Never touches
/// what a living orchestrator owns, nor another PID namespace, nor another user.
pub fn sweep() -> usize {
    let mut swept = BTreeSet::new();
    loop {
        let left: Vec<Stat> = processes()
            .into_iter()
            .filter(|stat| !stat.is_dead && stat.pid != Owner::this().pid)
            .filter(|stat| {
                environ(stat)
                    .and_then(|environ| marker::owner_in(&environ))
                    .is_some_and(|owner| owner.is_dead())
            })
            .collect();
        // Killed once is enough: one that cannot die now (it waits for a disk) dies later.
        let fresh = left.iter().filter(|stat| swept.insert(stat.identity())).count();
        left.iter().for_each(|stat| signal(stat, Signal::KILL));
        if fresh == 0 {
            return swept.len();
        }
    }
}

fn processes() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .collect()
}

/// `None`: of another user, a thread of the kernel, or gone; none of them is ours.
fn environ(stat: &Stat) -> Option<Vec<u8>> {
    let pid = stat.pid;
    if !stat.is_headless {
        return std::fs::read(format!("/proc/{pid}/environ")).ok();
    }
    // What the first thread had is gone with it; the others can be asked.
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    threads
        .filter_map(|thread| std::fs::read(thread.ok()?.path().join("environ")).ok())
        .find(|environ| !environ.is_empty())
}

/// One process, or `None` when there is none with that number.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(pid, &String::from_utf8_lossy(&text))
}

/// The name stands in brackets and may itself contain brackets and blanks, so fields are counted
/// from the last one. Field numbers are those of proc_pid_stat(5).
fn parse(pid: u32, text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let is_ended = matches!(field(3)?, "Z" | "X" | "x");
    let threads: u32 = field(20)?.parse().ok()?;
    Some(Stat {
        pid,
        is_dead: is_ended && threads <= 1,
        is_headless: is_ended && threads > 1,
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        start_ticks: field(22)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "7 (a) b) (c) S 3 5 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123153 17 34";

    fn process(pid: u32, parent: u32) -> Stat {
        let (is_dead, is_headless) = (false, false);
        Stat { pid, parent, group: 0, start_ticks: 0, is_dead, is_headless }
    }

    #[test]
    fn a_name_full_of_brackets_confuses_nobody() {
        let stat = parse(7, LINE).unwrap();
        let expected = Stat { group: 5, start_ticks: 123_153, ..process(7, 3) };
        assert_eq!(stat, expected);
        let zombie = LINE.replace(" S ", " Z ");
        assert!(parse(7, &zombie).unwrap().is_dead);
        let headless = parse(7, &zombie.replace(" 20 0 1 ", " 20 0 2 ")).unwrap();
        assert!(!headless.is_dead && headless.is_headless, "one thread works on");
        assert_eq!(parse(7, "7 (a) S 3"), None);
    }

    #[test]
    fn descendants_are_found_in_any_order() {
        let all = [process(4, 3), process(3, 2), process(2, 1), process(9, 8)];
        let mut members = BTreeSet::from([2]);
        adopt_descendants(&all, &mut members);
        assert_eq!(members, BTreeSet::from([2, 3, 4]));
    }

    #[test]
    fn this_process_stands_in_proc() {
        let own = stat(std::process::id()).unwrap();
        assert!(own.start_ticks > 0 && !own.is_dead);
        assert!(processes().iter().any(|stat| stat.pid == own.pid));
    }
}
