//! Two inputs and no context.
use majordomo::{Result, capability};

#[capability("text.join@1")]
async fn join(one: String, other: String) -> Result<String> {
    Ok(one + &other)
}

fn main() {}

// Do: Begin with `cx: Context`, or `_: Context` if it asks nobody; put the two inputs into one
// struct or tuple.
