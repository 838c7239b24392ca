//! Advisers: they answer well, late, twice, never, with names of nobody, or about another question.

use super::{Happening, World};
use crate::program::Input;
use kernel::{Command, Question, Text, Time};

/// One piece of advice on its way.
#[derive(Clone, Debug)]
pub(super) struct Advised {
    question: Question,
    ranking: Vec<Text>,
    words: Text,
}

impl World {
    /// An adviser is asked. What it says comes when it comes, if at all; nobody of this process
    /// need be there any more.
    pub(super) fn advise(&mut self, question: &Question) {
        // Mostly by a task, as a process does; what that gives does not matter here.
        for _ in 0..[0, 1, 1, 1, 2][self.rng.below(5) as usize] {
            let (task, until) = (question.task, question.until);
            let input = Input::draw(&mut self.rng, 1).payload();
            self.command(Command::Consult { task, until, input }, super::To::Nobody);
        }
        let rng = &mut self.rng;
        let mut on_their_way = Vec::new();
        let copies = [0, 1, 1, 1, 1, 2][rng.below(6) as usize];
        for _ in 0..copies {
            let mut question = question.clone();
            if rng.chance(100) {
                question.until = Time(question.until.0 ^ rng.below(4));
            }
            let known = question.candidates.iter().map(|it| it.agent.clone());
            let mut ranking: Vec<Text> = known.filter(|_| rng.chance(500)).collect();
            if rng.chance(300) {
                let anybody = rng.below(self.agents.len() as u64) as usize;
                ranking.insert(0, self.agents[anybody].spec.name.clone());
            }
            if rng.chance(200) {
                ranking.insert(0, "nobody".into());
            }
            let words = "because ".repeat(rng.below(90) as usize).into();
            let after = if rng.chance(250) { rng.between(500, 20_000) } else { rng.below(400) };
            let advised = Box::new(Advised { question, ranking, words });
            on_their_way.push((after, advised));
        }
        for (after, advised) in on_their_way {
            self.at(after, Happening::Advised(advised));
        }
    }

    /// What an adviser says arrives.
    pub(super) fn advised(&mut self, advised: Advised) {
        let Advised { question, ranking, words } = advised;
        let (task, until) = (question.task, question.until);
        self.command(Command::Advice { task, until, ranking, words }, super::To::Nobody);
    }
}
