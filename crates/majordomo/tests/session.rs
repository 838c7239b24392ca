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

fn completed_by(summary: &Summary, name: &str) -> u64 {
    summary.agents.iter().find(|it| it.name == name).map_or(0, |it| it.completed)
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
    assert_eq!(completed_by(&summary, "upper"), 4);
    assert_eq!(completed_by(&summary, "count"), 1);
    assert_eq!(completed_by(&summary, "workflow"), 1);
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

#[tokio::test]
async fn the_run_goes_on_without_an_optional_step_that_fails() {
    let stage = Stage::new(
        "[steps.up]\nask = 'text.upper'\nfor_each = 'args'\ninput = '{{ item }}'\noptional = true\n\
         [steps.last]\nask = 'text.upper'\ninput = '{{ up[0] }} {{ up[1].failed }}'",
    )
    .await;
    let (outcome, summary) = stage.run(json!(["good", "bad"])).await;
    let said = outcome.unwrap();
    let said = said.as_str().unwrap();
    assert!(
        said.starts_with("GOOD ") && said.contains("SH EXITED WITH 65, SAYING: NO BAD"),
        "{said}"
    );
    assert_eq!((summary.status, summary.tasks.failed), ("completed", 1));
    // It is still a mistake to ask for what cannot be.
    let stage = Stage::new(
        "[steps]\nup = { ask = 'text.upper', input = '{{ args[9] }}', optional = true }",
    )
    .await;
    assert!(stage.run(json!([])).await.0.is_err());
}

#[tokio::test]
async fn independent_steps_run_beside_each_other_and_late_ones_are_called_off() {
    // Each waits for the other's file: one after the other they would never end.
    let meet = |own: &str, other: &str| {
        format!("touch {own}; while [ ! -e {other} ]; do sleep 0.01; done; echo met")
    };
    let agents = format!(
        "[agents.one]\nkind = 'command'\nargv = ['sh', '-c', '{}']\nserves = ['one']\n\
         stdout = 'text'\ndir = '.'\n\
         [agents.two]\nkind = 'command'\nargv = ['sh', '-c', '{}']\nserves = ['two']\n\
         stdout = 'text'\ndir = '.'\n\
         [agents.slow]\nkind = 'command'\nargv = ['sleep', '600']\nserves = ['slow']\n",
        meet("a", "b"),
        meet("b", "a"),
    );
    let steps = "[steps]\n\
        x = { ask = 'one' }\n\
        y = { ask = 'two' }\n\
        z = { ask = 'slow', needs = ['x', 'y'], timeout = '100ms', when = 'args' }";
    let directory = tempfile::tempdir().unwrap();
    let text = format!("name = 'meeting'\n{agents}\n{steps}");
    let reading = team::read("t.toml", &text, &Anywhere);
    let file = Some(directory.path().join("t.toml"));
    let options = Options { file, ..Options::default() };
    let data = DataDir::new(directory.path().join("data"));
    let session = Session::start(reading.definition.unwrap(), &data, options).await.unwrap();
    let stage = Stage { session, _directory: directory };

    let (outcome, _) = stage.run(json!([])).await;
    assert_eq!(outcome, Ok(Value::Null), "the last step is skipped");
    let (outcome, summary) = stage.run(json!(["late"])).await;
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, majordomo::kernel::FailureKind::Deadline, "{failure}");
    assert!(failure.message.contains("step z failed"), "{failure}");
    assert!(summary.time_ms.unwrap() < 60_000, "{summary:?}");
}

#[tokio::test]
async fn a_failing_task_is_tried_as_often_as_its_step_says() {
    let agents = "[agents.flaky]\nkind = 'command'\nserves = ['flaky']\nstdin = 'text'\n\
        argv = ['sh', '-c', 'read n; [ $MAJORDOMO_ATTEMPT_NO -ge $n ] && echo 1 || exit 1']\n";
    let retry = "retry = { attempts = 3, backoff = '1ms' }";
    let text = format!(
        "name = 'flaky'\n{agents}\n\
         [steps]\na = {{ ask = 'flaky', input = '{{{{ args }}}}', {retry} }}"
    );
    let directory = tempfile::tempdir().unwrap();
    let data = DataDir::new(directory.path());
    let definition = team::read("t.toml", &text, &Anywhere).definition.unwrap();
    let session = Session::start(definition, &data, Options::default()).await.unwrap();
    let stage = Stage { session, _directory: directory };
    let (outcome, summary) = stage.run(json!(3)).await;
    assert_eq!(outcome, Ok(json!(1)));
    assert_eq!(summary.agents.iter().find(|it| it.name == "flaky").unwrap().failed, 2);
    let (outcome, summary) = stage.run(json!(4)).await;
    let failure = outcome.unwrap_err();
    assert!(failure.message.contains("step a used up its attempts: agent `flaky`"), "{failure}");
    assert_eq!((summary.tasks.dead, summary.tasks.failed), (1, 1));
}

/// What is asked next costs the same however many are under way: thousands of items at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wide_step_takes_time_in_proportion_to_its_items() {
    let steps = "[steps]\nsurvey = { ask = 'code.survey', input = { path = '{{ args[0] }}' } }\n\
        [steps.review]\nask = 'code.review'\nfor_each = 'range(args[1])'\nkey = 'index'\n\
        concurrency = 100_000\n\
        input = { root = '{{ survey.root }}', file = '{{ survey.files[0] }}', \
        max_file_bytes = '{{ 1_000 + item }}' }";
    let text = format!(
        "name = 'wide'\noutput = '{{{{ review | length }}}}'\n[agents]\n\
         lead = {{ kind = 'builtin', use = 'lead' }}\n\
         analyst = {{ kind = 'builtin', use = 'analyst', slots = 2 }}\n{steps}"
    );
    let directory = tempfile::tempdir().unwrap();
    let sources = directory.path().join("src");
    std::fs::create_dir(&sources).unwrap();
    std::fs::write(sources.join("a.py"), "a = 1\n").unwrap();
    let reading = team::read("t.toml", &text, &Anywhere);
    let said = reading.render(false);
    let definition = reading.definition.unwrap_or_else(|| panic!("{said}"));
    let data = DataDir::new(directory.path().join("data"));
    let session = Session::start(definition, &data, Options::default()).await.unwrap();
    let stage = Stage { session, _directory: directory };
    let mut times = Vec::new();
    for items in [500, 4_000] {
        let began = std::time::Instant::now();
        let (outcome, summary) = stage.run(json!([sources, items])).await;
        times.push(began.elapsed());
        assert_eq!(outcome, Ok(json!(items)));
        assert_eq!(completed_by(&summary, "analyst"), items);
    }
    println!("{times:?}");
    assert!(times[1] < times[0] * 8 * 6, "{times:?}");
}
