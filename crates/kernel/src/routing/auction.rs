//! Whoever offers most for the least, judged by its record rather than by its word.
//!
//! The task is announced to the agents that could have it and serve `bid`; each is asked by a task
//! of its own, so any kind of agent can bid, and none sees what another says. What was said in time
//! is judged by [`crate::rule::auction`]. The bids hold for a while: when the winner fails, the
//! next one has the task without anybody being asked again. Preference does not count here; what
//! the task wishes does. Where there is no bid to take, the lowest load decides.

use super::decision::{Candidate, Decision, Fallback, PassedOver, PolicyKind, Reason};
use super::{Route, draw};
use crate::market::{Auction, BID, Bidder, NoBid, Offer, Said};
use crate::mutant::{Mutant, planted};
use crate::rule::auction::{Bid, expected, points};
use crate::rule::rendezvous::weight;
use crate::state::Deliberation;
use crate::{Agent, AgentId, Event, Part, Routing, State, Task, Time};
use std::cmp::Reverse;

/// What a team says of a capability's market.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) bids_ms: u64,
    pub(super) bidders_max: u32,
    pub(super) price_percent: u32,
}

/// A bid with what it is worth, and why it cannot be taken.
struct Ranked {
    candidate: Candidate,
    has_failed: bool,
    why_not: Option<NoBid>,
}

impl Ranked {
    fn agent(&self) -> AgentId {
        self.candidate.agent
    }

    /// Whether it can be taken, now or soon.
    fn is_sound(&self) -> bool {
        match self.why_not {
            None | Some(NoBid::Busy) => true,
            Some(
                NoBid::Late
                | NoBid::Declined
                | NoBid::Malformed
                | NoBid::Failed
                | NoBid::OverBudget
                | NoBid::HadIt
                | NoBid::Unfit,
            ) => false,
        }
    }
}

/// Announces first, then takes the best bid. `plain` is what the lowest load would give, with the
/// counts of whoever is out of the question.
pub(super) fn route(
    state: &State,
    now: Time,
    task: &Task,
    rules: Rules,
    plain: (AgentId, Decision),
) -> Route {
    let (agent, decision) = plain;
    let fallback = |why, decision: Decision| {
        let (policy, fallback) = (PolicyKind::Auction, Some(why));
        Route::To(agent, Decision { policy, fallback, ..decision })
    };
    if let Some(auction) = state.auctions.get(&task.id).filter(|it| now < it.stands_until) {
        let ranked = rank(state, task, auction, rules.price_percent);
        let is_exhausted = auction.tried && !auction.has_fresh();
        if !is_exhausted && ranked.iter().any(Ranked::is_sound) {
            return match choose(state, task, &ranked) {
                Some((agent, true)) => {
                    Route::To(agent, told(auction, &ranked, Some(agent), decision))
                }
                Some((agent, false)) => {
                    let step = Routing::Held { agent, until: now.after(rules.bids_ms) };
                    Route::Later(Event::Routing { task: task.id, step })
                }
                None => fallback(Fallback::BiddersBusy, told(auction, &ranked, None, decision)),
            };
        }
        if !auction.tried {
            return fallback(Fallback::NoBids, told(auction, &ranked, None, decision));
        }
    }
    let bidders = bidders(state, task, rules.bidders_max);
    if bidders.is_empty() {
        return fallback(Fallback::NoBidders, decision);
    }
    let room = room_for_bids(state, task).min(bidders.len() as u64);
    if room == 0 {
        return fallback(Fallback::NoRoomForBids, decision);
    }
    let bidders = bidders.into_iter().take(room as usize).collect();
    Route::Announce { bidders, bids_ms: rules.bids_ms }
}

/// The same for a task that waited for one bidder, which has the room now.
pub(super) fn kept(state: &State, task: &Task, agent: AgentId, price_percent: u32) -> Route {
    let auction = state.auctions.get(&task.id);
    let ranked = auction.map_or_else(Vec::new, |it| rank(state, task, it, price_percent));
    match auction {
        Some(auction) if ranked.iter().any(|it| it.agent() == agent && it.is_sound()) => {
            Route::To(agent, told(auction, &ranked, Some(agent), Decision::default()))
        }
        // Its bid cannot be taken any more: the others are looked at.
        Some(_) | None => Route::Later(Event::Routing { task: task.id, step: Routing::HoldEnded }),
    }
}

/// Whose bid is taken, and whether it has the room now. Whoever is only busy bidding for something
/// else is soon free, and waited for; nobody is waited for twice.
fn choose(state: &State, task: &Task, ranked: &[Ranked]) -> Option<(AgentId, bool)> {
    let is_free = |it: &Ranked| state.index.is_free_for(it.agent(), task.shape);
    let held = state.deliberations.get(&task.id);
    let sound = || ranked.iter().filter(|it| it.is_sound());
    if matches!(held, Some(Deliberation::Held { over: true, .. })) {
        return sound().find(|it| is_free(it)).map(|it| (it.agent(), true));
    }
    let best = sound().find(|it| it.why_not.is_none()).or_else(|| sound().next())?;
    Some((best.agent(), is_free(best)))
}

/// The bids, best first.
fn rank(state: &State, task: &Task, auction: &Auction, price_percent: u32) -> Vec<Ranked> {
    let left = state.money_left(task, state.time);
    let has_fresh = auction.has_fresh();
    let why_not = |agent: AgentId, bid: &Bid| {
        if has_fresh && auction.has_failed(agent) {
            Some(NoBid::HadIt)
        } else if bid.price_micros > left && !planted(Mutant::BidOverBudgetTaken) {
            Some(NoBid::OverBudget)
        } else if !state.index.may_have(agent, task.shape) {
            Some(NoBid::Unfit)
        } else {
            (!state.index.has_room_but_for_bids(agent, task.shape)).then_some(NoBid::Busy)
        }
    };
    let ranked = auction.bidders.iter().filter_map(|it| {
        let bid = it.bid()?;
        Some(Ranked {
            candidate: candidate(state, task, it.agent, bid)?,
            has_failed: auction.has_failed(it.agent),
            why_not: why_not(it.agent, &bid),
        })
    });
    let mut ranked: Vec<Ranked> = ranked.collect();
    let offers = || ranked.iter().filter(|it| it.is_sound()).filter_map(|it| it.candidate.offer);
    let price = offers().map(|it| it.bid.price_micros).min().unwrap_or(u64::MAX);
    let time = offers().map(|it| it.expected.time_ms).min().unwrap_or(u64::MAX);
    for it in &mut ranked {
        it.candidate.score = it.candidate.offer.map(|offer| {
            points(offer.bid.price_micros, offer.expected, (price, time), price_percent)
        });
    }
    ranked.sort_by_key(|it| {
        let Candidate { wished, score, agent, .. } = it.candidate;
        (!it.is_sound(), it.has_failed, !wished, Reverse(score), agent)
    });
    ranked
}

/// A bidder, and what is made of its bid.
fn candidate(state: &State, task: &Task, agent: AgentId, bid: Bid) -> Option<Candidate> {
    let spec = &state.agent(agent)?.spec;
    let proof = state.proofs.get(&(agent, task.terms.capability.clone()));
    let proof = proof.copied().unwrap_or_default();
    let load = u64::from(state.slots_used(agent)) * 1024 / u64::from(spec.slots.max(1));
    let wish = task.terms.wish.as_deref();
    Some(Candidate {
        agent,
        prefer: spec.prefer,
        load: u32::try_from(load).unwrap_or(u32::MAX),
        wished: wish.is_some_and(|wish| wish.is_met_by(&spec.labels)),
        score: None,
        offer: Some(Offer {
            bid,
            expected: expected(&bid, &proof),
            results: proof.results,
            shown_ms: proof.record.work_ms(),
        }),
    })
}

/// The whole auction as it is recorded with the choice.
fn told(
    auction: &Auction,
    ranked: &[Ranked],
    winner: Option<AgentId>,
    decision: Decision,
) -> Decision {
    let silent = |it: &Bidder| match it.said {
        Some(Said::Bid(_)) => None,
        Some(Said::None(why)) => Some(PassedOver { agent: it.agent, why }),
        None => Some(PassedOver { agent: it.agent, why: NoBid::Late }),
    };
    let refused = ranked.iter().filter_map(|it| {
        let why = it.why_not.filter(|_| winner != Some(it.agent()))?;
        Some(PassedOver { agent: it.agent(), why })
    });
    let passed_over = refused.chain(auction.bidders.iter().filter_map(silent));
    let mut candidates: Vec<Candidate> = ranked.iter().map(|it| it.candidate).collect();
    if let Some(at) = candidates.iter().position(|it| Some(it.agent) == winner)
        && at >= Decision::CANDIDATES_MAX
    {
        candidates.swap(at, Decision::CANDIDATES_MAX - 1);
    }
    candidates.truncate(Decision::CANDIDATES_MAX);
    Decision {
        policy: PolicyKind::Auction,
        reason: if winner.is_some() { Reason::BestBid } else { decision.reason },
        // Where the lowest load decides, it is told among whom.
        candidates: if winner.is_some() { candidates } else { decision.candidates },
        round: auction.round,
        passed_over: passed_over.take(Decision::CANDIDATES_MAX).collect(),
        ..decision
    }
}

/// Whom to ask: those that could have the task as soon as they are done bidding for others. Where
/// there are more than may be asked, those that the task wishes go first, then lots are drawn;
/// whoever has failed it already goes last.
fn bidders(state: &State, task: &Task, max: u32) -> Vec<AgentId> {
    let (index, wish) = (&state.index, task.terms.wish.as_deref());
    let before = state.auctions.get(&task.id);
    let turn = draw(state) ^ task.id.0;
    let could = |agent: AgentId| {
        let bids = |it: &Agent| it.spec.serves.iter().any(|it| &*it.capability == BID);
        state.agent(agent).is_some_and(bids)
            && !index.is_barred(agent, BID)
            && index.has_room_but_for_bids(agent, task.shape)
    };
    let eligible = index.eligible(task.shape, wish).filter(|it| could(it.2));
    let mut able: Vec<(bool, i32, AgentId)> = eligible.collect();
    able.sort_by_cached_key(|(wished, _, agent)| {
        (before.is_some_and(|it| it.has_failed(*agent)), !wished, weight(turn, *agent))
    });
    able.into_iter().map(|it| it.2).take(max as usize).collect()
}

/// How many may be asked: each is one more of the tasks of this run, and at most half of those that
/// are left go into asking. Nobody is asked about work for a bid, or it would never end, nor while
/// those who were asked in the round before are at it still.
fn room_for_bids(state: &State, task: &Task) -> u64 {
    let limits = &state.limits;
    let before = state.auctions.get(&task.id);
    let is_asked = |it: &Bidder| it.task.is_some_and(|task| state.task(task).is_some());
    let is_full = state.open() as u64 >= limits.queue_max
        || state.payload_bytes() >= limits.payload_max_bytes
        || task.depth >= limits.depth_max
        || before.is_some_and(|it| it.bidders.iter().any(is_asked));
    if is_full || state.upwards(task).any(|it| it.is_bid) {
        return 0;
    }
    state.left(task.purse, Part::Tasks) / 2
}
