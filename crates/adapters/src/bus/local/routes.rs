//! Who gets the messages about a subject: looked up once, then remembered until somebody comes or
//! goes.

use super::trie::Trie;
use runtime::bus::{End, Mailbox, Subject};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Subjects whose routes are remembered; with more, all are forgotten and looked up anew.
const REMEMBERED_MAX: usize = 4_096;

/// All subscriptions, and the routes that were looked up since the last change.
#[derive(Default)]
pub(super) struct Routes {
    trie: Trie,
    mailboxes: BTreeMap<u64, Arc<Mailbox>>,
    /// Those among them that get no more.
    closed: BTreeSet<u64>,
    /// Whose turn it is in each group, and how many members it has.
    turns: HashMap<Arc<str>, (Arc<AtomicUsize>, usize)>,
    remembered: HashMap<Subject, Arc<Route>>,
    last: u64,
}

/// Who gets the messages about one subject.
#[derive(Default)]
pub(super) struct Route {
    pub(super) everyone: Vec<Member>,
    pub(super) groups: Vec<Group>,
}

/// One subscription.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) id: u64,
    pub(super) mailbox: Arc<Mailbox>,
}

/// Of these, one gets each message.
pub(super) struct Group {
    pub(super) members: Vec<Member>,
    name: Arc<str>,
    turn: Arc<AtomicUsize>,
}

impl Group {
    /// The members, beginning with the one whose turn it is.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = &Member> + Clone {
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % self.members.len();
        self.members[first..].iter().chain(&self.members[..first])
    }
}

impl Routes {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.mailboxes.len()
    }

    /// All of them, oldest first.
    pub(super) fn mailboxes(&self) -> impl Iterator<Item = &Arc<Mailbox>> {
        self.mailboxes.values()
    }

    /// A subscription comes; its number.
    pub(super) fn add(&mut self, mailbox: Arc<Mailbox>) -> u64 {
        self.last += 1;
        self.trie.insert(mailbox.pattern(), self.last);
        if let Some(group) = &mailbox.options().group {
            self.turns.entry(group.clone()).or_default().1 += 1;
        }
        self.mailboxes.insert(self.last, mailbox);
        self.remembered.clear();
        self.last
    }

    /// A subscription gets no more messages; its owner still has it.
    pub(super) fn close(&mut self, id: u64) {
        let Some(mailbox) = self.mailboxes.get(&id).cloned() else { return };
        if !self.closed.insert(id) {
            return;
        }
        self.trie.remove(mailbox.pattern(), id);
        if let Some(group) = &mailbox.options().group
            && let Some((_, members)) = self.turns.get_mut(group)
        {
            *members -= 1;
            if *members == 0 {
                self.turns.remove(group);
            }
        }
        self.remembered.clear();
    }

    /// A subscription goes; nothing if it has gone already.
    pub(super) fn remove(&mut self, id: u64) -> Option<Arc<Mailbox>> {
        self.close(id);
        self.closed.remove(&id);
        self.mailboxes.remove(&id)
    }

    /// The route of a subject, if it is remembered.
    pub(super) fn remembered(&self, subject: &Subject) -> Option<Arc<Route>> {
        self.remembered.get(subject).cloned()
    }

    /// Looks a route up and remembers it.
    pub(super) fn look_up(&mut self, subject: &Subject) -> Arc<Route> {
        let mut route = Route::default();
        for id in self.trie.matches(subject) {
            let Some(mailbox) = self.mailboxes.get(&id).cloned() else { continue };
            let group = mailbox.options().group.clone();
            let member = Member { id, mailbox };
            match group {
                None => route.everyone.push(member),
                Some(name) => match route.groups.iter_mut().find(|it| it.name == name) {
                    Some(group) => group.members.push(member),
                    None => {
                        let turn = self.turns.entry(name.clone()).or_default().0.clone();
                        route.groups.push(Group { members: vec![member], name, turn });
                    }
                },
            }
        }
        let route = Arc::new(route);
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.clear();
        }
        self.remembered.insert(subject.clone(), route.clone());
        route
    }
}

/// The bus has ended: whoever listens is told.
impl Drop for Routes {
    fn drop(&mut self) {
        self.mailboxes().for_each(|it| it.close(End::BusEnded));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::bus::{Options, Pattern};

    #[test]
    fn nothing_is_left_of_those_who_have_gone() {
        let mut routes = Routes::default();
        let subject = Subject::new("a.b").expect("a subject");
        let mailbox = |text: &str| {
            Mailbox::new(Pattern::new(text).expect("a pattern"), Options::group("workers"))
        };
        let ids = ["a.b", "a.*", ">"].map(|text| routes.add(mailbox(text)));
        assert_eq!(routes.look_up(&subject).groups[0].members.len(), 3);
        routes.close(ids[0]);
        assert_eq!((routes.len(), routes.look_up(&subject).groups[0].members.len()), (3, 2));
        ids.iter().for_each(|id| drop(routes.remove(*id)));
        assert!(routes.trie.matches(&subject).is_empty(), "the tree remembers them");
        assert!(routes.turns.is_empty() && routes.closed.is_empty() && routes.len() == 0);
        assert!(routes.remembered.is_empty(), "the old route is still known");
    }
}
