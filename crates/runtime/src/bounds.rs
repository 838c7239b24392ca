//! Every bound of the runtime on what it stores and carries, in one place. The kernel's own stand
//! in `kernel::Limits`.

/// How much may be stored, and when what is stored is tidied up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes that journal, snapshots and blobs may take together; near it roots are refused
    /// `Overloaded`. 10 GiB unless told otherwise.
    pub data_max_bytes: u64,
    /// Kept free below that bound, and on the disk itself, so that cancelling, settling and
    /// draining still work when new work is refused. At most a tenth of `data_max_bytes`.
    pub reserve_bytes: u64,
    /// A snapshot is made when the log after the last one is longer than this and than that one:
    /// so the log is read at most about twice, and writing snapshots costs at most what writing
    /// the log did.
    pub snapshot_min_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { data_max_bytes: 10 << 30, reserve_bytes: 64 << 20, snapshot_min_bytes: 64 << 20 }
    }
}

impl Bounds {
    /// What is really kept free.
    pub(crate) fn reserve(&self) -> u64 {
        self.reserve_bytes.min(self.data_max_bytes / 10)
    }
}

/// How much a bus takes and keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusBounds {
    /// Bytes of a body. 1 MiB: what is larger belongs into a blob.
    pub body_max_bytes: usize,
    /// Bytes of a text in a header, or of a subscription's name.
    pub field_max_bytes: usize,
    /// Messages that one subscription may let wait.
    pub queue_max: usize,
    /// Bytes of bodies that one subscription may let wait.
    pub queue_max_bytes: usize,
    /// How long one subscription may let a publisher wait.
    pub block_max_ms: u64,
    /// Subscriptions at once.
    pub subscriptions_max: usize,
    /// Questions that wait for an answer at once.
    pub questions_max: usize,
}

impl Default for BusBounds {
    fn default() -> BusBounds {
        BusBounds {
            body_max_bytes: 1 << 20,
            field_max_bytes: 256,
            queue_max: 65_536,
            queue_max_bytes: 256 << 20,
            block_max_ms: 60_000,
            subscriptions_max: 100_000,
            questions_max: 65_536,
        }
    }
}

/// Bytes of one schema: 64 KiB, many times what a person writes.
pub(crate) const SCHEMA_MAX_BYTES: usize = 64 << 10;
/// How deep a schema may be nested, with what it refers to.
pub(crate) const SCHEMA_DEPTH_MAX: usize = 64;
/// Parts of a schema when every reference in it is written out.
pub(crate) const SCHEMA_NODES_MAX: usize = 10_000;
/// Bytes of the shortest value of a secret: what is shorter is found by chance in other texts,
/// where it has to be hidden. NIST SP 800-63B asks as much of the shortest password.
pub(crate) const SECRET_MIN_BYTES: usize = 8;
/// Bytes of the longest value of a secret: 64 KiB, many times a key or a certificate.
pub(crate) const SECRET_MAX_BYTES: usize = 64 << 10;
/// Values of secrets that are known at once; each is looked for in all that agents say.
pub(crate) const SECRETS_MAX: usize = 1_024;
/// Bytes of one piece of a text that an agent says while it writes: a thousand of them, which is
/// what is kept for who listens slowly, are 4 MiB.
pub(crate) const PIECE_MAX_BYTES: usize = 4 << 10;
/// Bytes of one partial output: what is larger is for its end.
pub(crate) const PARTIAL_MAX_BYTES: usize = 64 << 10;
