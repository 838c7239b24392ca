//! Refusals in words: what happened, and what to do next.

use crate::{Part, QuotaOf, Reached, Refusal, TaskId, topic::Refused};
use std::fmt;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&words(self))
    }
}

fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Overloaded { retry_after_ms } => {
            format!("there is no room for more work now; ask again in {retry_after_ms} ms")
        }
        Refusal::OverQuota { quota, max, retry_after_ms } => {
            let whose = match quota {
                QuotaOf::Capability(name) => format!("capability {name}"),
                QuotaOf::Tenant(name) => format!("tenant {name:?}"),
            };
            format!(
                "{max} tasks of {whose} wait already, which is its quota; ask again in \
                 {retry_after_ms} ms, or raise it in [limits]"
            )
        }
        Refusal::Draining => "the orchestrator is shutting down and takes no new work".into(),
        Refusal::StaleToken => {
            "the lease has ended or was replaced; this attempt is no longer the one".into()
        }
        Refusal::UnknownTask(task) => {
            format!("there is no open task {task}; see `majordomo tasks`")
        }
        Refusal::UnknownAgent(agent) => {
            format!("there is no agent {agent}; see `majordomo agents`")
        }
        Refusal::UnknownName(name) => format!("no agent is named {name}; see `majordomo agents`"),
        Refusal::NotServed { agent, capability } => {
            format!("agent {agent} does not serve {capability}; ask another, or ask without a name")
        }
        Refusal::NotAsked(task) => format!("no advice is asked about task {task} any more"),
        Refusal::UnknownSchedule(name) => {
            format!("there is no schedule named {name}; see `majordomo schedule list`")
        }
        Refusal::TooOften { min_ms } => {
            format!("a schedule may come round every {min_ms} ms at most; say a longer interval")
        }
        Refusal::Topic(refused) => of_topic(refused),
        Refusal::NameTaken(name) => format!("an agent named {name} is here; choose another"),
        Refusal::KeyReused { task } => format!(
            "the idempotency key belongs to task {task}, which asks something else; use a new key"
        ),
        Refusal::Drift { step, recorded, asked } => format!(
            "step {step} is recorded as {recorded} but asked now as {asked}; the code has changed \
             since the run began: undo that, or name the new step otherwise"
        ),
        Refusal::StepNotBegun(step) => {
            format!("step {step} has a result but was never begun; say `once` first")
        }
        Refusal::Loop { ancestor } => above_itself(*ancestor),
        Refusal::PingPong { asked, by, max } => to_and_fro(asked, by, *max),
        Refusal::Repeats { asked, latest, max } => again_and_again(asked, latest, *max),
        Refusal::TooDeep { depth_max } => {
            format!("the tree of tasks is {depth_max} deep, which is the limit")
        }
        Refusal::TooMany { max } => format!("there are {max} of them, which is the limit"),
        Refusal::OverBudget { what } => {
            format!("the {what} budget does not allow it; raise it in [limits]")
        }
        Refusal::OverCeiling(reached) => of_ceiling(reached),
        Refusal::NotPermitted { capability } => {
            format!("a task above may not use {capability}, so nothing below it may")
        }
        Refusal::BadTerms { what } => format!("these terms will not do: {what}"),
        Refusal::TooLarge { max } => format!("larger than the {max} bytes allowed"),
    }
}

fn of_topic(refused: &Refused) -> String {
    match refused {
        Refused::Unknown(topic) => {
            format!("there is no durable topic {topic}; see `majordomo topics list`")
        }
        Refused::Nobody { topic, name } => format!(
            "nobody subscribes to {topic} under the name {name}; see `majordomo topics show \
             {topic}`"
        ),
        Refused::OtherTerms { topic, name } => format!(
            "{name} subscribes to {topic} on other terms; use those, take another name, or \
             unsubscribe first"
        ),
        Refused::Subscribed { topic, name } => {
            format!("{name} subscribes to {topic}; unsubscribe it first")
        }
        Refused::NotKept { first } => {
            format!("that is no longer kept; the oldest message that is has number {first}")
        }
        Refused::NotDead { seq } => format!("no dead letter has the number {seq}"),
        Refused::KeyReused { seq } => {
            format!("the key belongs to message {seq}, which says something else; use a new key")
        }
    }
}

fn above_itself(ancestor: TaskId) -> String {
    format!(
        "task {ancestor} above asked the same capability with the same input; this would not end"
    )
}

fn to_and_fro(asked: &str, by: &str, max: u32) -> String {
    format!(
        "{by} and {asked} have handed this on to each other {max} times in a row; one of them must \
         answer it, or ask somebody else"
    )
}

fn again_and_again(asked: &str, latest: &str, max: u32) -> String {
    format!(
        "a loop: this task has asked {asked} the same {max} times in a row, last as step {latest}, \
         and was told the same each time; it must go on with that, ask something else, or wait \
         before it asks again"
    )
}

/// Whose ceiling it is, what is taken of it, when it goes on, and where it is said.
fn of_ceiling(reached: &Reached) -> String {
    let whose = match reached.tenant.as_deref() {
        None => "the team".to_owned(),
        Some("") => "work without a tenant".to_owned(),
        Some(name) => format!("the tenant {name}"),
    };
    let (taken, max) = (reached.taken, reached.max);
    let (taken, field) = match reached.part {
        Part::Money => (format!("spent {} of its {} USD", usd(taken), usd(max)), "money_usd"),
        Part::Tokens => (format!("used {taken} of its {max} tokens"), "tokens"),
        Part::Calls => (format!("made {taken} of its {max} calls of models"), "calls"),
        // No ceiling bounds these.
        Part::Work | Part::Tasks => (format!("used {taken} of {max}"), reached.part.name()),
    };
    let table = match reached.tenant.as_deref() {
        None => "`day` of [ceilings]".to_owned(),
        Some(name) if reached.is_own => format!("`day` of [ceilings.tenants.{name:?}]"),
        Some(_) => "`tenant_day` of [ceilings]".to_owned(),
    };
    format!("{whose} has {taken} today; it goes on at 00:00 UTC, or raise `{field}` in {table}")
}

/// Dollars to the cent, and finer where something would be lost.
fn usd(micros: u64) -> String {
    let (dollars, rest) = (micros / 1_000_000, micros % 1_000_000);
    let fraction = format!("{rest:06}");
    let kept = fraction.trim_end_matches('0').len().max(2);
    format!("{dollars}.{}", &fraction[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_says_whose_it_is_and_when_it_goes_on() {
        let reached = |tenant: Option<&str>, is_own, part, taken, max| {
            let tenant = tenant.map(Into::into);
            Refusal::OverCeiling(Box::new(Reached { tenant, is_own, part, taken, max })).to_string()
        };
        assert_eq!(
            reached(Some("acme"), true, Part::Money, 5_000_100, 5_000_000),
            "the tenant acme has spent 5.0001 of its 5.00 USD today; it goes on at 00:00 UTC, or \
             raise `money_usd` in `day` of [ceilings.tenants.\"acme\"]"
        );
        assert_eq!(
            reached(None, false, Part::Calls, 20, 20),
            "the team has made 20 of its 20 calls of models today; it goes on at 00:00 UTC, or \
             raise `calls` in `day` of [ceilings]"
        );
        assert_eq!(
            reached(Some(""), false, Part::Tokens, 7, 6),
            "work without a tenant has used 7 of its 6 tokens today; it goes on at 00:00 UTC, or \
             raise `tokens` in `tenant_day` of [ceilings]"
        );
    }
}
