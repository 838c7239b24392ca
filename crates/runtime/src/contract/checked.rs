//! An agent that is held to the contracts of what it serves, whoever has declared them.
//!
//! An input is looked at here although it was when it was accepted: the task may be older than the
//! contract, or come round by a schedule. Code in Rust reads its input into a type and needs no
//! second look.

use super::Contract;
use super::registry::{Agreed, Claim, Contracts};
use crate::api::{Context, Failure};
use crate::port::{Agent, BoxFuture};
use kernel::{AgentSpec, Serves, Text};
use serde_json::Value;
use std::any::TypeId;
use std::future::ready;
use std::sync::Arc;

/// Checks what goes into another agent and what comes out of it.
pub(crate) struct Checked {
    agent: Arc<dyn Agent>,
    team: Text,
    /// What it serves, and the Rust capability where it is one.
    serves: Vec<(Serves, Option<TypeId>)>,
    contracts: Arc<Contracts>,
    /// What it has declared holds as long as it is here.
    _claim: Option<Claim>,
}

impl Checked {
    /// # Errors
    /// In words: what it declares cannot hold. See [`Contracts::admit`].
    pub(crate) fn new(
        agent: Arc<dyn Agent>,
        spec: &AgentSpec,
        declared: Vec<(Serves, Contract)>,
        contracts: &Arc<Contracts>,
        left: &dyn Fn(&Text) -> bool,
    ) -> Result<Checked, String> {
        let of = |serves: &Serves| declared.iter().find(|(it, _)| it == serves)?.1.of;
        let serves = spec.serves.iter().map(|it| (it.clone(), of(it))).collect();
        let claim = contracts.admit(spec, declared, left)?;
        let (team, contracts) = (spec.team.clone(), contracts.clone());
        Ok(Checked { agent, team, serves, contracts, _claim: claim })
    }

    /// What is said of the newest of its versions that will do.
    fn agreed(&self, cx: &Context) -> Option<(&Serves, Option<TypeId>, Arc<Agreed>)> {
        if !self.contracts.is_any() || cx.is_bid() {
            return None;
        }
        let will_do = self.serves.iter().filter(|(serves, _)| {
            *serves.capability == *cx.capability() && cx.versions().contains(serves.version)
        });
        let (serves, of) = will_do.max_by_key(|(serves, _)| serves.version)?;
        Some((serves, *of, self.contracts.of(&self.team, serves)?))
    }
}

impl Agent for Checked {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let Some((serves, of, agreed)) = self.agreed(&cx) else {
            return self.agent.run(cx);
        };
        if of.is_none()
            && let Err(failure) = agreed.check_input(serves, of, cx.input())
        {
            return Box::pin(ready(Err(failure)));
        }
        let work = self.agent.run(cx);
        if !agreed.asks_output(of) {
            return work;
        }
        Box::pin(async move {
            let output = work.await?;
            agreed.check_output(of, &output)?;
            Ok(output)
        })
    }

    fn inner(&self) -> Option<&dyn Agent> {
        Some(&*self.agent)
    }
}
