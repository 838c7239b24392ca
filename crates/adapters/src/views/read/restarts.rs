//! How often agents may still be started again: what counts, and against what.

use super::{Agent, Reader, number};
use crate::views::{Error, names};
use kernel::{Level, Policies};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Restarts that count at this moment, of as many as are borne in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// What counts them: `agent` (it stands on its own), `group`, `root`.
    pub tier: String,
    /// The agent or the supervisor that counts.
    pub by: String,
    /// How many count now.
    pub restarts: u64,
    /// How many are borne; at one more the level above decides.
    pub restarts_max: u64,
    /// In so many milliseconds.
    pub period_ms: u64,
}

impl Reader {
    /// Tells each agent what counts on its way to the root, nearest first; `now` is kernel time.
    pub(super) fn count_restarts(&self, agents: &mut [Agent], now: i64) -> Result<(), Error> {
        let sql = "select team, tier, name, count(*) as restarts from restarts
                   where moment + period_ms >= ?1 group by team, tier, name";
        let found = self.all(sql, [now], |row| {
            let level: (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((level, number(row, "restarts")?))
        })?;
        if found.is_empty() {
            return Ok(());
        }
        let found: HashMap<_, u64> = found.into_iter().collect();
        let policies: BTreeMap<String, Policies> = self.policies()?;
        let usual = Policies::default();
        for agent in agents.iter_mut().filter(|it| it.is_here()) {
            let team = agent.team.as_deref().unwrap_or_default();
            let tree = &policies.get(team).unwrap_or(&usual).supervisors;
            let levels = tree.levels_of(&team.into(), &agent.name.as_str().into());
            agent.counted = levels.into_iter().find_map(|(Level { team, tier, name }, most)| {
                let level = (team.to_string(), names::tier(tier).to_owned(), name.to_string());
                let restarts = *found.get(&level)?;
                let (_, tier, by) = level;
                let restarts_max = u64::from(most.restarts);
                Some(Counted { tier, by, restarts, restarts_max, period_ms: most.period_ms })
            });
        }
        Ok(())
    }

    /// What holds for each team that was told something.
    fn policies(&self) -> Result<BTreeMap<String, Policies>, Error> {
        let sql = "select team, policies from policies";
        let found =
            self.all(sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let read = |(team, text): (String, String)| Some((team, serde_json::from_str(&text).ok()?));
        Ok(found.into_iter().filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;
    use crate::views::testing::Scene;
    use kernel::{
        Command, Exit, Exited, Extent, Intensity, Policies, Strategy, Supervisor, Supervisors,
    };
    use std::sync::Arc;

    /// `one` and `two` under a supervisor that bears two restarts in 30 s, `own` under the root.
    fn scene() -> Scene {
        let mut scene = Scene::new();
        let children = vec!["one".into(), "two".into()];
        let pair = Supervisor::new("pair", Strategy::OneForOne, children);
        let pair = Supervisor { intensity: Intensity { restarts: 2, period_ms: 30_000 }, ..pair };
        let supervisors = Supervisors { named: vec![pair], ..Supervisors::default() };
        let policies = Arc::new(Policies { supervisors, ..Policies::default() });
        scene.tell(Command::Configure { team: "".into(), policies });
        join(&mut scene);
        scene
    }

    fn join(scene: &mut Scene) {
        ["one", "two", "own"].iter().for_each(|name| scene.join(name, &["review"], 1));
    }

    /// It dies, and is back at once.
    fn dies(scene: &mut Scene, name: &str) {
        let it = scene.kernel.state().agent_named(name).unwrap();
        let (agent, life) = (it.id, it.life.number);
        let reason = Exit::Abnormal("a signal".into());
        scene.tell(Command::Exited(Exited { agent, life, reason, extent: Extent::Whole }));
        scene.after(5_000);
        let life = scene.kernel.state().agent_named(name).unwrap().life.number;
        scene.tell(Command::Started(agent, life));
    }

    /// "1 of 2 by pair", for each agent that has something against it.
    fn told(scene: &Scene) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("views.db");
        let _views = scene.views(&path);
        let agents = Reader::open(&path).unwrap().agents().unwrap();
        let words = agents.iter().filter_map(|agent| {
            let it = agent.counted.as_ref()?;
            let (restarts, most, tier, by) = (it.restarts, it.restarts_max, &it.tier, &it.by);
            Some(format!("{}: {restarts} of {most} by {tier} {by}", agent.name))
        });
        words.collect()
    }

    #[test]
    fn what_counts_restarts_tells_how_many_for_as_long_as_they_count() {
        let mut scene = scene();
        assert!(told(&scene).is_empty());
        dies(&mut scene, "two");
        assert_eq!(told(&scene), ["one: 1 of 2 by group pair", "two: 1 of 2 by group pair"]);
        dies(&mut scene, "one");
        assert_eq!(told(&scene), ["one: 2 of 2 by group pair", "two: 2 of 2 by group pair"]);
        scene.after(21_000);
        scene.submit("review", "1"); // An entry, so that the views come as far.
        assert_eq!(told(&scene), ["one: 1 of 2 by group pair", "two: 1 of 2 by group pair"]);
        scene.after(60_000);
        scene.submit("review", "2");
        assert!(told(&scene).is_empty(), "none of them counts any more");
    }

    #[test]
    fn a_level_that_bears_no_more_hands_on_and_a_process_begins_anew() {
        let mut scene = scene();
        dies(&mut scene, "own");
        dies(&mut scene, "own"); // Within its window of 5 s.
        let own = |scene: &Scene| told(scene).into_iter().find(|it| it.starts_with("own"));
        assert_eq!(own(&scene).as_deref(), Some("own: 1 of 3 by root own"));
        scene.begin(1_000);
        join(&mut scene);
        assert!(told(&scene).is_empty());
    }
}
