//! Breaks comments at the margin, which rustfmt's stable channel leaves alone.

/// The margin, as in `rustfmt.toml`.
const COLUMNS_MAX: usize = 100;

/// The text with every paragraph of comments that reaches over the margin filled anew.
///
/// Only such paragraphs change, from their first long line on. A new paragraph begins at an empty
/// comment line, a list item, a heading, a table row or a quotation; what stands in a fence stays.
pub(crate) fn wrapped(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut fenced = false;
    while at < lines.len() {
        let comment = Comment::of(lines[at]);
        fenced = comment.as_ref().is_some_and(|it| fenced != it.words.starts_with("```"));
        match comment {
            Some(comment) if !fenced && lines[at].chars().count() > COLUMNS_MAX => {
                let more = lines[at + 1..].iter().take_while(|line| comment.goes_on_in(line));
                let more: Vec<&str> = more.copied().collect();
                comment.fill(&more, &mut out);
                at += more.len();
            }
            _ => {
                out.push_str(lines[at]);
                out.push('\n');
            }
        }
        at += 1;
    }
    out
}

/// A line that is only a comment.
struct Comment<'a> {
    /// Indentation and slashes: `    ///`.
    mark: &'a str,
    /// Spaces between the slashes and the first word.
    inset: usize,
    /// The rest.
    words: &'a str,
}

impl<'a> Comment<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let text = line.trim_start();
        let slashes = ["///", "//!", "//"].into_iter().find(|mark| text.starts_with(mark))?;
        let (mark, rest) = line.split_at(line.len() - text.len() + slashes.len());
        let words = rest.trim_start();
        Some(Self { mark, inset: rest.len() - words.len(), words })
    }

    /// How many characters of the first word only mark a list item: `- ` or `12. `.
    fn bullet(&self) -> usize {
        let first = self.words.split(' ').next().unwrap_or_default();
        let numbered = first.strip_suffix('.').is_some_and(|it| it.parse::<u32>().is_ok());
        if matches!(first, "-" | "*") || numbered { first.len() + 1 } else { 0 }
    }

    fn goes_on_in(&self, line: &str) -> bool {
        let Some(next) = Comment::of(line) else { return false };
        let opens = next.bullet() > 0 || next.words.starts_with(['#', '|', '>', '`']);
        // A code span at the start of a line is text; a fence is not.
        let opens = opens && (!next.words.starts_with('`') || next.words.starts_with("```"));
        next.mark == self.mark && !next.words.is_empty() && !opens
    }

    /// Writes this line and those it goes on in, each as full as it may be.
    fn fill(&self, more: &[&str], out: &mut String) {
        let rest = more.iter().filter_map(|line| Comment::of(line)).map(|it| it.words);
        let words = std::iter::once(self.words).chain(rest).flat_map(str::split_whitespace);
        let hanging = format!("{}{}", self.mark, " ".repeat(self.inset + self.bullet()));
        let mut line = format!("{}{}", self.mark, " ".repeat(self.inset));
        let mut begun = false;
        for word in words {
            let gap = usize::from(begun);
            if begun && line.chars().count() + gap + word.chars().count() > COLUMNS_MAX {
                out.push_str(&line);
                out.push('\n');
                line.clone_from(&hanging);
            } else if begun {
                line.push(' ');
            }
            line.push_str(word);
            begun = true;
        }
        out.push_str(&line);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many words of four letters, with single spaces between.
    fn words(count: usize) -> String {
        vec!["word"; count].join(" ")
    }

    #[test]
    fn a_long_paragraph_is_filled_and_its_neighbours_stay() {
        let text = format!("//! Short.\n//!\n//! {}\n//! and more\n//!\n//! End.\n", words(25));
        let expected = format!(
            "//! Short.\n//!\n//! {}\n//! {} and more\n//!\n//! End.\n",
            words(19),
            words(6)
        );
        assert_eq!(wrapped(&text), expected);
        assert_eq!(wrapped(&expected), expected, "it is done after one time");
    }

    #[test]
    fn an_item_hangs_and_the_next_one_begins_anew() {
        let text = format!("    /// - {}\n    /// - next\n", words(20));
        let expected = format!("    /// - {}\n    ///   {}\n    /// - next\n", words(18), words(2));
        assert_eq!(wrapped(&text), expected);
    }

    #[test]
    fn code_strings_and_fences_are_left_alone() {
        let code = format!("let a = \"{}\"; // {}\n", words(20), words(9));
        assert_eq!(wrapped(&code), code);
        let fence = format!("/// ```text\n/// {}\n/// ```\n", words(25));
        assert_eq!(wrapped(&fence), fence);
    }
}
