//! The verbs of `sim`, one a file.

pub(crate) mod digest;
pub(crate) mod fair;
pub(crate) mod gate;
pub(crate) mod mutants;
pub(crate) mod run;

/// Threads to use when nobody says: those of the machine.
pub(crate) fn threads() -> u64 {
    std::thread::available_parallelism().map_or(2, |it| it.get() as u64)
}
