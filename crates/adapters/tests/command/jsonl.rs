//! The *jsonl* protocol: resident processes that work, wait, break the rules, fall silent and die.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adapters::agent::command::wire::{Answer, Failure};
use adapters::agent::command::{Command, Ended, Fault, Limits, Program, Spec};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::host::{Remembering, attempt, failed, first};
use crate::stage::{self, Stage, eventually};

fn agent(program: Program) -> Command {
    limited(program, stage::limits())
}

fn limited(program: Program, limits: Limits) -> Command {
    Command::new(Spec { limits, ..Spec::jsonl(program, &["it"]) })
}

/// An agent written with the Python client; `body` is the inside of its handler.
fn client(stage: &Stage, body: &str) -> Program {
    let body = body.replace('\n', "\n    ");
    stage.client(&format!(
        "import os, time, threading\nimport majordomo\n\
         @majordomo.serve('it')\ndef handler(cx, input):\n    {body}\nmajordomo.run()\n"
    ))
}

/// A shell agent that says `ready`, then hears one task and does `rest`.
fn raw(stage: &Stage, rest: &str) -> Program {
    let ready = r#"{"type":"ready","version":1,"serves":["it"],"heartbeat_ms":20}"#;
    stage.shell(&format!("read hello; echo '{ready}'; read task\n{rest}"))
}

/// The fault of the first attempt, after which nobody may be left.
async fn fault(stage: &Stage, agent: &Command) -> Fault {
    let host = Remembering::new();
    let ended = agent.attempt(host.clone(), first()).await.unwrap_err();
    assert_eq!(stage.alive(), Vec::<u32>::new(), "nobody may be left after {ended}");
    assert_eq!((host.slots.count(), agent.processes()), (0, 0));
    match ended {
        Ended::Fault(fault) => fault,
        Ended::Reported(failure) => panic!("it could not say that: {failure:?}"),
    }
}

async fn gone(stage: &Stage, agent: &Command) {
    timeout(Duration::from_secs(10), agent.stop()).await.expect("stop ends everybody");
    assert_eq!(stage.alive(), Vec::<u32>::new());
}

#[tokio::test]
async fn one_process_serves_task_after_task() {
    let stage = Stage::new();
    let agent = agent(client(&stage, "return [os.getpid(), input, cx.key, cx.token, cx.attempt]"));
    let host = Remembering::new();
    let mut pids = Vec::new();
    for n in 1..=3 {
        let work = attempt(n, "it", json!({"n": n}));
        let output = agent.attempt(host.clone(), work).await.unwrap();
        let (pid, rest) = output.as_array().unwrap().split_first().unwrap();
        assert_eq!(rest, [json!({"n": n}), json!("t1"), json!((100 + n).to_string()), json!(n)]);
        pids.push(pid.clone());
        assert_eq!(host.slots.count(), 0, "an idle process holds no slot");
    }
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    gone(&stage, &agent).await;
}

#[tokio::test]
async fn asks_are_answered_while_the_slot_is_given_back() {
    let stage = Stage::new();
    let agent = agent(client(
        &stage,
        "one = cx.ask('other', {'a': 1})\n\
         try: cx.ask('other', 'bad', step='named')\n\
         except majordomo.Failure as failure: return [one, failure.kind, str(failure)]",
    ));
    let parked: Arc<AtomicU64> = Arc::default();
    let seen = parked.clone();
    let mut host = Remembering::answering(move |_, input| {
        let (seen, input) = (seen.clone(), input.clone());
        Box::pin(async move {
            let asked_before = u64::from(input == json!("bad"));
            let is_parked = || seen.load(Ordering::Relaxed) > asked_before;
            eventually("the slot is given back", is_parked).await;
            if input == json!("bad") {
                failed("rejected", "not this one")
            } else {
                Answer::Ok { value: json!(["echo", input]) }
            }
        })
    });
    host.parked = parked;
    let output = agent.attempt(host.clone(), first()).await.unwrap();
    assert_eq!(output, json!([["echo", {"a": 1}], "rejected", "not this one"]));
    assert_eq!(host.notes(), [r#"ask other - {"a":1}"#, r#"ask other named "bad""#]);
    assert_eq!(host.parked.load(Ordering::Relaxed), 2);
    gone(&stage, &agent).await;
}

const PAY: &str = "\
def pay(n):
    if n == input.get('die_in'): os._exit(1)
    with open('ledger', 'a') as f: f.write(f'{cx.key}\\n')
    return n
for n in range(10):
    cx.once(f'call-{n}', pay, n, on_unknown=input['unknown'])
    if n == input.get('die_after'): os._exit(1)
return 'paid'";

#[tokio::test]
async fn steps_done_before_a_crash_are_not_done_again() {
    let stage = Stage::new();
    let agent = agent(client(&stage, PAY));
    let host = Remembering::new();
    let dies = attempt(1, "it", json!({"unknown": "fail", "die_after": 5}));
    let ended = agent.attempt(host.clone(), dies).await.unwrap_err();
    assert!(matches!(ended, Ended::Fault(Fault::Gone { .. })), "{ended}");
    let lives = attempt(2, "it", json!({"unknown": "fail"}));
    assert_eq!(agent.attempt(host.clone(), lives).await.unwrap(), json!("paid"));
    let expected: String = (0..10).map(|n| format!("t1/call-{n}\n")).collect();
    assert_eq!(stage.written("ledger").await, expected, "ten calls, none twice");
    gone(&stage, &agent).await;
}

#[tokio::test]
async fn a_step_that_died_in_the_middle_is_retried_or_failed_as_the_agent_says() {
    for (unknown, expected) in [("retry", "paid"), ("fail", "unknown")] {
        let stage = Stage::new();
        let agent = agent(client(&stage, PAY));
        let host = Remembering::new();
        let dies = attempt(1, "it", json!({"unknown": unknown, "die_in": 3}));
        agent.attempt(host.clone(), dies).await.unwrap_err();
        let again = attempt(2, "it", json!({"unknown": unknown}));
        let outcome = match agent.attempt(host.clone(), again).await {
            Ok(output) => output.as_str().unwrap().to_string(),
            Err(Ended::Reported(failure)) => failure.kind,
            Err(Ended::Fault(fault)) => panic!("{fault}"),
        };
        assert_eq!(outcome, expected);
        gone(&stage, &agent).await;
    }
}

#[tokio::test]
async fn recursion_deeper_than_the_slots_gets_more_processes_and_then_a_clear_no() {
    let stage = Stage::new();
    let limits = Limits { processes_max: 4, ..stage::limits() };
    let body = "return cx.ask('it', input - 1) + 1 if input else 0";
    let agent = Arc::new(limited(client(&stage, body), limits));
    let host = recursive(agent.clone());
    let work = attempt(1, "it", json!(3));
    assert_eq!(agent.attempt(host.clone(), work).await.unwrap(), json!(3));
    let too_deep = agent.attempt(host, attempt(2, "it", json!(4))).await.unwrap_err();
    assert!(too_deep.to_string().contains("all 4 processes"), "{too_deep}");
    gone(&stage, &agent).await;
}

/// A host whose asks are attempts of the same agent.
fn recursive(agent: Arc<Command>) -> Remembering {
    Remembering::answering(move |_, input| {
        let (agent, input) = (agent.clone(), input.clone());
        Box::pin(async move {
            let inner = recursive(agent.clone());
            match agent.attempt(inner, attempt(1, "it", input)).await {
                Ok(value) => Answer::Ok { value },
                Err(ended) => Answer::Failed {
                    failure: Failure {
                        kind: "overloaded".into(),
                        message: ended.to_string(),
                        retry_after_ms: None,
                    },
                },
            }
        })
    })
}

#[tokio::test]
async fn progress_and_logs_and_stderr_are_passed_on() {
    let stage = Stage::new();
    let agent = agent(client(
        &stage,
        "print('printed')\ncx.progress(0.5, 'half')\ncx.log('careful', 'warn')\nreturn None",
    ));
    let host = Remembering::new();
    assert_eq!(agent.attempt(host.clone(), first()).await.unwrap(), Value::Null);
    let notes = host.notes();
    assert_eq!(notes[..2], ["progress Some(0.5) half", "log warn careful"]);
    assert!(notes[2..].iter().all(|note| note == "log info printed"), "{notes:?}");
    gone(&stage, &agent).await;
}

#[tokio::test]
async fn what_the_agent_reports_is_no_fault_and_it_lives_on() {
    let stage = Stage::new();
    let agent = agent(client(&stage, "raise majordomo.Overloaded('later', '', 70)"));
    for n in 1..=2 {
        let ended = agent.attempt(Remembering::new(), attempt(n, "it", json!(0))).await;
        let Err(Ended::Reported(failure)) = ended else { panic!("{ended:?}") };
        assert_eq!((failure.kind.as_str(), failure.retry_after_ms), ("overloaded", Some(70)));
        assert_eq!(agent.processes(), 1);
    }
    gone(&stage, &agent).await;
}

#[tokio::test]
async fn a_cancelled_handler_that_stops_keeps_its_process() {
    let stage = Stage::new();
    let limits = Limits { grace_ms: 10_000, ..stage::limits() };
    let agent = limited(client(&stage, "return 1 if input else cx.ask('never')"), limits);
    let host = Remembering::answering(|_, _| Box::pin(std::future::pending()));
    let waiting = agent.attempt(host.clone(), first());
    let asked = eventually("it asks", || !host.notes().is_empty());
    tokio::select! { ended = waiting => panic!("{ended:?}"), () = asked => {} }
    host.slots.empty().await;
    let pids = stage.alive();
    let again = agent.attempt(host, attempt(2, "it", json!(1))).await.unwrap();
    assert_eq!((again, stage.alive()), (json!(1), pids), "the same process goes on");
    gone(&stage, &agent).await;
}

#[tokio::test]
async fn a_cancelled_handler_that_does_not_stop_is_ended_before_its_slot_is_free() {
    let stage = Stage::new();
    let agent = agent(client(
        &stage,
        "import signal, subprocess\n\
         subprocess.Popen(['setsid', 'sleep', '600'])\n\
         open('ready', 'w').write('yes\\n')\n\
         while True: time.sleep(1)",
    ));
    let host = Remembering::new();
    let ready = async {
        stage.written("ready").await;
    };
    tokio::select! {
        ended = agent.attempt(host.clone(), first()) => panic!("{ended:?}"),
        () = ready => {}
    }
    assert_eq!(host.slots.count(), 1);
    host.slots.empty().await;
    assert_eq!(stage.alive(), Vec::<u32>::new());
}

#[tokio::test]
async fn a_report_of_an_older_attempt_is_not_heard() {
    let stage = Stage::new();
    let agent = agent(raw(
        &stage,
        r#"echo '{"type":"result","token":"100","output":"stale"}'
           echo '{"type":"ask","token":"100","id":1,"capability":"x","input":0}'
           echo '{"type":"result","token":"101","output":"fresh"}'; read end"#,
    ));
    let host = Remembering::new();
    assert_eq!(agent.attempt(host.clone(), first()).await.unwrap(), json!("fresh"));
    assert!(host.notes().iter().all(|note| note.starts_with("log warn")), "{:?}", host.notes());
    gone(&stage, &agent).await;
}

#[tokio::test]
async fn whoever_breaks_the_protocol_is_ended_with_a_clear_word() {
    let cases = [
        ("echo 'not json'; sleep 600", r#"line 1 column 2 in the line "not json""#),
        (r#"echo '{"type":"dance"}'; sleep 600"#, "unknown variant `dance`"),
        (r#"echo '{"type":"result","output":1}'; sleep 600"#, "missing field `token`"),
        (r#"echo '{"type":"ready","version":1,"serves":[]}'; sleep 600"#, "`ready` twice"),
        ("head -c 2000000 /dev/zero | tr '\\0' x; sleep 600", "longer than 1000000 bytes"),
    ];
    for (rest, word) in cases {
        let stage = Stage::new();
        let limits = Limits { line_max_bytes: 1_000_000, ..stage::limits() };
        let fault = fault(&stage, &limited(raw(&stage, rest), limits)).await;
        assert!(matches!(fault, Fault::Protocol { .. }), "{fault}");
        assert!(fault.to_string().contains(word), "{word:?} is missing in: {fault}");
    }
}

#[tokio::test]
async fn too_many_open_calls_break_the_protocol() {
    let stage = Stage::new();
    let ask = r#"{"type":"ask","token":"101","id":'$n',"capability":"x","input":0}"#;
    let rest = format!("n=0; while :; do n=$((n+1)); echo '{ask}'; done");
    let agent = limited(raw(&stage, &rest), Limits { asks_max: 3, ..stage::limits() });
    let host = Remembering::answering(|_, _| Box::pin(std::future::pending()));
    let ended = agent.attempt(host.clone(), first()).await.unwrap_err();
    assert!(ended.to_string().contains("more than 3 calls open"), "{ended}");
    assert_eq!(stage.alive(), Vec::<u32>::new());
}

#[tokio::test]
async fn who_beats_may_take_its_time_up_to_the_clock() {
    let stage = Stage::new();
    let rest = r#"while :; do echo '{"type":"heartbeat"}'; sleep 0.02; done"#;
    let limits = Limits { wall_ms: Some(300), ..stage::limits() };
    let fault = fault(&stage, &limited(raw(&stage, rest), limits)).await;
    assert!(matches!(fault, Fault::TimedOut { wall_ms: 300, .. }), "{fault}");
}

#[tokio::test]
async fn time_blocked_in_ask_is_not_working_time() {
    let stage = Stage::new();
    let limits = Limits { wall_ms: Some(500), ..stage::limits() };
    let agent = limited(client(&stage, "return cx.ask('slow')"), limits);
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let host = Remembering::answering(move |_, _| {
        let gate = gate.clone();
        Box::pin(async move {
            let _open = gate.acquire().await;
            Answer::Ok { value: json!("slept well") }
        })
    });
    let opens = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        opened.add_permits(1);
    };
    let (output, ()) = tokio::join!(agent.attempt(host, first()), opens);
    assert_eq!(output.unwrap(), json!("slept well"));
    gone(&stage, &agent).await;
}

#[tokio::test]
async fn who_dies_in_the_middle_has_crashed_and_its_last_words_are_told() {
    let stage = Stage::new();
    let agent = agent(raw(&stage, "setsid sleep 600 &\necho 'out of luck' >&2; exit 3"));
    let fault = fault(&stage, &agent).await;
    assert!(matches!(fault, Fault::Gone { .. }), "{fault}");
    assert!(fault.to_string().ends_with("(exit code 3), saying: out of luck"), "{fault}");
}

#[tokio::test]
async fn who_dies_between_two_tasks_is_replaced() {
    let stage = Stage::new();
    let agent = agent(client(&stage, "return os.getpid()"));
    let one = agent.attempt(Remembering::new(), first()).await.unwrap();
    let pid = Pid::from_raw(i32::try_from(one.as_i64().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    // Dead is what can be reaped: before that its threads may still be ending.
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let can_be_reaped = || matches!(waitid(WaitId::Pid(pid), look), Ok(Some(_)) | Err(_));
    eventually("it is dead", can_be_reaped).await;
    let two = agent.attempt(Remembering::new(), attempt(2, "it", json!(null))).await.unwrap();
    assert_ne!(one, two);
    gone(&stage, &agent).await;
}

#[tokio::test]
async fn who_is_not_ready_in_time_or_not_for_this_is_ended() {
    let ready = |version, serves| {
        format!(r#"echo '{{"type":"ready","version":{version},"serves":["{serves}"]}}'; sleep 600"#)
    };
    let cases = [
        ("echo booting >&2; sleep 600".to_string(), "not `ready` within 200 ms"),
        (ready(4, "it"), "it speaks version 4, we speak up to 3"),
        (ready(1, "other"), "serve it but serves only other"),
        (r#"echo '{"type":"heartbeat"}'; sleep 600"#.into(), "its first line is not `ready`"),
        ("exit 9".into(), "exit code 9"),
    ];
    for (script, word) in cases {
        let stage = Stage::new();
        let limits = Limits { start_ms: 200, ..stage::limits() };
        let fault = fault(&stage, &limited(stage.shell(&script), limits)).await;
        assert!(fault.to_string().contains(word), "{word:?} is missing in: {fault}");
    }
}

#[tokio::test]
async fn stop_ends_idle_and_stubborn_processes() {
    let stage = Stage::new();
    let agent = agent(raw(
        &stage,
        r#"trap '' TERM
           echo '{"type":"result","token":"101","output":1}'
           while :; do sleep 0.01; done"#,
    ));
    assert_eq!(agent.attempt(Remembering::new(), first()).await.unwrap(), json!(1));
    assert_eq!(agent.processes(), 1);
    gone(&stage, &agent).await;
}
