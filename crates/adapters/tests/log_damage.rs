//! Whatever happens to the bytes, opening gives an exact prefix or a typed refusal (P8).
#![cfg(feature = "log")]

mod rig;

use rig::checks::{killed, splice_another_history, truncate_everywhere};
use rig::{Outcome, Rig, frames, newest, outcome};
use runtime::port::journal::{Error, Seq};
use runtime::testing::journal_suite::{append_next, read_from};

#[test]
fn a_killed_journal_opens_whole_and_an_untouched_one_too() {
    let rig = Rig::new();
    let (files, written) = killed(&rig, &[1, 7, 40, 60, 1, 3]);
    assert!(files.len() > 2, "several segments: {:?}", files.keys());
    assert_eq!(outcome(&rig, &files, &written, "untouched"), Outcome::Prefix(142));
}

#[test]
fn truncated_at_every_byte_of_the_last_eight_records() {
    truncate_everywhere();
}

#[test]
fn what_was_cut_is_told_and_appending_goes_on() {
    let rig = Rig::new();
    let (mut files, written) = killed(&rig, &[1, 3]);
    let name = newest(&files);
    let last = frames(&files[&name])[3];
    files.get_mut(&name).unwrap()[last.at + last.size - 9..].fill(0);
    rig.put(&files);
    let mut log = rig.log();
    let cut = log.cut().expect("a batch was cut");
    assert_eq!((cut.after, cut.path.clone()), (Seq(31), rig.dir().join(&name)));
    for _ in 0..3 {
        append_next(&mut log, 2).expect("appended");
        rig.crash(log);
        log = rig.log();
        assert!(log.cut().is_none(), "cut once, not again");
    }
    let records = read_from(&mut log, Seq(1)).expect("reads");
    assert_eq!(records.len(), 37);
    assert_eq!(records[..31], written[..31]);
}

#[test]
fn a_truncated_journal_that_was_closed_is_refused() {
    let rig = Rig::new();
    let mut log = rig.log();
    append_next(&mut log, 4).expect("appended");
    let written = read_from(&mut log, Seq(1)).expect("reads");
    drop(log);
    let files = rig.files();
    let name = newest(&files);
    let end = frames(&files[&name]).last().map(|last| last.at + last.size).unwrap();
    for kept in rig::PAGE..end {
        let mut cut = files.clone();
        cut.get_mut(&name).unwrap()[kept..].fill(0);
        assert_eq!(outcome(&rig, &cut, &written, "closed"), Outcome::Refused, "byte {kept}");
    }
}

#[test]
fn every_bit_of_the_last_record_flipped() {
    for batches in [&[1, 2, 1][..], &[1, 3]] {
        let rig = Rig::new();
        let (files, written) = killed(&rig, batches);
        let name = newest(&files);
        let last = *frames(&files[&name]).last().unwrap();
        let mut refused = 0;
        for bit in last.at * 8..(last.at + last.size) * 8 {
            let mut flipped = files.clone();
            flipped.get_mut(&name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            match outcome(&rig, &flipped, &written, &format!("bit {bit}")) {
                Outcome::Refused => refused += 1,
                Outcome::Prefix(held) => assert_eq!(held, 34, "bit {bit}: the last record is lost"),
            }
        }
        // A flipped bit does not look like a write that stopped, so nothing acknowledged is cut.
        // Only seven bytes of the erasure field say nothing.
        assert_eq!(refused, (last.size - 7) * 8);
    }
}

#[test]
fn every_bit_of_a_first_page_flipped() {
    let rig = Rig::new();
    let (files, written) = killed(&rig, &[2, 1]);
    for name in files.keys() {
        for bit in
            (0..72 * 8).chain(512 * 8..528 * 8).chain(1024 * 8..1050 * 8).chain(1536 * 8..1562 * 8)
        {
            let mut flipped = files.clone();
            flipped.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let outcome = outcome(&rig, &flipped, &written, &format!("{name} bit {bit}"));
            assert!(matches!(outcome, Outcome::Refused | Outcome::Prefix(33)), "{name} bit {bit}");
        }
    }
}

#[test]
fn random_flips_anywhere_never_lose_the_middle() {
    let rounds = if cfg!(debug_assertions) { 3_000 } else { 10_000 };
    let rig = Rig::new();
    let (files, written) = killed(&rig, &[5, 1, 20, 64, 3, 9, 1]);
    let all = written.len() as u64;
    let mut random = Random(1);
    let mut refused = 0;
    for round in 0..rounds {
        let mut flipped = files.clone();
        for _ in 0..=random.below(3) {
            let name = files.keys().nth(random.below(files.len())).unwrap();
            let bytes = flipped.get_mut(name).unwrap();
            let bit = random.below(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        match outcome(&rig, &flipped, &written, &format!("round {round}")) {
            Outcome::Refused => refused += 1,
            Outcome::Prefix(held) => assert_eq!(held, all, "round {round}: acknowledged ones lost"),
        }
    }
    assert!(refused > rounds / 3, "only {refused} of {rounds} met a byte that matters");
}

#[test]
fn missing_doubled_and_swapped_records_are_refused() {
    let rig = Rig::new();
    let (files, written) = killed(&rig, &[1; 40]);
    let mut random = Random(2);
    for round in 0..1_000 {
        let mut edited = files.clone();
        let name = newest(&files);
        let bytes = edited.get_mut(&name).unwrap();
        let all = frames(bytes);
        let whole = bytes.len();
        // The last one apart, whose absence looks like a batch that was never written.
        let (one, two) = (all[random.below(all.len() - 1)], all[random.below(all.len() - 1)]);
        let copy = bytes[one.at..one.at + one.size].to_vec();
        match round % 4 {
            0 => drop(bytes.drain(one.at..one.at + one.size)),
            1 => drop(bytes.splice(one.at..one.at, copy)),
            2 if one.seq != two.seq => {
                let (first, second) = if one.at < two.at { (one, two) } else { (two, one) };
                let later = bytes[second.at..second.at + second.size].to_vec();
                let earlier = bytes[first.at..first.at + first.size].to_vec();
                bytes.splice(second.at..second.at + second.size, earlier);
                bytes.splice(first.at..first.at + first.size, later);
            }
            _ => bytes[one.at..one.at + one.size].fill(0),
        }
        bytes.resize(whole, 0);
        let case = format!("round {round}: {one:?} {two:?}");
        assert_eq!(outcome(&rig, &edited, &written, &case), Outcome::Refused, "{case}");
    }
}

#[test]
fn a_record_of_another_history_is_refused() {
    splice_another_history();
}

#[test]
fn a_missing_or_foreign_segment_is_refused() {
    let rig = Rig::new();
    let (files, written) = killed(&rig, &[60, 60, 60]);
    let foreign = Rig::new();
    let (others, _) = killed(&foreign, &[60, 60, 60]);
    assert!(files.len() >= 4);
    for name in files.keys() {
        let mut without = files.clone();
        without.remove(name);
        let case = format!("without {name}");
        assert_eq!(outcome(&rig, &without, &written, &case), Outcome::Refused, "{case}");
        let mut mixed = files.clone();
        mixed.insert(name.clone(), others[name].clone());
        let case = format!("foreign {name}");
        assert_eq!(outcome(&rig, &mixed, &written, &case), Outcome::Refused, "{case}");
    }
}

#[test]
fn garbage_is_refused_without_a_panic() {
    let rig = Rig::new();
    let (files, written) = killed(&rig, &[3]);
    let mut random = Random(3);
    for round in 0..500 {
        let mut garbage = files.clone();
        let name = newest(&files);
        let bytes = garbage.get_mut(&name).unwrap();
        let start = [0, 64, rig::PAGE, rig::PAGE + 64][round % 4];
        let len = random.below(2_000);
        bytes.truncate(start);
        bytes.extend((0..len).map(|_| random.below(256) as u8));
        outcome(&rig, &garbage, &written, &format!("round {round}"));
    }
}

#[test]
fn the_exact_place_is_said() {
    let rig = Rig::new();
    let (mut files, _) = killed(&rig, &[1, 1, 1]);
    let name = newest(&files);
    let frame = frames(&files[&name])[1];
    files.get_mut(&name).unwrap()[frame.at + 64] ^= 1;
    rig.put(&files);
    let error = rig.try_log().map(drop).expect_err("damaged");
    let Error::Damaged { at, place, .. } = &error else { panic!("{error}") };
    assert_eq!(*at, Seq(32));
    assert!(place.ends_with(&format!("{name} at byte {}", frame.at)), "{place}");
}

/// A small linear congruential generator (Knuth), so that a failing round can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}
