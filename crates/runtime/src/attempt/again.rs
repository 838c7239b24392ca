//! Looking again whether code only waits for steps.
//!
//! Whoever wakes the code may keep its clone of the waker for a moment longer: the thread that sent
//! an answer is often interrupted by the very thread that it woke. What is counted then looks
//! foreign, and when the clone goes nobody says so; the slot would stay taken for ever. So while
//! only such clones stand in the way it is looked again: at once a few times, then more and more
//! seldom.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// So often at once, which is enough for a thread that goes on.
const AT_ONCE: u32 = 8;
/// The first pause after that; each is twice the one before.
const FIRST: Duration = Duration::from_millis(1);
/// The longest. Code that really waits for something else is looked at so often.
const LONGEST: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Again {
    looks: u32,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Again {
    /// The code went on, or something else stands in the way.
    pub(super) fn reset(&mut self) {
        *self = Again::default();
    }

    /// Sees to it that the driver is polled again, at the right time.
    pub(super) fn look(&mut self, cx: &mut Context<'_>) {
        if let Some(pause) = &mut self.pause
            && pause.as_mut().poll(cx).is_pending()
        {
            return; // Woken by something else meanwhile.
        }
        let doublings = self.looks.checked_sub(AT_ONCE);
        self.looks = self.looks.saturating_add(1);
        let Some(doublings) = doublings else { return cx.waker().wake_by_ref() };
        let length = FIRST.saturating_mul(1 << doublings.min(20)).min(LONGEST);
        let mut pause = Box::pin(sleep(length));
        if pause.as_mut().poll(cx) == Poll::Ready(()) {
            cx.waker().wake_by_ref();
        }
        self.pause = Some(pause);
    }
}
