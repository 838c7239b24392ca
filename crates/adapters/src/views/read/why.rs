//! `why TASK`: why this agent got it, or why nobody has it yet.

use super::{Agent, Attempt, Reader, Task};
use crate::views::Error;
use serde::{Deserialize, Serialize};

/// The answer to "why?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The task.
    pub task: Task,
    /// Each attempt's decision, first to last.
    pub decisions: Vec<Decision>,
    /// Why it is not being worked on now; empty if it is, or if it has ended.
    pub obstacles: Vec<Obstacle>,
    /// The obstacles in sentences.
    pub waits: Vec<String>,
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
    /// Agents present that do not serve it.
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
}

/// What stands between a task and an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "obstacle", rename_all = "snake_case")]
#[allow(missing_docs)] // The names are the documentation.
pub enum Obstacle {
    Delayed { until_ms: i64, after_failure: bool },
    Awaits { what: String, until_ms: i64 },
    NobodyServes { capability: String, version: Option<String> },
    Left { agents: Vec<String> },
    Paused { agents: Vec<String> },
    BreakerOpen { agents: Vec<String>, until_ms: Option<i64> },
    Busy { agents: Vec<String>, ahead: u64 },
    Draining,
    Steps { steps: Vec<String> },
    Slot { agent: String },
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
            other => format!("{agent}: {other}"),
        };
        let excluded = [
            (self.busy, "busy"),
            (self.paused, "paused"),
            (self.breaker_open, "kept from it by a breaker"),
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
        let fallback = self.fallback.as_deref().map(|fallback| match fallback {
            "no_key" => "it has no affinity key, so the lowest load decided".to_owned(),
            "no_advice" => "no advice came in time, so the lowest load decided".to_owned(),
            "no_opinion" => "the adviser named nobody, so the lowest load decided".to_owned(),
            "advice_unfit" => {
                "nobody whom the adviser named could have it then, so the lowest load decided"
                    .to_owned()
            }
            other => other.to_owned(),
        });
        let words = self.words.as_deref().map(|words| format!("the adviser said: {words}"));
        fallback.into_iter().chain(words).collect()
    }
}

impl Obstacle {
    /// In a sentence, seen from `now_ms`.
    #[must_use]
    pub fn told(&self, now_ms: i64) -> String {
        match self {
            Obstacle::Delayed { until_ms, after_failure } => {
                let s = (until_ms - now_ms).max(0) as f64 / 1_000.0;
                let why = if *after_failure { "backing off after a failure" } else { "delayed" };
                format!("it is {why}: not before {s:.1} s from then")
            }
            Obstacle::Awaits { what, until_ms } => {
                let s = (until_ms - now_ms).max(0) as f64 / 1_000.0;
                format!("it waits for {what}: at most {s:.1} s from then")
            }
            Obstacle::NobodyServes { capability, version: None } => {
                format!("nobody serves {capability}")
            }
            Obstacle::NobodyServes { capability, version: Some(version) } => {
                format!("nobody serves {capability} at version {version}")
            }
            Obstacle::Left { agents } => format!("gone: {}", agents.join(", ")),
            Obstacle::Paused { agents } => format!("paused: {}", agents.join(", ")),
            Obstacle::BreakerOpen { agents, until_ms } => {
                let who = format!("kept from it by a breaker: {}", agents.join(", "));
                match until_ms {
                    None => who,
                    Some(until_ms) => {
                        let s = (until_ms - now_ms).max(0) as f64 / 1_000.0;
                        format!("{who}; the first is tried again in {s:.1} s")
                    }
                }
            }
            Obstacle::Busy { agents, ahead } => {
                let ahead = count(*ahead as usize, "task");
                format!(
                    "every slot is taken: {}; {ahead} of its kind came before",
                    agents.join(", ")
                )
            }
            Obstacle::Draining => "the system is draining and grants no new work".to_owned(),
            Obstacle::Steps { steps } => format!("it waits for {}", steps.join(", ")),
            Obstacle::Slot { agent } => format!("it has news and waits for a slot of {agent}"),
        }
    }
}

fn count(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

impl Reader {
    /// Why each attempt went where it went, and what an open task waits for.
    pub fn why(&self, id: u64) -> Result<Explanation, Error> {
        self.at_one_moment(|reader| {
            let task = reader.task(id)?;
            let decisions = reader.attempts(id)?.iter().map(Decision::of).collect();
            let now_ms = reader.applied_ms()?;
            let obstacles = match &*task.status {
                "queued" => reader.obstacles(&task, now_ms)?,
                "waiting" => reader.unsettled(&task)?,
                _ => Vec::new(),
            };
            let waits = obstacles.iter().map(|it| it.told(now_ms)).collect();
            Ok(Explanation { task, decisions, obstacles, waits })
        })
    }

    fn obstacles(&self, task: &Task, now_ms: i64) -> Result<Vec<Obstacle>, Error> {
        let mut found = Vec::new();
        if self.is_draining()? {
            found.push(Obstacle::Draining);
        }
        if let Some(until_ms) = task.ready_ms.filter(|at_ms| *at_ms > now_ms) {
            found.push(match task.awaits.clone().filter(|it| !it.is_empty()) {
                Some(what) => Obstacle::Awaits { what, until_ms },
                None => Obstacle::Delayed { until_ms, after_failure: task.attempts > 0 },
            });
        }
        let agents = self.agents()?;
        let able: Vec<&Agent> = agents.iter().filter(|it| may_serve(it, task)).collect();
        let named = |presence: &str| -> Vec<String> {
            let those = able.iter().filter(|it| it.presence == presence);
            those.map(|it| it.name.clone()).collect()
        };
        let (active, paused, left) = (named("active"), named("paused"), named("left"));
        if active.is_empty() && paused.is_empty() {
            let (capability, version) = (task.capability.clone(), task.version.clone());
            found.push(Obstacle::NobodyServes { capability, version });
            if !left.is_empty() {
                found.push(Obstacle::Left { agents: left });
            }
        }
        if !paused.is_empty() {
            found.push(Obstacle::Paused { agents: paused });
        }
        let (barred, until_ms) = self.barred(&task.capability, &active)?;
        if !barred.is_empty() {
            found.push(Obstacle::BreakerOpen { agents: barred.clone(), until_ms });
        }
        let is_full = |it: &&&Agent| it.presence == "active" && it.busy >= it.slots;
        let full: Vec<String> = able
            .iter()
            .filter(is_full)
            .map(|it| it.name.clone())
            .filter(|it| !barred.contains(it))
            .collect();
        if !full.is_empty() && full.len() + barred.len() == active.len() {
            let ahead = self.ahead(task)?;
            found.push(Obstacle::Busy { agents: full, ahead });
        }
        Ok(found)
    }

    /// Which of these agents get nothing of a capability just now, and when the first is tried.
    fn barred(
        &self,
        capability: &str,
        among: &[String],
    ) -> Result<(Vec<String>, Option<i64>), Error> {
        let breakers = self.breakers()?;
        let shut = breakers.iter().filter(|it| {
            let is_shut = ["open", "forced_open"].contains(&&*it.state);
            is_shut && it.capability == capability && among.contains(&it.agent)
        });
        let shut: Vec<_> = shut.collect();
        let first = shut.iter().filter_map(|it| it.until_ms).min();
        Ok((shut.iter().map(|it| it.agent.clone()).collect(), first))
    }

    /// Queued tasks of the same capability that were accepted before it.
    fn ahead(&self, task: &Task) -> Result<u64, Error> {
        let ahead = self.all(
            "select count(*) from tasks
             where status = 'queued' and ended_ms is null and capability = ?1 and id < ?2",
            (&task.capability, task.id as i64),
            |row| row.get::<_, i64>(0),
        )?;
        Ok(ahead.first().map_or(0, |it| *it as u64))
    }

    fn unsettled(&self, task: &Task) -> Result<Vec<Obstacle>, Error> {
        let steps = self.steps(task.id)?;
        let open = steps.into_iter().filter(|it| it.ended_ms.is_none() && it.kind != "once");
        let steps: Vec<String> = open.map(|it| it.step).collect();
        let agent = task.agent.clone().unwrap_or_default();
        Ok(vec![match steps.is_empty() {
            true => Obstacle::Slot { agent },
            false => Obstacle::Steps { steps },
        }])
    }
}

/// Whether an agent serves the capability, at a version that will do, for the task's team.
fn may_serve(agent: &Agent, task: &Task) -> bool {
    agent.team == task.team && agent.serves(&task.capability, task.version.as_deref())
}
