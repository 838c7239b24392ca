//! Planted bugs, to prove that the checks see them. Without the feature `mutants` there are none.
//!
//! A test plants one for its own thread and takes it out again; the rest of the code asks
//! `planted`, which is the constant `false` in every build that is shipped.

/// A bug that can be planted in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A frame's link does not depend on the frame before.
    Unchained,
    /// A frame at the tail counts as whole when its header is.
    TornAcceptedWhole,
    /// An append does not ask whether a newer opening took over.
    OldEpochMayAppend,
}

/// Whether this bug is planted in the current thread.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(super) const fn planted(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Plants a bug in the current thread, or takes it out.
#[cfg(feature = "mutants")]
pub fn plant(mutant: Option<Mutant>) {
    PLANTED.set(mutant);
}

/// Whether this bug is planted in the current thread.
#[cfg(feature = "mutants")]
pub(super) fn planted(mutant: Mutant) -> bool {
    PLANTED.get() == Some(mutant)
}
