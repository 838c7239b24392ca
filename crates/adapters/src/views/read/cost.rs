//! `costs`: what was spent, added up by what one asks for.

use super::{Reader, number};
use crate::views::Error;
use crate::views::schema::int;
use serde::Serialize;

/// What the lines of an answer stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names are the documentation.
pub enum By {
    #[default]
    Run,
    Agent,
    Model,
    Day,
}

/// Which spending is added up; nothing said is all of it.
#[derive(Clone, Debug, Default)]
pub struct Spending {
    /// Only of this run.
    pub run: Option<u64>,
    /// Only on this day and later ones, as in `2026-11-27`.
    pub since: Option<String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// The run, the agent, the model or the day; empty for an agent or a model that is not known.
    pub of: String,
    /// How often something was spent: calls, for models.
    pub reports: u64,
    /// Model tokens, read and written.
    pub tokens: u64,
    /// Millionths of a dollar.
    pub money_micros: u64,
}

impl By {
    fn column(self) -> &'static str {
        match self {
            By::Run => "run",
            By::Agent => "agent",
            By::Model => "model",
            By::Day => "day",
        }
    }
}

impl Reader {
    /// What was spent: days and runs, the latest first; agents and models, the dearest first.
    pub fn costs(&self, by: By, which: &Spending) -> Result<Vec<Costs>, Error> {
        let column = by.column();
        let order = match by {
            By::Run => "run desc",
            By::Day => "day desc",
            By::Agent | By::Model => "money_micros desc, tokens desc, of",
        };
        let sql = format!(
            "select cast({column} as text) as of, sum(reports) as reports, sum(tokens) as tokens,
               sum(money_micros) as money_micros
             from costs where (?1 is null or run = ?1) and (?2 is null or day >= ?2)
             group by {column} order by {order}"
        );
        self.all(&sql, (which.run.map(int), &which.since), |row| {
            Ok(Costs {
                of: row.get("of")?,
                reports: number(row, "reports")?,
                tokens: number(row, "tokens")?,
                money_micros: number(row, "money_micros")?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::testing::{Scene, question};
    use kernel::{AgentSpec, Command, Cost, Label, Report, Serves};
    use std::sync::Arc;

    const DAY_MS: u64 = 86_400_000;

    fn thinks_with(scene: &mut Scene, name: &str, serves: &str, model: Option<&str>) {
        let serves = vec![Serves { capability: serves.into(), version: 1 }];
        let mut spec = AgentSpec::new(name, "llm", serves, 4);
        let label = |it: &str| ("model".into(), Label::Text(it.into()));
        spec.labels.extend(model.map(label));
        scene.tell(Command::Join(Arc::new(spec)));
    }

    /// Two days, two runs, three agents, and one that is given another model on the way.
    fn spent() -> Scene {
        let mut scene = Scene::new();
        let spends = |scene: &mut Scene, task, money_micros, tokens| {
            scene.report(task, Report::Spent(Cost { money_micros, tokens, ..Cost::default() }));
        };
        thinks_with(&mut scene, "critic", "code.review", Some("openai/gpt-5"));
        thinks_with(&mut scene, "writer", "text.write", Some("ollama/qwen3"));
        thinks_with(&mut scene, "lead", "run.all", None);
        let root = scene.submit("run.all", "1");
        let review = scene.ask(root, "review", "code.review", "2");
        let write = scene.ask(root, "write", "text.write", "3");
        spends(&mut scene, root, 1_000, 0);
        spends(&mut scene, review, 40_000, 900);
        spends(&mut scene, review, 20_000, 100);
        spends(&mut scene, write, 0, 5_000);
        scene.after(DAY_MS);
        let later = scene.submit("code.review", "4");
        spends(&mut scene, later, 7, 10);
        let asked = question("code.review", "5");
        scene.tell(Command::Submit(asked));
        scene
    }

    fn lines(reader: &Reader, by: By, which: &Spending) -> Vec<(String, u64, u64, u64)> {
        let costs = reader.costs(by, which).unwrap().into_iter();
        costs.map(|it| (it.of, it.reports, it.tokens, it.money_micros)).collect()
    }

    #[test]
    fn what_was_spent_is_told_four_ways() {
        let scene = spent();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("views.db");
        let _views = scene.views(&path);
        let reader = Reader::open(&path).unwrap();
        let line = |of: &str, reports, tokens, money| (of.to_owned(), reports, tokens, money);
        let all = Spending::default();
        let later = scene.kernel.state().last_task.0 - 1;
        assert_eq!(
            lines(&reader, By::Run, &all),
            [line(&later.to_string(), 1, 10, 7), line("1", 4, 6_000, 61_000)]
        );
        assert_eq!(
            lines(&reader, By::Model, &all),
            [
                line("openai/gpt-5", 3, 1_010, 60_007),
                line("", 1, 0, 1_000),
                line("ollama/qwen3", 1, 5_000, 0)
            ]
        );
        assert_eq!(
            lines(&reader, By::Day, &all),
            [line("2026-01-03", 1, 10, 7), line("2026-01-02", 4, 6_000, 61_000)]
        );
        let of_run = Spending { run: Some(1), since: None };
        assert_eq!(lines(&reader, By::Agent, &of_run)[0], line("critic", 2, 1_000, 60_000));
        let since = Spending { run: None, since: Some("2026-01-03".to_owned()) };
        assert_eq!(lines(&reader, By::Agent, &since), [line("critic", 1, 10, 7)]);
    }

    #[test]
    fn views_that_grew_entry_by_entry_say_the_same() {
        let scene = spent();
        let directory = tempfile::tempdir().unwrap();
        let (whole, grown) = (directory.path().join("a.db"), directory.path().join("b.db"));
        drop(scene.views(&whole));
        for end in 1..=scene.journal.len() {
            let mut views = crate::views::Views::open(&grown).unwrap();
            views.apply(&scene.journal[end - 1..end]).unwrap();
        }
        let of = |path| lines(&Reader::open(path).unwrap(), By::Model, &Spending::default());
        assert_eq!(of(&whole), of(&grown));
    }
}
