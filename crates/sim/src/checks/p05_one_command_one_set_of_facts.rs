//! P5: one command, one set of facts; replay equals memory; a key names one task; "yes" implies a
//! fact.

use super::Check;
use crate::oracle::{Act, Recorded, Stepped, Verdict};
use kernel::{Answer, Command, Event, Kernel, Outcome, Report, State, StepKind, TaskId, Text};
use std::collections::{BTreeMap, BTreeSet};

/// What each key stands for, and which steps each task has.
#[derive(Default)]
pub struct Facts {
    keys: BTreeMap<(Text, Text), TaskId>,
    open: BTreeSet<TaskId>,
    steps: BTreeMap<(TaskId, Text), Option<Outcome>>,
}

/// Two kernels with one memory.
pub fn same(shadow: &Kernel, kernel: &Kernel) -> Verdict {
    if shadow.state() == kernel.state() {
        return Ok(());
    }
    Err(format!("memory is not what its entries say: {}", differ(kernel.state(), shadow.state())))
}

/// The first difference, in words.
fn differ(memory: &State, replayed: &State) -> String {
    for task in memory.tasks() {
        match replayed.task(task.id) {
            Some(other) if other == task => {}
            other => return format!("task {:?} / {:?}", task, other),
        }
    }
    let extra = replayed.tasks().find(|task| memory.task(task.id).is_none());
    if let Some(task) = extra {
        return format!("task {} is open only in the replay", task.id);
    }
    let rest = |state: &State| {
        let facts = state.facts();
        let (retries, seed) = (facts.retries.clone(), facts.seed);
        (facts.time, facts.token, facts.counts, retries, seed, facts.keys.len(), facts.dead.len())
    };
    format!("{:?} / {:?}", rest(memory), rest(replayed))
}

impl Facts {
    fn accepted(&mut self, accepted: &kernel::Accepted) -> Verdict {
        self.open.insert(accepted.task);
        if let Some(parent) = &accepted.parent {
            self.new_step(parent.task, &parent.step)?;
        }
        let Some(key) = &accepted.key else { return Ok(()) };
        let key = (accepted.terms.tenant.clone(), key.clone());
        match self.keys.insert(key, accepted.task) {
            None => Ok(()),
            Some(first) => Err(format!("one key, two tasks: {first} and {}", accepted.task)),
        }
    }

    fn new_step(&mut self, task: TaskId, step: &Text) -> Verdict {
        match self.steps.insert((task, step.clone()), None) {
            None => Ok(()),
            Some(_) => Err(format!("step {step} of task {task} was taken twice")),
        }
    }

    fn settled_step(&mut self, task: TaskId, step: &Text, outcome: &Outcome) -> Verdict {
        match self.steps.insert((task, step.clone()), Some(outcome.clone())) {
            Some(None) => Ok(()),
            Some(Some(first)) => {
                Err(format!("step {step} of task {task} ended as {first:?}, then as {outcome:?}"))
            }
            None => Err(format!("step {step} of task {task} ended and never began")),
        }
    }
}

impl Check for Facts {
    fn name(&self) -> &'static str {
        "p05_one_command_one_set_of_facts"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        match &seen.entry.event {
            Event::TaskAccepted(accepted) => self.accepted(accepted),
            Event::KeyForgotten { tenant, key } => {
                let task = self.keys.remove(&(tenant.clone(), key.clone()));
                match task {
                    Some(task) if self.open.contains(&task) => {
                        Err(format!("key {key} was forgotten while task {task} was open"))
                    }
                    Some(_) | None => Ok(()),
                }
            }
            Event::TimerSet { task, step, .. } => self.new_step(*task, step),
            Event::TimerFired { task, step } => {
                let done = Outcome::Completed(Default::default());
                self.settled_step(*task, step, &done)
            }
            Event::OnceStarted { task, step, .. } => {
                let known = self.steps.entry((*task, step.clone())).or_insert(None);
                match known {
                    None => Ok(()),
                    Some(_) => Err(format!("once {step} of task {task} began after it had ended")),
                }
            }
            Event::OnceDone { task, step, outcome } => self.settled_step(*task, step, outcome),
            Event::TaskCompleted { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => {
                self.open.remove(task);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn step(&mut self, seen: &Stepped<'_>) -> Verdict {
        yes_implies_a_fact(seen)?;
        one_key_one_receipt(seen)
    }

    fn act(&mut self, act: &Act<'_>) -> Verdict {
        let Act::Recovered { kernel, durable } = act else { return Ok(()) };
        if kernel.state() != *durable {
            let why = differ(kernel.state(), durable);
            return Err(format!("after the restart memory is not the journal: {why}"));
        }
        kernel.state().check_index()
    }

    fn end(&mut self, kernel: &Kernel) -> Verdict {
        let facts = kernel.snapshot().clone();
        let restored = Kernel::replay(kernel.limits().clone(), Some(facts), []);
        same(&restored, kernel)?;
        restored.state().check_index()
    }
}

/// Whoever was told "done" finds it among the facts.
fn yes_implies_a_fact(seen: &Stepped<'_>) -> Verdict {
    let Ok(answer) = &seen.step.answer else { return Ok(()) };
    let recorded =
        |wanted: fn(&Event) -> bool| seen.step.entries.iter().any(|entry| wanted(&entry.event));
    let task = match seen.command {
        Command::Report(by, _) => seen.before.task(by.task),
        _ => None,
    };
    let had = |step: &Text, child: bool| {
        task.and_then(|task| task.step(step)).is_some_and(|it| match it.kind {
            StepKind::Child { .. } => child,
            StepKind::Once { .. } | StepKind::Timer { .. } => !child,
        })
    };
    let (fact, what) = match (seen.command, answer) {
        (Command::Report(_, Report::Completed(_) | Report::Bid { .. }), _) => (
            recorded(|it| matches!(it, Event::TaskCompleted { .. } | Event::TaskFailed { .. })),
            "done",
        ),
        (Command::Report(_, Report::Failed(_)), _) => {
            (recorded(|it| matches!(it, Event::AttemptFailed { .. })), "failed")
        }
        (Command::Report(_, Report::Ask { step, .. }), Answer::Pending) => {
            (had(step, true) || recorded(|it| matches!(it, Event::TaskAccepted(_))), "pending")
        }
        (Command::Report(_, Report::Sleep { step, .. }), Answer::Pending) => {
            (had(step, false) || recorded(|it| matches!(it, Event::TimerSet { .. })), "asleep")
        }
        (_, Answer::Perform) => (recorded(|it| matches!(it, Event::OnceStarted { .. })), "perform"),
        (_, Answer::Accepted(receipt)) if receipt.fresh => {
            (recorded(|it| matches!(it, Event::TaskAccepted(_))), "accepted")
        }
        (_, Answer::Joined(_)) => {
            (recorded(|it| matches!(it, Event::AgentJoined { .. })), "joined")
        }
        (Command::Cancel { .. }, _) => {
            (recorded(|it| matches!(it, Event::TaskCancelled { .. })), "cancelled")
        }
        (Command::Leave(_), _) => (recorded(|it| matches!(it, Event::AgentLeft { .. })), "left"),
        _ => return Ok(()),
    };
    if fact { Ok(()) } else { Err(format!("said {what} to {:?}, recorded nothing", seen.command)) }
}

/// A key that is known gets the task that has it.
fn one_key_one_receipt(seen: &Stepped<'_>) -> Verdict {
    let (Command::Submit(submit), Ok(Answer::Accepted(receipt))) =
        (seen.command, &seen.step.answer)
    else {
        return Ok(());
    };
    let Some(key) = &submit.key else { return Ok(()) };
    let forgotten =
        seen.step.entries.iter().any(|it| matches!(it.event, Event::KeyForgotten { .. }));
    let known = seen.before.facts().keys.get(&(submit.terms.tenant.clone(), key.clone()));
    match known {
        Some(known) if known.task != receipt.task && !forgotten => {
            Err(format!("key {key} names task {}, the receipt {}", known.task, receipt.task))
        }
        Some(_) | None => Ok(()),
    }
}
