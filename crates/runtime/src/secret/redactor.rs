//! The values that are known here, and texts without them.
//!
//! Why one for the whole runtime, and not one for each attempt? A resident program, a file or a
//! global variable remembers a value longer than the attempt that was given it, and says it in
//! another's name. What was handed out once is hidden from then on, whoever says it.
//!
//! Why search instead of following the value? It goes through programs that we cannot look into. So
//! a value must be long enough not to be found by chance, and what an agent has turned into
//! something else (its Base64, its halves) is not recognised: an agent that is given a secret is
//! trusted with it.

use super::Reference;
use crate::bounds::{SECRET_MIN_BYTES, SECRETS_MAX};
use crate::bus::{self, Envelope};
use crate::port::observer::Said;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What stands where somebody has cut a text.
const CUT: char = '…';

/// Hides known values. Costs one look at a flag while none is known.
#[derive(Default)]
pub struct Redactor {
    known: RwLock<Arc<Known>>,
    is_any: AtomicBool,
}

#[derive(Clone, Default)]
struct Known {
    values: Vec<(Arc<str>, Reference)>,
    /// The longest first, so that a part of one is not taken out of another.
    patterns: Vec<Pattern>,
}

#[derive(Clone)]
struct Pattern {
    text: Box<str>,
    mark: Box<str>,
}

impl Redactor {
    /// Hides this value from now on.
    ///
    /// # Errors
    /// More values are known already than are looked for.
    pub(crate) fn learn(&self, reference: &Reference, value: &str) -> Result<(), String> {
        if self.reference(value).is_some() {
            return Ok(());
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.values.len() >= SECRETS_MAX {
            return Err(format!("{SECRETS_MAX} values of secrets are known here, no more can be"));
        }
        let mut next = Known::clone(&known);
        next.values.push((value.into(), reference.clone()));
        let mark = format!("[secret {reference}]");
        for text in forms(value) {
            next.patterns.push(Pattern { text: text.into(), mark: mark.as_str().into() });
        }
        next.patterns.sort_by_key(|it| std::cmp::Reverse(it.text.len()));
        *known = Arc::new(next);
        self.is_any.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether any value is known.
    #[inline]
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }

    /// The name of a value, if it is known.
    #[must_use]
    pub fn reference(&self, value: &str) -> Option<Reference> {
        let known = self.known()?;
        known.values.iter().find(|(it, _)| **it == *value).map(|(_, reference)| reference.clone())
    }

    /// The text, with a mark where a value stood: `[secret env:GITHUB_TOKEN]`.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.known() {
            Some(known) => known.text(text),
            None => Cow::Borrowed(text),
        }
    }

    /// How many bytes at the end of a text that goes on may be the beginning of a value: whoever
    /// tells it piece by piece keeps so many back, and tells them with what follows.
    pub(crate) fn begun(&self, text: &str) -> usize {
        self.known().map_or(0, |known| known.begun(text))
    }

    /// The same of every text in a value, names of fields too.
    #[must_use]
    pub fn value<'a>(&self, value: &'a Value) -> Cow<'a, Value> {
        match self.known() {
            Some(known) if known.is_in(value) => Cow::Owned(known.without(value.clone())),
            Some(_) | None => Cow::Borrowed(value),
        }
    }

    /// The same of a value that nobody else needs.
    #[must_use]
    pub(crate) fn hide(&self, value: Value) -> Value {
        match self.known() {
            Some(known) if known.is_in(&value) => known.without(value),
            Some(_) | None => value,
        }
    }

    /// Something said in passing.
    pub(crate) fn note(&self, said: Said) -> Said {
        if !self.is_any() {
            return said;
        }
        let words = |text: String| self.text(&text).into_owned();
        match said {
            Said::Progress { fraction, message } => {
                Said::Progress { fraction, message: words(message) }
            }
            Said::Partial { output } => Said::Partial { output: self.value(&output).into_owned() },
            Said::Text { begins, piece } => Said::Text { begins, piece: words(piece) },
            Said::Log { level, message, fields } => {
                let hidden = |(name, value)| (words(name), self.hide(value));
                let fields = fields.into_iter().map(hidden).collect();
                Said::Log { level, message: words(message), fields }
            }
        }
    }

    /// Whether a value is in there somewhere.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        let found = |known: Arc<Known>| {
            let text = String::from_utf8_lossy(bytes);
            known.patterns.iter().any(|it| text.contains(&*it.text))
        };
        self.known().is_some_and(found)
    }

    /// A message without known values: what holds one is no longer shared as it is, but written.
    ///
    /// # Errors
    /// Its subject holds one: under another subject nobody would expect it.
    pub(crate) fn envelope(&self, envelope: &mut Envelope) -> Result<(), bus::Error> {
        if !self.is_any() {
            return Ok(());
        }
        if let Cow::Owned(subject) = self.text(envelope.header.subject.as_str()) {
            return Err(bus::Error::Secret { subject });
        }
        let mut bytes = Vec::with_capacity(envelope.body.size());
        envelope.body.write(&mut bytes);
        if self.finds(&bytes) {
            let hidden = envelope.body.to_json().map(|it| self.value(&it).into_owned());
            envelope.body = bus::Body::written(&hidden.unwrap_or_default());
        }
        let header = &mut envelope.header;
        for text in [&mut header.correlation, &mut header.causation, &mut header.trace] {
            if let Some(said) = text
                && let Cow::Owned(hidden) = self.text(said)
            {
                *text = Some(hidden.into());
            }
        }
        Ok(())
    }

    fn known(&self) -> Option<Arc<Known>> {
        if !self.is_any() {
            return None;
        }
        Some(self.known.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Known {
    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut hidden = Cow::Borrowed(text);
        if text.len() < SECRET_MIN_BYTES {
            return hidden;
        }
        for Pattern { text: pattern, mark } in &self.patterns {
            if hidden.contains(&**pattern) {
                hidden = Cow::Owned(hidden.replace(&**pattern, mark));
            }
        }
        // Only then: the end of one may be the whole of another.
        for Pattern { text: pattern, mark } in &self.patterns {
            if let Some(uncut) = without_ends(&hidden, pattern, mark) {
                hidden = Cow::Owned(uncut);
            }
        }
        hidden
    }

    fn begun(&self, text: &str) -> usize {
        let begun = |pattern: &Pattern| {
            let pattern = &*pattern.text;
            let mut parts = (1..pattern.len().min(text.len() + 1)).rev();
            parts.find(|at| pattern.is_char_boundary(*at) && text.ends_with(&pattern[..*at]))
        };
        self.patterns.iter().filter_map(begun).max().unwrap_or(0)
    }

    /// Whether anything in it is to be hidden.
    fn is_in(&self, value: &Value) -> bool {
        let changes = |text: &str| matches!(self.text(text), Cow::Owned(_));
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => changes(&number.to_string()),
            Value::String(text) => changes(text),
            Value::Array(items) => items.iter().any(|it| self.is_in(it)),
            Value::Object(fields) => {
                fields.iter().any(|(name, it)| changes(name) || self.is_in(it))
            }
        }
    }

    fn without(&self, value: Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            Value::Number(number) => match self.text(&number.to_string()) {
                Cow::Owned(hidden) => Value::String(hidden),
                Cow::Borrowed(_) => Value::Number(number),
            },
            Value::String(text) => Value::String(self.text(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|it| self.without(it)).collect(),
            Value::Object(fields) => {
                let part =
                    |(name, it): (String, Value)| (self.text(&name).into_owned(), self.without(it));
                Value::Object(fields.into_iter().map(part).collect())
            }
        }
    }
}

/// In which forms a value is looked for: as it is, as it stands in JSON, and each of its lines,
/// since programs and logs are read by the line.
fn forms(value: &str) -> Vec<String> {
    let quoted = Value::from(value).to_string();
    let mut forms = vec![value.to_owned(), quoted[1..quoted.len() - 1].to_owned()];
    let lines = value.lines().map(str::trim).filter(|it| it.len() >= SECRET_MIN_BYTES);
    forms.extend(lines.map(str::to_owned));
    forms.sort();
    forms.dedup();
    forms
}

/// The text without what is left of a value that was cut: at its ends, or where it says that it was
/// cut. Less than half of a value is taken for chance. `None`: there is nothing of it.
fn without_ends(text: &str, pattern: &str, mark: &str) -> Option<String> {
    let least = SECRET_MIN_BYTES.max(pattern.len().div_ceil(2));
    let parts = || (least..pattern.len()).rev().filter(|at| pattern.is_char_boundary(*at));
    let mut is_changed = false;
    let pieces: Vec<Cow<'_, str>> = text
        .split(CUT)
        .map(|piece| {
            let mut piece = Cow::Borrowed(piece);
            if let Some(at) = parts().find(|at| piece.ends_with(&pattern[..*at])) {
                piece = Cow::Owned(format!("{}{mark}", &piece[..piece.len() - at]));
            }
            let back = |at: usize| &pattern[pattern.len() - at..];
            let mut lengths = (least..pattern.len()).rev();
            let is_end = |at: &usize| pattern.is_char_boundary(pattern.len() - at);
            if let Some(at) = lengths.find(|at| is_end(at) && piece.starts_with(back(*at))) {
                piece = Cow::Owned(format!("{mark}{}", &piece[at..]));
            }
            is_changed |= matches!(piece, Cow::Owned(_));
            piece
        })
        .collect();
    is_changed.then(|| pieces.join(CUT.encode_utf8(&mut [0; 4])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const VALUE: &str = "canary-0123456789";
    const MARK: &str = "[secret env:TOKEN]";

    fn redactor(values: &[(&str, &str)]) -> Redactor {
        let redactor = Redactor::default();
        for (name, value) in values {
            redactor.learn(&Reference::env(name).expect("a name"), value).expect("room");
        }
        redactor
    }

    #[test]
    fn a_value_is_hidden_wherever_it_stands() {
        let redactor = redactor(&[("TOKEN", VALUE)]);
        let said = json!({
            "whole": VALUE,
            VALUE: [1, format!("Bearer {VALUE}, {VALUE}"), { "deep": [VALUE] }],
            "other": "stays", "number": 7, "none": null,
        });
        let hidden = redactor.value(&said).into_owned();
        assert!(!hidden.to_string().contains("canary"), "{hidden}");
        assert_eq!(hidden["whole"], MARK);
        assert_eq!(hidden[MARK][1], format!("Bearer {MARK}, {MARK}"));
        assert_eq!((&hidden["other"], &hidden["number"]), (&json!("stays"), &json!(7)));
        let plain = json!(["nothing", { "to": "hide" }]);
        assert!(matches!(redactor.value(&plain), Cow::Borrowed(_)));
        assert_eq!(redactor.reference(VALUE).expect("known").to_string(), "env:TOKEN");
    }

    #[test]
    fn a_line_of_a_log_hides_it_in_its_fields_too() {
        let redactor = redactor(&[("TOKEN", VALUE)]);
        let fields = json!({ VALUE: 1, "header": format!("Bearer {VALUE}") });
        let fields = fields.as_object().cloned().expect("names");
        let level = crate::port::observer::Level::Info;
        let said = redactor.note(Said::Log { level, message: VALUE.into(), fields });
        let Said::Log { message, fields, .. } = said else { panic!("{said:?}") };
        assert_eq!((message.as_str(), &fields[MARK]), (MARK, &json!(1)));
        assert_eq!(fields["header"], format!("Bearer {MARK}"));
    }

    #[test]
    fn it_is_known_by_its_lines_and_as_json_too() {
        let key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\n\"q\"\n-----END KEY-----";
        let redactor = redactor(&[("KEY", key), ("PIN", "1234567890")]);
        for said in [key, "> MIIEowIBAAKCAQEA <", &json!([key]).to_string()] {
            assert!(!redactor.text(said).contains("MIIEow"), "{}", redactor.text(said));
        }
        assert!(redactor.finds(json!({ "a": key }).to_string().as_bytes()));
        assert_eq!(redactor.value(&json!(1_234_567_890)).into_owned(), "[secret env:PIN]");
        assert_eq!(redactor.text("\"q\""), "\"q\"", "too short to be meant");
    }

    #[test]
    fn what_is_left_of_a_cut_value_is_hidden() {
        let redactor = redactor(&[("TOKEN", VALUE)]);
        let table = [
            ("so it is canary-0123", "so it is [secret env:TOKEN]"),
            ("it says: canary-012345… and fails", "it says: [secret env:TOKEN]… and fails"),
            ("0123456789 is the end", "[secret env:TOKEN] is the end"),
            ("cut … ry-0123456789", "cut … ry-0123456789"), // Not at the cut: a part of a line.
            ("cut …ry-0123456789", "cut …[secret env:TOKEN]"),
            ("canary", "canary"), // Less than half of it may be anything.
        ];
        for (said, hidden) in table {
            assert_eq!(redactor.text(said), hidden, "{said}");
        }
    }

    #[test]
    fn what_may_be_the_beginning_of_a_value_is_told() {
        let redactor = redactor(&[("TOKEN", VALUE), ("OTHER", "nary-other-value")]);
        let table = [
            ("it is c", 1),
            ("it is cana", 4),
            ("a canary-012345678", 16),
            ("none", 0),
            ("man", 1),
        ];
        for (said, begun) in table {
            assert_eq!(redactor.begun(said), begun, "{said}");
        }
        assert_eq!((redactor.begun(VALUE), redactor.begun("")), (0, 0), "a whole one is hidden");
        assert_eq!(Redactor::default().begun("canary"), 0);
    }

    #[test]
    fn the_longer_of_two_goes_first() {
        let longer = format!("{VALUE}-and-more");
        let redactor = redactor(&[("TOKEN", VALUE), ("LONG", &longer)]);
        let said = format!("{longer} {VALUE}");
        assert_eq!(redactor.text(&said), "[secret env:LONG] [secret env:TOKEN]");
    }

    #[test]
    fn so_many_are_known_and_no_more() {
        let redactor = Redactor::default();
        let reference = Reference::env("TOKEN").expect("a name");
        for number in 0..SECRETS_MAX {
            redactor.learn(&reference, &format!("value-{number:08}")).expect("room");
        }
        assert!(redactor.learn(&reference, "value-00000000").is_ok(), "known already");
        assert!(redactor.learn(&reference, VALUE).is_err());
    }
}
