//! An operator decides what holds for a team.

use crate::kernel::Draft;
use crate::{Answer, Event, Policies, Refusal, Text};
use std::sync::Arc;

/// The policies take the place of those before, whole. Saying what holds already records nothing.
pub(crate) fn configure(
    draft: &mut Draft<'_>,
    team: Text,
    policies: Arc<Policies>,
) -> Result<Answer, Refusal> {
    let limits = &draft.limits;
    if team.len() > limits.name_max_bytes {
        return Err(Refusal::TooLarge { max: limits.name_max_bytes as u64 });
    }
    if let Some(max) = policies.exceeds(limits) {
        return Err(Refusal::TooLarge { max });
    }
    let teams_max = u64::from(limits.policies_max);
    if !draft.policies.contains_key(&team) && draft.policies.len() as u64 >= teams_max {
        return Err(Refusal::TooMany { max: teams_max });
    }
    let same = match draft.policies.get(&team) {
        Some(held) => *held == policies,
        None => *policies == Policies::default(),
    };
    if !same {
        draft.record(Event::Configured { team, policies });
    }
    Ok(Answer::Done)
}
