//! Ceilings over what is spent in a day, the days, and whoever looks before spending.

use super::{To, World};
use crate::program::Op;
use crate::rng::Rng;
use kernel::{
    Ceiling, Ceilings, Command, Cost, Failure, FailureKind, Payer, Policies, Report, Text, Time,
    Token,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const DAY_MS: u64 = 86_400_000;

impl World {
    /// Somebody sets other ceilings, or it is another day.
    pub(super) fn ceiling_turn(&mut self) {
        if !self.has_ceilings {
            return;
        }
        let is_bounded = self.process.as_ref().is_some_and(|process| {
            let policies = process.kernel.state().policies.get("");
            policies.is_some_and(|it| !it.ceilings.is_none())
        });
        if !is_bounded || self.rng.chance(100) {
            let Some(process) = &self.process else { return };
            let held = process.kernel.state().policies.get("").cloned().unwrap_or_default();
            let ceilings = draw_ceilings(&mut self.rng);
            let policies = Arc::new(Policies { ceilings, ..Policies::clone(&held) });
            self.command(Command::Configure { team: Text::default(), policies }, To::Nobody);
        }
        if self.rng.chance(80) {
            // Just before midnight, just after it, or a whole day ahead or back.
            let (wall, day) = (self.wall_ms(), DAY_MS as i64);
            let to_midnight = (DAY_MS - wall % DAY_MS) as i64;
            let by = [to_midnight - 2_000, to_midnight, day, -day][self.rng.below(4) as usize];
            self.wall_shift += by;
            let wall_ms = self.wall_ms();
            self.command(Command::WallClock { wall_ms }, To::Nobody);
        }
    }

    /// As the runtime does it: nobody begins to spend where nothing is left, and what was spent is
    /// told by the process itself, whoever the agent is.
    pub(super) fn look_and_spend(&mut self, agent: usize, token: Token, cost: Cost) {
        let Some(work) = self.agents[agent].works.get_mut(&token) else { return };
        debug_assert!(matches!(work.program.get(work.at), Some(Op::Spend(_))));
        let attempt = work.attempt;
        let Some(process) = &self.process else {
            work.busy = true;
            return self.later(agent, token, 1_000, super::work::Beat::Next);
        };
        let (state, now) = (process.kernel.state(), process.clock.read(self.now));
        let now = Time::max(now, state.time);
        let is_empty =
            cost.parts().into_iter().filter(|(_, amount)| *amount > 0).any(|(part, _)| {
                let payers = state.payers(attempt, part, now);
                payers.iter().any(|(payer, left)| *left == 0 && !matches!(payer, Payer::Purse(_)))
            });
        if is_empty {
            let failure = Failure::new(FailureKind::OverBudget, "nothing left of the day");
            return self.last_word(agent, token, Report::Failed(failure));
        }
        work.at += 1;
        work.busy = true;
        self.command(Command::Report(attempt, Report::Spent(cost)), To::Nobody);
        self.later(agent, token, 1, super::work::Beat::Next);
    }
}

/// Such as are met within a small world.
pub(super) fn draw_ceilings(rng: &mut Rng) -> Ceilings {
    let ceiling = |rng: &mut Rng, most| Ceiling {
        money_micros: rng.chance(700).then(|| rng.below(most)),
        tokens: rng.chance(300).then(|| rng.below(most)),
        calls: None,
    };
    let tenants = BTreeMap::from([("tenant-1".into(), ceiling(rng, 200_000))]);
    Ceilings { day: ceiling(rng, 900_000), tenant_day: ceiling(rng, 300_000), tenants }
}
