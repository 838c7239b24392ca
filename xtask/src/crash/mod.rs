//! `cargo xtask crash`: the real program, killed at random moments of a real run and resumed.
//!
//! ```text
//! a tree ─▶ one quiet run ─▶ its report ────────────────────────────────┐
//!    └────▶ run ─kill─▶ resume ─kill─▶ resume … ─▶ resume ─▶ its report ─┴▶ the same?
//!                   └ a copy of the journal after each kill: has anything gone?
//! ```
//!
//! The judge is the journal, read by a program of its own (`examples/ledger.rs`), and the report;
//! never what the killed program says of itself. The journal is copied before it is read, so that
//! the torn end that a kill leaves is met by the program that is tested.

mod life;
mod moments;
pub(crate) mod source;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::Verb;
use crate::invoke::{self, Line};
pub(crate) use life::target;
use life::{Ended, Life, Programs};
use moments::Moments;
use verdict::{Ledger, Verdict};

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "crash",
    about: "Kill a real run at random moments, resume it each time, compare the end",
    help: "\
Usage: cargo xtask crash [--kills N] [--files N] [--path DIR] [--seed N] [--debug] [--keep]

Reviews a tree of source files once undisturbed; then again, ended with kill -9 at N moments spread
over the run and resumed each time. Says `N/N resumed · digest equal · repeated 0 · accepted =
settled` if every resume went on, the report is that of the quiet run (without times and who did
what), no task ended twice, no recorded step was made again, and everything accepted has ended.

  --kills N   how often to kill (20)
  --files N   how many files to take from the crates that cargo has fetched (3600)
  --path DIR  review a copy of this tree instead
  --seed N    the moments of an earlier run
  --debug     the debug build that the tests use, instead of a release build
  --keep      leave the tree, the data and what the programs said where they are
",
    run,
};

const RELEASE: &str = "cargo build --quiet --release --locked -p majordomo --bins --examples";
const DEBUG: &str = "cargo test --quiet --locked --workspace --all-features --no-run";

/// A run that is this many times slower than the quiet one has stopped going on.
const PATIENCE: u32 = 20;

/// What was asked for.
struct Wanted {
    kills: u32,
    files: usize,
    path: Option<PathBuf>,
    seed: u64,
    debug: bool,
    keep: bool,
}

impl Wanted {
    fn of(arguments: &[String]) -> Result<Wanted> {
        let seed = u64::from(std::process::id()) ^ moments::now();
        let mut wanted =
            Wanted { kills: 20, files: 3_600, path: None, seed, debug: false, keep: false };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--kills" => wanted.kills = number(value()?)?,
                "--files" => wanted.files = number(value()?)?,
                "--seed" => wanted.seed = number(value()?)?,
                "--path" => wanted.path = Some(PathBuf::from(value()?)),
                "--debug" => wanted.debug = true,
                "--keep" => wanted.keep = true,
                other => bail!("`{other}` is not known; see cargo xtask crash --help"),
            }
        }
        ensure!(wanted.kills > 0, "--kills 0 would show nothing");
        Ok(wanted)
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T> {
    word.parse().ok().with_context(|| format!("`{word}` is not a number"))
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let wanted = Wanted::of(arguments)?;
    let built = Line::new(if wanted.debug { DEBUG } else { RELEASE }).command()?.status()?;
    ensure!(built.success(), "majordomo does not build");
    let programs = Programs::built(if wanted.debug { "debug" } else { "release" })?;
    let scratch = Scratch::new(wanted.keep)?;
    let tree = scratch.path.join("tree");
    let files = match &wanted.path {
        Some(path) => source::of_directory(path)?,
        None => source::of_crates(wanted.files, &invoke::root()?)?,
    };
    let count = source::copy(&files, &tree)?;
    println!("seed {}: {count} files, {} kills", wanted.seed, wanted.kills);
    let trial = Trial { programs, tree, scratch: scratch.path.clone() };
    let verdict = trial.judge(wanted.kills, Moments::new(wanted.seed))?;
    if verdict.holds() {
        println!("{}", verdict.line());
        return Ok(ExitCode::SUCCESS);
    }
    for problem in &verdict.problems {
        println!("wrong: {problem}");
    }
    scratch.stays();
    println!("again: cargo xtask crash --seed {} {}", wanted.seed, arguments.join(" "));
    println!("{}", verdict.line());
    Ok(ExitCode::FAILURE)
}

/// The same work, quiet and disturbed.
struct Trial {
    programs: Programs,
    tree: PathBuf,
    scratch: PathBuf,
}

/// The undisturbed run.
struct Quiet {
    report: String,
    took: Duration,
    tasks: u64,
}

impl Trial {
    fn judge(&self, kills: u32, mut moments: Moments) -> Result<Verdict> {
        let quiet = self.quiet()?;
        let mut verdict = Verdict::new(kills);
        let mut round = 0;
        while verdict.resumed < kills && verdict.problems.is_empty() {
            round += 1;
            self.round(round, kills, &quiet, &mut moments, &mut verdict)?;
        }
        Ok(verdict)
    }

    fn quiet(&self) -> Result<Quiet> {
        let data = self.scratch.join("quiet");
        let patience = Duration::from_secs(600);
        let life =
            self.programs.run(&self.tree, &data, &self.scratch.join("quiet.out"), patience)?;
        let Ended::Alone { code: Some(0) } = life.ended else {
            bail!("the undisturbed run did not complete:\n{}", life.said()?);
        };
        let ledger = self.programs.ledger(&data)?;
        ensure!(ledger.problems().is_empty(), "the undisturbed run: {:?}", ledger.problems());
        let report = verdict::report(&life.lines()?)?;
        println!(
            "undisturbed: {} tasks in {:.1} s, report {}",
            ledger.settled,
            life.took.as_secs_f64(),
            verdict::digest(&report)
        );
        Ok(Quiet { report, took: life.took, tasks: ledger.settled })
    }

    /// One disturbed run from its start to its end. It may end before all kills were used: then
    /// there is another one.
    fn round(
        &self,
        round: u32,
        kills: u32,
        quiet: &Quiet,
        moments: &mut Moments,
        verdict: &mut Verdict,
    ) -> Result<()> {
        let data = self.scratch.join(format!("round-{round}"));
        let mut before = Ledger::default();
        moments.spread(kills - verdict.resumed);
        loop {
            let pending = verdict.killed < kills;
            let share = before.settled as f64 / quiet.tasks as f64;
            let after = pending.then(|| moments.next(share, quiet.took));
            let out = self.scratch.join(format!("round-{round}-life-{}.out", verdict.killed + 1));
            let patience = quiet.took * PATIENCE + Duration::from_secs(30);
            let life = if before.accepted == 0 {
                self.programs.run(&self.tree, &data, &out, after.unwrap_or(patience))?
            } else {
                self.programs.resume(&data, &out, after.unwrap_or(patience))?
            };
            // A life counts as resumed if one was killed before it.
            let resumes = verdict.killed > verdict.resumed;
            let ledger = self.peek(&data)?;
            verdict.compare(&before, &ledger);
            match life.ended {
                Ended::Killed if after.is_none() => {
                    verdict.problems.push(format!("no end in {patience:?}: {}", life.said()?));
                }
                Ended::Killed => {
                    verdict.killed += 1;
                    verdict.resumed += u32::from(resumes);
                    let done = ledger.settled as f64 / quiet.tasks as f64;
                    moments.learn(life.took, done - share, quiet.took);
                    println!(
                        "kill {:>3} after {:>6.2} s: {} of {} tasks have ended",
                        verdict.killed,
                        life.took.as_secs_f64(),
                        ledger.settled,
                        quiet.tasks
                    );
                }
                Ended::Alone { code: Some(0) } => {
                    verdict.resumed += u32::from(resumes);
                    let report = self.report(&life, &before, &data)?;
                    verdict.close(&ledger, &report, &quiet.report);
                    return Ok(());
                }
                Ended::Alone { code } => {
                    let said = life.said()?;
                    verdict.problems.push(format!("life {} ended {code:?}:\n{said}", ledger.lives));
                }
            }
            if !verdict.problems.is_empty() {
                return Ok(());
            }
            before = ledger;
        }
    }

    /// The report of a run that has completed. When the kill fell between its last result and its
    /// last line, there was nothing left to resume, and the report stands with the root task.
    fn report(&self, life: &Life, before: &Ledger, data: &Path) -> Result<String> {
        if before.accepted > 0 && before.accepted == before.settled {
            return verdict::recorded(&self.programs.show_root(data)?);
        }
        verdict::report(&life.lines()?)
    }

    /// Reads a copy of the journal as the kill left it.
    fn peek(&self, data: &Path) -> Result<Ledger> {
        let copy = self.scratch.join("peek");
        if copy.exists() {
            std::fs::remove_dir_all(&copy)?;
        }
        if !data.join("journal").exists() {
            return Ok(Ledger::default());
        }
        source::copy_flat(&data.join("journal"), &copy.join("journal"))?;
        self.programs.ledger(&copy)
    }
}

/// Where everything of this run stands; beside the build, so on a disk and not in memory.
/// A directory in the build's own, gone when dropped.
pub(crate) struct Scratch {
    path: PathBuf,
    keep: std::cell::Cell<bool>,
}

impl Scratch {
    /// An empty one; or one that stays.
    pub(crate) fn new(keep: bool) -> Result<Scratch> {
        let target = target()?;
        let path = target.join("crash").join(std::process::id().to_string());
        std::fs::create_dir_all(&path)
            .with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Scratch { path, keep: std::cell::Cell::new(keep) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Something went wrong: what is there is evidence.
    fn stays(&self) {
        self.keep.set(true);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.keep.get() {
            println!("everything stands in {}", self.path.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.path); // Litter in the build's directory.
        }
    }
}
