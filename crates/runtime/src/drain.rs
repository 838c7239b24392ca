//! Ends in order: no new work, a grace for what runs, the rest handed back, everything durable.

use crate::life::{self, End};
use crate::turn::Runtime;
use kernel::Command;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What a drain has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Attempts given back undone; they go on at the next start and nobody is charged.
    pub handed_back: usize,
    /// Agents that did not stop in time.
    pub agents_left: usize,
}

impl Runtime {
    /// Stops: new work is refused, running work gets `grace`, what is left is handed back.
    pub async fn drain(&self, grace: Duration) -> Drained {
        let _ = self.send(Command::Drain).await;
        let deadline = Instant::now() + grace;
        while self.has_running_work() && Instant::now() < deadline && !self.is_closed() {
            sleep(Duration::from_millis(5)).await;
        }
        let left = self.inner.desk.attempts();
        let handed_back = left.len();
        left.iter().for_each(|live| live.hand_back());
        drop(left);
        let ending = async {
            while !self.inner.desk.attempts().is_empty() {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(Duration::from_secs(2) + grace, ending).await;
        let agents_left = self.stop_agents().await;
        // A last command: when its answer is here, everything before it is durable.
        let _ = self.send(Command::Tick).await;
        let closing = self.clone();
        let _ = tokio::task::spawn_blocking(move || closing.close()).await;
        Drained { handed_back, agents_left }
    }

    /// Ends whatever agents keep between tasks, all at once; how many did not come to their end.
    async fn stop_agents(&self) -> usize {
        let everybody = self.inner.desk.everybody().into_iter();
        let stopping = everybody.map(|(id, agent)| {
            let grace = life::grace_of(self, id);
            tokio::spawn(life::end(agent, grace))
        });
        let mut left = 0;
        for ended in stopping.collect::<Vec<_>>() {
            let is_gone = matches!(ended.await, Ok(End::Stopped | End::Forced));
            left += usize::from(!is_gone); // One that panicked is not gone.
        }
        left
    }

    /// Whether an attempt holds a slot; those that wait would wait on.
    fn has_running_work(&self) -> bool {
        self.inner.desk.attempts().iter().any(|live| live.works())
    }
}
