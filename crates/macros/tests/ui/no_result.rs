//! A capability that cannot fail.
#![allow(unused_imports)]
use majordomo::{Context, capability};

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> usize {
    text.len()
}

fn main() {}

// Do: Return `majordomo::Result<usize>`: the agent may be gone, the task cancelled, the answer no
// number.
