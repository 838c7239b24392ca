//! Agents on their way out: when they have gone, and what is to happen then.

use super::Session;
use crate::Team;
use kernel::{AgentId, Command, Entry, Event, Presence, TaskId};
use runtime::api::AgentEntry;
use runtime::port::Observer;
use runtime::port::journal::Seq;
use runtime::port::observer::Note;
use std::sync::Arc;
use tokio::sync::Notify;
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

/// What is done beside the work; it ends with the session.
pub(super) type Errands = JoinSet<()>;

impl Session {
    /// When the agent has finished what it has, this one takes its place.
    pub(super) async fn replace_later(&self, agent: AgentId, entry: AgentEntry) {
        let (team, departures) = (self.team.clone(), self.departures.clone());
        let name = entry.spec.name.clone();
        self.errands.lock().await.spawn(async move {
            departures.gone(&team, agent).await;
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
