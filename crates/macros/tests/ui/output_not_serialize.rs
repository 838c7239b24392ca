//! An output that cannot leave the process.
use majordomo::{Context, Result, capability};

struct Findings;

#[capability("code.review@1")]
async fn review(_: Context, _: String) -> Result<Findings> {
    Ok(Findings)
}

fn main() {}

// Do: Add `#[derive(serde::Serialize, serde::Deserialize)]` to the type: what an agent returns is
// journaled as JSON, and read again in a later life.
