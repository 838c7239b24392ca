//! Schedules come, change and go; the wall clock is set; calendars answer late, twice, or not
//! before the process dies.

use super::{Happening, To, World};
use crate::fault::Fault;
use crate::program::{self, Input};
use kernel::{Command, Missed, Overlap, Recurrence, ScheduleSpec, Terms, Text};

/// Wall time at true time 0, before anybody sets the clock.
const WALL_MS: u64 = 1_700_000_000_000;

/// The calendar of this world: `N` milliseconds is due at every multiple of N; `0` never is.
pub(crate) fn calendar(cron: &str, after: u64) -> Result<u64, Text> {
    match cron.parse::<u64>() {
        Ok(0) | Err(_) => Err("it is never due".into()),
        Ok(ms) => Ok((after / ms + 1) * ms),
    }
}

impl World {
    /// What the wall clock says.
    pub(super) fn wall_ms(&self) -> u64 {
        (WALL_MS + self.now).saturating_add_signed(self.wall_shift)
    }

    /// Somebody does something about schedules.
    pub(super) fn schedule_turn(&mut self) {
        if self.strikes(Fault::WallClockSet) {
            let by = self.rng.between(0, 3_600_000) as i64 - 1_800_000;
            self.wall_shift += by;
        }
        if self.rng.chance(300) {
            let wall_ms = self.wall_ms();
            self.command(Command::WallClock { wall_ms }, To::Nobody);
        }
        if !self.has_schedules || !self.rng.chance(250) {
            return;
        }
        let name: Text = format!("schedule-{}", self.rng.below(3)).into();
        let command = match self.rng.below(10) {
            0..=5 => Command::Schedule(Box::new(self.draw_schedule(name))),
            6 => Command::Unschedule(name),
            7 => Command::PauseSchedule(name),
            _ => Command::ResumeSchedule(name),
        };
        self.command(command, To::Nobody);
    }

    fn draw_schedule(&mut self, name: Text) -> ScheduleSpec {
        let rng = &mut self.rng;
        let ms = rng.between(500, 20_000);
        let recurs = if rng.chance(500) {
            Recurrence::Every { ms }
        } else {
            let cron = if rng.chance(30) { 0 } else { ms };
            Recurrence::Calendar { cron: cron.to_string().into(), zone: "UTC".into() }
        };
        let mut terms = Terms::new(program::capability(rng));
        terms.retry = program::retry(rng);
        let input = Input::draw(rng, 1).payload();
        ScheduleSpec {
            deadline_ms: rng.chance(300).then(|| rng.between(1_000, 60_000)),
            missed: [Missed::Skip, Missed::Once, Missed::All][rng.below(3) as usize],
            overlap: [Overlap::Allow, Overlap::Skip, Overlap::QueueOne, Overlap::CancelPrevious]
                [rng.below(4) as usize],
            ..ScheduleSpec::new(name, recurs, terms, input)
        }
    }

    /// The kernel asks a calendar; the answer takes a while, and dies with the process.
    pub(super) fn reckon(&mut self, schedule: Text, cron: Text, after: u64) {
        let Some(process) = &self.process else { return };
        let serial = process.serial;
        let late = self.strikes(Fault::CalendarLate);
        let delay = if late { self.rng.between(100, 60_000) } else { self.rng.between(0, 5) };
        let asked = (schedule, cron);
        if self.strikes(Fault::CalendarTwice) {
            let again = self.rng.between(1, 40_000);
            let answer = Happening::Reckoned(serial, asked.clone(), after);
            self.at(delay + again, answer);
        }
        self.at(delay, Happening::Reckoned(serial, asked, after));
    }

    /// The calendar answers.
    pub(super) fn calendar_says(&mut self, (schedule, cron): (Text, Text), after: u64) {
        let next = calendar(&cron, after);
        let recurs = Recurrence::Calendar { cron, zone: "UTC".into() };
        let answer = Command::Reckoned { schedule, recurs, after_wall_ms: after, next };
        self.command(answer, To::Nobody);
    }

    /// Nothing comes round any more, so that what is open can end.
    pub(super) fn end_schedules(&mut self) {
        let names: Vec<Text> = self.process.as_ref().map_or_else(Vec::new, |process| {
            process.kernel.state().schedules.keys().cloned().collect()
        });
        for name in names {
            self.command(Command::Unschedule(name), To::Nobody);
        }
    }
}
