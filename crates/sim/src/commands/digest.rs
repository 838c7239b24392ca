//! `sim digest`: what a hundred short worlds come to, for comparing builds (P26).

use majordomo_sim::run::{self, GOLDEN};
use std::process::ExitCode;

/// Prints one line a seed, as `tests/golden/digests.txt` has them.
pub(crate) fn run() -> ExitCode {
    let report = run::many(GOLDEN, &|_| {});
    print!("{}", report.digest_lines());
    if report.reds.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
