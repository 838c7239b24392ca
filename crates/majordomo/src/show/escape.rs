//! Text from agents, files and users, made harmless for where it is shown. The one place for this.
//!
//! A terminal obeys control characters; a page obeys markup; both let direction marks and invisible
//! characters make text look like other text. All of them are shown as what they are: `\u{1b}`.

use std::borrow::Cow;
use std::fmt::Write;

/// For one line of a terminal: nothing that moves the cursor, colours, reorders or hides.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            it if is_harmful(it) => safe.extend(it.escape_unicode()),
            it => safe.push(it),
        }
    }
    Cow::Owned(safe)
}

/// For the text and the quoted attributes of a page.
#[must_use]
pub fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for character in terminal(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '`' => safe.push_str("&#96;"),
            it => safe.push(it),
        }
    }
    safe
}

/// For a JSON document: what JSON leaves as it is but a terminal obeys. It means the same after.
#[must_use]
pub fn json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for character in document.chars() {
        // A line break between tokens is JSON's own; inside a string it is escaped already.
        if is_harmful(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(safe, "\\u{unit:04x}").expect("memory takes every byte");
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Cuts a line that is harmless already to a number of characters.
#[must_use]
pub fn cut(line: &str, width: usize) -> Cow<'_, str> {
    if line.chars().count() <= width {
        return Cow::Borrowed(line);
    }
    Cow::Owned(line.chars().take(width.saturating_sub(1)).chain(['…']).collect())
}

/// Controls (C0, DEL, C1), marks of direction, separators of lines, and what has no width.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00ad}'
                | '\u{034f}'
                | '\u{061c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One attack a line, with the escapes of Rust's strings.
    fn corpus() -> Vec<String> {
        let lines = include_str!("../../tests/show/attacks.txt").lines();
        lines.filter(|line| !line.starts_with('#')).map(unescape).collect()
    }

    fn unescape(line: &str) -> String {
        let mut parts = line.split("\\u{");
        let mut text = parts.next().unwrap_or("").to_owned();
        for part in parts {
            let (code, rest) = part.split_once('}').unwrap();
            text.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
            text.push_str(rest);
        }
        text
    }

    #[test]
    fn no_attack_reaches_a_terminal() {
        let corpus = corpus();
        assert!(corpus.len() >= 40);
        assert!(corpus.iter().filter(|it| it.chars().any(is_harmful)).count() >= 20);
        for attack in corpus {
            let safe = terminal(&attack);
            assert!(!safe.chars().any(is_harmful), "{safe:?}");
            assert!(!safe.contains('\u{1b}') && !safe.contains('\n'));
        }
    }

    #[test]
    fn no_attack_becomes_markup() {
        for attack in corpus() {
            let safe = html(&attack);
            let markup = ['<', '>', '"', '\'', '`'];
            assert!(!safe.contains(markup), "{safe}");
            let bare = safe.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
            let bare = bare.replace("&quot;", "").replace("&#39;", "").replace("&#96;", "");
            assert!(!bare.contains('&'), "{safe}");
        }
    }

    #[test]
    fn json_means_the_same_after() {
        for attack in corpus() {
            let document = serde_json::to_string(&attack).unwrap();
            let safe = json(&document);
            assert!(!safe.chars().any(is_harmful), "{safe}");
            assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), attack);
        }
    }

    #[test]
    fn honest_text_of_every_script_stays() {
        for text in ["plain", "naïve café", "日本語", "שלום", "مرحبا", "👩 ok", "a\\b"]
        {
            assert_eq!(terminal(text), text);
        }
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(terminal("a\tb\u{1b}[2J"), "a\\tb\\u{1b}[2J");
    }
}
