//! Advice over the end of a process: what was asked is asked again, and heard once. Time is driven.

use majordomo::kernel::{Event, Policy, Reason};
use majordomo::runtime::port::{Agent, BoxFuture};
use majordomo::testing::Disk;
use majordomo::{
    AgentEntry, Context, Result, SubmitOptions, Team, TeamBuilder, Ticket, capability,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.split_whitespace().count())
}

/// Advises so; or thinks about it forever.
struct Oracle(Option<Value>);

impl Agent for Oracle {
    fn run(&self, _: Context) -> BoxFuture<'static, Result<Value>> {
        match self.0.clone() {
            Some(advice) => Box::pin(async move { Ok(advice) }),
            None => Box::pin(std::future::pending()),
        }
    }
}

fn oracle(advice: Option<Value>) -> AgentEntry {
    AgentEntry::new("oracle", "native", &["route"], 1, Arc::new(Oracle(advice)))
}

fn names_b() -> AgentEntry {
    oracle(Some(json!({ "agent": "b", "reason": "it is the better one" })))
}

fn team(disk: &Disk, counters: &[&str]) -> TeamBuilder {
    let team = disk.team().route("text.count", Policy::External { wait_ms: 60_000 });
    counters.iter().fold(team, |team, name| team.agent(AgentEntry::native(name, 1, count)))
}

/// A life in which the adviser is asked and does not answer.
async fn asked_in_vain(disk: &Disk) {
    let team = team(disk, &["a", "b"]).agent(oracle(None)).start().await.expect("starts");
    let ticket = team.handle::<count>().submit("one two", SubmitOptions::default()).await;
    let _unsettled = ticket.expect("accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(disk.record().tasks("route").len(), 1, "the adviser was asked");
    disk.kill(team);
}

/// The way to the outcome of what that life did not do.
fn again(disk: &Disk, team: &Team) -> Ticket<usize> {
    team.ticket(disk.record().tasks("text.count")[0]).expect("it is open").typed()
}

/// Who got the work, and why.
fn choice(disk: &Disk, team: &Team) -> (String, Reason) {
    let task = disk.record().tasks("text.count")[0];
    let granted = disk.record().entries().into_iter().find_map(|entry| match entry.event {
        Event::LeaseGranted(granted) if granted.task == task => Some(granted),
        _ => None,
    });
    let granted = granted.expect("it was given to somebody");
    let agents = team.agents();
    let agent = agents.iter().find(|it| it.id == granted.agent).expect("somebody known");
    (agent.spec.name.to_string(), granted.why.reason)
}

/// A life in which these count, after one in which the adviser did not answer.
async fn is_answered_among(counters: &[&str]) {
    let disk = Disk::new();
    asked_in_vain(&disk).await;
    let team = team(&disk, counters).agent(names_b()).start().await.expect("starts");
    assert_eq!(again(&disk, &team).await, Ok(2));
    assert_eq!(choice(&disk, &team), ("b".to_owned(), Reason::Advised));
    assert_eq!(disk.record().tasks("route").len(), 1, "it is the same question");
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_of_an_adviser_is_answered_in_the_next_life() {
    is_answered_among(&["a", "b"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_is_the_same_although_somebody_new_could_be_named_now() {
    is_answered_among(&["new", "a", "b"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_adviser_that_comes_late_is_asked_when_it_comes() {
    let disk = Disk::new();
    asked_in_vain(&disk).await;
    let team = team(&disk, &["a", "b"]).start().await.expect("starts");
    let ticket = again(&disk, &team);
    tokio::time::sleep(Duration::from_secs(1)).await;
    team.join(names_b()).await.expect("joins");
    assert_eq!(ticket.await, Ok(2));
    assert_eq!(choice(&disk, &team), ("b".to_owned(), Reason::Advised));
}
