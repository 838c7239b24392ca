//! The outcome of a task is taken for something else.
use majordomo::{Context, Result, Team, Ticket, capability};

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.len())
}

async fn hand_over(team: Team) -> Result<Ticket<String>> {
    team.handle::<count>().submit("to be", Default::default()).await
}

fn main() {
    let _ = hand_over;
}

// Do: A ticket is for the output of the capability: here `Ticket<usize>`.
