//! Dead letters: what an operator decides about them.

use super::{Failure, Team};
use kernel::{Answer, Command, TaskId};

impl Team {
    /// Gives a dead task another life as a new root task, with this input instead of its own if one
    /// is given, as canonical JSON; its number. What died stays dead and points to it.
    ///
    /// # Errors
    /// `Rejected` when no such task is dead, or the input does not match; `Overloaded` when there
    /// is no room for it.
    pub async fn release(&self, task: TaskId, input: Option<Vec<u8>>) -> Result<TaskId, Failure> {
        let input = match input {
            Some(bytes) => {
                let dead = |kernel: &kernel::Kernel| {
                    kernel.state().dead.get(&task).map(|it| it.task.terms.clone())
                };
                if let Some(terms) = self.runtime.look(|kernel, _| dead(kernel)) {
                    self.check_input(&terms, &bytes, None)?;
                }
                self.refuse_known(&bytes)?;
                Some(self.runtime.payload_of(bytes).await?)
            }
            None => None,
        };
        match self.command(Command::Release { task, input }).await? {
            Answer::Accepted(receipt) => Ok(receipt.task),
            other => Err(Failure::error(format!("task {task} was not released: {other:?}"))),
        }
    }

    /// Forgets a dead task.
    ///
    /// # Errors
    /// `Rejected` when no such task is dead.
    pub async fn discard(&self, task: TaskId) -> Result<(), Failure> {
        self.command(Command::Discard(task)).await.map(|_| ())
    }
}
