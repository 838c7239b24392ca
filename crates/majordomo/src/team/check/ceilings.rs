//! Ceilings: one for a tenant that is above everybody's is never reached.

use super::{Code, Problem, Problems, Team};
use crate::team::document::join;
use serde_json::Value as Json;

pub(super) fn check(team: &Team<'_>, problems: &mut Problems) {
    let Some(ceilings) = team.document.json().get("ceilings") else { return };
    let mut below = vec![(join("/ceilings", "tenant_day"), "each tenant's")];
    let tenants = ceilings.get("tenants").and_then(Json::as_object);
    for name in tenants.into_iter().flat_map(|it| it.keys()) {
        below.push((join(&join("/ceilings/tenants", name), "day"), "this tenant's"));
    }
    for (path, whose) in below {
        for part in ["money_usd", "tokens", "calls"] {
            if problems.are_enough() {
                return;
            }
            let (all, own) = ("/ceilings/day", join(&path, part));
            let number = |path: &str| team.document.json().pointer(path).and_then(Json::as_f64);
            let (Some(most), Some(said)) = (number(&join(all, part)), number(&own)) else {
                continue;
            };
            if said > most {
                let at = team.document.value_at(&own);
                let message = format!("{whose} ceiling is above that of the team, {most}");
                let there = team.document.value_at(&join(all, part));
                let problem = Problem::warning(Code::NoEffect, at, message);
                let problem = problem.also(there, "which is reached first");
                problems.push(problem.help("say less here, or more there"));
            }
        }
    }
}
