//! Every limit of an `mcp` agent, with its default and who enforces it.

use crate::process::Bounds;

/// What a server may use, and how long anything about it may take.
///
/// | limit | what happens at the limit |
/// |---|---|
/// | `call_ms` | the call is called off; the attempt failed: `timeout` |
/// | `start_ms` | the server did not come up, and its tree is ended |
/// | `probe_ms` | a server that does not answer what only newer ones know is spoken to as an older
/// one |
/// | `connect_ms` | a server at an address cannot be reached |
/// | `message_max_bytes` | it broke the protocol: its tree is ended, and it is started again |
/// | `tools_max`, `pages_max` | it did not come up |
/// | `said_max_bytes` | what it says is cut |
/// | `logs_max` | further log lines of one call are not kept |
/// | `stderr_tail_bytes` | older bytes are forgotten, the server is not disturbed |
/// | `memory_max_bytes` | its allocation fails, as for programs of kind `command` |
/// | `grace_ms` | what has not ended by then is killed |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One call of a tool, in milliseconds. `None`: only the task's own deadline holds.
    pub call_ms: Option<u64>,
    /// From the start of a server until its tools are known, in milliseconds: long, since programs
    /// such as `uvx` and `npx` fetch what they start.
    pub start_ms: u64,
    /// How long a server may keep silent about a question that only newer ones understand, in
    /// milliseconds.
    pub probe_ms: u64,
    /// Until there is a connection to an address, in milliseconds.
    pub connect_ms: u64,
    /// The largest message of a server, in bytes.
    pub message_max_bytes: usize,
    /// Tools that one server may have.
    pub tools_max: usize,
    /// Pages in which it may list them.
    pub pages_max: usize,
    /// How much of what it says of a failure goes into a message, in bytes.
    pub said_max_bytes: usize,
    /// Log lines of one call.
    pub logs_max: u32,
    /// How much of the end of its stderr is kept for the message about its end, in bytes.
    pub stderr_tail_bytes: usize,
    /// Private writable memory of each of its processes, in bytes. `None`: as much as the machine
    /// gives.
    pub memory_max_bytes: Option<u64>,
    /// How long it may take to end when its stdin is closed, and again after TERM, in
    /// milliseconds.
    pub grace_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_ms: Some(10 * 60 * 1000),
            start_ms: 60_000,
            probe_ms: 5_000,
            connect_ms: 10_000,
            message_max_bytes: 8 << 20,
            tools_max: 1_000,
            pages_max: 100,
            said_max_bytes: 2_000,
            logs_max: 200,
            stderr_tail_bytes: 64 << 10,
            memory_max_bytes: Some(4 << 30),
            grace_ms: 5_000,
        }
    }
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        let Limits { memory_max_bytes, grace_ms, .. } = *limits;
        Self { memory_max_bytes, grace_ms }
    }
}
