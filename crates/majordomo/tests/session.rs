//! Team files at work: steps run, fail, are skipped, and say who did what.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use majordomo::data::DataDir;
use majordomo::session::{Options, Session, Summary};
use majordomo::team::check::Anywhere;
use majordomo::team::file::TeamFile;
use majordomo::{Failure, team};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

/// Programs that any machine has. `upper` fails on what it is told to fail on.
const AGENTS: &str = r#"
[agents.upper]
kind = "command"
argv = ["sh", "-c", """
read x
case "$x" in bad) echo "no $x" >&2; exit 65;; esac
echo "$x" | tr a-z A-Z
"""]
stdin = "text"
stdout = "text"
serves = ["text.upper"]
slots = 4
[agents.count]
kind = "command"
argv = ["wc", "-c"]
serves = ["text.count"]
"#;

fn definition(rest: &str) -> TeamFile {
    let (top, steps) = rest.split_once("[steps").unwrap();
    let text = format!("name = 'words'\n{top}\n{AGENTS}\n[steps{steps}");
    let reading = team::read("t.toml", &text, &Anywhere);
    let said = reading.render(false);
    reading.definition.unwrap_or_else(|| panic!("{said}"))
}

struct Stage {
    session: Session,
    _directory: TempDir,
}

impl Stage {
    async fn new(rest: &str) -> Stage {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDir::new(directory.path());
        let session = Session::start(definition(rest), &data, Options::default()).await.unwrap();
        Stage { session, _directory: directory }
    }

    async fn run(&self, args: Value) -> (Result<Value, Failure>, Summary) {
        let ticket = self.session.run(args).await.unwrap();
        let run = ticket.task;
        let outcome = ticket.outcome().await;
        (outcome, self.session.summary(run).await.unwrap())
    }
}

impl Summary0 for Summary {
    fn completed_by(&self, name: &str) -> u64 {
        self.agents.iter().find(|it| it.name == name).map_or(0, |it| it.completed)
    }
}

trait Summary0 {
    fn completed_by(&self, name: &str) -> u64;
}

#[tokio::test]
async fn steps_feed_each_other_and_the_summary_says_who_did_what() {
    let stage = Stage::new(
        "[steps]\n\
         up = { ask = 'text.upper', for_each = 'args', input = '{{ item }}' }\n\
         count = { ask = 'text.count', input = { all = '{{ up }}' } }\n\
         never = { ask = 'text.count', when = 'up | length > 9' }\n\
         last = { ask = 'text.upper', input = '{{ up[0] }}{{ count }}{{ never is none }}' }",
    )
    .await;
    let (outcome, summary) = stage.run(json!(["a", "b", "c"])).await;
    // `{"all":["A","B","C"]}` and the line break have 22 bytes.
    assert_eq!(outcome, Ok(json!("A22TRUE")));
    assert_eq!((summary.status, summary.tasks_open), ("completed", 0));
    assert_eq!((summary.tasks.accepted, summary.tasks.completed), (6, 6));
    assert_eq!(summary.completed_by("upper"), 4);
    assert_eq!(summary.completed_by("count"), 1);
    assert_eq!(summary.completed_by("workflow"), 1);
    assert_eq!(summary.outputs, json!("A22TRUE"));
    let line = serde_json::to_value(&summary).unwrap();
    assert_eq!(line["type"], "summary");
    assert_eq!(line["agents"][0]["name"], "count");
    assert!(line["agents"][0]["p50_ms"].is_u64(), "{line}");
    stage.session.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn a_failing_step_names_step_and_agent() {
    let stage =
        Stage::new("[steps]\nup = { ask = 'text.upper', for_each = 'args', input = '{{ item }}' }")
            .await;
    let (outcome, summary) = stage.run(json!(["good", "bad"])).await;
    let failure = outcome.unwrap_err();
    assert_eq!(
        failure.message,
        format!(
            "task {} failed: step up/bad failed: agent `upper`: sh exited with 65, saying: no bad",
            summary.run
        )
    );
    assert_eq!((summary.status, summary.tasks.failed), ("failed", 2));
    assert_eq!(summary.agents.iter().find(|it| it.name == "upper").unwrap().failed, 1);
}
