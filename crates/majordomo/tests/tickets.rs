//! Tickets, and several questions at once: what is seen from outside, and what a later life sees.

use majordomo::kernel::{FailedAttempt, RetryPolicy};
use majordomo::testing::{Disk, Script};
use majordomo::{
    AskOptions, Context, Failure, Fault, Level, Result, Said, SubmitOptions, TaskStatus, Team,
    capability,
};
use majordomo::{first_success, join, race};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

#[capability("text.write@1")]
async fn write(cx: Context, words: Vec<String>) -> Result<String> {
    let mut text = String::new();
    for word in words {
        text.push_str(&word);
        cx.partial(&text);
        cx.progress(None, word);
        cx.sleep(Duration::from_secs(1)).await?;
    }
    Ok(text)
}

#[capability("north@1")]
async fn north(cx: Context, after_s: u64) -> Result<String> {
    cx.sleep(Duration::from_secs(after_s)).await?;
    Ok("north".into())
}

#[capability("south@1")]
async fn south(cx: Context, after_s: u64) -> Result<String> {
    cx.sleep(Duration::from_secs(after_s)).await?;
    Ok("south".into())
}

#[capability("refuse@1")]
async fn refuse(_: Context, why: String) -> Result<String> {
    Err(Failure::rejected(why))
}

fn words() -> Vec<String> {
    vec!["to ".into(), "be".into()]
}

#[tokio::test(start_paused = true)]
async fn a_ticket_tells_how_it_goes_until_its_run_has_ended() {
    let team = Team::in_memory().with(write).start().await.expect("starts");
    let other = team.handle::<write>().submit(words(), SubmitOptions::default()).await;
    let ticket = team.handle::<write>().submit(words(), SubmitOptions::default()).await;
    let (ticket, _other) = (ticket.expect("accepted"), other.expect("accepted"));
    let mut progress = ticket.progress();
    let mut said = Vec::new();
    while let Some(note) = progress.next().await {
        assert_eq!(note.attempt.task, ticket.id(), "only what its own run says");
        said.push(note.what);
    }
    let partial = |text: &str| Said::Partial { output: json!(text) };
    let at = |word: &str| Said::Progress { fraction: None, message: word.into() };
    assert_eq!(said, [partial("to "), at("to "), partial("to be"), at("be")]);
    assert_eq!(ticket.status(), Ok(TaskStatus::Ended));
    assert_eq!(ticket.progress().next().await, None, "who comes late is not kept waiting");
    assert_eq!(ticket.await, Ok("to be".to_owned()));
}

#[cfg(feature = "cli")]
#[capability("charge@1")]
async fn charge(cx: Context, cents: u64) -> Result<u64> {
    cx.log(Level::Debug, "it begins");
    cx.log_with(Level::Info, "charged", json!({ "cents": cents, "to": "Ada" }));
    cx.log_with(Level::Warn, "much", cents);
    Ok(cents)
}

/// What is said is a stream, and what is logged has fields for programs.
#[cfg(feature = "cli")] // Which has what collects a stream.
#[tokio::test(start_paused = true)]
async fn lines_of_the_log_come_as_a_stream_with_their_fields() {
    let team = Team::in_memory().with(charge).start().await.expect("starts");
    let ticket = team.handle::<charge>().submit(7, SubmitOptions::default()).await;
    let progress = ticket.expect("accepted").progress();
    let notes: Vec<majordomo::Note> = futures_util::StreamExt::collect(progress).await;
    let log = |level, message: &str, fields: Value| Said::Log {
        level,
        message: message.into(),
        fields: fields.as_object().cloned().expect("names"),
    };
    let said: Vec<Said> = notes.into_iter().map(|note| note.what).collect();
    let charged = log(Level::Info, "charged", json!({ "cents": 7, "to": "Ada" }));
    let much = log(Level::Warn, "much", json!({ "value": 7 }));
    assert_eq!(said, [log(Level::Debug, "it begins", json!({})), charged, much]);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_says_where_its_task_stands_and_calls_it_off() {
    let team = Team::in_memory().start().await.expect("starts");
    let ticket = team.handle::<north>().submit(3600, SubmitOptions::default()).await;
    let ticket = ticket.expect("accepted");
    assert_eq!(ticket.status(), Ok(TaskStatus::Queued));
    let entry = majordomo::AgentEntry::native("compass", 1, north);
    team.join(entry).await.expect("joins");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ticket.status(), Ok(TaskStatus::Waiting("compass".into())));
    ticket.cancel("enough").await.expect("cancels");
    let ended = ticket.await.expect_err("called off");
    assert!(ended.message.contains("enough"), "{ended}");
}

/// What joins, races and chooses, in one slot of its own.
#[capability("lead@1")]
async fn lead(cx: Context, _: ()) -> Result<Value> {
    let all = join((cx.ask::<north>(2), cx.ask::<south>(1), cx.ask::<south>(3))).await?;
    let list = join(vec![cx.ask::<north>(2), cx.ask::<north>(1)]).await?;
    let quickest = race([cx.ask::<north>(9), cx.ask::<south>(1), cx.ask::<north>(8)]).await?;
    let best = first_success([cx.ask::<refuse>("no"), cx.ask::<south>(1)]).await?;
    let none = first_success([cx.ask::<refuse>("no"), cx.ask::<refuse>("never")]);
    let none = none.await.expect_err("both refuse").message;
    Ok(json!([all, list, quickest, best, none]))
}

#[tokio::test(start_paused = true)]
async fn questions_are_joined_raced_and_chosen_from_without_a_slot() {
    let team = Team::in_memory().with(north).with(south).with(refuse).with(lead);
    let team = team.start().await.expect("starts");
    let ticket =
        team.handle::<lead>().submit((), SubmitOptions::default()).await.expect("accepted");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(ticket.status(), Ok(TaskStatus::Waiting("lead".into())), "it only waits");
    let told = ticket.await.expect("answers");
    let expected = json!([["north", "south", "south"], ["north", "north"], "south", "south"]);
    assert_eq!(told.as_array().map(|it| &it[..4]), expected.as_array().map(|it| &it[..]));
    let none = told[4].as_str().expect("words");
    assert!(none.contains("none of 2") && none.contains("no") && none.contains("never"), "{none}");
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_ends_a_join_and_nobody_wins_an_empty_race() {
    let nobody: [majordomo::Ask<u32>; 0] = [];
    assert_eq!(race(nobody).await.expect_err("nobody").fault(), Fault::Asker);
    let team = Team::in_memory().with(refuse).with(north).with(both).start().await.expect("starts");
    let before = tokio::time::Instant::now();
    let failed = team.ask::<both>(()).await.expect_err("one refuses");
    assert!(failed.message.contains("never"), "{failed}");
    assert!(before.elapsed() < Duration::from_secs(60), "the other is not waited for");
}

#[capability("both@1")]
async fn both(cx: Context, _: ()) -> Result<(String, String)> {
    join((cx.ask::<north>(3600), cx.ask::<refuse>("never"))).await
}

/// What an attempt has seen before it waited at the gate.
static SEEN: Mutex<Vec<(SystemTime, u64, String)>> = Mutex::new(Vec::new());

#[capability("gate@1")]
async fn gate(_: Context, _: ()) -> Result<()> {
    Ok(())
}

#[capability("draw@1")]
async fn draw(cx: Context, _: ()) -> Result<bool> {
    let (now, lot) = (cx.now().await?, cx.random().await?);
    let other = cx.random().await?;
    let winner = race([cx.ask::<north>(5), cx.ask::<south>(1)]).await?;
    cx.sleep(Duration::from_secs(10)).await?; // By then both are recorded.
    SEEN.lock().expect("no panic under it").push((now, lot, winner));
    cx.ask::<gate>(()).await?;
    Ok(lot != other)
}

#[tokio::test(start_paused = true)]
async fn a_later_life_sees_the_same_time_the_same_lots_and_the_same_winner() {
    let disk = Disk::new();
    let shut = Script::<gate>::new().hang();
    let team = disk.team().with(draw).with(north).with(south).agent(shut.joins("gate"));
    let team = team.start().await.expect("starts");
    let ticket =
        team.handle::<draw>().submit((), SubmitOptions::default()).await.expect("accepted");
    let run = ticket.id();
    while shut.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    disk.kill(team);
    let team = disk.team().with(draw).with(north).with(south).with(gate);
    let team = team.start().await.expect("starts again");
    let ticket = team.ticket(run).expect("goes on").typed::<bool>();
    assert_eq!(ticket.await, Ok(true), "two lots differ");
    let seen = SEEN.lock().expect("no panic under it");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].2, "south");
    assert!(seen[0].0.elapsed().expect("in the past") < Duration::from_secs(600));
}

#[capability("triage@1")]
async fn triage(cx: Context, why: String) -> Result<String> {
    if why.is_empty() { cx.handoff::<south>(0).await } else { cx.handoff::<refuse>(why).await }
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_off_is_answered_as_ones_own() {
    let team = Team::in_memory().with(triage).with(south).with(refuse);
    let team = team.start().await.expect("starts");
    assert_eq!(team.ask::<triage>(String::new()).await, Ok("south".into()));
    let failure = team.ask::<triage>("not today").await.expect_err("refused");
    assert_eq!((failure.fault(), failure.is_retryable()), (Fault::Asker, false));
    assert!(failure.message.ends_with("failed: not today"), "{failure}");
    assert!(!failure.message.contains("step"), "in the words of the other: {failure}");
}

#[capability("fragile@1")]
async fn fragile(_: Context, _: ()) -> Result<()> {
    let claimed = FailedAttempt { agent: "somebody else".into(), number: 1, of: 1 };
    Err(Failure { attempt: Some(Box::new(claimed)), ..Failure::error("it broke") })
}

/// What each life was told of its step, before it waited at the gate.
static TOLD: Mutex<Vec<Failure>> = Mutex::new(Vec::new());

#[capability("rely@1")]
async fn rely(cx: Context, _: ()) -> Result<String> {
    let retry = Some(RetryPolicy { attempts_max: 3, base_ms: 1, cap_ms: 1 });
    let options = AskOptions { retry, ..AskOptions::default() };
    let failure = cx.ask::<fragile>(()).with(options).await.expect_err("it breaks");
    TOLD.lock().expect("no panic under it").push(failure.clone());
    cx.ask::<gate>(()).await?;
    Ok(failure.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_with_which_attempt_of_whom_it_came_in_every_life() {
    let disk = Disk::new();
    let potter = || majordomo::AgentEntry::native("potter", 1, fragile);
    let shut = Script::<gate>::new().hang();
    let team = disk.team().with(rely).agent(potter()).agent(shut.joins("gate"));
    let team = team.start().await.expect("starts");
    let ticket =
        team.handle::<rely>().submit((), SubmitOptions::default()).await.expect("accepted");
    let run = ticket.id();
    while shut.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    disk.kill(team);
    let team = disk.team().with(rely).agent(potter()).with(gate).start().await;
    let team = team.expect("starts again");
    let said = team.ticket(run).expect("goes on").typed::<String>().await.expect("answers");
    assert!(said.ends_with("it broke (agent potter, attempt 3 of 3)"), "{said}");
    let told = TOLD.lock().expect("no panic under it").clone();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    let attempt = FailedAttempt { agent: "potter".into(), number: 3, of: 3 };
    assert_eq!(told[0].attempt.as_deref(), Some(&attempt));
    assert!(!told[0].message.contains("potter"), "the words are the agent's: {}", told[0].message);
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_an_attempt_names_nobody() {
    let team = Team::in_memory().with(refuse).start().await.expect("starts");
    let refused = team.ask::<refuse>("no").await.expect_err("refused");
    assert!(
        refused.to_string().ends_with("failed: no (agent refuse, attempt 1 of 5)"),
        "{refused}"
    );
    let gone = team.cancel(majordomo::kernel::TaskId(99), "why not").await.expect_err("unknown");
    assert_eq!((gone.attempt.clone(), gone.to_string()), (None, gone.message));
}

static INTERRUPTED: Mutex<Vec<bool>> = Mutex::new(Vec::new());

#[capability("dig@1")]
async fn dig(cx: Context, _: ()) -> Result<()> {
    INTERRUPTED.lock().expect("no panic under it").push(cx.interrupted());
    cx.cancelled().await;
    INTERRUPTED.lock().expect("no panic under it").push(cx.interrupted());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn code_can_ask_whether_it_is_to_end() {
    let team = Team::in_memory().with(dig).start().await.expect("starts");
    let ticket = team.handle::<dig>().submit((), SubmitOptions::default()).await.expect("accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    ticket.cancel("rain").await.expect("cancels");
    assert!(ticket.await.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*INTERRUPTED.lock().expect("no panic under it"), [false, true]);
}
