//! A plain function is asked for.
use majordomo::{Context, Result, Team};

struct Count;

async fn ask(team: Team) -> Result<usize> {
    team.ask::<Count>("to be").await
}

fn main() {
    let _ = ask;
    let _: Option<Context> = None;
}

// Do: Ask for the function that has `#[capability("…")]` above it, and by its own name:
// `team.ask::<count>`. A capability that only another process serves needs the attribute, too, or
// is asked by name: `team.ask_value("text.count@1", …)`.
