//! What was spent, as changes of rows: by task, by attempt, by agent, and by the day.

use super::Fold;
use kernel::{Cost, TaskId, Text, Token};

impl Fold<'_, '_> {
    pub(super) fn spent(&mut self, task: TaskId, token: Token, cost: Cost, on: &Text) {
        let (money, tokens) = (cost.money_micros, cost.tokens);
        let row = self.changes.tasks.at(task.0);
        row.money_micros += money;
        row.tokens += tokens;
        let row = self.changes.attempts.at((task.0, token.0));
        row.money_micros += money;
        row.tokens += tokens;
        let lease = self.memory.open.get(&task.0).and_then(|open| open.lease.as_ref());
        let holder = lease.filter(|lease| lease.token == token.0).map(|lease| lease.agent);
        let halted = || self.memory.stopping.get(&token.0).map(|halted| halted.agent);
        let agent = holder.or_else(halted);
        self.spent_by(task, agent, cost, on);
        match agent {
            Some(agent) => {
                let score = self.changes.scores.entry(agent).or_default();
                score.money_micros += money;
                score.tokens += tokens;
            }
            None => self.changes.late_costs.push((task.0, token, cost)),
        }
    }

    /// By the wall clock's day, as it is told for the entry. What it was spent on goes before what
    /// the agent usually spends on.
    fn spent_by(&mut self, task: TaskId, agent: Option<u32>, cost: Cost, on: &Text) {
        const DAY_MS: i64 = 86_400_000;
        let day_ms = self.at_ms.div_euclid(DAY_MS) * DAY_MS;
        let member = agent.and_then(|it| self.memory.agents.get(&it));
        let (name, model) =
            member.map(|it| (it.name.clone(), it.model.clone())).unwrap_or_default();
        let model = if on.is_empty() { model } else { on.clone() };
        let key = (day_ms, self.memory.run_of(task.0), name, model);
        let spent = self.changes.spent.entry(key).or_default();
        spent.reports += 1;
        spent.cost.money_micros += cost.money_micros;
        spent.cost.tokens += cost.tokens;
        spent.cost.calls += cost.calls;
    }
}
