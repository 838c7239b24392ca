//! An input and nothing else.
#![allow(unused_imports)]
use majordomo::{Result, capability};

#[capability("text.count@1")]
async fn count(text: String) -> Result<usize> {
    Ok(text.len())
}

fn main() {}

// Do: Put `_: Context` before the input.
