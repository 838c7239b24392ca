//! Who is asked, heard and chosen in a market, and that prices are there to be paid.
//!
//! A bid is heard from whoever was asked, once and in time. Whoever wins has bid what can be paid,
//! and has not failed the task before while another bid stood. What a winner was promised is set
//! aside until its attempt ends. Nobody is asked again while a bid stands.

use super::Check;
use crate::oracle::{Recorded, Verdict};
use kernel::{
    Accepted, AgentId, Bid, Event, Granted, Ledger, Limits, Loss, Part, PolicyKind, Presence,
    Purse, Routing, State, Task, TaskId, Time, Token,
};
use std::collections::{BTreeMap, BTreeSet};

/// Markets, by the journal alone.
pub struct Markets {
    limits: Limits,
    of: BTreeMap<TaskId, Market>,
}

#[derive(Default)]
struct Market {
    round: u32,
    until: Time,
    stands_until: Time,
    asked: BTreeSet<AgentId>,
    bids: BTreeMap<AgentId, Bid>,
    failed: BTreeSet<AgentId>,
    tried: bool,
    /// Who has it, and what of its price is not spent yet.
    holder: Option<(AgentId, Token, u64)>,
}

impl Markets {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Markets {
        Markets { limits: limits.clone(), of: BTreeMap::new() }
    }

    fn routed(&mut self, at: Time, before: &State, id: TaskId, step: &Routing) -> Verdict {
        match step {
            Routing::Announced { round, until, stands_until, bidders } => {
                let market = self.of.entry(id).or_default();
                let task = before.task(id).ok_or(format!("task {id} is nobody's"))?;
                market.may_ask_again(at, before, task)?;
                if *round != market.round + 1 || bidders.len() > self.limits.bidders_max as usize {
                    return Err(format!("task {id}, round {round}, asks {bidders:?}"));
                }
                bidders.iter().try_for_each(|agent| may_bid(before, *agent, task))?;
                *market = Market {
                    round: *round,
                    until: *until,
                    stands_until: *stands_until,
                    asked: bidders.iter().copied().collect(),
                    failed: std::mem::take(&mut market.failed),
                    ..Market::default()
                };
            }
            Routing::Bid { agent, bid } => {
                let market = self.of.get_mut(&id).ok_or(format!("task {id} has no market"))?;
                if at >= market.until || !market.asked.remove(agent) {
                    let until = market.until;
                    return Err(format!(
                        "{agent} bid for task {id} at {at:?}, asked until {until:?}: {bid:?}"
                    ));
                }
                market.bids.extend(bid.map(|bid| (*agent, bid)));
            }
            Routing::Held { .. }
            | Routing::HoldEnded
            | Routing::AdviceAsked { .. }
            | Routing::Advised { .. } => {}
        }
        Ok(())
    }

    /// A task by which an agent is asked.
    fn asked(&self, accepted: &Accepted) -> Verdict {
        let of = accepted.parent.as_ref().map(|parent| parent.task).unwrap_or_default();
        let market = self.of.get(&of).ok_or(format!("bid {} is for nothing", accepted.task))?;
        let agent = accepted.terms.only.ok_or("anybody may bid")?;
        if market.asked.contains(&agent) {
            return Ok(());
        }
        Err(format!("{agent} is asked about task {of}, which was not announced to it"))
    }

    fn granted(&mut self, at: Time, before: &State, granted: &Granted) -> Verdict {
        let Some(market) = self.of.get_mut(&granted.task) else { return Ok(()) };
        let task = before.task(granted.task).ok_or("a grant of nothing")?;
        let left = left(before, task, at);
        let price = market.bids.get(&granted.agent).map(|bid| bid.price_micros);
        let is_won = granted.why.policy == PolicyKind::Auction && granted.why.fallback.is_none();
        if is_won {
            let price = price.ok_or(format!("{granted:?} has not bid"))?;
            if price > left || at < market.until && !market.is_complete(before, task) {
                return Err(format!(
                    "{granted:?} at {at:?}, left {left}, until {:?}",
                    market.until
                ));
            }
            let another = market.fresh(before, task).find(|agent| *agent != granted.agent);
            if market.failed.contains(&granted.agent)
                && let Some(another) = another
            {
                return Err(format!("{granted:?} had failed it, and {another} has bid"));
            }
        }
        market.tried = true;
        let set_aside = price.filter(|price| *price <= left).unwrap_or(0);
        market.holder = Some((granted.agent, granted.token, set_aside));
        Ok(())
    }

    /// What was promised to whoever is at work is in the purse still.
    fn audit(&self, before: &State, id: TaskId) -> Verdict {
        let Some((agent, _, price)) = self.of.get(&id).and_then(|it| it.holder) else {
            return Ok(());
        };
        let Some((owner, _)) = before.task(id).and_then(|task| purse_of(before, task)) else {
            return Ok(());
        };
        let promised = self.of.iter().filter(|(other, _)| {
            let purse = before.task(**other).and_then(|task| purse_of(before, task));
            purse.is_some_and(|it| it.0 == owner)
        });
        let promised: u64 = promised.filter_map(|(_, it)| it.holder).map(|it| it.2).sum();
        let reserved = before.purses.get(&owner).map_or(0, |it: &Purse| it.reserved(Part::Money));
        if reserved < promised {
            return Err(format!(
                "{agent} was promised {price} for task {id}; {reserved} of {promised} is set aside"
            ));
        }
        Ok(())
    }

    /// The attempt is over. `fault`: under this agent it did not succeed.
    fn attempt_ended(&mut self, before: &State, id: TaskId, fault: bool) -> Verdict {
        self.audit(before, id)?;
        if let Some(market) = self.of.get_mut(&id)
            && let Some((agent, ..)) = market.holder.take()
            && fault
        {
            market.failed.insert(agent);
        }
        Ok(())
    }
}

impl Market {
    /// Whether all tasks by which agents were asked have ended.
    fn is_complete(&self, before: &State, task: &Task) -> bool {
        let asked = before.tasks().filter(|it| it.is_bid);
        let mut mine = asked.filter(|it| it.parent.as_ref().is_some_and(|it| it.task == task.id));
        mine.all(|it| it.terms.only.is_some_and(|agent| !self.asked.contains(&agent)))
    }

    /// Bidders who could have the task, can be paid, and have not failed it.
    fn fresh<'m>(&'m self, before: &'m State, task: &'m Task) -> impl Iterator<Item = AgentId> {
        let left = left(before, task, before.time);
        let bids = self.bids.iter().filter(move |(agent, bid)| {
            bid.price_micros <= left
                && !self.failed.contains(agent)
                && before.may_have(**agent, task)
        });
        bids.map(|(agent, _)| *agent)
    }

    fn may_ask_again(&self, at: Time, before: &State, task: &Task) -> Verdict {
        let stands = self.round > 0 && at < self.stands_until;
        match self.fresh(before, task).next().filter(|_| stands) {
            Some(agent) => Err(format!("task {} is announced, and {agent} has bid", task.id)),
            None if stands && !self.tried => {
                Err(format!("task {} is announced again, and nobody had it", task.id))
            }
            None => Ok(()),
        }
    }
}

/// Whether an agent may be asked about a task.
fn may_bid(state: &State, agent: AgentId, task: &Task) -> Verdict {
    let spec = state.agent(agent).filter(|it| it.presence == Presence::Active);
    let bids = spec.is_some_and(|it| it.spec.serves.iter().any(|it| &*it.capability == "bid"));
    if bids && state.may_have(agent, task) {
        return Ok(());
    }
    Err(format!("{agent} is asked about task {}, which it may not have", task.id))
}

/// What a task may pay, out of its purse and under the ceilings of the day, if there are any.
fn left(state: &State, task: &Task, at: Time) -> u64 {
    let purse = purse_of(state, task).map_or(u64::MAX, |(_, left)| left);
    let Some(policies) = state.policies.get(&task.terms.team) else { return purse };
    let (ceilings, tenant) = (&policies.ceilings, &task.terms.tenant);
    let today = Ledger::day_of(state.wall_ms(at));
    let part = Part::Money;
    let of = |who, most: Option<u64>| {
        most.map_or(u64::MAX, |most| most.saturating_sub(state.ledger.taken(today, who, part)))
    };
    let all = of(None, ceilings.day.of(part));
    purse.min(all).min(of(Some(tenant), ceilings.of_tenant(tenant, part)))
}

/// The nearest purse that limits what a task may pay, and what it has left. A purse outlives the
/// task that brought it, as long as there is work below.
fn purse_of(state: &State, task: &Task) -> Option<(TaskId, u64)> {
    let mut id = task.purse;
    while let Some(purse) = state.purses.get(&id) {
        if purse.owns(Part::Money) {
            return Some((id, purse.left(Part::Money)));
        }
        id = purse.above?;
    }
    // Nothing was taken out of it yet.
    let budget = state.task(id)?.budget.as_ref();
    budget.and_then(|it| it.part(Part::Money)).map(|money| (id, money))
}

impl Check for Markets {
    fn name(&self) -> &'static str {
        "the_market_keeps_its_word"
    }

    fn entry(&mut self, seen: &Recorded<'_>) -> Verdict {
        let (at, before) = (seen.entry.at, seen.before);
        match &seen.entry.event {
            Event::Routing { task, step } => self.routed(at, before, *task, step),
            Event::TaskAccepted(accepted) if accepted.is_bid => self.asked(accepted),
            Event::LeaseGranted(granted) => self.granted(at, before, granted),
            Event::Spent { task, token, cost, .. } => {
                self.audit(before, *task)?;
                let holder = self.of.get_mut(task).and_then(|it| it.holder.as_mut());
                if let Some((.., left)) = holder.filter(|it| it.1 == *token) {
                    *left = left.saturating_sub(cost.money_micros);
                }
                Ok(())
            }
            Event::AttemptFailed { task, .. } => self.attempt_ended(before, *task, true),
            Event::AttemptLost { task, cause, .. } => {
                let fault = match cause {
                    Loss::RuntimeEnded | Loss::Preempted { .. } => false,
                    Loss::HandedBack => !before.draining,
                    Loss::AgentLeft | Loss::AgentRestarted => true,
                };
                self.attempt_ended(before, *task, fault)
            }
            Event::TaskCompleted { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. }
            | Event::TaskDied { task, .. } => {
                self.attempt_ended(before, *task, false)?;
                self.of.remove(task);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
