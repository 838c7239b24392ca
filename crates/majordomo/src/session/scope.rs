//! Whose agents serve which run: a scope a definition.
//!
//! Agents serve only tasks of their own scope. It is the team's name, so that people can say it;
//! only while runs of another definition of that name are open does a definition get a scope that
//! no other has, `name@` and the beginning of its digest. So a run is never served by agents of a
//! definition that it does not follow, unless an operator has the file read anew while it is under
//! way: then the scope's agents are those of the new one, and those whom only the run needs. What
//! the file says of its team (quotas, breakers, routing, supervisors) holds for the scope.

use super::reload::asked;
use super::{Error, Session};
use crate::crew::{self, Said};
use crate::team::definitions::{self, Definition};
use crate::team::file::{Agent, TeamFile};
use crate::team::workflow::Fallback;
use crate::team::{govern, roster};
use kernel::{Digest, Policies, Presence, TaskId, Text};
use runtime::api::{AgentEntry, Pinned};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

/// Who is here, by scope, and the names that are taken.
#[derive(Clone, Default)]
pub(super) struct Joined {
    scopes: BTreeMap<String, Crew>,
    names: BTreeSet<String>,
}

/// Who serves a scope.
#[derive(Clone)]
struct Crew {
    /// The definition whose agents they are.
    digest: Digest,
    /// Under which name each agent of a file has joined.
    named: BTreeMap<String, String>,
    fallback: Arc<Fallback>,
}

impl Joined {
    /// Under which names the agents of this scope's definition have joined.
    pub(super) fn named(&self, scope: &str) -> BTreeMap<String, String> {
        self.scopes.get(scope).map(|crew| crew.named.clone()).unwrap_or_default()
    }

    /// The scope follows another definition.
    pub(super) fn follow(&mut self, scope: &str, definition: Digest) {
        if let Some(crew) = self.scopes.get_mut(scope) {
            crew.digest = definition;
            crew.fallback.set(definition);
        }
    }

    /// An agent of the file is none any more; its name stays taken while it is on its way out.
    pub(super) fn forget(&mut self, scope: &str, agent: &str) {
        if let Some(crew) = self.scopes.get_mut(scope) {
            crew.named.remove(agent);
        }
    }

    /// A name for one who is to join.
    fn name(&mut self, scope: &str, entry: &mut AgentEntry) {
        let own = entry.spec.name.to_string();
        let name = free(&own, scope, &self.names);
        entry.spec.name = name.as_str().into();
        self.names.insert(name.clone());
        if let Some(crew) = self.scopes.get_mut(scope) {
            crew.named.insert(own, name);
        }
    }
}

impl Session {
    /// The agents of a definition join in this scope, once. A scope has the agents of one
    /// definition, whose came first; of another only those come that it still needs.
    pub(super) async fn join(&self, digest: Digest, scope: &str) -> Result<(), Error> {
        let mut joined = self.joined.lock().await;
        let here = joined.scopes.get(scope).map(|crew| crew.digest);
        if here == Some(digest) {
            return Ok(());
        }
        let definitions = self.definitions.clone();
        let read = move || Ok((definitions.get(digest)?, here.map(|it| definitions.get(it))));
        let read = tokio::task::spawn_blocking(read).await.map_err(|_| Error::Ended)?;
        let (definition, here) = read.map_err(|why: definitions::Error| why)?;
        if let Some(here) = here {
            return self.join_for_runs(&definition, &*here?, scope, &mut joined).await;
        }
        let fallback = Arc::new(Fallback::new(digest));
        let (named, agents) = (BTreeMap::new(), definition.file.agents.keys().cloned().collect());
        let crew = Crew { digest, named, fallback: fallback.clone() };
        joined.scopes.insert(scope.to_owned(), crew);
        let came = self.come(&definition, fallback, scope, agents, &mut joined).await;
        if came.is_err() {
            joined.scopes.remove(scope);
        }
        came
    }

    async fn come(
        &self,
        definition: &Definition,
        fallback: Arc<Fallback>,
        scope: &str,
        agents: Vec<String>,
        joined: &mut Joined,
    ) -> Result<(), Error> {
        let mut entries = self.entries(&definition.file, scope, &agents, joined)?;
        // Models last: what they are told of tools and of who may approve is told by who is here.
        entries.sort_by_key(|entry| &*entry.spec.kind == "llm");
        let roots = self.roots(definition, scope);
        let mut steps = crew::workflow(&self.definitions, fallback, scope, &roots);
        joined.name(scope, &mut steps);
        entries.push(steps);
        // What holds for them holds from their first task on.
        self.govern(scope, &definition.file, &joined.named(scope)).await?;
        Ok(self.team.join_all(entries).await?)
    }

    /// Runs of another definition are open in this scope, from before the file was read anew: those
    /// of its agents come whom nobody here can stand in for, until the runs have ended.
    async fn join_for_runs(
        &self,
        definition: &Definition,
        here: &Definition,
        scope: &str,
        joined: &mut Joined,
    ) -> Result<(), Error> {
        let of = |definition: &Definition| {
            let all = definition.file.agents.values().flat_map(roster::capabilities);
            all.collect::<BTreeSet<_>>()
        };
        let (serves, asks) = (of(here), asked(definition));
        let alone = |agent: &Agent| {
            let alone = |it| !serves.contains(it) && asks.iter().any(|ask| ask.takes(it));
            roster::capabilities(agent).iter().any(alone)
        };
        let agents = definition.file.agents.iter().filter(|(_, agent)| alone(agent));
        let agents: Vec<String> = agents.map(|(name, _)| name.clone()).collect();
        let pinned = self.team.pinned().into_iter();
        let runs = pinned.filter(|it| it.pin.definition == definition.digest);
        let runs: Vec<TaskId> = runs.map(|it| it.run).collect();
        for entry in self.entries(&definition.file, scope, &agents, joined)? {
            let name = entry.spec.name.to_string();
            self.team.join(entry).await?;
            if let Some(agent) = self.team.agent_id(&name) {
                self.drain_after(runs.clone(), agent).await;
            }
        }
        Ok(())
    }

    /// These agents of a file, ready to join under names that are free.
    pub(super) fn entries(
        &self,
        file: &TeamFile,
        scope: &str,
        agents: &[String],
        joined: &mut Joined,
    ) -> Result<Vec<AgentEntry>, Error> {
        let chosen = file.agents.iter().filter(|(name, _)| agents.contains(name));
        let chosen = chosen.map(|(name, agent)| (name.clone(), agent.clone())).collect();
        crew::govern(file);
        let mut entries = crew::members(&chosen, Said::of(file), &self.outside, scope)?;
        // The name of one who has come and gone is free again.
        let left = self.team.agents().into_iter().filter(|it| it.presence == Presence::Left);
        for gone in left {
            joined.names.remove(&*gone.spec.name);
        }
        entries.iter_mut().for_each(|entry| joined.name(scope, entry));
        Ok(entries)
    }

    /// What the file says of its team holds for this scope from now on. `named`: under which names
    /// its agents join. Where it holds already, nothing is recorded.
    pub(super) async fn govern(
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
        let own = self.own.as_ref().filter(|own| own.definition().digest == definition.digest);
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
