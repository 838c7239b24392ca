//! Which lines were written by one statement?
//!
//! After Drain (He, Zhu, Zheng and Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth
//! Tree", 2017): lines of one statement have equally many words and begin alike, so a line is only
//! compared with the groups under its level, its length and its first word. It joins the group with
//! which it shares most words, if that is at least half of them; where they differ, the template
//! gets a hole. Words with digits are holes from the start: they are what a statement was given.

use std::collections::BTreeMap;

use super::line::{Level, Line, clipped};
use super::{EVIDENCE_MAX, Evidence, TEMPLATES_MAX, Template};

/// What stands in a template for words that differ.
const HOLE: &str = "<*>";

/// Groups of lines so far.
#[derive(Default)]
pub(super) struct Groups {
    /// The leaves of the tree, each with the numbers of its groups.
    leaves: BTreeMap<(Option<Level>, usize, String), Vec<usize>>,
    groups: Vec<Group>,
    ungrouped: u64,
}

struct Group {
    words: Vec<String>,
    template: Template,
}

impl Groups {
    /// Takes one more line in.
    pub(super) fn add(&mut self, number: u64, raw: &str, line: &Line<'_>) {
        let words: Vec<String> = line.words.iter().map(|word| masked(word)).collect();
        let first = words.first().cloned().unwrap_or_default();
        let leaf = self.leaves.entry((line.level, words.len(), first)).or_default();
        let alike = |at: &&usize| (self.groups[**at].shared(&words), std::cmp::Reverse(**at));
        let best = leaf.iter().max_by_key(alike).copied();
        // At least half of the words: the middle of what the authors of Drain found to work.
        let best = best.filter(|at| self.groups[*at].shared(&words) * 2 >= words.len());
        let at = match best {
            Some(at) => at,
            None if self.groups.len() >= TEMPLATES_MAX => return self.ungrouped += 1,
            None => {
                leaf.push(self.groups.len());
                self.groups.push(Group::new(number, line, words.clone()));
                self.groups.len() - 1
            }
        };
        self.groups[at].take_in(number, raw, line, &words);
    }

    /// The templates, most frequent first, and how many lines are in none of them.
    pub(super) fn into_templates(self) -> (Vec<Template>, u64) {
        let finished = |group: Group| Template { text: group.words.join(" "), ..group.template };
        let mut templates: Vec<Template> = self.groups.into_iter().map(finished).collect();
        templates.sort_by_key(|it| (std::cmp::Reverse(it.count), it.first_line));
        (templates, self.ungrouped)
    }
}

impl Group {
    fn new(number: u64, line: &Line<'_>, words: Vec<String>) -> Group {
        let template = Template {
            text: String::new(),
            level: line.level,
            count: 0,
            first_line: number,
            last_line: number,
            first_at_ms: line.at_ms,
            last_at_ms: line.at_ms,
            evidence: Vec::new(),
        };
        Group { words, template }
    }

    /// How many words the template has in common with a line, holes apart.
    fn shared(&self, words: &[String]) -> usize {
        let same = |(mine, theirs): &(&String, &String)| mine == theirs;
        self.words.iter().zip(words).filter(same).count()
    }

    fn take_in(&mut self, number: u64, raw: &str, line: &Line<'_>, words: &[String]) {
        for (mine, theirs) in self.words.iter_mut().zip(words) {
            if mine != theirs {
                *mine = HOLE.to_owned();
            }
        }
        let template = &mut self.template;
        template.count += 1;
        template.last_line = number;
        template.last_at_ms = line.at_ms.or(template.last_at_ms);
        if template.evidence.len() < EVIDENCE_MAX {
            template.evidence.push(Evidence { line: number, text: clipped(raw).to_owned() });
        }
    }
}

/// A word as it stands in a template: what was given to the statement is a hole, the name before an
/// equals sign stays.
fn masked(word: &str) -> String {
    if !word.chars().any(|c| c.is_numeric()) {
        return word.to_owned();
    }
    match word.split_once('=') {
        Some((name, _)) if !name.is_empty() && !name.chars().any(char::is_numeric) => {
            format!("{name}={HOLE}")
        }
        _ => HOLE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(lines: &[&str]) -> Vec<(String, u64)> {
        let mut groups = Groups::default();
        for (number, raw) in (1..).zip(lines) {
            groups.add(number, raw, &Line::parse(raw));
        }
        groups.into_templates().0.into_iter().map(|it| (it.text, it.count)).collect()
    }

    #[test]
    fn words_that_differ_become_holes() {
        let lines = ["login of anna failed", "login of bert failed", "login of 17 failed"];
        assert_eq!(templates(&lines), [("login of <*> failed".to_owned(), 3)]);
    }

    #[test]
    fn lines_that_share_less_than_half_stay_apart() {
        let lines = ["cache warm again", "cache cold now", "disk cold now"];
        assert_eq!(templates(&lines).len(), 3);
    }

    #[test]
    fn level_and_length_keep_statements_apart() {
        assert_eq!(templates(&["INFO job done", "ERROR job done", "INFO job done now"]).len(), 3);
    }

    #[test]
    fn names_before_an_equals_sign_stay() {
        assert_eq!(masked("user=4711"), "user=<*>");
        assert_eq!(masked("10.0.0.7:8080"), "<*>");
        assert_eq!(masked("x1=2"), "<*>");
        assert_eq!(masked("plain"), "plain");
    }

    #[test]
    fn a_line_joins_the_group_that_it_is_most_like() {
        let lines = ["send a b c x", "send q r c y", "send q r c x"];
        let grouped = templates(&lines);
        assert_eq!(grouped, [("send q r c <*>".to_owned(), 2), ("send a b c x".to_owned(), 1)]);
    }
}
