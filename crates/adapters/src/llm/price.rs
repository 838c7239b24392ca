//! What a model costs: its name → a price for tokens, and tokens → money.
//!
//! The prices are data, in `prices.json`: each with the day as of which it held and where that was
//! said. They change, so a team file may say others. A model that is not in the table and on
//! nobody's own machine has no price, and none is guessed: its tokens are counted, its money is
//! not.

use super::provider::{self, Provider};
use runtime::llm::Usage;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Dollars for a million tokens, in millionths of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Read.
    pub input_micros: u64,
    /// Written.
    pub output_micros: u64,
    /// Read from the provider's cache.
    pub cached_micros: u64,
}

/// A row of the table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Provider and model, without the date that some names end in.
    pub model: String,
    input_usd: f64,
    output_usd: f64,
    cached_usd: f64,
    /// The day, or the month, as of which it held.
    pub as_of: String,
    /// Where that is said.
    pub source: String,
    /// What it reads at once, if that is known.
    #[serde(default)]
    pub context: Option<ContextWindow>,
}

/// What a model reads at once, and who says so.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextWindow {
    /// Its answer included.
    pub tokens: u64,
    /// The day, or the month, as of which it held.
    pub as_of: String,
    /// Where that is said.
    pub source: String,
}

impl Listed {
    /// As what calls are charged by.
    #[must_use]
    pub fn price(&self) -> Price {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Prices are small.
        let micros = |usd: f64| (usd * 1e6).round() as u64;
        Price {
            input_micros: micros(self.input_usd),
            output_micros: micros(self.output_usd),
            cached_micros: micros(self.cached_usd),
        }
    }
}

/// The table, by model.
pub fn table() -> &'static BTreeMap<String, Listed> {
    static TABLE: OnceLock<BTreeMap<String, Listed>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let rows: Vec<Listed> = serde_json::from_str(include_str!("prices.json"))
            .expect("a test reads the table as this does");
        rows.into_iter().map(|it| (it.model.clone(), it)).collect()
    })
}

impl Price {
    /// What a model costs, if it is known: `anthropic/claude-opus-4-5-20251101` is
    /// `anthropic/claude-opus-4-5`. Models on one's own machine cost nothing.
    #[must_use]
    pub fn of(model: &str) -> Option<Price> {
        if let Ok((Provider::Ollama, _)) = provider::parse(model) {
            return Some(Price::default());
        }
        listed(model).map(Listed::price)
    }

    /// What so much use costs, in millionths of a dollar; a part of one is one.
    #[must_use]
    pub fn of_use(&self, usage: &Usage) -> u64 {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let of = |tokens: u64, micros: u64| u128::from(tokens) * u128::from(micros);
        let sum = of(usage.input_tokens - cached, self.input_micros)
            + of(cached, self.cached_micros)
            + of(usage.output_tokens, self.output_micros);
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// What a model reads at once, if the table says it.
#[must_use]
pub fn context_tokens(model: &str) -> Option<u64> {
    Some(listed(model)?.context.as_ref()?.tokens)
}

fn listed(model: &str) -> Option<&'static Listed> {
    table().get(model).or_else(|| table().get(undated(model)))
}

/// A name without the date at its end: `-20251101` or `-2025-08-07`.
fn undated(model: &str) -> &str {
    let is_date = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        digits == 8 && text.bytes().all(|it| it.is_ascii_digit() || it == b'-')
    };
    let tails = [9, 11].into_iter().filter_map(|len| model.len().checked_sub(len));
    let cut = tails.filter_map(|at| model.split_at_checked(at));
    let dated = cut.into_iter().find(|(_, tail)| {
        tail.strip_prefix('-').is_some_and(|date| date.starts_with("20") && is_date(date))
    });
    dated.map_or(model, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_is_dated_and_says_where_it_is_from() {
        assert!(table().len() > 15);
        for (model, it) in table() {
            assert!(provider::parse(model).is_ok(), "{model}");
            assert!(it.as_of.starts_with("20") && it.as_of.len() >= 7, "{model}: {}", it.as_of);
            assert!(it.source.starts_with("https://"), "{model}: {}", it.source);
            let window = it.context.iter().all(|it| {
                it.tokens >= 8_000 && it.as_of.len() >= 7 && it.source.starts_with("https://")
            });
            assert!(window, "{model}: {:?}", it.context);
            let Price { input_micros, output_micros, cached_micros } = it.price();
            assert!(cached_micros < input_micros && input_micros < output_micros, "{model}");
        }
        let rows = include_str!("prices.json").matches("\"model\"").count();
        assert_eq!(rows, table().len(), "each model once");
    }

    #[test]
    fn names_may_have_a_date() {
        let opus = Price::of("anthropic/claude-opus-4-5").unwrap();
        assert_eq!(Price::of("anthropic/claude-opus-4-5-20251101"), Some(opus));
        assert_eq!(Price::of("openai/gpt-5-2025-08-07"), Price::of("openai/gpt-5"));
        assert_eq!(Price::of("ollama/qwen3"), Some(Price::default()));
        assert_eq!(context_tokens("anthropic/claude-haiku-4-5-20251001"), Some(200_000));
        for unknown in ["openai/gpt-5-12345678", "openai/gpt-99", "compatible/gpt-5", "gpt-5", "ä"]
        {
            assert_eq!(Price::of(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn use_is_charged_by_what_it_was() {
        let price =
            Price { input_micros: 3_000_000, output_micros: 15_000_000, cached_micros: 300_000 };
        let usage = |input_tokens, output_tokens, cached_tokens| Usage {
            input_tokens,
            output_tokens,
            cached_tokens,
            is_estimated: false,
        };
        assert_eq!(price.of_use(&usage(1_000, 100, 0)), 4_500);
        assert_eq!(price.of_use(&usage(1_000, 100, 1_000)), 1_800);
        assert_eq!(price.of_use(&usage(1, 0, 9)), 1, "no more from the cache than was read");
        assert_eq!(price.of_use(&usage(0, 0, 0)), 0);
        assert_eq!(price.of_use(&usage(u64::MAX, u64::MAX, 0)), u64::MAX);
    }
}
