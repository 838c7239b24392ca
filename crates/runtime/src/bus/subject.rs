//! Subjects and patterns: `team.review.findings`, `team.*.findings`, `team.review.>`.
//!
//! The grammar is that of NATS, so that a bus over NATS needs no translation: words between dots,
//! `*` for exactly one word, `>` at the end for one or more.

use kernel::Text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The longest subject or pattern.
const BYTES_MAX: usize = 256;
/// The most words in one.
const WORDS_MAX: usize = 32;

/// What a message is about: words between dots, no wildcards. Cheap to clone.
///
/// ```
/// use majordomo_runtime::bus::Subject;
///
/// let findings = Subject::new("team.review.findings")?;
/// assert_eq!(findings.words().count(), 3);
/// assert!(Subject::new("team.*").is_err(), "a message is about one thing");
/// assert_eq!(Subject::word("a.rs"), "a%2Ers", "any name is one word");
/// # Ok::<(), majordomo_runtime::bus::BadSubject>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Text);

/// Which subjects somebody is interested in. Cheap to clone.
///
/// ```
/// use majordomo_runtime::bus::{Pattern, Subject};
///
/// let subject = Subject::new("team.review.findings")?;
/// assert!(Pattern::new("team.*.findings")?.matches(&subject), "`*` is one word");
/// assert!(Pattern::new("team.>")?.matches(&subject), "`>` is all that follows");
/// assert!(!Pattern::new("team.review")?.matches(&subject));
/// assert!(Pattern::new("team.>")?.covers(&Pattern::new("team.review.*")?));
/// # Ok::<(), majordomo_runtime::bus::BadSubject>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Text);

/// Why a text is no subject or pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSubject {
    /// Nothing in it.
    #[error("a subject is empty; write words between dots, such as team.review.findings")]
    Empty,
    /// Two dots in a row, or one at an end.
    #[error(
        "{text:?} has an empty word as number {word}; dots stand between words, never at an end"
    )]
    EmptyWord {
        /// The text.
        text: String,
        /// Which word, from 1.
        word: usize,
    },
    /// White space or a control character.
    #[error("{text:?} has {character:?} in it; words have no spaces and no control characters")]
    BadCharacter {
        /// The text.
        text: String,
        /// The first that will not do.
        character: char,
    },
    /// `*` or `>` where a message's subject stands.
    #[error("{text:?} has a wildcard; subscribe with one, but publish to one subject")]
    Wildcard {
        /// The text.
        text: String,
    },
    /// `*` or `>` as a part of a word.
    #[error("{text:?} has {word:?} in it; `*` and `>` stand alone, for whole words")]
    PartlyWild {
        /// The text.
        text: String,
        /// The word.
        word: String,
    },
    /// `>` before the end.
    #[error("{text:?} goes on after `>`, which stands for all that follows; put it last")]
    RestNotLast {
        /// The text.
        text: String,
    },
    /// More than fits.
    #[error("a subject of {bytes} bytes and {words} words; at most 256 bytes and 32 words")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// Its words.
        words: usize,
    },
}

impl Subject {
    /// Reads a subject.
    ///
    /// # Errors
    /// It is none; the error says why.
    pub fn new(text: impl Into<Text>) -> Result<Subject, BadSubject> {
        let text = text.into();
        for word in words_of(&text)? {
            match word {
                "*" | ">" => return Err(BadSubject::Wildcard { text: text.to_string() }),
                _ => whole(&text, word)?,
            }
        }
        Ok(Subject(text))
    }

    /// Any text as one word: what words cannot have is written as `%` and two digits for each byte.
    /// So a name with a dot in it never reaches into the subjects of another name.
    #[must_use]
    pub fn word(text: &str) -> String {
        if text.is_empty() {
            return "%".to_owned();
        }
        let mut word = String::with_capacity(text.len());
        for character in text.chars() {
            if is_plain(character) && !matches!(character, '.' | '*' | '>' | '%') {
                word.push(character);
            } else {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    word.push_str(&format!("%{byte:02X}"));
                }
            }
        }
        word
    }
}

impl Pattern {
    /// Reads a pattern; every subject is one, too.
    ///
    /// # Errors
    /// It is none; the error says why.
    pub fn new(text: impl Into<Text>) -> Result<Pattern, BadSubject> {
        let text = text.into();
        let mut words = words_of(&text)?.peekable();
        while let Some(word) = words.next() {
            match word {
                "*" => {}
                ">" if words.peek().is_none() => {}
                ">" => return Err(BadSubject::RestNotLast { text: text.to_string() }),
                _ => whole(&text, word)?,
            }
        }
        Ok(Pattern(text))
    }

    /// Whether a message about this subject is of interest: word by word, and the definition that
    /// every faster matcher is compared with.
    #[must_use]
    pub fn matches(&self, subject: &Subject) -> bool {
        self.at_a_glance(&subject.0).unwrap_or_else(|| self.takes(subject.words()))
    }

    /// Whether every subject of the other pattern is one of this, too.
    #[must_use]
    pub fn covers(&self, other: &Pattern) -> bool {
        self.at_a_glance(&other.0).unwrap_or_else(|| self.takes(other.words()))
    }

    /// The same without looking at words, where no `*` makes it necessary: what a publisher may is
    /// asked for each message.
    fn at_a_glance(&self, said: &str) -> Option<bool> {
        let (own, said) = (self.0.as_bytes(), said.as_bytes());
        if own.contains(&b'*') {
            return None;
        }
        // `>` is a whole word and the last, so what stands before it ends with a dot.
        Some(match own {
            [before @ .., b'>'] => said.len() > before.len() && said.starts_with(before),
            whole => said == whole,
        })
    }

    /// Whether it takes whatever these words stand for; those of a subject only for themselves.
    fn takes<'a>(&self, mut said: impl Iterator<Item = &'a str>) -> bool {
        for word in self.words() {
            match (word, said.next()) {
                (_, None) => return false,
                (">", Some(_)) => return true,
                (_, Some(">")) => return false,
                ("*", Some(_)) => {}
                (word, Some(said)) if word == said => {}
                _ => return false,
            }
        }
        said.next().is_none()
    }
}

fn words_of(text: &str) -> Result<std::str::Split<'_, char>, BadSubject> {
    if text.is_empty() {
        return Err(BadSubject::Empty);
    }
    let (bytes, words) = (text.len(), text.split('.').count());
    if bytes > BYTES_MAX || words > WORDS_MAX {
        return Err(BadSubject::TooLong { bytes, words });
    }
    let is_printable = |byte: u8| (b'!'..=b'~').contains(&byte);
    if !text.bytes().all(is_printable)
        && let Some(character) = text.chars().find(|it| !is_plain(*it))
    {
        return Err(BadSubject::BadCharacter { text: text.to_owned(), character });
    }
    if let Some(at) = text.split('.').position(str::is_empty) {
        return Err(BadSubject::EmptyWord { text: text.to_owned(), word: at + 1 });
    }
    Ok(text.split('.'))
}

fn is_plain(character: char) -> bool {
    !character.is_whitespace() && !character.is_control()
}

/// A word that is no wildcard has none inside.
fn whole(text: &str, word: &str) -> Result<(), BadSubject> {
    if word.contains(['*', '>']) {
        let (text, word) = (text.to_owned(), word.to_owned());
        return Err(BadSubject::PartlyWild { text, word });
    }
    Ok(())
}

impl From<&Subject> for Pattern {
    fn from(subject: &Subject) -> Pattern {
        Pattern(subject.0.clone())
    }
}

/// What subjects and patterns have in common.
macro_rules! as_text {
    ($name:ident) => {
        impl $name {
            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Its words, in order.
            pub fn words(&self) -> impl Iterator<Item = &str> {
                self.0.split('.')
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadSubject;
            fn from_str(text: &str) -> Result<$name, BadSubject> {
                $name::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<$name, D::Error> {
                $name::new(String::deserialize(input)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(Subject);
as_text!(Pattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> Subject {
        Subject::new(text).expect("a subject")
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).expect("a pattern")
    }

    #[test]
    fn what_is_no_subject_is_refused_with_the_reason() {
        let long = "x".repeat(257);
        let deep = vec!["x"; 33].join(".");
        let cases: [(&str, &str); 10] = [
            ("", "is empty"),
            ("a..b", "empty word as number 2"),
            (".a", "empty word as number 1"),
            ("a.", "empty word as number 2"),
            ("a b", "has ' ' in it"),
            ("a.\u{1b}", "'\\u{1b}'"),
            ("a.*", "has a wildcard"),
            ("a.b>", "stand alone"),
            (&long, "257 bytes"),
            (&deep, "33 words"),
        ];
        for (text, why) in cases {
            let error = Subject::new(text).expect_err(text).to_string();
            assert!(error.contains(why), "{text:?} gave {error:?}, not {why:?}");
        }
        for (text, why) in [("a.>.b", "put it last"), ("a.b*", "stand alone"), ("a.", "empty")] {
            let error = Pattern::new(text).expect_err(text).to_string();
            assert!(error.contains(why), "{text:?} gave {error:?}, not {why:?}");
        }
    }

    #[test]
    fn patterns_match_word_by_word() {
        let table = [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a", "a.b", false),
            ("a.b", "a", false),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("*.b", "a.b", true),
            ("*", "a", true),
            ("a.>", "a", false),
            ("a.>", "a.b.c", true),
            (">", "a", true),
            ("*.>", "a", false),
            ("*.*.c", "a.b.c", true),
            ("a.b", "a.bb", false),
        ];
        for (text, said, expected) in table {
            let (pattern, said) = (pattern(text), subject(said));
            assert_eq!(pattern.matches(&said), expected, "{text} and {said}");
            assert_eq!(pattern.takes(said.words()), expected, "{text} and {said}, word by word");
        }
    }

    #[test]
    fn a_pattern_covers_what_lies_within_it() {
        let table = [
            ("team.a.>", "team.a.b", true),
            ("team.a.>", "team.a.>", true),
            ("team.a.>", "team.a.*.x", true),
            ("team.a.>", "team.a", false),
            ("team.a.>", "team.*.b", false),
            ("team.a.>", "team.>", false),
            ("team.a.>", ">", false),
            ("a.*", "a.*", true),
            ("a.*", "a.>", false),
            ("a.*", "a.b", true),
            ("a.b", "a.*", false),
            (">", ">", true),
        ];
        for (one, other, expected) in table {
            let (one, other) = (pattern(one), pattern(other));
            assert_eq!(one.covers(&other), expected, "{one} over {other}");
            assert_eq!(one.takes(other.words()), expected, "{one} over {other}, word by word");
        }
    }

    #[test]
    fn any_name_becomes_one_word_of_its_own() {
        let names = ["", "a", "a.b", "a*", ">", "a b", "%", "%2E", "ü", "a\nb"];
        let words: std::collections::BTreeSet<String> = names.map(Subject::word).into();
        assert_eq!(words.len(), names.len(), "no two names share a word: {words:?}");
        for word in words {
            assert_eq!(subject(&word).words().count(), 1, "{word}");
        }
    }
}
