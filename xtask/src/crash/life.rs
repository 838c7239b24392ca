//! One life of the program under test: started, and ended by itself or by a kill.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::verdict::Ledger;

/// Lines of a failed life that are shown.
const TAIL_LINES: usize = 20;

/// The build's directory: this program stands in `target/PROFILE/`.
///
/// # Errors
/// The system does not say where this program stands.
pub(crate) fn target() -> Result<PathBuf> {
    let here = std::env::current_exe().context("this program does not know where it stands")?;
    let target = here.parent().and_then(Path::parent);
    Ok(target.context("this program does not stand in a build's directory")?.to_owned())
}

/// A PATH on which nothing is found: the review is that of our own rules on every machine,
/// whatever linters it has.
const NO_PATH: &str = "/dev/null";

/// The programs that are started.
pub(super) struct Programs {
    majordomo: PathBuf,
    ledger: PathBuf,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By our kill.
    Killed,
    /// By itself.
    Alone {
        /// Its exit code; none if a signal ended it that was not ours.
        code: Option<i32>,
    },
}

/// A life that is over.
pub(super) struct Life {
    pub(super) ended: Ended,
    pub(super) took: Duration,
    out: PathBuf,
}

impl Programs {
    /// Those of this profile.
    ///
    /// # Errors
    /// They have not been built.
    pub(super) fn built(profile: &str) -> Result<Programs> {
        let folder = target()?.join(profile);
        let majordomo = folder.join("majordomo");
        let ledger = folder.join("examples/ledger");
        for program in [&majordomo, &ledger] {
            ensure!(program.is_file(), "{} has not been built", program.display());
        }
        Ok(Programs { majordomo, ledger })
    }

    /// Starts the review, and kills it if it lasts longer than this.
    pub(super) fn run(
        &self,
        tree: &Path,
        data: &Path,
        out: &Path,
        limit: Duration,
    ) -> Result<Life> {
        let mut command = Command::new(&self.majordomo);
        command.arg("run").arg("code-review").arg(tree);
        live(command, data, out, limit)
    }

    /// Takes up what is unfinished, and kills it if it lasts longer than this.
    pub(super) fn resume(&self, data: &Path, out: &Path, limit: Duration) -> Result<Life> {
        let mut command = Command::new(&self.majordomo);
        command.arg("resume");
        live(command, data, out, limit)
    }

    /// The story of the first task, which is the root of the run.
    pub(super) fn show_root(&self, data: &Path) -> Result<Vec<u8>> {
        let mut show = Command::new(&self.majordomo);
        let output = show.args(["show", "1", "--json", "--data"]).arg(data).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the root task cannot be shown: {said}");
        Ok(output.stdout)
    }

    /// What the journal of this data directory says.
    pub(super) fn ledger(&self, data: &Path) -> Result<Ledger> {
        let output = Command::new(&self.ledger).arg(data).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the journal in {}: {said}", data.display());
        Ledger::parse(&output.stdout)
    }
}

fn live(mut command: Command, data: &Path, out: &Path, limit: Duration) -> Result<Life> {
    let stdout = File::create(out).with_context(|| format!("{}", out.display()))?;
    let stderr = File::create(out.with_extension("err"))?;
    command.arg("--json").arg("--data").arg(data).env("PATH", NO_PATH);
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let begun = Instant::now();
    let child = command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
    let ended = watch(child, begun + limit)?;
    Ok(Life { ended, took: begun.elapsed(), out: out.to_owned() })
}

#[allow(clippy::disallowed_methods)] // The moment of the kill is a moment of real time.
fn watch(mut child: Child, until: Instant) -> Result<Ended> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Alone { code: status.code() });
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            child.kill().context("the program cannot be killed")?;
            // It may have ended by itself between the look and the kill.
            let status = child.wait()?;
            return Ok(match status.code() {
                None => Ended::Killed,
                code => Ended::Alone { code },
            });
        }
        // Short enough to see an early end soon, long enough to leave the cores alone.
        std::thread::sleep(left.min(Duration::from_millis(5)));
    }
}

impl Life {
    /// What it wrote on its standard output.
    pub(super) fn lines(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.out)?)
    }

    /// The last lines of both its outputs.
    pub(super) fn said(&self) -> Result<String> {
        let mut text = self.lines()?;
        text.push_str(&fs::read_to_string(self.out.with_extension("err"))?);
        let lines: Vec<&str> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
    }
}
