//! Subscriptions of programs: as fast as they take them, as many as they may have, and only in the
//! version that has them; and what programs tell whoever watches.

use std::sync::atomic::Ordering;

use adapters::agent::command::{Command, Limits, Spec};
use serde_json::json;

use crate::host::{Remembering, first};
use crate::stage::{self, Stage, eventually};

const LIMITS: Limits = Limits {
    wall_ms: None,
    memory_max_bytes: None,
    stdout_max_bytes: 1 << 20,
    stderr_tail_bytes: 1 << 10,
    line_max_bytes: 1 << 20,
    grace_ms: 50,
    start_ms: 10_000,
    silence_max_beats: 5,
    processes_max: 2,
    asks_max: 64,
    subscriptions_max: 2,
    unread_max: 3,
};

fn agent(stage: &Stage, body: &str) -> Command {
    let body = body.replace('\n', "\n    ");
    let program = stage.client(&format!(
        "import os, time\nimport majordomo\n\
         @majordomo.serve('it')\ndef handler(cx, input):\n    {body}\nmajordomo.run()\n"
    ));
    Command::new(Spec { limits: LIMITS, ..Spec::jsonl(program, &["it"]) })
}

/// A shell agent that says `ready` in this version, hears one task and says `line`.
fn raw(stage: &Stage, version: u32, line: &str) -> Command {
    let ready = format!(r#"{{"type":"ready","version":{version},"serves":["it"]}}"#);
    let text = format!("read hello; echo '{ready}'; read task\necho '{line}'\nsleep 600");
    let limits = stage::limits();
    Command::new(Spec { limits, ..Spec::jsonl(stage.shell(&text), &["it"]) })
}

#[tokio::test]
async fn messages_come_in_order_to_their_end_and_many_subscriptions_share_the_pipe() {
    let stage = Stage::new();
    let agent = agent(
        &stage,
        "two = [m['body'] for m in cx.subscribe('two')]\n\
         a, b = cx.subscribe('a'), cx.subscribe('b')\n\
         fifty = [next(a)['body'] for _ in range(50)]\n\
         return [two, fifty, [next(b)['subject'] for _ in range(2)]]",
    );
    let output = agent.attempt(Remembering::new(), first()).await.unwrap();
    assert_eq!(output, json!([[0, 1], (0..50).collect::<Vec<_>>(), ["b", "b"]]));
    agent.stop().await;
}

#[tokio::test]
async fn a_program_that_takes_nothing_is_sent_no_more_than_the_limit_and_can_still_call() {
    let stage = Stage::new();
    let agent = agent(
        &stage,
        "feed = cx.subscribe('endless')\n\
         cx.log('deaf')\n\
         while not os.path.exists('heed'): time.sleep(0.005)\n\
         return [cx.publish('a', 1)['delivered'], [next(feed)['body'] for _ in range(9)]]",
    );
    let host = Remembering::new();
    let offered = host.offered.clone();
    let attempt = agent.attempt(host.clone(), first());
    let watch = async {
        let deaf = || host.notes().iter().any(|it| it.contains("deaf"));
        eventually("it is deaf", deaf).await;
        eventually("it was sent what it may be", || offered.load(Ordering::Relaxed) == 3).await;
        // Whatever else would be sent had a hundred turns to be.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(offered.load(Ordering::Relaxed), 3);
        std::fs::write(stage.path("heed"), "").unwrap();
    };
    let (output, ()) = tokio::join!(attempt, watch);
    assert_eq!(output.unwrap(), json!([1, (0..9).collect::<Vec<_>>()]));
    let sent = offered.load(Ordering::Relaxed);
    assert!((9..=12).contains(&sent), "nine were taken, three more may be on their way: {sent}");
    agent.stop().await;
}

#[tokio::test]
async fn too_many_subscriptions_are_refused_until_one_is_let_go_of() {
    let stage = Stage::new();
    let agent = agent(
        &stage,
        "a, b = cx.subscribe('a'), cx.subscribe('b')\n\
         next(a)\n\
         try: cx.subscribe('c')\n\
         except majordomo.Failure as failure: told = [failure.kind, str(failure)]\n\
         a.close()\n\
         return [*told, next(cx.subscribe('c'))['subject']]",
    );
    let output = agent.attempt(Remembering::new(), first()).await.unwrap();
    let limit = "it has 2 subscriptions already, which is the limit";
    assert_eq!(output, json!(["overloaded", limit, "c"]));
    agent.stop().await;
}

#[tokio::test]
async fn what_has_subscriptions_ends_them_with_its_attempt() {
    let stage = Stage::new();
    let agent = agent(&stage, "feed = cx.subscribe('endless')\nreturn next(feed)['body']");
    let host = Remembering::new();
    for _ in 0..2 {
        assert_eq!(agent.attempt(host.clone(), first()).await.unwrap(), json!(0));
    }
    let sent = host.offered.load(Ordering::Relaxed);
    assert!(sent <= 6, "each attempt had its own three: {sent}");
    agent.stop().await;
}

#[tokio::test]
async fn what_it_writes_is_told_piece_by_piece() {
    let stage = Stage::new();
    let body = "cx.write('Once upon')\ncx.write(' a time')\ncx.partial([1, 2])\n\
                cx.write('Another', begins=True)\nreturn 'the end'";
    let (agent, host) = (agent(&stage, body), Remembering::new());
    let output = agent.attempt(host.clone(), first()).await.unwrap();
    assert_eq!(output, "the end");
    let said = [
        "a text begins",
        "text Once upon",
        "text  a time",
        "partial [1,2]",
        "a text begins",
        "text Another",
    ];
    let notes = host.notes();
    let heard = notes.iter().filter(|it| it.contains("text") || it.starts_with("partial"));
    assert_eq!(heard.collect::<Vec<_>>(), said);
    agent.stop().await;
}

#[tokio::test]
async fn a_program_may_say_only_what_its_own_version_has() {
    let said = r#""subject":"a","schema":"V","version":1,"body":1"#;
    let publish = format!(r#"{{"type":"publish","token":"101","id":1,{said}}}"#);
    let subscribe = r#"{"type":"subscribe","token":"101","id":1,"subject":"a"}"#;
    let partial = r#"{"type":"partial","token":"101","output":[1]}"#;
    let text = r#"{"type":"text","token":"101","piece":"a"}"#;
    let lines = [
        (1, &*publish, "publish"),
        (1, subscribe, "subscribe"),
        (2, partial, "partial"),
        (2, text, "text"),
    ];
    for (version, line, word) in lines {
        let stage = Stage::new();
        let host = Remembering::new();
        let old = raw(&stage, version, line);
        let why = old.attempt(host.clone(), first()).await.unwrap_err().to_string();
        let missing = format!("there is no `{word}` in version {version}, its own");
        assert!(why.contains(&missing), "{why}");
        assert!(host.notes().iter().all(|it| !it.starts_with(word)), "{:?}", host.notes());
        let new = raw(&stage, version + 1, line);
        let said = || host.notes().iter().any(|it| it.starts_with(word));
        tokio::select! {
            ended = new.attempt(host.clone(), first()) => panic!("{ended:?}"),
            () = eventually("it is heard", said) => {}
        }
        host.slots.empty().await;
        old.stop().await;
        new.stop().await;
        stage.empty().await;
    }
}
