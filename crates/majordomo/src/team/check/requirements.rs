//! What steps require of agents: it can be read, and somebody of the team meets it.

use std::collections::BTreeSet;
use std::ops::Range;

use kernel::{Constraint, Labels};
use serde_json::Value as Json;

use super::{Code, Member, Problem, Problems, Team};
use crate::team::capability::{Asked, Capability};
use crate::team::policy::Label;
use crate::team::requirement::{self, Requirement};
use crate::team::suggest;

pub(super) fn check(team: &Team<'_>, problems: &mut Problems) {
    let known: BTreeSet<String> = team.agents.values().flat_map(|agent| names(agent)).collect();
    for step in team.steps.values() {
        if problems.are_enough() {
            return;
        }
        let require = read(team, step, "require", &known, problems);
        read(team, step, "wish", &known, problems);
        let Some(Ok(asked)) = step.text("ask").map(Asked::parse) else { continue };
        // Who serves it in fact may be among those that cannot be read.
        let takes = |served: &[Capability]| served.iter().any(|it| asked.takes(it));
        if team.served().is_none_or(|served| !takes(&served)) {
            continue;
        }
        let able = team.agents.values().filter(|agent| takes(&team.served_by(agent)));
        let able: Vec<&Member<'_>> = able.collect();
        let fits =
            require.is_none_or(|require| fits(team, step, &asked, &require, &able, problems));
        if fits {
            weight(team, step, &asked, &able, problems);
        }
    }
}

/// The requirement of a field, unless it cannot be read or names a label that nobody has.
fn read(
    team: &Team<'_>,
    step: &Member<'_>,
    field: &str,
    known: &BTreeSet<String>,
    problems: &mut Problems,
) -> Option<Constraint> {
    let text = step.text(field)?;
    let path = step.field(field);
    let place = |part: Range<usize>| team.document.part_at(&path, part);
    let Requirement { constraint, labels } = match requirement::parse(text) {
        Ok(read) => read,
        Err(error) => {
            let at = place(error.at);
            let message = format!("`{field}` cannot be read: {}", error.message);
            problems.push(Problem::error(Code::Requirement, at, message).help(error.help));
            return None;
        }
    };
    let mut all_known = true;
    for (label, at) in labels.into_iter().filter(|(label, _)| !known.contains(label)) {
        all_known = false;
        let at = place(at);
        let message = format!("no agent of this file has a label `{label}`");
        let problem = Problem::warning(Code::NobodyFits, at.clone(), message);
        let names = || known.iter().map(String::as_str);
        problems.push(match suggest::nearest(&label, names()) {
            Some(meant) => problem.replace(format!("did you mean `{meant}`?"), at, meant),
            None if known.is_empty() => {
                problem.help(format!("say it of an agent: `labels = {{ {label} = true }}`"))
            }
            None => problem.help(format!("the labels are {}", suggest::list(names(), 20))),
        });
    }
    all_known.then_some(constraint)
}

/// Whether one of those that serve it meets it.
fn fits(
    team: &Team<'_>,
    step: &Member<'_>,
    asked: &Asked,
    require: &Constraint,
    able: &[&Member<'_>],
    problems: &mut Problems,
) -> bool {
    if able.iter().any(|agent| require.is_met_by(&labels(agent))) {
        return true;
    }
    let at = team.document.value_at(&step.field("require"));
    let message = format!("no agent of this file that serves `{asked}` meets this");
    let mut problem = Problem::warning(Code::NobodyFits, at, message);
    for agent in able.iter().take(3) {
        if let Some(unmet) = require.unmet_by(&labels(agent)) {
            let at = team.document.key_at(&agent.path);
            problem = problem.also(at, format!("does not meet `{unmet}`"));
        }
    }
    problems.push(problem.help("its tasks would wait until an agent joins that does"));
    false
}

/// A task that takes more slots than anybody has waits for ever.
fn weight(
    team: &Team<'_>,
    step: &Member<'_>,
    asked: &Asked,
    able: &[&Member<'_>],
    problems: &mut Problems,
) {
    let whole = |member: &Member<'_>, field: &str| match member.fields.get(field) {
        None => Some(1),
        Some(value) => value.as_u64(),
    };
    let Some(weight) = whole(step, "weight") else { return };
    let slots: Option<Vec<u64>> = able.iter().map(|agent| whole(agent, "slots")).collect();
    let Some(most) = slots.and_then(|slots| slots.into_iter().max()) else { return };
    if weight > most {
        let at = team.document.value_at(&step.field("weight"));
        let message = format!("no agent of this file that serves `{asked}` has {weight} slots");
        let problem = Problem::warning(Code::NobodyFits, at, message);
        problems.push(problem.help(format!("the most that one has is {most}; raise its `slots`")));
    }
}

fn names(agent: &Member<'_>) -> Vec<String> {
    let labels = agent.fields.get("labels").and_then(Json::as_object);
    labels.into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

fn labels(agent: &Member<'_>) -> Labels {
    let labels = agent.fields.get("labels").and_then(Json::as_object).into_iter().flatten();
    let read = labels.filter_map(|(name, value)| {
        let label: Label = serde_json::from_value(value.clone()).ok()?;
        Some((name.as_str().into(), kernel::Label::from(&label)))
    });
    read.collect()
}
