//! The timeline as one page that stands alone: inline SVG, a little CSS, no scripts.

use super::super::escape::html;
use super::super::moment::length;
use super::{decisive, ended, waits_for};
use adapters::views::read::{Lane, Part, Span, Timeline};
use std::fmt::Write;

const WIDTH: f64 = 1_200.0;
const LABEL: f64 = 180.0;
const LANE: f64 = 26.0;
const BAR: f64 = 16.0;
const TOP: f64 = 34.0;
/// Narrower work is drawn together, so that a run of 100,000 tasks is still a picture.
const NARROW: f64 = 0.75;
/// A name needs that much room for each of its letters.
const LETTER: f64 = 6.5;

const CSS: &str = "
:root{color-scheme:light dark;--ink:#1d2433;--dim:#6b7486;--rule:#d9dee8;--work:#8fb3e8;
--crit:#1f4fa3;--bad:#d9534f;--wait:#c9a227;--back:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9f0;--dim:#98a1b3;--rule:#39414f;--work:#3f5f94;
--crit:#8fc0ff;--back:#14181f}}
body{font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--back);margin:24px}
h1{font-size:18px;margin:0 0 4px}.sentence{font-size:16px;font-weight:600;margin:0 0 16px}
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
svg .dim{fill:var(--dim)}.rule{stroke:var(--rule)}.work{fill:var(--work)}
.crit{fill:none;stroke:var(--crit);stroke-width:3}.fenced{fill:url(#hatch);stroke:var(--bad)}
.stopping{fill:url(#hatch);opacity:.45}.wait{stroke:var(--wait);stroke-dasharray:3 3}
.restart{stroke:var(--bad);stroke-width:2}.down{fill:var(--bad);opacity:.12}
.p-work{fill:var(--crit)}.p-queue{fill:var(--wait)}.p-retry{fill:var(--bad)}
.p-restart{fill:var(--bad);opacity:.5}.p-timer{fill:var(--dim)}.p-wait{fill:var(--rule)}
td{padding:1px 14px 1px 0}td.n{text-align:right}
";

/// The page. Everything that is not ours is escaped, here and nowhere else.
#[must_use]
pub fn page(timeline: &Timeline) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let title = format!("run {} · {}", timeline.run, html(&timeline.capability));
    let (status, sentence) = (html(&timeline.status), timeline.critical.sentence());
    let picture = Picture::of(timeline).drawn();
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{CSS}</style></head><body>\n\
         <h1>{title} · {status}</h1>\n<p class=\"sentence\">{sentence}</p>\n{picture}\n{}\
         </body></html>\n",
        chain(timeline)
    )
    .expect("memory takes every byte");
    out
}

/// The chain in words, its longest links.
fn chain(timeline: &Timeline) -> String {
    let mut pieces: Vec<_> = timeline.critical.pieces.iter().collect();
    pieces.sort_by_key(|piece| (piece.from_ms - piece.to_ms, piece.from_ms));
    pieces.truncate(40);
    pieces.sort_by_key(|piece| piece.from_ms);
    let mut out = "<table>\n".to_owned();
    for piece in pieces {
        let at = length(piece.from_ms - timeline.from_ms);
        let took = length(piece.to_ms - piece.from_ms);
        let (part, task) = (piece.part.name(), piece.task);
        let label = html(timeline.label(task));
        out += &format!(
            "<tr><td class=\"n\">{at}</td><td class=\"n\">{took}</td><td>{part}</td>\
             <td>{label} (task {task})</td></tr>\n"
        );
    }
    out + "</table>\n"
}

struct Picture<'t> {
    timeline: &'t Timeline,
    height: f64,
    out: String,
}

impl<'t> Picture<'t> {
    fn of(timeline: &'t Timeline) -> Picture<'t> {
        // One lane more, for the critical path.
        let height = TOP + LANE * (timeline.lanes.len() as f64 + 1.0) + 12.0;
        Picture { timeline, height, out: String::new() }
    }

    fn drawn(mut self) -> String {
        let height = self.height;
        self.put(&format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"timeline\">\n\
             <defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" class=\"work\"/>\
             <line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\" class=\"restart\"/></pattern></defs>"
        ));
        self.axis();
        let timeline = self.timeline;
        for (at, lane) in timeline.lanes.iter().enumerate() {
            self.lane(lane, TOP + LANE * at as f64);
        }
        self.chain(TOP + LANE * timeline.lanes.len() as f64);
        self.restarts();
        self.put("</svg>");
        self.out
    }

    fn axis(&mut self) {
        let span_ms = self.span_ms();
        let bottom = self.height - 8.0;
        for tick in 0..=8 {
            let ms = span_ms * tick / 8;
            let x = self.x(self.timeline.from_ms + ms);
            let anchor = if tick == 8 { "end" } else { "middle" };
            let label = length(ms);
            self.put(&format!(
                "<line class=\"rule\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"dim\" x=\"{x:.1}\" y=\"14\" text-anchor=\"{anchor}\">{label}</text>"
            ));
        }
    }

    fn lane(&mut self, lane: &Lane, y: f64) {
        let name = html(&format!("{} {}", lane.agent, lane.slot));
        self.put(&format!("<text x=\"4\" y=\"{:.1}\">{name}</text>", y + 13.0));
        for span in &lane.spans {
            self.wait(span, y);
        }
        // Narrow work side by side becomes one block that says how much it is.
        let mut narrow: Option<(f64, f64, u64)> = None;
        for span in &lane.spans {
            let (x, width) = self.bar(span.from_ms, span.to_ms);
            if width >= NARROW || span.fenced {
                self.many(narrow.take(), y);
                self.span(span, x, width, y);
                continue;
            }
            narrow = match narrow {
                Some((from, to, count)) if x - to < NARROW => Some((from, x + width, count + 1)),
                other => {
                    self.many(other, y);
                    Some((x, x + width, 1))
                }
            };
        }
        self.many(narrow, y);
    }

    fn span(&mut self, span: &Span, x: f64, width: f64, y: f64) {
        let class = if span.fenced { "fenced" } else { "work" };
        let took = length(span.to_ms - span.from_ms);
        let (task, token, how) = (span.task, span.token, ended(span));
        let label = html(&span.label);
        let drawn = width.max(1.0);
        self.put(&format!(
            "<rect class=\"{class}\" x=\"{x:.2}\" y=\"{y:.1}\" width=\"{drawn:.2}\" \
             height=\"{BAR}\"><title>{label} · task {task} · token {token} · {took} · {how}\
             </title></rect>"
        ));
        if let Some(stopped_ms) = span.stopped_ms {
            let (x, width) = self.bar(span.to_ms, stopped_ms);
            self.put(&format!(
                "<rect class=\"stopping\" x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" \
                 height=\"{BAR}\"><title>being stopped</title></rect>"
            ));
        }
        for (from_ms, to_ms) in decisive(&self.timeline.critical, span) {
            let (x, width) = self.bar(from_ms, to_ms);
            self.put(&format!(
                "<rect class=\"crit\" x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" \
                 height=\"{BAR}\"/>"
            ));
        }
        if span.label.chars().count() as f64 * LETTER + 6.0 < width {
            self.put(&format!("<text x=\"{:.1}\" y=\"{:.1}\">{label}</text>", x + 3.0, y + 12.0));
        }
    }

    /// A dashed line under the lane, with the name of what it waits for where there is room.
    fn wait(&mut self, span: &Span, y: f64) {
        let Some(wait) = &span.wait else { return };
        let (x, width) = self.bar(wait.since_ms, wait.until_ms.unwrap_or(self.timeline.to_ms));
        if width < NARROW {
            return;
        }
        let (below, end) = (y + BAR + 2.0, x + width);
        let steps = waits_for(&wait.steps);
        let label = html(&format!("task {} waits for {steps}", span.task));
        self.put(&format!(
            "<line class=\"wait\" x1=\"{x:.2}\" x2=\"{end:.2}\" y1=\"{below:.1}\" \
             y2=\"{below:.1}\"><title>{label}</title></line>"
        ));
        if steps.chars().count() as f64 * LETTER + 6.0 < width {
            let steps = html(&steps);
            self.put(&format!(
                "<text class=\"dim\" x=\"{:.1}\" y=\"{:.1}\">{steps}</text>",
                x + 3.0,
                y + 12.0
            ));
        }
    }

    fn many(&mut self, block: Option<(f64, f64, u64)>, y: f64) {
        let Some((from, to, count)) = block else { return };
        let width = (to - from).max(NARROW);
        self.put(&format!(
            "<rect class=\"work\" x=\"{from:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" \
             height=\"{BAR}\"><title>{count} short stretches of work</title></rect>"
        ));
    }

    fn chain(&mut self, y: f64) {
        self.put(&format!("<text x=\"4\" y=\"{:.1}\">critical path</text>", y + 13.0));
        for piece in &self.timeline.critical.pieces {
            let (x, width) = self.bar(piece.from_ms, piece.to_ms);
            let took = length(piece.to_ms - piece.from_ms);
            let label = html(self.timeline.label(piece.task));
            let (part, task) = (piece.part.name(), piece.task);
            let class = match piece.part {
                Part::Work => "p-work",
                Part::Queue => "p-queue",
                Part::Retry => "p-retry",
                Part::Restart => "p-restart",
                Part::Timer => "p-timer",
                Part::Wait => "p-wait",
            };
            self.put(&format!(
                "<rect class=\"{class}\" x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" \
                 height=\"{BAR}\"><title>{part} · {took} · {label} · task {task}</title></rect>"
            ));
        }
    }

    /// Crashes and ordered restarts: a line where the next process began, a shade while none ran.
    fn restarts(&mut self) {
        let bottom = self.height - 8.0;
        for start in &self.timeline.starts {
            let (from, at) = (start.down_ms.unwrap_or(start.at_ms), self.x(start.at_ms));
            let (x, width) = self.bar(from, start.at_ms);
            let down = length(start.at_ms - from);
            let why = html(&start.why);
            self.put(&format!(
                "<rect class=\"down\" x=\"{x:.2}\" y=\"{TOP}\" width=\"{width:.2}\" \
                 height=\"{:.1}\"/><line class=\"restart\" x1=\"{at:.2}\" x2=\"{at:.2}\" \
                 y1=\"{TOP}\" y2=\"{bottom:.1}\"/>\
                 <text x=\"{at:.2}\" y=\"28\" text-anchor=\"middle\">{why}, {down}</text>",
                bottom - TOP
            ));
        }
    }

    fn span_ms(&self) -> i64 {
        (self.timeline.to_ms - self.timeline.from_ms).max(1)
    }

    fn x(&self, ms: i64) -> f64 {
        let at = (ms - self.timeline.from_ms).clamp(0, self.span_ms()) as f64;
        LABEL + at / self.span_ms() as f64 * (WIDTH - LABEL - 8.0)
    }

    fn bar(&self, from_ms: i64, to_ms: i64) -> (f64, f64) {
        let x = self.x(from_ms);
        (x, self.x(to_ms) - x)
    }

    fn put(&mut self, element: &str) {
        self.out.push_str(element);
        self.out.push('\n');
    }
}
