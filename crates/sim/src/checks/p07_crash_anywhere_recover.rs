//! P7: after a crash everything outstanding is performed at once, no lease is waited for, and no
//! attempt is charged to a task; an orderly end leaves nothing to recover.

use super::Check;
use crate::oracle::{Act, Stepped, Verdict};
use kernel::{Command, Effect, Event, Loss};

/// What the last process left behind.
#[derive(Default)]
pub struct Recovery {
    orderly: bool,
}

impl Check for Recovery {
    fn name(&self) -> &'static str {
        "p07_crash_anywhere_recover"
    }

    fn step(&mut self, seen: &Stepped<'_>) -> Verdict {
        let Command::Begin(_) = seen.command else { return Ok(()) };
        for entry in &seen.step.entries {
            match &entry.event {
                Event::AttemptFailed { task, failure, .. } => {
                    return Err(format!("the restart charged task {task}: {failure:?}"));
                }
                Event::AttemptLost { task, cause: Loss::RuntimeEnded, .. } if self.orderly => {
                    return Err(format!("task {task} was not handed back before an orderly end"));
                }
                _ => {}
            }
        }
        let state = seen.kernel.state();
        let local = |id| state.agent(id).is_none_or(|agent| !agent.spec.remote);
        let held = state.tasks().find(|it| it.status.lease().is_some_and(|it| local(it.agent)));
        match held {
            Some(task) => Err(format!("task {} is still held by an agent that is gone", task.id)),
            None => Ok(()),
        }
    }

    fn act(&mut self, act: &Act<'_>) -> Verdict {
        match act {
            Act::Ended { orderly } => self.orderly = *orderly,
            Act::Began { performed, outstanding } => {
                let key = |effect: &Effect| match effect {
                    Effect::Dispatch(it) => Some((0, it.attempt.token.0)),
                    Effect::Stop { attempt, .. } => Some((1, attempt.token.0)),
                    Effect::StartAgent { agent, .. } => Some((2, u64::from(agent.0))),
                    Effect::StopAgent { agent, .. } => Some((3, u64::from(agent.0))),
                    Effect::Advise(question) => Some((4, question.task.0)),
                    Effect::DeliverMessages(delivery) => Some((5, delivery.token.0)),
                    Effect::Resume { .. }
                    | Effect::Deliver { .. }
                    | Effect::Settled { .. }
                    | Effect::ResizeAgent { .. }
                    | Effect::DismissAgent { .. }
                    | Effect::Reckon { .. } => None,
                };
                let performed: Vec<_> = performed.iter().filter_map(key).collect();
                let missing = outstanding
                    .iter()
                    .find(|effect| key(effect).is_some_and(|key| !performed.contains(&key)));
                if let Some(effect) = missing {
                    return Err(format!("recovery did not perform {effect:?}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
