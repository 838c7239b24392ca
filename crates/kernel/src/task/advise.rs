//! An adviser says who should get a task.

use crate::kernel::Draft;
use crate::mutant::{Mutant, planted};
use crate::routing::Decision;
use crate::state::Deliberation;
use crate::{AgentId, Answer, Event, Refusal, Routing, TaskId, Text, Time};

/// Heard once, and only while it was asked for: what it names is looked up now, and held against
/// the agents of the moment when the task is granted. Names of nobody are left out.
pub(crate) fn advice(
    draft: &mut Draft<'_>,
    task: TaskId,
    until: Time,
    ranking: &[Text],
    words: &str,
) -> Result<Answer, Refusal> {
    draft.task(task).ok_or(Refusal::UnknownTask(task))?;
    let asked = match draft.deliberations.get(&task) {
        Some(Deliberation::Asked { until, advice: None }) => *until,
        Some(Deliberation::Asked { .. } | Deliberation::Held { .. }) | None => {
            return Err(Refusal::NotAsked(task));
        }
    };
    let late = draft.now >= until || asked != until;
    if late && !planted(Mutant::AdviceTakenLate) {
        return Err(Refusal::NotAsked(task));
    }
    let known = |name: &Text| draft.agent_named(name).map(|agent| agent.id);
    let ranking: Vec<AgentId> =
        ranking.iter().take(Decision::CANDIDATES_MAX).filter_map(known).collect();
    let words = shortened(words, draft.limits.words_max_bytes);
    draft.record(Event::Routing { task, step: Routing::Advised { ranking, words } });
    Ok(Answer::Done)
}

/// As many whole characters as fit.
pub(crate) fn shortened(words: &str, max: usize) -> Text {
    let mut end = words.len().min(max);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    words[..end].into()
}
