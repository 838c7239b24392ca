//! Who wakes code that waits, and may hold on to its waker for a moment: the slot is given back all
//! the same, on however many threads.

use majordomo::{AgentEntry, Context, Result, Team, capability};
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Long enough for a loaded machine, short enough that a hang is a failure and not a wait.
const SOON: Duration = Duration::from_secs(20);

#[capability("fold@1")]
async fn fold(cx: Context, depth: u64) -> Result<u64> {
    if depth == 0 { Ok(0) } else { Ok(1 + cx.ask::<fold>(depth - 1).await?) }
}

/// The threads that bring answers are often interrupted by those that they wake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recursion_on_one_slot_goes_on_over_threads() {
    for round in 0..100 {
        let folder = AgentEntry::native("folder", 1, fold);
        let team = Team::in_memory().agent(folder).start().await.expect("starts");
        let told = timeout(SOON, team.ask::<fold>(8)).await;
        assert_eq!(told.ok(), Some(Ok(8)), "round {round}");
        team.drain(Duration::ZERO).await;
    }
}

static KEPT: Mutex<Option<Waker>> = Mutex::new(None);

fn keep(waker: Option<Waker>) -> Option<Waker> {
    std::mem::replace(&mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner), waker)
}

#[capability("kept@1")]
async fn kept(cx: Context, depth: u64) -> Result<u64> {
    if depth == 0 {
        return Ok(0);
    }
    poll_fn(|cx| {
        keep(Some(cx.waker().clone()));
        Poll::Ready(())
    })
    .await;
    Ok(1 + cx.ask::<kept>(depth - 1).await?)
}

/// A waker in foreign hands may mean that the code goes on at any moment. It keeps the slot, and
/// not for longer than it is there.
#[tokio::test(start_paused = true)]
async fn a_waker_that_is_let_go_without_a_word_frees_the_slot() {
    let keeper = AgentEntry::native("keeper", 1, kept);
    let team = Team::in_memory().agent(keeper).start().await.expect("starts");
    let asking = team.clone();
    let answer = tokio::spawn(async move { asking.ask::<kept>(1).await });
    sleep(SOON).await;
    assert!(!answer.is_finished(), "the slot is kept while the waker is");
    drop(keep(None));
    let told = timeout(SOON, answer).await.expect("it goes on").expect("no panic");
    assert_eq!(told, Ok(1));
}
