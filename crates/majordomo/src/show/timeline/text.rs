//! The timeline for a terminal: one line a slot, as wide as the screen.

use super::super::Screen;
use super::super::escape::{cut, terminal};
use super::super::moment::{clock, length};
use super::super::style::{self, DIM, HEAD, paint};
use super::{decisive, longest_waits};
use adapters::views::read::{Lane, Part, Piece, Timeline};

const LABEL_MAX: usize = 24;
const WIDTH_MIN: usize = 40;
const WIDTH_MAX: usize = 200;
const CHAIN_MAX: usize = 12;

/// What stands in one column of a lane; later ones hide earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Idle,
    Waits,
    Stopping,
    Work,
    Fenced,
    Decisive,
    Restart,
}

impl Cell {
    fn character(self) -> char {
        match self {
            Cell::Idle => ' ',
            Cell::Waits => '┄',
            Cell::Restart => '│',
            Cell::Stopping => '░',
            Cell::Work => '▄',
            Cell::Fenced => '▒',
            Cell::Decisive => '█',
        }
    }
}

/// Time → columns.
struct Scale {
    from_ms: i64,
    span_ms: i64,
    columns: usize,
}

impl Scale {
    fn column(&self, ms: i64) -> usize {
        let at = i128::from((ms - self.from_ms).clamp(0, self.span_ms));
        (at * self.columns as i128 / i128::from(self.span_ms)) as usize
    }

    /// At least one column, so that short work is seen.
    fn columns(&self, from_ms: i64, to_ms: i64) -> std::ops::Range<usize> {
        let first = self.column(from_ms).min(self.columns - 1);
        first..self.column(to_ms).clamp(first + 1, self.columns)
    }
}

/// The whole picture.
#[must_use]
pub fn text(timeline: &Timeline, screen: &Screen) -> String {
    let width = screen.width.clamp(WIDTH_MIN, WIDTH_MAX);
    let name = |lane: &Lane| format!("{} {}", terminal(&lane.agent), lane.slot);
    let names: Vec<String> =
        timeline.lanes.iter().map(|lane| cut(&name(lane), LABEL_MAX).into_owned()).collect();
    let label = names.iter().map(|it| it.chars().count()).max().unwrap_or(0).max(8);
    let span_ms = (timeline.to_ms - timeline.from_ms).max(1);
    let columns = width - label - 2;
    let scale = Scale { from_ms: timeline.from_ms, span_ms, columns };

    let status = paint(style::of_status(&timeline.status), &timeline.status);
    let title = format!("run {} · {}", timeline.run, terminal(&timeline.capability));
    let mut out = format!("{} · {status}\n", paint(HEAD, &title));
    out += &format!("{}\n\n", paint(HEAD, &timeline.critical.sentence()));
    out += &format!("{:label$}  {}\n", "", paint(DIM, &axis(&scale)));
    for (lane, name) in timeline.lanes.iter().zip(&names) {
        out += &format!("{name:<label$}  {}\n", drawn(timeline, lane, &scale));
    }
    out += &format!("{:<label$}  {}\n", "critical", chain_line(timeline, &scale));
    let legend = "█ decided the end  ▄ other work  ▒ fenced  ░ being stopped  ┄ waits  │ restart  \
                  q queue  x retry  t timer";
    out += &format!("{}\n\n", paint(DIM, cut(legend, width).as_ref()));
    out + &told(timeline, screen, width)
}

/// "0 ─────── 2.4 s ─────── 4.8 s"
fn axis(scale: &Scale) -> String {
    let (middle, end) = (length(scale.span_ms / 2), length(scale.span_ms));
    let rule = scale.columns.saturating_sub(middle.chars().count() + end.chars().count() + 5);
    let half = "─".repeat(rule / 2);
    format!("0 {half} {middle} {half} {end}")
}

fn drawn(timeline: &Timeline, lane: &Lane, scale: &Scale) -> String {
    let mut cells = vec![Cell::Idle; scale.columns];
    let mut fill = |from_ms: i64, to_ms: i64, cell: Cell| {
        for at in scale.columns(from_ms, to_ms) {
            cells[at] = cells[at].max(cell);
        }
    };
    for span in &lane.spans {
        if let Some(wait) = &span.wait {
            fill(wait.since_ms, wait.until_ms.unwrap_or(timeline.to_ms), Cell::Waits);
        }
        let cell = if span.fenced { Cell::Fenced } else { Cell::Work };
        fill(span.from_ms, span.to_ms, cell);
        if let Some(stopped_ms) = span.stopped_ms {
            fill(span.to_ms, stopped_ms, Cell::Stopping);
        }
        // What was cut off stays marked as such, even where it decided the end.
        if !span.fenced {
            for (from_ms, to_ms) in decisive(&timeline.critical, span) {
                fill(from_ms, to_ms, Cell::Decisive);
            }
        }
    }
    for start in &timeline.starts {
        let down_ms = start.down_ms.unwrap_or(start.at_ms);
        fill(down_ms, down_ms, Cell::Restart);
    }
    let line: String = cells.iter().map(|cell| cell.character()).collect();
    line.trim_end().to_owned()
}

/// The critical path as a lane of its own, a letter for each part.
fn chain_line(timeline: &Timeline, scale: &Scale) -> String {
    let mut cells = vec![' '; scale.columns];
    for piece in &timeline.critical.pieces {
        let letter = match piece.part {
            Part::Work => '█',
            Part::Queue => 'q',
            Part::Retry => 'x',
            Part::Restart => '│',
            Part::Timer => 't',
            Part::Wait => '┄',
        };
        scale.columns(piece.from_ms, piece.to_ms).for_each(|at| cells[at] = letter);
    }
    let line: String = cells.into_iter().collect();
    line.trim_end().to_owned()
}

/// What the picture cannot say: the chain in words, the waits, the restarts.
fn told(timeline: &Timeline, screen: &Screen, width: usize) -> String {
    let mut out = String::new();
    let mut line = |text: String| out += &format!("{}\n", cut(&terminal(&text), width));
    let pieces = &timeline.critical.pieces;
    let mut longest: Vec<&Piece> = pieces.iter().collect();
    longest.sort_by_key(|piece| (piece.from_ms - piece.to_ms, piece.from_ms));
    longest.truncate(CHAIN_MAX);
    longest.sort_by_key(|piece| piece.from_ms);
    line(match pieces.len() > CHAIN_MAX {
        true => format!("the longest {CHAIN_MAX} of {} links of the chain:", pieces.len()),
        false => "what decided the end:".to_owned(),
    });
    for piece in longest {
        let at = length(piece.from_ms - timeline.from_ms);
        let took = length(piece.to_ms - piece.from_ms);
        let label = timeline.label(piece.task);
        line(format!(
            "{at:>11}  {took:>9} {:<7}  {label} (task {})",
            piece.part.name(),
            piece.task
        ));
    }
    let waits = longest_waits(timeline, 5);
    if !waits.is_empty() {
        line("longest waits:".to_owned());
    }
    for (ms, task, steps) in waits {
        line(format!("{:>11}  task {task} for {steps}", length(ms)));
    }
    for start in &timeline.starts {
        let down = length(start.at_ms - start.down_ms.unwrap_or(start.at_ms));
        let when = clock(screen, start.at_ms);
        line(format!("started again {when} after a {}, down {down}", start.why));
    }
    out
}
