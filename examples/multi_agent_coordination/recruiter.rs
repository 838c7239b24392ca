//! Brings one more coder into the team when somebody asks for it, while everybody is at work.
//!
//! An agent is anything that has `run`. This one is written by hand instead of with
//! `#[capability]`, because it keeps something between tasks: the team that the new one joins.

use super::workers;
use majordomo::runtime::port::{Agent, BoxFuture};
use majordomo::{AgentEntry, Capability, Context, Failure, Result, Team};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What the recruiter is asked with (why), and what it gives (who came).
#[allow(non_camel_case_types)] // As `#[capability]` would name it.
pub struct recruit;

impl Capability for recruit {
    type Input = String;
    type Output = String;
    const NAME: &'static str = "recruit";
    const VERSION: u32 = 1;
}

/// The recruiter of this team.
pub fn entry(team: &Team) -> AgentEntry {
    let recruiter = Recruiter { team: team.clone(), joined: Arc::new(AtomicU32::new(1)) };
    AgentEntry::new("recruiter", "native", &["recruit@1"], 1, Arc::new(recruiter))
}

struct Recruiter {
    team: Team,
    /// Coders so far.
    joined: Arc<AtomicU32>,
}

impl Agent for Recruiter {
    fn run(&self, _: Context) -> BoxFuture<'static, Result<Value>> {
        let (team, joined) = (self.team.clone(), self.joined.clone());
        Box::pin(async move {
            let name = format!("coder-{}", joined.fetch_add(1, Ordering::Relaxed) + 1);
            let refused = |why: majordomo::StartError| Failure::rejected(why.to_string());
            team.join(AgentEntry::native(&name, 1, workers::code)).await.map_err(refused)?;
            Ok(json!(name))
        })
    }
}
