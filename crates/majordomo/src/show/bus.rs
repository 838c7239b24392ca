//! Messages as they pass, and what the bus has counted.

use super::escape::{self, terminal};
use super::style::{DIM, WARN, paint};
use super::table::Rows;
use super::{Format, json, moment};
use crate::control::Seen;
use anstyle::Style;
use runtime::bus::{Overflow, Stats, Subscribed, Trace};

/// One line for a message.
#[must_use]
pub fn message(seen: &Seen, format: &Format) -> String {
    let Format::Text(screen) = format else {
        let text = serde_json::to_string(seen).expect("a message has text for keys");
        return escape::json(&text) + "\n";
    };
    let header = &seen.header;
    let at = i64::try_from(header.sent_at_ms).unwrap_or(i64::MAX);
    let origin = header.trace.as_deref().and_then(Trace::read);
    let origin = origin.map(|it| format!(" (run {}, task {})", it.run, it.task));
    let origin = origin.unwrap_or_default();
    let about = format!("{} {}{origin} {}", header.subject, header.sender, header.schema);
    let body = match &seen.unreadable {
        Some(why) => format!("({} of it cannot be read: {why})", header.schema),
        None => seen.body.to_string(),
    };
    let missed = match seen.missed {
        0 => String::new(),
        missed => paint(WARN, &format!(" ({missed} missed so far)")),
    };
    let when = paint(DIM, &moment::clock(screen, at));
    let line = format!("{} {}", terminal(&about), terminal(&body));
    format!("{when} {}{missed}\n", escape::cut(&line, screen.width.saturating_sub(20)))
}

/// Who listens to what, and what has become of messages.
#[must_use]
pub fn bus(stats: &Stats, format: &Format) -> String {
    let Format::Text(screen) = format else { return json(stats) };
    let Stats { published, nobody, refused, asking, total, subscriptions } = stats;
    let mut rows = Rows::new(&[
        "WHO",
        "SUBJECT",
        "GROUP",
        ">QUEUED",
        ">ROOM",
        ">RECEIVED",
        ">DROPPED",
        ">EXPIRED",
        ">UNREADABLE",
        "WHEN FULL",
    ]);
    for it in subscriptions {
        let lost = it.counts.dropped + it.counts.unreadable > 0;
        rows.push(if lost { WARN } else { Style::new() }, cells(it));
    }
    let list = rows.shown(screen.width, "nobody listens");
    format!(
        "{published} published, {nobody} to nobody, {refused} refused; {} received, {} dropped, {} \
         expired; {asking} questions open\n{list}",
        total.received, total.dropped, total.expired
    )
}

fn cells(it: &Subscribed) -> Vec<String> {
    let numbers = [
        it.queued as u64,
        it.capacity as u64,
        it.counts.received,
        it.counts.dropped,
        it.counts.expired,
        it.counts.unreadable,
    ];
    let overflow = match it.overflow {
        Overflow::Block { at_most_ms } => format!("publishers wait {at_most_ms} ms"),
        Overflow::DropOldest => "drop oldest".to_owned(),
        Overflow::DropNewest => "drop newest".to_owned(),
        Overflow::Disconnect => "disconnect".to_owned(),
    };
    let who = if it.silent { format!("{} (watches)", it.name) } else { it.name.to_string() };
    let words = [who, it.pattern.to_string(), it.group.as_deref().unwrap_or("").to_owned()];
    words.into_iter().chain(numbers.map(|it| it.to_string())).chain([overflow]).collect()
}
