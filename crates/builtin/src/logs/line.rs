//! One line of a log: when, how bad, and what it says.

use serde::{Deserialize, Serialize};

use super::LINE_CHARS_MAX;

/// How bad a line says it is. Ordered: `Error` is the worst and sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// `ERROR`, `FATAL`, `CRITICAL`, `PANIC` and the like.
    Error,
    /// `WARN`, `WARNING`.
    Warn,
    /// `INFO`, `NOTICE`.
    Info,
    /// `DEBUG`, `TRACE`.
    Debug,
}

impl Level {
    /// The level that a word names, in brackets or with a colon or not.
    fn of(word: &str) -> Option<Level> {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
        Some(match word.to_ascii_uppercase().as_str() {
            "ERROR" | "ERR" | "FATAL" | "CRITICAL" | "CRIT" | "ALERT" | "PANIC" | "SEVERE" => {
                Level::Error
            }
            "WARN" | "WARNING" => Level::Warn,
            "INFO" | "NOTICE" => Level::Info,
            "DEBUG" | "TRACE" => Level::Debug,
            _ => return None,
        })
    }
}

/// A line, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// In milliseconds since 1970 by the log's own clock, where it begins with a time.
    pub(super) at_ms: Option<i64>,
    /// How bad it says it is.
    pub(super) level: Option<Level>,
    /// The words that follow.
    pub(super) words: Vec<&'a str>,
}

/// Words before the message among which the level stands: thread, target, process.
const HEAD_WORDS_MAX: usize = 4;

impl<'a> Line<'a> {
    /// Reads a line. Any text will do.
    pub(super) fn parse(raw: &'a str) -> Line<'a> {
        let raw = clipped(raw);
        let (at_ms, rest) = match time(raw) {
            Some((at_ms, rest)) => (Some(at_ms), rest),
            None => (None, raw),
        };
        let mut words: Vec<&str> = rest.split_whitespace().collect();
        let head = words.iter().take(HEAD_WORDS_MAX);
        // Written large, or the very first word: an `error` inside of a sentence is no level.
        let named = |(at, word): (usize, &&str)| {
            let large = !word.chars().any(|c| c.is_ascii_lowercase());
            Some((at, Level::of(word).filter(|_| large || at == 0)?))
        };
        let level = head.enumerate().find_map(named);
        if let Some((at, _)) = level {
            words.remove(at);
        }
        Line { at_ms, level: level.map(|(_, level)| level), words }
    }
}

/// At most [`LINE_CHARS_MAX`] characters of a line.
pub(super) fn clipped(raw: &str) -> &str {
    raw.char_indices().nth(LINE_CHARS_MAX).map_or(raw, |(end, _)| &raw[..end])
}

/// The time that a line begins with, `2026-11-20T10:00:02.500Z` or `[2026-11-20 10:00:02,500]`,
/// and what follows it. An offset is honoured; without one the log's clock is taken as it is.
fn time(raw: &str) -> Option<(i64, &str)> {
    let text = raw.strip_prefix('[').unwrap_or(raw);
    let head = text.as_bytes().get(..19)?;
    let shape = b"dddd-dd-ddTdd:dd:dd".iter().zip(head);
    let fits = shape.into_iter().all(|(want, is)| match want {
        b'd' => is.is_ascii_digit(),
        b'T' => matches!(is, b'T' | b' '),
        _ => is == want,
    });
    if !fits {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let (ms, rest) = fraction_ms(&text[19..]);
    let (offset, rest) = offset_minutes(rest);
    let at_ms = days(year, month, day) * 86_400_000 + seconds * 1_000 + ms - offset * 60_000;
    Some((at_ms, rest.strip_prefix(']').unwrap_or(rest)))
}

fn fraction_ms(text: &str) -> (i64, &str) {
    let Some(rest) = text.strip_prefix(['.', ',']) else { return (0, text) };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let ms = rest[..end].chars().chain("000".chars()).take(3);
    (ms.fold(0, |sum, digit| sum * 10 + i64::from(digit.to_digit(10).unwrap_or(0))), &rest[end..])
}

/// `Z`, `+01:00` or `+0100`.
fn offset_minutes(text: &str) -> (i64, &str) {
    if let Some(rest) = text.strip_prefix('Z') {
        return (0, rest);
    }
    let sign = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return (0, text),
    };
    let digits = |at: usize| text.get(at..at + 2).and_then(|it| it.parse::<i64>().ok());
    let colon = usize::from(text.as_bytes().get(3) == Some(&b':'));
    match digits(1).zip(digits(3 + colon)) {
        Some((hours, minutes)) => (sign * (hours * 60 + minutes), &text[5 + colon..]),
        None => (0, text),
    }
}

/// Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that the day that may
/// be missing is the last (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_forms_that_logs_have() {
        let table = [
            ("1970-01-01T00:00:00Z x", Some(0)),
            ("2000-03-01 00:00:00 x", Some(951_868_800_000)),
            ("[2026-11-20 10:00:02,5] x", Some(1_795_168_802_500)),
            ("2026-11-20T11:00:02.500+01:00 x", Some(1_795_168_802_500)),
            ("2026-11-20T08:30:02.500123-0130 x", Some(1_795_168_802_500)),
            ("2026-11-20", None),
            ("yesterday at noon, in the evening", None),
            ("2026-11-20T1०:00:00 x", None),
        ];
        for (text, at_ms) in table {
            assert_eq!(Line::parse(text).at_ms, at_ms, "{text}");
        }
    }

    #[test]
    fn a_level_is_a_word_of_the_head() {
        let level = |text| Line::parse(text).level;
        assert_eq!(level("2026-11-20T10:00:02Z [worker-1] ERROR no"), Some(Level::Error));
        assert_eq!(level("warning: it is late"), Some(Level::Warn));
        assert_eq!(level("[INFO] ready"), Some(Level::Info));
        assert_eq!(level("there was no error today"), None);
        assert_eq!(Line::parse("DEBUG: a b").words, ["a", "b"]);
    }
}
