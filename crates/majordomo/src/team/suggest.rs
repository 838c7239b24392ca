//! "Did you mean": a misspelt word and the words there are → the one that was meant, if one is near
//! enough.

/// Longer words are not typing mistakes, and comparing them would take quadratic time.
const WORD_MAX_BYTES: usize = 64;

/// The candidate with the fewest typing mistakes between it and `word`: at most one in three
/// letters.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > WORD_MAX_BYTES {
        return None;
    }
    let lower = word.to_lowercase();
    let near = candidates
        .into_iter()
        .filter(|each| each.len() <= WORD_MAX_BYTES)
        .map(|each| (strsim::damerau_levenshtein(&lower, &each.to_lowercase()), each));
    let (mistakes, best) = near.min()?;
    let most = (word.chars().count() / 3).max(1);
    (mistakes <= most && best != word).then_some(best)
}

/// The words as a sentence lists them, at most `most` of them: `` `a`, `b`, … ``.
pub(super) fn list<'a>(words: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let mut words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    if words.len() > most {
        words.truncate(most);
        words.push("…".to_owned());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_word_is_proposed() {
        let words = ["slots", "serves", "timeout", "argv"];
        for (typed, meant) in [
            ("slot", Some("slots")),
            ("sevres", Some("serves")),
            ("TimeOut", Some("timeout")),
            ("agrv", Some("argv")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, words), meant, "{typed}");
        }
        assert_eq!(nearest(&"x".repeat(1 << 20), words), None);
    }
}
