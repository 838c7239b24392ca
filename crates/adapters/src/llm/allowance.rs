//! Headers of an answer → how much more the other side takes for now.
//!
//! `x-ratelimit-*`, as OpenAI sends them and many servers after it, and `anthropic-ratelimit-*`.
//! Their resets are lengths of time in the one (`6m0s`) and moments in the other, which are
//! measured from when the other side says that it is now.

use super::refusal::{seconds_of, seconds_of_day};
use hyper::header::HeaderMap;
use runtime::llm::{Allowance, Left};

/// What the headers say; nothing where they are not there or make no sense.
pub(super) fn read(headers: &HeaderMap) -> Allowance {
    let names = |what: &str| {
        let openai = ["limit", "remaining", "reset"].map(|it| format!("x-ratelimit-{it}-{what}"));
        let anthropic =
            ["limit", "remaining", "reset"].map(|it| format!("anthropic-ratelimit-{what}-{it}"));
        [openai, anthropic]
    };
    let of = |what: &str| names(what).iter().find_map(|names| left(headers, names));
    Allowance { requests: of("requests"), tokens: of("tokens") }
}

fn left(headers: &HeaderMap, [limit, remaining, reset]: &[String; 3]) -> Option<Left> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse().ok();
    let now = || seconds_of(text("date")?);
    let reset_ms = text(reset).and_then(|it| {
        length_ms(it).or_else(|| Some(moment_of(it)?.saturating_sub(now()?) * 1_000))
    });
    Some(Left { limit: number(limit), remaining: number(remaining)?, reset_ms })
}

/// `1s`, `6m0s`, `17ms`, `1h2m3.5s`; a number alone is seconds.
fn length_ms(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return whole(seconds * 1_000.0);
    }
    let mut rest = (!text.is_empty()).then_some(text)?;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    whole(sum)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Not negative; saturates.
fn whole(ms: f64) -> Option<u64> {
    (ms.is_finite() && ms >= 0.0).then(|| ms.ceil() as u64)
}

/// `2026-11-27T16:00:05Z` (RFC 3339) as seconds since 1970; with an offset, nothing.
fn moment_of(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|it| it.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let whole = time.split('.').next()?;
    let mut clock = whole.splitn(3, ':').map(|it| it.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    Some(seconds_of_day(year, month, day)? + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Allowance {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        read(&map)
    }

    #[test]
    fn both_forms_are_read() {
        let openai = of(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        let left = |limit, remaining, reset| {
            Some(Left { limit: Some(limit), remaining, reset_ms: Some(reset) })
        };
        assert_eq!(openai.requests, left(60, 59, 1_000));
        assert_eq!(openai.tokens, left(150_000, 149_984, 360_000));

        let anthropic = of(&[
            ("date", "Fri, 27 Nov 2026 16:00:00 GMT"),
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-11-27T16:00:05Z"),
        ]);
        assert_eq!(anthropic.requests, left(50, 0, 5_000));
        assert_eq!(anthropic.tokens, None);
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        assert_eq!(of(&[]), Allowance::default());
        assert_eq!(of(&[("x-ratelimit-remaining-requests", "many")]), Allowance::default());
        let odd = |reset| {
            let remaining = ("x-ratelimit-remaining-requests", "3");
            let left = of(&[remaining, ("x-ratelimit-reset-requests", reset)]).requests;
            left.expect("what is left is said").reset_ms
        };
        for reset in ["soon", "-1", "1x", "s", "2026-13-01T00:00:00Z", "2026-11-27T16:00:05Z", ""] {
            assert_eq!(odd(reset), None, "{reset}: it says no time, or not from when");
        }
        assert_eq!([odd("0.5"), odd("17ms"), odd("1h1m1.5s")], [500, 17, 3_661_500].map(Some));
    }
}
