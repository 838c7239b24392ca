//! `majordomo cost`: what was spent, line by line and in all.

use super::style::PLAIN;
use super::table::Rows;
use super::{Format, Shown, json};
use adapters::views::read::{By, Costs, Reader, Spending};
use serde::Serialize;

#[derive(Serialize)]
struct Answer<'a> {
    by: By,
    costs: &'a [Costs],
    total: Costs,
}

/// What was spent, by run, agent, model or day.
pub fn costs(views: &Reader, by: By, which: &Spending, format: &Format) -> Shown {
    let costs = views.costs(by, which)?;
    let sum = |part: fn(&Costs) -> u64| costs.iter().map(part).sum();
    let total = Costs {
        of: "total".to_owned(),
        reports: sum(|it| it.reports),
        tokens: sum(|it| it.tokens),
        money_micros: sum(|it| it.money_micros),
    };
    let Format::Text(screen) = format else {
        return Ok(json(&Answer { by, costs: &costs, total }));
    };
    let head = match by {
        By::Run => ">run",
        By::Agent => "agent",
        By::Model => "model",
        By::Day => "day",
    };
    let mut rows = Rows::new(&[head, ">calls", ">tokens", ">usd"]);
    let lines = costs.iter().chain((costs.len() > 1).then_some(&total));
    for line in lines {
        let of = if line.of.is_empty() { "(none)" } else { &line.of };
        let (calls, tokens) = (line.reports.to_string(), line.tokens.to_string());
        rows.push(PLAIN, vec![of.to_owned(), calls, tokens, usd(line.money_micros)]);
    }
    Ok(rows.shown(screen.width, "nothing was spent here yet"))
}

/// Dollars to the cent, and finer where there would be nothing left of it.
fn usd(micros: u64) -> String {
    let dollars = micros as f64 / 1e6;
    match micros {
        0 => "0".to_owned(),
        1..10_000 => format!("{dollars:.6}"),
        _ => format!("{dollars:.4}"),
    }
}
