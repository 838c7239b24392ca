//! A disk that is slow: answers are late by a few syncs, however many ask, and nobody who works
//! meanwhile loses a lease for it.
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use adapters::blobs::files::Files;
use adapters::disk::Disk;
use adapters::disk::faults::{Faults, Operation};
use adapters::journal::log::{Log, Options};
use kernel::{Event, Terms};
use majordomo::{Context, Result, capability};
use runtime::Stores;
use runtime::api::{SubmitOptions, Team, TeamBuilder};
use runtime::testing::Record;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::sync::Notify;

#[capability("echo@1")]
async fn echo(_: Context, text: String) -> Result<String> {
    Ok(text)
}

/// Lets [`work`] end.
static ENOUGH: Notify = Notify::const_new();

/// Keeps its slot, and says that it lives, until it is enough.
#[capability("work@1")]
async fn work(cx: Context, _: ()) -> Result<()> {
    let alive = async {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            cx.heartbeat();
        }
    };
    tokio::select! {
        () = ENOUGH.notified() => Ok(()),
        () = alive => Ok(()),
    }
}

/// How many attempts have begun.
fn begun(record: &Record) -> usize {
    record.count(|event| matches!(event, Event::LeaseGranted(_)))
}

/// How many were taken from their agents.
fn taken(record: &Record) -> usize {
    let lost =
        |event: &Event| matches!(event, Event::AttemptLost { .. } | Event::AttemptFailed { .. });
    record.count(lost)
}

/// A disk of which every sync waits until it is let go.
struct Slow {
    faults: Arc<Faults>,
    is_slow: Arc<AtomicBool>,
    reached: Mutex<mpsc::Receiver<()>>,
    release: mpsc::Sender<()>,
}

impl Slow {
    fn new() -> Slow {
        let (faults, is_slow) = (Arc::new(Faults::default()), Arc::new(AtomicBool::new(false)));
        let ((reaches, reached), (release, released)) = (mpsc::channel(), mpsc::channel());
        let slow = is_slow.clone();
        faults.hook(move |operation| {
            if operation == Operation::Sync && slow.load(SeqCst) {
                let _ = reaches.send(()); // The test may be over.
                let _ = released.recv();
            }
        });
        Slow { faults, is_slow, reached: Mutex::new(reached), release }
    }

    /// Whether a sync has begun that was not seen before.
    fn begun(&self) -> bool {
        self.reached.lock().unwrap().try_recv().is_ok()
    }

    async fn team(&self, dir: &Path, record: Record) -> Team {
        let disk = Disk::faulty(self.faults.clone());
        let log = Log::open_on(&disk, &dir.join("journal"), Options::default()).unwrap();
        let blobs = Files::open_on(&disk, &dir.join("blobs"), Duration::ZERO).unwrap();
        let (journal, blobs) = (Box::new(log), Arc::new(blobs));
        let stores = Stores { journal, blobs, observers: vec![Arc::new(record)], restored: false };
        TeamBuilder::new(Ok(stores)).with(echo).with(work).start().await.unwrap()
    }
}

/// Lets everything happen that can happen without time.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_wait_for_a_few_syncs_and_who_works_keeps_its_lease() {
    const ASKING: usize = 60; // All find a slot at once.
    // Time stands still but where it is advanced: a runtime that is never idle never skips it.
    let awake = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let (dir, slow, record) = (tempfile::tempdir().unwrap(), Slow::new(), Record::default());
    let team = slow.team(dir.path(), record.clone()).await;
    let options = SubmitOptions::default();
    let working = team.submit(Terms::new("work"), b"null".to_vec(), options).await.unwrap();
    while begun(&record) == 0 {
        tokio::task::yield_now().await;
    }

    slow.is_slow.store(true, SeqCst);
    let answered = Arc::new(AtomicUsize::new(0));
    let asks: Vec<_> = (0..ASKING)
        .map(|number| {
            let (team, answered) = (team.clone(), answered.clone());
            tokio::spawn(async move {
                let said = team.ask::<echo>(number.to_string()).await;
                answered.fetch_add(1, SeqCst);
                said
            })
        })
        .collect();
    let mut syncs = 0;
    loop {
        let all = || answered.load(SeqCst) == ASKING;
        let begun = loop {
            match slow.begun() {
                false if !all() => tokio::task::yield_now().await,
                begun => break begun,
            }
        };
        if !begun {
            break; // All are answered, and nothing is written any more.
        }
        settle().await; // What the sync before this one allowed is being told still.
        let before = answered.load(SeqCst);
        // A sync of ten seconds, a third of a lease: nothing is answered while it lasts.
        tokio::time::advance(Duration::from_secs(10)).await;
        settle().await;
        assert_eq!(answered.load(SeqCst), before, "answered during a sync");
        syncs += 1;
        slow.release.send(()).unwrap();
    }
    slow.is_slow.store(false, SeqCst);
    for (number, ask) in asks.into_iter().enumerate() {
        assert_eq!(ask.await.unwrap(), Ok(number.to_string()));
    }
    assert!(syncs <= 4, "{syncs} syncs for {ASKING} tasks");
    ENOUGH.notify_one();
    working.settled().await.unwrap();
    assert_eq!((begun(&record), taken(&record)), (ASKING + 1, 0), "no lease was lost");
    awake.abort();
}
