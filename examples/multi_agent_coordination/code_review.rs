//! Code review: the analyst applies the rules that come with Majordomo, the coder makes a checked
//! mechanical fix as a diff, the writer puts the worst first.

use super::work::{Analysis, Material, Piece, Scenario};
use majordomo::builtin::review::{self, Finding, FixInput, ReviewInput, SurveyInput};
use majordomo::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What the coder needs to know.
#[derive(Serialize, Deserialize)]
struct Evidence {
    root: String,
    finding: Finding,
}

pub fn analyse(path: &str) -> Result<Analysis> {
    let survey = review::survey(&SurveyInput::new(path))?;
    let file = survey.files.first();
    let file = file.ok_or_else(|| Failure::rejected(format!("{path} is in no known language")))?;
    let review = review::review(&ReviewInput::new(&survey.root, file.clone()))?;
    let summary = format!("{} lines, {} findings", review.lines, review.findings.len());
    let piece = |finding: Finding| {
        let (severity, key) = (finding.severity, finding.fingerprint.clone());
        let title = format!("{}:{} {}", finding.path, finding.line, finding.title);
        let evidence = serde_json::to_value(Evidence { root: survey.root.clone(), finding })?;
        Ok(Piece { scenario: Scenario::CodeReview, key, title, severity, evidence })
    };
    let pieces = review.findings.into_iter().map(piece).collect::<Result<_>>()?;
    Ok(Analysis { path: review.path, summary, pieces })
}

/// A diff that removes the finding. `fix` has reviewed the changed text again: it parses, the
/// finding is gone and none has come.
pub fn code(piece: &Piece) -> Result<String> {
    let Evidence { root, finding } = serde_json::from_value(piece.evidence.clone())?;
    let (path, max_file_bytes) = (finding.path.clone(), 1 << 19);
    let fix = review::fix(&FixInput { root, path, findings: vec![finding], max_file_bytes })?;
    match fix.refused.first() {
        None => Ok(fix.diff),
        Some(refused) => {
            let reason = serde_json::to_value(refused.reason)?;
            let reason = reason.as_str().unwrap_or_default().replace('_', " ");
            Err(Failure::rejected(format!("left to a person: {reason}")))
        }
    }
}

pub fn write(material: &Material) -> String {
    let mut page = String::from("# Code review\n\n");
    for analysis in &material.analyses {
        let _ = writeln!(page, "- `{}`: {}", analysis.path, analysis.summary);
    }
    for made in &material.made {
        let _ = write!(page, "\n## {} ({:?})\n\n", made.piece.title, made.piece.severity);
        if let Ok(Evidence { finding, .. }) = serde_json::from_value(made.piece.evidence.clone()) {
            let _ = write!(page, "{}\n\n", finding.message);
        }
        let _ = match &made.text {
            Ok(diff) => write!(page, "```diff\n{diff}```\n"),
            Err(why) => writeln!(page, "No diff: {why}"),
        };
    }
    page
}
