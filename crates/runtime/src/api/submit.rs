//! Submission of a root task, in two halves: into the inbox, and the receipt.

use super::{Failure, Team, Ticket, ticket};
use crate::desk::Desk;
use crate::inbox::Reply;
use kernel::{Answer, Command, Outcome, Refusal, Submit, TaskId, Terms, Text, Time};
use std::any::TypeId;
use std::sync::Arc;
use tokio::sync::oneshot;

/// How a root task is handed over.
#[derive(Clone, Debug, Default)]
pub struct SubmitOptions {
    /// The same key is the same task, however often it is sent.
    pub key: Option<String>,
    /// It must end within this many milliseconds.
    pub deadline_ms: Option<u64>,
    /// It may not start before this many milliseconds have passed.
    pub delay_ms: u64,
    /// Tasks with the same key go to the same agent, where the team's policy is sticky.
    pub affinity: Option<String>,
    /// Only the agent of this name.
    pub to: Option<String>,
    /// Its purse, where it differs from the limits.
    pub budget: Option<kernel::Budget>,
    /// Digest of the team definition it is pinned to.
    pub definition: Option<kernel::Digest>,
}

/// A submission on its way to the journal.
pub(super) struct Handed {
    team: Team,
    reply: Reply,
    coming: oneshot::Receiver<Arc<Outcome>>,
}

impl Handed {
    /// The receipt, once it is durable.
    pub(super) async fn receipt(self) -> Result<Ticket, Failure> {
        let Handed { team, reply, coming } = self;
        let receipt = match reply.await {
            Ok(Ok(Answer::Accepted(receipt))) => receipt,
            Ok(Ok(_)) | Err(_) => return Err(team.ended()),
            Ok(Err(Refusal::Overloaded { .. })) if team.runtime.inner.room.is_full() => {
                return Err(team.no_room());
            }
            Ok(Err(refusal)) => return Err(Failure::refused(&refusal)),
        };
        let outcome =
            receipt.outcome.map_or(ticket::Settling::Coming(coming), ticket::Settling::Settled);
        Ok(Ticket::new(&team.runtime, receipt.task, receipt.fresh, outcome))
    }
}

impl Team {
    /// Hands over a root task; `input` is canonical JSON. The receipt is durable on return.
    ///
    /// # Errors
    /// `Overloaded` with the milliseconds to wait, `Lost` when the runtime drains or has ended,
    /// `Limit` for what is too large, `Rejected` for a key that belongs to another question.
    pub async fn submit(
        &self,
        terms: Terms,
        input: Vec<u8>,
        options: SubmitOptions,
    ) -> Result<Ticket, Failure> {
        self.hand_over(terms, input, options, None).await?.receipt().await
    }

    /// The first half of a submission: its content is stored, and it stands in the inbox. `of`: the
    /// Rust capability from whose input it was written.
    pub(super) async fn hand_over(
        &self,
        terms: Terms,
        input: Vec<u8>,
        options: SubmitOptions,
        of: Option<TypeId>,
    ) -> Result<Handed, Failure> {
        self.check_input(&terms, &input, of)?;
        self.refuse_known(&input)?;
        if options.key.is_none() && self.runtime.inner.room.is_full() {
            return Err(self.no_room()); // Before its input takes more of what is short.
        }
        let submit = Submit {
            key: options.key.map(Text::from),
            deadline_ms: options.deadline_ms,
            delay_ms: options.delay_ms,
            budget: options.budget,
            affinity: options.affinity.map(Text::from),
            to: options.to.map(Text::from),
            definition: options.definition,
            ..Submit::new(terms, self.runtime.payload_of(input).await?)
        };
        let (expect, coming) = Desk::expecting();
        let reply = self.runtime.send_then(Command::Submit(submit), expect);
        Ok(Handed { team: self.clone(), reply, coming })
    }

    /// Asks who should get a task, by a child of it.
    ///
    /// # Errors
    /// As for [`Team::submit`]; `Rejected` when the advice is not waited for any more.
    pub(crate) async fn consult(
        &self,
        task: TaskId,
        until: Time,
        input: Vec<u8>,
    ) -> Result<Ticket, Failure> {
        let input = self.runtime.payload_of(input).await?;
        let (expect, coming) = Desk::expecting();
        let command = Command::Consult { task, until, input };
        let reply = self.runtime.send_then(command, expect);
        Handed { team: self.clone(), reply, coming }.receipt().await
    }

    fn no_room(&self) -> Failure {
        let retry_after_ms = self.runtime.look(|kernel, _| kernel.limits().retry_after_ms);
        let words = self.runtime.inner.room.describe();
        let failure = Failure::new(kernel::FailureKind::Overloaded, words);
        Failure { retry_after_ms: Some(retry_after_ms), ..failure }
    }
}
