//! `majordomo schedule`: tasks that come round again.

use super::Global;
use super::control::{tell, tell_team};
use super::read::{format, print, reader};
use crate::exit::Exit;
use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use majordomo::calendar::{System, own_zone};
use majordomo::control::{NewSchedule, Request};
use majordomo::runtime::port::Calendar;
use majordomo::show;
use majordomo::team::quantity::Duration;
use serde_json::Value;

/// Let a task come round again, by a calendar or at an interval
#[derive(clap::Args)]
pub(crate) struct Schedule {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Add(Add),
    /// List them, with when each is due next
    List,
    /// Show one, with what came of its latest dues
    Show {
        /// Its name
        name: String,
    },
    Next(Upcoming),
    /// Start nothing of it until it is resumed
    Pause {
        /// Its name
        name: String,
    },
    /// Let a paused one go on, with the first due from now
    Resume {
        /// Its name
        name: String,
    },
    /// Remove one; what it has started goes on
    Remove {
        /// Its name
        name: String,
    },
}

/// Set a schedule, or change the one of this name
#[derive(clap::Args)]
struct Add {
    /// Its name
    name: String,
    /// What is asked for each time: `text.count` or `text.count@1`
    capability: String,
    /// The input, as JSON; anything else is taken as text
    #[arg(default_value = "null")]
    input: String,
    /// When: minute, hour, day, month, weekday, as in `0 9 * * 1-5`; or @hourly, @daily, @weekly,
    /// @monthly, @yearly
    #[arg(long, value_name = "EXPRESSION", required_unless_present = "every")]
    cron: Option<String>,
    /// The time zone that is meant, as in Europe/Berlin; this machine's if nothing is said
    #[arg(long, value_name = "ZONE", requires = "cron")]
    tz: Option<String>,
    /// How often: 30s, 5m, 1h
    #[arg(long, value_name = "TIME", conflicts_with = "cron", value_parser = Duration::parse)]
    every: Option<Duration>,
    /// Dues that passed while nobody worked: left out, made up for once, or each
    #[arg(long, value_enum, default_value = "once")]
    missed: Missed,
    /// While the task before runs: start it too, leave this due out, let one wait, or cancel that
    #[arg(long, value_enum, default_value = "skip")]
    overlap: Overlap,
    /// How urgent its tasks are: critical, high, normal, low or background
    #[arg(long, default_value = "normal")]
    class: String,
    /// Each task must end within this time
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u64>,
    /// The team whose agents may serve it, where no process says so
    #[arg(long, default_value = "")]
    team: String,
}

/// Print the next dues of a schedule, or of an expression
#[derive(clap::Args)]
struct Upcoming {
    /// Its name
    #[arg(required_unless_present = "cron", conflicts_with = "cron")]
    name: Option<String>,
    /// An expression, set or not
    #[arg(long, value_name = "EXPRESSION")]
    cron: Option<String>,
    /// The time zone that is meant
    #[arg(long, value_name = "ZONE", requires = "cron")]
    tz: Option<String>,
    /// How many
    #[arg(long, short = 'n', default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_000))]
    count: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum Missed {
    Skip,
    Once,
    All,
}

#[derive(Clone, Copy, ValueEnum)]
enum Overlap {
    Allow,
    Skip,
    QueueOne,
    CancelPrevious,
}

impl Schedule {
    pub(crate) async fn run(self, global: &Global) -> Result<Exit> {
        match self.what {
            What::Add(add) => add.run(global).await,
            What::List => print(&show::schedules(&reader(global)?, &format(global))?),
            What::Show { name } => print(&show::schedule(&found(global, &name)?, &format(global))),
            What::Next(upcoming) => upcoming.run(global),
            What::Pause { name } => {
                let said = format!("{name} is paused; what it has started goes on");
                tell(global, Request::PauseSchedule { schedule: name }, &said).await
            }
            What::Resume { name } => {
                let said = format!("{name} goes on with the first due from now");
                tell(global, Request::ResumeSchedule { schedule: name }, &said).await
            }
            What::Remove { name } => {
                let said = format!("{name} is removed; what it has started goes on");
                tell(global, Request::Unschedule { schedule: name }, &said).await
            }
        }
    }
}

impl Add {
    async fn run(self, global: &Global) -> Result<Exit> {
        let class = serde_json::from_value(Value::String(self.class.clone()));
        let class = class.with_context(|| {
            format!("{}: the classes are critical, high, normal, low, background", self.class)
        })?;
        let input = serde_json::from_str(&self.input).unwrap_or(Value::String(self.input));
        let zone = self.cron.is_some().then(|| self.tz.unwrap_or_else(own_zone));
        let mut said = format!("{} is set", self.name);
        if let (Some(cron), Some(zone)) = (&self.cron, &zone) {
            // Looked at here as well, so that a mistake is told before anything is opened.
            let due = System.next(cron, zone, System.wall_ms()).map_err(anyhow::Error::msg)?;
            said += &format!("; next {}", show::moment_in(zone, due));
        }
        let new = NewSchedule {
            name: self.name,
            cron: self.cron,
            zone,
            every_ms: self.every.map(Duration::as_ms),
            capability: self.capability,
            input,
            class,
            deadline_ms: self.deadline.map(|it| it * 1_000),
            missed: match self.missed {
                Missed::Skip => kernel::Missed::Skip,
                Missed::Once => kernel::Missed::Once,
                Missed::All => kernel::Missed::All,
            },
            overlap: match self.overlap {
                Overlap::Allow => kernel::Overlap::Allow,
                Overlap::Skip => kernel::Overlap::Skip,
                Overlap::QueueOne => kernel::Overlap::QueueOne,
                Overlap::CancelPrevious => kernel::Overlap::CancelPrevious,
            },
        };
        tell_team(global, &self.team, Request::Schedule(Box::new(new)), &said).await
    }
}

impl Upcoming {
    fn run(self, global: &Global) -> Result<Exit> {
        let count = usize::from(self.count);
        let (zone, dues) = match (self.cron, self.name) {
            (Some(cron), _) => {
                let zone = self.tz.unwrap_or_else(own_zone);
                let dues = by_calendar(&cron, &zone, System.wall_ms(), count)?;
                (zone, dues)
            }
            (None, Some(name)) => of_schedule(global, &name, count)?,
            (None, None) => bail!("say which: a name, or --cron"),
        };
        if global.json {
            return print(&format!("{}\n", serde_json::to_string(&dues)?));
        }
        let lines = dues.iter().map(|due| show::moment_in(&zone, *due) + "\n");
        print(&lines.collect::<String>())
    }
}

fn of_schedule(global: &Global, name: &str, count: usize) -> Result<(String, Vec<u64>)> {
    let schedule = found(global, name)?;
    let first = schedule.next_ms.and_then(|it| u64::try_from(it).ok());
    match (&schedule.cron, &schedule.zone, schedule.every_ms) {
        (Some(cron), Some(zone), _) => {
            let after = first.map_or_else(|| System.wall_ms(), |first| first.saturating_sub(1));
            Ok((zone.clone(), by_calendar(cron, zone, after, count)?))
        }
        (_, _, Some(every_ms)) => {
            let first = first.with_context(|| format!("{name} has no next due"))?;
            let dues = (0..count as u64).map(|at| first + at * every_ms);
            Ok((own_zone(), dues.collect()))
        }
        _ => bail!("{name} is of another version of this program"),
    }
}

fn by_calendar(cron: &str, zone: &str, mut after: u64, count: usize) -> Result<Vec<u64>> {
    let mut dues = Vec::with_capacity(count);
    while dues.len() < count {
        after = System.next(cron, zone, after).map_err(anyhow::Error::msg)?;
        dues.push(after);
    }
    Ok(dues)
}

fn found(global: &Global, name: &str) -> Result<adapters::views::read::Schedule> {
    let known = reader(global)?.schedule(name)?;
    known.with_context(|| {
        format!("there is no schedule named {name}; see `majordomo schedule list`")
    })
}
