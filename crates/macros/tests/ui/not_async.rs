//! A function that blocks.
#![allow(unused_imports)]
use majordomo::{Context, Result, capability};

#[capability("text.count@1")]
fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.len())
}

fn main() {}

// Do: Write `async fn`. What computes for long goes to a thread of its own: `cx.blocking(move ||
// …).await`.
