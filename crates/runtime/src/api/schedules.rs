//! Tasks that come round again.

use super::{Failure, Team};
use kernel::{Command, Missed, Overlap, Recurrence, Schedule, ScheduleSpec, Terms, Text};

/// How a schedule's tasks are handed over, and what happens when they cannot be.
#[derive(Clone, Debug, Default)]
pub struct ScheduleOptions {
    /// Each task must end within this many milliseconds.
    pub deadline_ms: Option<u64>,
    /// The purse of each task, where it differs from the limits.
    pub budget: Option<kernel::Budget>,
    /// Digest of the team definition that each task is pinned to.
    pub definition: Option<kernel::Digest>,
    /// What becomes of dues that passed while nobody could start them.
    pub missed: Missed,
    /// What happens when the task before has not ended.
    pub overlap: Overlap,
    /// The team file it stands in; empty for one set by hand.
    pub origin: String,
}

impl Team {
    /// Sets a schedule, or changes the one of this name; `input` is canonical JSON. Durable on
    /// return. Saying the same again changes nothing.
    ///
    /// # Errors
    /// `Rejected` for an expression or zone that cannot be read, or that is never due; `Limit` for
    /// what is too large or too often.
    pub async fn schedule(
        &self,
        name: &str,
        recurs: Recurrence,
        terms: Terms,
        input: Vec<u8>,
        options: ScheduleOptions,
    ) -> Result<(), Failure> {
        if let Recurrence::Calendar { cron, zone } = &recurs {
            self.reckon(cron, zone)?;
        }
        self.check_input(&terms, &input, None)?;
        self.refuse_known(&input)?;
        let spec = ScheduleSpec {
            deadline_ms: options.deadline_ms,
            budget: options.budget,
            definition: options.definition,
            missed: options.missed,
            overlap: options.overlap,
            origin: options.origin.into(),
            ..ScheduleSpec::new(name, recurs, terms, self.runtime.payload_of(input).await?)
        };
        self.command(Command::Schedule(Box::new(spec))).await.map(|_| ())
    }

    /// Removes a schedule; what it has started goes on.
    ///
    /// # Errors
    /// There is no such schedule.
    pub async fn unschedule(&self, name: &str) -> Result<(), Failure> {
        self.command(Command::Unschedule(name.into())).await.map(|_| ())
    }

    /// Nothing of it is started until it is resumed.
    ///
    /// # Errors
    /// There is no such schedule.
    pub async fn pause_schedule(&self, name: &str) -> Result<(), Failure> {
        self.command(Command::PauseSchedule(name.into())).await.map(|_| ())
    }

    /// A paused schedule goes on with the first due from now.
    ///
    /// # Errors
    /// There is no such schedule.
    pub async fn resume_schedule(&self, name: &str) -> Result<(), Failure> {
        self.command(Command::ResumeSchedule(name.into())).await.map(|_| ())
    }

    /// Every schedule, by name.
    #[must_use]
    pub fn schedules(&self) -> Vec<Schedule> {
        self.runtime().look(|kernel, _| kernel.state().schedules.values().cloned().collect())
    }

    /// Asks the calendar before anything is recorded, so that a mistake is told to whoever made it.
    fn reckon(&self, cron: &Text, zone: &Text) -> Result<u64, Failure> {
        let Some(calendar) = &self.runtime().inner.calendar else {
            return Err(Failure::rejected(
                "this program has no calendar: give the builder one, or say every how long",
            ));
        };
        calendar.next(cron, zone, calendar.wall_ms()).map_err(Failure::rejected)
    }
}
