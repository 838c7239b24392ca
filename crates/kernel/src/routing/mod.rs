//! Which agent gets the next task. One policy a file; [`Policy`] is the registry.
//!
//! A policy is asked about the task at the head of a queue, and only when somebody could do it now.
//! It names an agent, or says what must happen first: until then the task waits apart, so nobody
//! waits behind it. How much an agent is preferred comes before every policy but the market.

mod auction;
mod best_record;
pub(crate) mod decision;
pub(crate) mod external;
pub(crate) mod least_loaded;
mod power_of_two;
mod step;
pub(crate) mod sticky;

use crate::index::{Able, Index};
use crate::rule::backoff;
use crate::state::Facts;
use crate::{AgentId, Event, State, Task, Time};
pub use decision::{
    Candidate, Decision, Dismissed, Fallback, PassedOver, PolicyKind, Reason, Unadvisable,
};
use serde::{Deserialize, Serialize};
pub use step::Routing;

/// How an agent is chosen among those that could do the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The lowest load; the plain and fast one.
    #[default]
    LeastLoaded,
    /// The less loaded of two that are drawn.
    PowerOfTwo,
    /// The best record, with a share of the grants for whoever is little known.
    BestRecord {
        /// That share, in hundredths.
        explore_percent: u32,
    },
    /// The same agent for the same affinity key.
    Sticky {
        /// How long a task waits for it when it is busy, milliseconds.
        wait_ms: u64,
    },
    /// Whoever an adviser names.
    External {
        /// How long it is waited for, milliseconds.
        wait_ms: u64,
    },
    /// Whoever offers most for the least: agents that serve `bid` are asked.
    Auction {
        /// How long bids are waited for, milliseconds.
        bids_ms: u64,
        /// How many are asked at most.
        #[serde(default = "bidders_max")]
        bidders_max: u32,
        /// How much the price counts, in hundredths; the rest is for the time.
        #[serde(default = "price_percent")]
        price_percent: u32,
    },
}

/// As many as are recorded with the choice.
fn bidders_max() -> u32 {
    Decision::CANDIDATES_MAX as u32
}

/// Price and time alike.
fn price_percent() -> u32 {
    50
}

/// What a policy says.
pub(crate) enum Route {
    /// It gets the task.
    To(AgentId, Decision),
    /// Nobody yet: this takes the task out of its queue until it is known who.
    Later(Event),
    /// Nobody yet: these are asked for bids first.
    Announce { bidders: Vec<AgentId>, bids_ms: u64 },
}

impl Policy {
    /// Capabilities that routing itself asks for are routed plainly, or it would never end.
    fn is_plain(capability: &str) -> bool {
        capability == crate::market::BID || external::is_advising(capability)
    }

    /// Its name, without its options.
    #[must_use]
    pub fn kind(self) -> PolicyKind {
        match self {
            Policy::LeastLoaded => PolicyKind::LeastLoaded,
            Policy::PowerOfTwo => PolicyKind::PowerOfTwo,
            Policy::BestRecord { .. } => PolicyKind::BestRecord,
            Policy::Sticky { .. } => PolicyKind::Sticky,
            Policy::External { .. } => PolicyKind::External,
            Policy::Auction { .. } => PolicyKind::Auction,
        }
    }

    pub(crate) fn is_least_loaded(&self) -> bool {
        *self == Policy::LeastLoaded
    }

    /// How long it may put a task off, milliseconds.
    pub(crate) fn wait_ms(self) -> Option<u64> {
        match self {
            Policy::LeastLoaded | Policy::PowerOfTwo | Policy::BestRecord { .. } => None,
            Policy::Sticky { wait_ms } | Policy::External { wait_ms } => Some(wait_ms),
            Policy::Auction { bids_ms, .. } => Some(bids_ms),
        }
    }

    /// How many agents it asks for bids.
    pub(crate) fn bidders_max(self) -> u32 {
        match self {
            Policy::Auction { bidders_max, .. } => bidders_max,
            Policy::LeastLoaded
            | Policy::PowerOfTwo
            | Policy::BestRecord { .. }
            | Policy::Sticky { .. }
            | Policy::External { .. } => 0,
        }
    }
}

/// Asks the policy of a task's shape. `None`: there is nobody.
pub(crate) fn route(state: &State, now: Time, task: &Task) -> Option<Route> {
    let shape = &state.index.shapes[task.shape.0 as usize];
    if let Some(agent) = shape.key.only {
        return Some(addressed(state, task, agent, shape.policy));
    }
    let (index, shun, wish) = (&state.index, task.failed_under(), task.terms.wish.as_deref());
    let plain = || least_loaded::pick(index, task.shape, shun, wish);
    let (agent, decision) = match shape.policy {
        Policy::LeastLoaded => plain()?,
        Policy::PowerOfTwo => power_of_two::pick(state, task, draw(state), plain()?),
        Policy::BestRecord { explore_percent } => {
            best_record::pick(state, task, explore_percent, draw(state), plain()?)
        }
        Policy::Sticky { wait_ms } => return sticky::route(state, now, task, wait_ms, plain()?),
        Policy::External { wait_ms } => {
            return Some(external::route(state, now, task, wait_ms, plain()?));
        }
        Policy::Auction { bids_ms, bidders_max, price_percent } => {
            let rules = auction::Rules { bids_ms, bidders_max, price_percent };
            return Some(auction::route(state, now, task, rules, plain()?));
        }
    };
    Some(Route::To(agent, decision))
}

/// Nobody else may have it.
fn addressed(state: &State, task: &Task, agent: AgentId, policy: Policy) -> Route {
    if task.terms.only.is_some() {
        let (policy, reason) = (PolicyKind::Addressed, Reason::Addressed);
        return Route::To(agent, Decision { policy, reason, ..Decision::default() });
    }
    match policy {
        Policy::Auction { price_percent, .. } => auction::kept(state, task, agent, price_percent),
        Policy::LeastLoaded
        | Policy::PowerOfTwo
        | Policy::BestRecord { .. }
        | Policy::Sticky { .. }
        | Policy::External { .. } => Route::To(agent, sticky::kept(state, task)),
    }
}

/// A number that differs from grant to grant and is the same in every replay.
fn draw(state: &State) -> u64 {
    backoff::draw(state.seed ^ state.token.0.rotate_left(32)).0
}

/// The best of the free agents that may have a task by wish and preference; whoever failed it last
/// is left out if there is another.
fn preferred(state: &State, task: &Task, turn: u64) -> Vec<Able> {
    let (shun, wish) = (task.failed_under(), task.terms.wish.as_deref());
    let mut able = state.index.candidates(task.shape, wish, turn);
    if able.iter().any(|it| Some(it.free.agent) != shun) {
        able.retain(|it| Some(it.free.agent) != shun);
    }
    let highest = able.iter().map(|it| (it.wished, it.prefer)).max();
    able.retain(|it| Some((it.wished, it.prefer)) == highest);
    able
}

impl Candidate {
    fn of(able: &Able, score: Option<u64>) -> Candidate {
        let Able { wished, prefer, free } = *able;
        let (agent, load) = (free.agent, free.load);
        Candidate { agent, prefer, load, wished, score, offer: None }
    }
}

impl Index {
    /// Which policy holds for a shape.
    pub(crate) fn policy_of(&self, key: &crate::index::ShapeKey) -> Policy {
        let plain = Policy::is_plain(&key.capability);
        let set = self.routing.get(&(key.team.clone(), key.capability.clone()));
        set.copied().filter(|_| !plain).unwrap_or_default()
    }

    /// The policies of teams are these now.
    pub(crate) fn set_routing(&mut self, facts: &Facts) {
        let all = facts.policies.iter().flat_map(|(team, policies)| {
            policies.capabilities.iter().map(move |it| ((team.clone(), it.0.clone()), it.1.routing))
        });
        self.routing = all.filter(|(_, policy)| !policy.is_least_loaded()).collect();
        for at in 0..self.shapes.len() {
            self.shapes[at].policy = self.policy_of(&self.shapes[at].key);
        }
    }
}
