//! Who is asked which agent should get a task, where a team's policy says so.

use super::BoxFuture;
use kernel::Question;

/// What an adviser says. Names of nobody, of whoever may not have the task, and what comes too late
/// do no harm: the kernel holds it against the agents of the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// Names of agents, best first.
    pub ranking: Vec<String>,
    /// Why, for people.
    pub words: String,
}

/// Says who should get a task. Asked again after a crash, about the same question; the answer may
/// take as long as it likes, but counts only until [`Question::until`].
///
/// A team needs none of its own: the agents that serve the capability `route` are asked.
pub trait Adviser: Send + Sync + 'static {
    /// Its advice about one task.
    fn advise(&self, question: Question) -> BoxFuture<'static, Advice>;
}
