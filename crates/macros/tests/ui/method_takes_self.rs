//! A method that uses its agent up.
#![allow(unused_imports)]
use majordomo::{Context, Result, capability};

struct Analyst;

#[capability]
impl Analyst {
    #[capability("code.review@1")]
    async fn review(self, _: Context, file: String) -> Result<usize> {
        Ok(file.len())
    }
}

fn main() {}

// Do: Take `&self`, so that several tasks are done at once, or `&mut self` for one at a time.
