//! Versions count from one.
#![allow(unused_imports)]
use majordomo::{Context, Result, capability};

#[capability("text.count@0")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.len())
}

fn main() {}

// Do: Begin with `@1`. Raise the number when input or output change such that whoever asks must
// know.
