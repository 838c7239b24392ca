//! The same from within a task.
use majordomo::{Context, Result, capability};

struct Analyst;

#[capability]
impl Analyst {
    #[capability("code.review@1")]
    async fn review(&self, _: Context, file: String) -> Result<usize> {
        Ok(file.len())
    }
}

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.len())
}

#[capability("lead@1")]
async fn lead(cx: Context, text: String) -> Result<usize> {
    cx.agent::<Analyst>("analyst").ask::<count>(text).await
}

fn main() {}

// Do: The same: `cx.ask::<count>(text)` asks whoever serves it.
