//! Requests about schedules.

use super::Response;
use crate::Team;
use kernel::{Class, Missed, Overlap, Recurrence, Terms};
use runtime::api::{Failure, Result, ScheduleOptions, asked};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A schedule as it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewSchedule {
    /// Unique; one of this name is changed.
    pub name: String,
    /// Five fields; or say `every_ms`.
    #[serde(default)]
    pub cron: Option<String>,
    /// The time zone they are meant in; that of the machine that asks.
    #[serde(default)]
    pub zone: Option<String>,
    /// How often; or say `cron`.
    #[serde(default)]
    pub every_ms: Option<u64>,
    /// `text.count` or `text.count@1`.
    pub capability: String,
    /// Any JSON.
    pub input: Value,
    /// How urgent.
    #[serde(default)]
    pub class: Class,
    /// Each task must end within this many milliseconds.
    #[serde(default)]
    pub deadline_ms: Option<u64>,
    /// What becomes of dues that passed.
    #[serde(default)]
    pub missed: Missed,
    /// What happens while the task before runs.
    #[serde(default)]
    pub overlap: Overlap,
}

impl NewSchedule {
    /// How often it comes round.
    ///
    /// # Errors
    /// Both ways of saying it, or neither.
    pub fn recurrence(&self) -> Result<Recurrence> {
        match (&self.cron, self.every_ms) {
            (Some(cron), None) => {
                let zone = self.zone.clone().unwrap_or_else(crate::calendar::own_zone);
                Ok(Recurrence::Calendar { cron: cron.trim().into(), zone: zone.into() })
            }
            (None, Some(ms)) => Ok(Recurrence::Every { ms }),
            (Some(_), Some(_)) => {
                Err(Failure::rejected("say either a cron expression or an interval"))
            }
            (None, None) => Err(Failure::rejected(
                "say when: a cron expression (`0 9 * * 1-5`) or an interval (`5m`)",
            )),
        }
    }
}

pub(super) async fn set(work: &Team, team: &str, new: NewSchedule) -> Result<Response> {
    let known = work.schedules().into_iter().find(|it| *it.spec.name == *new.name);
    if let Some(origin) = known.map(|it| it.spec.origin).filter(|it| !it.is_empty()) {
        return Err(Failure::rejected(format!(
            "schedule {} stands in the file of the team {origin}: change it there, or take another \
             name",
            new.name
        )));
    }
    let recurs = new.recurrence()?;
    let (name, versions) = asked(&new.capability)?;
    let (team, class) = (team.into(), new.class);
    let terms = Terms { versions, team, class, ..Terms::new(name) };
    let options = ScheduleOptions {
        deadline_ms: new.deadline_ms,
        missed: new.missed,
        overlap: new.overlap,
        ..ScheduleOptions::default()
    };
    let input = runtime::canonical::to_bytes(&new.input)?;
    work.schedule(&new.name, recurs, terms, input, options).await?;
    Ok(Response::Done)
}
