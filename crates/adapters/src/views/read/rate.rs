//! Waits for the rate of a model, by the steps and the log lines that agents of kind `llm` leave.

use super::{Obstacle, Reader, Step, Task};
use crate::views::Error;

/// What is said in the log of a task that begins to wait.
const SAID: &str = "waits for the rate of ";

impl Step {
    /// Whether it is the timer by which a wait for a rate is looked after.
    pub(super) fn is_rate(&self) -> bool {
        self.kind == "timer" && self.step.contains("/rate/")
    }
}

impl Reader {
    /// The rate that a task waits for, if that is what it waits for: its latest step says so.
    pub(super) fn rate(&self, task: &Task, open: &[Step]) -> Result<Option<Obstacle>, Error> {
        let latest = open.iter().max_by_key(|it| it.started_ms);
        if !latest.is_some_and(Step::is_rate) {
            return Ok(None);
        }
        let model = self.models_waited_for(task.id)?.pop();
        Ok(Some(Obstacle::Rate { model: model.unwrap_or_else(|| "its model".to_owned()) }))
    }

    /// How often a task has waited for which rate, in a sentence for each model.
    pub(super) fn rates(&self, task: &Task) -> Result<Vec<String>, Error> {
        let mut waits: Vec<(String, usize)> = Vec::new();
        for model in self.models_waited_for(task.id)? {
            match waits.iter_mut().find(|(it, _)| *it == model) {
                Some((_, times)) => *times += 1,
                None => waits.push((model, 1)),
            }
        }
        let told = |(model, times): (String, usize)| match times {
            1 => format!("it waited for the rate of {model} once"),
            times => format!("it waited for the rate of {model} {times} times"),
        };
        Ok(waits.into_iter().map(told).collect())
    }

    fn models_waited_for(&self, task: u64) -> Result<Vec<String>, Error> {
        let sql = "select text from logs where task = ?1 and level = 'info'
                     and substr(text, 1, length(?2)) = ?2 order by id";
        let said =
            self.all(sql, (crate::views::schema::int(task), SAID), |row| row.get::<_, String>(0))?;
        let model = |line: String| {
            let model = line.strip_prefix(SAID).unwrap_or_default();
            model.split(',').next().unwrap_or_default().to_owned()
        };
        Ok(said.into_iter().map(model).collect())
    }
}
