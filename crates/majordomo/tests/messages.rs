//! Messages of agents at work: who sends them, what they may, and what of them outlives an attempt.

use majordomo::runtime::bus::{Access, Call, End, Error, Pattern, Policy, Receipt, Topic};
use majordomo::{AgentEntry, Context, Result, SubmitOptions, Team, capability};
use runtime::api::native;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::oneshot;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Finding {
    file: String,
    line: u32,
}

fn findings() -> Topic<Finding> {
    Topic::new("team.main.findings", 1).expect("a subject")
}

fn vote() -> Call<String, bool> {
    Call::new("team.main.vote", 1).expect("a subject")
}

#[capability("review@1")]
async fn review(cx: Context, file: String) -> Result<bool> {
    let told = cx.publish(&cx.topic("findings", 1)?, Finding { file, line: 7 }).await?;
    Ok(!told.is_nobody())
}

#[capability("decide@1")]
async fn decide(cx: Context, what: String) -> Result<bool> {
    Ok(*cx.request(&vote(), what, Duration::from_secs(5)).await?)
}

#[capability("voter@1")]
async fn voter(cx: Context, count: usize) -> Result<usize> {
    let bus = cx.bus()?;
    let mut questions = cx.subscribe(vote().questions()).await?;
    let told = cx.publish(&cx.topic("ready", 1)?, true).await?;
    assert!(!told.is_nobody(), "somebody waits for it");
    for _ in 0..count {
        let question = questions.next().await.expect("the attempt goes on")?;
        bus.reply(&vote(), &question, question.starts_with("yes")).await?;
    }
    Ok(count)
}

#[capability("nosy@1")]
async fn nosy(cx: Context, subject: String) -> Result<Vec<String>> {
    let topic = Topic::<bool>::new(subject, 1)?;
    let mut refused = Vec::new();
    refused.extend(cx.publish(&topic, true).await.err().map(|it| it.to_string()));
    refused.extend(cx.subscribe(&topic).await.err().map(|it| it.to_string()));
    Ok(refused)
}

#[tokio::test]
async fn a_message_says_who_sent_it_and_for_which_task() {
    let team = Team::in_memory().agent(AgentEntry::native("critic", 4, review)).start().await;
    let team = team.expect("starts");
    assert!(!team.ask::<review>("a.rs").await.expect("done"), "nobody listens yet");
    let mut feed = team.bus("operator").expect("a bus").subscribe(&findings()).await;
    let feed = feed.as_mut().expect("subscribes");
    assert!(team.ask::<review>("b.rs").await.expect("done"), "somebody does");
    let finding = feed.next().await.expect("no end").expect("a finding");
    assert_eq!(*finding, Finding { file: "b.rs".into(), line: 7 });
    let header = &finding.envelope().header;
    assert_eq!((&*header.sender, header.schema.to_string()), ("critic", "Finding@1".into()));
    assert_eq!(header.correlation.as_deref(), Some("run-2"));
    assert_eq!(header.causation.as_deref(), Some("task-2"));
    let holder = header.attempt.expect("an attempt sent it");
    assert!(holder.task == 2 && holder.token > 0, "{holder:?}");
    team.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn agents_ask_each_other() {
    let team = Team::in_memory().with(decide).with(voter).start().await.expect("starts");
    let ready = Topic::<bool>::new("team.main.ready", 1).expect("a subject");
    let mut here = team.bus("test").expect("a bus").subscribe(&ready).await.expect("subscribes");
    let votes = {
        let team = team.clone();
        tokio::spawn(async move { team.ask::<voter>(2).await })
    };
    let alone = team.bus("test").expect("a bus");
    let nobody: Call<String, bool> = Call::new("team.main.other", 1).expect("a subject");
    let asked = alone.request(&nobody, "yes?".to_owned(), Duration::from_secs(5)).await;
    assert!(matches!(asked, Err(Error::NoResponders { .. })), "{asked:?}");
    here.next().await.expect("no end").expect("it is ready");
    assert!(team.ask::<decide>("yes, surely").await.expect("answered"));
    assert!(!team.ask::<decide>("no").await.expect("answered"));
    assert_eq!(votes.await.expect("no panic").expect("done"), 2);
    team.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn an_agent_stays_within_its_team_unless_it_is_said_otherwise() {
    let ask = async |policy: Policy, subject: &str| {
        let team = Team::in_memory().with(nosy).bus_policy(policy).start().await.expect("starts");
        let refused = team.ask::<nosy>(subject).await.expect("done");
        team.drain(Duration::ZERO).await;
        refused
    };
    assert_eq!(ask(Policy::default(), "team.main.x").await, [""; 0]);
    for subject in ["team.other.x", "x", "_inbox.1.1", "team.main"] {
        let refused = ask(Policy::default(), subject).await;
        assert_eq!(refused.len(), 2, "{subject}: {refused:?}");
        assert!(refused[0].contains("nosy may not publish to"), "{refused:?}");
        assert!(refused[1].contains("it may subscribe to team.main.>"), "{refused:?}");
    }
    let mute = Policy::default().allow("nosy", Access::default());
    assert_eq!(ask(mute, "team.main.x").await.len(), 2, "nothing listed is nothing allowed");
    let far = Policy::default().allow("nosy", Access::of_team("other"));
    assert_eq!(ask(far, "team.other.x").await, [""; 0]);
}

#[tokio::test]
async fn an_agent_whose_entry_lists_something_may_that_and_nothing_else() {
    let (ours, theirs) = (Pattern::new("team.main.>"), Pattern::new("orders.*"));
    let listed =
        Access { publish: vec![theirs.expect("one")], subscribe: vec![ours.expect("one")] };
    let wide = Policy::default().allow("nosy", Access::all());
    let nosy = AgentEntry::native("nosy", 1, nosy).bus_access(Access::all()).bus_access(listed);
    let team = Team::in_memory().bus_policy(wide).agent(nosy).start().await.expect("starts");
    let to = async |subject: &str| team.ask::<nosy>(subject).await.expect("done");
    let refused = to("team.main.x").await;
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("nosy may not publish to team.main.x"), "{refused:?}");
    assert!(refused[0].contains("it may publish to orders.*"), "{refused:?}");
    let refused = to("orders.new").await;
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("nosy may not subscribe to orders.new"), "{refused:?}");
    assert_eq!(to("orders.new.x").await.len(), 2, "one word is one word");
    team.drain(Duration::ZERO).await;
}

/// What an attempt's code has handed out before it ended.
static LEFT: Mutex<Option<oneshot::Sender<Context>>> = Mutex::new(None);

#[capability("hangs@1")]
async fn hangs(cx: Context, (): ()) -> Result<()> {
    if let Some(left) = LEFT.lock().expect("no panic").take() {
        let _ = left.send(cx.clone());
    }
    std::future::pending().await
}

#[tokio::test]
async fn who_has_lost_the_lease_says_nothing_and_hears_nothing_more() {
    let (sender, left) = oneshot::channel();
    *LEFT.lock().expect("no panic") = Some(sender);
    let entry = AgentEntry::new("hangs", "native", &["hangs@1"], 1, native(hangs));
    let team = Team::in_memory().agent(entry).start().await.expect("starts");
    let terms = kernel::Terms::new("hangs");
    let ticket = team.submit(terms, b"null".to_vec(), SubmitOptions::default()).await;
    let ticket = ticket.expect("accepted");
    let cx = left.await.expect("it began");
    let mut feed = cx.subscribe(&findings()).await.expect("it may");
    let said = cx.publish(&findings(), Finding { file: "a".into(), line: 1 }).await;
    assert_eq!(said, Ok(Receipt { delivered: 1, dropped: 0 }), "it holds the lease");

    team.cancel(ticket.task, "enough").await.expect("cancels");
    let fenced = Error::Fenced { task: ticket.task };
    let said = cx.publish(&findings(), Finding { file: "a".into(), line: 2 }).await;
    assert_eq!(said, Err(fenced.clone()), "from the moment on that the lease is gone");
    assert_eq!(cx.subscribe(&findings()).await.map(|_| ()), Err(fenced.clone()));
    let asked = cx.request(&vote(), "yes".to_owned(), Duration::from_secs(5)).await;
    assert_eq!(asked.map(|_| ()), Err(fenced));
    assert_eq!(feed.next().await.expect("it lay there").expect("a finding").line, 1);
    assert!(feed.next().await.is_none(), "the subscription has ended with the attempt");
    assert_eq!(feed.end(), Some(End::AttemptEnded));
    team.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn a_team_without_a_bus_says_so() {
    let stores = runtime::Stores {
        journal: Box::new(adapters::journal::memory::Memory::new()),
        blobs: std::sync::Arc::new(adapters::blobs::memory::Memory::new()),
        observers: Vec::new(),
        restored: false,
    };
    let team = runtime::api::TeamBuilder::new(Ok(stores)).with(review).start().await;
    let team = team.expect("starts");
    assert_eq!(team.bus("test").map(|_| ()), Err(Error::NoBus));
    let refused = team.ask::<review>("a.rs").await.expect_err("no bus");
    assert!(refused.message.contains("give it one with TeamBuilder::bus"), "{refused}");
    assert_eq!(refused.kind, kernel::FailureKind::Rejected, "trying again cannot help");
    team.drain(Duration::ZERO).await;
}
