//! `[ceilings]` of a team file: what may be spent in a day.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::Money;

/// What may be spent in a day of UTC by everything in this data directory together. Who reaches it
/// spends nothing more until the next day; what costs nothing goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ceilings {
    /// By everybody together.
    #[serde(skip_serializing_if = "Amount::is_any")]
    pub day: Amount,
    /// By each tenant. Work without a tenant is that of one more.
    #[serde(skip_serializing_if = "Amount::is_any")]
    pub tenant_day: Amount,
    /// By single tenants, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, OfTenant>,
}

/// What one tenant may spend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OfTenant {
    /// In a day; `tenant_day` holds for what is not said.
    #[serde(skip_serializing_if = "Amount::is_any")]
    pub day: Amount,
}

/// So much and no more; any amount of what is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Amount {
    /// Money, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money_usd: Option<Money>,
    /// Tokens read and written by language models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Calls of language models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
}

impl Ceilings {
    pub(crate) fn is_none(&self) -> bool {
        *self == Ceilings::default()
    }

    /// As the kernel is told.
    pub(crate) fn told(&self) -> kernel::Ceilings {
        let tenants = self.tenants.iter();
        kernel::Ceilings {
            day: self.day.told(),
            tenant_day: self.tenant_day.told(),
            tenants: tenants.map(|(name, it)| (name.as_str().into(), it.day.told())).collect(),
        }
    }
}

impl Amount {
    fn is_any(&self) -> bool {
        *self == Amount::default()
    }

    fn told(&self) -> kernel::Ceiling {
        let money_micros = self.money_usd.map(Money::as_micro_usd);
        kernel::Ceiling { money_micros, tokens: self.tokens, calls: self.calls }
    }
}
