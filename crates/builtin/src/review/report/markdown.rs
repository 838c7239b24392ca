//! The report for people.

use std::fmt::Write;
use std::path::Path;

use super::super::finding::{Finding, Severity};
use super::super::language::Language;
use super::super::lint::clip;
use super::escape;
use super::{Facts, OPENING_CHARS_MAX, Opening, rule_of};

/// Findings written out; the others are in the JSON form. A longer list is not read.
const FINDINGS_SHOWN_MAX: usize = 200;

/// Diffs written out.
const DIFFS_SHOWN_MAX: usize = 100;

/// Bytes of one diff written out.
const DIFF_BYTES_MAX: usize = 64 * 1024;

/// Writes every section in order.
pub(crate) fn write(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    head(&mut out, facts).expect("a String takes whatever is written");
    opening(&mut out, facts).expect("a String takes whatever is written");
    findings(&mut out, facts).expect("a String takes whatever is written");
    diffs(&mut out, facts).expect("a String takes whatever is written");
    linters(&mut out, facts).expect("a String takes whatever is written");
    team(&mut out, facts).expect("a String takes whatever is written");
    left_out(&mut out, facts).expect("a String takes whatever is written");
    out
}

fn head(out: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    let files = facts.input.reviews.len();
    writeln!(out, "# Code review of {}\n", escape::code(&facts.input.root))?;
    write!(
        out,
        "{} in {}, {}",
        many(facts.findings.len(), "finding"),
        many(files, "file"),
        many(facts.lines as usize, "line")
    )?;
    let by_severity: Vec<String> = facts
        .count(|finding| finding.severity)
        .into_iter()
        .map(|(severity, count)| format!("{count} {}", severity_name(severity)))
        .collect();
    if !by_severity.is_empty() {
        write!(out, ": {}", by_severity.join(", "))?;
    }
    writeln!(out, ".")?;
    if !facts.fixed.is_empty() {
        writeln!(out, "{} can be removed by the diffs below.", facts.fixed.len())?;
    }
    if facts.findings.is_empty() {
        return writeln!(out);
    }
    writeln!(out, "\n| severity | rule | findings |\n|---|---|--:|")?;
    for ((severity, rule), count) in facts.count(|finding| (finding.severity, finding.rule.clone()))
    {
        writeln!(out, "| {} | {} | {count} |", severity_name(severity), escape::code(&rule))?;
    }
    writeln!(out)
}

/// A model's words are marked as such: the rest of the report can be checked against the sources.
fn opening(out: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    let Some(opening) = &facts.input.opening else { return Ok(()) };
    writeln!(out, "## In short\n")?;
    let shown = |text: &str| escape::text(&clip(text, OPENING_CHARS_MAX));
    match opening {
        Opening::Words { text } => {
            writeln!(out, "{}\n", shown(text))?;
            writeln!(out, "*By a language model that saw the worst of these findings.*\n")
        }
        Opening::Missing { failed } => {
            writeln!(out, "Nothing to show: the model gave no answer: {}\n", shown(failed))
        }
    }
}

fn findings(out: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    let mut severity = None;
    for (index, finding) in facts.findings.iter().take(FINDINGS_SHOWN_MAX).enumerate() {
        if severity != Some(finding.severity) {
            severity = Some(finding.severity);
            let name = severity_name(finding.severity);
            writeln!(out, "## {}{}\n", name[..1].to_uppercase(), &name[1..])?;
        }
        one(out, index + 1, finding, facts)?;
    }
    if facts.findings.len() > FINDINGS_SHOWN_MAX {
        let more = facts.findings.len() - FINDINGS_SHOWN_MAX;
        writeln!(out, "{} more: see the JSON report.\n", many(more, "finding"))?;
    }
    Ok(())
}

fn one(out: &mut String, number: usize, finding: &Finding, facts: &Facts<'_>) -> std::fmt::Result {
    let rule = rule_of(finding);
    let place = escape::code(&format!("{}:{}:{}", finding.path, finding.line, finding.column));
    let title = rule.map_or_else(|| escape::text(&finding.title), |rule| escape::text(&rule.title));
    writeln!(out, "### {number}. {title}\n")?;
    writeln!(out, "{place} · {} · {}\n", dimension_name(finding), escape::code(&finding.rule))?;
    if !finding.snippet.is_empty() {
        out.push_str(&evidence(finding));
        out.push('\n');
    }
    // Only the rules' own words may hold markup.
    let why = rule.map_or_else(|| escape::text(&finding.message), |rule| rule.message.clone());
    writeln!(out, "{why}\n")?;
    if let Some(rule) = rule {
        let diff = facts.fixed.contains(finding.fingerprint.as_str());
        let ready = if diff { " A diff is ready below." } else { "" };
        writeln!(out, "**Fix:** {}{ready}\n", rule.advice)?;
    }
    Ok(())
}

/// The evidence with its line numbers.
fn evidence(finding: &Finding) -> String {
    let width = (finding.line as usize + finding.snippet.lines().count()).to_string().len();
    let numbered = (finding.line..).zip(finding.snippet.lines());
    let lines: Vec<String> = numbered.map(|(n, line)| format!("{n:>width$}  {line}")).collect();
    let language = Language::of(Path::new(&finding.path)).map_or("text", Language::query_name);
    escape::block(language, &lines.join("\n"))
}

fn diffs(out: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    if facts.fixes.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Diffs\n")?;
    writeln!(out, "Tried on a copy: each parses, removes its findings and adds none.\n")?;
    for fix in facts.fixes.iter().take(DIFFS_SHOWN_MAX) {
        if fix.diff.len() > DIFF_BYTES_MAX {
            writeln!(out, "{}: long, see the JSON report.\n", escape::code(&fix.path))?;
        } else {
            writeln!(out, "{}", escape::block("diff", &fix.diff))?;
        }
    }
    if facts.fixes.len() > DIFFS_SHOWN_MAX {
        let more = facts.fixes.len() - DIFFS_SHOWN_MAX;
        writeln!(out, "{} more: see the JSON report.\n", many(more, "diff"))?;
    }
    Ok(())
}

fn linters(out: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    if facts.input.linters.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Linters\n")?;
    for lint in &facts.input.linters {
        let tool = lint.tool.program();
        if let Some(note) = &lint.note {
            writeln!(out, "- {tool}: nothing to show: {}", escape::text(note))?;
            continue;
        }
        write!(out, "- {tool}: {}", many(lint.findings.len(), "finding"))?;
        match facts.doubled.get(&lint.tool) {
            Some(doubled) => writeln!(out, ", {doubled} of them found by our rules too")?,
            None => writeln!(out)?,
        }
    }
    writeln!(out)
}

fn team(out: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    if facts.team.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Who did what\n")?;
    // What nobody counted is not shown as none.
    let is_counted = facts.team.iter().any(|it| it.failed.is_some() || it.restarts.is_some());
    let (names, line) =
        if is_counted { (" failed attempts | restarts |", "--:|--:|") } else { ("", "") };
    writeln!(out, "| agent | part | tasks |{names}")?;
    writeln!(out, "|---|---|--:|{line}")?;
    for member in &facts.team {
        let (agent, part) = (escape::text(&member.agent), escape::text(&member.capability));
        write!(out, "| {agent} | {part} | {} |", member.tasks)?;
        if is_counted {
            let [failed, restarts] = [member.failed, member.restarts]
                .map(|count| count.map_or("–".to_owned(), |it| it.to_string()));
            write!(out, " {failed} | {restarts} |")?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn left_out(out: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    let not_reviewed = facts.left_out();
    if facts.input.skipped.is_empty() && not_reviewed == 0 {
        return Ok(());
    }
    writeln!(out, "## Left out\n")?;
    for (reason, count) in &facts.input.skipped {
        writeln!(out, "- {}: {count}", escape::text(&reason.replace('_', " ")))?;
    }
    if not_reviewed > 0 {
        writeln!(out, "- too large or too tangled, not or only partly reviewed: {not_reviewed}")?;
    }
    Ok(())
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

fn dimension_name(finding: &Finding) -> &'static str {
    use super::super::finding::Dimension::{Maintainability, Performance, Security};
    match finding.dimension {
        Security => "security",
        Performance => "performance",
        Maintainability => "maintainability",
    }
}

/// `1 file`, `2 files`.
fn many(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
