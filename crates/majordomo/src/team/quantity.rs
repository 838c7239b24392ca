//! What a team file measures, as people write it: `"2m"`, `"512MiB"`, `1.50` → milliseconds, bytes,
//! micro-dollars.
//!
//! Each quantity reads and prints the same notation, and prints the shortest exact one (`"60s"`
//! comes back as `"1m"`), so a definition has one canonical form however its author wrote it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time in whole milliseconds, written as a number and a unit: `"250ms"`, `"5s"`,
/// `"2m"`, `"1h"`, `"1d"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    ms: u64,
}

/// A number of bytes, written as a number and a unit: `"512B"`, `"64KiB"`, `"512MiB"`, `"2GiB"`, or
/// `"1MB"` for powers of ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    bytes: u64,
}

/// An amount of money in millionths of a US dollar, written as a number of dollars: `1.5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    micro_usd: u64,
}

/// Why a text is not a quantity; the words after the colon say what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no number at the start.
    #[error("`{text}` does not begin with a number: write one like {example}")]
    NoNumber {
        /// What was written.
        text: String,
        /// A text that would do.
        example: &'static str,
    },
    /// A number stands alone.
    #[error("`{text}` has no unit: say which of {units}, as in `{text}{first}`")]
    NoUnit {
        /// What was written.
        text: String,
        /// The units there are.
        units: &'static str,
        /// The unit proposed.
        first: &'static str,
    },
    /// The unit is none of ours.
    #[error("`{unit}` is no unit: use one of {units}")]
    UnknownUnit {
        /// What stands after the number.
        unit: String,
        /// The units there are.
        units: &'static str,
    },
    /// A fraction finer than the smallest step, or a number with two points.
    #[error("`{text}` cannot be written exactly: use a whole number of a smaller unit")]
    NotWhole {
        /// What was written.
        text: String,
    },
    /// More than this quantity can hold.
    #[error("`{text}` is too much: at most {most}")]
    TooLarge {
        /// What was written.
        text: String,
        /// The largest that is taken.
        most: &'static str,
    },
    /// Money that is negative or no number.
    #[error("{text} is no amount of money: write dollars from 0 to 1000000000, as in 1.5")]
    NotMoney {
        /// What was written.
        text: String,
    },
}

const TIME_UNITS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZE_UNITS: &[(&str, u64)] =
    &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const DECIMAL_SIZE_UNITS: &[(&str, u64)] =
    &[("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];

/// A hundred years: longer than any deadline that is meant.
const TIME_MAX_MS: u64 = 36_525 * 86_400_000;
/// One exbibyte: more than any machine has.
const SIZE_MAX_BYTES: u64 = 1 << 60;
const MONEY_MAX_USD: f64 = 1e9;

impl Duration {
    /// `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self { ms }
    }

    /// The length in milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.ms
    }

    /// Reads `"2m"`; fractions are taken while they come to whole milliseconds (`"1.5s"`).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let notation = Notation {
            units: &[TIME_UNITS],
            names: "ms, s, m, h, d",
            first: "s",
            example: "`30s`, `2m` or `1h`",
            max: TIME_MAX_MS,
            most: "36525d (a hundred years)",
        };
        notation.parse(text).map(Self::from_ms)
    }
}

impl Size {
    /// `bytes` bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// The size in bytes.
    pub const fn as_bytes(self) -> u64 {
        self.bytes
    }

    /// Reads `"512MiB"`; fractions are taken while they come to whole bytes (`"1.5GiB"`).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let notation = Notation {
            units: &[SIZE_UNITS, DECIMAL_SIZE_UNITS],
            names: "B, KiB, MiB, GiB, kB, MB, GB",
            first: "MiB",
            example: "`64KiB`, `512MiB` or `2GiB`",
            max: SIZE_MAX_BYTES,
            most: "1073741824GiB (one exbibyte)",
        };
        notation.parse(text).map(Self::from_bytes)
    }
}

impl Money {
    /// `micro_usd` millionths of a US dollar.
    pub const fn from_micro_usd(micro_usd: u64) -> Self {
        Self { micro_usd }
    }

    /// The amount in millionths of a US dollar.
    pub const fn as_micro_usd(self) -> u64 {
        self.micro_usd
    }

    /// Takes dollars; what is finer than a millionth is rounded.
    pub fn from_usd(usd: f64) -> Result<Self, Error> {
        if !(0.0..=MONEY_MAX_USD).contains(&usd) {
            return Err(Error::NotMoney { text: usd.to_string() });
        }
        Ok(Self { micro_usd: (usd * 1e6).round() as u64 })
    }
}

/// How one quantity is written.
struct Notation {
    units: &'static [&'static [(&'static str, u64)]],
    names: &'static str,
    first: &'static str,
    example: &'static str,
    max: u64,
    most: &'static str,
}

impl Notation {
    fn parse(&self, text: &str) -> Result<u64, Error> {
        let trimmed = text.trim();
        let digits = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')
            .unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..digits], trimmed[digits..].trim());
        if !number.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Error::NoNumber { text: clipped(text), example: self.example });
        }
        if unit.is_empty() {
            let (units, first) = (self.names, self.first);
            return Err(Error::NoUnit { text: clipped(text), units, first });
        }
        let scale = self.units.iter().flat_map(|units| units.iter());
        let Some((_, scale)) = scale.into_iter().find(|(name, _)| *name == unit) else {
            return Err(Error::UnknownUnit { unit: clipped(unit), units: self.names });
        };
        let value = exact(number, *scale, text)?;
        match value {
            Some(value) if value <= self.max => Ok(value),
            Some(_) | None => Err(Error::TooLarge { text: clipped(text), most: self.most }),
        }
    }
}

/// `number × scale` when that is whole; `None` when it does not fit.
fn exact(number: &str, scale: u64, text: &str) -> Result<Option<u64>, Error> {
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let not_whole = || Error::NotWhole { text: clipped(text) };
    if fraction.contains('.') || fraction.len() > 12 {
        return Err(not_whole());
    }
    let Ok(whole) = whole.parse::<u64>() else { return Ok(None) };
    let parts = 10_u64.pow(fraction.len() as u32);
    let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().unwrap_or(0) };
    let fraction = u128::from(fraction) * u128::from(scale);
    if !fraction.is_multiple_of(u128::from(parts)) {
        return Err(not_whole());
    }
    let total = u128::from(whole) * u128::from(scale) + fraction / u128::from(parts);
    Ok(u64::try_from(total).ok())
}

/// A message stays a message, whatever somebody pastes into a file.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The largest unit that divides `value`, so that nothing is lost in print.
fn print(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fits = |scale: u64| value != 0 && value.is_multiple_of(scale);
    let smallest = units.len() - 1;
    let (unit, scale) = units.iter().find(|(_, scale)| fits(*scale)).unwrap_or(&units[smallest]);
    write!(f, "{}{unit}", value / scale)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.ms, TIME_UNITS)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.bytes, SIZE_UNITS)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.micro_usd as f64 / 1e6)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&Cow::<str>::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&Cow::<str>::deserialize(from)?).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_usd(f64::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// The schema keyword that tells the shape check which parser to ask.
pub(super) const SCHEMA_KEYWORD: &str = "x-quantity";

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^\s*[0-9][0-9_]*(\.[0-9]+)?\s*(ms|s|m|h|d)\s*$",
            "examples": ["30s", "2m", "1h"],
            SCHEMA_KEYWORD: "duration",
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^\s*[0-9][0-9_]*(\.[0-9]+)?\s*(B|KiB|MiB|GiB|kB|MB|GB)\s*$",
            "examples": ["64KiB", "512MiB"],
            SCHEMA_KEYWORD: "size",
        })
    }
}

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1_000_000_000 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, ms, printed) in [
            ("0s", 0, "0ms"),
            ("250ms", 250, "250ms"),
            ("1.5s", 1_500, "1500ms"),
            ("90s", 90_000, "90s"),
            ("60s", 60_000, "1m"),
            (" 2 m ", 120_000, "2m"),
            ("1_000ms", 1_000, "1s"),
            ("36525d", TIME_MAX_MS, "36525d"),
        ] {
            let read = Duration::parse(text).unwrap();
            assert_eq!((read.as_ms(), read.to_string().as_str()), (ms, printed), "{text}");
            assert_eq!(Duration::parse(printed).unwrap(), read, "{text} comes back");
        }
    }

    #[test]
    fn bad_durations_say_what_to_write() {
        for (text, message) in [
            ("", "`` does not begin with a number: write one like `30s`, `2m` or `1h`"),
            ("-5s", "`-5s` does not begin with a number: write one like `30s`, `2m` or `1h`"),
            ("10", "`10` has no unit: say which of ms, s, m, h, d, as in `10s`"),
            ("2min", "`min` is no unit: use one of ms, s, m, h, d"),
            ("2M", "`M` is no unit: use one of ms, s, m, h, d"),
            ("0.5ms", "`0.5ms` cannot be written exactly: use a whole number of a smaller unit"),
            ("1.2.3s", "`1.2.3s` cannot be written exactly: use a whole number of a smaller unit"),
            ("36526d", "`36526d` is too much: at most 36525d (a hundred years)"),
            (
                "99999999999999999999999s",
                "`99999999999999999999999s` is too much: at most 36525d (a hundred years)",
            ),
        ] {
            assert_eq!(Duration::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn sizes_read_and_print() {
        for (text, bytes, printed) in [
            ("0B", 0, "0B"),
            ("512MiB", 512 << 20, "512MiB"),
            ("1.5GiB", 3 << 29, "1536MiB"),
            ("1MB", 1_000_000, "1000000B"),
            ("1kB", 1_000, "1000B"),
        ] {
            let read = Size::parse(text).unwrap();
            assert_eq!((read.as_bytes(), read.to_string().as_str()), (bytes, printed), "{text}");
            assert_eq!(Size::parse(printed).unwrap(), read, "{text} comes back");
        }
        let message = Size::parse("512mb").unwrap_err().to_string();
        assert_eq!(message, "`mb` is no unit: use one of B, KiB, MiB, GiB, kB, MB, GB");
    }

    #[test]
    fn money_is_kept_in_millionths() {
        assert_eq!(Money::from_usd(1.5).unwrap().as_micro_usd(), 1_500_000);
        assert_eq!(Money::from_usd(0.000_000_4).unwrap().as_micro_usd(), 0);
        for bad in [-0.1, 2e9, f64::NAN, f64::INFINITY] {
            assert!(Money::from_usd(bad).is_err(), "{bad}");
        }
    }
}
