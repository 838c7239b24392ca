//! `majordomo cost`: what was spent, by run, agent, model or day.

use super::Global;
use super::read::{format, print, reader};
use crate::exit::Exit;
use adapters::views::read::{By, Spending};
use majordomo::{health, show};

/// Say what was spent, by run, agent, model or day
///
/// Adds up what agents said that their work cost: for language models each call, by the prices that
/// are known for them. Calls of a model without a price are counted in tokens and in no money.
/// Where a team file sets ceilings, what is left of them today is told too.
#[derive(clap::Args)]
pub(crate) struct Cost {
    /// What a line stands for
    #[arg(long, value_enum, default_value_t)]
    by: Line,
    /// Only of this run
    #[arg(long)]
    run: Option<u64>,
    /// Only on this day (UTC) and later ones, as in 2026-11-27
    #[arg(long, value_name = "DAY", value_parser = day)]
    since: Option<String>,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Line {
    #[default]
    Run,
    Agent,
    Model,
    Day,
}

fn day(text: &str) -> Result<String, String> {
    let day: jiff::civil::Date =
        text.parse().map_err(|_| "a day looks like 2026-11-27".to_owned())?;
    Ok(day.to_string())
}

impl Cost {
    pub(crate) fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let by = match self.by {
            Line::Run => By::Run,
            Line::Agent => By::Agent,
            Line::Model => By::Model,
            Line::Day => By::Day,
        };
        let which = Spending { run: self.run, since: self.since };
        let views = reader(global)?;
        let now_ms = health::moment(&global.data(), &views)?;
        print(&show::costs(&views, by, &which, now_ms, &format(global))?)
    }
}
