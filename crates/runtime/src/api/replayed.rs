//! What a replay wants to know of code that asks models.

use super::Context;
use crate::llm::Request;
use crate::replay::Asked;
use kernel::Digest;
use std::sync::Arc;

impl Context {
    /// Says, where a task is played again, what would be asked now in the place of what is recorded
    /// under this step; see [`mod@crate::replay`]. In any other life it does nothing: what was
    /// answered was answered, and is not asked again because its words have changed.
    pub fn hold_against(
        &self,
        step: &str,
        recorded: Option<Digest>,
        request: impl FnOnce() -> Request,
    ) {
        let Some(player) = &self.live.player else { return };
        let request = Arc::new(request());
        let (step, now) = (step.to_owned(), request.digest());
        player.asked(Asked { step, recorded, now, request });
    }
}
