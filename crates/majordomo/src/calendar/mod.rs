//! Calendars: cron expressions in time zones, and the machine's clock.
//!
//! The kernel compares milliseconds and asks here when the next due is. Zones come from the
//! system's time zone database, so a rule that a parliament changes is obeyed once the system knows
//! it.

mod cron;
mod next;

pub use cron::{Cron, Error};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use runtime::port::calendar::{Calendar, system_wall_ms};

/// The calendar of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Calendar for System {
    fn wall_ms(&self) -> u64 {
        system_wall_ms()
    }

    fn next(&self, cron: &str, zone: &str, after_wall_ms: u64) -> Result<u64, String> {
        let cron = Cron::parse(cron).map_err(|error| error.to_string())?;
        let zone = time_zone(zone)?;
        let after = i64::try_from(after_wall_ms).ok().map(Timestamp::from_millisecond);
        let after = after.and_then(Result::ok).ok_or("the wall clock is beyond every calendar")?;
        let next = cron.next(&zone, after).ok_or_else(|| {
            format!("`{cron}` names no day that comes within the next hundred years")
        })?;
        u64::try_from(next.as_millisecond()).map_err(|_| "it is due before 1970".to_owned())
    }
}

/// The zone of this name, `Europe/Berlin` or `UTC`; empty for the machine's own.
///
/// # Errors
/// The database of the system has no such zone.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    match name {
        "UTC" => Ok(TimeZone::UTC),
        "" => Ok(TimeZone::system()),
        _ => TimeZone::get(name).map_err(|_| {
            format!(
                "there is no time zone `{name}` on this machine: write one of the system's \
                 database, as in `Europe/Berlin` or `UTC` (see /usr/share/zoneinfo, package tzdata)"
            )
        }),
    }
}

/// The name of the machine's own zone, as it is written down when a schedule is set without one, so
/// that it means the same wherever the data is opened later. `UTC` where the machine has none.
#[must_use]
pub fn own_zone() -> String {
    TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
}
