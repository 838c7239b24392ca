//! A market goes on: who was asked, what they said, and what is set aside for the winner.

use crate::market::{Auction, Bidder, Escrow, NoBid, Said};
use crate::mutant::{Mutant, planted};
use crate::rule::auction::{Bid, Proof};
use crate::{
    AgentId, AttemptId, Cost, Granted, Outcome, Part, Routing, State, Status, Task, TaskId, Text,
    Time, Token,
};
use std::collections::BTreeMap;

impl State {
    /// A round begins. Who failed the task in an earlier one stays known.
    pub(super) fn announced(&mut self, id: TaskId, step: &Routing) {
        let Routing::Announced { round, until, stands_until, bidders } = step else { return };
        let ask = |agent: &AgentId| Bidder { agent: *agent, task: None, said: None };
        let before = self.facts.auctions.remove(&id);
        let auction = Auction {
            round: *round,
            until: *until,
            stands_until: *stands_until,
            bidders: bidders.iter().map(ask).collect(),
            tried: false,
            failed: before.map(|it| it.failed).unwrap_or_default(),
            escrow: None,
        };
        self.facts.auctions.insert(id, auction);
        let ready_at = *until;
        self.change(id, |task| task.status = Status::Queued { ready_at });
    }

    /// An agent is asked by this task.
    pub(super) fn bid_asked(&mut self, of: TaskId, task: &Task) {
        let auction = self.facts.auctions.get_mut(&of);
        let agent = task.terms.only;
        if let Some(bidder) = auction.zip(agent).and_then(|(it, agent)| it.bidder_mut(agent)) {
            bidder.task = Some(task.id);
        }
    }

    /// It offers something, or wants nothing of it.
    pub(super) fn bid_heard(&mut self, of: TaskId, agent: AgentId, bid: Option<Bid>) {
        let said = bid.map_or(Said::None(NoBid::Declined), Said::Bid);
        if let Some(bidder) = self.facts.auctions.get_mut(&of).and_then(|it| it.bidder_mut(agent)) {
            bidder.said = Some(said);
            self.close_if_complete(of);
        }
    }

    /// The task by which it was asked has ended. Without a bid, there is none.
    pub(super) fn bid_ended(&mut self, at: Time, of: TaskId, task: TaskId, outcome: &Outcome) {
        let Some(auction) = self.facts.auctions.get_mut(&of) else { return };
        let Some(agent) = auction.waits_for(task) else { return };
        let is_open = at < auction.until;
        if let Some(bidder) = auction.bidder_mut(agent) {
            bidder.said = Some(Said::None(NoBid::of(outcome)));
        }
        if is_open {
            self.close_if_complete(of);
        }
    }

    /// When everybody has said something there is nothing left to wait for.
    fn close_if_complete(&mut self, id: TaskId) {
        let complete = self.facts.auctions.get(&id).is_some_and(Auction::is_complete);
        let waits = |task: &Task| matches!(task.status, Status::Queued { .. });
        if complete && self.task(id).is_some_and(waits) {
            self.change(id, |task| task.status = Status::Queued { ready_at: Time(0) });
        }
    }

    /// Somebody has the task. If it has bid for it, its price is set aside.
    pub(super) fn set_aside(&mut self, granted: &Granted) {
        let Some(auction) = self.facts.auctions.get(&granted.task) else { return };
        let bid = auction.bid_of(granted.agent);
        let Some(task) = self.task(granted.task) else { return };
        let (purse, tenant, left) =
            (task.purse, task.terms.tenant.clone(), self.money_left(task, self.facts.time));
        let price = bid.map(|it| it.price_micros).filter(|price| *price <= left);
        if let Some(auction) = self.facts.auctions.get_mut(&granted.task) {
            auction.tried = true;
            let token = granted.token;
            let escrow = |price_micros| Escrow { token, price_micros, spent_micros: 0 };
            auction.escrow = price.map(escrow);
        }
        let price = price.filter(|price| *price > 0 && !planted(Mutant::PriceNotSetAside));
        let Some(price) = price else { return };
        self.facts.ledger.reserve(&tenant, price, self.limits.tenants_max);
        if let Some(owner) = self.owner_of(purse, Part::Money)
            && let Some(purse) = self.purse_mut(owner)
        {
            purse.reserve(Part::Money, price);
        }
    }

    /// What the winner spends comes out of its price first.
    pub(super) fn spend_of_price(&mut self, id: TaskId, token: Token, money_micros: u64) {
        if self.facts.auctions.is_empty() {
            return; // So it mostly is.
        }
        let auction = self.facts.auctions.get_mut(&id);
        let escrow = auction.and_then(|it| it.escrow.as_mut()).filter(|it| it.token == token);
        let Some(escrow) = escrow else { return };
        let covered = escrow.left().min(money_micros);
        escrow.spent_micros = escrow.spent_micros.saturating_add(money_micros);
        self.take_back(id, covered);
    }

    /// The attempt is over: what is left of its price is paid, or comes back.
    pub(super) fn settle_price(&mut self, id: TaskId, is_paid: bool) {
        if self.facts.auctions.is_empty() {
            return;
        }
        let Some(auction) = self.facts.auctions.get_mut(&id) else { return };
        let Some(escrow) = auction.escrow.take() else { return };
        self.take_back(id, escrow.left());
        let paid = Cost { money_micros: escrow.left(), ..Cost::default() };
        if is_paid
            && let Some((purse, terms)) = self.task(id).map(|it| (it.purse, it.terms.clone()))
        {
            self.debit(purse, Part::Money, paid.money_micros);
            self.count_spent(Some(&terms), &paid);
        }
    }

    /// Whether this attempt spends of its own price, whatever else is left.
    pub(crate) fn is_covered(&self, by: AttemptId) -> bool {
        let escrow = self.auctions.get(&by.task).and_then(|it| it.escrow);
        escrow.is_some_and(|it| it.token == by.token && it.left() > 0)
    }

    fn take_back(&mut self, id: TaskId, money_micros: u64) {
        let Some(task) = self.task(id) else { return };
        let (purse, tenant) = (task.purse, task.terms.tenant.clone());
        self.facts.ledger.release(&tenant, money_micros);
        if let Some(owner) = self.owner_of(purse, Part::Money)
            && let Some(purse) = self.facts.purses.get_mut(&owner)
        {
            purse.release(Part::Money, money_micros);
        }
    }

    /// The attempt did not succeed under this agent: others who have bid go first from now on.
    pub(super) fn bidder_failed(&mut self, id: TaskId, agent: AgentId) {
        if let Some(auction) = self.facts.auctions.get_mut(&id) {
            auction.failed.insert(agent);
        }
    }

    /// What an agent has shown at work that was on a market, whether it got it by a bid or not.
    pub(super) fn proof_mut(&mut self, id: TaskId, agent: AgentId) -> Option<&mut Proof> {
        if !self.facts.auctions.contains_key(&id) {
            return None;
        }
        let capability = self.task(id)?.terms.capability.clone();
        let proofs: &mut BTreeMap<(AgentId, Text), Proof> = &mut self.facts.proofs;
        Some(proofs.entry((agent, capability)).or_default())
    }

    /// A task ends, and its market with it: who is still asked for a bid has nobody to answer to.
    pub(super) fn close_market(&mut self, id: TaskId) {
        let Some(auction) = self.facts.auctions.remove(&id) else { return };
        for task in auction.bidders.iter().filter_map(|it| it.task) {
            if self.task(task).is_some() && !planted(Mutant::OrphansForgotten) {
                self.index.orphans.insert(task);
            }
        }
    }
}
