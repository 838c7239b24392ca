//! Whose agents serve which run: a scope a definition.
//!
//! Agents serve only tasks of their own scope. It is the team's name, so that people can say it;
//! only while runs of another definition of that name are open does a definition get a scope that
//! no other has, `name@` and the beginning of its digest. So a run is never served by agents of a
//! definition that it does not follow. What the file says of its team (quotas, breakers, routing,
//! supervisors) holds for the scope.

use super::{Error, Session};
use crate::crew;
use crate::team::definitions::Definition;
use crate::team::file::TeamFile;
use crate::team::govern;
use kernel::{Digest, Policies, Text};
use runtime::api::Pinned;
use std::collections::{BTreeMap, BTreeSet};

/// The scope of a definition, given the runs that are open.
pub(super) fn scope_of(name: &str, definition: Digest, open: &[Pinned]) -> String {
    if let Some(same) = open.iter().find(|it| it.pin.definition == definition) {
        return same.pin.team.to_string();
    }
    if open.iter().all(|it| &*it.pin.team != name) {
        return name.to_owned();
    }
    let digest = definition.to_string();
    format!("{name}@{}", &digest[..8])
}

impl Session {
    /// The agents of a definition join in this scope, once. A scope has the agents of one
    /// definition: whose came first.
    pub(super) async fn join(&self, digest: Digest, scope: &str) -> Result<(), Error> {
        let mut joined = self.joined.lock().await;
        if joined.scopes.contains_key(scope) {
            return Ok(());
        }
        let definitions = self.definitions.clone();
        let definition = tokio::task::spawn_blocking(move || definitions.get(digest)).await;
        let definition = definition.map_err(|_| Error::Ended)??;
        let roots = self.roots(&definition, scope);
        let mut entries =
            crew::entries(&definition, &self.definitions, &self.inbox, scope, &roots)?;
        let mut named = BTreeMap::new();
        for entry in &mut entries {
            let name = free(&entry.spec.name, scope, &joined.names);
            named.insert(entry.spec.name.to_string(), name.clone());
            entry.spec.name = name.as_str().into();
            joined.names.insert(name);
        }
        // What holds for them holds from their first task on.
        self.govern(scope, &definition.file, &named).await?;
        for entry in entries {
            self.team.join(entry).await?;
        }
        joined.scopes.insert(scope.to_owned(), digest);
        Ok(())
    }

    /// What the file says of its team holds for this scope from now on. `named`: under which names
    /// its agents join. Where it holds already, nothing is recorded.
    async fn govern(
        &self,
        scope: &str,
        file: &TeamFile,
        named: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let name = |agent: &str| named.get(agent).cloned().unwrap_or_else(|| agent.to_owned());
        let policies = govern::policies(file, &name);
        let governed = self.team.configure_scope(scope, policies).await;
        governed.map_err(|why| Error::Policies(why.message))
    }

    /// Scopes that a definition of this team had while runs of another were open, and that nobody
    /// needs any more, are governed by nothing.
    pub(super) async fn forget_old_scopes(&self, name: &str, own: &str) -> Result<(), Error> {
        let open: BTreeSet<_> = self.team.pinned().into_iter().map(|it| it.pin.team).collect();
        let prefix = format!("{name}@");
        let is_old = |scope: &Text| scope.starts_with(&prefix) && !open.contains(scope);
        let scopes = self.team.governed_scopes();
        for scope in scopes.iter().filter(|scope| is_old(scope) && ***scope != *own) {
            let forgotten = self.team.configure_scope(scope, Policies::default()).await;
            forgotten.map_err(|why| Error::Policies(why.message))?;
        }
        Ok(())
    }

    /// What the agent that runs the steps is asked for: under the name of this team, and under that
    /// of the one whose runs were moved here.
    fn roots(&self, definition: &Definition, scope: &str) -> Vec<String> {
        let own = self.own.as_ref().filter(|own| own.definition.digest == definition.digest);
        let name = own.map(|own| own.name.as_str()).or(definition.file.name.as_deref());
        let mut roots: BTreeSet<String> = name.into_iter().map(crew::capability).collect();
        let open = self.team.pinned().into_iter().filter(|it| &*it.pin.team == scope);
        roots.extend(open.map(|it| it.capability.to_string()).filter(|it| crew::is_root(it)));
        roots.into_iter().collect()
    }
}

/// The agent's own name, or one that says its scope too.
fn free(name: &str, scope: &str, taken: &BTreeSet<String>) -> String {
    let scoped =
        std::iter::once(name.to_owned()).chain((1..).map(|n| {
            if n == 1 { format!("{name}@{scope}") } else { format!("{name}@{scope}#{n}") }
        }));
    let mut names = scoped.filter(|name| !taken.contains(name));
    names.next().expect("there is always one more number")
}
