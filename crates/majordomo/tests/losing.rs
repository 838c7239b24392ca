//! Losing data on purpose, and not by accident: forgetting a run, running out of room, and disks
//! that fail under a team at work.

use adapters::blobs::files::Files;
use adapters::disk::Disk;
use adapters::disk::faults::{Failure as Fault, Faults, Operation};
use adapters::journal::log::{Log, Options};
use kernel::{FailureKind, TaskId, Terms};
use majordomo::{Context, Failure, Result, capability};
use runtime::api::{SubmitOptions, Team, TeamBuilder};
use runtime::keep::Error;
use runtime::{Bounds, Stores};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

#[capability("echo@1")]
async fn echo(_: Context, text: String) -> Result<String> {
    Ok(text)
}

#[capability("twice@1")]
async fn twice(cx: Context, text: String) -> Result<String> {
    let once = cx.ask::<echo>(text.clone()).await?;
    Ok(once + &cx.ask::<echo>(text).await?)
}

#[capability("later@1")]
async fn later(cx: Context, _: String) -> Result<()> {
    cx.sleep(Duration::from_secs(3600)).await
}

fn directory() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    let made = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    made.expect("a directory")
}

/// Small segments, and room enough wherever the tests run.
const SMALL: Options = Options { first_bytes: 8 << 10, segment_bytes: 64 << 10, snapshots: 2 };
const MIB: u64 = 1 << 20;

fn bounds() -> Bounds {
    Bounds { reserve_bytes: MIB, snapshot_min_bytes: u64::MAX, ..Bounds::default() }
}

fn stores(disk: &Disk, dir: &Path) -> Stores {
    let log = Log::open_on(disk, &dir.join("journal"), SMALL).expect("opens");
    let blobs = Files::open_on(disk, &dir.join("blobs"), Duration::ZERO).expect("opens");
    Stores {
        journal: Box::new(log),
        blobs: Arc::new(blobs),
        observers: Vec::new(),
        restored: false,
    }
}

async fn team(disk: &Disk, dir: &Path, bounds: Bounds) -> Team {
    let builder = TeamBuilder::new(Ok(stores(disk, dir))).bounds(bounds);
    builder.with(echo).with(twice).with(later).start().await.expect("starts")
}

async fn settled(team: &Team, capability: &str, input: &str, key: Option<&str>) -> TaskId {
    let options = SubmitOptions { key: key.map(str::to_owned), ..SubmitOptions::default() };
    let input = serde_json::to_vec(input).expect("json");
    let ticket = team.submit(Terms::new(capability), input, options).await.expect("accepted");
    let task = ticket.task;
    ticket.settled().await.expect("settles");
    task
}

/// Whether these bytes stand in any file below a directory.
fn holds(dir: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(dir).expect("a directory").any(|entry| {
        let path = entry.expect("reads").path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        let bytes = std::fs::read(path).expect("reads");
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_run_leaves_no_byte_of_its_contents() {
    let dir = directory();
    let running = team(&Disk::real(), dir.path(), bounds()).await;
    let large = "canary-large-".repeat(1_000);
    let shared = "shared-by-two".repeat(1_000);
    let small = settled(&running, "twice", "canary-small", Some("key")).await;
    running.runtime().tidy().expect("a snapshot that holds the key's outcome");
    let secret = settled(&running, "twice", &large, None).await;
    let ours = settled(&running, "echo", &shared, None).await;
    settled(&running, "echo", &shared, None).await;
    settled(&running, "twice", "harmless", None).await;
    running.runtime().tidy().expect("a second snapshot");
    assert!(holds(dir.path(), b"canary-small") && holds(dir.path(), b"canary-large"));

    let forgotten = running.runtime().forget(small).await.expect("forgotten");
    assert_eq!((forgotten.tasks, forgotten.records, forgotten.blobs), (3, 6, 0));
    assert!(!holds(dir.path(), b"canary-small"), "log and snapshots are clean");
    let forgotten = running.runtime().forget(secret).await.expect("forgotten");
    assert_eq!((forgotten.tasks, forgotten.records, forgotten.blobs), (3, 0, 2));
    assert!(!holds(dir.path(), b"canary-large"), "blobs are gone");
    let forgotten = running.runtime().forget(ours).await.expect("forgotten");
    assert_eq!((forgotten.blobs, forgotten.shared), (0, 1), "the other run needs it");
    assert!(holds(dir.path(), b"shared-by-two") && holds(dir.path(), b"harmless"));

    // The key still stands for the task; what it gave is told to be erased.
    let again = running.submit(
        Terms::new("twice"),
        b"\"canary-small\"".to_vec(),
        SubmitOptions { key: Some("key".into()), ..SubmitOptions::default() },
    );
    let ticket = again.await.expect("known");
    assert_eq!((ticket.task, ticket.fresh), (small, false));
    let erased = ticket.outcome().await.expect_err("erased");
    assert!(erased.message.contains("erased by `forget`"), "{erased}");

    running.drain(Duration::ZERO).await;
    drop(running);
    let report = adapters::journal::log::verify(&dir.path().join("journal")).expect("reads");
    assert!(report.is_clean(), "the chain holds: {report:?}");
    let running = team(&Disk::real(), dir.path(), bounds()).await;
    assert_eq!(running.ask::<echo>("goes on").await, Ok("goes on".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_run_that_has_ended_can_be_forgotten() {
    let dir = directory();
    let team = team(&Disk::real(), dir.path(), bounds()).await;
    let submit = team.submit(Terms::new("later"), b"\"still needed\"".to_vec(), Default::default());
    let open = submit.await.expect("accepted").task;
    let refused = team.runtime().forget(open).await.expect_err("open");
    assert!(matches!(refused, Error::StillOpen { tasks: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("cancel it"), "{refused}");
    let run = settled(&team, "twice", "x", None).await;
    let child = TaskId(run.0 + 1);
    let refused = team.runtime().forget(child).await.expect_err("no run");
    assert!(matches!(refused, Error::NotARun { run: root, .. } if root == run), "{refused}");
    let refused = team.runtime().forget(TaskId(99)).await.expect_err("nobody");
    assert!(matches!(refused, Error::Unknown { .. }), "{refused}");
    assert!(holds(dir.path(), b"still needed"));
    team.cancel(open, "no longer").await.expect("cancelled");
    team.runtime().forget(open).await.expect("it has ended");
    assert!(!holds(dir.path(), b"still needed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_roots_are_refused_and_everything_else_goes_on() {
    let dir = directory();
    let bounds = Bounds { data_max_bytes: 2 * MIB, ..bounds() };
    let team = team(&Disk::real(), dir.path(), bounds).await;
    let submit = team.submit(Terms::new("later"), b"\"x\"".to_vec(), Default::default());
    let open = submit.await.expect("accepted").task;
    settled(&team, "echo", "known", Some("key")).await;
    let mut refused = None;
    for n in 0..100 {
        // 100 kB each, in and out: the same blob, counted once it is measured.
        let text = format!("{n:03}").repeat(33_000);
        if let Err(failure) = team.ask::<echo>(text).await {
            refused = Some((n, failure));
            break;
        }
    }
    let (n, failure) = refused.expect("2 MiB are full after some of these");
    assert!(n > 3, "it was refused after {n}");
    assert_eq!(failure.kind, FailureKind::Overloaded);
    assert!(failure.retry_after_ms.is_some());
    assert!(failure.message.contains("of the 2 MiB allowed"), "{failure}");
    let task = settled(&team, "echo", "known", Some("key")).await;
    assert_eq!(task.0, 2, "what was accepted before is answered as ever");
    team.cancel(open, "make room").await.expect("cancelling needs no room");
    let held = size(&dir.path().join("journal")) + size(&dir.path().join("blobs"));
    assert!(held <= 2 * MIB, "{held} bytes");
    team.drain(Duration::ZERO).await;
}

fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("reads"));
    let sizes = entries.map(|entry| match entry.metadata().expect("reads") {
        found if found.is_dir() => size(&entry.path()),
        found => found.len(),
    });
    sizes.sum()
}

/// Everybody who waits on a team hears within a second that it has ended, and nothing is answered.
async fn ends_honestly(operation: Operation, fault: Fault, says: &str) {
    let dir = directory();
    let faults = Arc::new(Faults::default());
    let team = team(&Disk::faulty(faults.clone()), dir.path(), bounds()).await;
    let submit = team.submit(Terms::new("later"), b"\"x\"".to_vec(), Default::default());
    let waiting = submit.await.expect("accepted");
    let before = settled(&team, "echo", "before", Some("before")).await;
    faults.fail_kind(operation, 1, fault);
    let asks = (0..20).map(|n| {
        let team = team.clone();
        tokio::spawn(async move { team.ask::<twice>(format!("{n}")).await })
    });
    let asks: Vec<_> = asks.collect();
    let second = Duration::from_secs(1);
    for ask in asks {
        let answer = timeout(second, ask).await.expect("within a second").expect("no panic");
        assert!(answer.is_err(), "an answer after the disk failed: {answer:?}");
    }
    let end = timeout(second, waiting.outcome()).await.expect("within a second");
    let failure: Failure = end.expect_err("nobody knows how it ends");
    assert!(failure.message.contains(says), "{operation:?}: {failure}");
    let why = team.runtime().failed().expect("it says why");
    assert!(why.contains(says), "{why}");
    let refused = timeout(second, team.ask::<echo>("after")).await.expect("at once");
    assert!(refused.is_err(), "no further answers: {refused:?}");
    timeout(second, team.drain(Duration::ZERO)).await.expect("drains at once");
    drop(team);
    faults.heal();
    // What was answered is there; what was open goes on.
    let team = self::team(&Disk::real(), dir.path(), bounds()).await;
    assert_eq!(settled(&team, "echo", "before", Some("before")).await, before);
    assert!(team.ticket(TaskId(1)).is_some(), "the sleeper is open");
    assert_eq!(team.ask::<echo>("again").await, Ok("again".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_ends_the_runtime_at_once() {
    let eio = rustix::io::Errno::IO.raw_os_error();
    ends_honestly(Operation::Sync, Fault::Once(eio), "could not be written").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_ends_the_runtime_at_once() {
    let eio = rustix::io::Errno::IO.raw_os_error();
    ends_honestly(Operation::Write, Fault::Once(eio), "could not be written").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_last_ends_the_runtime_with_that_word() {
    let full = rustix::io::Errno::NOSPC.raw_os_error();
    ends_honestly(Operation::Write, Fault::Always(full), "no space left for the journal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_gone_read_only_ends_the_runtime_with_that_word() {
    let readonly = rustix::io::Errno::ROFS.raw_os_error();
    ends_honestly(Operation::Write, Fault::Always(readonly), "Read-only file system").await;
}

#[test]
fn a_directory_that_cannot_be_written_is_told_with_what_to_do() {
    let dir = directory();
    let faults = Arc::new(Faults::default());
    let readonly = rustix::io::Errno::ROFS.raw_os_error();
    faults.fail_kind(Operation::Open, 1, Fault::Always(readonly));
    let disk = Disk::faulty(faults);
    let opened = Log::open_on(&disk, &dir.path().join("journal"), SMALL).map(drop);
    let said = opened.expect_err("read-only").to_string();
    assert!(said.contains("Read-only file system") && said.contains("--data"), "{said}");
    assert!(said.contains(&dir.path().display().to_string()), "{said}");
    let opened = Files::open_on(&disk, &dir.path().join("blobs"), Duration::ZERO).map(drop);
    assert!(opened.expect_err("read-only").to_string().contains("blobs"));
    // A file stands where the directory should be.
    let file = dir.path().join("file");
    std::fs::write(&file, b"").expect("written");
    let opened = majordomo::data::DataDir::new(&file).open().map(drop);
    let said = opened.expect_err("no directory").to_string();
    assert!(said.contains("Not a directory") && said.contains("--data"), "{said}");
}
