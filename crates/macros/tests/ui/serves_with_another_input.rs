//! A method serves an existing capability with another type of input.
use majordomo::{Context, Result, capability};

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.len())
}

struct Analyst;

#[capability]
impl Analyst {
    #[capability(count)]
    async fn words(&self, _: Context, text: Vec<String>) -> Result<usize> {
        Ok(text.len())
    }
}

fn main() {}

// Do: Take what the capability takes. If this is another question, it is another capability, with
// a name of its own; if the old one should be replaced, its next version.
