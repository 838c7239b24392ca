//! Views that begin in the middle: from the state at a snapshot, where the entries before are gone.
//!
//! What is open is there as the state has it: tasks, steps, live attempts, agents with their
//! counts, dead letters. What had ended before, and how earlier attempts went, is not in a state
//! and so not in the views. A state has kernel times only, so moments before its latest start are
//! shown as if no time had passed between processes.

use super::change::{
    Agent, Changes, Dead, NewAttempt, NewTask, Schedule, ScheduleChange, Score, Step, StepChange,
    Turn,
};
use super::fold::{awaited, wall_ms};
use super::memory::{Halted, Lease, Member, Memory, Open};
use super::schema::int;
use super::{names, write};
use kernel::{
    Accepted, Decision, Deliberation, Failure, Granted, Outcome, Phase, Routing, State, Status,
    StepKind, Stopping, Task, TaskId, Time, Token, Tripped,
};
use rusqlite::{Connection, params};

/// Writes the state into empty views.
pub(super) fn seed(
    connection: &Connection,
    memory: &mut Memory,
    state: &State,
    at: u64,
) -> rusqlite::Result<()> {
    memory.offset_ms = state.wall_offset_ms;
    memory.applied = at;
    memory.applied_ms = wall_ms(memory, state.time);
    memory.kernel_ms = int(state.time.0);
    memory.incarnation = state.incarnation;
    memory.draining = state.draining;
    agents(connection, memory, state)?;
    schedules(connection, memory, state)?;
    let dead = state.dead.values().map(|letter| (&letter.task, Some(&letter.failure), letter.at));
    let open = state.tasks().map(|task| (task, None, task.accepted_at));
    let told: Vec<Told<'_>> =
        dead.chain(open).map(|it| Told::of(state, it.0, it.1, it.2)).collect();
    let stopping: Vec<(Token, Granted, u32)> = state
        .stopping
        .iter()
        .map(|(token, it)| (*token, granted(it.task, it.agent, *token), kept(it)))
        .collect();
    let mut changes = Changes::default();
    told.iter().for_each(|it| it.fold(memory, &mut changes));
    for (token, granted, slots) in &stopping {
        let agent = memory.agent(granted.agent.0);
        let attempt = changes.attempts.at((granted.task.0, token.0));
        let (seq, at_ms) = (int(at), memory.applied_ms);
        attempt.new = Some(NewAttempt { granted, agent, number: 0, seq, at_ms });
        attempt.ended_ms = Some(at_ms);
        attempt.outcome = Some("stopped");
        attempt.fenced = true;
        attempt.kept_slots = Some(*slots);
        let (task, agent) = (granted.task.0, granted.agent.0);
        let halted = Halted { task, agent, since_ms: at_ms, slots: *slots };
        memory.stopping.insert(token.0, halted);
    }
    changes.policies = state.policies.iter().map(|(team, it)| (&**team, &**it)).collect();
    write::flush(connection, memory, &mut changes)?;
    spent_today(connection, state)?;
    // What the state tells was decided before: no row made of it is an entry that was seen.
    connection.execute("insert into meta values ('seeded_seq', ?1)", [int(at)])?;
    memory.store(connection)
}

/// A state knows what was spent on its day, by tenant.
fn spent_today(connection: &Connection, state: &State) -> rusqlite::Result<()> {
    let ledger = &state.ledger;
    let day_ms = int(ledger.day * 86_400_000);
    let accounts = ledger.tenants.iter().map(|(tenant, it)| (&**tenant, it));
    for (tenant, account) in accounts.chain([("", &ledger.rest)]) {
        if account.spent != kernel::Cost::default() {
            write::spent_on(connection, day_ms, tenant, &account.spent)?;
        }
    }
    Ok(())
}

/// Slots that work takes until it has ended.
fn kept(stopping: &Stopping) -> u32 {
    if stopping.holds_slot { stopping.weight() } else { 0 }
}

/// What has become of earlier dues is not in a state: only the latest is told, and counted.
fn schedules(connection: &Connection, memory: &Memory, state: &State) -> rusqlite::Result<()> {
    let mut changes = Changes::default();
    for (name, it) in &state.schedules {
        let mut push = |what| changes.schedules.push(Schedule { name, what });
        push(ScheduleChange::Set { spec: &it.spec, next: it.next });
        if let Some((due, came)) = &it.last {
            push(ScheduleChange::Fired { due: *due, came, next: it.next });
        }
        push(ScheduleChange::Next { next: it.next, why: &it.why_never });
        push(ScheduleChange::Paused(it.paused));
    }
    write::flush(connection, memory, &mut changes)?;
    for (name, it) in &state.schedules {
        let columns = params![&**name, int(it.started), it.waits.map(int)];
        connection
            .execute("update schedules set started = ?2, waits_ms = ?3 where name = ?1", columns)?;
    }
    Ok(())
}

fn agents(connection: &Connection, memory: &mut Memory, state: &State) -> rusqlite::Result<()> {
    let mut changes = Changes::default();
    for agent in state.agents() {
        let member = member(agent, state.time);
        let since = member.available_since;
        memory.agents.insert(agent.id.0, member);
        let at_ms = wall_ms(memory, agent.joined_at);
        changes.agents.push(Agent::Joined { id: agent.id, spec: &agent.spec, at_ms });
        changes.agents.push(Agent::Presence { id: agent.id, presence: agent.presence });
        changes.agents.push(Agent::Available { id: agent.id, since });
        let life = agent.life.name();
        changes.agents.push(Agent::Life { id: agent.id, life });
        if let Some(reason) = &agent.life.given_up {
            changes.agents.push(Agent::Exited { id: agent.id, reason });
        }
        let (completed, failed) = (agent.completed, agent.failed);
        let score = Score { completed, failed, ..Score::default() };
        changes.scores.insert(agent.id.0, score);
    }
    for ((id, capability), breaker) in &state.breakers {
        let now = match (breaker.forced(), breaker.phase()) {
            (Some(forced), _) => Turn::Forced(Some(forced)),
            (None, Phase::Open { until }) => {
                let until_ms = wall_ms(memory, *until);
                Turn::Opened { until_ms, why: names::tripped(Tripped::Failed) }
            }
            (None, Phase::HalfOpen { .. }) => Turn::HalfOpened,
            (None, Phase::Closed) => continue,
        };
        let at_ms = memory.applied_ms;
        changes.agents.push(Agent::Breaker { id: *id, capability, at_ms, now });
    }
    write::flush(connection, memory, &mut changes)?;
    for agent in state.agents() {
        let restarts = params![agent.id.0, int(agent.restarts)];
        connection.execute("update agents set restarts = ?2 where id = ?1", restarts)?;
    }
    Ok(())
}

/// What was done before is not in a state: slot time is counted from here on.
fn member(agent: &kernel::Agent, now: Time) -> Member {
    let is_active = names::is_active(names::presence(agent.presence));
    let is_up = agent.life.name() == names::UP;
    Member {
        name: agent.spec.name.clone(),
        model: names::model(&agent.spec.labels),
        remote: agent.spec.remote,
        slots: agent.spec.slots,
        is_active,
        is_up,
        available_since: (is_active && is_up).then_some(int(now.0)),
    }
}

/// A task of the state, with the facts that its rows are made of.
struct Told<'s> {
    task: &'s Task,
    died: Option<&'s Failure>,
    died_at: Time,
    accepted: Accepted,
    granted: Option<Granted>,
    /// What it waits for before it is granted, as the event that told so.
    routing: Option<Routing>,
}

fn granted(task: TaskId, agent: kernel::AgentId, token: Token) -> Granted {
    Granted { task, agent, token, until: Time(0), firm: false, why: Decision::default() }
}

/// What a task waits for until it is known who gets it.
fn routing(state: &State, task: &Task) -> Option<Routing> {
    let Status::Queued { ready_at } = task.status else { return None };
    match state.deliberations.get(&task.id) {
        Some(Deliberation::Held { agent, until, over: false }) => {
            return Some(Routing::Held { agent: *agent, until: *until });
        }
        Some(Deliberation::Asked { until, advice: None, .. }) => {
            return Some(Routing::AdviceAsked { until: *until });
        }
        // That is over; bids may be waited for since.
        Some(Deliberation::Held { .. } | Deliberation::Asked { .. }) | None => {}
    }
    let auction = state.auctions.get(&task.id).filter(|it| it.until == ready_at && !it.tried)?;
    Some(Routing::Announced {
        round: auction.round,
        until: auction.until,
        stands_until: auction.stands_until,
        bidders: auction.bidders.iter().map(|it| it.agent).collect(),
    })
}

impl<'s> Told<'s> {
    fn of(state: &State, task: &'s Task, died: Option<&'s Failure>, died_at: Time) -> Told<'s> {
        let accepted = Accepted {
            task: task.id,
            terms: task.terms.clone(),
            input: task.input.clone(),
            key: task.key.as_deref().cloned(),
            parent: task.parent.as_deref().cloned(),
            deadline: Some(task.deadline),
            ready_at: None,
            budget: None,
            affinity: task.affinity.as_deref().cloned(),
            released_from: None,
            is_bid: task.is_bid,
            is_advice: task.is_advice,
        };
        let lease = task.status.lease().filter(|_| died.is_none());
        let granted = lease.map(|lease| granted(task.id, lease.agent, lease.token));
        let routing = routing(state, task);
        Told { task, died, died_at, accepted, granted, routing }
    }

    fn fold<'c>(&'c self, memory: &mut Memory, changes: &mut Changes<'c>) {
        let task = self.task;
        let (id, seq) = (task.id.0, int(memory.applied));
        let deadline = Some(task.deadline).filter(|at| *at != Time::NEVER);
        let row = changes.tasks.at(id);
        row.new = Some(NewTask {
            accepted: &self.accepted,
            run: task.run.0,
            seq,
            at_ms: wall_ms(memory, task.accepted_at),
            deadline_ms: deadline.map(|at| wall_ms(memory, at)),
            addressed: task.terms.only.map(|agent| memory.agent(agent.0)),
        });
        if task.terms.weight > 1 && self.died.is_none() {
            memory.heavy.insert(id, task.terms.weight);
        }
        (row.attempts, row.failed, row.lost) = (task.grants, task.failed, task.lost);
        row.status = Some(task.status.name());
        let (since, ready) = self.queued();
        row.queued_ms = Some(wall_ms(memory, since));
        row.ready_ms = ready.map(|at| wall_ms(memory, at));
        if let Some((what, until)) = self.routing.as_ref().and_then(|it| awaited(memory, it)) {
            (row.awaits, row.ready_ms) = (Some(what), Some(wall_ms(memory, until)));
        }
        if let Some(failure) = self.died {
            let at_ms = wall_ms(memory, self.died_at);
            row.status = Some("dead");
            (row.ended_ms, row.ended_seq) = (Some(at_ms), Some(seq));
            row.failure = Some((names::failure(failure.kind), &failure.message));
            changes.dead.push(Dead::Died { task: id, at_ms, failure });
        } else {
            if task.parent.is_some() || task.grants > 0 {
                let open = Open { run: task.run.0, attempts: task.grants, lease: None };
                memory.open.insert(id, open);
            }
            self.lease(memory, changes);
        }
        self.steps(memory, changes);
    }

    /// Since when it can be granted, and the delay before that, if it had one. While advice or bids
    /// are waited for, their time stands where the delay stood: then it is what went before.
    fn queued(&self) -> (Time, Option<Time>) {
        let task = self.task;
        let is_asked =
            matches!(self.routing, Some(Routing::AdviceAsked { .. } | Routing::Announced { .. }));
        match task.status {
            Status::Queued { ready_at }
                if ready_at > task.accepted_at && ready_at != Time::NEVER && !is_asked =>
            {
                (ready_at, Some(ready_at))
            }
            Status::Queued { .. }
            | Status::Assigned(_)
            | Status::Running(_)
            | Status::Waiting(..) => {
                let failures = task.past.as_ref().map_or(&[][..], |past| &past.failures);
                let failed_at = failures.last().map(|it| it.at);
                (failed_at.map_or(task.accepted_at, |at| at.max(task.accepted_at)), None)
            }
        }
    }

    fn lease<'c>(&'c self, memory: &mut Memory, changes: &mut Changes<'c>) {
        let (Some(granted), Some(lease)) = (&self.granted, self.task.status.lease()) else {
            return;
        };
        let (id, token, seq) = (self.task.id.0, lease.token.0, int(memory.applied));
        let since_ms = wall_ms(memory, lease.since);
        let worked_ms = int(lease.worked_ms);
        let agent = memory.agent(lease.agent.0);
        let row = changes.tasks.at(id);
        (row.agent, row.token) = (Some(agent.clone()), Some(token));
        row.started_ms = Some(since_ms - worked_ms);
        row.worked_ms = worked_ms;
        let attempt = changes.attempts.at((id, token));
        let (number, at_ms) = (self.task.grants, since_ms - worked_ms);
        attempt.new = Some(NewAttempt { granted, agent, number, seq, at_ms });
        attempt.worked_ms = worked_ms;
        let is_waiting = matches!(self.task.status, Status::Waiting(..));
        match (is_waiting, self.task.status) {
            (true, _) => changes.waits.at((id, seq)).begun = Some((token, since_ms)),
            // Work in earlier stretches came before a wait that has ended.
            (false, Status::Running(_)) => attempt.started_ms = Some(at_ms),
            (false, _) => {}
        }
        if !is_waiting && worked_ms > 0 {
            let wait = changes.waits.at((id, seq));
            (wait.begun, wait.until_ms) = (Some((token, since_ms)), Some(since_ms));
        }
        let wait = is_waiting.then_some(seq);
        let lease = Lease { token, agent: lease.agent.0, since_ms, worked_ms, wait };
        if let Some(open) = memory.open.get_mut(&id) {
            open.lease = Some(lease);
        }
    }

    fn steps<'c>(&'c self, memory: &Memory, changes: &mut Changes<'c>) {
        let (id, at_ms) = (self.task.id.0, memory.applied_ms);
        for (step, record) in self.task.past.iter().flat_map(|past| &past.steps) {
            let what = match &record.kind {
                StepKind::Child { task, .. } => StepChange::Child { child: task.0, token: None },
                StepKind::Once { token } => StepChange::Once { token: token.0 },
                StepKind::Timer { due } => {
                    StepChange::Timer { due_ms: wall_ms(memory, *due), token: None }
                }
            };
            changes.steps.push(Step { task: id, step, at_ms, what });
            if let Some((_, outcome)) = &record.outcome {
                let outcome: &Outcome = outcome;
                let what = StepChange::Ended(Some(outcome));
                changes.steps.push(Step { task: id, step, at_ms, what });
            }
        }
    }
}
