//! A capability without a name.
#![allow(unused_imports)]
use majordomo::{Context, Result, capability};

#[capability]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.len())
}

fn main() {}

// Do: Name it, in quotes: `#[capability("text.count@1")]`. By this name it is asked from other
// languages, and stands in the journal.
