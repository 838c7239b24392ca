//! Verbs that keep data and lose it on purpose: `journal`, `backup`, `restore`, `forget`.

use super::Global;
use crate::exit::Exit;
use anyhow::{Context, Result};
use clap::Subcommand;
use indicatif::ProgressBar;
use kernel::TaskId;
use majordomo::control::{Door, Request, Response};
use majordomo::store;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Look after the journal
#[derive(clap::Args)]
pub(crate) struct Journal {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Read all of it and check every record and blob; changes nothing
    Verify,
    /// Write it as JSON, one entry a line
    Export {
        /// Where to; standard output if not given
        file: Option<PathBuf>,
    },
    /// Remove blobs that nothing names any more
    Collect,
}

/// Copy journal, blobs and pins to a new directory, while it runs or not
#[derive(clap::Args)]
pub(crate) struct Backup {
    /// Where to; must not be there yet
    dir: PathBuf,
}

/// Bring a backup back into an empty data directory
#[derive(clap::Args)]
pub(crate) struct Restore {
    /// The backup
    dir: PathBuf,
}

/// Erase what a finished run was given and what it gave, for ever
#[derive(clap::Args)]
pub(crate) struct Forget {
    /// The run
    run: u64,
}

impl Journal {
    pub(crate) fn run(self, global: &Global) -> Result<Exit> {
        match self.what {
            What::Verify => verify(global),
            What::Export { file } => export(global, file),
            What::Collect => {
                let collected = store::collect(&global.data())?;
                let (blobs, bytes) = (collected.removed, collected.bytes);
                let said = format!("{blobs} blobs removed, {bytes} bytes");
                say(global, "collected", &json!({ "blobs": blobs, "bytes": bytes }), &said)
            }
        }
    }
}

fn verify(global: &Global) -> Result<Exit> {
    let verified = shown(global, |progress| Ok(store::verify(&global.data(), progress)?))?;
    let (clean, blobs, missing) = (verified.is_clean(), verified.blobs, verified.missing.len());
    let head = verified.journal.head.0;
    let problems: Vec<String> = verified.journal.problems.iter().map(ToString::to_string).collect();
    let figures = json!({ "clean": clean, "head": head, "blobs": blobs, "missing": missing,
        "problems": problems, "damaged": verified.damaged });
    let said = if clean {
        format!("{head} records and {blobs} blobs are whole; {missing} blobs were erased")
    } else {
        let damaged = verified.damaged.iter().map(|blob| format!("blob {blob} is damaged"));
        let lines: Vec<String> = problems.into_iter().chain(damaged).collect();
        format!("{}\nrestore a backup", lines.join("\n"))
    };
    say(global, "verified", &figures, &said)?;
    Ok(if clean { Exit::Done } else { Exit::Data })
}

fn export(global: &Global, file: Option<PathBuf>) -> Result<Exit> {
    let data = global.data();
    let Some(file) = file else {
        let mut out = BufWriter::new(std::io::stdout().lock());
        store::export(&data, &mut out)?;
        out.flush()?;
        return Ok(Exit::Done);
    };
    let made = File::create(&file).with_context(|| format!("cannot write {}", file.display()))?;
    let mut out = BufWriter::new(made);
    let exported = store::export(&data, &mut out)?;
    out.flush()?;
    let (first, head) = (exported.first.0, exported.head.0);
    let said = format!("entries {first} to {head} stand in {}", file.display());
    say(global, "exported", &json!({ "first": first, "head": head, "file": file }), &said)
}

impl Backup {
    pub(crate) fn run(&self, global: &Global) -> Result<Exit> {
        let backup =
            shown(global, |progress| Ok(store::backup(&global.data(), &self.dir, progress)?))?;
        let head = backup.head.0;
        let said = format!("entries up to {head} stand in {}", self.dir.display());
        say(global, "backup", &json!({ "head": head, "dir": self.dir }), &said)
    }
}

impl Restore {
    pub(crate) fn run(&self, global: &Global) -> Result<Exit> {
        let data = global.data();
        let restored = shown(global, |progress| Ok(store::restore(&self.dir, &data, progress)?))?;
        let head = restored.head.0;
        let said = format!(
            "entries up to {head} are back in {}; `majordomo resume` goes on",
            data.path().display()
        );
        say(global, "restored", &json!({ "head": head }), &said)
    }
}

impl Forget {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        let data = global.data();
        let mut door = Door::of(&data)?;
        let (tasks, records, blobs) = if door.is_held() {
            match door.ask("", Request::Forget { run: self.run }).await? {
                Response::Forgotten { tasks, records, blobs } => (tasks, records, blobs),
                other => anyhow::bail!("the process that holds the data answered {other:?}"),
            }
        } else {
            let forgotten = store::forget(&data, TaskId(self.run))?;
            (forgotten.tasks, forgotten.records, forgotten.blobs)
        };
        let said = format!(
            "run {} is forgotten: the contents of {records} records and {blobs} blobs of {tasks} \
             tasks are erased; what happened stays on record",
            self.run
        );
        let figures =
            json!({ "run": self.run, "tasks": tasks, "records": records, "blobs": blobs });
        say(global, "forgotten", &figures, &said)
    }
}

/// Runs long work with a bar that shows how far it is.
fn shown<T>(global: &Global, work: impl FnOnce(store::Progress<'_>) -> Result<T>) -> Result<T> {
    let bar = if global.json { ProgressBar::hidden() } else { ProgressBar::new(0) };
    let result = work(&mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    result
}

fn say(global: &Global, what: &str, figures: &Value, said: &str) -> Result<Exit> {
    if global.json {
        let mut line = figures.clone();
        line["type"] = json!(what);
        anstream::println!("{line}");
    } else {
        anstream::println!("{said}");
    }
    Ok(Exit::Done)
}
