//! The marker: an environment variable that every process of an attempt inherits, so that it can be
//! found again wherever it moved.
//!
//! A process can leave its group (`setsid`) and its parent (fork twice), yet what it inherited in
//! its environment stays readable in `/proc/PID/environ`. The marker names who started the
//! process: process id and start time of the orchestrator, its PID namespace, and a counter. So a
//! later orchestrator can tell the leftovers of a dead one from the agents of a living one, also
//! when both look into the same `/proc`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::members;

/// The variable that carries the marker.
pub const VARIABLE: &str = "MAJORDOMO_ATTEMPT";

/// Who started a process: one orchestrator's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) pid: u32,
    /// In clock ticks since boot, so that a reused process id is not taken for the same process.
    pub(crate) start_ticks: u64,
    /// The inode of the PID namespace; process ids of another namespace mean nothing here.
    pub(crate) namespace: u64,
}

impl Owner {
    /// This process.
    pub(crate) fn this() -> &'static Self {
        static THIS: OnceLock<Owner> = OnceLock::new();
        THIS.get_or_init(|| {
            let pid = std::process::id();
            let start_ticks = members::stat(pid).map_or(0, |stat| stat.start_ticks);
            Self { pid, start_ticks, namespace: namespace() }
        })
    }

    /// Whether the orchestrator that this names is gone for certain.
    pub(crate) fn is_dead(&self) -> bool {
        self.namespace == Self::this().namespace
            && members::stat(self.pid)
                .is_none_or(|stat| stat.is_dead || stat.start_ticks != self.start_ticks)
    }
}

fn namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino())
}

/// The name of one process tree, unique on this machine until it boots again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// `PID-START-NAMESPACE-N`.
    own: String,
    /// The marker this orchestrator itself runs under, when it is somebody's agent.
    outer: Option<String>,
}

impl Marker {
    /// A marker nobody else has.
    pub(crate) fn mint() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        let Owner { pid, start_ticks, namespace } = Owner::this();
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let own = format!("{pid}-{start_ticks}-{namespace}-{n}");
        Self { own, outer: std::env::var(VARIABLE).ok() }
    }

    /// The value of [`VARIABLE`]: the outer marker, a slash, and this one, so that an orchestrator
    /// above still finds the processes of an orchestrator below.
    pub(crate) fn value(&self) -> String {
        match &self.outer {
            Some(outer) => format!("{outer}/{}", self.own),
            None => self.own.clone(),
        }
    }

    /// Whether a process with this environment (as in `/proc/PID/environ`) carries the marker.
    pub(crate) fn is_in(&self, environ: &[u8]) -> bool {
        parts(environ).any(|part| part == self.own.as_bytes())
    }
}

/// The innermost owner named in an environment: who must clean up if it is still there.
pub(crate) fn owner_in(environ: &[u8]) -> Option<Owner> {
    let innermost = std::str::from_utf8(parts(environ).last()?).ok()?;
    let mut numbers = innermost.split('-').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (pid, start_ticks, namespace, _) = (next()?, next()?, next()?, next()?);
    Some(Owner { pid: u32::try_from(pid).ok()?, start_ticks, namespace })
}

fn parts(environ: &[u8]) -> impl Iterator<Item = &[u8]> {
    environ
        .split(|byte| *byte == 0)
        .filter_map(|pair| pair.strip_prefix(VARIABLE.as_bytes())?.strip_prefix(b"="))
        .take(1)
        .flat_map(|value| value.split(|byte| *byte == b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_in_its_own_environment_and_in_no_other() {
        let (mine, other) = (Marker::mint(), Marker::mint());
        let environ = format!("PATH=/bin\0{VARIABLE}={}\0A=b\0", mine.value());
        assert!(mine.is_in(environ.as_bytes()));
        assert!(!other.is_in(environ.as_bytes()));
        let longer = format!("{VARIABLE}={}1\0", mine.value());
        assert!(!mine.is_in(longer.as_bytes()), "a prefix of a marker is another marker");
    }

    #[test]
    fn the_outer_orchestrator_finds_what_the_inner_one_started() {
        let outer = Marker { own: "1-2-3-4".into(), outer: None };
        let inner = Marker { own: "5-6-3-7".into(), outer: Some(outer.value()) };
        let environ = format!("{VARIABLE}={}\0", inner.value());
        assert!(outer.is_in(environ.as_bytes()) && inner.is_in(environ.as_bytes()));
        let owner = owner_in(environ.as_bytes()).unwrap();
        assert_eq!((owner.pid, owner.start_ticks, owner.namespace), (5, 6, 3));
    }

    #[test]
    fn an_owner_is_dead_only_when_its_process_is_certainly_gone() {
        let this = Owner::this().clone();
        assert!(!this.is_dead());
        assert!(Owner { start_ticks: this.start_ticks + 1, ..this.clone() }.is_dead());
        assert!(
            !Owner { start_ticks: 1, namespace: this.namespace + 1, ..this }.is_dead(),
            "another namespace's process ids say nothing"
        );
    }

    #[test]
    fn what_is_not_a_marker_has_no_owner() {
        for value in ["", "x", "1-2-3", "1-2-3-x", "99999999999-1-1-1"] {
            let environ = format!("{VARIABLE}={value}\0");
            assert_eq!(owner_in(environ.as_bytes()), None, "{value}");
        }
    }
}
