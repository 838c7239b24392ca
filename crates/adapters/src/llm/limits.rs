//! Every limit of a call to a model, with its default.

/// How long a call may take, and how much may come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until there is a connection, milliseconds.
    pub connect_ms: u64,
    /// Until the answer begins, milliseconds: a model that thinks first says nothing meanwhile.
    pub answer_ms: u64,
    /// Between two pieces of an answer that has begun, milliseconds.
    pub piece_ms: u64,
    /// The whole call, milliseconds.
    pub whole_ms: u64,
    /// The largest answer, bytes on the wire.
    pub answer_max_bytes: usize,
    /// How much of what the other side says goes into an error, bytes.
    pub said_max_bytes: usize,
    /// The longest time that the other side may send us away for, milliseconds.
    pub retry_after_max_ms: u64,
    /// The longest answer asked for where nothing is said and the other side insists, tokens.
    pub output_tokens: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_ms: 10_000,
            answer_ms: 300_000,
            piece_ms: 60_000,
            whole_ms: 600_000,
            answer_max_bytes: 16 << 20,
            said_max_bytes: 300,
            retry_after_max_ms: 3_600_000,
            output_tokens: 8_192,
        }
    }
}
