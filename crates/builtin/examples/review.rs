//! Reviews a tree on one thread and prints what was found: `cargo run --example review -- PATH`.
//!
//! It shows that the review needs nothing around it, and how fast one thread is.

use std::collections::BTreeMap;
use std::time::Instant;

use majordomo_builtin::review;

fn main() {
    let path = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let began = Instant::now();
    let survey = match review::survey(&review::SurveyInput::new(path)) {
        Ok(survey) => survey,
        Err(error) => return eprintln!("{error}"),
    };
    let surveyed = began.elapsed();
    let files = survey.files.len();
    let bytes: u64 = survey.files.iter().map(|file| file.bytes).sum();
    let mut rules: BTreeMap<String, u32> = BTreeMap::new();
    let mut left_out = 0;
    for file in survey.files {
        match review::review(&review::ReviewInput::new(&survey.root, file)) {
            Ok(review) => {
                left_out += u32::from(review.skipped.is_some());
                for finding in review.findings {
                    let place = format!("{}:{}", finding.path, finding.line);
                    println!(
                        "{place}: {:?} {}\n{}",
                        finding.severity, finding.rule, finding.snippet
                    );
                    *rules.entry(finding.rule).or_default() += 1;
                }
            }
            Err(error) => eprintln!("{error}"),
        }
    }
    let reviewed = began.elapsed() - surveyed;
    eprintln!(
        "surveyed {files} files, {bytes} bytes in {surveyed:?}; skipped {:?}",
        survey.skipped
    );
    eprintln!(
        "reviewed in {reviewed:?}, {:?} a file; left out {left_out}",
        reviewed / files.max(1) as u32
    );
    eprintln!("{rules:#?}");
}
