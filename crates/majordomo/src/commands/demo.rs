//! `majordomo demo crash`: see with your own eyes what a `kill -9` costs.

use super::Global;
use crate::exit::Exit;
use adapters::views::read::{Filter, Reader};
use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use majordomo::data::DataDir;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CLIENT: &str = include_str!("../../../../clients/python/majordomo.py");
const AGENT: &str = include_str!("../../../../clients/python/examples/ten_calls.py");

/// The agent's calls.
const CALLS: usize = 10;
/// The call after which it is killed.
const KILLED_AFTER: usize = 6;
/// How long either half may take before something is wrong with the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// See it happen
#[derive(clap::Args)]
pub(crate) struct Demo {
    #[command(subcommand)]
    which: Which,
}

#[derive(Subcommand)]
enum Which {
    /// An agent that pays for ten calls is killed with its orchestrator after the sixth
    Crash,
}

/// A play on a stage of its own: a directory with an agent, a team and a ledger.
struct Stage {
    dir: PathBuf,
    program: PathBuf,
}

impl Demo {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        let Which::Crash = self.which;
        let stage = Stage::set(&global.data())?;
        let said = |text: String| {
            if !global.json {
                anstream::println!("{text}");
            }
        };
        said(format!("a Python agent makes {CALLS} calls that cost money; the ledger counts them"));
        let mut first = stage.majordomo(&["run", "team.toml"])?;
        stage.wait_for_calls(&mut first, KILLED_AFTER).await?;
        first.kill().context("cannot kill the orchestrator")?;
        first.wait()?;
        said(format!(
            "kill -9 after call {}: the orchestrator (pid {}) is gone, and its agent with it",
            stage.payments()?.len(),
            first.id()
        ));
        let second = stage.majordomo(&["resume"])?;
        said(format!("majordomo resume (pid {}) goes on", second.id()));
        let output = second.wait_with_output()?;
        ensure!(
            output.status.success(),
            "the resumed run failed; its data is in {}",
            stage.dir.display()
        );
        let payments = stage.payments()?;
        let calls = payments.iter().collect::<BTreeSet<_>>().len();
        let repeated = payments.len() - calls;
        let good = calls == CALLS && repeated == 0;
        if global.json {
            let line = serde_json::json!({ "type": "demo", "calls": calls, "repeated": repeated });
            anstream::println!("{line}");
        } else {
            anstream::println!("calls {calls} · repeated {repeated}");
            anstream::println!(
                "\nlook closer:  majordomo --data {} runs",
                stage.data().path().display()
            );
        }
        Ok(if good { Exit::Done } else { Exit::Failed })
    }
}

impl Stage {
    /// Writes agent, client and team into a new directory beside the data.
    fn set(data: &DataDir) -> Result<Stage> {
        let dir = data.path().join("demo-crash");
        if dir.exists() {
            std::fs::remove_dir_all(&dir).context("cannot clear the last demo away")?;
        }
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        std::fs::write(dir.join("majordomo.py"), CLIENT)?;
        std::fs::write(dir.join("ten_calls.py"), AGENT)?;
        let ledger = serde_json::to_string(&dir.join("ledger.txt"))?;
        let team = format!(
            "[agents]\n\
             caller = {{ kind = \"command\", protocol = \"jsonl\", \
             argv = [\"python3\", \"ten_calls.py\"], \
             serves = [\"demo.ten_calls\"], set = {{ PYTHONPATH = \".\" }} }}\n\n\
             [steps]\n\
             calls = {{ ask = \"demo.ten_calls\", \
             input = {{ ledger = {ledger}, calls = {CALLS}, pause_ms = 150 }} }}\n"
        );
        std::fs::write(dir.join("team.toml"), team)?;
        Ok(Stage { dir, program: std::env::current_exe()? })
    }

    fn data(&self) -> DataDir {
        DataDir::new(self.dir.join("data"))
    }

    /// Starts this program on the stage.
    fn majordomo(&self, args: &[&str]) -> Result<Child> {
        Command::new(&self.program)
            .arg("--data")
            .arg(self.data().path())
            .arg("--json")
            .args(args)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start majordomo again")
    }

    /// The calls paid for so far, in order; a repeated one stands there twice.
    fn payments(&self) -> Result<Vec<String>> {
        let ledger = self.dir.join("ledger.txt");
        let text = if ledger.exists() { std::fs::read_to_string(ledger)? } else { String::new() };
        let call = |line: &str| line.split_whitespace().last().map(str::to_owned);
        Ok(text.lines().filter_map(call).collect())
    }

    /// Waits until so many calls are recorded as done: the moment after, the agent is between two.
    async fn wait_for_calls(&self, running: &mut Child, calls: usize) -> Result<()> {
        let start = Instant::now();
        while self.recorded(calls).unwrap_or(0) < calls {
            if let Some(status) = running.try_wait()? {
                anyhow::bail!(
                    "the run ended early ({status}); is python3 here? {}",
                    self.words(running)
                );
            }
            ensure!(start.elapsed() < PATIENCE, "call {calls} did not come within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The last call that the agent reported progress on, which it does when one is recorded.
    fn recorded(&self, up_to: usize) -> Option<usize> {
        let views = Reader::open(self.data().views()).ok()?;
        let capability = Some("demo.ten_calls".to_owned());
        let tasks = views.tasks(&Filter { capability, ..Filter::default() }).ok()?;
        let lines = views.logs(tasks.first()?.id, 0, 1_000).ok()?;
        let reported = |n: &usize| lines.iter().any(|it| it.text.contains(&format!("call {n} of")));
        (1..=up_to).rev().find(reported)
    }

    /// What a run that ended said on standard error.
    fn words(&self, ended: &mut Child) -> String {
        let mut words = String::new();
        if let Some(stderr) = &mut ended.stderr {
            let _ = std::io::Read::read_to_string(stderr, &mut words); // For people: what there is.
        }
        words
    }
}
