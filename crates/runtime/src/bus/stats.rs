//! What a bus counts. Nothing that is lost is lost in silence.

use super::{Overflow, Pattern};
use kernel::Text;
use serde::{Deserialize, Serialize};

/// What has become of the messages for one subscription.
///
/// `offered = received + dropped + expired + queued`, at any moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Came for it.
    pub offered: u64,
    /// Were given to its owner.
    pub received: u64,
    /// Found no room, made room for others, or lay there when it ended.
    pub dropped: u64,
    /// Outlived their time to live in the queue.
    pub expired: u64,
    /// Of those received: not of the schema that is read, or not what they said.
    pub unreadable: u64,
}

impl Counts {
    /// Adds another's.
    pub fn add(&mut self, other: Counts) {
        self.offered += other.offered;
        self.received += other.received;
        self.dropped += other.dropped;
        self.expired += other.expired;
        self.unreadable += other.unreadable;
    }
}

/// One subscription, as its bus sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// Whose it is.
    pub name: Text,
    /// To what.
    pub pattern: Pattern,
    /// The queue group that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Text>,
    /// It only watches.
    pub silent: bool,
    /// What happens when its queue is full.
    pub overflow: Overflow,
    /// How many messages its queue has room for.
    pub capacity: usize,
    /// How many lie there.
    pub queued: usize,
    /// What has become of the rest.
    pub counts: Counts,
}

/// A bus at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Messages that were taken for delivery; answers to questions are not among them.
    pub published: u64,
    /// Of those: nobody was there.
    pub nobody: u64,
    /// Messages that were refused: too large, too long.
    pub refused: u64,
    /// Questions that wait for an answer.
    pub asking: usize,
    /// All subscriptions together, those that have ended too.
    pub total: Counts,
    /// Those that exist, oldest first.
    pub subscriptions: Vec<Subscribed>,
}

/// Somebody who would get a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Present {
    /// Who.
    pub name: Text,
    /// By which subscription.
    pub pattern: Pattern,
    /// As one of this queue group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Text>,
}
