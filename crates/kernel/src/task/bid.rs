//! Agents are asked what they would do a task for, and say so.

use super::settle;
use super::submit::accept_bid;
use crate::kernel::Draft;
use crate::market::{BID, step_key};
use crate::mutant::{Mutant, planted};
use crate::rule::auction::Bid;
use crate::{
    AgentId, Answer, AttemptId, Event, Failure, FailureKind, Parent, Payload, Refusal, RetryPolicy,
    Routing, Submit, TaskId, Terms,
};

/// Announces a task: each bidder gets a task of its own, with the same input, that ends when bids
/// are no longer heard. It is tried once; an agent that fails at it makes no bid.
pub(crate) fn announce(draft: &mut Draft<'_>, id: TaskId, agents: Vec<AgentId>, bids_ms: u64) {
    let Some(task) = draft.task(id) else { return };
    let (terms, input) = (task.terms.clone(), task.input.clone());
    let round = draft.auctions.get(&id).map_or(0, |it| it.round) + 1;
    let until = draft.now.after(bids_ms);
    let stands_until = until.after(draft.limits.bids_stand_ms);
    let names = agents.iter().filter_map(|it| Some((*it, draft.agent(*it)?.spec.name.clone())));
    let names: Vec<_> = names.collect();
    let step = Routing::Announced { round, until, stands_until, bidders: agents };
    draft.record(Event::Routing { task: id, step });
    for (agent, name) in names {
        let terms = Terms {
            team: terms.team.clone(),
            tenant: terms.tenant.clone(),
            class: terms.class,
            may: terms.may.clone(),
            retry: RetryPolicy { attempts_max: 1, ..RetryPolicy::default() },
            only: Some(agent),
            ..Terms::new(BID)
        };
        let parent = Parent { task: id, step: step_key(round, &name) };
        let deadline_ms = (!planted(Mutant::LateBidTaken)).then_some(bids_ms);
        let submit = Submit { deadline_ms, ..Submit::new(terms, input.clone()) };
        accept_bid(draft, submit, parent);
    }
}

/// A bid is heard once and in time, by whoever was asked for it; nothing is a bid, too. Of a task
/// that is none the output counts.
pub(crate) fn bids(
    draft: &mut Draft<'_>,
    by: AttemptId,
    bid: Option<Bid>,
    output: Payload,
) -> Result<Answer, Refusal> {
    let task = draft.task(by.task).ok_or(Refusal::UnknownTask(by.task))?;
    let max = draft.limits.bid_max_bytes;
    if task.is_bid && output.len > max {
        let message = format!("the bid has {} bytes, more than the {max} allowed", output.len);
        return settle::failed(draft, by, Failure::new(FailureKind::Limit, message));
    }
    let parent = task.parent.as_ref().filter(|_| task.is_bid).map(|it| it.task);
    if let Some(of) = parent
        && let Some(auction) = draft.auctions.get(&of)
        && let Some(agent) = auction.waits_for(by.task)
        && (draft.now < auction.until || planted(Mutant::LateBidTaken))
    {
        draft.record(Event::Routing { task: of, step: Routing::Bid { agent, bid } });
    }
    settle::done(draft, by, output)
}
