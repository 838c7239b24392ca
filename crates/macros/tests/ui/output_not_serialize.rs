//! An output that cannot leave the process.
use majordomo::{Context, Result, capability};

struct Findings;

#[capability("code.review@1")]
async fn review(_: Context, _: String) -> Result<Findings> {
    Ok(Findings)
}

fn main() {}
