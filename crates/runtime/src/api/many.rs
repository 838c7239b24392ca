//! Many root tasks, one after the other, without waiting for each and without holding all.

use super::submit::Handed;
use super::{Failure, SubmitOptions, Team, Ticket};
use kernel::Terms;
use std::collections::VecDeque;

/// So many are on their way to the journal at once; the sync that one of them needs serves all.
const UNDER_WAY_MAX: usize = 256;

/// Root tasks on their way in.
///
/// ```text
/// tasks ─▶ at most 256 without an answer ─▶ next(): receipt or refusal, in their order
/// ```
#[must_use = "nothing is handed over until the first answer is asked for"]
pub struct SubmitMany<I> {
    team: Team,
    tasks: I,
    under_way: VecDeque<Result<Handed, Failure>>,
    /// The iterator is not asked again after it has said that it is at its end.
    ended: bool,
}

impl Team {
    /// Hands over any number of root tasks in order; each answer is had from
    /// [`SubmitMany::next`], durable like that of [`Team::submit`]. Of the tasks only those on
    /// their way are in memory, so the iterator may read from a file as long as it likes. A refusal
    /// ends nothing: the others have their own answers.
    pub fn submit_many<I>(&self, tasks: I) -> SubmitMany<I::IntoIter>
    where
        I: IntoIterator<Item = (Terms, Vec<u8>, SubmitOptions)>,
    {
        let (team, tasks) = (self.clone(), tasks.into_iter());
        SubmitMany { team, tasks, under_way: VecDeque::new(), ended: false }
    }
}

impl<I: Iterator<Item = (Terms, Vec<u8>, SubmitOptions)>> SubmitMany<I> {
    /// The answer for the next task, in the order of the tasks; `None` after the last. Await it to
    /// its end: a task that was taken from the iterator and not handed over yet is lost with it.
    pub async fn next(&mut self) -> Option<Result<Ticket, Failure>> {
        while !self.ended && self.under_way.len() < UNDER_WAY_MAX {
            match self.tasks.next() {
                Some((terms, input, options)) => {
                    let handed = self.team.hand_over(terms, input, options).await;
                    self.under_way.push_back(handed);
                }
                None => self.ended = true,
            }
        }
        Some(match self.under_way.pop_front()? {
            Ok(handed) => handed.receipt().await,
            Err(refused) => Err(refused),
        })
    }
}
