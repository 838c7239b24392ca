//! Each planted bug turns one check red, and the same checks are green without it.
#![cfg(all(feature = "log", feature = "mutants"))]

mod rig;

use std::panic::catch_unwind;

use majordomo_adapters::journal::log::mutant::{Mutant, plant};
use runtime::testing::journal_suite;

fn is_caught(mutant: Mutant, check: fn()) -> bool {
    check();
    plant(Some(mutant));
    let caught = catch_unwind(check).is_err();
    plant(None);
    caught
}

#[test]
fn a_chain_that_is_none_is_caught() {
    assert!(is_caught(Mutant::Unchained, rig::checks::splice_another_history));
}

#[test]
fn a_torn_tail_accepted_whole_is_caught() {
    assert!(is_caught(Mutant::TornAcceptedWhole, rig::checks::truncate_everywhere));
}

#[test]
fn an_old_epoch_that_may_append_is_caught() {
    assert!(is_caught(Mutant::OldEpochMayAppend, || journal_suite::run(rig::Rig::new)));
}
