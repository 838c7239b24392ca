//! Agents that bid for work by a function: `AgentEntry::native("fast", 2, work).bidding(offer)`.

use super::{AgentEntry, Context, Failure};
use crate::bid::{BID, Bid, Offered};
use crate::canonical;
use crate::port::{Agent, BoxFuture};
use kernel::Serves;
use serde_json::Value;
use std::sync::Arc;

/// An agent with a function that bids for it.
struct Bidding<F> {
    works: Arc<dyn Agent>,
    offers: Arc<F>,
}

impl<F> Agent for Bidding<F>
where
    F: Fn(&Offered) -> Option<Bid> + Send + Sync + 'static,
{
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        if cx.capability() != BID {
            return self.works.run(cx);
        }
        let offers = self.offers.clone();
        Box::pin(async move {
            let offered = canonical::from_bytes(cx.input_bytes())?;
            serde_json::to_value(offers(&offered))
                .map_err(|why| Failure::error(format!("the bid cannot be written as JSON: {why}")))
        })
    }

    fn inner(&self) -> Option<&dyn Agent> {
        Some(&*self.works)
    }
}

impl AgentEntry {
    /// The same agent, which bids where the policy is [`kernel::Policy::Auction`]: `offers` says
    /// what it would do a task for, or that it does not want it. A bid is work as well: it takes a
    /// slot for as long as the function takes.
    #[must_use]
    pub fn bidding<F>(mut self, offers: F) -> AgentEntry
    where
        F: Fn(&Offered) -> Option<Bid> + Send + Sync + 'static,
    {
        self.spec.serves.push(Serves { capability: BID.into(), version: 1 });
        self.agent = Arc::new(Bidding { works: self.agent, offers: Arc::new(offers) });
        self
    }
}
