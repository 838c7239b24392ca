//! An answer that is none: status, headers and body → what it means.
//!
//! The status decides, and where providers use one status for several things, what they say in the
//! body. All of it is data: cut to a few hundred bytes, without control characters and without the
//! key, which some say back.

use super::http::{Answer, Call};
use super::limits::Limits;
use super::settings::Endpoint;
use super::word;
use hyper::header::HeaderMap;
use runtime::llm::Error;
use serde_json::Value;

/// Phrases by which providers say that a conversation is too long.
const TOO_LONG: &[&str] = &[
    "context_length_exceeded",
    "context length",
    "context window",
    "context size",
    "prompt is too long",
    "input is too long",
    "too many tokens",
    "input token count",
    "request_too_large",
];

/// Phrases by which they say that nothing is left to pay with.
const UNPAID: &[&str] = &["insufficient_quota", "credit balance", "billing_error"];

/// Reads the body of a refusal, and says what the whole means.
pub(super) async fn read(call: &Call, endpoint: &Endpoint, answer: Answer) -> Error {
    let (status, headers) = (answer.status.as_u16(), answer.headers);
    // A refusal whose body breaks off is still that refusal.
    let body = answer.body.whole().await.unwrap_or_default();
    let retry_after_ms = retry_after_ms(&headers, &call.limits);
    meaning(call, endpoint, status, &said(&body), retry_after_ms)
}

/// What a status and words mean; also for errors in the middle of a stream.
pub(super) fn meaning(
    call: &Call,
    endpoint: &Endpoint,
    status: u16,
    said: &str,
    retry_after_ms: Option<u64>,
) -> Error {
    let model = call.model.clone();
    let lower = said.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    let said = shown(said, endpoint, call.limits.said_max_bytes);
    match status {
        400 | 402 | 403 | 429 if says(UNPAID) => Error::Unpaid { model, said },
        402 => Error::Unpaid { model, said },
        400 | 413 | 422 | 500 if says(TOO_LONG) => Error::ContextTooLong { model, said },
        413 => Error::ContextTooLong { model, said },
        401 | 403 => Error::Auth { model, said, variable: endpoint.provider.key_variable() },
        300..=399 => {
            let variable = endpoint.provider.base_url_variable();
            let what = format!("it is elsewhere (status {status}); set {variable} to where it is");
            Error::Setup { model, what }
        }
        404 => Error::NotFound { model, said },
        429 => Error::RateLimited { model, said, retry_after_ms },
        503 | 529 => Error::Overloaded { model, said, retry_after_ms },
        // Somebody else's moment: the same request may be taken next time.
        408 | 409 | 425 | 500.. => Error::Server { model, status, said, retry_after_ms },
        _ => Error::BadRequest { model, status, said },
    }
}

/// The words of a body: those of `error`, in the forms that providers use, else its beginning.
pub(super) fn said(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return String::from_utf8_lossy(body).into_owned();
    };
    let first = json.get(0).unwrap_or(&json); // Google's come in a list.
    words(first.get("error").unwrap_or(first))
}

/// Type, code and message of an error.
pub(super) fn words(error: &Value) -> String {
    let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    let message = word(error, "message").map_or(text, str::to_owned);
    let kind = word(error, "code").or_else(|| word(error, "type"));
    kind.map_or_else(|| message.clone(), |kind| format!("{kind}: {message}"))
}

fn shown(said: &str, endpoint: &Endpoint, max_bytes: usize) -> String {
    let hidden = endpoint.key.as_ref().map(|key| key.hidden_in(said));
    let said = hidden.as_deref().unwrap_or(said);
    let plain: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = plain.trim();
    let end = plain.floor_char_boundary(max_bytes);
    match () {
        () if plain.is_empty() => "it does not say why".to_owned(),
        () if end < plain.len() => format!("{}…", &plain[..end]),
        () => plain.to_owned(),
    }
}

/// When to come back: in milliseconds, in seconds, or at a moment, which is measured from when the
/// other side says that it is now, so that nobody's clock matters.
fn retry_after_ms(headers: &HeaderMap, limits: &Limits) -> Option<u64> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|it| it.is_finite() && *it >= 0.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Not negative; saturates.
    let whole = |ms: f64| ms.ceil() as u64;
    let in_ms = || number(text("retry-after-ms")?).map(whole);
    let in_seconds = || number(text("retry-after")?).map(|seconds| whole(seconds * 1000.0));
    let at_moment = || {
        let (then, now) = (seconds_of(text("retry-after")?)?, seconds_of(text("date")?)?);
        Some(then.saturating_sub(now) * 1000)
    };
    let ms = in_ms().or_else(in_seconds).or_else(at_moment)?;
    Some(ms.min(limits.retry_after_max_ms))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970 (RFC 9110, 5.6.7; the older forms are sent
/// by nobody).
pub(super) fn seconds_of(date: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let rest = date.get(5..)?.strip_suffix(" GMT")?;
    let mut words = rest.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let name = words.next().filter(|name| name.len() == 3)?;
    let month = MONTHS.find(name).filter(|at| at % 3 == 0)? as u64 / 3 + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = words.next()?.split(':').map(|it| it.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    Some(seconds_of_day(year, month, day)? + hour * 3600 + minute * 60 + second)
}

/// The beginning of a day as seconds since 1970 (Hinnant, "chrono-compatible date algorithms", with
/// the year beginning in March); months and days from 1.
pub(super) fn seconds_of_day(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    Some(days.checked_sub(719_468)? * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        retry_after_ms(&map, &Limits::default())
    }

    #[test]
    fn when_to_come_back_is_said_in_three_ways() {
        assert_eq!(after(&[]), None);
        assert_eq!(after(&[("retry-after", "2")]), Some(2_000));
        assert_eq!(after(&[("retry-after", "0.25")]), Some(250));
        assert_eq!(after(&[("retry-after", "9"), ("retry-after-ms", "40")]), Some(40));
        let then = ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(after(&[then, ("date", "Sun, 06 Nov 1994 08:49:30 GMT")]), Some(7_000));
        assert_eq!(after(&[then, ("date", "Sun, 06 Nov 1994 08:50:00 GMT")]), Some(0));
        assert_eq!(after(&[then]), None, "from when?");
        for odd in ["-1", "nan", "inf", "soon", "Sun, 06 Foo 1994 08:49:37 GMT", ""] {
            assert_eq!(after(&[("retry-after", odd)]), None, "{odd}");
        }
        assert_eq!(after(&[("retry-after", "1e30")]), Some(3_600_000), "an hour at most");
    }

    #[test]
    fn dates_are_counted_from_1970() {
        assert_eq!(seconds_of("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds_of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds_of("Tue, 29 Feb 2028 12:00:00 GMT"), Some(1_835_438_400));
    }

    #[test]
    fn words_are_found_in_every_form() {
        let of = |body: &str| said(body.as_bytes());
        assert_eq!(of(r#"{"error":{"message":"no","type":"t","code":"c"}}"#), "c: no");
        let anthropic = r#"{"type":"error","error":{"type":"overloaded_error","message":"O"}}"#;
        assert_eq!(of(anthropic), "overloaded_error: O");
        assert_eq!(of(r#"[{"error":{"code":400,"message":"bad"}}]"#), "bad");
        assert_eq!(of(r#"{"error":"model not found"}"#), "model not found");
        assert_eq!(of("<html>\n502"), "<html>\n502");
    }
}
