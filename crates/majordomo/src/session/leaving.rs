//! Agents on their way out: when they have gone, and what is to happen then.

use super::Session;
use crate::Team;
use kernel::{AgentId, Command, Entry, Event, Presence, TaskId};
use runtime::api::AgentEntry;
use runtime::port::Observer;
use runtime::port::journal::Seq;
use runtime::port::observer::Note;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

/// Wakes whoever waits for an agent to leave.
#[derive(Default)]
pub(super) struct Departures(Notify);

impl Observer for Departures {
    fn durable(&self, _: Seq, entries: &Arc<[Entry]>) {
        if entries.iter().any(|entry| matches!(entry.event, Event::AgentLeft { .. })) {
            self.0.notify_waiters();
        }
    }

    fn note(&self, _: &Note) {}

    fn watches(&self) -> bool {
        false
    }
}

impl Departures {
    /// Resolves when the agent is gone; for ever, if it never goes.
    async fn gone(&self, team: &Team, agent: AgentId) {
        loop {
            let more = self.0.notified();
            if has_left(team, agent) {
                return;
            }
            more.await;
        }
    }
}

/// Whether it is here no more.
pub(super) fn has_left(team: &Team, agent: AgentId) -> bool {
    team.agents().iter().all(|it| it.id != agent || it.presence == Presence::Left)
}

/// What is done beside the work; it ends when the session drains.
pub(super) type Errands = JoinSet<()>;

/// Who is to take whose place when that one has left: one each, as the latest file says. Whoever
/// has it locked decides who joins.
pub(super) type Successors = BTreeMap<AgentId, AgentEntry>;

impl Session {
    /// When the agent has finished what it has, this one takes its place, instead of whoever was
    /// to take it.
    pub(super) async fn replace_later(
        &self,
        agent: AgentId,
        entry: AgentEntry,
        successors: &mut Successors,
    ) {
        if successors.insert(agent, entry).is_some() {
            return; // The departure is waited for already.
        }
        let (team, departures) = (self.team.clone(), self.departures.clone());
        let successors: Arc<Mutex<Successors>> = self.successors.clone();
        self.errands.lock().await.spawn(async move {
            departures.gone(&team, agent).await;
            let mut successors = successors.lock().await;
            let Some(entry) = successors.remove(&agent) else { return };
            let name = entry.spec.name.clone();
            if let Err(why) = team.join(entry).await {
                // It joins with the next reload; whoever has a terminal hears of it now.
                let said = format!("{name} has left, and cannot join as the file says now: {why}");
                #[cfg(feature = "cli")]
                anstream::eprintln!("warning: {said}");
                #[cfg(not(feature = "cli"))]
                drop(said);
            }
        });
    }

    /// When these runs have ended, the agent finishes what it has and leaves.
    pub(super) async fn drain_after(&self, runs: Vec<TaskId>, agent: AgentId) {
        let team = self.team.clone();
        self.errands.lock().await.spawn(async move {
            for run in runs {
                if let Some(ticket) = team.ticket(run) {
                    let _ = ticket.settled().await; // However it ended.
                }
            }
            let _ = team.command(Command::DrainAgent(agent)).await; // It may have left by itself.
        });
    }
}
