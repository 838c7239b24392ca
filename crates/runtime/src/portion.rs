//! What was decided and is not durable yet: portions that are committed whole, in order.

use crate::inbox::Verdict;
use crate::record::INLINE_MAX_BYTES;
use kernel::{Effect, Entry};
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// A portion of about this size is closed; what follows goes into the next.
const PORTION_MAX_BYTES: usize = 512 * 1024;
/// What an entry takes in the journal, its payload apart: a little more than most do.
const ENTRY_BYTES: usize = 160;
/// Emptied portions that are kept for their memory.
const SPARE_MAX: usize = 4;

/// Steps that become durable together.
#[derive(Default)]
pub(crate) struct Portion {
    pub(crate) entries: Vec<Entry>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) answers: Vec<(oneshot::Sender<Verdict>, Verdict)>,
    /// About what the entries from the first on take in the journal.
    bytes: usize,
    /// How many entries are counted in that.
    weighed: usize,
}

impl Portion {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.effects.is_empty() && self.answers.is_empty()
    }

    /// Whether what comes next belongs in another portion.
    pub(crate) fn is_full(&mut self) -> bool {
        for entry in &self.entries[self.weighed..] {
            let inline = entry.event.payloads().map(|it| (it.len as usize).min(INLINE_MAX_BYTES));
            self.bytes += ENTRY_BYTES + inline.sum::<usize>();
        }
        self.weighed = self.entries.len();
        self.bytes >= PORTION_MAX_BYTES
    }

    fn append(&mut self, other: &mut Portion) {
        self.entries.append(&mut other.entries);
        self.effects.append(&mut other.effects);
        self.answers.append(&mut other.answers);
        other.clear();
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.effects.clear();
        self.answers.clear();
        (self.bytes, self.weighed) = (0, 0);
    }
}

/// Portions in order, and whether their committer sleeps. On cache lines of its own: see [`Inner`].
///
/// [`Inner`]: crate::turn::Inner
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Waiting {
    portions: VecDeque<Portion>,
    spare: Vec<Portion>,
    /// The committer waits to be told of the next portion.
    pub(crate) sleeps: bool,
    /// Nothing more will come.
    pub(crate) ended: bool,
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.portions.is_empty()
    }

    /// Takes in what was decided and leaves it empty; it joins the last portion if that has room.
    pub(crate) fn push(&mut self, decided: &mut Portion) {
        if let Some(last) = self.portions.back_mut()
            && !last.is_full()
        {
            return last.append(decided);
        }
        let empty = self.spare.pop().unwrap_or_default();
        self.portions.push_back(std::mem::replace(decided, empty));
    }

    pub(crate) fn pop(&mut self) -> Option<Portion> {
        self.portions.pop_front()
    }

    /// Keeps the memory of a portion that was committed and cleared.
    pub(crate) fn give_back(&mut self, portion: Portion) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(portion);
        }
    }

    /// Forgets everything, for ever.
    pub(crate) fn forget(&mut self) {
        self.portions.clear();
        self.ended = true;
    }
}
