//! Programs in a team: the runtime hands out attempts, slots, keys and tokens, and takes the blame.

use std::sync::Arc;
use std::time::Duration;

use adapters::agent::command::{Command, Format, Limits, Protocol, Spec};
use adapters::{blobs, journal};
use kernel::{FailureKind, Outcome, RetryPolicy, Terms};
use runtime::Stores;
use runtime::api::{AgentEntry, Failure, SubmitOptions, Team, TeamBuilder, Ticket};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::stage::{self, Stage, eventually};

fn builder(store: &journal::memory::Store) -> TeamBuilder {
    let stores = Stores {
        journal: Box::new(store.take_over()),
        blobs: Arc::new(blobs::memory::Memory::new()),
        observers: Vec::new(),
        restored: false,
    };
    TeamBuilder::new(Ok(stores))
}

async fn team_of(entry: AgentEntry) -> Team {
    builder(&journal::memory::Store::default()).agent(entry).start().await.unwrap()
}

/// A task that is tried again at once, at most three times.
async fn submit(team: &Team, input: Value) -> Ticket {
    let mut terms = Terms::new("it");
    terms.retry = RetryPolicy { attempts_max: 3, base_ms: 1, cap_ms: 1 };
    let input = serde_json::to_vec(&input).unwrap();
    team.submit(terms, input, SubmitOptions::default()).await.unwrap()
}

async fn ask(team: &Team, input: Value) -> Result<Value, Failure> {
    submit(team, input).await.outcome().await
}

async fn closed(team: Team, stage: &Stage) {
    let drained = team.drain(Duration::from_millis(10)).await;
    assert_eq!(drained.agents_left, 0);
    assert_eq!(stage.alive(), Vec::<u32>::new());
}

fn client(stage: &Stage, body: &str) -> Command {
    let body = body.replace('\n', "\n    ");
    let program = stage.client(&format!(
        "import os, time, threading\nimport majordomo\n\
         @majordomo.serve('it')\ndef handler(cx, input):\n    {body}\nmajordomo.run()\n"
    ));
    Command::new(Spec { limits: stage::limits(), ..Spec::jsonl(program, &["it@1"]) })
}

#[tokio::test]
async fn a_plain_program_finds_the_same_key_and_a_higher_token_on_every_attempt() {
    let stage = Stage::new();
    let program = stage.shell(
        "echo \"$MAJORDOMO_KEY $MAJORDOMO_TOKEN $MAJORDOMO_ATTEMPT_NO\" >> attempts\n\
         [ $MAJORDOMO_ATTEMPT_NO = 3 ] || exit 1\ncat",
    );
    let command = Command::new(Spec { limits: stage::limits(), ..Spec::plain(program, &["it"]) });
    let team = team_of(command.entry("tests")).await;
    assert_eq!(ask(&team, json!({"a": 1})).await.unwrap(), json!({"a": 1}));
    let told = stage.written("attempts").await;
    let attempts: Vec<Vec<&str>> = told.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(attempts.len(), 3);
    let tokens: Vec<u64> = attempts.iter().map(|told| told[1].parse().unwrap()).collect();
    assert!(attempts.iter().all(|told| told[0] == attempts[0][0]), "{attempts:?}");
    assert!(tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
    closed(team, &stage).await;
}

#[tokio::test]
async fn every_way_to_misbehave_has_its_kind() {
    let cases = [
        ("exit 65", FailureKind::Rejected),
        ("exit 75", FailureKind::Overloaded),
        ("exit 1", FailureKind::Error),
        ("echo garbage", FailureKind::Garbage),
        ("kill -9 $$", FailureKind::Crash),
        ("sleep 600", FailureKind::Timeout),
        ("head -c 2000 /dev/zero", FailureKind::Garbage),
    ];
    for (script, kind) in cases {
        let stage = Stage::new();
        let limits = Limits { wall_ms: Some(300), stdout_max_bytes: 1_000, ..stage::limits() };
        let spec = Spec { limits, ..Spec::plain(stage.shell(script), &["it"]) };
        let team = team_of(Command::new(spec).entry("odd")).await;
        let mut terms = Terms::new("it");
        terms.retry = RetryPolicy { attempts_max: 1, base_ms: 1, cap_ms: 1 };
        let ticket = team.submit(terms, b"1".to_vec(), SubmitOptions::default()).await.unwrap();
        let outcome = ticket.settled().await.unwrap();
        let (Outcome::Failed(failure) | Outcome::Dead(failure)) = &*outcome else {
            panic!("{script}: {outcome:?}")
        };
        assert_eq!(failure.kind, kind, "{script}: {}", failure.message);
        closed(team, &stage).await;
    }
}

#[tokio::test]
async fn text_in_and_out() {
    let stage = Stage::new();
    let mut spec = Spec::plain(stage.program(["rev"]), &["it"]);
    spec.protocol = Protocol::Plain { input: Format::Text, output: Format::Text };
    let team = team_of(Command::new(spec).entry("rev")).await;
    assert_eq!(ask(&team, json!("abc\ndef")).await.unwrap(), json!("cba\nfed"));
    closed(team, &stage).await;
}

#[tokio::test]
async fn recursion_eight_deep_on_one_slot_does_not_deadlock() {
    let stage = Stage::new();
    let command = client(&stage, "return cx.ask('it', input - 1) + 1 if input else 0");
    let team = team_of(command.clone().entry("nest")).await;
    let depth = timeout(Duration::from_secs(60), ask(&team, json!(8))).await;
    assert_eq!(depth.expect("no deadlock").unwrap(), json!(8));
    assert!(command.processes() <= 9);
    closed(team, &stage).await;
}

#[tokio::test]
async fn threads_ask_side_by_side() {
    let stage = Stage::new();
    let command = client(
        &stage,
        "if isinstance(input, int): return input * 10\n\
         got = {}\n\
         def one(n): got[n] = cx.ask('it', n, step=f'n-{n}')\n\
         threads = [threading.Thread(target=one, args=(n,)) for n in input]\n\
         [t.start() for t in threads]; [t.join() for t in threads]\n\
         return [got[n] for n in input]",
    );
    let team = team_of(command.entry("many")).await;
    assert_eq!(ask(&team, json!([1, 2, 3, 4])).await.unwrap(), json!([10, 20, 30, 40]));
    closed(team, &stage).await;
}

/// Ten paid calls; the process dies by its own hand after the sixth.
const TEN_CALLS: &str = "\
def pay(n):
    with open('ledger', 'a') as f: f.write(f'{cx.key} {cx.attempt}\\n')
    return n
paid = []
for n in range(10):
    paid.append(cx.once(f'call-{n}', pay, n))
    if n == 5 and cx.attempt == 1: os._exit(9)
return paid";

fn assert_paid_once(ledger: &str) {
    let keys: Vec<&str> = ledger.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let unique: std::collections::BTreeSet<&&str> = keys.iter().collect();
    assert_eq!((keys.len(), unique.len()), (10, 10), "{ledger}");
}

#[tokio::test]
async fn a_crashed_agent_goes_on_where_it_was() {
    let stage = Stage::new();
    let team = team_of(client(&stage, TEN_CALLS).entry("payer")).await;
    assert_eq!(ask(&team, json!(null)).await.unwrap(), json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    let ledger = stage.written("ledger").await;
    assert_paid_once(&ledger);
    assert_eq!(ledger.lines().filter(|line| line.ends_with(" 2")).count(), 4);
    closed(team, &stage).await;
}

#[tokio::test]
async fn a_second_life_of_the_runtime_goes_on_where_the_first_was() {
    let stage = Stage::new();
    let store = journal::memory::Store::default();
    let waits = TEN_CALLS
        .replace("os._exit(9)", "\n        open('sixth', 'w').write('yes\\n'); time.sleep(600)");
    let first = builder(&store).agent(client(&stage, &waits).entry("payer")).start().await;
    let first = first.unwrap();
    let task = submit(&first, json!(null)).await.task;
    stage.written("sixth").await;
    // As if the process were gone: what runs there is heard no more.
    let second = builder(&store).agent(client(&stage, &waits).entry("payer")).start().await;
    let second = second.unwrap();
    let ticket = second.ticket(task).expect("it was not forgotten");
    assert_eq!(ticket.outcome().await.unwrap(), json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    assert_paid_once(&stage.written("ledger").await);
    let _superseded = first.drain(Duration::ZERO).await;
    closed(second, &stage).await;
}

#[tokio::test]
async fn a_cancelled_task_is_cancelled_when_its_processes_are_gone() {
    let stage = Stage::new();
    let program = stage
        .shell("trap '' TERM\nsetsid sleep 600 &\necho yes > ready\nwhile :; do sleep 0.01; done");
    let command = Command::new(Spec { limits: stage::limits(), ..Spec::plain(program, &["it"]) });
    let team = team_of(command.clone().entry("stubborn")).await;
    let ticket = submit(&team, json!(null)).await;
    stage.written("ready").await;
    team.cancel(ticket.task, "enough").await.unwrap();
    let outcome = ticket.settled().await.unwrap();
    assert!(matches!(&*outcome, Outcome::Cancelled(_)), "{outcome:?}");
    eventually("its processes are gone", || command.processes() == 0).await;
    assert_eq!(stage.alive(), Vec::<u32>::new());
    closed(team, &stage).await;
}

#[tokio::test]
async fn the_slot_of_a_cancelled_task_is_free_only_when_its_processes_are_gone() {
    let stage = Stage::new();
    let program = stage.shell(
        "read n\n\
         if [ $n = 2 ]; then\n\
           if kill -0 $(cat ready); then echo '\"crowded\"'; else echo '\"alone\"'; fi; exit\n\
         fi\n\
         trap '' TERM\necho $$ > ready\nwhile :; do sleep 0.01; done",
    );
    let limits = Limits { grace_ms: 300, ..stage::limits() };
    let command = Command::new(Spec { limits, ..Spec::plain(program, &["it"]) });
    let team = team_of(command.entry("one-slot")).await;
    let ticket = submit(&team, json!(1)).await;
    stage.written("ready").await;
    let next = submit(&team, json!(2)).await;
    team.cancel(ticket.task, "enough").await.unwrap();
    assert_eq!(next.outcome().await.unwrap(), json!("alone"));
    closed(team, &stage).await;
}
