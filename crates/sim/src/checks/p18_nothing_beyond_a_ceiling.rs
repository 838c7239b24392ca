//! P18: in a day, the team and each tenant spend their ceilings and one call beyond them at most,
//! over runs, children and restarts; and the ledger says what was spent.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{Ceilings, Cost, Event, Ledger, Limits, Part, TaskId, Text, Time};
use std::collections::BTreeMap;

/// Days and what was spent in them, by the journal alone.
pub struct Days {
    /// Whether every tenant has an account of its own.
    is_wide: bool,
    offset: i64,
    day: u64,
    tenants: BTreeMap<TaskId, Text>,
    all: Cost,
    of: BTreeMap<Text, Cost>,
    /// The ceilings that have held at some time of this day, the latest last.
    held: Vec<Ceilings>,
}

impl Days {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Days {
        Days {
            is_wide: limits.tenants_max > 100,
            offset: 0,
            day: 0,
            tenants: BTreeMap::new(),
            all: Cost::default(),
            of: BTreeMap::new(),
            held: vec![Ceilings::default()],
        }
    }

    /// It is another day when the wall clock says so and somebody spends, or the clock is set; one
    /// that is set back takes nothing away.
    fn turn(&mut self, at: Time) {
        let today = Ledger::day_of((at.0 as i64 + self.offset).max(0) as u64);
        if today > self.day {
            self.all = Cost::default();
            self.of.clear();
            self.held = self.held.pop().into_iter().collect();
        }
        self.day = today;
    }

    /// The most that may be spent of a part, by everybody or by a tenant; `None` is any amount.
    fn most(&self, tenant: Option<&Text>, part: Part) -> Option<u64> {
        let of = |it: &Ceilings| match tenant {
            None => it.day.of(part),
            Some(tenant) => it.of_tenant(tenant, part),
        };
        let all: Option<Vec<u64>> = self.held.iter().map(of).collect();
        all.and_then(|all| all.into_iter().max())
    }

    /// `is_covered`: its price was set aside for it while there was something left.
    fn spends(&mut self, task: TaskId, cost: Cost, is_covered: bool) -> Verdict {
        let tenant = self.tenants.get(&task).cloned().unwrap_or_default();
        let own = self.of.get(&tenant).copied().unwrap_or_default();
        let spent = cost.parts().into_iter().filter(|(_, amount)| *amount > 0);
        for (part, amount) in spent.filter(|(part, _)| !is_covered || *part != Part::Money) {
            for (who, spent) in [(None, self.all), (Some(&tenant), own)] {
                let (spent, most) = (spent.of(part), self.most(who, part));
                if most.is_some_and(|most| spent >= most) {
                    let part = part.name();
                    let why = format!("{who:?} spent {amount} {part}, of {most:?} {spent} before");
                    return Err(format!("task {task}: {why}"));
                }
            }
        }
        self.count(&tenant, cost);
        Ok(())
    }

    fn count(&mut self, tenant: &Text, cost: Cost) {
        for sum in [&mut self.all, self.of.entry(tenant.clone()).or_default()] {
            sum.money_micros += cost.money_micros;
            sum.tokens += cost.tokens;
            sum.calls += cost.calls;
        }
    }

    /// The ledger says of the day what the journal does.
    fn audit(&self, ledger: &Ledger) -> Verdict {
        let is_today = ledger.day == self.day;
        let all = if is_today { ledger.all.spent } else { Cost::default() };
        if all != self.all {
            return Err(format!("day {}: spent {:?}, the ledger has {all:?}", self.day, self.all));
        }
        for (tenant, spent) in self.of.iter().filter(|_| self.is_wide) {
            let kept = ledger.tenants.get(tenant).filter(|_| is_today);
            let kept = kept.map(|it| it.spent).unwrap_or_default();
            if kept != *spent {
                return Err(format!("{tenant} spent {spent:?}, the ledger has {kept:?}"));
            }
        }
        Ok(())
    }
}

impl Check for Days {
    fn name(&self) -> &'static str {
        "p18_nothing_beyond_a_ceiling"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        let at = seen.entry.at;
        match &seen.entry.event {
            Event::RuntimeStarted { wall_ms, .. } | Event::WallClockMoved { wall_ms, .. } => {
                self.offset = *wall_ms as i64 - at.0 as i64;
                self.turn(at);
            }
            Event::Configured { team, policies } if team.is_empty() => {
                self.held.push(policies.ceilings.clone());
            }
            Event::TaskAccepted(accepted) => {
                self.tenants.insert(accepted.task, accepted.terms.tenant.clone());
            }
            Event::Spent { task, token, cost, .. } => {
                self.turn(at);
                self.audit(&seen.before.ledger)?;
                let escrow = seen.before.auctions.get(task).and_then(|it| it.escrow);
                let own = escrow.filter(|it| it.token == *token);
                let is_covered = own.is_some_and(|it| it.price_micros > it.spent_micros);
                return self.spends(*task, *cost, is_covered);
            }
            Event::TaskCompleted { task, .. } => {
                let escrow = seen.before.auctions.get(task).and_then(|it| it.escrow);
                let Some(escrow) = escrow else { return Ok(()) };
                self.turn(at);
                let left = escrow.price_micros.saturating_sub(escrow.spent_micros);
                let tenant = self.tenants.get(task).cloned().unwrap_or_default();
                // What the winner has not spent of its price is paid; it was set aside for that.
                self.count(&tenant, Cost { money_micros: left, ..Cost::default() });
            }
            _ => {}
        }
        Ok(())
    }
}
