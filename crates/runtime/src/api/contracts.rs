//! What goes into capabilities and comes out of them, where a team looks at it.

use super::versions::asked;
use super::{AgentEntry, Context, Contract, Failure, StartError, Team, TeamBuilder};
use crate::canonical;
use crate::contract::Checked;
use crate::port::{Agent, Schemas};
use crate::secret::Given;
use kernel::{Presence, Serves, Terms, Text, Versions};
use std::any::TypeId;
use std::borrow::Cow;
use std::sync::Arc;

impl TeamBuilder {
    /// Who understands the schemas that agents declare. Without, an agent that declares one cannot
    /// join, but for those in Rust, whose types are checked all the same.
    #[must_use]
    pub fn schemas(mut self, schemas: Arc<dyn Schemas>) -> TeamBuilder {
        self.schemas = Some(schemas);
        self
    }
}

impl AgentEntry {
    /// What goes into one of its capabilities and comes out of it: checked when something is asked,
    /// and when it answers. It must agree with what others say of the same version.
    ///
    /// ```
    /// # use majordomo_runtime::api::{AgentEntry, Contract};
    /// # use serde_json::json;
    /// # fn of(entry: AgentEntry) -> AgentEntry {
    /// entry.contract("text.count@1", Contract::anything().input(json!({ "type": "string" })))
    /// # }
    /// ```
    #[must_use]
    pub fn contract(mut self, capability: &str, contract: Contract) -> AgentEntry {
        self.contracts.push((serves(capability), contract));
        self
    }
}

impl Team {
    /// The agent, held to what it has declared.
    pub(super) async fn hold_to(&self, entry: AgentEntry) -> Result<Arc<dyn Agent>, StartError> {
        self.foresee(&entry.secrets).await;
        let name = entry.spec.name.to_string();
        let left = |name: &Text| {
            self.runtime.look(|kernel, _| {
                let known = kernel.state().agent_named(name);
                known.is_some_and(|it| it.presence == Presence::Left)
            })
        };
        let contracts = &self.runtime.inner.desk.contracts;
        match Checked::new(entry, contracts, &left) {
            Ok(checked) => Ok(Arc::new(checked)),
            Err(why) => Err(StartError::Join { name, why }),
        }
    }

    /// What an agent may be given is hidden before its first word. Read off the async threads.
    async fn foresee(&self, given: &Given) {
        if *given == Given::default() || *given == Given::Sealed {
            return;
        }
        let (vault, given) = (self.runtime.inner.desk.vault.clone(), given.clone());
        // It panics only with the source of secrets, and then tasks that name one are told.
        let _ = tokio::task::spawn_blocking(move || vault.foresee(&given)).await;
    }

    /// An input that is none is refused before anything of it is written down. `of`: the Rust
    /// capability from whose input it was written.
    pub(super) fn check_input(
        &self,
        terms: &Terms,
        input: &[u8],
        of: Option<TypeId>,
    ) -> Result<(), Failure> {
        let asked = (&terms.team, &*terms.capability, terms.versions);
        let value = || Ok(Cow::Owned(canonical::from_bytes(input)?));
        self.runtime.inner.desk.contracts.check_input(asked, of, value)
    }
}

impl Context {
    /// What is said of a capability by those who serve it now, as a model that may ask for it is
    /// told. Nothing where nobody says anything.
    ///
    /// # Errors
    /// The text names no capability.
    pub fn contract(&self, capability: &str) -> Result<Option<Contract>, Failure> {
        let (name, versions) = asked(capability)?;
        let live = self.live();
        let whose = (&live.dispatch.terms.team, name, versions);
        Ok(live.runtime.inner.desk.contracts.told(whose))
    }
}

/// What an agent serves, as it is written: `name` or `name@version`, the first if nothing is said.
#[must_use]
pub fn serves(text: &str) -> Serves {
    let (capability, version) = match asked(text) {
        Ok((name, versions)) if versions != Versions::ANY => (name, versions.min),
        Ok(_) | Err(_) => (text, 1),
    };
    Serves { capability: capability.into(), version }
}
