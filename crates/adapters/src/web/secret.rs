//! Keys: read once, sent to their provider, and never shown.

use crate::disk::private;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// The largest file that is taken for a key, bytes.
const FILE_MAX_BYTES: u64 = 4_096;

/// So many times a text may stand within a text, each with `\` before what means something there.
const WITHIN_MAX: usize = 4;

/// A key. It has no `Display` and cannot be serialised, and its `Debug` tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// Why a key is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No key can look so.
    #[error("{from}: the key is empty or has characters that no header may have")]
    Unfit {
        /// The variable or file.
        from: String,
    },
    /// The file is not there, or not for us alone.
    #[error(transparent)]
    File(#[from] private::Error),
}

impl Secret {
    /// A key; white space around it is dropped. `from` names where it comes from.
    ///
    /// # Errors
    /// [`Error::Unfit`] for what cannot be sent.
    pub fn new(key: &str, from: &str) -> Result<Secret, Error> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Unfit { from: from.to_owned() });
        }
        Ok(Secret(key.into()))
    }

    /// The key in a file that only its owner, who is us or the administrator, may use.
    ///
    /// # Errors
    /// It is not there, open to others, or has no key.
    pub fn from_file(path: &Path) -> Result<Secret, Error> {
        let text = private::read(path, FILE_MAX_BYTES)?;
        Secret::new(&text, &path.display().to_string())
    }

    /// The key itself, for the header that carries it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// A text without the key in it: the other side may say it back to us. Where it stands there in
    /// another writing, as JSON in a text may have it, nothing of the text is shown.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        let hidden = text.replace(&*self.0, "***");
        let mut plain = Cow::Borrowed(hidden.as_str());
        for _ in 0..WITHIN_MAX {
            if !plain.contains('\\') {
                break;
            }
            plain = Cow::Owned(unescaped(&plain));
            if plain.contains(&*self.0) {
                return "***".to_owned();
            }
        }
        hidden
    }

    /// The same of every text in a value, names of fields too.
    pub(crate) fn hidden_in_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.hidden_in(&text)),
            Value::Array(parts) => parts.into_iter().map(|it| self.hidden_in_value(it)).collect(),
            Value::Object(fields) => {
                let hide =
                    |(name, it): (String, _)| (self.hidden_in(&name), self.hidden_in_value(it));
                Value::Object(fields.into_iter().map(hide).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

/// What a text of JSON means where it says `\/` or `\u002F`. Of white space nothing is known here:
/// no key has any.
fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let digits = after.strip_prefix('u').and_then(|it| it.get(..4));
        let number = digits.and_then(|it| u32::from_str_radix(it, 16).ok());
        let mut chars = after.chars();
        match number {
            Some(number) => {
                plain.push(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = &after[5..];
            }
            None => {
                plain.extend(chars.next());
                rest = chars.as_str();
            }
        }
    }
    plain.push_str(rest);
    plain
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_never_shown() {
        let secret = Secret::new(" sk-canary-1\n", "OPENAI_API_KEY").unwrap();
        assert_eq!(secret.expose(), "sk-canary-1");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.hidden_in("bad key sk-canary-1!"), "bad key ***!");
        for escaped in
            [r"bad key sk\u002dcanary\u002D1", r"sk-canar\y-1", r"\ud800 sk\u002dcanary-1\"]
        {
            assert_eq!(secret.hidden_in(escaped), "***", "{escaped}");
        }
        for harmless in [r"sk\u002canary", r"C:\users\u", r"\u00", "é\\é", r"\u00é0"] {
            assert_eq!(secret.hidden_in(harmless), harmless);
        }
        for unfit in ["", " ", "a b", "a\nb", "ключ"] {
            let error = Secret::new(unfit, "OPENAI_API_KEY").unwrap_err().to_string();
            assert!(error.starts_with("OPENAI_API_KEY: "), "{error}");
        }
    }

    #[test]
    fn a_key_file_is_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let write = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Secret::from_file(&path)
        };
        assert_eq!(write("sk-canary-2\n", 0o600).unwrap().expose(), "sk-canary-2");
        assert_eq!(write("sk-canary-2\n", 0o400).unwrap().expose(), "sk-canary-2");
        for mode in [0o640, 0o604, 0o620, 0o601] {
            let error = write("sk-canary-2", mode).unwrap_err();
            assert!(matches!(error, Error::File(private::Error::Open { .. })), "{mode:o}: {error}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        let long = "x".repeat(5_000);
        for wrong in [write(&long, 0o600), Secret::from_file(directory.path())] {
            assert!(matches!(wrong, Err(Error::File(private::Error::Size { .. }))));
        }
        let absent = Secret::from_file(&directory.path().join("absent"));
        assert!(matches!(absent, Err(Error::File(private::Error::Unreadable { .. }))));
    }
}
