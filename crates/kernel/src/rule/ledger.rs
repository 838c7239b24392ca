//! The ledger: what was spent today, by everybody together and by each tenant.
//!
//! A ceiling is held against these sums, so everything that is spent is counted, whether anybody
//! has set a ceiling or not: one that is set at noon knows the morning. Only one day is kept. It is
//! a day of UTC by the wall clock as the kernel knows it, so when it changes follows from what is
//! journaled. The sums begin anew when the clock shows a later day. If it is set back they stay,
//! and count until the next midnight that it shows: a clock that goes to and fro gives nothing
//! back, and one that was a year ahead blocks nobody for a year.
//!
//! There is room for so many tenants. Those who come when it is full share one account, and each
//! of them is taken to have spent what they spent together: too strict, and never too lax.

use crate::Text;
use crate::mutant::{Mutant, planted};
use crate::rule::budget::{Cost, Part};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A day of UTC, milliseconds; leap seconds are nobody's business here.
pub(crate) const DAY_MS: u64 = 86_400_000;

/// What was spent on the present day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Days since 1970.
    pub day: u64,
    /// Everybody's.
    pub all: Account,
    /// By tenant, those who have spent something first.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<Text, Account>,
    /// That of the tenants for whom there was no room.
    #[serde(skip_serializing_if = "Account::is_empty")]
    pub rest: Account,
}

/// What one has spent today, and what is set aside for prices that may have to be paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// What was spent.
    pub spent: Cost,
    /// Set aside, millionths of a dollar.
    #[serde(skip_serializing_if = "is_zero")]
    pub reserved_micros: u64,
}

fn is_zero(micros: &u64) -> bool {
    *micros == 0
}

impl Account {
    fn is_empty(&self) -> bool {
        *self == Account::default()
    }
}

impl Ledger {
    /// The day of a moment of wall time.
    #[must_use]
    pub fn day_of(wall_ms: u64) -> u64 {
        wall_ms / DAY_MS
    }

    /// Whether nothing was ever spent.
    pub(crate) fn is_new(&self) -> bool {
        *self == Ledger::default()
    }

    /// What is taken of a part today, by everybody or by one tenant: spent, and set aside.
    #[must_use]
    pub fn taken(&self, today: u64, tenant: Option<&Text>, part: Part) -> u64 {
        let account = match tenant {
            None => &self.all,
            Some(tenant) => self.tenants.get(tenant).unwrap_or(&self.rest),
        };
        let reserved = if part == Part::Money { account.reserved_micros } else { 0 };
        let spent = if today > self.day { 0 } else { account.spent.of(part) };
        spent.saturating_add(reserved)
    }

    /// It is this day now. What is set aside is so from one day to the next.
    pub(crate) fn turn_to(&mut self, today: u64) {
        if today > self.day && !planted(Mutant::YesterdayCounts) {
            self.all.spent = Cost::default();
            self.rest.spent = Cost::default();
            self.tenants.values_mut().for_each(|account| account.spent = Cost::default());
            self.tenants.retain(|_, account| !account.is_empty());
        }
        self.day = today;
    }

    /// A tenant spends something.
    pub(crate) fn spend(&mut self, today: u64, tenant: &Text, cost: &Cost, tenants_max: usize) {
        self.turn_to(today);
        self.all.spent.add(cost);
        self.account(tenant, tenants_max).spent.add(cost);
    }

    /// A price may have to be paid.
    pub(crate) fn reserve(&mut self, tenant: &Text, micros: u64, tenants_max: usize) {
        self.all.reserved_micros = self.all.reserved_micros.saturating_add(micros);
        let account = self.account(tenant, tenants_max);
        account.reserved_micros = account.reserved_micros.saturating_add(micros);
    }

    /// It was paid, or need not be.
    pub(crate) fn release(&mut self, tenant: &Text, micros: u64) {
        self.all.reserved_micros = self.all.reserved_micros.saturating_sub(micros);
        let account = self.tenants.get_mut(tenant).unwrap_or(&mut self.rest);
        account.reserved_micros = account.reserved_micros.saturating_sub(micros);
    }

    fn account(&mut self, tenant: &Text, tenants_max: usize) -> &mut Account {
        let is_full = self.tenants.len() >= tenants_max;
        if is_full && !self.tenants.contains_key(tenant) {
            return &mut self.rest;
        }
        self.tenants.entry(tenant.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: &str = "acme";

    fn money(money_micros: u64) -> Cost {
        Cost { money_micros, ..Cost::default() }
    }

    fn taken(ledger: &Ledger, today: u64, tenant: &str) -> u64 {
        ledger.taken(today, Some(&tenant.into()), Part::Money)
    }

    #[test]
    fn a_day_ends_when_the_clock_shows_a_later_one() {
        let mut ledger = Ledger::default();
        ledger.spend(10, &ACME.into(), &money(3), 9);
        ledger.spend(10, &"other".into(), &money(4), 9);
        assert_eq!((taken(&ledger, 10, ACME), ledger.taken(10, None, Part::Money)), (3, 7));
        assert_eq!(taken(&ledger, 11, ACME), 0, "though nobody has spent anything yet");
        ledger.spend(11, &ACME.into(), &money(1), 9);
        assert_eq!((taken(&ledger, 11, ACME), ledger.tenants.len()), (1, 1), "and it is forgotten");
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nothing_back_and_blocks_nobody_for_long() {
        let mut ledger = Ledger::default();
        ledger.spend(400, &ACME.into(), &money(3), 9);
        ledger.turn_to(10);
        assert_eq!(taken(&ledger, 10, ACME), 3);
        assert_eq!(taken(&ledger, 11, ACME), 0, "until the next midnight");
    }

    #[test]
    fn those_for_whom_there_is_no_room_share_an_account() {
        let mut ledger = Ledger::default();
        for tenant in ["a", "b", "c", "d"] {
            ledger.spend(1, &tenant.into(), &money(2), 2);
        }
        assert_eq!(["a", "b", "c", "d", "e"].map(|it| taken(&ledger, 1, it)), [2, 2, 4, 4, 4]);
        assert_eq!(ledger.taken(1, None, Part::Money), 8);
    }

    #[test]
    fn what_is_set_aside_stays_so_over_midnight() {
        let mut ledger = Ledger::default();
        ledger.reserve(&ACME.into(), 5, 9);
        ledger.turn_to(2);
        assert_eq!((taken(&ledger, 2, ACME), ledger.taken(2, None, Part::Money)), (5, 5));
        ledger.release(&ACME.into(), 5);
        ledger.turn_to(3);
        assert!(ledger.tenants.is_empty() && ledger.all == Account::default());
    }
}
