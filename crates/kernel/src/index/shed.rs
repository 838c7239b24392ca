//! Whose turn is furthest off: what is shed first when the queue is full.

use super::{Index, Shape};
use crate::mutant::{Mutant, planted};
use crate::{Class, QuotaOf, TaskId, Terms, Text};

/// Tasks that are looked at for one that may be shed.
const LOOK_MAX: usize = 1_024;

impl Index {
    /// Among the queued tasks of a team that are less urgent than a newcomer on these terms, and
    /// not more urgent than `from`: of the lowest class, in the longest line, the one whose turn is
    /// furthest off. The longest line, so that whoever floods pays for it.
    pub(crate) fn furthest_off(
        &self,
        terms: &Terms,
        from: Class,
        quota: Option<&QuotaOf>,
        may: impl Fn(TaskId) -> bool,
    ) -> Option<TaskId> {
        let lowest_first = Class::ALL.into_iter().rev();
        let lower = |class: &Class| {
            (*class > terms.class || planted(Mutant::ShedsMoreUrgent)) && *class >= from
        };
        let mut left = LOOK_MAX;
        lowest_first.take_while(lower).find_map(|class| {
            let mut lines: Vec<(usize, &Shape, &Text)> = self.lines(terms, class, quota).collect();
            lines.sort_by_key(|(len, ..)| std::cmp::Reverse(*len));
            lines.into_iter().find_map(|(_, shape, tenant)| {
                let waiting = shape.queue.from_the_end(class, tenant).take(left);
                waiting.inspect(|_| left -= 1).find(|id| may(*id))
            })
        })
    }

    /// The lines of one class that a quota counts, or all of the team's.
    fn lines<'i>(
        &'i self,
        terms: &'i Terms,
        class: Class,
        quota: Option<&'i QuotaOf>,
    ) -> impl Iterator<Item = (usize, &'i Shape, &'i Text)> {
        let counts = move |shape: &&Shape| {
            let capability = match quota {
                Some(QuotaOf::Capability(name)) => *name == shape.key.capability,
                Some(QuotaOf::Tenant(_)) | None => true,
            };
            capability && shape.key.team == terms.team && shape.queue.len_of(class) > 0
        };
        let mine = move |tenant: &Text| match quota {
            Some(QuotaOf::Tenant(name)) => name == tenant,
            Some(QuotaOf::Capability(_)) | None => true,
        };
        self.shapes.iter().filter(counts).flat_map(move |shape| {
            let lines = shape.queue.lines_of(class).filter(move |(tenant, _)| mine(tenant));
            lines.map(move |(tenant, len)| (len, shape, tenant))
        })
    }
}
