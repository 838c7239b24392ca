//! `majordomo run`: a team does its work on what it is given, here and now.

use super::Global;
use super::attend::{Attended, Ending, observers, say_stopped};
use super::cassette::CassetteArg;
use super::team_file::{ModelArg, TeamFileArg, load};
use crate::exit::Exit;
use anyhow::{Context, Result};
use kernel::Cost;
use majordomo::Ticket;
use majordomo::session::{Options, Session, Summary};
use majordomo::show::escape;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Run a team on what it is given
#[derive(clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    team: TeamFileArg,
    /// What the team works on; its steps know it as `args`
    args: Vec<String>,
    /// Write the report here, as Markdown; its JSON goes beside it
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The same key is the same run, however often it is started
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    model: ModelArg,
    #[command(flatten)]
    cassette: CassetteArg,
}

impl Run {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        let Some((mut definition, file)) = load(&self.team, global)? else {
            return Ok(Exit::Usage);
        };
        self.model.choose(&mut definition)?;
        let data = global.data();
        let (board, viewer) = observers(&data)?;
        let tape = self.cassette.open()?;
        let mut options = Options { file, one_off: true, llm: tape.llm(), ..Options::default() };
        options.observers.push(board.clone());
        options.observers.extend(viewer.clone().map(|it| it as _));
        let session = Session::start(definition, &data, options).await?;
        session.notes().iter().for_each(|note| anstream::eprintln!("note: {note}"));
        let attended = Attended::new(&data, session, board, viewer)?;
        let options = majordomo::SubmitOptions { key: self.key, ..Default::default() };
        let args = Value::from(absolute(self.args));
        let ticket = attended.session.run_with(args, options).await;
        let ticket = ticket.map_err(|failure| anyhow::anyhow!(failure.message))?;
        if !ticket.fresh {
            anstream::eprintln!("run {} has this key already; nothing is done twice", ticket.task);
        }
        let report = self.report.as_deref();
        let exit = see_through(attended, vec![ticket], Vec::new(), global, report).await;
        Ok(tape.end(exit?))
    }
}

/// Paths that are there are given whole: agents work in directories of their own.
fn absolute(args: Vec<String>) -> Vec<String> {
    let whole = |arg: String| {
        let path = Path::new(&arg).canonicalize().ok();
        path.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or(arg)
    };
    args.into_iter().map(whole).collect()
}

/// Attends to runs until all have ended or somebody stops it; then says how it went, with them and
/// with those that had `ended` before.
pub(super) async fn see_through(
    attended: Attended,
    tickets: Vec<Ticket>,
    ended: Vec<kernel::TaskId>,
    global: &Global,
    report: Option<&Path>,
) -> Result<Exit> {
    let mut runs = ended;
    runs.extend(tickets.iter().map(|ticket| ticket.task));
    let work = async {
        let mut lost = None;
        for ticket in tickets {
            if let Err(failure) = ticket.settled().await {
                lost = Some(failure); // The runtime has failed: nobody will be told any more.
            }
        }
        lost
    };
    let exit = match attended.until(global.json, work).await? {
        Ending::Stopped { handed_back } => say_stopped(handed_back),
        Ending::Finished(Some(failure)) => {
            anstream::eprintln!("error: {failure}");
            Exit::Data
        }
        Ending::Finished(None) => {
            let mut exit = Exit::Done;
            for run in runs {
                let summary = attended.session.summary(run).await;
                let summary = summary.with_context(|| {
                    format!("nothing that is kept tells of run {run}; see `majordomo runs`")
                })?;
                if summary.status != "completed" {
                    exit = Exit::Failed;
                }
                tell(&summary, global, report)?;
            }
            exit
        }
    };
    attended.finish().await;
    Ok(exit)
}

/// The end of a run, for people or for programs.
fn tell(summary: &Summary, global: &Global, report: Option<&Path>) -> Result<()> {
    let written = write_report(summary, global, report)?;
    if global.json {
        anstream::println!("{}", serde_json::to_string(summary)?);
        return Ok(());
    }
    for line in in_words(summary) {
        anstream::println!("{}", escape::terminal(&line));
    }
    if let Some(file) = written {
        anstream::println!("report: {}", file.display());
    }
    let (run, data) = (summary.run, global.data());
    let data = data.path().display();
    let at =
        if data.to_string() == ".majordomo" { String::new() } else { format!(" --data {data}") };
    anstream::println!(
        "look closer: majordomo{at} timeline {run} · show {run} · why TASK · agents"
    );
    Ok(())
}

/// The figures of a run, as lines.
fn in_words(summary: &Summary) -> Vec<String> {
    let Summary { run, status, tasks, attempts_lost, restarts, agents, .. } = summary;
    let tasks_open = summary.tasks_open;
    let time = summary.time_ms.map_or(String::new(), |ms| format!(" in {:.1} s", ms as f64 / 1e3));
    let mut lines = vec![format!("run {run} {status}{time}")];
    lines.extend(summary.reason.iter().map(|why| format!("  {why}")));
    if let Some(findings) = summary.outputs.pointer("/json/counts/findings") {
        lines.push(format!("  findings {findings}"));
    }
    let again =
        if *attempts_lost > 0 { format!(" · made again {attempts_lost}") } else { String::new() };
    lines.push(format!(
        "  tasks {} completed, {} failed, {} cancelled, {} dead{again} · restarts {restarts} · \
         lost {tasks_open}",
        tasks.completed, tasks.failed, tasks.cancelled, tasks.dead
    ));
    for agent in agents {
        let p50 = agent.p50_ms.map_or(String::new(), |ms| format!(", half within {ms} ms"));
        let failed =
            if agent.failed > 0 { format!(", {} failed", agent.failed) } else { String::new() };
        lines.push(format!("  {:14} {} done{failed}{p50}", agent.name, agent.completed));
    }
    let Cost { money_micros, tokens, calls } = summary.spent;
    if (money_micros, tokens, calls) != (0, 0, 0) {
        let dollars = money_micros as f64 / 1e6;
        lines.push(format!("  cost ${dollars:.4} · calls of models {calls} · tokens {tokens}"));
    }
    lines
}

/// What a team calls its report: text and data. Written by us, where the operator said, so that no
/// agent chooses a path.
fn write_report(
    summary: &Summary,
    global: &Global,
    report: Option<&Path>,
) -> Result<Option<PathBuf>> {
    let outputs = &summary.outputs;
    let Some(markdown) = outputs.get("markdown").and_then(Value::as_str) else { return Ok(None) };
    let default = || global.data().path().join(format!("report-{}.md", summary.run));
    let file = report.map_or_else(default, Path::to_owned);
    let write = |file: &Path, text: &str| {
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    };
    write(&file, markdown)?;
    if let Some(data) = outputs.get("json") {
        write(&file.with_extension("json"), &serde_json::to_string_pretty(data)?)?;
    }
    Ok(Some(file))
}
