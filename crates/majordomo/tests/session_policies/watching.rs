//! What the live tree and the last line of a run tell: who is busy, waits, failed, was restarted.

use super::stage::Stage;
use majordomo::kernel::{Event, Supervised};
use majordomo::live::AgentLine;
use serde_json::json;
use std::time::Duration;

/// The first life ends over its task; the second does it.
const FRAIL: &str = r#"
[agents.frail]
kind = "command"
argv = ["sh", "-c", '''
read hello
echo '{"type":"ready","version":1,"serves":["echo"]}'
while read task; do
  [ -e died ] || { echo > died; exit 1; }
  which=$(expr "$task" : '{"type":"task",\(.*\),"attempt"')
  echo "{\"type\":\"result\",$which,\"output\":1}"
done
''']
protocol = "jsonl"
dir = "."
serves = ["echo"]

[agents.owner]
kind = "human"
serves = ["approve"]

[steps]
echo = { ask = "echo" }
sign = { ask = "approve", needs = ["echo"] }
"#;

#[tokio::test]
async fn who_waits_failed_and_was_restarted_is_shown() {
    let stage = Stage::new();
    let session = stage.start(FRAIL).await.unwrap();
    let ticket = session.run(json!([])).await.unwrap();
    let run = ticket.task;
    let line = |name: &str| -> AgentLine {
        let agents = stage.board.standing().agents;
        agents.into_values().find(|it| *it.name == *name).unwrap()
    };
    let asks = |event: &Event| matches!(event, Event::TaskWaiting { .. });
    stage.heard.until(3, asks).await; // The run for each step, and the owner for an answer.
    assert_eq!(stage.heard.count(|it| matches!(it, Event::AttemptFailed { .. })), 1);
    let back = |it: &Event| matches!(it, Event::Supervised(Supervised::Started { .. }));
    assert_eq!(stage.heard.count(back), 1);
    let frail = line("frail");
    assert_eq!((frail.failed, frail.restarts, frail.completed), (1, 1, 1));
    assert_eq!((frail.busy, frail.waiting, frail.away), (0, 0, None));
    assert_eq!((line("workflow").busy, line("workflow").waiting), (0, 1));
    session.team().cancel(run, "enough").await.unwrap();
    assert!(ticket.outcome().await.is_err());
    assert_eq!((line("workflow").busy, line("workflow").waiting), (0, 0));
    let summary = session.summary(run).await.unwrap();
    assert_eq!((summary.restarts, summary.attempts_lost), (1, 0));
    session.drain(Duration::ZERO).await;
    assert!(stage.board.standing().agents.values().all(|it| it.busy == 0 && it.waiting == 0));
}
