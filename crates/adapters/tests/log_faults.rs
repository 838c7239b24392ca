//! Every operation fails once, in every way; the process stops in every one; the power is cut (P7,
//! P9).
#![cfg(feature = "log")]

mod rig;

use std::collections::BTreeSet;
use std::sync::mpsc;

use majordomo_adapters::disk::faults::{Failure, Operation};
use majordomo_adapters::journal::log::Log;
use rig::Rig;
use runtime::port::journal::{Batch, Error, Journal, Record, Seq};
use runtime::testing::journal_suite::{append_next, head_of, payload_of, read_from};
use rustix::io::Errno;

/// What a writer was told before something failed.
#[derive(Default)]
struct Told {
    head: u64,
    snapshot: u64,
    erased: BTreeSet<u64>,
    /// Asked for, answered or not.
    erasing: BTreeSet<u64>,
    asked: u64,
}

/// A life with everything in it: rolls, snapshots, drops, an erasure, two openings.
fn live(rig: &Rig, told: &mut Told) -> Result<(), Error> {
    for opening in 0..2 {
        let mut log = rig.try_log()?;
        for round in 0..4u64 {
            for count in [1, 30, 2] {
                told.asked = log.head().0 + count;
                told.head =
                    append_next(&mut log, count).inspect_err(|_| assert_poisoned(&mut log))?.0;
            }
            told.erasing.insert(told.head - 1);
            log.erase(Seq(told.head - 1))?;
            told.erased.insert(told.head - 1);
            if round % 2 == 1 {
                let at = told.head - 20;
                log.put_snapshot(Seq(at), format!("snapshot {at}").as_bytes())?;
                told.snapshot = at;
            }
        }
        if opening == 1 {
            log.forget_older()?;
        }
    }
    Ok(())
}

fn assert_poisoned(log: &mut impl Journal) {
    let again = append_next(log, 1);
    assert!(matches!(again, Err(Error::Broken { .. })), "after a failed append: {again:?}");
}

/// Opens what is left and compares it with what was told.
fn assert_honest(rig: &Rig, told: &Told, case: &str) {
    rig.faults.heal();
    let mut log = rig.try_log().unwrap_or_else(|error| panic!("{case}: {error}"));
    let head = log.head().0;
    assert!(head >= told.head, "{case}: told {} durable, found {head}", told.head);
    assert!(head <= told.asked, "{case}: nobody asked for {head}");
    let snapshot = log.snapshot().unwrap_or_else(|error| panic!("{case}: {error}"));
    let (at, bytes) = snapshot.unwrap_or_default();
    assert!(at.0 >= told.snapshot, "{case}: snapshot {} is lost, there is {at}", told.snapshot);
    assert!(at == Seq(0) || bytes == format!("snapshot {at}").as_bytes(), "{case}: snapshot {at}");
    assert!(log.first().0 <= at.0 + 1, "{case}: records between {at} and {} lost", log.first());
    let records = read_from(&mut log, Seq(1)).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(records.len() as u64, head + 1 - log.first().0, "{case}");
    for record in records {
        assert_eq!(record.head, head_of(record.seq), "{case}: head of {}", record.seq);
        let is_erased = record.payload.is_empty() && told.erasing.contains(&record.seq);
        assert!(is_erased || record.payload == payload_of(record.seq), "{case}: {}", record.seq);
        assert!(is_erased || !told.erased.contains(&record.seq), "{case}: {} is back", record.seq);
    }
    append_next(&mut log, 3).unwrap_or_else(|error| panic!("{case}: goes on: {error}"));
}

/// Lives once for every operation, with that one failing; gives how many there were.
fn fail_each(failure: Failure, kind: Option<Operation>, mut after: impl FnMut(&Rig, u64)) -> u64 {
    for n in 1.. {
        let rig = Rig::new();
        match kind {
            Some(kind) => rig.faults.fail_kind(kind, n, failure),
            None => rig.faults.fail(n, failure),
        }
        let mut told = Told::default();
        let lived = live(&rig, &mut told);
        if rig.faults.fired() == 0 {
            lived.expect("nothing failed");
            return n - 1;
        }
        if let (Err(error), Failure::Once(code) | Failure::Always(code)) = (&lived, failure) {
            let is_full = code == Errno::NOSPC.raw_os_error();
            let is_honest = match error {
                Error::Full { .. } => is_full,
                Error::Broken { .. } | Error::Unusable { .. } => true,
                _ => false,
            };
            assert!(is_honest, "operation {n}, {failure:?}: {error}");
        }
        after(&rig, n);
        assert_honest(&rig, &told, &format!("operation {n} of kind {kind:?}, {failure:?}"));
    }
    unreachable!("the loop ends when nothing fires")
}

#[test]
fn each_operation_fails_once_or_for_good() {
    for errno in [Errno::NOSPC, Errno::IO, Errno::ROFS] {
        let code = errno.raw_os_error();
        let operations = fail_each(Failure::Once(code), None, |_, _| {});
        assert!(operations > 100, "only {operations} operations");
        fail_each(Failure::Always(code), None, |_, _| {});
    }
}

#[test]
fn each_kind_of_operation_is_reached() {
    use Operation::{Open, Remove, Rename, Sync, Write};
    for kind in [Write, Sync, Open, Rename, Remove] {
        let failure = Failure::Always(Errno::IO.raw_os_error());
        assert!(fail_each(failure, Some(kind), |_, _| {}) > 1, "{kind:?}");
    }
}

#[test]
fn the_process_stops_before_or_inside_each_operation() {
    fail_each(Failure::Stop, None, |_, _| {});
    for kept in [1, 8, 60, 300, 512, 1000] {
        fail_each(Failure::Tear(kept), None, |_, _| {});
    }
}

#[test]
fn the_power_is_cut_at_each_operation() {
    let seeds = if cfg!(debug_assertions) { 4 } else { 30 };
    for seed in 0..seeds {
        let cut = |rig: &Rig, n: u64| rig.faults.power_cut(seed * 1_000 + n).expect("cut");
        fail_each(Failure::Stop, None, cut);
        fail_each(Failure::Tear(usize::MAX), None, cut);
    }
}

#[test]
fn an_append_returns_only_after_its_sync() {
    let rig = Rig::new();
    let mut log = rig.log();
    let (reached, is_reached) = mpsc::channel();
    let (release, is_released) = mpsc::channel::<()>();
    rig.faults.hook(move |operation| {
        if operation == Operation::Sync {
            reached.send(()).expect("the test listens");
            // Fails when the test is over, which releases it too.
            let _ = is_released.recv();
        }
    });
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| append_next(&mut log, 1));
        is_reached.recv().expect("the sync is reached");
        assert!(!writer.is_finished(), "answered before the sync returned");
        release.send(()).expect("the writer waits");
        assert_eq!(writer.join().expect("no panic").expect("appended"), Seq(1));
    });
    rig.faults.heal();
}

#[test]
fn a_snapshot_that_does_not_fit_leaves_the_log_usable() {
    let rig = Rig::new();
    let mut log = rig.log();
    append_next(&mut log, 5).expect("appended");
    rig.faults.fail_kind(Operation::Write, 2, Failure::Once(Errno::NOSPC.raw_os_error()));
    let refused = log.put_snapshot(Seq(5), b"five");
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    append_next(&mut log, 1).expect("the log itself is untouched");
    log.put_snapshot(Seq(6), b"six").expect("stored when there is room");
    assert!(!rig.files().keys().any(|name| name.ends_with(".tmp")), "nothing is left behind");
}

#[test]
fn a_nearly_full_disk_gets_smaller_segments() {
    let rig = Rig::new();
    let mut log = rig.log();
    let large = |log: &mut Log| {
        let mut batch = Batch::default();
        batch.push(Record { head: &[7; 5_000], payload: b"" });
        log.append(log.head(), &batch)
    };
    // Does not fit behind the first page of 8 KiB, so the batch needs a segment; that of 16 KiB is
    // refused, and the smallest that holds it is granted.
    rig.faults.fail_kind(Operation::Write, 1, Failure::Once(Errno::NOSPC.raw_os_error()));
    assert_eq!(large(&mut log).expect("appended"), Seq(1));
    assert_eq!(rig.faults.fired(), 1);
    rig.faults.fail_kind(Operation::Write, 1, Failure::Always(Errno::NOSPC.raw_os_error()));
    let refused = large(&mut log);
    assert!(matches!(refused, Err(Error::Full { .. })), "{refused:?}");
    drop(log);
    rig.faults.heal();
    assert_eq!(rig.log().head(), Seq(1), "what was there stays");
}
