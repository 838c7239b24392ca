//! Two inputs and no context.
use majordomo::{Result, capability};

#[capability("text.join@1")]
async fn join(one: String, other: String) -> Result<String> {
    Ok(one + &other)
}

fn main() {}
