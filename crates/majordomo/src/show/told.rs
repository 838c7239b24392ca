//! What agents say in passing, as it comes: texts that grow where they stand, and lines between.

use super::escape::{self, terminal};
use super::style::{DIM, WARN, paint};
use crate::control::Told;
use runtime::port::observer::{Level, Said};
use serde_json::Value;
use std::collections::BTreeMap;

/// Attempts whose outputs so far are remembered.
const PARTIALS_MAX: usize = 256;

/// Puts what is said in passing on a terminal, or in a pipe. Whoever prints what it gives puts it
/// behind what it gave before.
#[derive(Default)]
pub struct Passing {
    /// Who writes the text that the last line is of, by attempt.
    writer: Option<u64>,
    /// The outputs so far of attempts that said them whole, where they are texts.
    partials: BTreeMap<u64, String>,
    missed: u64,
}

/// As a program reads it: a line of JSON.
#[must_use]
pub fn told(told: &Told) -> String {
    let text = serde_json::to_string(told).expect("what is said has text for keys");
    escape::json(&text) + "\n"
}

impl Passing {
    /// A line of its own, which is harmless already.
    pub fn line(&mut self, line: &str) -> String {
        format!("{}{line}\n", self.end())
    }

    /// What ends the line that a text stands on, if one does.
    pub fn end(&mut self) -> &'static str {
        if self.writer.take().is_some() { "\n" } else { "" }
    }

    /// What is to be printed for this.
    pub fn said(&mut self, told: &Told) -> String {
        let gap = std::mem::replace(&mut self.missed, told.missed) < told.missed;
        match &told.what {
            Said::Text { begins, piece } => self.text(told, *begins, piece, gap),
            Said::Partial { output: Value::String(text) } => self.partial(told, text, gap),
            Said::Partial { output } => self.mark(told, &format!("has {output}")),
            Said::Progress { fraction, message } => {
                let share = fraction.map_or(String::new(), |it| format!("{:.0} % ", it * 100.0));
                self.mark(told, &format!("{share}{message}"))
            }
            Said::Log { level: Level::Warn | Level::Error, message, .. } => {
                let text = format!("{}: {}", who(told), terminal(message));
                self.line(&paint(WARN, &text))
            }
            // In the log, with its fields.
            Said::Log { level: Level::Debug | Level::Info, .. } => String::new(),
        }
    }

    fn mark(&mut self, told: &Told, words: &str) -> String {
        self.line(&paint(DIM, &format!("{}: {}", who(told), terminal(words))))
    }

    /// A text grows on the line where it stands; whoever writes between makes it go on on another.
    fn text(&mut self, told: &Told, begins: bool, piece: &str, gap: bool) -> String {
        let mut shown = String::new();
        let goes_on = self.writer == Some(told.token) && !begins;
        if !goes_on {
            let end = if self.writer.is_some() { "\n" } else { "" };
            let more = if begins { "" } else { "…" };
            shown = format!("{end}{} {more}", paint(DIM, &format!("{}:", who(told))));
        } else if gap {
            shown.push('…');
        }
        self.writer = Some(told.token);
        let lines: Vec<_> = piece.split('\n').map(terminal).collect();
        shown + &lines.join("\n  ")
    }

    /// The whole of a text so far: only what is new of it is shown.
    fn partial(&mut self, told: &Told, text: &str, gap: bool) -> String {
        if self.partials.len() >= PARTIALS_MAX {
            self.partials.clear();
        }
        let before = self.partials.insert(told.token, text.to_owned());
        match before.as_deref().and_then(|before| text.strip_prefix(before)) {
            Some("") => String::new(),
            Some(more) => self.text(told, false, more, gap),
            None => self.text(told, true, text, gap),
        }
    }
}

fn who(told: &Told) -> String {
    let Told { task, agent, .. } = told;
    if agent.is_empty() { format!("task {task}") } else { format!("{} ({task})", terminal(agent)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(token: u64, what: Said) -> Told {
        Told { task: token, token, agent: "poet\u{1b}".into(), what, missed: 0 }
    }

    fn text(begins: bool, piece: &str) -> Said {
        Said::Text { begins, piece: piece.into() }
    }

    fn play(said: &[(u64, Said)]) -> String {
        let mut passing = Passing::default();
        let one = |(token, what): &(u64, Said)| passing.said(&told(*token, what.clone()));
        let shown: String = said.iter().map(one).collect();
        anstream::adapter::strip_str(&shown).to_string()
    }

    #[test]
    fn texts_grow_where_they_stand_and_make_room_for_each_other() {
        let working = Said::Progress { fraction: Some(0.5), message: "works\r".into() };
        let shown = play(&[
            (1, text(true, "to be,\nor")),
            (1, text(false, " not\u{1b}[2J")),
            (2, text(false, "late")),
            (1, text(false, "to be")),
            (1, working),
            (1, text(true, "that")),
        ]);
        let poet = "poet\\u{1b}";
        let expected = [
            format!("{poet} (1): to be,\n  or not\\u{{1b}}[2J"),
            format!("{poet} (2): …late"),
            format!("{poet} (1): …to be"),
            format!("{poet} (1): 50 % works\\r"),
            format!("{poet} (1): that"),
        ];
        let expected = expected.join("\n");
        assert_eq!(shown, expected);
    }

    #[test]
    fn of_an_output_so_far_only_what_is_new_is_shown() {
        let partial = |output: Value| (1, Said::Partial { output });
        let said = [json!("to"), json!("to be"), json!("to be"), json!("no"), json!([1, "\u{1b}"])];
        let shown = play(&said.map(partial));
        let who = "poet\\u{1b} (1):";
        assert_eq!(shown, format!("{who} to be\n{who} no\n{who} has [1,\"\\u001b\"]\n"));
    }

    #[test]
    fn what_was_missed_is_marked() {
        let mut passing = Passing::default();
        passing.said(&told(1, text(true, "a")));
        let gap = Told { missed: 3, ..told(1, text(false, "b")) };
        assert_eq!((passing.said(&gap), passing.said(&gap)), ("…b".into(), "b".into()));
        let line = super::told(&gap);
        let read: Told = serde_json::from_str(&line).unwrap();
        assert!(read == gap && !line.contains('\u{1b}'), "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&value["said"], &value["piece"]), (&json!("text"), &json!("b")));
    }
}
