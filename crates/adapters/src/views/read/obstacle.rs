//! What stands between a queued task and an agent: every reason with those it goes for, and what to
//! do about it.
//!
//! An agent counts once, for the first thing that keeps the task from it: what lasts is looked at
//! before what passes.

use super::why::count;
use super::{Agent, Attempt, Reader, Task};
use crate::views::Error;
use kernel::Constraint;
use serde::{Deserialize, Serialize};

/// Agents told by name for one reason; the rest is counted.
const NAMED_MAX: usize = 8;

/// What stands between a task and an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "obstacle", rename_all = "snake_case")]
#[allow(missing_docs)] // The names are the documentation.
pub enum Obstacle {
    Draining,
    Delayed {
        until_ms: i64,
        after_failure: bool,
    },
    Awaits {
        what: String,
        until_ms: i64,
    },
    /// Its last attempt was stopped for more urgent work.
    Preempted {
        agent: String,
        why: String,
    },
    /// Nobody here serves it for this team, in whatever version.
    NobodyServes {
        capability: String,
        version: Option<String>,
        team: Option<String>,
    },
    /// Agents that it cannot go to now, and why.
    Excluded(Excluded),
    /// As many tasks hold slots as the team allows for its capability, or for its tenant.
    QuotaFull {
        of: String,
        name: String,
        working: u64,
        max: u64,
    },
    Steps {
        steps: Vec<String>,
    },
    Slot {
        agent: String,
    },
    /// It is not its turn yet to call a model of which so much may be used and no more.
    Rate {
        model: String,
    },
}

/// Agents with one reason against them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excluded {
    /// What keeps the task from them.
    pub reason: Exclusion,
    /// How many there are.
    pub count: usize,
    /// The first few of them.
    pub agents: Vec<Barred>,
    /// Queued tasks of its kind that were accepted before it, where slots are what is missing.
    #[serde(skip_serializing_if = "is_zero")]
    pub ahead: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One agent that it cannot go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Barred {
    /// Who.
    pub agent: String,
    /// More about it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Why an agent is out of the question; in the order in which it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// It serves this for another team.
    OtherTeam,
    /// It has left.
    Left,
    /// It serves no version that will do.
    WrongVersion,
    /// Its labels do not meet what is required.
    WrongLabels,
    /// The task is for another agent alone.
    NotAddressed,
    /// It has fewer slots than the task takes.
    TooSmall,
    /// It is paused.
    Paused,
    /// It finishes what it has, and leaves.
    Draining,
    /// It does not run, or is suspected not to.
    Down,
    /// Its breaker keeps it from the capability.
    BreakerOpen,
    /// It has no room now.
    Busy,
}

/// A reason, and more about it in words.
type Found = (Exclusion, Option<String>);

/// What a task asks of labels.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    require: Option<Constraint>,
}

impl Exclusion {
    /// What keeps this task from an agent that serves its capability, if anything does.
    fn of(agent: &Agent, task: &Task, asked: &Asked, now_ms: i64) -> Option<Found> {
        let unmet = asked.require.as_ref().and_then(|it| it.unmet_by(&agent.labels));
        let is_other = task.addressed.as_ref().is_some_and(|only| *only != agent.name);
        let of_team = |team: &Option<String>| match team {
            Some(team) => format!("of team {team}"),
            None => "of no team".to_owned(),
        };
        Some(if agent.team != task.team {
            (Exclusion::OtherTeam, Some(of_team(&agent.team)))
        } else if !agent.is_here() {
            (Exclusion::Left, None)
        } else if !agent.serves(&task.capability, task.version.as_deref()) {
            (Exclusion::WrongVersion, Some(agent.versions_of(&task.capability)))
        } else if let Some(unmet) = unmet {
            (Exclusion::WrongLabels, Some(format!("does not meet {unmet}")))
        } else if is_other {
            (Exclusion::NotAddressed, None)
        } else if agent.slots < task.weight {
            (Exclusion::TooSmall, Some(format!("has {}", count(agent.slots as usize, "slot"))))
        } else if agent.presence == "paused" {
            (Exclusion::Paused, None)
        } else if agent.presence == "draining" {
            (Exclusion::Draining, None)
        } else if agent.life != "up" {
            let died = agent.last_exit.as_ref().map_or(String::new(), |why| format!(": {why}"));
            (Exclusion::Down, Some(format!("{}{died}", agent.life)))
        } else if let Some(breaker) = agent.barred_from(&task.capability) {
            let until =
                breaker.until_ms.map(|it| format!("tried again in {}", seconds(it - now_ms)));
            (Exclusion::BreakerOpen, until.or_else(|| Some("until an operator closes it".into())))
        } else if agent.busy + task.weight > agent.slots {
            (
                Exclusion::Busy,
                Some(format!("{} of {}", agent.busy, count(agent.slots as usize, "slot"))),
            )
        } else {
            return None;
        })
    }
}

fn seconds(ms: i64) -> String {
    format!("{:.1} s", ms.max(0) as f64 / 1_000.0)
}

impl Excluded {
    fn told(&self) -> String {
        let Excluded { reason, count: all, agents, ahead } = self;
        let is = if *all == 1 { "is" } else { "are" };
        let has = if *all == 1 { "has" } else { "have" };
        let what = match reason {
            Exclusion::OtherTeam => "serve it for another team".to_owned(),
            Exclusion::Left => format!("{has} left"),
            Exclusion::WrongVersion => "serve another version of it".to_owned(),
            Exclusion::WrongLabels => format!("{has} not the labels that it requires"),
            Exclusion::NotAddressed => format!("{is} not the one that it is for"),
            Exclusion::TooSmall => format!("{has} fewer slots than it takes"),
            Exclusion::Paused => format!("{is} paused"),
            Exclusion::Draining => format!("{is} about to leave"),
            Exclusion::Down => format!("{is} down or suspected to be"),
            Exclusion::BreakerOpen => format!("{is} kept from it by a breaker"),
            Exclusion::Busy => format!("{has} no room now"),
        };
        let name = |it: &Barred| match &it.detail {
            None => it.agent.clone(),
            Some(detail) => format!("{} ({detail})", it.agent),
        };
        let mut names: Vec<String> = agents.iter().map(name).collect();
        if let more @ 1.. = all - agents.len() {
            names.push(format!("and {more} more"));
        }
        let ahead = match ahead {
            0 => String::new(),
            ahead => format!("; {} of its kind came before", count(*ahead as usize, "task")),
        };
        let what = if *all == 1 { what.replacen("serve ", "serves ", 1) } else { what };
        format!("{} {what}: {}{ahead}", count(*all, "agent"), names.join(", "))
    }

    fn advice(&self, task: u64) -> String {
        let name = self.agents.first().map_or("NAME", |it| &it.agent);
        match self.reason {
            Exclusion::OtherTeam => format!(
                "agents serve their own team only: add one to this team, or `majordomo cancel \
                 {task}` and submit it where they are"
            ),
            Exclusion::Left => {
                "start their team again with `majordomo up`, or `majordomo resume`".to_owned()
            }
            Exclusion::WrongVersion => format!(
                "add an agent that serves the version, or `majordomo cancel {task}` and ask for \
                 one that is served"
            ),
            Exclusion::WrongLabels => format!(
                "add an agent with these labels, or `majordomo cancel {task}` and require less"
            ),
            Exclusion::NotAddressed => String::new(),
            Exclusion::TooSmall => {
                format!("`majordomo agents resize {name} SLOTS`, and `slots` in the team file")
            }
            Exclusion::Paused => format!("`majordomo agents resume {name}`"),
            Exclusion::Draining => "add another with `majordomo agents add FILE`".to_owned(),
            Exclusion::Down => match self.agents.iter().any(|it| it.is_given_up()) {
                true => format!(
                    "it died too often to be started again: `majordomo tasks --agent {name}` \
                     shows of what; mend it, then `majordomo agents restart {name}`"
                ),
                false => "wait: it is started again, or trusted again, of itself".to_owned(),
            },
            Exclusion::BreakerOpen => format!(
                "see what it failed at with `majordomo tasks --agent {name}`; `majordomo agents \
                 breaker {name} close` when it is mended"
            ),
            Exclusion::Busy => format!(
                "wait, give it more slots (`majordomo agents resize {name} SLOTS`), or add another \
                 agent (`majordomo agents add FILE`)"
            ),
        }
    }
}

impl Barred {
    fn is_given_up(&self) -> bool {
        self.detail.as_deref().is_some_and(|it| it.starts_with("given up"))
    }
}

impl Obstacle {
    /// In a sentence, seen from `now_ms`.
    #[must_use]
    pub fn told(&self, now_ms: i64) -> String {
        match self {
            Obstacle::Draining => "the system is draining and grants no new work".to_owned(),
            Obstacle::Delayed { until_ms, after_failure } => {
                let why = if *after_failure { "backing off after a failure" } else { "delayed" };
                format!("it is {why}: not before {} from then", seconds(until_ms - now_ms))
            }
            Obstacle::Awaits { what, until_ms } => {
                format!("it waits for {what}: at most {} from then", seconds(until_ms - now_ms))
            }
            Obstacle::Preempted { agent, why } => format!("it was stopped at {agent} {why}"),
            Obstacle::NobodyServes { capability, version, team } => {
                let version = version.as_ref().map(|it| format!(" at version {it}"));
                let team = team.as_ref().map(|it| format!(" in team {it}"));
                let (version, team) = (version.unwrap_or_default(), team.unwrap_or_default());
                format!("nobody serves {capability}{version}{team}")
            }
            Obstacle::Excluded(excluded) => excluded.told(),
            Obstacle::QuotaFull { of, name, working, max } => {
                format!("{working} tasks of {of} {name} are worked on, and {max} may be")
            }
            Obstacle::Steps { steps } => format!("it waits for {}", steps.join(", ")),
            Obstacle::Slot { agent } => format!("it has news and waits for a slot of {agent}"),
            Obstacle::Rate { model } => format!("it waits for the rate of {model}"),
        }
    }

    /// What to do about it; empty where there is nothing to do but wait.
    #[must_use]
    pub fn advice(&self, task: u64) -> String {
        match self {
            Obstacle::Draining => {
                "start it again with `majordomo up`, or `majordomo resume`".to_owned()
            }
            Obstacle::NobodyServes { .. } => format!(
                "add an agent that does (`majordomo agents add FILE`), or `majordomo cancel {task}`"
            ),
            Obstacle::Excluded(excluded) => excluded.advice(task),
            Obstacle::QuotaFull { .. } => "wait, or allow more of it in the team file".to_owned(),
            Obstacle::Rate { .. } => {
                "wait, or allow more of it in [models] of the team file".to_owned()
            }
            Obstacle::Delayed { .. }
            | Obstacle::Awaits { .. }
            | Obstacle::Preempted { .. }
            | Obstacle::Steps { .. }
            | Obstacle::Slot { .. } => String::new(),
        }
    }
}

impl Reader {
    /// Everything that a queued task waits for.
    pub(super) fn obstacles(
        &self,
        task: &Task,
        last: Option<&Attempt>,
        now_ms: i64,
    ) -> Result<Vec<Obstacle>, Error> {
        let mut found = Vec::new();
        let preempted = last.filter(|it| it.failure_kind.as_deref() == Some("preempted"));
        found.extend(preempted.map(|it| Obstacle::Preempted {
            agent: it.agent.clone(),
            why: it.failure.clone().unwrap_or_default(),
        }));
        if self.is_draining()? {
            found.push(Obstacle::Draining);
        }
        if let Some(until_ms) = task.ready_ms.filter(|at_ms| *at_ms > now_ms) {
            found.push(match task.awaits.clone().filter(|it| !it.is_empty()) {
                Some(what) => Obstacle::Awaits { what, until_ms },
                None => Obstacle::Delayed { until_ms, after_failure: task.attempts > 0 },
            });
        }
        found.extend(self.full_quotas(task)?);
        let agents = self.agents()?;
        let asked = task.terms.as_deref().unwrap_or("{}");
        let asked: Asked = serde_json::from_str(asked).unwrap_or_default();
        let known = agents.iter().filter(|it| {
            let is_near = it.is_here() || it.team == task.team;
            is_near && it.serves(&task.capability, None)
        });
        let known: Vec<(&Agent, Option<Found>)> =
            known.map(|it| (it, Exclusion::of(it, task, &asked, now_ms))).collect();
        if known.iter().any(|(_, why)| why.is_none()) {
            return Ok(found); // Somebody can have it.
        }
        let is_here =
            |(agent, _): &(&Agent, Option<Found>)| agent.is_here() && agent.team == task.team;
        if !known.iter().any(is_here) {
            let (capability, version) = (task.capability.clone(), task.version.clone());
            let team = task.team.clone();
            found.push(Obstacle::NobodyServes { capability, version, team });
        }
        let barred: Vec<_> = known.into_iter().filter_map(|(it, why)| Some((it, why?))).collect();
        found.extend(self.excluded(task, &barred)?);
        Ok(found)
    }

    /// Those that it cannot go to, by reason: what is nearest to an end comes first.
    fn excluded(&self, task: &Task, barred: &[(&Agent, Found)]) -> Result<Vec<Obstacle>, Error> {
        let mut reasons: Vec<Exclusion> = barred.iter().map(|(_, why)| why.0).collect();
        reasons.sort_unstable_by_key(|it| std::cmp::Reverse(*it));
        reasons.dedup();
        let mut found = Vec::new();
        for reason in reasons {
            let those: Vec<_> = barred.iter().filter(|(_, why)| why.0 == reason).collect();
            let named = those
                .iter()
                .take(NAMED_MAX)
                .map(|(agent, why)| Barred { agent: agent.name.clone(), detail: why.1.clone() });
            let ahead = if reason == Exclusion::Busy { self.ahead(task)? } else { 0 };
            let (count, agents) = (those.len(), named.collect());
            found.push(Obstacle::Excluded(Excluded { reason, count, agents, ahead }));
        }
        Ok(found)
    }

    /// Queued tasks of the same capability that were accepted before it.
    fn ahead(&self, task: &Task) -> Result<u64, Error> {
        self.count(
            "select count(*) from task_rows
             where status = 'queued' and ended_ms is null and capability = ?1 and id < ?2",
            (&task.capability, task.id as i64),
        )
    }
}
