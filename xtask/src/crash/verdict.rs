//! What must hold of a run that was killed: judged by its journal and by its report.

use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Context, Result};
use serde_json::Value;

/// What `examples/ledger.rs` counted in a journal.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) accepted: u64,
    pub(super) settled: u64,
    pub(super) completed: u64,
    pub(super) lives: u64,
    /// What was done twice, or after its end, in words.
    again: Vec<String>,
}

impl Ledger {
    pub(super) fn parse(line: &[u8]) -> Result<Ledger> {
        let told: Value = serde_json::from_slice(line).context("the ledger is not JSON")?;
        let count = |name: &str| {
            told[name].as_u64().with_context(|| format!("the ledger does not say `{name}`"))
        };
        let mut again = Vec::new();
        for (name, what) in [
            ("settled_twice", "ended twice: task"),
            ("unknown", "ended without being accepted: task"),
            ("late", "worked on after its end: task"),
            ("repeated", "made again:"),
        ] {
            let list = told[name].as_array();
            let list = list.with_context(|| format!("the ledger does not say `{name}`"))?;
            again.extend(list.iter().map(|it| format!("{what} {it}")));
        }
        let (accepted, settled) = (count("accepted")?, count("settled")?);
        let (completed, lives) = (count("completed")?, count("lives")?);
        Ok(Ledger { accepted, settled, completed, lives, again })
    }

    /// What is wrong with a run that is said to have completed.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = self.again.clone();
        if self.accepted != self.settled {
            problems.push(format!("accepted {} tasks, settled {}", self.accepted, self.settled));
        }
        if self.completed != self.settled {
            let other = self.settled.abs_diff(self.completed);
            problems.push(format!("{other} tasks ended without a result"));
        }
        problems
    }
}

/// The judgement on all kills.
pub(super) struct Verdict {
    kills: u32,
    pub(super) killed: u32,
    pub(super) resumed: u32,
    equal: bool,
    again: usize,
    open: u64,
    pub(super) problems: Vec<String>,
}

impl Verdict {
    pub(super) fn new(kills: u32) -> Verdict {
        let (killed, resumed, again, open) = (0, 0, 0, 0);
        Verdict { kills, killed, resumed, equal: true, again, open, problems: Vec::new() }
    }

    /// Nothing that was durable before a life may be gone after it.
    pub(super) fn compare(&mut self, before: &Ledger, after: &Ledger) {
        for (what, had, has) in [
            ("accepted tasks", before.accepted, after.accepted),
            ("ended tasks", before.settled, after.settled),
            ("results", before.completed, after.completed),
        ] {
            if has < had {
                self.problems.push(format!("lost: {had} {what} before a kill, {has} after"));
            }
        }
        self.again = self.again.max(after.again.len());
        self.problems.extend(after.again.iter().cloned());
    }

    /// A disturbed run has ended: its journal and its report against those of the quiet one.
    pub(super) fn close(&mut self, ledger: &Ledger, report: &str, quiet: &str) {
        self.open += ledger.accepted.abs_diff(ledger.settled);
        self.problems.extend(ledger.problems());
        if report != quiet {
            self.equal = false;
            self.problems.push(difference(quiet, report));
        }
    }

    pub(super) fn holds(&self) -> bool {
        self.problems.is_empty() && self.resumed == self.kills
    }

    pub(super) fn line(&self) -> String {
        let digest = if self.equal { "digest equal" } else { "digest DIFFERS" };
        let settled = match self.open {
            0 => "accepted = settled".to_owned(),
            open => format!("accepted ≠ settled by {open}"),
        };
        let Verdict { kills, resumed, again, .. } = self;
        format!("{resumed}/{kills} resumed · {digest} · repeated {again} · {settled}")
    }
}

/// The report in the last line of a run, without what may differ: times, and who did what.
///
/// # Errors
/// The run did not end with a summary that says it completed.
pub(super) fn report(lines: &str) -> Result<String> {
    let last = lines.lines().last().unwrap_or_default();
    let summary: Value =
        serde_json::from_str(last).with_context(|| format!("not a summary: {last}"))?;
    anyhow::ensure!(summary["status"] == "completed", "the run has not completed: {last}");
    comparable(summary["outputs"].clone())
}

/// The same report in the story of the root task.
///
/// # Errors
/// The task has no output.
pub(super) fn recorded(story: &[u8]) -> Result<String> {
    let story: Value = serde_json::from_slice(story).context("the story is not JSON")?;
    comparable(story["output"]["value"].clone())
}

fn comparable(mut report: Value) -> Result<String> {
    anyhow::ensure!(!report.is_null(), "the run gave no report");
    without_chance(&mut report);
    Ok(serde_json::to_string_pretty(&report)?)
}

/// Removes who did what and how long it took, wherever it stands.
fn without_chance(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "team" && name != "markdown" && !name.ends_with("_ms"));
            fields.values_mut().for_each(without_chance);
        }
        Value::Array(items) => items.iter_mut().for_each(without_chance),
        _ => {}
    }
}

/// A short name of a report, for people to compare.
pub(super) fn digest(report: &str) -> String {
    let mut hasher = DefaultHasher::new();
    report.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The first line in which they differ.
fn difference(quiet: &str, killed: &str) -> String {
    let pairs = quiet.lines().zip(killed.lines()).enumerate();
    let first = pairs.into_iter().find(|(_, (quiet, killed))| quiet != killed);
    match first {
        Some((at, (quiet, killed))) => format!(
            "the reports differ at line {}:\n  quiet:  {}\n  killed: {}",
            at + 1,
            quiet.trim(),
            killed.trim()
        ),
        None => format!(
            "one report is longer: {} lines, killed {}",
            quiet.lines().count(),
            killed.lines().count()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(text: &str) -> Ledger {
        let whole = r#"{"accepted":3,"settled":3,"completed":3,"settled_twice":[],"unknown":[],
            "repeated":[],"late":[],"lives":2,"begun":4,"lost":1}"#;
        let mut told: Value = serde_json::from_str(whole).unwrap();
        let change: Value = serde_json::from_str(text).unwrap();
        for (name, value) in change.as_object().unwrap() {
            told[name] = value.clone();
        }
        Ledger::parse(told.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_run_that_went_well_says_the_one_line() {
        let mut verdict = Verdict::new(2);
        verdict.compare(&ledger(r#"{"accepted":2,"settled":1,"completed":1}"#), &ledger("{}"));
        verdict.close(&ledger("{}"), "same", "same");
        assert!(!verdict.holds(), "not all kills were resumed yet");
        (verdict.killed, verdict.resumed) = (2, 2);
        assert!(verdict.holds());
        let line = "2/2 resumed · digest equal · repeated 0 · accepted = settled";
        assert_eq!(verdict.line(), line);
    }

    #[test]
    fn every_fault_is_seen() {
        for (fault, word) in [
            (r#"{"settled":2,"completed":2}"#, "accepted 3 tasks, settled 2"),
            (r#"{"completed":2}"#, "1 tasks ended without a result"),
            (r#"{"settled_twice":[7]}"#, "ended twice: task 7"),
            (r#"{"unknown":[7]}"#, "ended without being accepted: task 7"),
            (r#"{"late":[7]}"#, "worked on after its end: task 7"),
            (r#"{"repeated":["step a of task 1"]}"#, "made again: \"step a of task 1\""),
        ] {
            assert_eq!(ledger(fault).problems().first().map(String::as_str), Some(word));
            let mut verdict = Verdict::new(0);
            verdict.close(&ledger(fault), "", "");
            assert!(!verdict.holds(), "{fault}");
        }
        let mut verdict = Verdict::new(0);
        verdict.compare(&ledger("{}"), &ledger(r#"{"accepted":2}"#));
        assert!(verdict.problems[0].contains("lost"));
        let mut verdict = Verdict::new(0);
        verdict.close(&ledger("{}"), "a\nc", "a\nb");
        assert!(verdict.problems[0].contains("line 2") && verdict.line().contains("DIFFERS"));
    }

    #[test]
    fn times_and_who_did_what_are_not_compared_and_all_else_is() {
        let line = |team: &str, findings: u32| {
            format!(
                "noise\n{{\"status\":\"completed\",\"outputs\":{{\"report\":{{\"findings\":\
                 {findings},\"team\":\"{team}\",\"took_ms\":3}}}}}}"
            )
        };
        let of = |team, findings| report(&line(team, findings)).unwrap();
        assert_eq!(of("a", 1), of("b", 1));
        assert_ne!(of("a", 1), of("a", 2));
        assert!(report("{\"status\":\"failed\",\"outputs\":1}").is_err());
        let story = br#"{"output":{"value":{"report":{"findings":1,"team":0}}}}"#;
        assert_eq!(recorded(story).unwrap(), of("a", 1));
        assert!(report("").is_err());
    }
}
