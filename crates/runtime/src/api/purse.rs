//! What work costs, and what is set aside before it is known.
//!
//! Nobody knows what a call of a model will cost before it has ended, and several are under way at
//! once. So each sets aside the most that it can cost, and begins only when something is left
//! beside what the others have set aside: whatever order they end in, a purse, or a ceiling over
//! many of them, is overdrawn by one call at most. Who finds all of it set aside waits, as most
//! calls cost less than they can. What is set aside is of this process alone. A call that ends with
//! the process costs what nobody knows, so there is nothing to be remembered.

use super::{Context, Failure};
use crate::turn::{Runtime, lock};
use kernel::{Cost, Kernel, Payer, Report};
use std::collections::BTreeMap;
use std::sync::Mutex;
use tokio::sync::Notify;

/// What is set aside by calls under way, by who is to pay for it.
#[derive(Default)]
pub(crate) struct Aside {
    sums: Mutex<BTreeMap<(Payer, &'static str), u64>>,
    /// Some of it is not set aside any more.
    freed: Notify,
}

/// Set aside for one call, until this is dropped.
pub struct SetAside {
    runtime: Runtime,
    sums: Sums,
}

/// So much of what whom has to pay.
type Sums = Vec<((Payer, &'static str), u64)>;

impl Drop for SetAside {
    fn drop(&mut self) {
        let aside = &self.runtime.inner.desk.aside;
        let mut sums = lock(&aside.sums);
        for (key, amount) in &self.sums {
            if let Some(sum) = sums.get_mut(key) {
                *sum = sum.saturating_sub(*amount);
                if *sum == 0 {
                    sums.remove(key);
                }
            }
        }
        drop(sums);
        aside.freed.notify_waiters();
    }
}

impl Context {
    /// Charges a cost to the run. A failure says that nothing is left to spend.
    ///
    /// ```
    /// # use kernel::Cost;
    /// # use majordomo_runtime::api::{Context, Result};
    /// # async fn paid_call(_: &str) -> Result<(String, Cost)> { Ok(Default::default()) }
    /// async fn translate(cx: Context, text: String) -> Result<String> {
    ///     let (answer, cost) = paid_call(&text).await?;
    ///     cx.spend(cost).await?;
    ///     Ok(answer)
    /// }
    /// ```
    pub async fn spend(&self, cost: Cost) -> Result<(), Failure> {
        self.live.report(Report::Spent(cost)).await.map(|_| ())
    }

    /// The same, and what it was spent on, where that is not always one thing: `majordomo cost --by
    /// model` tells it by that name.
    pub async fn spend_on(&self, on: &str, cost: Cost) -> Result<(), Failure> {
        self.live.report(Report::SpentOn(on.into(), cost)).await.map(|_| ())
    }

    /// Whether this much may still be spent: to be asked before something is paid for that cannot
    /// be handed back.
    ///
    /// # Errors
    /// `OverBudget` where less is left, in the budget of its run or under a ceiling of the day.
    pub fn affords(&self, cost: Cost) -> Result<(), Failure> {
        let by = self.attempt();
        let look = |kernel: &Kernel, now| kernel.state().affords(by, cost, now);
        self.live.runtime.look(look).map_err(|refusal| Failure::refused(&refusal))
    }

    /// Sets the most that something can cost aside until what is given back is dropped: after what
    /// it did cost was spent. It waits until anything is left of each part beside what others have
    /// set aside, so the last one may cost more than was left, and no other does.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// # use kernel::Cost;
    /// # async fn print(_: &str) -> Result<()> { Ok(()) }
    /// async fn order(cx: Context, pages: Vec<String>) -> Result<()> {
    ///     let most = Cost { money_micros: 20_000 * pages.len() as u64, ..Cost::default() };
    ///     let aside = cx.set_aside(most).await?;
    ///     for page in &pages {
    ///         print(page).await?;
    ///         cx.spend(Cost { money_micros: 15_000, ..Cost::default() }).await?;
    ///     }
    ///     drop(aside);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// `OverBudget` where nothing is left of a part that it takes, in the budget of its run or
    /// under a ceiling of the day.
    pub async fn set_aside(&self, most: Cost) -> Result<SetAside, Failure> {
        let runtime = self.live.runtime.clone();
        let aside = &runtime.inner.desk.aside;
        loop {
            let freed = aside.freed.notified();
            if let Some(sums) = self.try_set_aside(most)? {
                return Ok(SetAside { runtime: runtime.clone(), sums });
            }
            freed.await;
        }
    }

    /// `None`: something is left, and all of that is set aside.
    fn try_set_aside(&self, most: Cost) -> Result<Option<Sums>, Failure> {
        let (by, runtime) = (self.attempt(), &self.live.runtime);
        // One lock over looking and setting aside: of two who come at once the second sees the
        // first.
        let mut aside = lock(&runtime.inner.desk.aside.sums);
        let mut sums = Vec::new();
        for (part, amount) in most.parts().into_iter().filter(|(_, amount)| *amount > 0) {
            let look = |kernel: &Kernel, now| {
                let (state, payers) = (kernel.state(), kernel.state().payers(by, part, now));
                let empty = payers.iter().find(|(_, left)| *left == 0);
                let refusal = empty.map(|(payer, _)| state.nothing_left(by, payer, part, now));
                refusal.map_or(Ok(payers), Err)
            };
            for (payer, left) in runtime.look(look).map_err(|it| Failure::refused(&it))? {
                let key = (payer, part.name());
                if left <= aside.get(&key).copied().unwrap_or(0) {
                    return Ok(None);
                }
                sums.push((key, amount));
            }
        }
        for (key, amount) in &sums {
            let sum = aside.entry(key.clone()).or_default();
            *sum = sum.saturating_add(*amount);
        }
        Ok(Some(sums))
    }
}
