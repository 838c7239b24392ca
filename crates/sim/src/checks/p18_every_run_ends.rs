//! P18: depth, tasks, work and money of a tree are bounded; a child never has more than its parent;
//! nobody works for a parent that has ended.

use super::Check;
use crate::oracle::{Recorded, Stepped, Verdict};
use kernel::{Accepted, Budget, Digest, Event, Limits, Part, State, Task, TaskId, Text};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Trees and what they cost, by the journal alone.
pub struct Trees {
    limits: Limits,
    of: BTreeMap<TaskId, Node>,
    runs: BTreeMap<TaskId, Run>,
}

struct Node {
    run: TaskId,
    depth: u32,
    may: Option<Arc<BTreeSet<Text>>>,
    parent: Option<TaskId>,
    asks: (Text, Digest),
}

#[derive(Default)]
struct Run {
    open: bool,
    tasks: u64,
    tasks_max: u64,
    money: u64,
    tokens: u64,
}

impl Trees {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Trees {
        Trees { limits: limits.clone(), of: BTreeMap::new(), runs: BTreeMap::new() }
    }

    fn accepted(&mut self, accepted: &Accepted, before: &State) -> Verdict {
        let id = accepted.task;
        let Some(parent) = &accepted.parent else {
            let tasks_max = accepted.budget.and_then(|it| it.tasks).unwrap_or(u64::MAX);
            self.runs.insert(id, Run { open: true, tasks_max, ..Run::default() });
            let may = accepted.terms.may.clone();
            let (parent, asks) = (None, question(accepted));
            self.of.insert(id, Node { run: id, depth: 1, may, parent, asks });
            return Ok(());
        };
        let above = self.of.get(&parent.task).ok_or(format!("task {id} has no parent"))?;
        let (run, depth) = (above.run, above.depth + 1);
        if depth > self.limits.depth_max {
            return Err(format!("task {id} at depth {depth} of {}", self.limits.depth_max));
        }
        // For bids and advice nobody asks but the kernel; nothing of them comes back into the tree.
        if !accepted.is_bid && !accepted.is_advice {
            narrower(id, above, accepted)?;
            self.ends(id, parent.task, &question(accepted))?;
        }
        if let Some(budget) = &accepted.budget {
            fits(before, parent.task, id, budget)?;
        }
        let (may, asks) = (accepted.terms.may.clone(), question(accepted));
        let parent = Some(parent.task);
        self.of.insert(id, Node { run, depth, may, parent, asks });
        let Some(tree) = self.runs.get_mut(&run) else { return Ok(()) };
        tree.tasks += 1;
        if tree.tasks > tree.tasks_max {
            return Err(format!("run {run} has {} tasks of {}", tree.tasks, tree.tasks_max));
        }
        Ok(())
    }

    /// No question stands above itself, and no pair of capabilities goes on for ever.
    fn ends(&self, id: TaskId, parent: TaskId, asks: &(Text, Digest)) -> Verdict {
        let mut chain = Vec::new();
        let mut above = Some(parent);
        while let Some(node) = above.and_then(|it| self.of.get(&it)) {
            if node.asks == *asks {
                return Err(format!("task {id} asks what stands above it: {}", asks.0));
            }
            chain.push(&node.asks.0);
            above = node.parent;
        }
        let pair = [&asks.0, chain[0]];
        let alternate = |(at, capability): &(usize, &&Text)| **capability == pair[(at + 1) % 2];
        let handed = chain.iter().enumerate().take_while(alternate).count();
        if pair[0] != pair[1] && handed > self.limits.hand_offs_max as usize {
            return Err(format!("task {id}: {} and {} handed on {handed} times", pair[0], pair[1]));
        }
        Ok(())
    }

    /// What the purses of a run say was used is what was spent.
    fn audit(&self, run: TaskId, before: &State) -> Verdict {
        let Some(tree) = self.runs.get(&run).filter(|tree| tree.open) else { return Ok(()) };
        let purses = before.facts().purses.iter();
        let mine = purses.filter(|(id, _)| self.of.get(id).is_some_and(|node| node.run == run));
        let (mut money, mut tokens, mut tasks) = (0, 0, 0);
        for (_, purse) in mine {
            money += purse.used(Part::Money);
            tokens += purse.used(Part::Tokens);
            tasks += purse.used(Part::Tasks);
        }
        if (money, tokens, tasks) == (tree.money, tree.tokens, tree.tasks) {
            return Ok(());
        }
        let spent = (tree.money, tree.tokens, tree.tasks);
        Err(format!("run {run} spent {spent:?}, its purses say {:?}", (money, tokens, tasks)))
    }
}

/// What a task is asked, and with what.
fn question(accepted: &Accepted) -> (Text, Digest) {
    (accepted.terms.capability.clone(), accepted.input.digest)
}

/// A child asks for, and may ask for, nothing that its parent may not.
fn narrower(id: TaskId, above: &Node, accepted: &Accepted) -> Verdict {
    let Some(all) = &above.may else { return Ok(()) };
    let capability = &accepted.terms.capability;
    if !all.contains(capability) {
        return Err(format!("task {id} is {capability}, its parent may ask for {all:?}"));
    }
    match &accepted.terms.may {
        Some(own) if own.is_subset(all) => Ok(()),
        own => Err(format!("task {id} may {own:?}, its parent {all:?}")),
    }
}

/// What a child sets aside is there in the purse above.
fn fits(before: &State, parent: TaskId, id: TaskId, budget: &Budget) -> Verdict {
    for part in Part::ALL {
        let Some(wanted) = budget.part(part) else { continue };
        let left = left(before, parent, part);
        if wanted > left {
            let part = part.name();
            return Err(format!("task {id} got {wanted} {part}, its parent had {left}"));
        }
    }
    Ok(())
}

/// What is left in the nearest purse at or above a task that limits a part.
fn left(state: &State, task: TaskId, part: Part) -> u64 {
    let mut at = state.task(task);
    while let Some(task) = at {
        if let Some(purse) = state.facts().purses.get(&task.id).filter(|it| it.owns(part)) {
            return purse.left(part);
        }
        // A purse that nothing was taken out of is not open yet.
        if let Some(budgeted) = task.budget.as_ref().and_then(|it| it.part(part)) {
            return budgeted;
        }
        at = task.parent.as_ref().and_then(|parent| state.task(parent.task));
    }
    u64::MAX
}

impl Check for Trees {
    fn name(&self) -> &'static str {
        "p18_every_run_ends"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        let run = |task: &TaskId| self.of.get(task).map(|node| node.run);
        match &seen.entry.event {
            Event::TaskAccepted(accepted) => self.accepted(accepted, seen.before),
            Event::Spent { task, cost, .. } => {
                let Some(run) = run(task) else { return Ok(()) };
                self.audit(run, seen.before)?;
                let tree = self.runs.entry(run).or_default();
                tree.money = tree.money.saturating_add(cost.money_micros);
                tree.tokens = tree.tokens.saturating_add(cost.tokens);
                Ok(())
            }
            Event::TaskCompleted { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => {
                let Some(run) = run(task) else { return Ok(()) };
                self.audit(run, seen.before)?;
                let escrow = seen.before.auctions.get(task).and_then(|it| it.escrow);
                if let (Some(tree), Some(escrow), Event::TaskCompleted { .. }) =
                    (self.runs.get_mut(&run), escrow, &seen.entry.event)
                {
                    // What the winner has not spent of its price is paid.
                    tree.money += escrow.price_micros.saturating_sub(escrow.spent_micros);
                }
                if let Some(tree) = self.runs.get_mut(task) {
                    tree.open = false;
                }
                Ok(())
            }
            Event::LeaseGranted(granted) => {
                let work = left(seen.before, granted.task, Part::Work);
                if work == 0 {
                    return Err(format!("task {} was granted with no work left", granted.task));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn step(&mut self, seen: &Stepped<'_>) -> Verdict {
        let state = seen.kernel.state();
        let orphan = |task: &&Task| {
            task.parent.as_ref().is_some_and(|parent| state.task(parent.task).is_none())
        };
        let Some(orphan) = state.tasks().find(orphan) else { return Ok(()) };
        let due = seen.kernel.next_deadline();
        if due.is_some_and(|due| due <= seen.now.max(state.time)) {
            return Ok(()); // More of them than one step may take; the rest is due at once.
        }
        Err(format!("task {} works on though its parent has ended", orphan.id))
    }
}
