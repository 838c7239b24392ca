//! One line per thing measured: aligned words for people, or JSON for programs.

use serde_json::{Map, Value};

/// Where figures go.
pub(crate) struct Report {
    pub(crate) json: bool,
}

/// A name with its unit last (`p50_us`), and the value.
pub(crate) type Figure = (&'static str, f64);

impl Report {
    /// Prints the figures of one thing.
    pub(crate) fn line(&self, section: &str, what: &str, figures: &[Figure]) {
        if self.json {
            let mut line = Map::new();
            line.insert("section".into(), section.into());
            line.insert("what".into(), what.into());
            line.extend(figures.iter().map(|(name, value)| ((*name).into(), rounded(*value))));
            println!("{}", Value::Object(line));
            return;
        }
        let figures: String =
            figures.iter().map(|(name, value)| format!("  {:>9} {name}", short(*value))).collect();
        println!("{section:<9} {what:<34}{figures}");
    }
}

/// Whole from 100 on, else two digits after the point: more would be noise.
fn rounded(value: f64) -> Value {
    if value >= 100.0 {
        Value::from(value.round() as u64)
    } else {
        Value::from((value * 100.0).round() / 100.0)
    }
}

fn short(value: f64) -> String {
    let digits = if value >= 100.0 { 0 } else { 2 };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_grouped() {
        assert_eq!(short(1_234_567.8), "1 234 568");
        assert_eq!(short(999.6), "1 000");
        assert_eq!(short(0.456), "0.46");
        assert_eq!(rounded(12.345), Value::from(12.35));
    }
}
