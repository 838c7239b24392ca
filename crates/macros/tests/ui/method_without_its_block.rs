//! The `impl` block was forgotten.
#![allow(unused_imports)]
use majordomo::{Context, Result, capability};

struct Analyst;

impl Analyst {
    #[capability("code.review@1")]
    async fn review(&self, _: Context, file: String) -> Result<usize> {
        Ok(file.len())
    }
}

fn main() {}

// Do: Put `#[capability]` above the `impl`, too: it makes the type an agent.
