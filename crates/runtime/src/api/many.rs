//! Many root tasks, one after the other, without waiting for each and without holding all.

use super::submit::Handed;
use super::{Failure, SubmitOptions, Team, Ticket};
use kernel::Terms;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::any::TypeId;
use std::collections::VecDeque;
use std::marker::PhantomData;

/// One of them, or why it could not be written down.
pub type Proposed = Result<(Terms, Vec<u8>, SubmitOptions), Failure>;

/// So many are on their way to the journal at once; the sync that one of them needs serves all.
const UNDER_WAY_MAX: usize = 256;

/// Root tasks on their way in.
///
/// ```text
/// tasks ─▶ at most 256 without an answer ─▶ next(): receipt or refusal, in their order
/// ```
#[must_use = "nothing is handed over until the first answer is asked for"]
pub struct SubmitMany<I, T = Value> {
    team: Team,
    tasks: I,
    /// The Rust capability from whose inputs they were written.
    of: Option<TypeId>,
    under_way: VecDeque<Result<Handed, Failure>>,
    /// The iterator is not asked again after it has said that it is at its end.
    ended: bool,
    output: PhantomData<fn() -> T>,
}

impl Team {
    /// Hands over any number of root tasks in order; each answer is had from
    /// [`SubmitMany::next`], durable like that of [`Team::submit`]. Of the tasks only those on
    /// their way are in memory, so the iterator may read from a file as long as it likes. A refusal
    /// ends nothing: the others have their own answers.
    pub fn submit_many<I>(
        &self,
        tasks: I,
    ) -> SubmitMany<impl Iterator<Item = Proposed> + use<I>, Value>
    where
        I: IntoIterator<Item = (Terms, Vec<u8>, SubmitOptions)>,
    {
        self.submit_proposed(None, tasks.into_iter().map(Ok))
    }

    /// The same, with answers of one type.
    pub(super) fn submit_proposed<I: Iterator<Item = Proposed>, T>(
        &self,
        of: Option<TypeId>,
        tasks: I,
    ) -> SubmitMany<I, T> {
        let (under_way, ended, output) = (VecDeque::new(), false, PhantomData);
        SubmitMany { team: self.clone(), tasks, of, under_way, ended, output }
    }
}

impl<I: Iterator<Item = Proposed>, T: DeserializeOwned> SubmitMany<I, T> {
    /// The answer for the next task, in the order of the tasks; `None` after the last. Await it to
    /// its end: a task that was taken from the iterator and not handed over yet is lost with it.
    pub async fn next(&mut self) -> Option<Result<Ticket<T>, Failure>> {
        while !self.ended && self.under_way.len() < UNDER_WAY_MAX {
            match self.tasks.next() {
                Some(Ok((terms, input, options))) => {
                    let handed = self.team.hand_over(terms, input, options, self.of).await;
                    self.under_way.push_back(handed);
                }
                Some(Err(failure)) => self.under_way.push_back(Err(failure)),
                None => self.ended = true,
            }
        }
        Some(match self.under_way.pop_front()? {
            Ok(handed) => handed.receipt().await.map(Ticket::typed),
            Err(refused) => Err(refused),
        })
    }
}
