//! Every limit of a `command` agent, with its default and who enforces it.

use crate::process::Bounds;

/// What one process of a `command` agent may use.
///
/// | limit | enforced by | what happens at the limit |
/// |---|---|---|
/// | `wall_ms` | this adapter's clock | the tree is ended; the attempt failed: `timeout` |
/// | `memory_max_bytes` | the kernel, `RLIMIT_DATA`, *per process* | its allocation fails |
/// | `stdout_max_bytes` | the reader | the process tree is ended; the attempt failed |
/// | `stderr_tail_bytes` | the reader | older bytes are forgotten, the program is not disturbed |
/// | `line_max_bytes` | the reader (*jsonl*) | the process tree is ended; the attempt failed |
/// | `grace_ms` | this adapter's clock | what has not ended after TERM gets KILL |
/// | `start_ms` | this adapter's clock (*jsonl*) | a process that does not say `ready` is ended |
/// | `silence_max_beats` | this adapter's clock (*jsonl*) | the agent is suspected, see `wire.md` |
/// | `processes_max` | the pool (*jsonl*) | the attempt is refused with `overloaded` |
/// | `asks_max` | the reader (*jsonl*) | the process tree is ended; the attempt failed |
/// | `subscriptions_max` | the attempt (*jsonl*) | one more is refused with `overloaded` |
/// | `unread_max` | the attempt (*jsonl*) | further messages wait in the subscription's queue |
///
/// `RLIMIT_DATA` counts private writable memory. `RLIMIT_AS` would also count address space that is
/// only reserved, and so forbid runtimes that reserve much and use little (Go, Java, Node). Neither
/// bounds a whole tree: that takes a cgroup, which an unprivileged program cannot count on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Working time of one attempt, in milliseconds; time blocked in `ask` is not counted. `None`:
    /// only the task's own deadline holds.
    pub wall_ms: Option<u64>,
    /// Private writable memory of each process, in bytes. `None`: as much as the machine gives.
    pub memory_max_bytes: Option<u64>,
    /// What a *plain* process may print as its output, in bytes.
    pub stdout_max_bytes: usize,
    /// How much of the end of stderr is kept for the story of the attempt, in bytes.
    pub stderr_tail_bytes: usize,
    /// The longest line of the *jsonl* protocol, in bytes, newline apart.
    pub line_max_bytes: usize,
    /// Between TERM and KILL, in milliseconds; also how long a cancelled *jsonl* handler may take
    /// to come back.
    pub grace_ms: u64,
    /// From start to `ready` of a *jsonl* process, in milliseconds.
    pub start_ms: u64,
    /// How many of its own heartbeats in a row a *jsonl* process misses before it is taken to be
    /// silent: the agent gets no new work, and the lease of its task is not renewed, until it says
    /// something.
    pub silence_max_beats: u32,
    /// Processes of one *jsonl* agent at once, those blocked in `ask` included.
    pub processes_max: usize,
    /// Calls (`ask`, `once`, `done`, `publish`, `subscribe`) one *jsonl* process may have open at
    /// once.
    pub asks_max: usize,
    /// Subscriptions one *jsonl* process may have at once.
    pub subscriptions_max: usize,
    /// Messages of one subscription that a *jsonl* process was sent and has not taken.
    pub unread_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wall_ms: Some(10 * 60 * 1000),
            memory_max_bytes: Some(4 << 30),
            stdout_max_bytes: 8 << 20,
            stderr_tail_bytes: 64 << 10,
            line_max_bytes: 8 << 20,
            grace_ms: 5_000,
            start_ms: 10_000,
            silence_max_beats: 5,
            processes_max: 32,
            asks_max: 64,
            subscriptions_max: 16,
            unread_max: 32,
        }
    }
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        let Limits { memory_max_bytes, grace_ms, .. } = *limits;
        Self { memory_max_bytes, grace_ms }
    }
}
