//! A capability is asked with an input of another type.
use majordomo::{Context, Result, capability};

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.len())
}

#[capability("text.report@1")]
async fn report(cx: Context, _: ()) -> Result<usize> {
    cx.ask::<count>(42).await
}

fn main() {}

// Do: Give what the function has as its input. A `&str` does for a `String`; for anything else
// make the type: `.into()`, `.parse()?`, a struct.
