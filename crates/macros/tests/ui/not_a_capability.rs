//! A plain function is asked for.
use majordomo::{Context, Result, Team};

struct Count;

async fn ask(team: Team) -> Result<usize> {
    team.ask::<Count>("to be".into()).await
}

fn main() {
    let _ = ask;
    let _: Option<Context> = None;
}
