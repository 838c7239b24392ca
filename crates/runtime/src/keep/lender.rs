//! Who has the journal, and lends it for one piece of work at a time.

use super::Error;
use crate::port::{Journal, Reader};
use crate::turn::{Runtime, lock};
use std::sync::Mutex;

/// Has the journal.
pub trait Lender {
    /// Runs `work` with the journal; nobody writes to it meanwhile. False when it was closed.
    fn lend(&self, work: &mut dyn FnMut(&mut dyn Journal)) -> bool;

    /// Whether long work is to be given up, since the journal is about to be closed.
    fn is_ending(&self) -> bool {
        false
    }
}

/// A journal that nobody else uses.
pub struct Lone(Mutex<Box<dyn Journal>>);

impl Lone {
    /// Lends this journal.
    #[must_use]
    pub fn new(journal: Box<dyn Journal>) -> Lone {
        Lone(Mutex::new(journal))
    }
}

impl Lender for Lone {
    fn lend(&self, work: &mut dyn FnMut(&mut dyn Journal)) -> bool {
        work(&mut **lock(&self.0));
        true
    }
}

impl Lender for Runtime {
    fn lend(&self, work: &mut dyn FnMut(&mut dyn Journal)) -> bool {
        self.with_journal(work).is_some()
    }

    fn is_ending(&self) -> bool {
        self.is_closed()
    }
}

/// What `work` gives.
pub(super) fn borrow<T>(
    lender: &dyn Lender,
    work: impl FnOnce(&mut dyn Journal) -> T,
) -> Result<T, Error> {
    let (mut work, mut given) = (Some(work), None);
    lender.lend(&mut |journal| given = work.take().map(|work| work(journal)));
    given.ok_or(Error::Ended)
}

/// A reader of what is durable now.
pub(super) fn reader(lender: &dyn Lender) -> Result<Box<dyn Reader>, Error> {
    borrow(lender, |journal| journal.reader())?.ok_or(Error::NotReadable)
}
