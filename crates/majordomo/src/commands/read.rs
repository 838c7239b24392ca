//! Verbs that read the views: `runs`, `tasks`, `show`, `why`, `logs`, `timeline`.

use super::Global;
use super::ear::{Ear, Printer};
use crate::exit::Exit;
use adapters::views::Error;
use adapters::views::read::{Filter, Reader};
use anyhow::Context;
use majordomo::Said;
use majordomo::control::Told;
use majordomo::show::{self, Format, Screen};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the views are looked at while a log is followed.
const LOOK: Duration = Duration::from_millis(250);

/// How far the views may be behind: whoever follows a task may know of it before they do.
pub(super) const LAG: Duration = Duration::from_secs(2);

/// List the newest runs
#[derive(clap::Args)]
pub(crate) struct Runs {
    /// How many
    #[arg(long, default_value_t = 20)]
    limit: u64,
}

/// List tasks
#[derive(clap::Args)]
pub(crate) struct Tasks {
    /// Only of this run
    #[arg(long)]
    run: Option<u64>,
    /// Only with this status: queued, assigned, running, waiting, completed, failed, cancelled,
    /// dead
    #[arg(long)]
    status: Option<String>,
    /// Only of this capability
    #[arg(long)]
    capability: Option<String>,
    /// Only those that this agent has, or had last
    #[arg(long)]
    agent: Option<String>,
    /// Only those that have not ended
    #[arg(long)]
    open: bool,
    /// How many, the newest; 0 is all
    #[arg(long, default_value_t = 50)]
    limit: u64,
}

/// Tell the whole story of a task
#[derive(clap::Args)]
pub(crate) struct Show {
    /// Its number
    task: u64,
}

/// Tell why a task went to its agent, or why it waits
#[derive(clap::Args)]
pub(crate) struct Why {
    /// Its number
    task: u64,
}

/// Print what agents said while they worked on a task
#[derive(clap::Args)]
pub(crate) struct Logs {
    /// Its number
    task: u64,
    /// Go on as more is said, until the task has ended; what its agent writes meanwhile is shown
    /// too, and kept nowhere
    #[arg(long, short)]
    follow: bool,
}

/// Draw a run over time: a lane per slot, waits, fenced attempts, crashes, the critical path
#[derive(clap::Args)]
pub(crate) struct Timeline {
    /// The run
    run: u64,
    /// Write one self-contained page here instead
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// The views of the data directory.
pub(super) fn reader(global: &Global) -> anyhow::Result<Reader> {
    Ok(Reader::open(global.data().views())?)
}

/// As text for the width at hand, or as JSON.
pub(super) fn format(global: &Global) -> Format {
    if global.json {
        return Format::Json;
    }
    let width = std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
    let terminal = std::io::stdout().is_terminal();
    let width = width.or_else(|| terminal.then(terminal_width).flatten());
    Format::Text(Screen::of_width(width.unwrap_or(if terminal { 100 } else { usize::MAX })))
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

pub(super) fn print(text: &str) -> anyhow::Result<Exit> {
    anstream::print!("{text}");
    Ok(Exit::Done)
}

impl Runs {
    pub(crate) fn run(&self, global: &Global) -> anyhow::Result<Exit> {
        print(&show::runs(&reader(global)?, self.limit, &format(global))?)
    }
}

impl Tasks {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let Tasks { run, status, capability, agent, open, limit } = self;
        let filter = Filter { run, parent: None, status, open, capability, agent, limit };
        print(&show::tasks(&reader(global)?, &filter, &format(global))?)
    }
}

impl Show {
    pub(crate) fn run(&self, global: &Global) -> anyhow::Result<Exit> {
        print(&show::task(&reader(global)?, self.task, &format(global))?)
    }
}

impl Why {
    pub(crate) fn run(&self, global: &Global) -> anyhow::Result<Exit> {
        print(&show::why(&reader(global)?, self.task, &format(global))?)
    }
}

impl Logs {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let (reader, format) = (reader(global)?, format(global));
        let (mut after, seen_by) = (0, Instant::now() + LAG);
        let (mut ear, mut printer) = (Ear::default(), Printer::new(global.json));
        if self.follow {
            ear = Ear::at(global, self.task);
        }
        let is_text = |told: &Told| {
            told.task == self.task && matches!(told.what, Said::Text { .. } | Said::Partial { .. })
        };
        let mut looks = tokio::time::interval(LOOK);
        loop {
            // Looked at first: what was said until then is read below.
            let goes_on = self.follow
                && match reader.task(self.task) {
                    Ok(task) => task.is_open(),
                    Err(Error::Unknown { .. }) if Instant::now() < seen_by => true,
                    Err(why) => return Err(why.into()),
                };
            if !goes_on {
                let say = |told: &Told| {
                    if is_text(told) {
                        printer.say(told);
                    }
                };
                std::mem::take(&mut ear).last_words(say).await;
            }
            let (text, last) = show::logs(&reader, self.task, after, &format)?;
            if !text.is_empty() || !goes_on {
                print(printer.end())?;
            }
            print(&text)?;
            after = last;
            if !goes_on {
                return Ok(Exit::Done);
            }
            loop {
                tokio::select! {
                    told = ear.next() => if is_text(&told) { printer.say(&told) },
                    _ = looks.tick() => break,
                }
            }
        }
    }
}

impl Timeline {
    pub(crate) fn run(&self, global: &Global) -> anyhow::Result<Exit> {
        let reader = reader(global)?;
        let Some(file) = &self.html else {
            return print(&show::timeline::show(&reader, self.run, &format(global))?);
        };
        let page = show::timeline::html(&reader, self.run)?;
        std::fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
        print(&format!("wrote {}\n", file.display()))
    }
}
