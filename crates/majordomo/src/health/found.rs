//! What is wrong by the views, as of a moment.

use super::signs;
use super::{Kind, Problem};
use adapters::views::Error;
use adapters::views::read::{Agent, Queue, Reader};

/// What the views tell.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) problems: Vec<Problem>,
    pub(super) oldest_wait_ms: i64,
    pub(super) open_tasks: u64,
    pub(super) given_up: Vec<String>,
    pub(super) suspected: Vec<String>,
    pub(super) open_breakers: Vec<String>,
    pub(super) dead_letters: u64,
    pub(super) schedules: Vec<String>,
}

/// What is wrong by the views, worst first.
pub(crate) fn problems(views: &Reader, now_ms: i64) -> Result<Found, Error> {
    let agents = views.agents_at(now_ms)?;
    let mut found = Found { open_tasks: views.open_tasks()?, ..Found::default() };
    for agent in agents.iter().filter(|it| it.is_here()) {
        found.problems.extend(signs::agent(agent));
        found.problems.extend(agent.breakers.iter().filter_map(signs::breaker));
    }
    let queues = views.queues(now_ms)?;
    queues.iter().for_each(|queue| found.waits(queue, &agents, now_ms));
    if let Some(oldest) = queues.iter().min_by_key(|queue| queue.since_ms) {
        found.oldest_wait_ms = (now_ms - oldest.since_ms).max(0);
        found.problems.extend(Problem::long_wait(oldest.task, oldest.since_ms, now_ms));
    }
    let dead = views.dead()?;
    if let Some(oldest_ms) = dead.iter().map(|it| it.at_ms).min() {
        found.dead_letters = dead.len() as u64;
        found.problems.push(Problem::dead_letters(found.dead_letters, oldest_ms));
    }
    found.problems.extend(views.schedules()?.iter().filter_map(signs::schedule));
    found.problems.sort_by_key(|problem| std::cmp::Reverse(problem.level));
    found.name();
    Ok(found)
}

impl Found {
    /// Whether somebody could take what waits, if they had the room.
    fn waits(&mut self, queue: &Queue, agents: &[Agent], now_ms: i64) {
        let Queue { capability, version, tasks, task, since_ms, .. } = queue;
        let serves = agents.iter().filter(|it| {
            let here = it.is_here() && it.team == queue.team;
            here && it.serves(capability, version.as_deref())
        });
        let able = |it: &&Agent| it.is_at_work() && it.barred_from(capability).is_none();
        let serving: Vec<&Agent> = serves.collect();
        let what = match version {
            Some(version) => format!("{capability}@{version}"),
            None => capability.clone(),
        };
        if serving.is_empty() {
            self.problems.push(signs::nobody_serves(&what, *tasks, *task, *since_ms));
        } else if !serving.iter().any(able) {
            self.problems.push(signs::nobody_can(&what, *tasks, *task, *since_ms, now_ms));
        }
    }

    /// Whom and what the problems are about, kind by kind.
    fn name(&mut self) {
        let about = |kind: Kind| -> Vec<String> {
            let those = self.problems.iter().filter(|it| it.kind == kind);
            those.map(|it| it.about.clone()).collect()
        };
        let (given_up, suspected) = (about(Kind::AgentGivenUp), about(Kind::AgentSuspected));
        let (breakers, schedules) = (about(Kind::BreakerOpen), about(Kind::Schedule));
        (self.given_up, self.suspected) = (given_up, suspected);
        (self.open_breakers, self.schedules) = (breakers, schedules);
    }
}
