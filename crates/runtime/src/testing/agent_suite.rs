//! What the port [`Agent`](crate::port::Agent) promises, as a program every kind of agent must
//! pass.
//!
//! 1. What it gives is the task's output.
//! 2. A task's key is the same on every attempt, and no other task's, in whatever journal; its
//!    token rises with every attempt.
//! 3. An error is tried again as often as the terms say; a rejection is not; a death is a failure
//!    like any other.
//! 4. A stop really ends the work, whether the task was called off, the agent leaves, or all of it
//!    is drained, and the slot is free only then.
//!
//! The agent on the [`Stage`] serves `suite@1` on one slot and does what its input, a string, says:
//!
//! | input | what it does |
//! |---|---|
//! | `"give"` | gives its input back |
//! | `"third"` | fails on the first two attempts, then gives its input back |
//! | `"error"` | fails in a way that may pass |
//! | `"reject"` | fails in a way that cannot pass |
//! | `"die"` | panics, or ends its process |
//! | `"hang"` | never ends, unless it is ended |

use super::eventually;
use crate::api::{AgentEntry, SubmitOptions, Team, TeamBuilder, Ticket};
use crate::recover::Stores;
use kernel::{FailureKind, Outcome, RetryPolicy, Terms};
use serde_json::json;
use std::time::Duration;

/// One agent to be judged, and what can be seen of it from the outside.
pub trait Stage {
    /// The agent, ready to join. Called once for each clause: with a name of its own, the same each
    /// time.
    fn entry(&self) -> AgentEntry;

    /// Empty stores.
    fn stores(&self) -> Stores;

    /// What every attempt at work found when it began, oldest first, over all clauses.
    fn seen(&self) -> Vec<Seen>;

    /// Pieces of work that go on now, as seen from outside the agent: processes, futures.
    fn working(&self) -> usize;
}

/// What one attempt found when it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The task's key for outside systems.
    pub key: String,
    /// The attempt's token.
    pub token: u64,
    /// No other work of this agent was still going on.
    pub alone: bool,
}

/// Runs every clause.
///
/// # Panics
/// On the first promise that is broken, with what was seen.
pub async fn run(stage: &impl Stage) {
    what_it_gives_is_the_output(stage).await;
    the_key_stays_and_the_token_rises(stage).await;
    failures_are_told_apart(stage).await;
    a_cancelled_task_ends_and_then_frees_its_slot(stage).await;
    nothing_goes_on_without_the_agent(stage).await;
    a_drain_ends_the_work_and_gives_it_back(stage).await;
    let seen = stage.seen();
    assert!(seen.iter().all(|it| it.alone), "one slot, but two at work: {seen:#?}");
}

async fn what_it_gives_is_the_output(stage: &impl Stage) {
    let team = team_of(stage).await;
    assert_eq!(submit(&team, "give").await.outcome().await, Ok(json!("give")));
    close(team, stage).await;
}

async fn the_key_stays_and_the_token_rises(stage: &impl Stage) {
    let team = team_of(stage).await;
    let before = stage.seen().len();
    assert_eq!(submit(&team, "third").await.outcome().await, Ok(json!("third")));
    assert_eq!(submit(&team, "give").await.outcome().await, Ok(json!("give")));
    let seen = stage.seen().split_off(before);
    assert_eq!(seen.len(), 4, "three attempts at one task and one at another: {seen:#?}");
    assert!(seen[..3].iter().all(|it| it.key == seen[0].key), "the key changed: {seen:#?}");
    assert_ne!(seen[3].key, seen[0].key, "two tasks share a key");
    assert!(seen.is_sorted_by(|one, next| one.token < next.token), "tokens rise: {seen:#?}");
    close(team, stage).await;
    // The first task of another journal has the same number, and is another task.
    let other = team_of(stage).await;
    assert_eq!(submit(&other, "give").await.outcome().await, Ok(json!("give")));
    let twin = stage.seen().pop().expect("it was seen");
    assert_ne!(twin.key, seen[0].key, "tasks of two journals share a key");
    close(other, stage).await;
}

async fn failures_are_told_apart(stage: &impl Stage) {
    let cases = [
        ("error", 3, &[FailureKind::Error][..]),
        ("reject", 1, &[FailureKind::Rejected]),
        ("die", 3, &[FailureKind::Panic, FailureKind::Crash]),
    ];
    for (input, attempts, kinds) in cases {
        let team = team_of(stage).await;
        let before = stage.seen().len();
        let outcome = submit(&team, input).await.settled().await.expect("it ends");
        let (Outcome::Failed(failure) | Outcome::Dead(failure)) = &*outcome else {
            panic!("{input} ended as {outcome:?}")
        };
        assert!(kinds.contains(&failure.kind), "{input} gave {failure:?}, not one of {kinds:?}");
        assert_eq!(stage.seen().len() - before, attempts, "attempts at {input}");
        close(team, stage).await;
    }
}

async fn a_cancelled_task_ends_and_then_frees_its_slot(stage: &impl Stage) {
    let team = team_of(stage).await;
    let hangs = submit(&team, "hang").await;
    eventually("it works", || stage.working() == 1).await;
    let next = submit(&team, "give").await;
    team.cancel(hangs.task, "enough").await.expect("cancels");
    let ended = hangs.settled().await.expect("it ends");
    assert!(matches!(&*ended, Outcome::Cancelled(_)), "it ended as {ended:?}");
    // Whether the one before was gone when it began is in what it has seen.
    assert_eq!(next.outcome().await, Ok(json!("give")));
    eventually("the cancelled work ends", || stage.working() == 0).await;
    close(team, stage).await;
}

async fn nothing_goes_on_without_the_agent(stage: &impl Stage) {
    let team = team_of(stage).await;
    let hangs = submit(&team, "hang").await;
    eventually("it works", || stage.working() == 1).await;
    let name = stage.entry().spec.name;
    team.leave(&name).await.expect("leaves");
    eventually("its work ends with it", || stage.working() == 0).await;
    assert_eq!(team.open_runs(), [hangs.task], "the task waits for another agent");
    close(team, stage).await;
}

async fn a_drain_ends_the_work_and_gives_it_back(stage: &impl Stage) {
    let team = team_of(stage).await;
    let _hangs = submit(&team, "hang").await;
    eventually("it works", || stage.working() == 1).await;
    assert_eq!(team.drain(Duration::ZERO).await.handed_back, 1);
    assert_eq!(stage.working(), 0, "it goes on after the drain");
}

async fn team_of(stage: &impl Stage) -> Team {
    let builder = TeamBuilder::new(Ok(stage.stores()));
    builder.agent(stage.entry()).start().await.expect("starts")
}

/// A task that is tried at most three times, at once.
async fn submit(team: &Team, what: &str) -> Ticket {
    let mut terms = Terms::new("suite");
    terms.retry = RetryPolicy { attempts_max: 3, base_ms: 1, cap_ms: 1 };
    let input = json!(what).to_string().into_bytes();
    team.submit(terms, input, SubmitOptions::default()).await.expect("accepted")
}

async fn close(team: Team, stage: &impl Stage) {
    assert_eq!(team.drain(Duration::ZERO).await.agents_left, 0, "the agent did not stop");
    assert_eq!(stage.working(), 0, "something goes on after the agent has stopped");
}
