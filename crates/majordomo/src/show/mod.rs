//! What people read: the answers of the views as text for a terminal, or as JSON.
//!
//! Every function takes data and gives a `String`; whoever calls it prints it through `anstream`,
//! which leaves the colours out where they do not belong. Text that came from agents goes through
//! [`escape`], and through nothing else, on its way out.

mod agents;
mod bus;
mod cost;
pub mod escape;
mod health;
mod list;
mod models;
mod moment;
mod reload;
mod replay;
mod schedule;
mod story;
mod style;
mod table;
pub mod timeline;
mod told;
mod topics;
mod why;

pub use agents::agents;
pub use bus::{bus, message};
pub use cost::costs;
pub use health::health;
pub use list::{dead, logs, runs, tasks};
pub use models::{Standing, models};
pub use reload::reload;
pub use replay::replay;
pub use schedule::{moment_in, schedule, schedules};
pub use story::{dead_letter, task};
pub use told::{Passing, told};
pub use topics::{dead_messages, receipts, topic, topics};
pub use why::why;

use adapters::views::Error;
use jiff::tz::TimeZone;
use serde::Serialize;

/// How to say it.
#[derive(Clone, Debug)]
pub enum Format {
    /// For programs: one JSON document.
    Json,
    /// For people.
    Text(Screen),
}

/// What a terminal, or a pipe, can show.
#[derive(Clone, Debug)]
pub struct Screen {
    /// Columns; lines are cut to fit. `usize::MAX` cuts nothing.
    pub width: usize,
    /// For times of day.
    pub zone: TimeZone,
}

impl Screen {
    /// A screen of this width in the system's time zone.
    #[must_use]
    pub fn of_width(width: usize) -> Screen {
        Screen { width, zone: TimeZone::system() }
    }
}

/// JSON that may be looked at in a terminal: characters that a terminal obeys are escaped too.
fn json(answer: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(answer).expect("answers have text for keys");
    escape::json(&text) + "\n"
}

type Shown = Result<String, Error>;
