//! Draws the board: a few lines that renew themselves on a terminal, a line now and then in a pipe.

use super::Board;
use super::board::{AgentLine, Standing};
use crate::show::escape::terminal;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval};

/// How often a terminal is drawn.
const FRAME: Duration = Duration::from_millis(125);
/// How often a pipe gets a line.
const LINE: Duration = Duration::from_secs(2);
/// Agents shown; the rest is counted.
const AGENTS_MAX: usize = 12;

/// A drawing that goes on until it is dropped.
pub struct Screen {
    drawing: tokio::task::JoinHandle<()>,
    bars: Option<MultiProgress>,
}

impl Screen {
    /// Starts to draw on standard error; `quiet` draws nothing.
    #[must_use]
    pub fn start(board: Arc<Board>, quiet: bool) -> Screen {
        if quiet {
            return Screen { drawing: tokio::spawn(async {}), bars: None };
        }
        if std::io::stderr().is_terminal() {
            board.draw();
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let drawing = tokio::spawn(draw(board, bars.clone()));
            return Screen { drawing, bars: Some(bars) };
        }
        Screen { drawing: tokio::spawn(print(board)), bars: None }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.drawing.abort();
        if let Some(bars) = &self.bars {
            let _ = bars.clear(); // The terminal may be gone.
        }
    }
}

async fn draw(board: Arc<Board>, bars: MultiProgress) {
    let style = |template: &str| {
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    };
    let head = bars.add(ProgressBar::new(1));
    head.set_style(style("{spinner} {elapsed} {wide_bar} {pos}/{len} tasks {msg}"));
    let mut lines: Vec<ProgressBar> = Vec::new();
    let tail = bars.add(ProgressBar::new_spinner());
    tail.set_style(style("  {wide_msg}"));
    let mut frames = interval(FRAME);
    loop {
        frames.tick().await;
        let standing = board.standing();
        let total = standing.total();
        head.set_length(total.accepted.max(1));
        head.set_position(total.ended);
        head.set_message(if total.failed > 0 {
            format!("{} failed", total.failed)
        } else {
            String::new()
        });
        head.tick();
        let shown = agent_lines(&standing, width());
        while lines.len() < shown.len() {
            let line = bars.insert_before(&tail, ProgressBar::new_spinner());
            line.set_style(style("  {wide_msg}"));
            lines.push(line);
        }
        let nothing = std::iter::repeat_with(String::new);
        for (line, text) in lines.iter().zip(shown.into_iter().chain(nothing)) {
            line.set_message(text);
        }
        tail.set_message(terminal(&standing.latest).into_owned());
    }
}

fn width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| usize::from(size.ws_col))
}

/// A line for each agent, and under it the end of what it writes.
fn agent_lines(standing: &Standing, width: usize) -> Vec<String> {
    let mut agents: Vec<&AgentLine> = standing.agents.values().collect();
    agents.sort_by_key(|agent| std::cmp::Reverse((agent.busy, agent.completed)));
    let more = agents.len().saturating_sub(AGENTS_MAX);
    let mut lines = Vec::new();
    for agent in agents.into_iter().take(AGENTS_MAX) {
        lines.push(agent_line(agent));
        let writes = standing.writing(agent);
        lines.extend(writes.map(|it| format!("  │ {}", end_of(it, width.saturating_sub(8)))));
    }
    if more > 0 {
        lines.push(format!("and {more} more agents"));
    }
    lines
}

/// As many characters of a line as there is room for, the last ones: there it goes on.
fn end_of(line: &str, width: usize) -> String {
    let line = terminal(line);
    let too_many = line.chars().count().saturating_sub(width);
    match too_many {
        0 => line.into_owned(),
        _ => std::iter::once('…').chain(line.chars().skip(too_many + 1)).collect(),
    }
}

fn agent_line(agent: &AgentLine) -> String {
    let AgentLine { name, busy, waiting, slots, completed, failed, restarts, away, .. } = agent;
    let now = match (busy, waiting) {
        (0, 0) => "idle".to_owned(),
        (0, waiting) => format!("{waiting} waiting"),
        (busy, 0) => format!("{busy}/{slots} busy"),
        (busy, waiting) => format!("{busy}/{slots} busy, {waiting} waiting"),
    };
    let name = terminal(name);
    let mut line = format!("{name:14} {now:12} {completed} done");
    if *failed > 0 {
        line.push_str(&format!(" · {failed} failed"));
    }
    if *restarts > 0 {
        line.push_str(&format!(" · restarted {restarts} times"));
    }
    if let Some(away) = away {
        line.push_str(&format!(" · {away}"));
    }
    line
}

async fn print(board: Arc<Board>) {
    let start = Instant::now();
    let mut lines = interval(LINE);
    lines.tick().await;
    loop {
        lines.tick().await;
        let standing = board.standing();
        let (total, busy) =
            (standing.total(), standing.agents.values().map(|it| it.busy).sum::<u32>());
        let waiting = (total.accepted - total.ended).saturating_sub(u64::from(busy));
        anstream::eprintln!(
            "{:4} s  {} of {} tasks done, {busy} at work, {waiting} waiting, {} failed",
            start.elapsed().as_secs(),
            total.ended,
            total.accepted,
            total.failed
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_writes_stands_under_it() {
        let (mut standing, task) = crate::live::board::tests::standing();
        assert_eq!(agent_lines(&standing, 40).len(), 1);
        standing.written(task, true, "first\nthen \u{1b}[2J and what goes on and on and on");
        let lines = agent_lines(&standing, 40);
        assert_eq!(lines[1], "  │ … and what goes on and on and on", "its end, in {lines:?}");
    }

    #[test]
    fn a_name_moves_no_cursor() {
        let agent = AgentLine { name: "a\u{1b}[2J\r".into(), slots: 1, ..AgentLine::default() };
        let line = agent_line(&agent);
        assert!(line.starts_with("a\\u{1b}[2J\\r "), "{line:?}");
        assert_eq!(end_of("b\u{1b}[2J", 80), "b\\u{1b}[2J");
        assert_eq!((end_of("abcdef", 4), end_of("abcd", 4)), ("…def".into(), "abcd".into()));
    }
}
