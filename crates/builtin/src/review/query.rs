//! The rules of one language as one compiled query, so that a file's tree is walked once.

use std::ops::Range;
use std::sync::LazyLock;

use tree_sitter::Query;

use super::catalog;
use super::check::Check;
use super::language::Language;

/// What a language's rules look for.
pub(crate) struct Compiled {
    /// All patterns of all rules.
    pub(crate) query: Query,
    /// What each pattern stands for, by pattern index.
    pub(crate) patterns: Vec<Pattern>,
    /// The capture `@found`: the place a finding points at.
    pub(crate) found: u32,
    /// The capture `@replace`: what a fix rewrites, if not `@found` itself.
    pub(crate) replace: Option<u32>,
}

/// One pattern of a rule.
pub(crate) struct Pattern {
    /// Index into [`catalog::rules`].
    pub(crate) rule: usize,
    /// Predicates of ours, in the order in which they are written: the cheap ones go first.
    pub(crate) checks: Vec<Check>,
    /// From `(#set! fix "…")`: text with `{capture}` for what a capture says.
    pub(crate) fix: Option<String>,
}

/// Why the rules of a language do not compile. Only a rule author sees it, in a test.
#[derive(Debug, thiserror::Error)]
#[error("rules/{rule}/{language}.scm: {reason}")]
pub(crate) struct Error {
    rule: String,
    language: &'static str,
    reason: String,
}

/// The compiled rules of a language, made on first use.
pub(crate) fn compiled(language: Language) -> &'static Compiled {
    static ALL: [LazyLock<Compiled>; Language::ALL.len()] = [
        LazyLock::new(|| must(Language::Rust)),
        LazyLock::new(|| must(Language::Python)),
        LazyLock::new(|| must(Language::JavaScript)),
        LazyLock::new(|| must(Language::TypeScript)),
        LazyLock::new(|| must(Language::Tsx)),
    ];
    &ALL[language as usize]
}

fn must(language: Language) -> Compiled {
    compile(language).expect("a test compiles every rule of every language")
}

/// Joins the query files of a language, rule by rule.
pub(crate) fn compile(language: Language) -> Result<Compiled, Error> {
    let mut text = String::new();
    let mut owners: Vec<(Range<usize>, usize)> = vec![];
    for index in 0..catalog::FOLDERS.len() {
        if let Some(query) = catalog::query(index, language) {
            let from = text.len();
            text.push_str(query);
            text.push('\n');
            owners.push((from..text.len(), index));
        }
    }
    let owner = |byte: usize| {
        let owner = owners.iter().find(|(range, _)| range.contains(&byte));
        owner.map_or(0, |(_, index)| *index)
    };
    let error = |rule: usize, reason: String| Error {
        rule: catalog::FOLDERS[rule].id.to_owned(),
        language: language.query_name(),
        reason,
    };
    let query = Query::new(&language.grammar(), &text)
        .map_err(|e| error(owner(e.offset), e.message.clone()))?;
    let patterns = (0..query.pattern_count())
        .map(|at| {
            let rule = owner(query.start_byte_for_pattern(at));
            pattern(&query, at, rule).map_err(|reason| error(rule, reason))
        })
        .collect::<Result<_, _>>()?;
    let found = query.capture_index_for_name("found").unwrap_or(u32::MAX);
    let replace = query.capture_index_for_name("replace");
    Ok(Compiled { query, patterns, found, replace })
}

fn pattern(query: &Query, at: usize, rule: usize) -> Result<Pattern, String> {
    let checks = query.general_predicates(at).iter().map(Check::read).collect::<Result<_, _>>()?;
    let settings = query.property_settings(at);
    if let Some(unknown) = settings.iter().find(|setting| &*setting.key != "fix") {
        return Err(format!("#set! {} is unknown: only fix is", unknown.key));
    }
    let fix = settings.first().and_then(|setting| setting.value.as_deref().map(str::to_owned));
    Ok(Pattern { rule, checks, fix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_every_language_compiles() {
        for language in Language::ALL {
            let compiled = compile(language).unwrap_or_else(|error| panic!("{error}"));
            assert_ne!(compiled.found, u32::MAX, "{language:?} has a pattern without @found");
            assert!(!compiled.patterns.is_empty());
        }
    }
}
