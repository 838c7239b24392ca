//! What the wall clock says, as far as the kernel knows, and who asks for it.

use crate::{State, Time};

impl State {
    /// What the wall clock says at a moment, as far as the kernel knows.
    #[must_use]
    pub fn wall_ms(&self, at: Time) -> u64 {
        let wall = i128::from(at.0) + i128::from(self.facts.wall_offset_ms);
        u64::try_from(wall.max(0)).unwrap_or(u64::MAX)
    }

    /// Whether anything hangs on what the wall clock says: dues, or the day of a ceiling.
    #[must_use]
    pub fn needs_wall_clock(&self) -> bool {
        !self.facts.schedules.is_empty()
            || self.facts.policies.values().any(|it| !it.ceilings.is_none())
    }
}
