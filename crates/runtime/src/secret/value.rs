//! A secret in the hands of Rust code: right by its type.

use super::{FIELD, Redactor, Reference};
use crate::api::Failure;
use kernel::FailureKind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// A field of an input that holds a secret.
///
/// Whoever asks names it: [`Secret::env`]. The agent that is asked finds the value in it, if its
/// entry lists the name. Written anywhere, it is its name again; printed, it is `[secret env:…]`.
///
/// ```
/// # use majordomo_runtime::secret::Secret;
/// let token = Secret::env("GITHUB_TOKEN").expect("a name of a variable");
/// assert_eq!(format!("{token:?}"), "[secret env:GITHUB_TOKEN]");
/// assert_eq!(serde_json::to_string(&token).unwrap(), r#"{"$secret":"env:GITHUB_TOKEN"}"#);
/// assert!(token.expose().is_err(), "it was not handed to an agent");
/// ```
#[derive(Clone)]
pub struct Secret {
    reference: Reference,
    value: Option<Arc<str>>,
}

thread_local! {
    /// Under which names values are known while an input is read on this thread.
    static READING: RefCell<Option<Arc<Redactor>>> = const { RefCell::new(None) };
}

impl Secret {
    /// That of a variable of the environment of the process that runs the team.
    ///
    /// # Errors
    /// No variable has such a name.
    pub fn env(name: &str) -> Result<Secret, super::NoReference> {
        Reference::env(name).map(Secret::from)
    }

    /// That in a file of the operator's directory of secrets.
    ///
    /// # Errors
    /// It is more than a name.
    pub fn file(name: &str) -> Result<Secret, super::NoReference> {
        Reference::file(name).map(Secret::from)
    }

    /// Its name.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The value itself, for the call that needs it.
    ///
    /// # Errors
    /// `Setup`: it was never resolved, since it was made here and not handed to an agent, or the
    /// schema of the input does not mark its field.
    pub fn expose(&self) -> Result<&str, Failure> {
        self.value.as_deref().ok_or_else(|| {
            let Secret { reference, .. } = self;
            let message = format!(
                "secret {reference} is only named here, and was not resolved: an agent has the \
                 value where its input type derives JsonSchema"
            );
            Failure::new(FailureKind::Setup, message)
        })
    }
}

/// Reads something while values are known by their names.
pub(crate) fn reading<T>(known: &Arc<Redactor>, read: impl FnOnce() -> T) -> T {
    struct Before(Option<Arc<Redactor>>);
    impl Drop for Before {
        fn drop(&mut self) {
            READING.set(self.0.take());
        }
    }
    let _before = Before(READING.replace(Some(known.clone())));
    read()
}

impl From<Reference> for Secret {
    fn from(reference: Reference) -> Secret {
        Secret { reference, value: None }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[secret {}]", self.reference)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.reference.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        let said = Value::deserialize(deserializer)?;
        if let Some(reference) = Reference::of(&said) {
            return Ok(Secret::from(reference));
        }
        let value = said.as_str();
        let known = READING.with_borrow(|it| it.as_ref().zip(value)?.0.reference(value?));
        match known {
            Some(reference) => Ok(Secret { reference, value: value.map(Arc::from) }),
            // Never with what was given.
            None => Err(D::Error::custom(format!(
                "a secret is given by its name, {{\"{FIELD}\": \"env:NAME\"}}, and not by its value"
            ))),
        }
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "x-secret": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_taken_by_those_who_know_its_name() {
        let known = Arc::new(Redactor::default());
        let name = Reference::env("TOKEN").expect("a name");
        known.learn(&name, "canary-0123456789").expect("room");
        let read = |value: Value| serde_json::from_value::<Secret>(value);
        let secret = reading(&known, || read(json!("canary-0123456789"))).expect("known");
        assert_eq!(secret.expose().expect("resolved"), "canary-0123456789");
        assert_eq!(json!(secret), json!({ "$secret": "env:TOKEN" }));
        assert_eq!(
            format!("{secret:?} {:?}", Some(&secret)),
            "[secret env:TOKEN] Some([secret env:TOKEN])"
        );
        let named = read(json!({ "$secret": "env:TOKEN" })).expect("a reference");
        assert_eq!(named.expose().expect_err("only named").kind, FailureKind::Setup);
        // Outside of that nobody takes a plain value, and no word of it is repeated.
        for plain in [json!("canary-0123456789"), json!(1_234_567_890), json!({ "a": "canary" })] {
            let why = read(plain).expect_err("plain").to_string();
            assert!(!why.contains("canary") && !why.contains("1234567890"), "{why}");
        }
        let unknown = reading(&known, || read(json!("canary-unknown")));
        assert!(unknown.is_err_and(|why| !why.to_string().contains("canary")));
    }
}
