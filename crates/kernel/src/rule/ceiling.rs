//! Ceilings: what may be spent in a day, by a team and by each tenant.
//!
//! A purse bounds one run; a ceiling bounds all runs together. It is held against the
//! [`crate::Ledger`], which counts for the whole journal, so runs that are under way at once, or
//! one after the other, share it. Reaching it stops spending, not work: what costs nothing goes on,
//! also new runs, and whoever wants to spend is refused until the day is over.

use crate::Text;
use crate::rule::budget::Part;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most that may be spent in a day; `None` is any amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ceiling {
    /// Millionths of a dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money_micros: Option<u64>,
    /// Model tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Calls of models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
}

impl Ceiling {
    /// Whether it bounds nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Ceiling::default()
    }

    /// What it says of one part.
    #[must_use]
    pub fn of(&self, part: Part) -> Option<u64> {
        match part {
            Part::Money => self.money_micros,
            Part::Tokens => self.tokens,
            Part::Calls => self.calls,
            Part::Work | Part::Tasks => None,
        }
    }
}

/// What may be spent in a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ceilings {
    /// By everybody together.
    #[serde(skip_serializing_if = "Ceiling::is_none")]
    pub day: Ceiling,
    /// By each tenant of whom nothing else is said. Work without a tenant is that of one more.
    #[serde(skip_serializing_if = "Ceiling::is_none")]
    pub tenant_day: Ceiling,
    /// By these tenants; of a part that is not said here, `tenant_day` holds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<Text, Ceiling>,
}

impl Ceilings {
    /// Whether they bound nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Ceilings::default()
    }

    /// The ceiling of a tenant for a part.
    #[must_use]
    pub fn of_tenant(&self, tenant: &Text, part: Part) -> Option<u64> {
        let own = self.tenants.get(tenant).and_then(|it| it.of(part));
        own.or_else(|| self.tenant_day.of(part))
    }

    /// Whether a tenant's ceiling for a part is said of this tenant, and not of each.
    #[must_use]
    pub fn is_own(&self, tenant: &Text, part: Part) -> bool {
        self.tenants.get(tenant).is_some_and(|it| it.of(part).is_some())
    }
}

/// A ceiling that leaves nothing today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Whose: the tenant's, or everybody's.
    pub tenant: Option<Text>,
    /// It is said of this tenant, and not of each.
    pub is_own: bool,
    /// Of what.
    pub part: Part,
    /// What is spent or set aside.
    pub taken: u64,
    /// The ceiling.
    pub max: u64,
}

impl Reached {
    /// Whether whoever has just spent something may not go on. The last of so many calls is one
    /// that may be made; of money and tokens nobody knows before whether the last one fits.
    pub(crate) fn is_overstepped(&self) -> bool {
        match self.part {
            Part::Calls => self.taken > self.max,
            Part::Money | Part::Tokens | Part::Work | Part::Tasks => self.taken >= self.max,
        }
    }
}
