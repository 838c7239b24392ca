//! `why TASK`: why this agent got it, or why nobody has it yet.

use super::{Attempt, Obstacle, Offer, PassedOver, Reader, Step, Task};
use crate::views::Error;
use serde::{Deserialize, Serialize};

/// The answer to "why?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The task.
    pub task: Task,
    /// Each attempt's decision, first to last.
    pub decisions: Vec<Decision>,
    /// What it waited for and what was not allowed to it, in sentences.
    pub met: Vec<String>,
    /// Why it is not being worked on now; empty if it is, or if it has ended.
    pub obstacles: Vec<Obstacle>,
    /// The obstacles in sentences.
    pub waits: Vec<String>,
    /// What to do about each of them; empty where there is nothing to do but wait.
    pub next: Vec<String>,
}

/// Why one attempt went where it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// 1 for the first attempt.
    pub number: u64,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Who got it.
    pub agent: String,
    /// What tipped the scales, as the journal spells it.
    pub reason: String,
    /// The best candidates, best first; empty when there was one.
    pub candidates: Vec<Candidate>,
    /// What another policy than the plain one has to say.
    #[serde(flatten)]
    pub routing: Routing,
    /// Agents that serve it and had no free slot.
    pub busy: u64,
    /// Agents that serve it and were paused.
    pub paused: u64,
    /// Agents that serve it and were kept from it by their breakers.
    pub breaker_open: u64,
    /// Agents that serve it and did not run, or were suspected not to.
    pub down: u64,
    /// Agents that serve it and have fewer slots than it takes.
    pub too_small: u64,
    /// Agents that serve it and whose labels do not meet what it requires.
    pub wrong_labels: u64,
    /// Agents that serve it in no version that will do.
    pub wrong_version: u64,
    /// Agents present that do not serve its capability.
    pub not_serving: u64,
    /// The same in sentences.
    pub sentences: Vec<String>,
}

/// An agent that could have had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub agent: String,
    /// Its declared preference.
    pub prefer: i64,
    /// Slots in use, in 1/1024 of its slots.
    pub load: u64,
    /// What the policy gave it, where it gives points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u64>,
    /// Whether its labels are what the task wishes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wished: bool,
    /// What it bid, where it was asked for a bid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
}

/// Which policy chose, and what it did not choose by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Routing {
    /// Its name; absent for the plain one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Why it could not choose, and the lowest load did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// What an adviser said. Data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Those whom it named and who did not get it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dismissed: Vec<Dismissed>,
    /// Which round of its auction it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u64>,
    /// Those who were asked for a bid and were out of the question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
}

/// One whom an adviser named in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissed {
    /// The name. Data from an agent.
    pub name: String,
    /// Why not, as the journal spells it.
    pub why: String,
}

impl Decision {
    pub(super) fn of(attempt: &Attempt) -> Decision {
        let candidates = attempt.candidates.as_deref().unwrap_or("[]");
        let routing = attempt.routing.as_deref().unwrap_or("{}");
        let mut decision = Decision {
            number: attempt.number,
            at_ms: attempt.granted_ms,
            agent: attempt.agent.clone(),
            reason: attempt.reason.clone(),
            candidates: serde_json::from_str(candidates).unwrap_or_default(),
            routing: serde_json::from_str(routing).unwrap_or_default(),
            busy: attempt.busy,
            paused: attempt.paused,
            breaker_open: attempt.breaker_open,
            down: attempt.down,
            too_small: attempt.too_small,
            wrong_labels: attempt.wrong_labels,
            wrong_version: attempt.wrong_version,
            not_serving: attempt.not_serving,
            sentences: Vec::new(),
        };
        decision.sentences = decision.told();
        decision
    }

    fn told(&self) -> Vec<String> {
        let agent = &self.agent;
        let others = self.candidates.len().saturating_sub(1);
        let because = match &*self.reason {
            "only" => format!("{agent} was the only agent with a free slot for it"),
            "wished" => format!("{agent} has the labels that the task wishes"),
            "kept_back" => format!("{agent} was kept back until it had the room for it"),
            "room_made" => format!("less urgent work was stopped at {agent} to make room for it"),
            "preferred" => format!("{agent} is preferred to the {}", count(others, "other")),
            "least_loaded" => format!("{agent} had the lowest load of {}", others + 1),
            "longest_idle" => {
                format!("{agent} had been without new work for longest, at equal load")
            }
            "another_than_last" => {
                format!("{agent} is another than the one that had just failed it")
            }
            "addressed" => format!("it was asked of {agent} by name"),
            "two_drawn" => format!("two were drawn, and {agent} was the less loaded"),
            "best_record" => format!("{agent} had the best record of {}", others + 1),
            "explored" => format!("{agent} is little known, and this was for finding out"),
            "owns_key" => format!("its affinity key belongs to {agent}"),
            "next_for_key" => {
                format!("the owner of its key was busy for too long, and {agent} is next")
            }
            "advised" => format!("the adviser named {agent}"),
            "best_bid" => format!("{agent} made the best bid of {}", others + 1),
            other => format!("{agent}: {other}"),
        };
        let excluded = [
            (self.busy, "busy"),
            (self.paused, "paused"),
            (self.breaker_open, "kept from it by a breaker"),
            (self.down, "down or suspected to be"),
            (self.too_small, "too small for it"),
            (self.wrong_labels, "without the labels it requires"),
            (self.wrong_version, "serving another version"),
            (self.not_serving, "not serving it"),
        ];
        let excluded: Vec<String> = excluded
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        let mut sentences = vec![because];
        sentences.extend(self.routing.told());
        if !excluded.is_empty() {
            sentences.push(format!("out of the question: {}", excluded.join(", ")));
        }
        sentences
    }
}

impl Routing {
    fn told(&self) -> Vec<String> {
        let policy = self.policy.as_deref().and_then(|policy| match policy {
            "power_of_two" => Some("the team draws two for this and takes the less loaded"),
            "best_record" => Some(
                "the team takes the best record for this: a score is success squared by working \
                 time, higher is better",
            ),
            "sticky" => Some("the team keeps tasks with one affinity key at one agent"),
            "external" => Some("the team asks an adviser for this"),
            "auction" => Some(
                "the team lets agents bid for this: a score is how close price and expected time \
                 are to the best, times the expected success; higher is better",
            ),
            _ => None, // The reason says it all.
        });
        let fallback = self.fallback.as_deref().map(|fallback| match fallback {
            "no_key" => "it has no affinity key, so the lowest load decided".to_owned(),
            "no_advice" => "no advice came in time, so the lowest load decided".to_owned(),
            "no_opinion" => "the adviser named nobody, so the lowest load decided".to_owned(),
            "advice_unfit" if !self.dismissed.is_empty() => {
                "the lowest load decided instead".to_owned()
            }
            "advice_unfit" => {
                "nobody whom the adviser named could have it then, so the lowest load decided"
                    .to_owned()
            }
            "no_bidders" => "nobody who could have it bids, so the lowest load decided".to_owned(),
            "no_room_for_bids" => {
                "the limits left no room to ask for bids, so the lowest load decided".to_owned()
            }
            "no_bids" => "there was no bid to take, so the lowest load decided".to_owned(),
            "bidders_busy" => {
                "those who had bid were at other work, so the lowest load decided".to_owned()
            }
            other => other.to_owned(),
        });
        let words = self.words.as_deref().map(|words| format!("the adviser said: {words}"));
        let round = self.round.filter(|it| *it > 1);
        let round = round.map(|round| format!("it was announced {round} times by then"));
        let passed_over = self.passed_over.iter().map(PassedOver::told);
        let dismissed = self.dismissed.iter().map(Dismissed::told);
        let policy = policy.map(str::to_owned).into_iter().chain(round);
        policy.chain(dismissed).chain(fallback).chain(words).chain(passed_over).collect()
    }
}

impl Dismissed {
    fn told(&self) -> String {
        let why = match &*self.why {
            "unknown" => "there is no such agent",
            "not_serving" => "it does not serve this",
            "away" => "it was paused, on its way out, or gone",
            "barred" => "it was down, unfit for it, or kept from it",
            "busy" => "it had no free slot",
            other => other,
        };
        format!("the adviser chose {}: {why}", self.name)
    }
}

pub(super) fn count(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

impl Reader {
    /// Why each attempt went where it went, and what an open task waits for.
    pub fn why(&self, id: u64) -> Result<Explanation, Error> {
        self.at_one_moment(|reader| {
            let task = reader.task(id)?;
            let attempts = reader.attempts(id)?;
            let decisions = attempts.iter().map(Decision::of).collect();
            let now_ms = reader.applied_ms()?;
            let mut met = reader.rates(&task)?;
            if task.failure_kind.as_deref() == Some("over_budget") {
                let why = task.failure.clone().unwrap_or_default();
                met.push(format!("it could not spend more: {why}"));
            }
            let obstacles = match &*task.status {
                "queued" => reader.obstacles(&task, attempts.last(), now_ms)?,
                "waiting" => reader.unsettled(&task)?,
                _ => Vec::new(),
            };
            let waits = obstacles.iter().map(|it| it.told(now_ms)).collect();
            let next = obstacles.iter().map(|it| it.advice(id)).collect();
            Ok(Explanation { task, decisions, met, obstacles, waits, next })
        })
    }

    fn unsettled(&self, task: &Task) -> Result<Vec<Obstacle>, Error> {
        let steps = self.steps(task.id)?;
        let open = steps.into_iter().filter(|it| it.ended_ms.is_none() && it.kind != "once");
        let open: Vec<Step> = open.collect();
        if let Some(rate) = self.rate(task, &open)? {
            return Ok(vec![rate]);
        }
        let open = open.into_iter().filter(|it| !it.is_rate());
        let steps: Vec<String> = open.map(|it| it.step).collect();
        let agent = task.agent.clone().unwrap_or_default();
        Ok(vec![match steps.is_empty() {
            true => Obstacle::Slot { agent },
            false => Obstacle::Steps { steps },
        }])
    }
}
