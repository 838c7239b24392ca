//! A cron expression: five fields or a word for them → sets of minutes, hours, days and months.
//!
//! ```text
//!   ┌ minute 0-59   ┌ day of the month 1-31     ┌ day of the week 0-7 or SUN-SAT (0 and 7: Sunday)
//!   │  ┌ hour 0-23  │  ┌ month 1-12 or JAN-DEC  │
//!  30  9            *  *                      MON-FRI
//! ```
//!
//! As in Vixie cron, a day matches if *either* of its two fields does, unless one of them begins
//! with `*`: then both must. `L`, `W`, `#`, `?` and seconds are not taken; each dialect means
//! something else by them.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// A cron expression that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) days: u64,
    pub(super) months: u64,
    pub(super) weekdays: u64,
    /// The hour begins with `*`: it goes by time that has passed, not by the clock on the wall.
    pub(super) every_hour: bool,
    /// A field of days that begins with `*` does not choose days by itself.
    pub(super) any_day: bool,
    pub(super) any_weekday: bool,
}

/// Why it was not understood, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    text: String,
    /// In bytes of the text.
    pub at: Range<usize>,
    /// What is wrong and what to write, in one line.
    pub message: String,
}

impl fmt::Display for Error {
    /// The message, the expression, and a mark under what is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.text[..self.at.start].chars().count();
        let width = self.text[self.at.clone()].chars().count().max(1);
        write!(
            f,
            "{}\n  {}\n  {}{}",
            self.message,
            self.text,
            " ".repeat(before),
            "^".repeat(width)
        )
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One of the five.
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// Names of its values, the first for `min`.
    names: &'static [&'static str],
}

const MONTHS: &[&str] =
    &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const FIELDS: [Field; 5] = [
    Field { name: "minute", min: 0, max: 59, names: &[] },
    Field { name: "hour", min: 0, max: 23, names: &[] },
    Field { name: "day of the month", min: 1, max: 31, names: &[] },
    Field { name: "month", min: 1, max: 12, names: MONTHS },
    Field { name: "day of the week", min: 0, max: 7, names: WEEKDAYS },
];

const WORDS: &[(&str, &str)] = &[
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Longer than anything that is meant.
const TEXT_MAX_BYTES: usize = 1_024;

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Cron, Error> {
        let wrong =
            |at: Range<usize>, message: String| Err(Error { text: text.to_owned(), at, message });
        if text.len() > TEXT_MAX_BYTES {
            let message = format!("it has {} bytes; at most {TEXT_MAX_BYTES}", text.len());
            return Err(Error { text: String::new(), at: 0..0, message });
        }
        let begin = text.len() - text.trim_start().len();
        let whole = begin..begin + text.trim().len();
        let word = text.trim();
        if word.starts_with('@') {
            let Some((_, means)) = WORDS.iter().find(|(it, _)| it.eq_ignore_ascii_case(word))
            else {
                let known: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
                let message = format!("there is no `{word}`: write one of {}", known.join(", "));
                return wrong(whole, message);
            };
            return Cron::parse(means).map(|cron| Cron { text: word.to_owned(), ..cron });
        }
        let parts = words(text);
        if parts.len() != FIELDS.len() {
            let message = format!(
                "a cron expression has five fields (minute, hour, day, month, weekday), \
                 this has {}",
                parts.len()
            );
            return wrong(whole, message);
        }
        let mut sets = [0; 5];
        for ((set, field), at) in sets.iter_mut().zip(&FIELDS).zip(&parts) {
            *set = field.read(text, at.clone())?;
        }
        let [minutes, hours, days, months, weekdays] = sets;
        let starred = |field: usize| text[parts[field].clone()].starts_with('*');
        Ok(Cron {
            text: text.trim().to_owned(),
            minutes,
            hours,
            days,
            months,
            weekdays: (weekdays | weekdays >> 7) & 0x7f, // 7 is Sunday as well.
            every_hour: starred(1),
            any_day: starred(2),
            any_weekday: starred(4),
        })
    }
}

impl FromStr for Cron {
    type Err = Error;
    fn from_str(text: &str) -> Result<Cron, Error> {
        Cron::parse(text)
    }
}

/// Where the words of a text stand.
fn words(text: &str) -> Vec<Range<usize>> {
    let start = text.as_ptr() as usize;
    let place = |word: &str| {
        let at = word.as_ptr() as usize - start;
        at..at + word.len()
    };
    text.split_whitespace().map(place).collect()
}

impl Field {
    /// A list of parts, each `*`, `a`, `a-b`, and `/step` after the first or the last.
    fn read(&self, text: &str, at: Range<usize>) -> Result<u64, Error> {
        let mut set = 0;
        let mut from = at.start;
        for part in text[at].split(',') {
            set |= self.part(text, from..from + part.len())?;
            from += part.len() + 1;
        }
        Ok(set)
    }

    fn part(&self, text: &str, at: Range<usize>) -> Result<u64, Error> {
        let part = &text[at.clone()];
        let (range, step) = match part.split_once('/') {
            Some((range, _)) => {
                let step_at = at.start + range.len() + 1..at.end;
                (range, Some(self.step(text, step_at)?))
            }
            None => (part, None),
        };
        let range_at = at.start..at.start + range.len();
        let (min, max) = match range.split_once('-') {
            _ if range == "*" => (self.min, self.max.min(6 + 94 * u32::from(self.max != 7))),
            Some((low, high)) => {
                let low_at = range_at.start..range_at.start + low.len();
                let high_at = range_at.end - high.len()..range_at.end;
                (self.value(text, low_at)?, self.value(text, high_at)?)
            }
            None => {
                let value = self.value(text, range_at.clone())?;
                (value, if step.is_some() { self.max } else { value })
            }
        };
        if min > max {
            let message =
                format!("the {} goes from {min} down to {max}: write the lower first", self.name);
            return Err(Error { text: text.to_owned(), at: range_at, message });
        }
        let step = step.unwrap_or(1) as usize;
        Ok((min..=max).step_by(step).fold(0, |set, value| set | 1 << value))
    }

    fn step(&self, text: &str, at: Range<usize>) -> Result<u32, Error> {
        match text[at.clone()].parse::<u32>() {
            Ok(step) if (1..=self.max.max(1)).contains(&step) => Ok(step),
            Ok(_) | Err(_) => {
                let message =
                    format!("a step of the {} is a number from 1 to {}", self.name, self.max);
                Err(Error { text: text.to_owned(), at, message })
            }
        }
    }

    fn value(&self, text: &str, at: Range<usize>) -> Result<u32, Error> {
        let word = &text[at.clone()];
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(word));
        if let Some(place) = named {
            return Ok(self.min + place as u32);
        }
        let digits = !word.is_empty() && word.bytes().all(|it| it.is_ascii_digit());
        match word.parse::<u32>() {
            Ok(value) if digits && (self.min..=self.max).contains(&value) => Ok(value),
            Ok(_) | Err(_) => {
                let names = match self.names {
                    [] => String::new(),
                    [first, .., last] => format!(", or {first} to {last}"),
                    [only] => format!(", or {only}"),
                };
                let message =
                    format!("the {} is from {} to {}{names}", self.name, self.min, self.max);
                Err(Error { text: text.to_owned(), at, message })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(values: impl IntoIterator<Item = u32>) -> u64 {
        values.into_iter().fold(0, |set, value| set | 1 << value)
    }

    #[test]
    fn fields_are_lists_of_ranges_with_steps_and_names() {
        let cron = Cron::parse("*/15,7 9-17/4 1,15 JAN-mar,12 mon-FRI").unwrap();
        assert_eq!(cron.minutes, bits([0, 7, 15, 30, 45]));
        assert_eq!(cron.hours, bits([9, 13, 17]));
        assert_eq!(cron.days, bits([1, 15]));
        assert_eq!(cron.months, bits([1, 2, 3, 12]));
        assert_eq!(cron.weekdays, bits(1..=5));
        assert_eq!(Cron::parse("5/20 * * * 5-7").unwrap().minutes, bits([5, 25, 45]));
        assert_eq!(Cron::parse("5/20 * * * 5-7").unwrap().weekdays, bits([0, 5, 6]));
        assert_eq!(Cron::parse("* * * * *").unwrap().weekdays, bits(0..=6));
        assert_eq!(Cron::parse(" @Hourly ").unwrap().minutes, bits([0]));
    }

    #[test]
    fn mistakes_are_pointed_at() {
        for (text, part, says) in [
            ("61 * * * *", "61", "the minute is from 0 to 59"),
            ("0 24 * * *", "24", "the hour is from 0 to 23"),
            ("0 9 * * MON-FRY", "FRY", "the day of the week is from 0 to 7, or SUN to SAT"),
            ("0 9 1,,2 * *", "", "the day of the month is from 1 to 31"),
            ("0 9 L * *", "L", "the day of the month"),
            ("0 17-9 * * *", "17-9", "write the lower first"),
            ("*/0 * * * *", "0", "a step of the minute is a number from 1 to 59"),
            ("0 9 * *", "0 9 * *", "five fields"),
            ("0 0 9 * * *", "0 0 9 * * *", "five fields"),
            ("@noon", "@noon", "@hourly"),
            ("", "", "this has 0"),
            ("+5 * * * *", "+5", "the minute"),
        ] {
            let error = Cron::parse(text).unwrap_err();
            assert_eq!(&text[error.at.clone()], part, "{text}");
            assert!(error.message.contains(says), "{text}: {}", error.message);
        }
        let shown = Cron::parse("0 9 * * MON-FRY").unwrap_err().to_string();
        assert!(shown.ends_with("\n  0 9 * * MON-FRY\n              ^^^"), "{shown}");
        assert!(Cron::parse(&"*".repeat(2_000)).is_err());
    }

    #[test]
    fn nothing_that_is_typed_panics() {
        let letters = ["*", "/", "-", ",", " ", "5", "99999999999", "é", "MON", "@", "\t", "0"];
        let mut seed: u64 = 5;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..seed % 13 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text += letters[(seed >> 33) as usize % letters.len()];
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if let Err(error) = Cron::parse(&text) {
                let _ = error.to_string();
            }
        }
    }
}
