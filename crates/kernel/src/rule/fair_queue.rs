//! Weighted fair order: class by deficit round robin, tenant by round robin, earliest deadline.
//!
//! Why deficits and not strict priority? Strict priority starves: one flood of urgent work and the
//! rest never runs. With weights 16:8:4:2:1 the lowest class still gets 1 grant in 31 whenever it
//! has work, and an idle class's share falls to the others at once. Tenants inside a class take
//! turns (every task costs one, so deficit round robin with equal weights is taking turns).

use crate::mutant::{Mutant, planted};
use crate::{Class, TaskId, Text, Time};
use std::collections::{BTreeMap, BTreeSet};

/// So many tenants of a lane may be remembered with nothing waiting, or as many as have something:
/// most come back at once, and what they stand in is kept for them.
const IDLE_MAX: usize = 8;

/// Waiting tasks of one shape, in the order in which they should be granted.
#[derive(Clone, Debug, Default)]
pub struct FairQueue {
    classes: [Lane; 5],
    /// The class whose turn it is.
    turn: usize,
}

/// One class: its deficit and its tenants.
#[derive(Clone, Debug, Default)]
struct Lane {
    deficit: u32,
    /// Tasks in it, those of tenants that stand aside included.
    len: usize,
    tenants: BTreeMap<Text, Line>,
    /// Those of them with something waiting.
    busy: usize,
    /// Tenants that stand aside: nothing that waits here may be granted for now.
    parked: BTreeMap<Text, Line>,
    /// The tenant served last; the turn goes to the next one in order.
    last: Option<Text>,
}

/// What one tenant has waiting in one class. Most tasks have no deadline and need only half the
/// place.
#[derive(Clone, Debug, Default)]
struct Line {
    dated: BTreeSet<(Time, TaskId)>,
    undated: BTreeSet<TaskId>,
}

impl Line {
    fn insert(&mut self, deadline: Time, task: TaskId) -> bool {
        if deadline == Time::NEVER {
            self.undated.insert(task)
        } else {
            self.dated.insert((deadline, task))
        }
    }

    fn remove(&mut self, deadline: Time, task: TaskId) -> bool {
        if deadline == Time::NEVER {
            self.undated.remove(&task)
        } else {
            self.dated.remove(&(deadline, task))
        }
    }

    fn first(&self) -> Option<TaskId> {
        let dated = self.dated.first().map(|(_, task)| *task);
        dated.or_else(|| self.undated.first().copied())
    }

    fn len(&self) -> usize {
        self.dated.len() + self.undated.len()
    }

    fn is_empty(&self) -> bool {
        self.dated.is_empty() && self.undated.is_empty()
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = TaskId> + '_ {
        self.dated.iter().map(|(_, task)| *task).chain(self.undated.iter().copied())
    }
}

impl FairQueue {
    /// Adds a task.
    pub fn insert(&mut self, class: Class, tenant: &Text, deadline: Time, task: TaskId) {
        let Lane { tenants, busy, parked, len, .. } = &mut self.classes[class as usize];
        if !parked.is_empty()
            && let Some(line) = parked.get_mut(tenant)
        {
            *len += usize::from(line.insert(deadline, task));
            return;
        }
        let line = match tenants.get_mut(tenant) {
            Some(line) => line,
            None => tenants.entry(tenant.clone()).or_default(),
        };
        *busy += usize::from(line.is_empty());
        *len += usize::from(line.insert(deadline, task));
    }

    /// Takes a task out, wherever it stands; false if it is not there.
    pub fn remove(&mut self, class: Class, tenant: &Text, deadline: Time, task: TaskId) -> bool {
        let lane = &mut self.classes[class as usize];
        let removed =
            lane.remove(tenant, deadline, task) || lane.remove_parked(tenant, deadline, task);
        lane.len -= usize::from(removed);
        removed
    }

    /// The task to grant next, and its class.
    #[must_use]
    pub fn next(&self) -> Option<(Class, TaskId)> {
        let class = self.next_class()?;
        self.next_in(class).map(|task| (class, task))
    }

    /// The task of one class to grant next, whether it is the turn of that class or not.
    #[must_use]
    pub fn next_in(&self, class: Class) -> Option<TaskId> {
        let lane = &self.classes[class as usize];
        let tenant = lane.next_tenant()?;
        lane.tenants.get(tenant)?.first()
    }

    /// Tasks of one class.
    #[must_use]
    pub fn len_of(&self, class: Class) -> usize {
        self.classes[class as usize].len
    }

    /// The tasks of one class that may be granted, tenant by tenant.
    pub fn ready_in(&self, class: Class) -> impl Iterator<Item = TaskId> + '_ {
        self.classes[class as usize].tenants.values().flat_map(Line::iter)
    }

    /// Those with something waiting in a class, and how much; whoever stands aside included.
    pub fn lines_of(&self, class: Class) -> impl Iterator<Item = (&Text, usize)> {
        let Lane { tenants, parked, .. } = &self.classes[class as usize];
        let lines = tenants.iter().chain(parked).map(|(tenant, line)| (tenant, line.len()));
        lines.filter(|(_, len)| *len > 0)
    }

    /// What one tenant has waiting in a class, the last in line first.
    pub fn from_the_end(&self, class: Class, tenant: &str) -> impl Iterator<Item = TaskId> + '_ {
        let Lane { tenants, parked, .. } = &self.classes[class as usize];
        let lines = [tenants.get(tenant), parked.get(tenant)].into_iter().flatten();
        lines.flat_map(|line| line.iter().rev())
    }

    /// A tenant stands aside: what it has waiting is passed over until [`FairQueue::unpark`].
    pub fn park(&mut self, tenant: &Text) {
        self.classes.iter_mut().for_each(|lane| lane.park(tenant));
    }

    /// A tenant takes turns again.
    pub fn unpark(&mut self, tenant: &Text) {
        self.classes.iter_mut().for_each(|lane| lane.unpark(tenant));
    }

    /// Everybody takes turns again.
    pub fn unpark_all(&mut self) {
        self.parked().iter().for_each(|tenant| self.unpark(tenant));
    }

    /// Who stands aside.
    #[must_use]
    pub fn parked(&self) -> Vec<Text> {
        let parked = self.classes.iter().flat_map(|lane| lane.parked.keys().cloned());
        let mut parked: Vec<Text> = parked.collect();
        parked.sort_unstable();
        parked.dedup();
        parked
    }

    /// Whether something waits that does not stand aside.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        self.classes.iter().any(|lane| lane.busy > 0)
    }

    /// Marks a grant to `class`: turns and deficits move on. Call before [`FairQueue::remove`].
    pub fn granted(&mut self, class: Class, tenant: &Text) {
        if self.next_class() == Some(class) {
            self.advance_to(class as usize);
            let lane = &mut self.classes[class as usize];
            lane.deficit = lane.deficit.saturating_sub(1);
        }
        self.classes[class as usize].last = Some(tenant.clone());
    }

    /// Tasks in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.classes.iter().map(|lane| lane.len).sum()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.iter().all(|lane| lane.len == 0)
    }

    /// Every waiting task, in no promised order; for checkers.
    pub fn iter(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.classes.iter().flat_map(Lane::lines).flat_map(Line::iter)
    }

    /// The class at turn if it may go on, else the next one round that has work.
    fn next_class(&self) -> Option<Class> {
        let has_work = |at: usize| self.classes[at].busy > 0;
        if planted(Mutant::FairQueueStrict) {
            return (0..5).find(|at| has_work(*at)).map(|at| Class::ALL[at]);
        }
        if has_work(self.turn) && self.classes[self.turn].deficit > 0 {
            return Some(Class::ALL[self.turn]);
        }
        (1..=5).map(|step| (self.turn + step) % 5).find(|at| has_work(*at)).map(|at| Class::ALL[at])
    }

    /// Moves the turn to a class, which then gets its weight as deficit. A class that is passed
    /// over because it had no work keeps no claim from its absence.
    fn advance_to(&mut self, class: usize) {
        if class == self.turn && self.classes[class].deficit > 0 {
            return;
        }
        self.classes[self.turn].deficit = 0;
        self.turn = class;
        self.classes[class].deficit = Class::ALL[class].weight();
    }
}

impl Lane {
    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.tenants.values().chain(self.parked.values())
    }

    fn remove(&mut self, tenant: &Text, deadline: Time, task: TaskId) -> bool {
        let Some(line) = self.tenants.get_mut(tenant) else { return false };
        let removed = line.remove(deadline, task);
        if removed && line.is_empty() {
            self.busy -= 1;
            self.forget_idle();
        }
        removed
    }

    fn remove_parked(&mut self, tenant: &Text, deadline: Time, task: TaskId) -> bool {
        let Some(line) = self.parked.get_mut(tenant) else { return false };
        let removed = line.remove(deadline, task);
        if line.is_empty() {
            self.parked.remove(tenant);
        }
        removed
    }

    fn park(&mut self, tenant: &Text) {
        if self.tenants.get(tenant).is_some_and(|line| !line.is_empty())
            && let Some((tenant, line)) = self.tenants.remove_entry(tenant)
        {
            self.busy -= 1;
            self.parked.insert(tenant, line);
        }
    }

    fn unpark(&mut self, tenant: &Text) {
        if let Some((tenant, line)) = self.parked.remove_entry(tenant) {
            self.busy += 1;
            self.tenants.insert(tenant, line);
        }
    }

    /// The tenant after the one served last, round.
    fn next_tenant(&self) -> Option<&Text> {
        use std::ops::Bound::{Excluded, Unbounded};
        let waits = |(_, line): &(&Text, &Line)| !line.is_empty();
        let after = self.last.as_ref().and_then(|last| {
            self.tenants.range::<str, _>((Excluded(&**last), Unbounded)).find(waits)
        });
        after.or_else(|| self.tenants.iter().find(waits)).map(|(tenant, _)| tenant)
    }

    /// Not one by one: looking for the idle costs no more than the tasks that left them so.
    fn forget_idle(&mut self) {
        if self.tenants.len() - self.busy > IDLE_MAX.max(self.busy) {
            self.tenants.retain(|_, line| !line.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(queue: &mut FairQueue, tenant_of: impl Fn(TaskId) -> Text) -> Option<(Class, TaskId)> {
        let (class, task) = queue.next()?;
        let tenant = tenant_of(task);
        queue.granted(class, &tenant);
        assert!(queue.remove(class, &tenant, Time::NEVER, task));
        Some((class, task))
    }

    #[test]
    fn every_class_gets_its_weight_when_all_are_full() {
        let mut queue = FairQueue::default();
        for id in 0..5_000 {
            queue.insert(Class::ALL[id % 5], &Text::default(), Time::NEVER, TaskId(id as u64));
        }
        let mut grants = [0; 5];
        for _ in 0..31 * 20 {
            grants[grant(&mut queue, |_| Text::default()).expect("full").0 as usize] += 1;
        }
        assert_eq!(grants, [320, 160, 80, 40, 20]);
    }

    #[test]
    fn an_idle_class_claims_nothing_afterwards() {
        let mut queue = FairQueue::default();
        (0..100).for_each(|id| queue.insert(Class::Low, &"".into(), Time::NEVER, TaskId(id)));
        (0..50).for_each(|_| assert!(grant(&mut queue, |_| "".into()).is_some()));
        (100..200).for_each(|id| queue.insert(Class::High, &"".into(), Time::NEVER, TaskId(id)));
        let high =
            (0..50).filter(|_| grant(&mut queue, |_| "".into()).expect("full").0 == Class::High);
        assert_eq!(high.count(), 40);
    }

    #[test]
    fn a_flooding_tenant_gets_every_other_turn() {
        let tenant_of = |task: TaskId| Text::from(if task.0 < 1_000 { "flood" } else { "quiet" });
        let mut queue = FairQueue::default();
        (0..1_010).for_each(|id| {
            queue.insert(Class::Normal, &tenant_of(TaskId(id)), Time::NEVER, TaskId(id));
        });
        let first: Vec<TaskId> =
            (0..20).filter_map(|_| grant(&mut queue, tenant_of)).map(|(_, task)| task).collect();
        assert_eq!(first.iter().filter(|task| task.0 >= 1_000).count(), 10);
    }

    #[test]
    fn inside_a_tenant_the_earliest_deadline_goes_first() {
        let mut queue = FairQueue::default();
        queue.insert(Class::Normal, &"".into(), Time::NEVER, TaskId(1));
        queue.insert(Class::Normal, &"".into(), Time(9), TaskId(2));
        queue.insert(Class::Normal, &"".into(), Time(5), TaskId(3));
        assert_eq!(queue.next(), Some((Class::Normal, TaskId(3))));
        assert!(queue.remove(Class::Normal, &"".into(), Time(5), TaskId(3)));
        assert_eq!(queue.next(), Some((Class::Normal, TaskId(2))));
        assert_eq!(queue.len(), 2);
    }
}
