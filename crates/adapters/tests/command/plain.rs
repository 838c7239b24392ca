//! The *plain* protocol against programs that behave and programs that do not.

use std::time::{Duration, Instant};

use adapters::agent::command::{
    Command, Ended, Fault, Format, Limits, Meaning, Program, Protocol, Spec, meaning,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::host::{Remembering, attempt, first};
use crate::stage::{self, Stage, eventually};

fn agent(program: Program) -> Command {
    Command::new(Spec { limits: stage::limits(), ..Spec::plain(program, &["it"]) })
}

fn limited(program: Program, limits: Limits) -> Command {
    Command::new(Spec { limits, ..Spec::plain(program, &["it"]) })
}

/// The fault of the first attempt, after which nobody may be left and no slot be taken.
async fn fault(stage: &Stage, agent: &Command) -> Fault {
    let host = Remembering::new();
    let ended = agent.attempt(host.clone(), first()).await.unwrap_err();
    assert_eq!(stage.alive(), Vec::<u32>::new(), "nobody may be left after {ended}");
    assert_eq!(host.slots.count(), 0, "the slot is free");
    assert_eq!(agent.processes(), 0);
    match ended {
        Ended::Fault(fault) => fault,
        Ended::Reported(failure) => panic!("a plain program reports nothing: {failure:?}"),
    }
}

#[tokio::test]
async fn input_goes_in_and_output_comes_out() {
    let stage = Stage::new();
    let agent =
        agent(stage.python(
            "import json, sys\nprint(json.dumps({'sum': sum(json.load(sys.stdin)['of'])}))",
        ));
    let work = attempt(1, "it", json!({"of": [1, 2, 39]}));
    assert_eq!(agent.attempt(Remembering::new(), work).await.unwrap(), json!({"sum": 42}));
    agent.stop().await;
    assert!(stage.alive().is_empty());
}

#[tokio::test]
async fn text_goes_in_and_comes_out_as_it_is() {
    let stage = Stage::new();
    let mut spec = Spec::plain(stage.program(["tr", "a-z", "A-Z"]), &["it"]);
    spec.protocol = Protocol::Plain { input: Format::Text, output: Format::Text };
    let work = attempt(1, "it", json!("two\nlines $HOME `id`"));
    let output = Command::new(spec).attempt(Remembering::new(), work).await.unwrap();
    assert_eq!(output, json!("TWO\nLINES $HOME `ID`"));
}

#[tokio::test]
async fn every_attempt_gets_the_same_key_and_a_higher_token() {
    let stage = Stage::new();
    let agent = agent(stage.shell(
        r#"echo "[\"$MAJORDOMO_KEY\", $MAJORDOMO_TOKEN, $MAJORDOMO_ATTEMPT_NO, \
           \"$MAJORDOMO_TASK $MAJORDOMO_RUN $MAJORDOMO_CAPABILITY\"]""#,
    ));
    for n in 1..=3 {
        let work = attempt(n, "it", Value::Null);
        let told = agent.attempt(Remembering::new(), work).await.unwrap();
        assert_eq!(told, json!(["t1", 100 + n, n, "t1 r1 it"]));
    }
}

#[tokio::test]
async fn megabytes_in_both_directions_do_not_block_each_other() {
    let stage = Stage::new();
    let mut spec = Spec::plain(stage.program(["cat"]), &["it"]);
    spec.limits = stage::limits();
    let big = json!("x".repeat(4 << 20));
    let work = attempt(1, "it", big.clone());
    assert!(Command::new(spec).attempt(Remembering::new(), work).await.unwrap() == big);
}

#[tokio::test]
async fn a_program_need_not_read_its_input() {
    let stage = Stage::new();
    let agent = agent(stage.shell("exec 0<&-\necho 1"));
    let work = attempt(1, "it", json!("x".repeat(1 << 20)));
    assert_eq!(agent.attempt(Remembering::new(), work).await.unwrap(), json!(1));
}

#[tokio::test]
async fn who_sleeps_for_ever_is_ended_by_the_clock() {
    let stage = Stage::new();
    let limits = Limits { wall_ms: Some(100), ..stage::limits() };
    let agent = limited(stage.shell("sleep 600 & sleep 600"), limits);
    let fault = fault(&stage, &agent).await;
    assert!(matches!(fault, Fault::TimedOut { wall_ms: 100, .. }), "{fault}");
}

#[tokio::test]
async fn who_prints_a_gigabyte_is_ended_at_the_limit() {
    let stage = Stage::new();
    let began = Instant::now();
    let agent = agent(stage.python("for _ in range(1024): print('x' * (1 << 20))"));
    let fault = fault(&stage, &agent).await;
    assert!(matches!(fault, Fault::TooMuchOutput { max_bytes: 8388608, .. }), "{fault}");
    assert!(began.elapsed() < Duration::from_secs(5), "it was not read to its end");
}

#[tokio::test]
async fn a_flood_of_complaints_disturbs_nobody_and_its_end_is_told() {
    let stage = Stage::new();
    let agent = agent(stage.python(
        "import sys\nfor _ in range(16): sys.stderr.write('y' * (1 << 20))\n\
         print('\\nthe end', file=sys.stderr)\nprint(1)",
    ));
    let host = Remembering::new();
    assert_eq!(agent.attempt(host.clone(), first()).await.unwrap(), json!(1));
    let notes = host.notes();
    assert_eq!(notes.last().unwrap(), "log info the end");
    assert!(notes.iter().map(String::len).sum::<usize>() < 70_000, "only the tail is kept");
}

#[tokio::test]
async fn who_prints_garbage_is_told_what_and_where() {
    for (text, word) in
        [("{'no': json}", "line 1 column 2"), ("", "nothing at all"), ("{} trailing", "column 4")]
    {
        let stage = Stage::new();
        let program = stage.python(&format!("print({text:?})"));
        let fault = fault(&stage, &agent(program)).await;
        assert!(matches!(fault, Fault::Garbage { .. }), "{fault}");
        assert!(fault.to_string().contains(word), "{fault}");
        let cure = "print one JSON value, or say `stdout = \"text\"`";
        assert!(fault.to_string().ends_with(cure), "in the words of team files: {fault}");
    }
}

#[tokio::test]
async fn exit_codes_mean_what_the_guide_says() {
    let table = [
        (1, Meaning::Error),
        (2, Meaning::Error),
        (65, Meaning::Rejected),
        (69, Meaning::Overloaded),
        (75, Meaning::Overloaded),
        (127, Meaning::Error),
        (255, Meaning::Error),
    ];
    for (expected, means) in table {
        let stage = Stage::new();
        let agent = agent(stage.shell(&format!("echo 5; echo because >&2; exit {expected}")));
        match fault(&stage, &agent).await {
            Fault::Exited { code, last_words, .. } => {
                assert_eq!((code, last_words.as_deref()), (expected, Some("because")));
                assert_eq!(meaning(code), means);
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn who_is_killed_by_a_stranger_has_crashed() {
    let stage = Stage::new();
    let agent = agent(stage.shell("echo 'last words' >&2; kill -9 $$"));
    let fault = fault(&stage, &agent).await;
    assert!(matches!(fault, Fault::Killed { signal: 9, .. }), "{fault}");
    assert!(fault.to_string().ends_with("signal 9, saying: last words"), "{fault}");
}

#[tokio::test]
async fn who_ignores_term_is_killed_after_the_clock_and_the_grace() {
    let stage = Stage::new();
    let limits = Limits { wall_ms: Some(200), ..stage::limits() };
    let agent = limited(stage.shell("trap '' TERM\nsleep 600 & setsid sleep 600 &\nwait"), limits);
    let fault = fault(&stage, &agent).await;
    assert!(matches!(fault, Fault::TimedOut { .. }), "{fault}");
}

#[tokio::test]
async fn children_that_outlive_a_good_end_are_ended_and_the_output_counts() {
    let stage = Stage::new();
    let agent = agent(stage.shell("sleep 600 & setsid sleep 600 &\necho 7"));
    assert_eq!(agent.attempt(Remembering::new(), first()).await.unwrap(), json!(7));
    assert_eq!(stage.alive(), Vec::<u32>::new());
}

#[tokio::test]
async fn a_bomb_of_forks_is_ended_whole() {
    let stage = Stage::new();
    let limits = Limits { wall_ms: Some(300), ..stage::limits() };
    let program = stage.python(
        "import os, time\n\
         for _ in range(6):\n    os.fork()\n    \
         os.setsid() if os.getsid(0) != os.getpid() else None\n\
         time.sleep(600)",
    );
    let fault = fault(&stage, &limited(program, limits)).await;
    assert!(matches!(fault, Fault::TimedOut { .. }), "{fault}");
}

#[tokio::test]
async fn a_cancelled_attempt_holds_its_slot_until_nobody_is_left() {
    let stage = Stage::new();
    let agent =
        agent(stage.shell(
            "trap '' TERM\nsetsid sleep 600 &\necho yes > ready\nwhile :; do sleep 0.01; done",
        ));
    let host = Remembering::new();
    {
        let running = agent.attempt(host.clone(), first());
        let ready = async {
            stage.written("ready").await;
        };
        tokio::select! {
            ended = running => panic!("it runs for ever: {ended:?}"),
            () = ready => {}
        }
    }
    assert_eq!(host.slots.count(), 1, "dropped, but not ended yet");
    host.slots.empty().await;
    assert_eq!(stage.alive(), Vec::<u32>::new());
    timeout(Duration::from_secs(5), agent.stop()).await.expect("nothing is left to wait for");
}

#[tokio::test]
async fn an_attempt_cancelled_while_it_starts_leaves_nobody() {
    let stage = Stage::new();
    let agent = agent(stage.shell("sleep 600"));
    let host = Remembering::new();
    for _ in 0..20 {
        let running = agent.attempt(host.clone(), first());
        let _too_short = timeout(Duration::ZERO, running).await;
    }
    host.slots.empty().await;
    eventually("nobody is left", || stage.alive().is_empty()).await;
}
