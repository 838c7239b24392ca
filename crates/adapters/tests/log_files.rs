//! Versions, golden journals, verify, backup, erasure and the fall back to an older snapshot.
#![cfg(feature = "log")]

mod rig;

use std::path::{Path, PathBuf};

use majordomo_adapters::disk::faults::{Failure, Operation};
use majordomo_adapters::journal::log::{backup, restore, verify};
use rig::{Rig, files_in, frames, newest};
use runtime::port::journal::{Error, Journal, Seq};
use runtime::testing::journal_suite::{append_next, assert_whole, read_from};

/// Journals written by released versions; each must open for ever (P23).
fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/log-1")
}

/// Writes the golden journal of the current version, when it is asked for by name.
fn write_golden(dir: &Path) {
    let mut rig = Rig::new();
    rig.options.first_bytes = 4096;
    let mut log = rig.log();
    append_next(&mut log, 12).expect("appended");
    log.put_snapshot(Seq(4), b"golden snapshot of version 1").expect("stored");
    log.erase(Seq(6)).expect("erased");
    drop(log);
    let mut log = rig.log();
    append_next(&mut log, 3).expect("appended");
    drop(log);
    std::fs::create_dir_all(dir).expect("created");
    for (name, bytes) in rig.files() {
        std::fs::write(dir.join(name), bytes).expect("written");
    }
}

#[test]
fn the_golden_journal_of_version_1_opens() {
    if std::env::var_os("WRITE_GOLDEN").is_some() && !golden().exists() {
        write_golden(&golden());
    }
    let rig = Rig::new();
    rig.put(&files_in(&golden()));
    let mut log = rig.log();
    assert_eq!(
        log.snapshot().expect("reads").expect("is there").1,
        b"golden snapshot of version 1"
    );
    let mut digest = blake3::Hasher::new();
    for record in read_from(&mut log, Seq(1)).expect("reads") {
        digest.update(&record.seq.to_le_bytes()).update(&record.head).update(&record.payload);
    }
    assert_eq!(log.head(), Seq(15));
    let expected = "69bc9a25a34115d841c5effe07631092f1fe1e3c4b17f20d97eb71711dd944d3";
    assert_eq!(digest.finalize().to_hex().as_str(), expected);
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let rig = Rig::new();
    let mut log = rig.log();
    append_next(&mut log, 4).expect("appended");
    log.put_snapshot(Seq(4), b"four").expect("stored");
    drop(log);
    let files = rig.files();
    for name in files.keys() {
        let mut newer = files.clone();
        let bytes = newer.get_mut(name).expect("is there");
        bytes[8..10].copy_from_slice(&7u16.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..12]).to_le_bytes();
        bytes[12..16].copy_from_slice(&crc);
        // The rest of a newer format may look like anything.
        bytes[16..60].fill(0xee);
        rig.put(&newer);
        let refused = rig.try_log().map(drop);
        assert!(
            matches!(refused, Err(Error::TooNew { needed: 7, known: 1 })),
            "{name}: {refused:?}"
        );
        assert!(matches!(verify(&rig.dir()), Err(Error::TooNew { .. })));
        assert_eq!(rig.files(), newer, "{name}: a refusal changes nothing");
    }
}

#[test]
fn verify_tells_every_problem_with_its_place() {
    let rig = Rig::new();
    let mut log = rig.log();
    for _ in 0..6 {
        append_next(&mut log, 40).expect("appended");
    }
    let clean = verify(&rig.dir()).expect("a journal that is being written can be verified");
    assert!(clean.is_clean(), "{:?}", clean.problems);
    assert_eq!((clean.first, clean.head, clean.epoch), (Seq(1), Seq(240), log.epoch()));
    drop(log);
    let mut files = rig.files();
    let names: Vec<String> = files.keys().cloned().collect();
    assert!(names.len() > 2);
    let mut damaged = Vec::new();
    for name in &names[..2] {
        let bytes = files.get_mut(name).expect("is there");
        let frame = frames(bytes)[1];
        bytes[frame.at + 65] ^= 1;
        damaged.push((frame.seq, format!("{name} at byte {}", frame.at)));
    }
    rig.put(&files);
    let report = verify(&rig.dir()).expect("reads");
    let told: Vec<(u64, String)> = report
        .problems
        .iter()
        .map(|problem| match problem {
            Error::Damaged { at, place, .. } => {
                (at.0, place.rsplit('/').next().unwrap_or_default().to_owned())
            }
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(told, damaged);
    assert_eq!(rig.files(), files, "verifying changes nothing");
}

#[test]
fn a_backup_taken_while_writing_is_a_prefix_that_opens() {
    let rig = Rig::new();
    let mut log = rig.log();
    append_next(&mut log, 50).expect("appended");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..400 {
                append_next(&mut log, 5).expect("appended");
                if round % 50 == 49 {
                    let at = log.head();
                    log.put_snapshot(at, b"a snapshot").expect("stored");
                }
            }
        });
        for nth in 0.. {
            let before = verify(&rig.dir()).map_or(0, |report| report.head.0);
            let dest = rig.place(&format!("backup-{nth}"));
            let report = backup(&rig.dir(), &dest).expect("copied");
            assert!(report.head.0 >= before, "the copy lacks what was there before it began");
            let mut copy = Rig::new();
            copy.options = rig.options;
            let restored = restore(&dest, &copy.dir()).expect("restored");
            assert_eq!(restored.head, report.head);
            let mut copied = copy.log();
            assert_eq!(assert_whole(&mut copied, "restored"), report.head);
            append_next(&mut copied, 2).expect("goes on");
            if writer.is_finished() {
                break;
            }
        }
    });
}

#[test]
fn a_backup_needs_an_empty_directory_and_a_sound_journal() {
    let rig = Rig::new();
    let mut log = rig.log();
    append_next(&mut log, 5).expect("appended");
    append_next(&mut log, 1).expect("appended");
    drop(log);
    let refused = backup(&rig.dir(), &rig.dir()).map(drop);
    assert!(matches!(refused, Err(Error::Unusable { .. })), "{refused:?}");
    let mut files = rig.files();
    let name = newest(&files);
    let frame = frames(&files[&name])[2];
    files.get_mut(&name).expect("is there")[frame.at + 64] ^= 1;
    rig.put(&files);
    let refused = backup(&rig.dir(), &rig.place("copy")).map(drop);
    assert!(matches!(refused, Err(Error::Damaged { at: Seq(3), .. })), "{refused:?}");
}

#[test]
fn a_damaged_newest_snapshot_costs_a_longer_replay_only() {
    let rig = Rig::new();
    let mut log = rig.log();
    append_next(&mut log, 50).expect("appended");
    log.put_snapshot(Seq(20), b"twenty").expect("stored");
    append_next(&mut log, 50).expect("appended");
    log.put_snapshot(Seq(70), b"seventy").expect("stored");
    append_next(&mut log, 1).expect("appended");
    drop(log);
    let good = rig.files();
    let newest = good.keys().rfind(|name| name.ends_with(".snapshot")).expect("two").clone();
    for byte in 0..good[&newest].len() {
        let mut files = good.clone();
        files.get_mut(&newest).expect("is there")[byte] ^= 16;
        rig.put(&files);
        let mut log = rig.log();
        assert_eq!(
            log.snapshot().expect("falls back"),
            Some((Seq(20), b"twenty".to_vec())),
            "{byte}"
        );
        assert!(log.first() <= Seq(21));
        assert_whole(&mut log, "from the older snapshot");
    }
    // Without the older one there is no way back to the records that were dropped.
    rig.put(&good);
    let mut log = rig.log();
    for _ in 0..5 {
        append_next(&mut log, 60).expect("appended");
    }
    log.put_snapshot(log.head(), b"newest").expect("stored");
    log.forget_older().expect("forgotten");
    assert!(log.first() > Seq(1), "records were dropped");
    drop(log);
    let mut files = rig.files();
    let name = files.keys().rfind(|name| name.ends_with(".snapshot")).expect("one").clone();
    *files.get_mut(&name).expect("is there").last_mut().expect("bytes") ^= 1;
    rig.put(&files);
    let refused = rig.log().snapshot();
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
}

#[test]
fn erased_bytes_are_nowhere_in_the_files() {
    let rig = Rig::new();
    let mut log = rig.log();
    append_next(&mut log, 8).expect("appended");
    let secret = b"payload 6; payload 6; ";
    let holds = |rig: &Rig| {
        rig.files().values().any(|bytes| bytes.windows(secret.len()).any(|part| part == secret))
    };
    assert!(holds(&rig));
    log.erase(Seq(6)).expect("erased");
    assert!(!holds(&rig), "the payload is still on disk");
    drop(log);
    assert!(verify(&rig.dir()).expect("reads").is_clean());
    assert_eq!(read_from(&mut rig.log(), Seq(6)).expect("reads")[0].payload, b"");
}

#[test]
fn an_erasure_that_a_crash_interrupted_is_finished_by_the_next_opening() {
    let rig = Rig::new();
    let mut log = rig.log();
    append_next(&mut log, 8).expect("appended");
    // The mark is the first write, the zeros are the second.
    rig.faults.fail_kind(Operation::Write, 2, Failure::Stop);
    log.erase(Seq(6)).expect_err("stopped");
    drop(log);
    rig.faults.heal();
    let secret = b"payload 6; payload 6; ";
    let holds = |rig: &Rig| {
        rig.files().values().any(|bytes| bytes.windows(secret.len()).any(|part| part == secret))
    };
    assert!(holds(&rig), "the crash came before the zeros");
    assert_eq!(verify(&rig.dir()).expect("reads").unfinished_erasures, 1);
    assert_eq!(read_from(&mut rig.log(), Seq(6)).expect("reads")[0].payload, b"");
    assert!(!holds(&rig), "the payload is still on disk");
    assert_eq!(verify(&rig.dir()).expect("reads").unfinished_erasures, 0);
}
