//! `ceilings`: what may be spent today, and what is left of it.

use super::{Reader, number};
use crate::views::Error;
use crate::views::schema::int;
use kernel::{Ceilings, Cost, Part, Policies, Text};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

const DAY_MS: i64 = 86_400_000;

/// One ceiling, as far as it is known here: by what was reported, without what is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ceiling {
    /// The team whose file sets it; empty for one without a name.
    pub team: String,
    /// Whose spending it bounds: this tenant's, or everybody's. Empty: work without a tenant.
    pub tenant: Option<String>,
    /// Of what: `money_micros`, `tokens`, `calls`.
    pub of: &'static str,
    /// The most that may be spent in a day.
    pub max: u64,
    /// What was spent today.
    pub spent: u64,
    /// What is left.
    pub left: u64,
}

impl Reader {
    /// The ceilings that hold, each with what was spent on the day of `now_ms`: of tenants, those
    /// that have one of their own, and those that have spent something.
    pub fn ceilings(&self, now_ms: i64) -> Result<Vec<Ceiling>, Error> {
        let sql = "select team, policies from policies order by team";
        let all = self.all(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let policies = all.into_iter().filter_map(|(team, text): (String, String)| {
            let policies: Policies = serde_json::from_str(&text).ok()?;
            (!policies.ceilings.is_none()).then_some((team, policies.ceilings))
        });
        let policies: Vec<(String, Ceilings)> = policies.collect();
        if policies.is_empty() {
            return Ok(Vec::new());
        }
        let spent = self.spent_on(now_ms.div_euclid(DAY_MS) * DAY_MS)?;
        Ok(policies.iter().flat_map(|(team, it)| held(team, it, &spent)).collect())
    }

    fn spent_on(&self, day_ms: i64) -> Result<BTreeMap<Text, Cost>, Error> {
        let sql = "select * from spent_days where day_ms = ?1";
        let all = self.all(sql, [int(day_ms as u64)], |row| {
            let cost = Cost {
                money_micros: number(row, "money_micros")?,
                tokens: number(row, "tokens")?,
                calls: number(row, "calls")?,
            };
            Ok((Text::from(row.get::<_, String>("tenant")?), cost))
        })?;
        Ok(all.into_iter().collect())
    }
}

fn held(team: &str, ceilings: &Ceilings, spent: &BTreeMap<Text, Cost>) -> Vec<Ceiling> {
    let tenants: BTreeSet<&Text> = ceilings.tenants.keys().chain(spent.keys()).collect();
    let whose = std::iter::once(None).chain(tenants.into_iter().map(Some));
    let parts = [(Part::Money, "money_micros"), (Part::Tokens, "tokens"), (Part::Calls, "calls")];
    let mut held = Vec::new();
    for tenant in whose {
        for (part, of) in parts {
            let (max, spent) = match tenant {
                None => {
                    let all = spent.values().map(|it| it.of(part));
                    (ceilings.day.of(part), all.fold(0, u64::saturating_add))
                }
                Some(tenant) => {
                    let own = spent.get(tenant).map_or(0, |it| it.of(part));
                    (ceilings.of_tenant(tenant, part), own)
                }
            };
            let Some(max) = max else { continue };
            let (team, left) = (team.to_owned(), max.saturating_sub(spent));
            let tenant = tenant.map(|it| it.to_string());
            held.push(Ceiling { team, tenant, of, max, spent, left });
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::testing::{Scene, question};
    use kernel::{AgentSpec, Command, Report, Serves, Terms};
    use std::sync::Arc;

    #[test]
    fn what_is_left_of_a_day_is_told_for_the_team_and_for_tenants() {
        let mut scene = Scene::new();
        let most = |money_micros, calls| kernel::Ceiling { money_micros, calls, tokens: None };
        let ceilings = Ceilings {
            day: most(Some(900), None),
            tenant_day: most(Some(500), Some(2)),
            tenants: [("quiet".into(), most(Some(50), None))].into(),
        };
        let policies = Arc::new(Policies { ceilings, ..Policies::default() });
        scene.tell(Command::Configure { team: "".into(), policies });
        let serves = vec![Serves { capability: "think".into(), version: 1 }];
        scene.tell(Command::Join(Arc::new(AgentSpec::new("thinker", "llm", serves, 4))));
        let mut asked = question("think", "1");
        asked.terms = Arc::new(Terms { tenant: "acme".into(), ..Terms::new("think") });
        scene.tell(Command::Submit(asked));
        let task = scene.kernel.state().last_task;
        let cost = Cost { money_micros: 300, calls: 1, ..Cost::default() };
        scene.report(task, Report::Spent(cost));
        scene.report(task, Report::Spent(cost));

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("views.db");
        let _views = scene.views(&path);
        let state = scene.kernel.state();
        let (reader, now_ms) = (Reader::open(&path).unwrap(), state.wall_ms(state.time) as i64);
        let told = |now_ms| -> Vec<(Option<String>, &'static str, u64, u64)> {
            let all = reader.ceilings(now_ms).unwrap().into_iter();
            all.map(|it| (it.tenant, it.of, it.spent, it.left)).collect()
        };
        let (acme, quiet) = (Some("acme".to_owned()), Some("quiet".to_owned()));
        assert_eq!(
            told(now_ms),
            [
                (None, "money_micros", 600, 300),
                (acme.clone(), "money_micros", 600, 0),
                (acme, "calls", 2, 0),
                (quiet.clone(), "money_micros", 0, 50),
                (quiet.clone(), "calls", 0, 2),
            ]
        );
        let tomorrow = told(now_ms + DAY_MS);
        assert_eq!(tomorrow[0], (None, "money_micros", 0, 900));
        assert_eq!(tomorrow.len(), 3, "who has not spent anything is not told of: {tomorrow:?}");
    }
}
