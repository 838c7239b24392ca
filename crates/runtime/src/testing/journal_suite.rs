//! What the port [`Journal`] promises, sentence by sentence, as a program every journal must pass.
//!
//! Write a [`Fixture`] for a journal and call [`run`] from a test. Each function below is one
//! clause and panics, naming itself, when the journal breaks it.

use crate::port::journal::{Batch, Epoch, Error, Journal, Record, Seq};

/// A place where one journal lives, and what can be done to it from outside.
pub trait Fixture {
    /// The journal under test.
    type Journal: Journal;

    /// Opens the journal; the first time it is empty.
    ///
    /// # Errors
    /// What the journal says.
    fn open(&mut self) -> Result<Self::Journal, Error>;

    /// Ends a writer the way `kill -9` does: no destructor of it runs to good effect.
    fn kill(&mut self, journal: Self::Journal);

    /// Opens the journal although `open` would be refused, as if the lock of another writer were
    /// lost.
    ///
    /// # Errors
    /// What the journal says.
    fn take_over(&mut self) -> Result<Self::Journal, Error>;

    /// Changes a bit of the head of a record at rest; false if this medium cannot be damaged.
    fn damage(&mut self, at: Seq) -> bool;
}

/// Runs every clause, each on a journal of its own that `fresh` makes.
pub fn run<F: Fixture>(mut fresh: impl FnMut() -> F) {
    an_empty_journal_has_nothing(&mut fresh());
    records_come_back_as_they_were(&mut fresh());
    an_append_elsewhere_than_the_head_is_refused(&mut fresh());
    an_empty_batch_changes_nothing(&mut fresh());
    a_large_batch_is_like_any_other(&mut fresh());
    what_was_appended_survives_a_stop(&mut fresh());
    what_was_appended_survives_a_kill(&mut fresh());
    every_opening_has_a_higher_epoch(&mut fresh());
    only_one_writer_at_a_time(&mut fresh());
    a_writer_that_was_replaced_is_refused(&mut fresh());
    reading_stops_where_the_visitor_says(&mut fresh());
    the_newest_snapshot_comes_back(&mut fresh());
    a_snapshot_of_the_future_is_refused(&mut fresh());
    an_old_snapshot_changes_nothing(&mut fresh());
    dropped_records_are_covered_by_a_snapshot(&mut fresh());
    an_erased_payload_is_gone_and_the_rest_stays(&mut fresh());
    forgetting_keeps_the_newest_snapshot(&mut fresh());
    a_reader_sees_what_was_durable(&mut fresh());
    a_staged_snapshot_counts_once_adopted(&mut fresh());
    the_size_tells_the_tail(&mut fresh());
    damage_in_the_middle_is_refused_with_its_place(&mut fresh());
}

/// The head of the n-th record the suite writes.
pub fn head_of(n: u64) -> Vec<u8> {
    format!("head {n}").into_bytes()
}

/// The payload of the n-th record the suite writes; every fifth has none.
pub fn payload_of(n: u64) -> Vec<u8> {
    if n.is_multiple_of(5) {
        Vec::new()
    } else {
        format!("payload {n}; ").repeat(n as usize % 7).into_bytes()
    }
}

/// Appends the records that follow the head, `count` of them, as one batch.
///
/// # Errors
/// What the journal says.
pub fn append_next(journal: &mut impl Journal, count: u64) -> Result<Seq, Error> {
    let head = journal.head();
    let mut batch = Batch::default();
    for n in head.0 + 1..=head.0 + count {
        batch.push(Record { head: &head_of(n), payload: &payload_of(n) });
    }
    journal.append(head, &batch)
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its number.
    pub seq: u64,
    /// Its head.
    pub head: Vec<u8>,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// Every record from `from` on.
///
/// # Errors
/// What the journal says.
pub fn read_from(journal: &mut impl Journal, from: Seq) -> Result<Vec<Read>, Error> {
    let mut records = Vec::new();
    journal.read(from, &mut |seq, record| {
        let (head, payload) = (record.head.to_vec(), record.payload.to_vec());
        records.push(Read { seq: seq.0, head, payload });
        Ok(())
    })?;
    Ok(records)
}

/// Panics unless the journal holds the suite's records from its first to its head, and gives the
/// head.
pub fn assert_whole(journal: &mut impl Journal, clause: &str) -> Seq {
    let (first, head) = (journal.first(), journal.head());
    let records = read_from(journal, first).unwrap_or_else(|error| panic!("{clause}: {error}"));
    assert_eq!(records.len() as u64, head.0 + 1 - first.0, "{clause}: count of records");
    for (record, n) in records.iter().zip(first.0..) {
        assert_eq!(record.seq, n, "{clause}: numbers have no gap");
        assert_eq!(record.head, head_of(n), "{clause}: head of {n}");
        assert_eq!(record.payload, payload_of(n), "{clause}: payload of {n}");
    }
    head
}

fn open<F: Fixture>(fixture: &mut F, clause: &str) -> F::Journal {
    fixture.open().unwrap_or_else(|error| panic!("{clause}: {error}"))
}

fn filled<F: Fixture>(fixture: &mut F, clause: &str, batches: &[u64]) -> F::Journal {
    let mut journal = open(fixture, clause);
    for count in batches {
        append_next(&mut journal, *count).unwrap_or_else(|error| panic!("{clause}: {error}"));
    }
    journal
}

fn an_empty_journal_has_nothing<F: Fixture>(fixture: &mut F) {
    let mut journal = open(fixture, "empty");
    assert_eq!((journal.head(), journal.first()), (Seq(0), Seq(1)));
    assert!(read_from(&mut journal, Seq(1)).expect("reads").is_empty());
    assert_eq!(journal.snapshot().expect("reads"), None);
    assert_eq!(journal.size().tail_bytes, 0);
    assert!(journal.epoch() > Epoch(0), "openings are numbered from 1");
}

fn records_come_back_as_they_were<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "read back", &[1, 3, 1, 40]);
    assert_eq!(assert_whole(&mut journal, "read back"), Seq(45));
    let rest = read_from(&mut journal, Seq(44)).expect("reads");
    assert_eq!(rest.iter().map(|record| record.seq).collect::<Vec<_>>(), [44, 45]);
    assert!(read_from(&mut journal, Seq(46)).expect("reads").is_empty());
    assert_eq!(read_from(&mut journal, Seq(0)).expect("reads").len(), 45);
}

fn an_append_elsewhere_than_the_head_is_refused<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "expected head", &[2]);
    let mut batch = Batch::default();
    batch.push(Record { head: b"x", payload: b"" });
    for wrong in [Seq(0), Seq(1), Seq(3)] {
        match journal.append(wrong, &batch) {
            Err(Error::Superseded { expected, found }) => {
                assert_eq!((expected, found), (wrong, Seq(2)));
            }
            other => panic!("an append that expects {wrong} gave {other:?}"),
        }
    }
    append_next(&mut journal, 1).expect("a refused append leaves the journal as it was");
    assert_eq!(assert_whole(&mut journal, "expected head"), Seq(3));
}

fn an_empty_batch_changes_nothing<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "empty batch", &[2]);
    assert_eq!(journal.append(Seq(2), &Batch::default()).expect("accepted"), Seq(2));
    assert_eq!(assert_whole(&mut journal, "empty batch"), Seq(2));
}

fn a_large_batch_is_like_any_other<F: Fixture>(fixture: &mut F) {
    let payload = vec![b'p'; 3 << 20];
    let mut batch = Batch::default();
    for head in [b"one", b"two"] {
        batch.push(Record { head, payload: &payload });
    }
    let mut journal = filled(fixture, "large batch", &[1]);
    assert_eq!(journal.append(Seq(1), &batch).expect("appended"), Seq(3));
    append_next(&mut journal, 1).expect("appended");
    drop(journal);
    let records = read_from(&mut open(fixture, "large batch"), Seq(2)).expect("reads");
    assert_eq!(records.len(), 3);
    assert!(records[1].head == b"two" && records[1].payload == payload, "large payload differs");
}

fn what_was_appended_survives_a_stop<F: Fixture>(fixture: &mut F) {
    drop(filled(fixture, "stop", &[3, 1]));
    for stops in 0..3 {
        let mut journal = filled(fixture, "stop", &[2]);
        assert_eq!(assert_whole(&mut journal, "stop"), Seq(6 + 2 * stops));
    }
}

fn what_was_appended_survives_a_kill<F: Fixture>(fixture: &mut F) {
    for kills in 1..=3 {
        let journal = filled(fixture, "kill", &[2, 3]);
        fixture.kill(journal);
        let mut journal = open(fixture, "kill");
        assert_eq!(assert_whole(&mut journal, "kill"), Seq(5 * kills));
        fixture.kill(journal);
    }
}

fn every_opening_has_a_higher_epoch<F: Fixture>(fixture: &mut F) {
    let mut before = Epoch(0);
    for nth in 0..6 {
        let mut journal = open(fixture, "epoch");
        assert!(journal.epoch() > before, "epoch {:?} after {before:?}", journal.epoch());
        before = journal.epoch();
        if nth % 2 == 0 {
            append_next(&mut journal, 1).expect("appended");
        }
        if nth % 3 == 0 {
            fixture.kill(journal);
        }
    }
}

fn only_one_writer_at_a_time<F: Fixture>(fixture: &mut F) {
    let journal = filled(fixture, "one writer", &[1]);
    match fixture.open() {
        Err(Error::Held { holder }) => assert!(!holder.is_empty(), "the holder is named"),
        Err(other) => panic!("a second opening gave {other}"),
        Ok(_) => panic!("a second opening was let in"),
    }
    drop(journal);
    open(fixture, "one writer, after the first");
}

fn a_writer_that_was_replaced_is_refused<F: Fixture>(fixture: &mut F) {
    let mut old = filled(fixture, "takeover", &[2]);
    let mut new = fixture.take_over().unwrap_or_else(|error| panic!("takeover: {error}"));
    assert!(new.epoch() > old.epoch());
    for round in 0..2 {
        let refused = append_next(&mut old, 1);
        assert!(matches!(refused, Err(Error::Superseded { .. })), "old epoch: {refused:?}");
        let refused = old.put_snapshot(Seq(1), b"old");
        assert!(matches!(refused, Err(Error::Superseded { .. })), "old snapshot: {refused:?}");
        let refused = old.erase(Seq(1));
        assert!(matches!(refused, Err(Error::Superseded { .. })), "old erasure: {refused:?}");
        append_next(&mut new, 1).expect("the new writer appends");
        assert_eq!(assert_whole(&mut new, "takeover"), Seq(3 + round));
    }
    drop(old);
    drop(new);
    assert_eq!(assert_whole(&mut open(fixture, "takeover"), "after takeover"), Seq(4));
}

fn reading_stops_where_the_visitor_says<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "visitor", &[5]);
    let mut seen = 0;
    let stopped = journal.read(Seq(1), &mut |at, _| {
        seen += 1;
        if seen < 3 { Ok(()) } else { Err(Error::Unreadable { at, why: "enough".to_owned() }) }
    });
    assert!(matches!(stopped, Err(Error::Unreadable { at: Seq(3), .. })), "{stopped:?}");
    assert_eq!(seen, 3);
}

fn the_newest_snapshot_comes_back<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "snapshot", &[6]);
    journal.put_snapshot(Seq(2), b"two").expect("stored");
    assert_eq!(journal.snapshot().expect("reads"), Some((Seq(2), b"two".to_vec())));
    let large: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    journal.put_snapshot(Seq(5), &large).expect("stored");
    drop(journal);
    let mut journal = open(fixture, "snapshot");
    let (at, bytes) = journal.snapshot().expect("reads").expect("is there");
    assert!(at == Seq(5) && bytes == large, "another snapshot than the newest came back");
    assert_eq!(read_from(&mut journal, Seq(6)).expect("reads").len(), 1, "the tail is there");
}

fn a_snapshot_of_the_future_is_refused<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "future snapshot", &[2]);
    let refused = journal.put_snapshot(Seq(3), b"three");
    assert!(matches!(refused, Err(Error::Superseded { .. })), "{refused:?}");
    assert_eq!(journal.snapshot().expect("reads"), None);
}

fn an_old_snapshot_changes_nothing<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "old snapshot", &[4]);
    journal.put_snapshot(Seq(3), b"three").expect("stored");
    journal.put_snapshot(Seq(1), b"one").expect("accepted");
    assert_eq!(journal.snapshot().expect("reads"), Some((Seq(3), b"three".to_vec())));
}

fn dropped_records_are_covered_by_a_snapshot<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "coverage", &[3]);
    for _ in 0..6 {
        append_next(&mut journal, 20).expect("appended");
        let at = Seq(journal.head().0 - 5);
        journal.put_snapshot(at, format!("all up to {at}").as_bytes()).expect("stored");
        drop(journal);
        journal = open(fixture, "coverage");
        let (at, bytes) = journal.snapshot().expect("reads").expect("is there");
        assert_eq!(bytes, format!("all up to {at}").as_bytes());
        assert!(journal.first() <= Seq(at.0 + 1), "records {} to {at} are lost", journal.first());
        assert_whole(&mut journal, "coverage");
    }
}

fn an_erased_payload_is_gone_and_the_rest_stays<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "erase", &[3, 4]);
    let mut expected = read_from(&mut journal, Seq(1)).expect("reads");
    for erased in [2, 4, 5] {
        journal.erase(Seq(erased)).expect("erased");
        journal.erase(Seq(erased)).expect("erased twice is erased");
        expected[erased as usize - 1].payload.clear();
    }
    assert_eq!(read_from(&mut journal, Seq(1)).expect("reads"), expected);
    drop(journal);
    let mut journal = open(fixture, "erase");
    assert_eq!(read_from(&mut journal, Seq(1)).expect("reads"), expected);
    for nobody in [Seq(0), Seq(8)] {
        let refused = journal.erase(nobody);
        assert!(matches!(refused, Err(Error::Unreadable { .. })), "{refused:?}");
    }
    append_next(&mut journal, 1).expect("the chain holds");
}

fn forgetting_keeps_the_newest_snapshot<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "forget", &[2]);
    journal.put_snapshot(Seq(1), b"one").expect("stored");
    journal.put_snapshot(Seq(2), b"two").expect("stored");
    journal.forget_older().expect("forgotten");
    assert_eq!(journal.snapshot().expect("reads"), Some((Seq(2), b"two".to_vec())));
    drop(journal);
    let mut journal = open(fixture, "forget");
    assert_eq!(journal.snapshot().expect("reads"), Some((Seq(2), b"two".to_vec())));
    assert_eq!(journal.head(), Seq(2));
}

fn a_reader_sees_what_was_durable<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "reader", &[3, 2]);
    let Some(mut reader) = journal.reader() else { return };
    append_next(&mut journal, 40).expect("appended");
    assert_eq!((reader.first(), reader.head()), (Seq(1), Seq(5)));
    let mut seen = Vec::new();
    let read = reader.read(Seq(2), &mut |seq, record| {
        assert_eq!(record.head, head_of(seq.0), "reader: head of {seq}");
        assert_eq!(record.payload, payload_of(seq.0), "reader: payload of {seq}");
        seen.push(seq.0);
        Ok(())
    });
    read.expect("reads beside the writer");
    assert_eq!(seen, [2, 3, 4, 5]);
}

fn a_staged_snapshot_counts_once_adopted<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "stage", &[4]);
    let Some(mut reader) = journal.reader() else { return };
    let refused = journal.adopt_snapshot(Seq(4)).map(drop);
    assert!(refused.is_err(), "nothing was staged");
    reader.stage_snapshot(Seq(4), b"four").expect("staged");
    append_next(&mut journal, 2).expect("the writer goes on");
    assert_eq!(journal.snapshot().expect("reads"), None, "it is not in force yet");
    journal.adopt_snapshot(Seq(4)).expect("adopted")().expect("swept");
    assert_eq!(journal.snapshot().expect("reads"), Some((Seq(4), b"four".to_vec())));
    drop(journal);
    let mut journal = open(fixture, "stage");
    let mut reader = journal.reader().expect("has one");
    assert_eq!(reader.snapshots(), [Seq(4)]);
    assert_eq!(reader.snapshot(Seq(4)).expect("reads"), b"four");
    assert_eq!(read_from(&mut journal, Seq(5)).expect("reads").len(), 2);
}

fn the_size_tells_the_tail<F: Fixture>(fixture: &mut F) {
    let mut journal = filled(fixture, "size", &[4]);
    let before = journal.size();
    assert!(before.tail_bytes > 0 && before.total_bytes >= before.tail_bytes);
    append_next(&mut journal, 10).expect("appended");
    let more = journal.size();
    assert!(more.tail_bytes > before.tail_bytes);
    journal.put_snapshot(Seq(14), b"all").expect("stored");
    assert_eq!(journal.size().tail_bytes, 0, "nothing comes after the snapshot");
    append_next(&mut journal, 4).expect("appended");
    let after = journal.size().tail_bytes;
    assert!(after > 0);
    drop(journal);
    assert_eq!(open(fixture, "size").size().tail_bytes, after, "the tail after opening again");
}

fn damage_in_the_middle_is_refused_with_its_place<F: Fixture>(fixture: &mut F) {
    drop(filled(fixture, "damage", &[2, 2, 2]));
    if !fixture.damage(Seq(3)) {
        return;
    }
    match fixture.open().map(drop) {
        Err(Error::Damaged { at, place, why }) => {
            assert_eq!(at, Seq(3), "the exact record is named ({why})");
            assert!(!place.is_empty());
        }
        other => panic!("a damaged journal gave {other:?}"),
    }
}
