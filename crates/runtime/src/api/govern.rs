//! What holds for the work of a team: quotas, breakers, supervisors, how agents are chosen.
//!
//! Agents and tasks belong to a *scope*: [`AgentSpec::team`](kernel::AgentSpec::team) and
//! [`Terms::team`](kernel::Terms::team), which have no name unless one is given. Each scope has
//! policies of its own.

use super::{Failure, Team};
use kernel::{Command, Limits, Policies, Text};
use std::sync::Arc;

impl Team {
    /// What holds from now on, in place of what held before, in the scope without a name.
    ///
    /// # Errors
    /// `Limit` when it is too much, `Lost` when the runtime has ended.
    pub async fn configure(&self, policies: Policies) -> Result<(), Failure> {
        self.configure_scope("", policies).await
    }

    /// The same in one scope. Saying what holds already records nothing.
    ///
    /// # Errors
    /// As for [`Team::configure`].
    pub async fn configure_scope(&self, scope: &str, policies: Policies) -> Result<(), Failure> {
        let (team, policies) = (Text::from(scope), Arc::new(policies));
        self.command(Command::Configure { team, policies }).await.map(|_| ())
    }

    /// What holds in a scope.
    #[must_use]
    pub fn policies_of(&self, scope: &str) -> Arc<Policies> {
        self.runtime
            .look(|kernel, _| kernel.state().policies.get(scope).cloned().unwrap_or_default())
    }

    /// The bounds of its kernel.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.runtime.look(|kernel, _| kernel.limits().clone())
    }

    /// The scopes in which anything but the usual holds.
    #[must_use]
    pub fn governed_scopes(&self) -> Vec<Text> {
        self.runtime.look(|kernel, _| kernel.state().policies.keys().cloned().collect())
    }
}
