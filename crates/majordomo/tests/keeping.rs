//! Keeping data: snapshots while the team works, restarts from them, crashes in the middle of one,
//! and blobs that are collected or kept.

use adapters::blobs::files::Files;
use adapters::disk::Disk;
use adapters::disk::faults::{Failure as Fault, Faults};
use adapters::journal::log::{Log, Options};
use kernel::{Digest, Facts, Limits};
use majordomo::{Context, Result, capability};
use runtime::api::{Team, TeamBuilder};
use runtime::keep::{self, Lone};
use runtime::port::{Blobs, Journal};
use runtime::{Bounds, Stores};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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

/// A data directory in memory where the system has a place for that: a sync there costs nothing.
fn directory() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    let made = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    made.expect("a directory")
}

/// Segments so small that a few tasks roll them.
const SMALL: Options = Options { first_bytes: 8 << 10, segment_bytes: 16 << 10, snapshots: 2 };

fn log(disk: &Disk, dir: &Path) -> Log {
    Log::open_on(disk, &dir.join("journal"), SMALL).expect("opens")
}

fn blobs(dir: &Path, grace: Duration) -> Files {
    Files::open_on(&Disk::real(), &dir.join("blobs"), grace).expect("opens")
}

fn stores(dir: &Path) -> Stores {
    Stores {
        journal: Box::new(log(&Disk::real(), dir)),
        blobs: Arc::new(blobs(dir, Duration::ZERO)),
        observers: Vec::new(),
        restored: false,
    }
}

async fn team(dir: &Path, snapshot_min_bytes: u64) -> Team {
    let bounds = Bounds { snapshot_min_bytes, ..Bounds::default() };
    let builder = TeamBuilder::new(Ok(stores(dir))).bounds(bounds);
    builder.with(echo).with(twice).with(later).start().await.expect("starts")
}

/// The state that a journal describes, and how many of its records had to be read for it.
fn state(journal: &dyn Journal) -> (Facts, u64) {
    let mut reader = journal.reader().expect("the log has readers");
    let base = reader.snapshots().last().map_or(0, |at| at.0);
    let kernel = keep::replay(&mut *reader, &Limits::default(), &|| false).expect("replays");
    kernel.state().check_index().expect("indexes equal those rebuilt");
    (kernel.snapshot().clone(), reader.head().0 - base)
}

/// A journal with settled and open work, a key, and no snapshot.
async fn worked(dir: &Path, tasks: u32) {
    let team = team(dir, u64::MAX).await;
    let options = || runtime::api::SubmitOptions { key: Some("k".into()), ..Default::default() };
    let terms = kernel::Terms::new("echo");
    let keyed = team.submit(terms, b"\"keyed\"".to_vec(), options()).await.expect("accepted");
    keyed.settled().await.expect("settles");
    let open = team.submit(kernel::Terms::new("later"), b"\"x\"".to_vec(), Default::default());
    open.await.map(drop).expect("accepted");
    for n in 0..tasks {
        team.ask::<twice>(format!("text {n}")).await.expect("answers");
    }
    team.drain(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_taken_while_the_team_works_and_a_restart_equals_a_full_replay() {
    let (kept, whole) = (directory(), directory());
    let small = team(kept.path(), 8 << 10).await;
    let mut rounds = 0;
    while small.runtime().keeping().snapshots < 3 {
        for n in 0..20 {
            small.ask::<twice>(format!("text {n}")).await.expect("answers");
        }
        rounds += 1;
        assert!(rounds < 500, "no third snapshot: {:?}", small.runtime().keeping());
    }
    let keeping = small.runtime().keeping();
    assert_eq!(keeping.failed, None);
    // What a full replay gives is known by keeping a copy of the log before it is dropped: here,
    // by the memory of the turn itself, which applied every entry.
    small.drain(Duration::ZERO).await;
    drop(small);
    let journal = log(&Disk::real(), kept.path());
    let (facts, read) = state(&journal);
    assert!(journal.first().0 > 1, "old segments are dropped");
    assert!(read < journal.head().0, "a snapshot spares most of the log");
    let counted = facts.counts;
    assert_eq!(counted.accepted, 3 * 20 * rounds, "each task and its two children");
    assert_eq!(counted.completed, counted.accepted);
    drop(journal);
    // The same history without any snapshot, then one taken at the end: equal facts.
    worked(whole.path(), 50).await;
    let journal = log(&Disk::real(), whole.path());
    let (full, records) = state(&journal);
    let lender = Lone::new(Box::new(journal));
    let taken = keep::take(&lender, &Limits::default()).expect("taken").expect("there was news");
    assert_eq!(taken.at.0, records);
    assert_eq!(keep::take(&lender, &Limits::default()).expect("asked"), None, "nothing new");
    drop(lender);
    let (from_snapshot, read) = state(&log(&Disk::real(), whole.path()));
    assert_eq!((from_snapshot, read), (full, 0));
    // And the work that was open goes on from it.
    let team = team(whole.path(), u64::MAX).await;
    assert_eq!(team.ask::<twice>("ab").await, Ok("abab".into()));
    let open = team.runtime().with_journal(|journal| state(journal).0.counts).expect("open");
    assert_eq!(open.accepted - open.completed, 1, "the sleeper is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_point_of_a_snapshot_loses_nothing() {
    let origin = directory();
    worked(origin.path(), 30).await;
    // Two snapshots are there already, so the third drops the first and the log below the second.
    for text in ["one", "two"] {
        let lender = Lone::new(Box::new(log(&Disk::real(), origin.path())));
        keep::take(&lender, &Limits::default()).expect("taken").expect("there was news");
        drop(lender);
        let team = team(origin.path(), u64::MAX).await;
        team.ask::<twice>(text).await.expect("answers");
        team.drain(Duration::ZERO).await;
    }
    let (expected, _) = state(&log(&Disk::real(), origin.path()));
    let mut points = 0;
    loop {
        let faults = Arc::new(Faults::default());
        let copy = directory();
        copy_files(&origin.path().join("journal"), &copy.path().join("journal"));
        let lender = Lone::new(Box::new(log(&Disk::faulty(faults.clone()), copy.path())));
        points += 1;
        faults.fail(points, Fault::Stop);
        let taken = keep::take(&lender, &Limits::default());
        let stopped = faults.fired() > 0;
        drop(lender);
        faults.heal();
        faults.power_cut(points).expect("what was not synced is lost");
        let journal = log(&Disk::real(), copy.path());
        assert_eq!(state(&journal).0, expected, "stopped at operation {points}: {taken:?}");
        if !stopped {
            taken.expect("nothing failed").expect("there was news");
            assert_eq!(state(&journal).1, 0, "it starts from the snapshot");
            break;
        }
    }
    assert!(points > 8, "stage, sync, rename, sync, removals: {points} operations were seen");
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("created");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let path = entry.expect("reads").path();
        std::fs::copy(&path, to.join(path.file_name().expect("named"))).expect("copied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_that_nothing_names_are_collected_and_all_others_stay() {
    let dir = directory();
    let large = |letter: &str| letter.repeat(10_000);
    let pin = blobs(dir.path(), Duration::ZERO).put(b"the team of this run").expect("stored");
    let running = team(dir.path(), u64::MAX).await;
    let later = kernel::Terms::new("later");
    let options = runtime::api::SubmitOptions {
        definition: Some(Digest(pin)),
        key: Some("open".into()),
        ..Default::default()
    };
    let input = serde_json::to_vec(&large("o")).expect("json");
    running.submit(later, input.clone(), options).await.map(drop).expect("accepted");
    running.ask::<echo>(large("s")).await.expect("answers");
    let orphan = blobs(dir.path(), Duration::ZERO).put(b"nobody ever named me").expect("stored");
    let due = blobs(dir.path(), Duration::ZERO).put(b"the team of runs to come").expect("stored");
    let options =
        runtime::api::ScheduleOptions { definition: Some(Digest(due)), ..Default::default() };
    let (recurs, terms) =
        (kernel::Recurrence::Every { ms: 3_600_000 }, kernel::Terms::new("later"));
    let set = running.schedule("hourly", recurs, terms, b"null".to_vec(), options).await;
    set.expect("a schedule");
    let (taken, collected) = running.runtime().tidy().expect("tidied");
    assert!(taken.is_some());
    assert_eq!((collected.removed, collected.kept), (1, 4), "the settled one is in the log still");
    let kept = blobs(dir.path(), Duration::ZERO);
    assert!(kept.get(&orphan).is_err());
    assert_eq!(&*kept.get(&pin).expect("pinned"), b"the team of this run");
    // Two more snapshots, each after an opening that starts a segment: the log that named the
    // settled task's text is gone.
    running.drain(Duration::ZERO).await;
    for n in 0..3 {
        let team = team(dir.path(), u64::MAX).await;
        team.ask::<echo>(format!("{n}")).await.expect("answers");
        team.runtime().tidy().expect("tidied");
        team.drain(Duration::ZERO).await;
    }
    let settled = serde_json::to_vec(&large("s")).expect("json");
    let gone = kept.get(blake3::hash(&settled).as_bytes());
    assert!(gone.is_err(), "nobody can read any more what named it");
    kept.get(&pin).expect("the run is open, so its definition is needed");
    kept.get(&due).expect("the schedule is set, so its definition will be needed");
    let digest = *blake3::hash(&input).as_bytes();
    assert_eq!(*kept.get(&digest).expect("its task is open"), *input);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_in_memory_is_kept_short_as_well() {
    let stores = Stores {
        journal: Box::new(adapters::journal::memory::Memory::new()),
        blobs: Arc::new(adapters::blobs::memory::Memory::new()),
        observers: Vec::new(),
        restored: false,
    };
    let bounds = Bounds { snapshot_min_bytes: 8 << 10, ..Bounds::default() };
    let team = TeamBuilder::new(Ok(stores)).bounds(bounds).with(echo).start().await;
    let team = team.expect("starts");
    let mut rounds = 0;
    while team.runtime().keeping().snapshots < 3 {
        team.ask::<echo>("again").await.expect("answers");
        rounds += 1;
        assert!(rounds < 20_000, "no third snapshot: {:?}", team.runtime().keeping());
    }
    assert_eq!(team.runtime().keeping().failed, None);
    let first = team.runtime().with_journal(|journal| journal.first().0);
    assert!(first > Some(1), "{first:?}");
}

/// Many clients at once: the snapshot of what lives is taken while others decide and commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_journal_in_memory_is_shortened_while_the_team_works() {
    let stores = Stores {
        journal: Box::new(adapters::journal::memory::Memory::new()),
        blobs: Arc::new(adapters::blobs::memory::Memory::new()),
        observers: Vec::new(),
        restored: false,
    };
    let bounds = Bounds { snapshot_min_bytes: 16 << 10, ..Bounds::default() };
    let builder = TeamBuilder::new(Ok(stores)).bounds(bounds).with(echo).with(twice).with(later);
    let team = builder.start().await.expect("starts");
    let terms = kernel::Terms::new("later");
    let open = team.submit(terms, b"\"\"".to_vec(), Default::default()).await.expect("accepted");
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let team = team.clone();
        clients.spawn(async move {
            for _ in 0..200 {
                assert_eq!(team.ask::<twice>("a").await.as_deref(), Ok("aa"));
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.expect("no client was left waiting");
    }
    assert!(team.runtime().keeping().snapshots > 1);
    let (first, held) = team
        .runtime()
        .with_journal(|journal| (journal.first().0, state(journal).0))
        .expect("it is open");
    assert!(first > 1, "the records before the snapshot are gone");
    assert_eq!(held.counts.completed, 8 * 200 * 3);
    let root = kernel::Kernel::replay(Limits::default(), Some(held), []);
    assert!(root.state().task(open.task).is_some(), "what is open is in the snapshot");
    team.drain(Duration::ZERO).await;
}
