//! Resident programs under supervision: they report their deaths and their silence, and the kernel
//! decides who is started again, how often, and who is given up.

use std::sync::Arc;
use std::time::Duration;

use adapters::agent::command::{Command, Limits, Program, Spec};
use adapters::{blobs, journal};
use kernel::{
    Agent, Intensity, Policies, Presence, Stage as LifeStage, Strategy, Supervisor, Supervisors,
    Terms,
};
use runtime::Stores;
use runtime::api::{AgentEntry, Context, Failure, SubmitOptions, Team, TeamBuilder, Ticket};
use runtime::port::{Agent as Port, BoxFuture};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::host::{Remembering, first};
use crate::stage::{self, Stage, eventually};

fn builder() -> TeamBuilder {
    let stores = Stores {
        journal: Box::new(journal::memory::Store::default().take_over()),
        blobs: Arc::new(blobs::memory::Memory::new()),
        observers: Vec::new(),
        restored: false,
    };
    TeamBuilder::new(Ok(stores))
}

/// An agent written with the Python client; `body` is the inside of its handler.
fn client(stage: &Stage, body: &str) -> Program {
    stage.client(&format!(
        "import os, time\nimport majordomo\n\
         @majordomo.serve('it')\ndef handler(cx, input):\n    {}\nmajordomo.run()\n",
        body.replace('\n', "\n    ")
    ))
}

fn command(program: Program, slots: u32) -> Command {
    let limits = Limits { grace_ms: 5_000, ..stage::limits() };
    Command::new(Spec { limits, slots, ..Spec::jsonl(program, &["it"]) })
}

/// Rust code that answers who did it.
struct Steady;

impl Port for Steady {
    fn run(&self, _: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async { Ok(json!("steady")) })
    }
}

pub(crate) fn steady() -> AgentEntry {
    AgentEntry::new("steady", "native", &["it"], 4, Arc::new(Steady))
}

pub(crate) async fn submit(team: &Team) -> Ticket {
    team.submit(Terms::new("it"), b"null".to_vec(), SubmitOptions::default()).await.unwrap()
}

async fn ask(team: &Team) -> Value {
    let outcome = timeout(Duration::from_secs(20), submit(team).await.outcome()).await;
    outcome.expect("it ends").unwrap()
}

pub(crate) fn known(team: &Team, name: &str) -> Agent {
    let named = |it: &Agent| &*it.spec.name == name;
    team.agents().into_iter().find(named).expect("it has joined")
}

fn is_up(team: &Team, name: &str) -> bool {
    known(team, name).life.stage == LifeStage::Up
}

pub(crate) fn signal(pid: u64, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

async fn closed(team: Team, stage: &Stage) {
    assert_eq!(team.drain(Duration::from_millis(10)).await.agents_left, 0);
    assert_eq!(stage.alive(), Vec::<u32>::new());
}

#[tokio::test]
async fn an_idle_process_that_dies_is_started_again_when_the_kernel_says_so() {
    let stage = Stage::new();
    let command = command(client(&stage, "return os.getpid()"), 2);
    let team = builder().agent(command.clone().entry("clerk")).start().await.unwrap();
    assert_eq!(command.processes(), 1, "it is there before any task");
    let first = ask(&team).await.as_u64().unwrap();
    signal(first, Signal::KILL);
    let again = || known(&team, "clerk").restarts == 1 && is_up(&team, "clerk");
    eventually("it is started again", again).await;
    assert_eq!((known(&team, "clerk").life.number, command.processes()), (2, 1));
    let second = ask(&team).await.as_u64().unwrap();
    assert_ne!(first, second);
    closed(team, &stage).await;
}

/// It answers a cancelled task, ends, and is given back when its end is an old story.
#[tokio::test]
async fn who_has_died_when_it_is_given_back_is_buried_and_not_kept() {
    let stage = Stage::new();
    let ready = r#"{"type":"ready","version":1,"serves":["it"]}"#;
    let result = r#"{"type":"result","token":"101","output":1}"#;
    let works = format!("read hello; echo '{ready}'; read task; echo x > at-work");
    let dies = stage.shell(&format!("{works}; read cancel; echo '{result}'"));
    let agent = command(dies, 1);
    let host = Remembering::new();
    let hearing = host.hearing.lock().await;
    tokio::select! {
        ended = agent.attempt(host.clone(), first()) => panic!("{ended:?}"),
        _ = stage.written("at-work") => {}
    }
    eventually("it has answered", || host.notes() == ["late 1"]).await;
    let mut looks = 0;
    // Between two looks whoever waits for its end hears of it.
    let is_dead = || {
        looks += u32::from(stage.alive().is_empty());
        looks > 2
    };
    eventually("it is dead", is_dead).await;
    assert_eq!(agent.processes(), 1, "it is still out");
    drop(hearing);
    eventually("it is buried before anybody asks for it", || agent.processes() == 0).await;
}

#[tokio::test]
async fn who_does_not_come_up_cannot_join() {
    let stage = Stage::new();
    let command = command(stage.shell("echo 'no licence' >&2; exit 3"), 1);
    let Err(refused) = builder().agent(command.entry("clerk")).start().await else {
        panic!("it joined");
    };
    let words = "agent clerk cannot join: it did not start: /bin/sh ended before it was ready \
                 (exit code 3), saying: no licence";
    assert_eq!(refused.to_string(), words);
    assert_eq!(stage.alive(), Vec::<u32>::new());
}

#[tokio::test]
async fn who_always_dies_is_started_within_its_intensity_and_then_given_up() {
    let stage = Stage::new();
    let ready = r#"{"type":"ready","version":1,"serves":["it"]}"#;
    let dies = stage.shell(&format!("echo x >> starts; read hello; echo '{ready}'; exit 1"));
    let (agent, root) = (intensity(1, 2_000), intensity(2, 8_000));
    let supervisors = Supervisors { named: Vec::new(), agent, root };
    let policies = Policies { supervisors, ..Policies::default() };
    let mut other = steady();
    other.spec.prefer = 1;
    let team = builder().policies(policies).agent(command(dies, 1).entry("dying"));
    let team = team.agent(other).start().await.unwrap();
    // Its work is done by the other one all the while.
    while known(&team, "dying").life.given_up.is_none() {
        assert_eq!(ask(&team).await, "steady");
    }
    let starts = stage.written("starts").await.lines().count() as u32;
    let bound = (agent.restarts + 1) * (root.restarts + 1);
    assert!((2..=bound).contains(&starts), "{starts} starts, at most {bound} are borne");
    let why = known(&team, "dying").life.given_up.unwrap();
    assert!(why.starts_with("`dying` died again after 2 restarts in 8 s"), "{why}");
    closed(team, &stage).await;
}

#[tokio::test]
async fn who_dies_of_its_work_is_given_up_by_its_supervisor_and_the_work_goes_to_others() {
    let stage = Stage::new();
    let dies = client(&stage, "open('starts', 'a').write('x\\n')\nos._exit(1)");
    let workers = Supervisor {
        intensity: intensity(2, 60_000),
        ..Supervisor::new("workers", Strategy::OneForOne, vec!["dying".into()])
    };
    let (agent, root) = (Intensity::AGENT, intensity(1, 60_000));
    let supervisors = Supervisors { named: vec![workers], agent, root };
    let policies = Policies { supervisors, ..Policies::default() };
    let mut entry = command(dies, 1).entry("dying");
    entry.spec.prefer = 1;
    let team = builder().policies(policies).agent(entry);
    let team = team.agent(steady()).start().await.unwrap();
    while known(&team, "dying").life.given_up.is_none() {
        assert_eq!(ask(&team).await, "steady");
    }
    let deaths = stage.written("starts").await.lines().count();
    assert_eq!(deaths, 6, "two restarts borne twice, and each time one death too many");
    assert_eq!(known(&team, "dying").restarts, 5);
    assert_eq!(ask(&team).await, "steady");
    closed(team, &stage).await;
}

fn intensity(restarts: u32, period_ms: u64) -> Intensity {
    Intensity { restarts, period_ms }
}

#[tokio::test]
async fn a_stop_has_a_grace_and_then_kills() {
    let stage = Stage::new();
    let deaf = client(&stage, "return os.getpid()").argv;
    let script = "trap '' TERM; \"$@\"; while :; do sleep 0.01; done";
    let mut program = stage.program(["/bin/sh", "-c", script, "sh"]);
    program.argv.extend(deaf);
    program.set.extend(client(&stage, "return os.getpid()").set);
    let command = command(program, 1);
    let mut entry = command.clone().entry("deaf");
    entry.spec.shutdown_ms = 100;
    let team = builder().agent(entry).start().await.unwrap();
    let before = stage.alive();
    let first = ask(&team).await;
    let id = team.agent_id("deaf").unwrap();
    team.command(kernel::Command::Restart(id)).await.unwrap();
    let second = ask(&team).await;
    assert_ne!(first, second, "it was started again");
    assert!(stage.alive().iter().all(|pid| !before.contains(pid)), "the first was killed");
    assert_eq!(command.processes(), 1);
    closed(team, &stage).await;
}

#[tokio::test]
async fn a_pool_grows_and_shrinks_with_its_slots() {
    let stage = Stage::new();
    let body = "open(f'at-{os.getpid()}', 'w').close()\n\
                while not os.path.exists('go'): time.sleep(0.01)\nreturn os.getpid()";
    let command = command(client(&stage, body), 1);
    let team = builder().agent(command.clone().entry("pool")).start().await.unwrap();
    let id = team.agent_id("pool").unwrap();
    team.command(kernel::Command::Resize { agent: id, slots: 3 }).await.unwrap();
    let tickets = [submit(&team).await, submit(&team).await, submit(&team).await];
    eventually("three work at once", || command.processes() == 3).await;
    std::fs::write(stage.path("go"), "").unwrap();
    for ticket in tickets {
        ticket.outcome().await.unwrap();
    }
    assert_eq!(command.processes(), 3, "as many are kept");
    team.command(kernel::Command::Resize { agent: id, slots: 1 }).await.unwrap();
    eventually("one is kept", || command.processes() == 1).await;
    ask(&team).await;
    closed(team, &stage).await;
}

#[tokio::test]
async fn who_was_drained_keeps_nothing() {
    let stage = Stage::new();
    let command = command(client(&stage, "return 1"), 1);
    let team = builder().agent(command.clone().entry("leaver")).start().await.unwrap();
    ask(&team).await;
    let id = team.agent_id("leaver").unwrap();
    team.command(kernel::Command::DrainAgent(id)).await.unwrap();
    eventually("it has left", || known(&team, "leaver").presence == Presence::Left).await;
    eventually("its process has ended", || command.processes() == 0).await;
    team.join(command.clone().entry("leaver")).await.unwrap();
    assert_eq!(ask(&team).await, 1, "it may come back");
    closed(team, &stage).await;
}
