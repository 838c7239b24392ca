//! An agent is asked for what it does not do.
use majordomo::{Context, Result, Team, capability};

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

async fn ask(team: Team) -> Result<usize> {
    team.agent::<Analyst>("analyst")?.ask::<count>("to be".into()).await
}

fn main() {
    let _ = ask;
}
