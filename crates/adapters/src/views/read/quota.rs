//! Which limits of a team are reached, as far as a task is concerned.

use super::{Obstacle, Reader, Task};
use crate::views::Error;
use kernel::{Policies, Quota};

impl Reader {
    /// The limits of its team that let nothing more of its kind be worked on.
    pub(super) fn full_quotas(&self, task: &Task) -> Result<Vec<Obstacle>, Error> {
        let team = task.team.as_deref().unwrap_or_default();
        let sql = "select policies from policies where team = ?1";
        let found = self.all(sql, [team], |row| row.get::<_, String>(0))?;
        let policies = found.first().and_then(|it| serde_json::from_str::<Policies>(it).ok());
        let Some(policies) = policies else { return Ok(Vec::new()) };
        let tenant = task.tenant.as_deref().unwrap_or_default();
        let capability = policies.capabilities.get(&*task.capability).map(|it| it.quota);
        let bounds: [(&str, &str, Option<Quota>); 2] = [
            ("capability", &task.capability, capability),
            ("tenant", tenant, policies.tenants.get(tenant).copied()),
        ];
        let mut full = Vec::new();
        for (of, name, quota) in bounds {
            let Some(max) = quota.and_then(|it| it.working_max).map(u64::from) else { continue };
            let working = self.working(team, of, name)?;
            if working >= max {
                let (of, name) = (of.to_owned(), name.to_owned());
                full.push(Obstacle::QuotaFull { of, name, working, max });
            }
        }
        Ok(full)
    }

    /// Tasks of a team that hold slots, by capability or by tenant; those being stopped too.
    fn working(&self, team: &str, of: &str, name: &str) -> Result<u64, Error> {
        let column = if of == "tenant" { "t.tenant" } else { "t.capability" };
        let sql = format!(
            "select
               (select count(*) from task_rows t where t.ended_ms is null
                  and t.status in ('assigned', 'running')
                  and coalesce(t.team, '') = ?1 and coalesce({column}, '') = ?2)
             + (select count(*) from attempt_rows a indexed by attempts_stopping
                  join task_rows t on t.id = a.task
                where a.fenced = 1 and a.work_ended_ms is null and a.kept_slots > 0
                  and coalesce(t.team, '') = ?1 and coalesce({column}, '') = ?2)"
        );
        self.count(&sql, (team, name))
    }
}
