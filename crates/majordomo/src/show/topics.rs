//! Durable topics: what they keep, who reads them, what became of a message.

use super::style::{HEAD, PLAIN, WARN, paint};
use super::table::Rows;
use super::{Format, json};
use kernel::Text;
use kernel::topic::{Fate, Full, Receipts, Summary, TopicTerms};
use std::collections::BTreeMap;

/// All topics, one a line.
#[must_use]
pub fn topics(topics: &BTreeMap<String, Summary>, format: &Format) -> String {
    let Format::Text(screen) = format else { return json(topics) };
    let header = [
        "TOPIC",
        ">MESSAGES",
        ">BYTES",
        ">FIRST",
        ">NEXT",
        ">NAMES",
        ">TO DO",
        ">DEAD",
        "WHEN FULL",
        "SCHEMA",
    ];
    let mut rows = Rows::new(&header);
    for (name, it) in topics {
        let readers = it.subscribers.values();
        let to_do: u64 = readers.clone().map(|it| it.waiting + it.in_hand + it.returned).sum();
        let dead: usize = readers.map(|it| it.dead.len()).sum();
        let names = it.subscribers.len() as u64;
        let figures = [it.messages, it.bytes, it.first, it.next, names, to_do, dead as u64];
        let mut cells = vec![name.clone()];
        cells.extend(figures.map(|it| it.to_string()));
        cells.push(when_full(it.terms.full).to_owned());
        cells.push(it.terms.schema.as_deref().unwrap_or("any").to_owned());
        rows.push(if dead > 0 { WARN } else { PLAIN }, cells);
    }
    rows.shown(screen.width, "no topic is durable; the first message that is published makes one")
}

/// One topic, and who reads it.
#[must_use]
pub fn topic(name: &str, topic: &Summary, format: &Format) -> String {
    let Format::Text(screen) = format else { return json(topic) };
    let Summary { messages, bytes, first, next, subscribers, terms } = topic;
    let header = [
        "NAME",
        "THERE",
        ">AT",
        ">WAITING",
        ">IN HAND",
        ">RETURNED",
        ">HANDLED",
        ">EXPIRED",
        ">DROPPED",
        ">DEAD",
        ">ACK MS",
        ">WINDOW",
        ">TRIES",
    ];
    let mut rows = Rows::new(&header);
    for (name, it) in subscribers {
        let there = if it.there { "yes" } else { "no" };
        let mut cells = vec![name.to_string(), there.to_owned()];
        let dead = it.dead.len() as u64;
        let figures = [
            it.cursor,
            it.waiting,
            it.in_hand,
            it.returned,
            it.handled,
            it.expired,
            it.dropped,
            dead,
            it.terms.ack_ms,
            u64::from(it.terms.window),
            u64::from(it.terms.deliveries_max),
        ];
        cells.extend(figures.map(|it| it.to_string()));
        rows.push(if dead > 0 { WARN } else { PLAIN }, cells);
    }
    format!(
        "{}: {messages} messages, {bytes} bytes, from number {first}; the next is {next}; when \
         full, {}{}\n{}",
        paint(HEAD, &super::escape::terminal(name)),
        when_full(terms.full),
        what_holds(terms),
        rows.shown(screen.width, "nobody subscribes under a durable name")
    )
}

/// What became of a message.
#[must_use]
pub fn receipts(seq: u64, receipts: &Receipts, format: &Format) -> String {
    let Format::Text(screen) = format else { return json(receipts) };
    let mut rows = Rows::new(&["NAME", "MESSAGE", "WHY"]);
    for (name, fate) in &receipts.fates {
        let (word, why) = words(fate);
        let style = if matches!(fate, Fate::Refused { .. }) { WARN } else { PLAIN };
        rows.push(style, vec![name.to_string(), word.to_owned(), reasons(why)]);
    }
    let kept = if receipts.kept { "is kept" } else { "is no longer kept" };
    format!("message {seq} {kept}\n{}", rows.shown(screen.width, "nobody is there"))
}

/// Every dead letter.
#[must_use]
pub fn dead_messages(topics: &BTreeMap<String, Summary>, format: &Format) -> String {
    let letters = topics.iter().flat_map(|(topic, it)| {
        let readers = it.subscribers.iter();
        readers.flat_map(move |(name, it)| {
            it.dead.iter().map(move |(seq, reasons)| (topic, name, *seq, reasons))
        })
    });
    let Format::Text(screen) = format else {
        let letters = letters.map(|(topic, name, seq, reasons)| {
            serde_json::json!({
                "topic": topic, "name": name, "message": seq, "reasons": reasons,
            })
        });
        return json(&letters.collect::<Vec<_>>());
    };
    let mut rows = Rows::new(&["TOPIC", "NAME", ">MESSAGE", "WHY"]);
    for (topic, name, seq, why) in letters {
        let cells = vec![topic.clone(), name.to_string(), seq.to_string(), reasons(why)];
        rows.push(PLAIN, cells);
    }
    rows.shown(screen.width, "no message is dead")
}

fn words(fate: &Fate) -> (&'static str, &[Text]) {
    match fate {
        Fate::Sent => ("sent", &[]),
        Fate::Delivered => ("delivered", &[]),
        Fate::Returned { reasons } => ("returned", reasons),
        Fate::Handled => ("handled", &[]),
        Fate::Expired => ("expired", &[]),
        Fate::Dropped => ("dropped", &[]),
        Fate::Refused { reasons } => ("refused", reasons),
        Fate::Discarded => ("discarded", &[]),
        Fate::Before => ("before its time", &[]),
    }
}

fn reasons(reasons: &[Text]) -> String {
    reasons.join("; ")
}

/// What holds for messages and names that say nothing of it, where the topic does.
fn what_holds(terms: &TopicTerms) -> String {
    let mut said = String::new();
    if let Some(schema) = &terms.schema {
        said += &format!("; takes {}", super::escape::terminal(schema));
    }
    if let Some(ttl_ms) = terms.ttl_ms {
        said += &format!("; messages live for {ttl_ms} ms");
    }
    if let Some(it) = &terms.served {
        said += &format!(
            "; new names have {} ms to ack, a window of {} and {} tries",
            it.ack_ms, it.window, it.deliveries_max
        );
    }
    said
}

fn when_full(full: Full) -> &'static str {
    match full {
        Full::Refuse => "refuse",
        Full::DropOldest => "drop oldest",
    }
}
