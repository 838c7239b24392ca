//! `[routing]` for this machine: what holds for everything, capability by capability, and an agent
//! for each model that assigns tasks.
//!
//! A model that routes is an agent that serves `route`, as any other adviser is: `policy = "llm"`
//! is a short way to write one. It is written out before the run is pinned, so that the pinned
//! definition speaks for itself.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Surroundings;
use super::file::{Agent, Common, Llm, TeamFile};
use super::llm::{Chain, History};
use super::policy::{Choice, Restart, Routing};
use super::quantity::Money;
use super::roster;

/// The name in `[routing]` that stands for every capability that has no own.
pub(crate) const EVERYTHING: &str = "*";

/// What agents serve to route, and what a person is asked of a step that may have happened: these
/// are given to whoever is there.
const PLAIN: [&str; 3] = ["route", "bid", runtime::api::DECIDE];

/// Tasks that one model assigns at once; it only waits meanwhile.
const SLOTS: u32 = 64;

/// Writes it out; says in one line each which models there are none for.
pub(super) fn settle(definition: &mut TeamFile, surroundings: &dyn Surroundings) -> Vec<String> {
    spread(definition);
    let served: BTreeSet<String> = served(definition).collect();
    let mut advisers: BTreeMap<(String, String), (f64, Vec<String>)> = BTreeMap::new();
    let mut lacking: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (capability, routing) in &mut definition.routing {
        let Choice::Llm { model, confidence_min, .. } = &routing.0 else { continue };
        let own = format!("route.{capability}");
        if served.contains(&own) {
            continue; // Somebody of the file advises on it.
        }
        let lacks = surroundings.lacks_model(model.as_deref());
        let why = if cfg!(feature = "llm") { lacks } else { Some("it has no models".to_owned()) };
        match (model, why) {
            (Some(model), None) => {
                let id = (model.clone(), confidence_min.to_string());
                let adviser = advisers.entry(id).or_insert((*confidence_min, Vec::new()));
                adviser.1.push(own);
            }
            (_, why) => {
                let why = why.unwrap_or_else(|| "no `model` is said".to_owned());
                lacking.entry(why).or_default().push(capability.clone());
                *routing = Routing(Choice::LeastLoaded);
            }
        }
    }
    for ((model, _), (confidence_min, serves)) in advisers {
        let name = free_name(&definition.agents);
        definition.agents.insert(name, adviser(model, confidence_min, serves));
    }
    let note = |(why, capabilities): (String, Vec<String>)| {
        let capabilities = capabilities.join("`, `");
        format!("no model assigns `{capabilities}` ({why}); the lowest load decides")
    };
    lacking.into_iter().map(note).collect()
}

/// `"*"` for each capability that is served and has no own entry.
fn spread(definition: &mut TeamFile) {
    let Some(all) = definition.routing.remove(EVERYTHING) else { return };
    let is_plain = |name: &String| PLAIN.contains(&&**name) || name.starts_with("route.");
    let served: BTreeSet<String> = served(definition).filter(|name| !is_plain(name)).collect();
    for name in served {
        definition.routing.entry(name).or_insert_with(|| all.clone());
    }
}

fn served(definition: &TeamFile) -> impl Iterator<Item = String> {
    definition.agents.values().flat_map(roster::capabilities).map(|it| it.name)
}

fn free_name(taken: &BTreeMap<String, Agent>) -> String {
    let names = std::iter::once("router".to_owned()).chain((2..).map(|n| format!("router-{n}")));
    let mut free = names.filter(|name| !taken.contains_key(name));
    free.next().expect("there is always one more number")
}

fn adviser(model: String, confidence_min: f64, serves: Vec<String>) -> Agent {
    let (prompt, schema) = told();
    let common = Common {
        serves,
        about: Some("assigns tasks to agents".to_owned()),
        slots: SLOTS,
        timeout: None,
        labels: BTreeMap::new(),
        prefer: 0,
        price_usd: Money::default(),
        restart: Restart::default(),
        shutdown: None,
        bus: None,
        secrets: Vec::new(),
    };
    Agent::Llm(Llm {
        model: Some(Chain::One(model)),
        prompt: prompt.to_owned(),
        examples: Vec::new(),
        history: History::default(),
        tools: BTreeMap::new(),
        schema: Some(schema),
        temperature: None,
        turns: 2,
        repairs: 1,
        confidence_min: Some(confidence_min),
        output_tokens: None,
        stream: false,
        common,
    })
}

#[cfg(feature = "llm")]
fn told() -> (&'static str, serde_json::Value) {
    (adapters::agent::llm::ADVISER_PROMPT, adapters::agent::llm::advice_schema())
}

#[cfg(not(feature = "llm"))]
fn told() -> (&'static str, serde_json::Value) {
    ("", serde_json::Value::Bool(true)) // Nobody is made that would be told so.
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team::check::{Anywhere, NoModels};
    use crate::team::read;

    const TEAM: &str = r#"
        [agents]
        a = { kind = "command", argv = ["a"], serves = ["x", "y"], about = "is quick" }
        b = { kind = "command", argv = ["b"], serves = ["x", "y", "z", "bid"] }
        router = { kind = "command", argv = ["r"], serves = ["route"] }
        [routing]
        "*" = { policy = "llm", model = "ollama/small" }
        x = { policy = "llm", model = "ollama/large", deadline = "3s", confidence_min = 0.8 }
        z = "power_of_two"
    "#;

    fn settled(surroundings: &dyn Surroundings) -> (TeamFile, Vec<String>) {
        let read = read("t.toml", TEAM, &Anywhere);
        let said = read.render(false);
        let mut file = read.definition.unwrap_or_else(|| panic!("{said}"));
        assert_eq!(said, "");
        let notes = settle(&mut file, surroundings);
        (file, notes)
    }

    #[test]
    fn each_model_is_one_agent_that_advises_on_its_capabilities_alone() {
        let (file, notes) = settled(&Anywhere);
        assert!(notes.is_empty(), "{notes:?}");
        let advisers: Vec<_> = file
            .agents
            .iter()
            .filter_map(|(name, agent)| match agent {
                Agent::Llm(it) => {
                    Some((&**name, it.model.as_ref()?.first(), it.confidence_min?, agent))
                }
                _ => None,
            })
            .map(|(name, model, min, agent)| (name, model, min, agent.common().serves.clone()))
            .collect();
        let expected = [
            ("router-2", "ollama/large", 0.8, vec!["route.x".to_owned()]),
            ("router-3", "ollama/small", 0.5, vec!["route.y".to_owned()]),
        ];
        assert_eq!(advisers, expected);
        let policies = crate::team::govern::policies(&file, &str::to_owned);
        let of = |name: &str| policies.capabilities.get(name).map(|it| it.routing);
        assert_eq!(of("x"), Some(kernel::Policy::External { wait_ms: 3_000 }));
        assert_eq!(of("y"), Some(kernel::Policy::External { wait_ms: 10_000 }));
        assert_eq!((of("z"), of("bid")), (Some(kernel::Policy::PowerOfTwo), None));
        let mut again = file.clone();
        assert!(settle(&mut again, &Anywhere).is_empty());
        assert_eq!(again, file, "written out once");
    }

    #[test]
    fn without_the_model_the_lowest_load_decides_and_it_is_said() {
        let (file, notes) = settled(&NoModels);
        let said = "no model assigns `x`, `y` (no key); the lowest load decides";
        assert_eq!(notes, [said]);
        assert_eq!(file.routing["x"], Routing(Choice::LeastLoaded));
        assert_eq!(file.agents.len(), 3);
    }
}
