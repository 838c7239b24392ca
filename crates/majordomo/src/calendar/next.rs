//! The next due of a cron expression in a time zone, also where the clocks are changed.
//!
//! What is meant by a *fixed* hour (`30 2 * * *`) happens once a day: where the clocks are put
//! forward over it, at the first moment after the gap; where they are put back over it, at the
//! first of the two. What is meant by *every* hour (`*/15 * * * *`, `0 */2 * * *`) goes by time
//! that passes: nothing happens in a gap, and an hour that comes twice has its dues twice. This is
//! what Vixie cron does, as Debian ships it.

use super::cron::Cron;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, Zoned};

/// How many days are looked through. The 29th of February on a given weekday comes within forty
/// years, whatever century lies between.
const DAYS_MAX: u32 = 36_525;

impl Cron {
    /// The first due after a moment; `None` if no day within a hundred years is one.
    #[must_use]
    pub fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        // The day before is looked at too: what fell into a gap at its end is due on this one.
        let mut date = after.to_zoned(zone.clone()).date().yesterday().ok()?;
        for _ in 0..DAYS_MAX {
            if self.is_day(date)
                && let Some(due) = self.on_day(zone, date, after)
            {
                return Some(due);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// Whether it is due on this day at all.
    fn is_day(&self, date: Date) -> bool {
        if self.months & 1 << date.month() == 0 {
            return false;
        }
        let day = self.days & 1 << date.day() != 0;
        let weekday = self.weekdays & 1 << date.weekday().to_sunday_zero_offset() != 0;
        if self.any_day || self.any_weekday { day && weekday } else { day || weekday }
    }

    /// The first due of a day that lies after a moment.
    fn on_day(&self, zone: &TimeZone, date: Date, after: Timestamp) -> Option<Timestamp> {
        if self.every_hour {
            return self.by_time(zone, date, after);
        }
        let hours = (0..24_i8).filter(|hour| self.hours & 1 << hour != 0);
        let minutes = (0..60_i8).filter(|minute| self.minutes & 1 << minute != 0);
        let times = hours.flat_map(|hour| minutes.clone().map(move |minute| (hour, minute)));
        times.map(|(hour, minute)| at(zone, date, hour, minute)).find(|due| *due > after)
    }

    /// The same, minute by minute as they pass.
    fn by_time(&self, zone: &TimeZone, date: Date, after: Timestamp) -> Option<Timestamp> {
        let begin = date.to_zoned(zone.clone()).ok()?;
        let mut moment = match after.to_zoned(zone.clone()) {
            now if now.date() == date => next_minute(&now)?,
            _ => begin,
        };
        while moment.date() <= date {
            let (hour, minute) = (moment.hour(), moment.minute());
            let is_hour = self.hours & 1 << hour != 0;
            if is_hour && self.minutes & 1 << minute != 0 && moment.timestamp() > after {
                return Some(moment.timestamp());
            }
            moment = next_minute(&moment)?;
        }
        None
    }
}

fn next_minute(moment: &Zoned) -> Option<Zoned> {
    let into_ms = i64::from(moment.second()) * 1_000 + i64::from(moment.millisecond());
    let rest = Span::new().milliseconds(60_000 - into_ms);
    let next = moment.timestamp().checked_add(rest).ok()?;
    Some(next.to_zoned(moment.time_zone().clone()))
}

/// The moment that a clock on the wall means: the first, where it shows the time twice; the end of
/// the gap, where it never shows it.
fn at(zone: &TimeZone, date: Date, hour: i8, minute: i8) -> Timestamp {
    let clock = date.at(hour, minute, 0, 0);
    let meant = zone.to_ambiguous_timestamp(clock);
    let gap = matches!(meant.offset(), AmbiguousOffset::Gap { .. });
    let last = Timestamp::MAX;
    if gap {
        let before = meant.earlier().unwrap_or(last);
        let ends = zone.following(before).next().map(|change| change.timestamp());
        return ends.unwrap_or(last);
    }
    meant.earlier().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::time_zone;

    /// The dues after a moment, as a clock in that zone shows them.
    fn dues(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let (cron, zone) = (Cron::parse(cron).unwrap(), time_zone(zone).unwrap());
        let mut at: Timestamp = after.parse().unwrap();
        let mut shown = Vec::new();
        for _ in 0..count {
            let Some(next) = cron.next(&zone, at) else { break };
            assert!(next > at);
            at = next;
            shown.push(at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M %:z").to_string());
        }
        shown
    }

    #[test]
    fn working_days_at_nine() {
        let found = dues("0 9 * * 1-5", "Europe/Berlin", "2026-11-27T08:00:00Z", 3);
        assert_eq!(
            found,
            [
                "Mon 2026-11-30 09:00 +01:00",
                "Tue 2026-12-01 09:00 +01:00",
                "Wed 2026-12-02 09:00 +01:00"
            ]
        );
    }

    #[test]
    fn a_due_is_after_the_moment_not_at_it() {
        let found = dues("0 9 * * *", "UTC", "2026-11-27T09:00:00Z", 1);
        assert_eq!(found, ["Sat 2026-11-28 09:00 +00:00"]);
        let found = dues("* * * * *", "UTC", "2026-11-27T09:00:00.001Z", 1);
        assert_eq!(found, ["Fri 2026-11-27 09:01 +00:00"]);
    }

    /// Either field of days will do when both choose, as in Vixie cron; else both must.
    #[test]
    fn days_of_the_month_and_of_the_week() {
        let either = dues("0 0 13 * FRI", "UTC", "2026-11-01T00:00:00Z", 3);
        assert_eq!(
            either,
            [
                "Fri 2026-11-06 00:00 +00:00",
                "Fri 2026-11-13 00:00 +00:00",
                "Fri 2026-11-20 00:00 +00:00"
            ]
        );
        let both = dues("0 0 */2 * FRI", "UTC", "2026-11-01T00:00:00Z", 2);
        assert_eq!(both, ["Fri 2026-11-13 00:00 +00:00", "Fri 2026-11-27 00:00 +00:00"]);
        let leap = dues("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1);
        assert_eq!(leap, ["Fri 2104-02-29 00:00 +00:00"]); // 2100 has none.
        assert!(dues("0 0 30 2 *", "UTC", "2026-01-01T00:00:00Z", 1).is_empty());
    }

    /// 29 March 2026 in Berlin: from 01:59 to 03:00.
    #[test]
    fn clocks_put_forward() {
        let fixed = dues("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(fixed, ["Sun 2026-03-29 03:00 +02:00", "Mon 2026-03-30 02:30 +02:00"]);
        let several = dues("0,30 2,3 29 3 *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(several, ["Sun 2026-03-29 03:00 +02:00", "Sun 2026-03-29 03:30 +02:00"]);
        let passing = dues("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2);
        assert_eq!(passing, ["Sun 2026-03-29 01:30 +01:00", "Sun 2026-03-29 03:30 +02:00"]);
    }

    /// 25 October 2026 in Berlin: 02:00 to 02:59 comes twice.
    #[test]
    fn clocks_put_back() {
        let fixed = dues("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(fixed, ["Sun 2026-10-25 02:30 +02:00", "Mon 2026-10-26 02:30 +01:00"]);
        let passing = dues("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3);
        assert_eq!(
            passing,
            [
                "Sun 2026-10-25 02:30 +02:00",
                "Sun 2026-10-25 02:30 +01:00",
                "Sun 2026-10-25 03:30 +01:00"
            ]
        );
    }

    /// Where clocks are changed at midnight a day has no 00:00; what is meant by it comes.
    #[test]
    fn a_day_without_a_midnight() {
        let found = dues("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", 2);
        assert_eq!(found, ["Sun 2026-09-06 01:00 -03:00", "Mon 2026-09-07 00:00 -03:00"]);
    }

    #[test]
    fn zones_that_are_not_there_are_told() {
        assert!(time_zone("Europe/Berlim").unwrap_err().contains("no time zone `Europe/Berlim`"));
    }
}
