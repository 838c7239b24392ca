//! An agent that is held to the contracts of what it serves, whoever has declared them.
//!
//! An input is looked at here although it was when it was accepted: the task may be older than the
//! contract, or come round by a schedule. Code in Rust reads its input into a type and needs no
//! second look.
//!
//! This is also the one place where secrets are resolved: the agent is known here, and what its
//! entry lists, and nothing comes after it but the agent's code.

use super::registry::{Agreed, Claim, Contracts, Way};
use crate::api::{self, AgentEntry, Context, Failure};
use crate::port::{Agent, BoxFuture};
use crate::secret::{Given, Reference};
use crate::vitals::Vitals;
use kernel::{FailureKind, Serves, Text};
use serde_json::Value;
use std::any::TypeId;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

/// Checks what goes into another agent and what comes out of it.
pub(crate) struct Checked {
    agent: Arc<dyn Agent>,
    name: Text,
    team: Text,
    /// What it serves, and the Rust capability where it is one.
    serves: Vec<(Serves, Option<TypeId>)>,
    contracts: Arc<Contracts>,
    given: Arc<Given>,
    /// What it has declared holds as long as it is here,
    _claim: Option<Claim>,
    /// and what it says of itself when it has started, as long as that life.
    learned: Mutex<Option<Claim>>,
}

impl Checked {
    /// # Errors
    /// In words: what it declares cannot hold. See [`Contracts::admit`].
    pub(crate) fn new(
        entry: AgentEntry,
        contracts: &Arc<Contracts>,
        left: &dyn Fn(&Text) -> bool,
    ) -> Result<Checked, String> {
        let AgentEntry { spec, agent, contracts: declared, secrets } = entry;
        let of = |serves: &Serves| declared.iter().find(|(it, _)| it == serves)?.1.of;
        let serves = spec.serves.iter().map(|it| (it.clone(), of(it))).collect();
        let claim = contracts.admit((&spec.team, &spec.name), declared, left)?;
        let (name, team, given) = (spec.name, spec.team, Arc::new(secrets));
        Ok(Checked {
            agent,
            name,
            team,
            serves,
            contracts: contracts.clone(),
            given,
            _claim: claim,
            learned: Mutex::default(),
        })
    }

    /// Takes in what the agent says of itself now that it has started.
    fn learn(&self, vitals: &Vitals) -> Result<(), Failure> {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        *learned = None; // Of the life before.
        let declared = self.agent.declares().into_iter();
        let declared = declared.map(|(name, contract)| (api::serves(&name), contract)).collect();
        let whose = (&self.team, &self.name);
        let admitted = self.contracts.admit(whose, declared, &|name| vitals.has_left(name));
        *learned = admitted.map_err(|why| Failure::new(FailureKind::Setup, why))?;
        Ok(())
    }

    /// What is said of the newest of its versions that will do.
    fn agreed(&self, cx: &Context) -> Option<(&Serves, Option<TypeId>, Arc<Agreed>)> {
        if !self.contracts.is_any() || cx.is_bid() {
            return None;
        }
        let will_do = self.serves.iter();
        let will_do = will_do.filter(|(it, _)| cx.asks_for(&it.capability, it.version));
        let (serves, of) = will_do.max_by_key(|(serves, _)| serves.version)?;
        Some((serves, *of, self.contracts.of(&self.team, serves)?))
    }

    /// The agent at work on an input with secrets in it.
    fn open_and_run(
        &self,
        cx: Context,
        serves: &Serves,
        agreed: &Arc<Agreed>,
    ) -> BoxFuture<'static, Result<Value, Failure>> {
        let (agent, agreed, serves) = (self.agent.clone(), agreed.clone(), serves.clone());
        let (name, given) = (self.name.clone(), self.given.clone());
        Box::pin(async move {
            open(&cx, &name, &given, &serves, &agreed).await?;
            agent.run(cx).await
        })
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
        let known = cx.live().redactor().clone();
        let work = match agreed.has_secrets(Way::In) && *self.given != Given::Sealed {
            true => self.open_and_run(cx, serves, &agreed),
            false => self.agent.run(cx),
        };
        if !agreed.asks_output(of) {
            return work;
        }
        Box::pin(async move {
            let mut output = work.await?;
            agreed.seal(Way::Out, &known, &mut output);
            agreed.check_output(of, &output)?;
            Ok(output)
        })
    }

    fn inner(&self) -> Option<&dyn Agent> {
        Some(&*self.agent)
    }

    fn start(&self, vitals: Vitals) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.agent.start(vitals.clone()).await?;
            let learned = self.learn(&vitals);
            if learned.is_err() {
                self.agent.stop().await; // What it says of itself cannot hold: it is not up.
            }
            learned
        })
    }
}

/// Puts the values into the places of an attempt's input that are marked, and nowhere else.
async fn open(
    cx: &Context,
    name: &Text,
    given: &Given,
    serves: &Serves,
    agreed: &Agreed,
) -> Result<(), Failure> {
    let mut input = cx.input().clone();
    let (mut places, mut named) = (Vec::new(), Vec::new());
    for path in agreed.secrets(Way::In, &input) {
        let Some(said) = input.pointer(&path).filter(|it| !it.is_null()) else { continue };
        named.push(Reference::of(said).ok_or_else(|| not_named(&path))?);
        places.push(path);
    }
    if let Given::These(listed) = given
        && let Some(other) = named.iter().find(|it| !listed.contains(it))
    {
        return Err(not_given(name, other, serves));
    }
    if named.is_empty() {
        return Ok(());
    }
    let vault = cx.live().runtime.inner.desk.vault.clone();
    let looked_up = named.clone();
    let values = tokio::task::spawn_blocking(move || vault.resolve(&looked_up)).await??;
    for (path, value) in places.iter().zip(values) {
        if let Some(place) = input.pointer_mut(path) {
            *place = Value::String(value);
        }
    }
    agreed.check_opened(&input).map_err(|mut why| {
        why.given = "another value".into(); // What the schema says of it may tell of what it is.
        let message = format!("a secret is not what the input schema asks for: {why}");
        Failure::new(FailureKind::Setup, message)
    })?;
    let bytes = crate::canonical::value_to_bytes(&input)?;
    let _ = cx.live().opened.set((input, bytes)); // Nobody else opens it.
    Ok(())
}

fn not_named(path: &str) -> Failure {
    Failure::rejected(format!(
        "at {path}: wanted a secret by its name, {{\"$secret\": \"env:NAME\"}}, was given \
         something else"
    ))
}

fn not_given(name: &Text, reference: &Reference, serves: &Serves) -> Failure {
    let Serves { capability, version } = serves;
    let message = format!(
        "agent {name} may not have the secret {reference}, which the input of \
         {capability}@{version} names; if it should, add \"{reference}\" to its `secrets`, and ask \
         again"
    );
    Failure::new(FailureKind::Setup, message)
}
