//! The schedules of a team file, set as long as they stand there.
//!
//! Each says in the journal which team it comes from. So those that a file has no more can be told
//! from what was set by hand, and are removed; nobody's schedule is taken by another's name.

use super::{Error, Own, Session, budget};
use crate::calendar::{System, own_zone};
use crate::crew;
use crate::team::capability::Capability;
use crate::team::file::TeamFile;
use crate::team::schedule::{Missed, Overlap, Schedule};
use kernel::{Class, Recurrence, Terms, Versions};
use runtime::api::ScheduleOptions;
use runtime::port::Calendar;

/// A schedule as the runtime is told.
pub(super) struct Due {
    name: String,
    recurs: Recurrence,
    terms: Terms,
    input: Vec<u8>,
    options: ScheduleOptions,
}

impl Session {
    /// Those of the definition are set, and those that it has no more are removed. Saying what is
    /// set already changes nothing.
    ///
    /// # Errors
    /// A name that somebody else's schedule has; a time that cannot be read.
    pub(super) async fn set_schedules(&self, own: &Own, file: &TeamFile) -> Result<(), Error> {
        self.check_schedules(own, file)?;
        let dues: Vec<Due> = file.schedules.iter().map(|it| due(own, file, it)).collect();
        let set = self.team.schedules();
        for Due { name, recurs, terms, input, options } in dues {
            let done = self.team.schedule(&name, recurs, terms, input, options).await;
            done.map_err(|why| refused(&name, why.message))?;
        }
        let ours = set.iter().filter(|it| *it.spec.origin == *own.name);
        for gone in ours.filter(|it| !file.schedules.contains_key(&*it.spec.name)) {
            let name = &gone.spec.name;
            let done = self.team.unschedule(name).await;
            done.map_err(|why| refused(name, why.message))?;
        }
        Ok(())
    }

    /// Whether those of the definition can be set.
    ///
    /// # Errors
    /// As for setting them.
    pub(super) fn check_schedules(&self, own: &Own, file: &TeamFile) -> Result<(), Error> {
        let set = self.team.schedules();
        for (name, said) in &file.schedules {
            let other = set.iter().find(|it| *it.spec.name == **name);
            if let Some(other) = other.filter(|it| *it.spec.origin != *own.name) {
                return Err(refused(name, taken(name, &other.spec.origin)));
            }
            if let Some(cron) = &said.cron {
                let zone = said.zone.clone().unwrap_or_else(own_zone);
                let next = System.next(cron, &zone, System.wall_ms());
                next.map_err(|why| refused(name, why))?;
            }
        }
        Ok(())
    }
}

fn refused(name: &str, why: String) -> Error {
    Error::Schedule { name: name.to_owned(), why }
}

fn taken(name: &str, origin: &str) -> String {
    let whose = match origin {
        "" => "was set by hand".to_owned(),
        team => format!("belongs to the team {team}"),
    };
    format!(
        "a schedule of this name {whose}: call this one otherwise, or say `majordomo schedule \
         remove {name}`"
    )
}

fn due(own: &Own, file: &TeamFile, (name, said): (&String, &Schedule)) -> Due {
    let recurs = match (&said.cron, said.every) {
        (None, Some(every)) => Recurrence::Every { ms: every.as_ms() },
        (cron, _) => Recurrence::Calendar {
            cron: cron.as_deref().unwrap_or_default().trim().into(),
            zone: said.zone.clone().unwrap_or_else(own_zone).into(),
        },
    };
    let asked = said.ask.as_deref().and_then(|ask| Capability::parse(ask).ok());
    let runs_steps = asked.is_none();
    let asked = asked.unwrap_or(Capability { name: crew::capability(&own.name), version: 1 });
    let mut terms = Terms::new(asked.name);
    terms.versions = Versions::exactly(asked.version);
    terms.team = own.scope.as_str().into();
    terms.class = said.class.map(Class::from).unwrap_or_default();
    terms.tenant = said.tenant.clone().unwrap_or_default().into();
    let options = ScheduleOptions {
        deadline_ms: said.timeout.map(|it| it.as_ms()),
        budget: runs_steps.then(|| budget(file)),
        definition: runs_steps.then(|| own.definition().digest),
        missed: match said.missed {
            Missed::Skip => kernel::Missed::Skip,
            Missed::Once => kernel::Missed::Once,
            Missed::All => kernel::Missed::All,
        },
        overlap: match said.overlap {
            Overlap::Allow => kernel::Overlap::Allow,
            Overlap::Skip => kernel::Overlap::Skip,
            Overlap::QueueOne => kernel::Overlap::QueueOne,
            Overlap::CancelPrevious => kernel::Overlap::CancelPrevious,
        },
        origin: own.name.clone(),
    };
    let input = said.input.clone().unwrap_or_default();
    let input = runtime::canonical::to_bytes(&input).unwrap_or_default();
    Due { name: name.clone(), recurs, terms, input, options }
}
