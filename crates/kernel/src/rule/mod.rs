//! Pure maths, one idea a file. Nothing here knows tasks or agents.

pub(crate) mod auction;
pub(crate) mod backoff;
pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod ceiling;
pub(crate) mod fair_queue;
pub(crate) mod fence;
pub(crate) mod intensity;
pub(crate) mod ledger;
pub(crate) mod record;
pub(crate) mod rendezvous;
pub(crate) mod retry_budget;
