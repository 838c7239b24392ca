//! Checks that planted bugs must not pass: run green by the tests, and red by the mutants.

use runtime::port::journal::{Batch, Journal, Record, Seq};
use runtime::testing::journal_suite::{Read, append_next, read_from};

use super::{Files, Outcome, Rig, frames, newest, outcome};

/// A journal of several segments and openings that was killed, and what it acknowledged.
pub(crate) fn killed(rig: &Rig, batches: &[u64]) -> (Files, Vec<Read>) {
    let mut log = rig.log();
    append_next(&mut log, 30).expect("appended");
    drop(log);
    let mut log = rig.log();
    for count in batches {
        append_next(&mut log, *count).expect("appended");
    }
    let written = read_from(&mut log, Seq(1)).expect("reads");
    rig.crash(log);
    (rig.files(), written)
}

/// Truncated at every byte of the last eight records.
pub(crate) fn truncate_everywhere() {
    let rig = Rig::new();
    let (files, written) = killed(&rig, &[2, 1, 3, 1, 1]);
    let name = newest(&files);
    let all = frames(&files[&name]);
    assert_eq!(all.len(), 8);
    let end = all[7].at + all[7].size;
    for kept in all[0].at..=end {
        let whole = all.iter().filter(|frame| frame.at + frame.size <= kept).count();
        // Batches of 2, 1, 3, 1, 1: one that was cut is not there at all.
        let expected = 30 + [0, 0, 2, 3, 3, 3, 6, 7, 8][whole];
        for zeros_follow in [false, true] {
            let mut cut = files.clone();
            let bytes = cut.get_mut(&name).expect("the newest");
            bytes.truncate(kept);
            if zeros_follow {
                bytes.resize(files[&name].len(), 0);
            }
            let case = format!("cut at byte {kept} of {end}, zeros {zeros_follow}");
            assert_eq!(outcome(&rig, &cut, &written, &case), Outcome::Prefix(expected), "{case}");
        }
    }
}

/// Two journals that were one until record 31 differ in 32; 32 of one cannot stand in the other.
pub(crate) fn splice_another_history() {
    let rig = Rig::new();
    let (files, _) = killed(&rig, &[1]);
    let extend = |head: &[u8]| {
        rig.put(&files);
        let mut log = rig.log();
        let mut batch = Batch::default();
        batch.push(Record { head, payload: b"" });
        log.append(Seq(31), &batch).expect("appended");
        append_next(&mut log, 1).expect("appended");
        let written = read_from(&mut log, Seq(1)).expect("reads");
        rig.crash(log);
        (rig.files(), written)
    };
    let ((left, _), (mut right, written)) = (extend(b"left."), extend(b"right"));
    let name = newest(&left);
    assert_eq!(name, newest(&right));
    let frame = frames(&left[&name])[0];
    right.get_mut(&name).expect("the newest")[frame.at..frame.at + frame.size]
        .copy_from_slice(&left[&name][frame.at..frame.at + frame.size]);
    assert_eq!(outcome(&rig, &right, &written, "another history"), Outcome::Refused);
}
