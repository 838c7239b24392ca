//! Purses: money, tokens, working time, tasks and calls of models of a tree.
//!
//! A child with a purse of its own *reserves* it from its parent's at once, and hands back what it
//! did not use. So the sum over children never exceeds the parent, whatever the order in which they
//! spend. A child without one spends from its parent's directly.

use crate::TaskId;
use crate::mutant::{Mutant, planted};
use serde::{Deserialize, Serialize};

/// What a task has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Millionths of a dollar.
    #[serde(default)]
    pub money_micros: u64,
    /// Model tokens, in and out.
    #[serde(default)]
    pub tokens: u64,
    /// Calls of models.
    #[serde(default, skip_serializing_if = "is_none")]
    pub calls: u64,
}

fn is_none(calls: &u64) -> bool {
    *calls == 0
}

impl Cost {
    /// The parts that can be spent, each with what of it was.
    #[must_use]
    pub fn parts(&self) -> [(Part, u64); 3] {
        [(Part::Money, self.money_micros), (Part::Tokens, self.tokens), (Part::Calls, self.calls)]
    }

    /// What of a part was spent.
    #[must_use]
    pub fn of(&self, part: Part) -> u64 {
        match part {
            Part::Money => self.money_micros,
            Part::Tokens => self.tokens,
            Part::Calls => self.calls,
            Part::Work | Part::Tasks => 0,
        }
    }

    /// The same and more.
    pub(crate) fn add(&mut self, more: &Cost) {
        self.money_micros = self.money_micros.saturating_add(more.money_micros);
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.calls = self.calls.saturating_add(more.calls);
    }
}

/// What a task may use; `None` means "from the parent's purse".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money_micros: Option<u64>,
    /// Model tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Milliseconds of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_ms: Option<u64>,
    /// Tasks below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u64>,
    /// Calls of models; a root for which nothing is said may make any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
}

impl Budget {
    /// What it says of one part.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<u64> {
        match part {
            Part::Money => self.money_micros,
            Part::Tokens => self.tokens,
            Part::Work => self.work_ms,
            Part::Tasks => self.tasks,
            Part::Calls => self.calls,
        }
    }
}

/// The parts of a purse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Millionths of a dollar.
    Money,
    /// Model tokens.
    Tokens,
    /// Milliseconds of work.
    Work,
    /// Tasks below it.
    Tasks,
    /// Calls of models.
    Calls,
}

impl Part {
    /// All parts, in the order a purse stores them.
    pub const ALL: [Part; 5] = [Part::Money, Part::Tokens, Part::Work, Part::Tasks, Part::Calls];

    /// Its name in refusals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::Money => "money",
            Part::Tokens => "tokens",
            Part::Work => "work",
            Part::Tasks => "tasks",
            Part::Calls => "calls",
        }
    }
}

/// One purse: limits, what is used, and what is set aside for children. Indexed by [`Part`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse {
    /// `None`: this part is the parent's business.
    #[serde(with = "by_part")]
    limit: [Option<u64>; 5],
    #[serde(with = "by_part")]
    used: [u64; 5],
    #[serde(with = "by_part")]
    reserved: [u64; 5],
    /// The purse that it was taken out of and goes back into.
    pub above: Option<TaskId>,
    /// Tasks, purses below, and stopping work that spend from it.
    pub(crate) users: u32,
}

impl Purse {
    /// A purse with these limits, nothing used, and one user: the task it is made for.
    #[must_use]
    pub fn new(budget: &Budget) -> Purse {
        Purse {
            limit: Part::ALL.map(|part| budget.part(part)),
            used: [0; 5],
            reserved: [0; 5],
            above: None,
            users: 1,
        }
    }

    /// Whether this purse itself limits the part.
    #[must_use]
    pub fn owns(&self, part: Part) -> bool {
        self.limit[part as usize].is_some()
    }

    /// What is left of a part; `u64::MAX` where the parent limits it.
    #[must_use]
    pub fn left(&self, part: Part) -> u64 {
        let at = part as usize;
        self.limit[at].map_or(u64::MAX, |limit| {
            limit.saturating_sub(self.used[at].saturating_add(self.reserved[at]))
        })
    }

    /// The limit of a part, where it has one.
    #[must_use]
    pub fn limit(&self, part: Part) -> Option<u64> {
        self.limit[part as usize]
    }

    /// What is used of a part.
    #[must_use]
    pub fn used(&self, part: Part) -> u64 {
        self.used[part as usize]
    }

    /// What is set aside for children.
    #[must_use]
    pub fn reserved(&self, part: Part) -> u64 {
        self.reserved[part as usize]
    }

    /// Uses some. What was spent was spent, so this may pass the limit; [`Purse::left`] is then 0.
    pub(crate) fn debit(&mut self, part: Part, amount: u64) {
        if !planted(Mutant::BudgetNeverDebited) {
            let used = &mut self.used[part as usize];
            *used = used.saturating_add(amount);
        }
    }

    /// Sets some aside for a child.
    pub(crate) fn reserve(&mut self, part: Part, amount: u64) {
        let reserved = &mut self.reserved[part as usize];
        *reserved = reserved.saturating_add(amount);
    }

    /// Some of what was set aside is not needed for it any more.
    pub(crate) fn release(&mut self, part: Part, amount: u64) {
        let reserved = &mut self.reserved[part as usize];
        *reserved = reserved.saturating_sub(amount);
    }

    /// A child ended: what was set aside comes back, less what it used.
    pub(crate) fn settle(&mut self, child: &Purse, part: Part) {
        if let Some(limit) = child.limit(part) {
            let reserved = &mut self.reserved[part as usize];
            *reserved = reserved.saturating_sub(limit);
            self.debit(part, child.used(part));
        }
    }
}

mod by_part {
    //! A purse is stored as it was before calls were counted, unless there is something of them.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    const BEFORE_CALLS: usize = 4;

    pub(super) fn serialize<T, S>(parts: &[T; 5], out: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize + Default + PartialEq,
        S: Serializer,
    {
        let is_plain = parts[BEFORE_CALLS] == T::default();
        let stored = if is_plain { &parts[..BEFORE_CALLS] } else { &parts[..] };
        stored.serialize(out)
    }

    pub(super) fn deserialize<'de, T, D>(input: D) -> Result<[T; 5], D::Error>
    where
        T: Deserialize<'de> + Default,
        D: Deserializer<'de>,
    {
        let mut stored = Vec::<T>::deserialize(input)?.into_iter();
        Ok(std::array::from_fn(|_| stored.next().unwrap_or_default()))
    }
}
