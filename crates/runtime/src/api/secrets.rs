//! Secrets: where a team has them from, which an agent is given, and inputs that hold some.

use super::{AgentEntry, Context, Failure, Team, TeamBuilder};
use crate::canonical;
use crate::port::Secrets;
use crate::secret::{Given, Reference, reading};
use serde::de::DeserializeOwned;
use std::sync::Arc;

impl TeamBuilder {
    /// Where secrets come from. Without, a task that names one fails.
    #[must_use]
    pub fn secrets(mut self, secrets: Arc<dyn Secrets>) -> TeamBuilder {
        self.secrets = Some(secrets);
        self
    }
}

impl AgentEntry {
    /// The secrets that this agent is given where a task names them. One that names another fails
    /// at once, and says what to add here. None, unless it is said.
    ///
    /// ```
    /// # use majordomo_runtime::api::AgentEntry;
    /// # use majordomo_runtime::secret::{NoReference, Reference};
    /// # fn of(entry: AgentEntry) -> Result<AgentEntry, NoReference> {
    /// Ok(entry.secrets([Reference::env("GITHUB_TOKEN")?]))
    /// # }
    /// ```
    #[must_use]
    pub fn secrets(mut self, listed: impl IntoIterator<Item = Reference>) -> AgentEntry {
        self.secrets = Given::These(listed.into_iter().collect());
        self
    }

    /// It sees the names of secrets and never their values: for agents that show their input to a
    /// person or a model, or only pass it on.
    #[must_use]
    pub fn sealed(mut self) -> AgentEntry {
        self.secrets = Given::Sealed;
        self
    }
}

impl Team {
    /// An input that holds the value of a secret is refused before anything of it is written down.
    /// Not altered: whoever hands it over should hear that they know what they need not.
    pub(super) fn refuse_known(&self, input: &[u8]) -> Result<(), Failure> {
        match self.runtime.inner.desk.vault.redactor.finds(input) {
            false => Ok(()),
            true => Err(Failure::rejected(
                "the input holds the value of a secret of this team; name the secret instead, as \
                 {\"$secret\": \"env:NAME\"}, in a field that takes one",
            )),
        }
    }
}

impl Context {
    /// The input as a type. Where a [`Secret`](crate::secret::Secret) stands in it, that has its
    /// value and its name.
    ///
    /// # Errors
    /// `Rejected`: it is of another type.
    pub fn input_as<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        reading(self.live.redactor(), || canonical::from_bytes(self.input_bytes()))
    }
}
