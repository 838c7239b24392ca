//! Which of a team's models are here: chains go on without those that cannot be called, and agents
//! without any are left out where the run can do without them.

use std::collections::{BTreeMap, BTreeSet};

use super::capabilities;
use crate::team::capability::{Asked, Capability};
use crate::team::check::Surroundings;
use crate::team::file::{Agent, Llm, TeamFile};

/// Those models of a chain that cannot be called, where others of it can, in one line each. The
/// chain stays whole: how much a conversation may hold must not hang on who has a key today.
pub(super) fn shorter_chains(
    definition: &TeamFile,
    surroundings: &dyn Surroundings,
) -> Vec<String> {
    let mut lacking: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for (name, agent) in &definition.agents {
        let Agent::Llm(Llm { model: Some(chain), .. }) = agent else { continue };
        let why = |model: &str| surroundings.lacks_model(Some(model));
        if chain.models().iter().all(|model| why(model).is_some()) {
            continue;
        }
        for model in chain.models() {
            let Some(why) = why(model) else { continue };
            let entry = lacking.entry(model.clone()).or_insert_with(|| (why, Vec::new()));
            entry.1.push(name.clone());
        }
    }
    let note = |(model, (why, agents)): (String, (String, Vec<String>))| {
        let agents = agents.join("`, `");
        format!("{model} is not asked ({why}); the other models of `{agents}` are")
    };
    lacking.into_iter().map(note).collect()
}

/// Leaves out agents whose model cannot be called, where others serve all that they serve or the
/// run can do without it: only optional steps ask for it, and they are skipped. Where neither is
/// so, the agent stays, and says itself why it cannot join. One that waits for `--model` is not
/// missed, and nothing is said of it.
pub(super) fn without(definition: &mut TeamFile, surroundings: &dyn Surroundings) -> Vec<String> {
    let lacking = |agent: &Agent| lacking(agent, surroundings);
    let able = definition.agents.values().filter(|agent| lacking(agent).is_none());
    let served: BTreeSet<Capability> = able.flat_map(capabilities).collect();
    let extra = extras(definition);
    let (mut spare, mut missed) = (LeftOut::default(), LeftOut::default());
    let mut lost = Vec::new();
    definition.agents.retain(|name, agent| {
        let Some(reason) = lacking(agent) else { return true };
        let own = capabilities(agent);
        if own.iter().all(|it| served.contains(it)) {
            spare.add(name, reason);
        } else if own.iter().all(|it| served.contains(it) || extra.contains(it)) {
            lost.extend(own);
            if matches!(agent, Agent::Llm(Llm { model: Some(_), .. })) {
                missed.add(name, reason);
            }
        } else {
            return true;
        }
        false
    });
    for step in definition.steps.values_mut().filter(|step| step.optional) {
        let Ok(asked) = Asked::parse(&step.ask) else { continue };
        let takes = |it: &Capability| asked.takes(it);
        if lost.iter().any(takes) && !served.iter().any(takes) {
            step.when = Some("false".to_owned());
        }
    }
    let notes = [spare.note("others do its work"), missed.note("the run does without")];
    notes.into_iter().flatten().collect()
}

/// Why an agent has no model that can be called, if that is so.
fn lacking(agent: &Agent, surroundings: &dyn Surroundings) -> Option<String> {
    let Agent::Llm(llm) = agent else { return None };
    let why = |model: &String| surroundings.lacks_model(Some(model));
    match &llm.model {
        None => surroundings.lacks_model(None),
        Some(chain) if chain.models().iter().any(|model| why(model).is_none()) => None,
        // Of several that are all lacking, what is said of the first is said.
        Some(chain) => chain.models().first().and_then(why),
    }
}

/// Agents that there is no model for, and why there is none for the first.
#[derive(Default)]
struct LeftOut(Vec<String>, Option<String>);

impl LeftOut {
    fn add(&mut self, name: &str, why: String) {
        self.0.push(name.to_owned());
        self.1.get_or_insert(why);
    }

    fn note(self, then: &str) -> Option<String> {
        let (names, why) = (self.0.join("`, `"), self.1?);
        Some(format!("left out, as there is no model for it: agent `{names}` ({why}); {then}"))
    }
}

/// What only optional steps ask for; what a model calls as a tool is not of it.
fn extras(definition: &TeamFile) -> BTreeSet<Capability> {
    let tools = definition.agents.values().filter_map(|agent| match agent {
        Agent::Llm(llm) => Some(llm.tools.values()),
        _ => None,
    });
    let tools = tools.flatten().flat_map(|it| std::iter::once(&it.ask).chain(&it.approval));
    let steps = definition.steps.values().map(|step| (&step.ask, step.optional));
    let asked = steps.chain(tools.map(|ask| (ask, false)));
    let asked = asked.filter_map(|(ask, optional)| Some((Asked::parse(ask).ok()?, optional)));
    let asked: Vec<(Asked, bool)> = asked.collect();
    let is_extra = |it: &Capability| {
        let mut who = asked.iter().filter(|(ask, _)| ask.takes(it)).peekable();
        who.peek().is_some() && who.all(|(_, optional)| *optional)
    };
    definition.agents.values().flat_map(capabilities).filter(is_extra).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Roster, settle};
    use super::*;
    use crate::team::check::{Anywhere, NoModels};
    use crate::team::read;

    #[test]
    fn a_model_that_cannot_be_called_is_left_out_where_others_do_its_work() {
        let team = r#"
            [agents.thinker]
            kind = "llm"
            model = "openai/gpt"
            prompt = "Think."
            serves = ["think"]
            [agents.program]
            kind = "command"
            argv = ["sh"]
            serves = ["think"]
            [agents.lonely]
            kind = "llm"
            model = "openai/gpt"
            prompt = "Think."
            serves = ["dream"]
            [steps]
            a = { ask = "think" }
            b = { ask = "dream" }
        "#;
        let definition = read("t.toml", team, &Anywhere).definition.unwrap();
        let roster = settle(definition, &NoModels);
        assert_eq!(roster.definition.agents.keys().collect::<Vec<_>>(), ["lonely", "program"]);
        assert_eq!(
            roster.notes,
            ["left out, as there is no model for it: agent `thinker` (no key); others do its work"]
        );
        assert_eq!(roster.definition.steps["a"].when, None);
    }

    /// A machine that can call the models of one provider alone.
    struct Only(&'static str);

    impl Surroundings for Only {
        fn has_program(&self, _: &str) -> bool {
            true
        }

        fn lacks_model(&self, model: Option<&str>) -> Option<String> {
            let is_there = model.is_some_and(|it| it.starts_with(self.0));
            (!is_there).then(|| format!("no key for {}", model.unwrap_or_default()))
        }
    }

    #[test]
    fn a_chain_goes_on_without_the_models_that_cannot_be_called() {
        let team = r#"
            [agents.thinker]
            kind = "llm"
            model = ["openai/gpt", "ollama/small", "ollama/large"]
            prompt = "Think."
            serves = ["think"]
            [agents.doer]
            kind = "llm"
            model = ["ollama/small", "openai/gpt"]
            prompt = "Do."
            serves = ["do"]
            [steps]
            a = { ask = "think" }
            b = { ask = "do" }
        "#;
        let definition = read("t.toml", team, &Anywhere).definition.unwrap();
        let models = |roster: &Roster| {
            let of = |agent: &Agent| match agent {
                Agent::Llm(Llm { model: Some(chain), .. }) => chain.models().join(" "),
                _ => String::new(),
            };
            roster.definition.agents.values().map(of).collect::<Vec<_>>()
        };
        let all = settle(definition.clone(), &Anywhere);
        assert_eq!(all.notes, Vec::<String>::new());
        let some = settle(definition.clone(), &Only("ollama"));
        assert_eq!(models(&some), models(&all), "what a conversation may hold stays the same");
        let said = "openai/gpt is not asked (no key for openai/gpt); the other models of `doer`, \
                    `thinker` are";
        assert_eq!(some.notes, [said]);
        let none = settle(definition, &NoModels);
        assert_eq!(models(&none), models(&all), "who can ask nobody says so itself");
    }

    #[test]
    fn a_model_that_only_optional_steps_ask_is_left_out_with_them() {
        let team = |model: &str, more: &str| {
            let team = format!(
                r#"
                [agents.editor]
                kind = "llm"
                {model}
                prompt = "Say something."
                serves = ["say"]
                [agents.other]
                kind = "command"
                argv = ["sh"]
                serves = ["do"]
                [steps]
                say = {{ ask = "say@1-2", optional = true }}
                do = {{ ask = "do", optional = true }}
                {more}
                "#
            );
            let definition = read("t.toml", &team, &Anywhere).definition.unwrap();
            let Roster { definition, notes } = settle(definition, &NoModels);
            let when = |step: &str| definition.steps[step].when.clone();
            let steps = [when("say"), when("do")];
            (definition.agents.contains_key("editor"), steps, notes)
        };
        let skipped = [Some("false".to_owned()), None];
        assert_eq!(team("", ""), (false, skipped.clone(), vec![]), "it waits for `--model`");
        let note = "left out, as there is no model for it: agent `editor` (no key); the run does \
                    without";
        let named = team("model = \"openai/gpt\"", "");
        assert_eq!(named, (false, skipped, vec![note.to_owned()]));
        for needed in [
            "more = { ask = \"say\" }",
            "[agents.asker]\nkind = \"llm\"\nprompt = \"Ask.\"\nserves = [\"ask\"]\n\
             tools = { say = { ask = \"say\" } }",
        ] {
            assert_eq!(team("", needed), (true, [None, None], vec![]), "{needed}");
        }
    }
}
