//! The contracts of those who are here, by capability and version.

use super::agree::agree;
use super::form::normal;
use super::secrecy::Marks;
use super::{Contract, is_shape_only};
use crate::api::Failure;
use crate::port::schemas::{Mismatch, Schema, Schemas};
use crate::secret::Redactor;
use kernel::{FailureKind, Serves, Text, Versions};
use serde_json::Value;
use std::any::TypeId;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Every contract that somebody here has declared. Who is gone is forgotten: see [`Claim`].
#[derive(Default)]
pub(crate) struct Contracts {
    /// Who understands schemas.
    pub(crate) port: OnceLock<Arc<dyn Schemas>>,
    known: RwLock<Known>,
    /// Somebody has declared something; until then nobody looks.
    is_any: AtomicBool,
    /// Of the latest claim.
    number: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// By team and capability.
    said: HashMap<(Text, Text), BTreeMap<u32, Arc<Agreed>>>,
}

/// All that is said of one capability in one version.
#[derive(Default)]
pub(crate) struct Agreed {
    input: RwLock<Vec<Side>>,
    output: RwLock<Vec<Side>>,
    /// What it does, by the claims of those who say so.
    pub(super) about: RwLock<BTreeMap<u64, Text>>,
}

/// Input or output.
#[derive(Clone, Copy)]
pub(super) enum Way {
    In,
    Out,
}

/// A schema, and who says it.
pub(super) struct Side {
    /// As it was said, with what only people and models read.
    pub(super) said: Value,
    normal: Value,
    schema: Box<dyn Schema>,
    /// Where its secrets stand, if it has any.
    marks: Option<Marks>,
    /// The claims of those who say it, and their names.
    said_by: BTreeMap<u64, Text>,
    /// The Rust capability of which it is nothing but the shape: serde checks that.
    shape_of: Option<TypeId>,
}

/// What an agent has declared holds until this is dropped with it.
pub(crate) struct Claim {
    contracts: Arc<Contracts>,
    number: u64,
    team: Text,
    /// By capability and version.
    agreed: Vec<(Serves, Arc<Agreed>)>,
}

impl Contracts {
    /// Takes in what an agent declares. `left`: names of those who are gone, though something of
    /// them may still be here.
    ///
    /// # Errors
    /// In words: a schema that is none, or does not agree with that of another agent.
    pub(crate) fn admit(
        self: &Arc<Contracts>,
        (team, name): (&Text, &Text),
        declared: Vec<(Serves, Contract)>,
        left: &dyn Fn(&Text) -> bool,
    ) -> Result<Option<Claim>, String> {
        let declared = declared.into_iter().filter(|(_, contract)| !contract.is_anything());
        let declared: Vec<_> = declared.collect();
        if declared.is_empty() {
            return Ok(None);
        }
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let mut claim =
            Claim { contracts: self.clone(), number, team: team.clone(), agreed: Vec::new() };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (serves, contract) in declared {
            let key = (team.clone(), serves.capability.clone());
            let agreed = known.said.entry(key).or_default().entry(serves.version).or_default();
            let agreed = agreed.clone();
            let Contract { input, output, about, of } = contract;
            if let Some(about) = about {
                let mut told = agreed.about.write().unwrap_or_else(PoisonError::into_inner);
                told.insert(number, about);
            }
            claim.agreed.push((serves.clone(), agreed.clone()));
            for (way, schema) in [(Way::In, input), (Way::Out, output)] {
                let Some(schema) = schema else { continue };
                let said = Said { name, number, serves: &serves, way, of, left };
                if let Err(why) = self.add(&agreed, &said, &schema) {
                    drop(known); // The claim takes back what it has said so far.
                    return Err(why);
                }
            }
        }
        self.is_any.store(true, Ordering::Release);
        Ok(Some(claim))
    }

    fn add(&self, agreed: &Agreed, said: &Said<'_>, schema: &Value) -> Result<(), String> {
        let what = || format!("the {} schema of {}", said.way.word(), named(said.serves));
        let own = normal(schema).map_err(|why| format!("{} will not do: {why}", what()))?;
        let mut sides = agreed.sides(said.way).write().unwrap_or_else(PoisonError::into_inner);
        sides.retain(|side| !side.said_by.values().all(said.left));
        for side in &*sides {
            agree(&own, &side.normal).map_err(|why| {
                let other = side.said_by.values().next().cloned().unwrap_or_default();
                format!(
                    "{} does not agree with that of agent {other}: {why}; let both say the same, \
                     or serve another version",
                    what()
                )
            })?;
        }
        let shape_of = said.of.filter(|_| is_shape_only(&own));
        let same = |it: &&mut Side| it.normal == own && it.shape_of == shape_of;
        if let Some(side) = sides.iter_mut().find(same) {
            side.said_by.insert(said.number, said.name.clone());
            return Ok(());
        }
        let Some(port) = self.port.get() else {
            return match said.of {
                // Its types are checked by serde, which keeps no secrets.
                Some(_) if !super::secrecy::is_marked(&own)? => Ok(()),
                Some(_) | None => Err(format!(
                    "{} cannot be checked: this program was built without the feature `schema`",
                    what()
                )),
            };
        };
        let marks = Marks::of(schema, &own, &**port).map_err(|why| format!("{}: {why}", what()))?;
        let compiled = port.compile(schema).map_err(|why| format!("{} is none: {why}", what()))?;
        let said_by = BTreeMap::from([(said.number, said.name.clone())]);
        let said = schema.clone();
        sides.push(Side { said, normal: own, schema: compiled, marks, said_by, shape_of });
        Ok(())
    }

    /// Whether anybody has ever said something.
    pub(super) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }

    /// Checks an input before it is accepted. Any version that will do for the asker may get it, so
    /// it must do for all that are served. `of`: it was written from this Rust type.
    ///
    /// # Errors
    /// `Rejected`, with the place.
    pub(crate) fn check_input<'a>(
        &self,
        asked: (&Text, &str, Versions),
        of: Option<TypeId>,
        value: impl FnOnce() -> Result<Cow<'a, Value>, Failure>,
    ) -> Result<(), Failure> {
        let found = self.asked(asked);
        let found = found.into_iter().filter(|(_, agreed)| agreed.asks(Way::In, of));
        let mut found = found.peekable();
        if found.peek().is_none() {
            return Ok(());
        }
        let value = value()?;
        for (version, agreed) in found {
            let serves = Serves { capability: asked.1.into(), version };
            agreed.check_input(&serves, of, &value)?;
        }
        Ok(())
    }

    /// Puts the names of secrets back into an input that an agent asks with: see [`Agreed::seal`].
    pub(crate) fn seal(&self, asked: (&Text, &str, Versions), known: &Redactor, value: &mut Value) {
        for (_, agreed) in self.asked(asked) {
            agreed.seal(Way::In, known, value);
        }
    }

    /// Whether a capability in Rust agrees with what is declared of it here.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn meets(
        &self,
        team: &Text,
        serves: &Serves,
        contract: fn() -> Contract,
    ) -> Result<(), String> {
        let Some(agreed) = self.of(team, serves) else { return Ok(()) };
        let Contract { input, output, .. } = contract();
        for (way, schema) in [(Way::In, input), (Way::Out, output)] {
            let Some(schema) = schema else { continue };
            let own = normal(&schema)?;
            let sides = agreed.sides(way).read().unwrap_or_else(PoisonError::into_inner);
            for side in &*sides {
                agree(&own, &side.normal).map_err(|why| {
                    let (way, serves) = (way.word(), named(serves));
                    format!("their {way} schemas of {serves} do not agree: {why}")
                })?;
            }
        }
        Ok(())
    }

    /// What is said of one version.
    pub(super) fn of(&self, team: &Text, serves: &Serves) -> Option<Arc<Agreed>> {
        if !self.is_any() {
            return None;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.said.get(&(team.clone(), serves.capability.clone()))?.get(&serves.version).cloned()
    }

    pub(super) fn asked(
        &self,
        (team, capability, versions): (&Text, &str, Versions),
    ) -> Vec<(u32, Arc<Agreed>)> {
        if !self.is_any() {
            return Vec::new();
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(served) = known.said.get(&(team.clone(), capability.into())) else {
            return Vec::new();
        };
        let served = served.iter().filter(|(version, _)| versions.contains(**version));
        served.map(|(version, agreed)| (*version, agreed.clone())).collect()
    }

    fn withdraw(&self, claim: &Claim) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (serves, agreed) in &claim.agreed {
            let mut is_empty = true;
            for way in [Way::In, Way::Out] {
                let sides = agreed.sides(way).write();
                let mut sides = sides.unwrap_or_else(PoisonError::into_inner);
                sides.iter_mut().for_each(|side| drop(side.said_by.remove(&claim.number)));
                sides.retain(|side| !side.said_by.is_empty());
                is_empty &= sides.is_empty();
            }
            let mut about = agreed.about.write().unwrap_or_else(PoisonError::into_inner);
            about.remove(&claim.number);
            is_empty &= about.is_empty();
            drop(about);
            let key = (claim.team.clone(), serves.capability.clone());
            if is_empty && let Some(served) = known.said.get_mut(&key) {
                served.remove(&serves.version);
                if served.is_empty() {
                    known.said.remove(&key);
                }
            }
        }
    }
}

/// Who says a schema, and of what.
struct Said<'a> {
    name: &'a Text,
    number: u64,
    serves: &'a Serves,
    way: Way,
    of: Option<TypeId>,
    left: &'a dyn Fn(&Text) -> bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.contracts.withdraw(self);
    }
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Way::In => "input",
            Way::Out => "output",
        }
    }
}

impl Agreed {
    pub(super) fn sides(&self, way: Way) -> &RwLock<Vec<Side>> {
        match way {
            Way::In => &self.input,
            Way::Out => &self.output,
        }
    }

    /// Whether anything is asked that serde has not checked.
    fn asks(&self, way: Way, of: Option<TypeId>) -> bool {
        let sides = self.sides(way).read().unwrap_or_else(PoisonError::into_inner);
        sides.iter().any(|side| side.is_to_check(of))
    }

    fn check(&self, way: Way, of: Option<TypeId>, value: &Value) -> Result<(), Mismatch> {
        let sides = self.sides(way).read().unwrap_or_else(PoisonError::into_inner);
        let mut asked = sides.iter().filter(|side| side.is_to_check(of));
        asked.try_for_each(|side| match &side.marks {
            Some(marks) => marks.check(value),
            None => side.schema.check(value),
        })
    }

    /// JSON pointers to the secrets of a value, if anybody has marked any.
    pub(super) fn secrets(&self, way: Way, value: &Value) -> BTreeSet<String> {
        let sides = self.sides(way).read().unwrap_or_else(PoisonError::into_inner);
        sides.iter().filter_map(|it| it.marks.as_ref()).flat_map(|it| it.places(value)).collect()
    }

    /// Whether anybody has marked a secret.
    pub(super) fn has_secrets(&self, way: Way) -> bool {
        let sides = self.sides(way).read().unwrap_or_else(PoisonError::into_inner);
        sides.iter().any(|side| side.marks.is_some())
    }

    /// Whether an input with values in the places of its secrets is what those who marked them ask
    /// for.
    pub(super) fn check_opened(&self, value: &Value) -> Result<(), Mismatch> {
        let sides = self.input.read().unwrap_or_else(PoisonError::into_inner);
        let mut marked = sides.iter().filter(|side| side.marks.is_some());
        marked.try_for_each(|side| side.schema.check(value))
    }

    /// Puts the names back where values stand that are known, in the places that are marked.
    pub(super) fn seal(&self, way: Way, known: &Redactor, value: &mut Value) {
        for path in self.secrets(way, value) {
            if let Some(said) = value.pointer_mut(&path)
                && let Some(reference) = said.as_str().and_then(|it| known.reference(it))
            {
                *said = reference.to_value();
            }
        }
    }

    /// Whether anything is asked of an output that serde has not checked.
    pub(super) fn asks_output(&self, of: Option<TypeId>) -> bool {
        self.asks(Way::Out, of)
    }

    pub(super) fn check_input(
        &self,
        serves: &Serves,
        of: Option<TypeId>,
        value: &Value,
    ) -> Result<(), Failure> {
        self.check(Way::In, of, value).map_err(|mismatch| {
            let message = format!("the input of {} does not match: {mismatch}", named(serves));
            let mismatch = Some(Box::new(mismatch));
            Failure { mismatch, ..Failure::new(FailureKind::Rejected, message) }
        })
    }

    pub(super) fn check_output(&self, of: Option<TypeId>, value: &Value) -> Result<(), Failure> {
        self.check(Way::Out, of, value).map_err(|mismatch| {
            let message = format!("output does not match: {mismatch}");
            let mismatch = Some(Box::new(mismatch));
            Failure { mismatch, ..Failure::new(FailureKind::Garbage, message) }
        })
    }
}

impl Side {
    fn is_to_check(&self, of: Option<TypeId>) -> bool {
        self.shape_of.is_none() || self.shape_of != of
    }
}

fn named(serves: &Serves) -> String {
    format!("{}@{}", serves.capability, serves.version)
}
