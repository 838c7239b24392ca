//! What is said to everybody of a team, and to a role: who hears it, and what the speaker learns.

use majordomo::runtime::bus::{Access, End, Feed, Pattern, Receipt};
use majordomo::{AgentEntry, Context, Result, SubmitOptions, Team, capability};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Where agents at work hand out what they speak and hear with; one test at a time.
static AT_WORK: Mutex<Option<Sender<Context>>> = Mutex::new(None);
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[capability("works@1")]
async fn works(cx: Context, (): ()) -> Result<()> {
    if let Some(sender) = &*AT_WORK.lock().expect("no panic") {
        let _ = sender.try_send(cx.clone());
    }
    std::future::pending().await
}

fn agent(name: &str) -> AgentEntry {
    AgentEntry::native(name, 1, works)
}

fn contexts() -> Receiver<Context> {
    let (sender, contexts) = channel(9);
    *AT_WORK.lock().expect("no panic") = Some(sender);
    contexts
}

/// Has each agent work, and gives their contexts by the name of each.
async fn at_work<const N: usize>(team: &Team, teams: [&str; N]) -> [(kernel::TaskId, Context); N] {
    let mut contexts = contexts();
    let mut working = Vec::new();
    for of in teams {
        let mut terms = kernel::Terms::new("works");
        terms.team = of.into();
        let ticket = team.submit(terms, b"null".to_vec(), SubmitOptions::default()).await;
        let task = ticket.expect("accepted").task;
        working.push((task, contexts.recv().await.expect("it begins")));
    }
    working.try_into().map_err(|_| "as many as there are teams").expect("so many")
}

async fn hears(cx: &Context) -> Feed<String> {
    cx.broadcasts().await.expect("it may")
}

async fn next(feed: &mut Feed<String>) -> String {
    let heard = feed.next().await.expect("it goes on").expect("a text");
    format!("{} to {}", *heard, heard.envelope().header.subject)
}

fn all(delivered: u32) -> Receipt {
    Receipt { delivered: delivered as _, dropped: 0 }
}

#[tokio::test]
async fn a_role_hears_what_is_said_to_it_and_everybody_what_is_said_to_all() {
    let _one = ONE.lock().await;
    let mut foreign = agent("foreign").role("critic");
    foreign.spec.team = "other".into();
    let team = Team::in_memory()
        .agent(agent("ada").role("critic"))
        .agent(agent("bob").role("critic"))
        .agent(agent("eve").role("writer"))
        .agent(foreign)
        .start()
        .await
        .expect("starts");
    let [(_, one), (_, two), (_, three), (_, foreign)] =
        at_work(&team, ["", "", "", "other"]).await;
    let role = |cx: &Context| cx.bus().expect("a bus").role().expect("it has one").to_string();
    let (mut critics, mut writers): (Vec<Context>, Vec<Context>) =
        [one, two, three].into_iter().partition(|it| role(it) == "critic");
    let eve = writers.pop().expect("one writer");
    let (bob, ada) = (critics.pop().expect("two critics"), critics.pop().expect("two critics"));
    assert!(eve.broadcast("early".to_owned()).await.expect("may").is_nobody(), "nobody listens");

    let (mut by_ada, mut by_bob) = (hears(&ada).await, hears(&bob).await);
    let (mut by_eve, by_foreign) = (hears(&eve).await, hears(&foreign).await);
    let said = eve.broadcast_to_role("critic", "read it".to_owned()).await;
    assert_eq!(said, Ok(all(2)));
    for feed in [&mut by_ada, &mut by_bob] {
        assert_eq!(next(feed).await, "read it to team.main.role.critic");
    }
    assert_eq!(ada.broadcast_to_role("writer", "done".to_owned()).await, Ok(all(1)));
    assert_eq!(next(&mut by_eve).await, "done to team.main.role.writer");
    assert_eq!(bob.broadcast("home".to_owned()).await, Ok(all(3)), "whoever says it too");
    for feed in [&mut by_ada, &mut by_bob, &mut by_eve] {
        assert_eq!(next(feed).await, "home to team.main.everybody");
        let counts = feed.counts();
        assert_eq!((counts.offered, counts.received), (2, 2), "and nothing else");
    }
    let nobody = bob.broadcast_to_role("judge", "who?".to_owned()).await.expect("it may");
    assert!(nobody.is_nobody(), "nobody has that role");
    assert_eq!(by_foreign.counts().offered, 0, "another team hears nothing of it");
    assert_eq!(foreign.broadcast("ours".to_owned()).await, Ok(all(1)));
    team.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn broadcasts_end_with_the_attempt_and_who_has_no_role_hears_what_is_for_all() {
    let _one = ONE.lock().await;
    let team = Team::in_memory().agent(agent("ada")).start().await.expect("starts");
    let [(task, ada)] = at_work(&team, [""]).await;
    let mut feed = hears(&ada).await;
    let bus = team.bus("operator").expect("a bus");
    assert_eq!((ada.bus().expect("a bus").role(), bus.role()), (None, None));
    let nobody = bus.broadcast_to_role("critic", "psst".to_owned()).await.expect("it may");
    assert!(nobody.is_nobody());
    assert_eq!(bus.broadcast(7_u64).await, Ok(all(1)));
    assert_eq!(bus.broadcast("stop".to_owned()).await, Ok(all(1)));
    let wrong = feed.next().await.expect("it goes on").expect_err("a number is no text");
    assert!(wrong.to_string().contains("u64@1"), "{wrong}");
    assert_eq!(next(&mut feed).await, "stop to team.main.everybody");
    team.cancel(task, "enough").await.expect("cancels");
    assert!(feed.next().await.is_none());
    assert_eq!(feed.end(), Some(End::AttemptEnded));
    assert!(ada.broadcast("late".to_owned()).await.is_err(), "nor does it speak any more");
    team.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn who_may_not_is_refused_and_told_what_it_may() {
    let _one = ONE.lock().await;
    let listed = |it: &str| vec![Pattern::new(it).expect("a pattern")];
    let (publish, subscribe) = (listed("team.main.role.*"), listed("team.main.everybody"));
    let ada = agent("ada").role("critic").bus_access(Access { publish, subscribe });
    let team = Team::in_memory().agent(ada).start().await.expect("starts");
    let [(_, ada)] = at_work(&team, [""]).await;
    assert!(ada.broadcast_to_role("critic", 1_u64).await.expect("listed").is_nobody());
    let refused = ada.broadcast(1_u64).await.expect_err("not listed").to_string();
    assert!(refused.contains("may not publish to team.main.everybody"), "{refused}");
    let refused = ada.broadcasts::<u64>().await.map(|_| ()).expect_err("not listed").to_string();
    assert!(refused.contains("may not subscribe to team.main.role.critic"), "{refused}");
    let bus = team.bus("operator").expect("a bus");
    let half = bus.broadcast(1_u64).await.expect("it may");
    assert!(half.is_nobody(), "half of a refused subscription is none");
    team.drain(Duration::ZERO).await;
}
