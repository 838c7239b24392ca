//! Keys: read once, sent to their provider, and never shown.

use crate::disk::private;
use std::fmt;
use std::path::Path;

/// The largest file that is taken for a key, bytes.
const FILE_MAX_BYTES: u64 = 4_096;

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

    /// A text without the key in it: the other side may say it back to us.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        text.replace(&*self.0, "***")
    }
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
