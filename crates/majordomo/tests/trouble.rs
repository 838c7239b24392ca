//! What can go wrong around agents' code, and must not hurt: panics in odd places, tasks of its
//! own, listening for a cancellation while waiting, one thread for everything, an end while
//! somebody waits.

use majordomo::{AgentEntry, Context, Failure, OnUnknown, Result, Team, capability};
use runtime::port::journal::Seq;
use runtime::port::observer::{Note, Observer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Long enough for a loaded machine, short enough that a hang is a failure and not a wait.
const SOON: Duration = Duration::from_secs(20);

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work).await.expect("it hangs")
}

fn null() -> Vec<u8> {
    b"null".to_vec()
}

fn one_slot<H: majordomo::Handler>(name: &str, serves: &str, handler: fn() -> H) -> AgentEntry {
    AgentEntry::new(name, "native", &[serves], 1, runtime::api::native(handler))
}

#[capability("echo@1")]
async fn echo(_: Context, value: Value) -> Result<Value> {
    Ok(value)
}

#[capability("forever@1")]
async fn forever(_: Context, _: Value) -> Result<()> {
    std::future::pending().await
}

#[tokio::test]
async fn who_waits_for_an_outcome_hears_of_the_drain() {
    let dir = tempfile::tempdir().expect("a directory");
    let team = Team::open(dir.path()).with(forever).start().await.expect("starts");
    let ticket = team.submit(kernel::Terms::new("forever"), null(), Default::default());
    let ticket = ticket.await.expect("accepted");
    let task = ticket.task;
    let waits = tokio::spawn(ticket.outcome());
    team.drain(Duration::ZERO).await;
    let told = soon(waits).await.expect("no panic").expect_err("it has not ended");
    assert_eq!(told.kind, kernel::FailureKind::Lost, "{told}");
    assert!(team.ticket(task).is_none(), "nobody would ever settle it");
}

/// Panics when it is dropped, as a guard with an assertion does.
struct Touchy;

impl Drop for Touchy {
    fn drop(&mut self) {
        panic!("dropped me");
    }
}

#[capability("touchy@1")]
async fn touchy(cx: Context, _: Value) -> Result<u32> {
    if cx.attempt_no() == 1 {
        let _touchy = Touchy;
        cx.sleep(Duration::from_secs(3600)).await?;
    }
    Ok(cx.attempt_no())
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_it_is_dropped_frees_the_slot() {
    let team = Team::in_memory().agent(one_slot("touchy", "touchy@1", touchy));
    let team = team.with(echo).start().await.expect("starts");
    let first = team.submit(kernel::Terms::new("touchy"), null(), Default::default());
    let first = first.await.expect("accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    team.cancel(first.task, "enough").await.expect("cancels");
    assert!(first.outcome().await.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let drained = soon(team.drain(Duration::ZERO)).await;
    assert_eq!(drained.handed_back, 0, "the dropped one is still there");
}

#[capability("listens@1")]
async fn listens(cx: Context, depth: u32) -> Result<u32> {
    if depth == 0 {
        return Ok(0);
    }
    tokio::select! {
        () = cx.cancelled() => Err(Failure::error("cancelled")),
        below = cx.ask::<listens>(depth - 1) => Ok(below? + 1),
    }
}

#[tokio::test(start_paused = true)]
async fn listening_for_a_cancellation_keeps_no_slot() {
    let team = Team::in_memory().agent(one_slot("listens", "listens@1", listens));
    let team = team.start().await.expect("starts");
    assert_eq!(soon(team.ask::<listens>(8)).await, Ok(8));
}

static CLEANED: AtomicBool = AtomicBool::new(false);

#[capability("tidies@1")]
async fn tidies(cx: Context, _: Value) -> Result<()> {
    tokio::select! {
        () = cx.cancelled() => {}
        slept = cx.sleep(Duration::from_secs(3600)) => return slept,
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    CLEANED.store(true, Ordering::SeqCst);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_listens_for_the_cancellation_may_tidy_up() {
    let team = Team::in_memory().with(tidies).start().await.expect("starts");
    let ticket = team.submit(kernel::Terms::new("tidies"), null(), Default::default());
    let ticket = ticket.await.expect("accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    team.cancel(ticket.task, "enough").await.expect("cancels");
    assert!(ticket.outcome().await.is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(CLEANED.load(Ordering::SeqCst));
}

#[capability("spawns@1")]
async fn spawns(cx: Context, n: u32) -> Result<usize> {
    let ask = |at| {
        let question = cx.ask::<echo>(json!(at));
        tokio::spawn(question.into_future())
    };
    let asked: Vec<_> = (0..n).map(ask).collect();
    let mut answered = 0;
    for answer in asked {
        answered += usize::from(answer.await?.is_ok());
    }
    // The next life finds all answers recorded.
    if cx.attempt_no() == 1 { Err(Failure::error("again")) } else { Ok(answered) }
}

#[tokio::test(start_paused = true)]
async fn questions_asked_from_tasks_of_its_own_are_answered() {
    let team = Team::in_memory().with(spawns).with(echo).start().await.expect("starts");
    assert_eq!(soon(team.ask::<spawns>(20)).await, Ok(20));
}

/// Breaks at the first thing it hears.
struct Clumsy;

impl Observer for Clumsy {
    fn durable(&self, _: Seq, _: &Arc<[kernel::Entry]>) {
        panic!("clumsy");
    }
    fn note(&self, _: &Note) {}
}

#[tokio::test]
async fn an_observer_that_panics_stops_nobody() {
    let dir = tempfile::tempdir().expect("a directory");
    let team = Team::open_watched(dir.path(), vec![Arc::new(Clumsy)]).with(echo);
    let team = soon(team.start()).await.expect("starts");
    assert_eq!(soon(team.ask::<echo>(json!(1))).await, Ok(json!(1)));
    soon(team.drain(Duration::ZERO)).await;
}

#[tokio::test]
async fn a_step_taken_while_the_journal_is_borrowed_is_not_forgotten() {
    let team = Team::in_memory().with(echo).start().await.expect("starts");
    let (borrowed, is_borrowed) = std::sync::mpsc::channel();
    let (enough, is_enough) = std::sync::mpsc::channel::<()>();
    let runtime = team.runtime().clone();
    let reader = std::thread::spawn(move || {
        runtime.with_journal(|journal| {
            borrowed.send(()).expect("the test listens");
            let _ = is_enough.recv();
            journal.size()
        })
    });
    is_borrowed.recv().expect("the reader runs");
    let asked = team.clone();
    let answer = tokio::spawn(async move { asked.ask::<echo>(json!(2)).await });
    while team.open_tasks() == 0 {
        tokio::task::yield_now().await;
    }
    enough.send(()).expect("the reader waits");
    reader.join().expect("reads");
    assert_eq!(soon(answer).await.expect("no panic"), Ok(json!(2)));
}

#[capability("twins@1")]
async fn twins(cx: Context, _: Value) -> Result<usize> {
    let keys = ["a", "b", "a"];
    let each = |cx: Context, _| async move { cx.once("mail", async { Ok(()) }).await };
    Ok(cx.map(keys, |key| (*key).to_owned(), 8, each).await?.len())
}

#[tokio::test(start_paused = true)]
async fn two_items_of_a_map_with_one_key_are_refused() {
    let team = Team::in_memory().with(twins).start().await.expect("starts");
    let refused = team.ask::<twins>(Value::Null).await.expect_err("a key names one item");
    assert_eq!(refused.kind, kernel::FailureKind::Rejected);
    assert!(refused.message.contains("\"a\""), "{refused}");
}

static HEARD: std::sync::Mutex<Vec<Failure>> = std::sync::Mutex::new(Vec::new());

#[capability("declined@1")]
async fn declined(cx: Context, _: Value) -> Result<u32> {
    let pay = async { Err(Failure::rejected(format!("declined {}", "x".repeat(9_000)))) };
    let paid: Result<u32> = cx.once("pay", pay).on_unknown(OnUnknown::Fail).await;
    HEARD.lock().expect("nobody panics here").extend(paid.err());
    if cx.attempt_no() < 3 { Err(Failure::error("again")) } else { Ok(cx.attempt_no()) }
}

#[tokio::test(start_paused = true)]
async fn a_recorded_failure_is_the_same_in_every_life() {
    let team = Team::in_memory().with(declined).start().await.expect("starts");
    assert_eq!(team.ask::<declined>(Value::Null).await, Ok(3));
    let heard = HEARD.lock().expect("nobody panics here");
    assert_eq!(heard.len(), 3);
    assert!(heard.windows(2).all(|two| two[0] == two[1]), "{heard:?}");
}

#[capability("patient@1")]
async fn patient(cx: Context, on_unknown: String) -> Result<u32> {
    let stuck = cx.once("pay", std::future::pending::<Result<u32>>());
    let _late = tokio::time::timeout(Duration::from_secs(1), stuck).await;
    let on_unknown = match &*on_unknown {
        "retry" => OnUnknown::Retry,
        "ask" => OnUnknown::AskHuman,
        _ => OnUnknown::Fail,
    };
    cx.once("pay", async { Ok(7) }).on_unknown(on_unknown).await
}

#[tokio::test(start_paused = true)]
async fn a_side_effect_given_up_half_way_is_unknown_to_the_same_attempt() {
    let team = Team::in_memory().with(patient).start().await.expect("starts");
    assert_eq!(team.ask::<patient>("retry").await, Ok(7));
    let unknown = team.ask::<patient>("fail").await.expect_err("it may have happened");
    assert_eq!(unknown.kind, kernel::FailureKind::Unknown, "{unknown}");
}

static SAYS: std::sync::Mutex<Option<Value>> = std::sync::Mutex::new(None);

/// A person who looks at the other side and says what is on [`SAYS`].
#[capability("decide@1")]
async fn decide(_: Context, asked: Value) -> Result<Value> {
    assert_eq!(asked["step"], "pay");
    let said = SAYS.lock().expect("nobody panics here").clone();
    said.ok_or_else(|| Failure::rejected("ada said no"))
}

#[tokio::test(start_paused = true)]
async fn a_person_decides_what_nobody_knows() {
    let team = Team::in_memory().with(patient).with(decide).start().await.expect("starts");
    let decided = async |said: Option<Value>| {
        *SAYS.lock().expect("nobody panics here") = said;
        team.ask::<patient>("ask").await.map_err(|failure| failure.kind)
    };
    assert_eq!(decided(Some(json!("retry"))).await, Ok(7));
    let value = json!({ "choice": "value", "value": 9 });
    assert_eq!(decided(Some(value)).await, Ok(9), "what the person found is the result");
    let unknown = Err(kernel::FailureKind::Unknown);
    assert_eq!(decided(Some(json!("fail"))).await, unknown);
    assert_eq!(decided(Some(json!({ "choice": "value" }))).await, unknown, "no value");
    assert_eq!(decided(None).await, Err(kernel::FailureKind::Rejected), "no, or silence");
}

#[capability("hasty@1")]
async fn hasty(cx: Context, _: Value) -> Result<u32> {
    let slow = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(1)
    };
    let twin = cx.once("pay", async { Ok(2) }).on_unknown(OnUnknown::Retry);
    let (first, second) = tokio::join!(cx.once("pay", slow).into_future(), twin.into_future());
    let refused = second.expect_err("two at once");
    assert!(refused.message.contains("under way"), "{refused}");
    first
}

#[tokio::test(start_paused = true)]
async fn one_step_is_not_performed_by_two_at_once() {
    let team = Team::in_memory().with(hasty).start().await.expect("starts");
    assert_eq!(team.ask::<hasty>(Value::Null).await, Ok(1));
}

static BUSY: AtomicU32 = AtomicU32::new(0);

/// Keeps its thread, and so every thread there is, for longer than a lease.
#[capability("hog@1")]
async fn hog(cx: Context, _: Value) -> Result<u32> {
    BUSY.fetch_add(1, Ordering::SeqCst);
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(400) {
        std::hint::spin_loop();
    }
    Ok(cx.attempt_no())
}

#[tokio::test]
async fn code_that_keeps_the_only_thread_keeps_its_lease() {
    let limits = kernel::Limits {
        lease_ms: 100,
        renew_ms: 20,
        renew_retry_ms: 5,
        ..kernel::Limits::default()
    };
    let team = Team::in_memory().limits(limits).with(hog).start().await.expect("starts");
    assert_eq!(soon(team.ask::<hog>(Value::Null)).await, Ok(1));
    assert_eq!(BUSY.load(Ordering::SeqCst), 1);
}

static WINNERS: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

#[capability("large@1")]
async fn large(_: Context, _: Value) -> Result<String> {
    Ok("x".repeat(2_000_000))
}

/// The large answer came first; reading it takes a while, and must not make the other the winner.
#[capability("race@1")]
async fn race(cx: Context, _: Value) -> Result<u32> {
    let first = cx.ask_as::<large>("first", Value::Null);
    let second = cx
        .ask_as::<echo>("second", json!(2))
        .with(majordomo::AskOptions { delay: Some(Duration::from_secs(60)), ..Default::default() });
    let (mut first, mut second) = (first.into_future(), second.into_future());
    let winner = tokio::select! {
        it = &mut first => { it?; "first" }
        it = &mut second => { it?; "second" }
    };
    WINNERS.lock().expect("nobody panics here").push(winner.to_owned());
    if winner == "first" {
        second.await?;
    } else {
        first.await?;
    }
    if cx.attempt_no() < 4 { Err(Failure::error("again")) } else { Ok(cx.attempt_no()) }
}

#[tokio::test(start_paused = true)]
async fn a_race_has_the_same_winner_in_every_life() {
    let team = Team::in_memory().with(race).with(large).with(echo);
    let team = team.start().await.expect("starts");
    assert_eq!(team.ask::<race>(Value::Null).await, Ok(4));
    let winners = WINNERS.lock().expect("nobody panics here");
    assert!(winners.iter().all(|it| it == "first"), "{winners:?}");
}

#[tokio::test]
async fn the_socket_of_the_next_process_is_left_alone() {
    use majordomo::control::{Desk, Server};
    use majordomo::{data::DataDir, session::Inbox};
    let desk = |team| Desk::new(team, "team", Inbox::default());
    let dir = tempfile::tempdir().expect("a directory");
    let data = DataDir::new(dir.path());
    let team = Team::in_memory().start().await.expect("starts");
    let server = Server::start(&data, desk(team.clone())).expect("listens");
    std::fs::remove_file(data.socket()).expect("it was there");
    let _next = std::os::unix::net::UnixListener::bind(data.socket()).expect("the next one's");
    drop(server);
    assert!(data.socket().exists(), "the next process cannot be reached any more");
    let server = Server::start(&data, desk(team)).expect("listens");
    drop(server);
    assert!(!data.socket().exists(), "its own it takes along");
}
