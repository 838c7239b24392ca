//! An agent is asked for what it does not do.
use majordomo::{Context, Result, Team, capability};

struct Analyst;

#[capability]
impl Analyst {
    #[capability("text.count@1")]
    async fn count(&self, _: Context, text: String) -> Result<usize> {
        Ok(text.split_whitespace().count())
    }
}

#[capability("text.translate@1")]
async fn translate(_: Context, text: String) -> Result<String> {
    Ok(text)
}

async fn ask(team: Team) -> Result<String> {
    team.agent::<Analyst>("analyst")?.ask::<translate>("to be").await
}

fn main() {
    let _ = ask;
}

// Do: Ask another agent, or `team.ask::<translate>(…)`, which goes to whoever serves it. Should
// this agent do it, write a method for it in its `#[capability] impl`, below
// `#[capability(translate)]`.
