//! Agents that are interchangeable for matching, and what they fit.

use super::bars::Bar;
use super::preempt::Victim;
use super::{Index, ShapeKey};
use crate::mutant::{Mutant, planted};
use crate::{AgentId, AgentSpec, Labels, Serves, Text, Token};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

/// What makes agents interchangeable for matching.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProfileKey {
    pub(crate) team: Text,
    pub(crate) serves: Vec<Serves>,
    pub(crate) prefer: i32,
    pub(crate) labels: Labels,
    /// What breakers keep them from: they do not fit it, though they serve it.
    pub(crate) barred: Vec<(Text, Bar)>,
}

/// A group of interchangeable agents.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) key: ProfileKey,
    pub(crate) shapes: Vec<usize>,
    /// Those that may get a task now, best first.
    pub(crate) free: BTreeSet<Free>,
    /// Those that get work when they have a slot for it.
    pub(super) roster: BTreeSet<AgentId>,
    /// What they work on that may be stopped for more urgent work, first to last.
    pub(super) victims: BTreeSet<Victim>,
    /// How many of them have so many free slots; kept once heavy tasks have been seen.
    pub(super) rooms: BTreeMap<u32, u32>,
    /// How many of those that are not paused have so many slots.
    pub(super) sizes: BTreeMap<u32, u32>,
    /// Present, paused ones included.
    pub(crate) members: u32,
    /// Present and not paused, but down or suspected to be.
    pub(crate) down: u32,
    pub(super) dirty: bool,
}

/// An agent with a free slot; the order is the order of choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Free {
    /// Slots in use, in 1/1024 of its slots, or of its window while that is smaller.
    pub(crate) load: u32,
    /// Its latest grant: the lower, the longer ago.
    pub(super) last: Token,
    pub(crate) agent: AgentId,
    /// Free slots; never none, so that "not free" takes no memory of its own.
    pub(crate) room: NonZeroU32,
}

/// Why an agent of the right team does not fit a shape, though it knows the capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// No version that will do.
    Version,
    /// Its labels do not meet what is required.
    Labels,
    /// Its breaker keeps it from the capability.
    Barred,
}

impl ProfileKey {
    pub(super) fn of(spec: &AgentSpec, barred: Vec<(Text, Bar)>) -> ProfileKey {
        let mut serves = spec.serves.clone();
        serves.sort();
        let (team, labels) = (spec.team.clone(), spec.labels.clone());
        ProfileKey { team, serves, prefer: spec.prefer, labels, barred }
    }

    pub(super) fn serves(&self, team: &Text, capability: &Text) -> bool {
        self.team == *team && self.serves.iter().any(|it| it.capability == *capability)
    }

    /// `Ok` when such agents may get tasks of this shape; `None` when they have nothing to do with
    /// it.
    pub(super) fn fits(&self, shape: &ShapeKey) -> Result<(), Option<Miss>> {
        let named = |it: &&Serves| it.capability == shape.capability;
        if self.team != shape.team || !self.serves.iter().any(|it| named(&it)) {
            return Err(None);
        }
        let mut named = self.serves.iter().filter(named);
        if !named.any(|it| shape.versions.contains(it.version)) {
            return Err(Some(Miss::Version));
        }
        let met = shape.require.as_ref().is_none_or(|it| it.is_met_by(&self.labels));
        if !met && !planted(Mutant::ConstraintIgnored) {
            return Err(Some(Miss::Labels));
        }
        let barred = self.barred.iter().any(|(it, _)| *it == shape.capability);
        if barred { Err(Some(Miss::Barred)) } else { Ok(()) }
    }
}

impl Profile {
    /// Whether one of its agents has room for a task of this weight now.
    pub(crate) fn has_room(&self, weight: u32) -> bool {
        if weight <= 1 {
            return !self.free.is_empty();
        }
        self.rooms.range(weight..).next().is_some()
    }

    /// Whether one of its agents is large enough for a task of this weight at all.
    pub(crate) fn has_size(&self, weight: u32) -> bool {
        self.sizes.range(weight..).next().is_some()
    }

    /// How many of its agents are present, not paused, and running as far as anybody knows.
    pub(crate) fn available(&self) -> u32 {
        self.roster.len() as u32
    }

    /// Its agents that are not paused and too small for a task of this weight.
    pub(crate) fn too_small(&self, weight: u32) -> u32 {
        self.sizes.range(..weight).map(|(_, count)| count).sum()
    }

    /// The free ones with room for a task of this weight, best first.
    pub(crate) fn free_for(&self, weight: u32) -> impl Iterator<Item = &Free> {
        self.free.iter().filter(move |free| free.room.get() >= weight)
    }

    /// How many of them there are.
    pub(crate) fn count_free(&self, weight: u32) -> u32 {
        if weight <= 1 {
            return self.free.len() as u32;
        }
        self.rooms.range(weight..).map(|(_, count)| count).sum()
    }

    pub(super) fn add_free(&mut self, free: Free, is_heavy: bool) {
        self.free.insert(free);
        if is_heavy {
            *self.rooms.entry(free.room.get()).or_default() += 1;
        }
    }

    pub(super) fn drop_free(&mut self, free: &Free, is_heavy: bool) {
        self.free.remove(free);
        if is_heavy {
            take_one(&mut self.rooms, free.room.get());
        }
    }
}

/// Counts one fewer; what has none left is gone.
pub(super) fn take_one(counts: &mut BTreeMap<u32, u32>, key: u32) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

impl Index {
    /// The profile of such agents; a new one learns which shapes it fits.
    pub(super) fn profile(&mut self, key: ProfileKey) -> usize {
        if let Some(id) = self.fleet.profile_ids.get(&key) {
            return *id;
        }
        let id = self.fleet.profiles.len();
        let mut shapes = Vec::new();
        let shared = self.shapes.iter_mut().enumerate().filter(|(_, it)| it.key.only.is_none());
        for (at, shape) in shared {
            match key.fits(&shape.key) {
                Ok(()) => {
                    shape.profiles.push(id);
                    shapes.push(at);
                }
                Err(Some(miss)) => shape.near.push((id, miss)),
                Err(None) => {}
            }
        }
        self.fleet.profile_ids.insert(key.clone(), id);
        self.fleet.profiles.push(Profile {
            key,
            shapes,
            free: BTreeSet::new(),
            roster: BTreeSet::new(),
            victims: BTreeSet::new(),
            rooms: BTreeMap::new(),
            sizes: BTreeMap::new(),
            members: 0,
            down: 0,
            dirty: false,
        });
        id
    }
}
