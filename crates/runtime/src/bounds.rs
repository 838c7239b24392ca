//! Every bound of the runtime on what it stores, in one place. The kernel's own stand in
//! `kernel::Limits`.

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
