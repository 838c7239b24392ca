//! Reviews a tree on one thread and prints the report: `cargo run --example review -- PATH`.
//!
//! It shows that the review needs nothing around it, and how fast one thread is.

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
    let bytes: u64 = survey.files.iter().map(|file| file.bytes).sum();
    let mut input = review::ReportInput {
        root: survey.root,
        skipped: survey.skipped,
        ..review::ReportInput::default()
    };
    for file in survey.files {
        match review::review(&review::ReviewInput::new(&input.root, file)) {
            Ok(review) => input.reviews.push(review),
            Err(error) => eprintln!("{error}"),
        }
    }
    let reviewed = began.elapsed() - surveyed;
    for review in input.reviews.iter().filter(|review| !review.findings.is_empty()) {
        let (root, path) = (input.root.clone(), review.path.clone());
        let findings = review.findings.clone();
        let wanted = review::FixInput { root, path, findings, max_file_bytes: 1 << 20 };
        match review::fix(&wanted) {
            Ok(fix) => input.fixes.push(fix),
            Err(error) => eprintln!("{error}"),
        }
    }
    print!("{}", review::report(&input).markdown);
    let files = input.reviews.len();
    eprintln!("surveyed {files} files, {bytes} bytes in {surveyed:?}");
    eprintln!("reviewed in {reviewed:?}, {:?} a file", reviewed / files.max(1) as u32);
}
