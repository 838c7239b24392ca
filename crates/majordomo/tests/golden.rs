//! Journals of every released version, kept as they were written: each must open, replay to what is
//! recorded beside it, and be refused untouched by a program that is too old for it.
//!
//! `CONTRIBUTING.md` says how one is added at a release.

#![cfg(feature = "cli")]

use adapters::journal::log::{Log, Options, Reader};
use adapters::views::testing::{Scene, question};
use kernel::{Command, Cost, FailureKind, Limits, Report};
use majordomo::data::DataDir;
use majordomo::store;
use runtime::port::journal::{Batch, Error, Journal, Record, Seq};
use runtime::record;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn copy(version: &Path, to: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::create_dir_all(to).expect("created");
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(version.join("journal")).expect("a journal") {
        let path = entry.expect("reads").path();
        let name = path.file_name().expect("named").to_string_lossy().into_owned();
        let bytes = fs::read(&path).expect("reads");
        fs::write(to.join(&name), &bytes).expect("copied");
        files.insert(name, bytes);
    }
    files.remove("lock");
    files
}

/// What a journal comes to, in words that outlive the schema: the state it replays to, from its
/// snapshot and from its log, and a digest of every entry as it is exported.
fn told(data: &DataDir) -> String {
    let mut reader = Reader::open(&data.journal()).expect("opens");
    let kernel = runtime::keep::replay(&mut reader, &Limits::default(), &|| false);
    let kernel = kernel.expect("replays");
    kernel.state().check_index().expect("indexes equal those rebuilt");
    let state = kernel.state();
    let open = state.tasks().map(|task| {
        let steps = task.past.as_ref().map_or(0, |past| past.steps.len());
        format!("{} {} {} steps {steps}", task.id, task.terms.capability, task.status.name())
    });
    let mut lines = vec![
        format!("time {} token {} last {}", state.time.0, state.token.0, state.last_task),
        format!("{:?}", state.counts),
        format!(
            "dead {} keys {} agents {}",
            state.dead.len(),
            state.keys.len(),
            state.agents().len()
        ),
    ];
    lines.extend(open);
    let mut exported = Vec::new();
    store::export(data, &mut exported).expect("exports");
    lines.push(format!("entries {}", blake3::hash(&exported).to_hex()));
    lines.join("\n") + "\n"
}

#[test]
fn every_golden_journal_replays_to_what_is_recorded() {
    let version = golden().join(format!("v{}", record::ENTRY_VERSION));
    if std::env::var_os("WRITE_GOLDEN").is_some() && !version.exists() {
        write(&version);
    }
    let mut seen = 0;
    for entry in fs::read_dir(golden()).expect("golden journals") {
        let version = entry.expect("reads").path();
        let dir = tempfile::tempdir().expect("a directory");
        let data = DataDir::new(dir.path());
        copy(&version, &data.journal());
        let expected = fs::read_to_string(version.join("expected.txt")).expect("recorded");
        assert_eq!(told(&data), expected, "{}", version.display());
        // And it can be written on.
        let mut log = Log::open(&data.journal(), Options::default()).expect("opens to write");
        let head = log.head();
        let mut batch = Batch::default();
        batch.push(Record { head: b"more", payload: b"" });
        assert_eq!(log.append(head, &batch).expect("goes on"), Seq(head.0 + 1));
        seen += 1;
    }
    assert_eq!(seen, usize::from(record::ENTRY_VERSION), "one journal for every version");
}

#[test]
fn a_newer_journal_is_refused_with_the_needed_version_and_left_alone() {
    let version = golden().join(format!("v{}", record::ENTRY_VERSION));
    let dir = tempfile::tempdir().expect("a directory");
    let data = DataDir::new(dir.path());
    let files = copy(&version, &data.journal());
    for (name, bytes) in files {
        let mut newer = bytes.clone();
        newer[8] = 9; // The version stands at byte 8 of every file, its checksum at 12.
        let crc = crc32c(&newer[..12]);
        newer[12..16].copy_from_slice(&crc.to_le_bytes());
        fs::write(data.journal().join(&name), &newer).expect("written");
        let refused = Log::open(&data.journal(), Options::default()).map(drop);
        let refused = refused.expect_err("too new");
        assert!(matches!(refused, Error::TooNew { needed: 9, .. }), "{name}: {refused}");
        assert!(refused.to_string().contains("needs version 9"), "{refused}");
        assert_eq!(fs::read(data.journal().join(&name)).expect("reads"), newer, "untouched");
        fs::write(data.journal().join(&name), &bytes).expect("put back");
    }
    // An entry of a newer schema inside a journal of this format.
    let mut log = Log::open(&data.journal(), Options::default()).expect("opens");
    let mut batch = Batch::default();
    batch.push(Record { head: &[record::ENTRY_VERSION + 1, 0x80], payload: b"" });
    log.append(log.head(), &batch).expect("appended");
    drop(log);
    let mut reader = Reader::open(&data.journal()).expect("the format is known");
    let refused = runtime::keep::replay(&mut reader, &Limits::default(), &|| false).map(drop);
    let said = refused.expect_err("the entry is not").to_string();
    assert!(said.contains("schema version 2") && said.contains("newer program"), "{said}");
}

/// CRC32C (Castagnoli), bit by bit: the format's own checksum, from its description.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 }
        })
    })
}

/// A life with a bit of everything in it, written by the present program.
fn write(version: &Path) {
    let mut scene = Scene::new();
    scene.join("ada", &["work", "plan"], 4);
    let plan = scene.submit("plan", "{\"of\":\"everything\"}");
    scene.start(plan);
    let child = scene.ask(plan, "work#1", "work", "1");
    scene.once(plan, "paid", "\"receipt\"");
    let attempt = scene.attempt(plan);
    scene.tell(Command::Report(attempt, Report::Sleep { step: "nap".into(), ms: 50 }));
    scene.wait(plan);
    scene.start(child);
    let working = scene.attempt(child);
    let cost = Cost { tokens: 3, ..Cost::default() };
    scene.tell(Command::Report(working, Report::Spent(cost)));
    scene.complete(child, "\"done\"");
    scene.after(60).tell(Command::Tick);
    let mut keyed = question("work", "\"keyed\"");
    keyed.key = Some("once only".into());
    scene.tell(Command::Submit(keyed));
    let keyed = scene.kernel.state().last_task;
    scene.complete(keyed, "\"kept for the key\"");
    let poison = scene.submit("work", "\"poison\"");
    for _ in 0..5 {
        scene.fail(poison, FailureKind::Error, "it would not");
        scene.stopped();
        scene.after(120_000).tell(Command::Tick);
    }
    let rejected = scene.submit("work", "\"bad\"");
    scene.fail(rejected, FailureKind::Rejected, "no good");
    let cancelled = scene.submit("work", "\"cancelled\"");
    scene.tell(Command::Cancel { task: cancelled, reason: "changed my mind".into() });
    scene.stopped();
    scene.begin(5_000);
    scene.join("ada", &["work", "plan"], 4);
    scene.submit("nobody serves this", "null");
    scene.tell(Command::Drain);
    let small = Options { first_bytes: 8 << 10, segment_bytes: 8 << 10, snapshots: 2 };
    let mut log = Log::open(&version.join("journal"), small).expect("opens");
    let half = scene.journal.len() / 2;
    for (seq, entry) in &scene.journal {
        let (mut head, mut payload) = (Vec::new(), Vec::new());
        record::encode(entry, &mut head, &mut payload);
        let mut batch = Batch::default();
        batch.push(Record { head: &head, payload: &payload });
        log.append(Seq(seq.0 - 1), &batch).expect("appended");
        if seq.0 == half as u64 {
            let entries = scene.journal[..half].iter().map(|(_, entry)| entry);
            let kernel = kernel::Kernel::replay(Limits::default(), None, entries);
            log.put_snapshot(*seq, &record::encode_snapshot(&kernel)).expect("stored");
        }
    }
    drop(log);
    let kinds: BTreeSet<_> = scene.journal.iter().map(|(_, entry)| kind(&entry.event)).collect();
    assert!(kinds.len() >= 18, "a golden journal shows most kinds of event: {kinds:?}");
    let _ = fs::remove_file(version.join("journal/lock"));
    let dir = tempfile::tempdir().expect("a directory");
    let data = DataDir::new(dir.path());
    copy(version, &data.journal());
    fs::write(version.join("expected.txt"), told(&data)).expect("recorded");
}

fn kind(event: &kernel::Event) -> String {
    let text = format!("{event:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}
