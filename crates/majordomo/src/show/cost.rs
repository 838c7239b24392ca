//! `majordomo cost`: what was spent, line by line and in all, and what may still be today.

use super::style::PLAIN;
use super::table::Rows;
use super::{Format, Screen, Shown, escape, json};
use adapters::views::read::{By, Ceiling, Costs, Reader, Spending};
use serde::Serialize;

#[derive(Serialize)]
struct Answer<'a> {
    by: By,
    costs: &'a [Costs],
    total: Costs,
    /// What may be spent today, and what is left of it.
    ceilings: &'a [Ceiling],
}

/// What was spent, by run, agent, model or day; and of today what is left of the ceilings.
pub fn costs(views: &Reader, by: By, which: &Spending, now_ms: i64, format: &Format) -> Shown {
    let ceilings = views.ceilings(now_ms)?;
    let costs = views.costs(by, which)?;
    let sum = |part: fn(&Costs) -> u64| costs.iter().map(part).sum();
    let total = Costs {
        of: "total".to_owned(),
        reports: sum(|it| it.reports),
        tokens: sum(|it| it.tokens),
        money_micros: sum(|it| it.money_micros),
    };
    let Format::Text(screen) = format else {
        return Ok(json(&Answer { by, costs: &costs, total, ceilings: &ceilings }));
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
    let spent = rows.shown(screen.width, "nothing was spent here yet");
    Ok(if ceilings.is_empty() { spent } else { format!("{spent}\n{}", left(&ceilings, screen)) })
}

/// What is left of each ceiling.
fn left(ceilings: &[Ceiling], screen: &Screen) -> String {
    let mut rows = Rows::new(&["today (UTC)", "of", ">spent", ">ceiling", ">left"]);
    let has_teams = ceilings.iter().any(|it| it.team != ceilings[0].team);
    for it in ceilings {
        let whose = match it.tenant.as_deref() {
            None => "team".to_owned(),
            Some("") => "no tenant".to_owned(),
            Some(name) => format!("tenant {}", escape::terminal(name)),
        };
        let whose =
            if has_teams { format!("{}: {whose}", escape::terminal(&it.team)) } else { whose };
        let (of, said): (_, fn(u64) -> String) = match it.of {
            "money_micros" => ("usd", usd),
            other => (other, |amount| amount.to_string()),
        };
        let amounts = [it.spent, it.max, it.left].map(said);
        rows.push(PLAIN, [whose, of.to_owned()].into_iter().chain(amounts).collect());
    }
    rows.shown(screen.width, "")
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
