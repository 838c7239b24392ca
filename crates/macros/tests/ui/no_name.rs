//! A capability without a name.
#![allow(unused_imports)]
use majordomo::{Context, Result, capability};

#[capability]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.len())
}

fn main() {}
