//! `majordomo timeline RUN`: a lane for every slot, in the terminal or as one picture.

mod page;
mod text;

pub use page::page;
pub use text::text;

use super::{Format, Shown, json};
use adapters::views::Error;
use adapters::views::read::{CriticalPath, Part, Piece, Reader, Span, SpanEnd, Timeline};

/// The timeline of a run for a terminal, or as JSON.
pub fn show(views: &Reader, run: u64, format: &Format) -> Shown {
    let timeline = views.timeline(run)?;
    Ok(match format {
        Format::Json => json(&timeline),
        Format::Text(screen) => text(&timeline, screen),
    })
}

/// The timeline of a run as a page of HTML with one picture in it: no scripts, nothing fetched.
pub fn html(views: &Reader, run: u64) -> Result<String, Error> {
    Ok(page(&views.timeline(run)?))
}

/// Pieces of the critical path in which a task held a slot, by task.
fn decisive(path: &CriticalPath, span: &Span) -> Vec<(i64, i64)> {
    let held =
        |piece: &&Piece| piece.task == span.task && matches!(piece.part, Part::Work | Part::Retry);
    let within = |piece: &Piece| {
        let (from_ms, to_ms) = (piece.from_ms.max(span.from_ms), piece.to_ms.min(span.to_ms));
        (from_ms < to_ms).then_some((from_ms, to_ms))
    };
    path.pieces.iter().filter(held).filter_map(within).collect()
}

/// Waits that took longest: length, task, what for.
fn longest_waits(timeline: &Timeline, count: usize) -> Vec<(i64, u64, String)> {
    let spans = timeline.lanes.iter().flat_map(|lane| &lane.spans);
    let mut waits: Vec<(i64, u64, String)> = spans
        .filter_map(|span| {
            let wait = span.wait.as_ref()?;
            let ms = wait.until_ms.unwrap_or(timeline.to_ms) - wait.since_ms;
            Some((ms, span.task, waits_for(&wait.steps)))
        })
        .filter(|wait| wait.0 > 0)
        .collect();
    waits.sort_by_key(|wait| (-wait.0, wait.1));
    waits.truncate(count);
    waits
}

/// "review#0, review#1 and 6 more".
fn waits_for(steps: &[String]) -> String {
    const NAMED: usize = 3;
    match steps {
        [] => "news".to_owned(),
        few if few.len() <= NAMED => few.join(", "),
        many => format!("{} and {} more", many[..NAMED].join(", "), many.len() - NAMED),
    }
}

/// How a stretch of work ended, in a word.
fn ended(span: &Span) -> &'static str {
    match (span.end, span.fenced) {
        (SpanEnd::Failed, true) if span.late => "failed, fenced, its late answer refused",
        (SpanEnd::Lost, true) if span.late => "lost, fenced, its late answer refused",
        (SpanEnd::Stopped, _) if span.late => "stopped, its late answer refused",
        (SpanEnd::Waits, _) => "then waited",
        (SpanEnd::Running, _) => "running",
        (SpanEnd::Completed, _) => "completed",
        (SpanEnd::Failed, true) => "failed, fenced",
        (SpanEnd::Failed, false) => "failed",
        (SpanEnd::Lost, true) => "lost, fenced",
        (SpanEnd::Lost, false) => "given back",
        (SpanEnd::Stopped, _) => "stopped",
    }
}
