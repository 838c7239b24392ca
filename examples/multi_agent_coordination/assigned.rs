//! A language model that assigns tasks: an agent like every other, which serves `route`.
//!
//! It is asked where at least two agents could have a task, and what it answers is advice. Whom it
//! names is held against those who may have the task at that moment; else the lowest load decides.

use super::workers;
use majordomo::kernel::Policy;
use majordomo::llm::{LlmAgent, Spec};
use majordomo::models::{Limits, Models};
use majordomo::runtime::port::Llm;
use majordomo::{AgentEntry, Failure, JsonSchemas, Result, TeamBuilder};
use std::sync::Arc;

/// How long its choice is waited for.
const WAIT_MS: u64 = 30_000;
/// Choices that it thinks about at once.
const SLOTS: u32 = 8;

/// The provider of this model, as the environment sets it up.
pub fn from_environment(model: &str) -> Result<Arc<dyn Llm>> {
    let models = Models::from_environment(Limits::default());
    models.check(model).map_err(|why| Failure::rejected(why.to_string()))?;
    Ok(Arc::new(models))
}

/// The team with this model as the one who assigns, and a choice for it to make.
pub fn by(llm: Arc<dyn Llm>, model: &str, team: TeamBuilder) -> Result<TeamBuilder> {
    let adviser = LlmAgent::new(Spec::adviser("assigner", model), llm, &JsonSchemas)
        .map_err(|why| Failure::rejected(why.to_string()))?;
    let mut second_analyst = AgentEntry::native("analyst-b", 2, workers::analyse);
    second_analyst.spec.about = Some("as good as the other analyst, for when it is busy".into());
    let mut second_coder = AgentEntry::native("coder-b", 1, workers::code);
    second_coder.spec.about = Some("as good as the other coder, for when it is busy".into());
    let policy = Policy::External { wait_ms: WAIT_MS };
    Ok(team
        .route("analyse", policy)
        .route("code", policy)
        .agent(adviser.joins(&["route"], SLOTS))
        .agent(second_analyst)
        .agent(second_coder))
}
