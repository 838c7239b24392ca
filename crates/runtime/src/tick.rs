//! Time passes: deadlines are looked up in the kernel's state, and leases of working attempts
//! renewed.

use crate::turn::Runtime;
use kernel::Command;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Runs until the runtime ends.
pub(crate) async fn tick(runtime: Runtime) {
    let renew = Duration::from_millis(runtime.look(|kernel, _| kernel.limits().renew_ms));
    let mut renew_at = Instant::now() + renew;
    loop {
        // Listened for before the question is asked, so that the end cannot slip in between.
        let ended = runtime.inner.ended.notified();
        if runtime.is_closed() {
            return;
        }
        let until_due = runtime.look(|kernel, now| kernel.next_deadline().map(|it| it.since(now)));
        let due_at = until_due.map(|ms| Instant::now() + Duration::from_millis(ms));
        let wake_at = due_at.map_or(renew_at, |it| it.min(renew_at));
        tokio::select! {
            () = sleep_until(wake_at) => {}
            () = runtime.inner.deadline_moved.notified() => continue,
            () = ended => return,
        }
        // Renewals first: a lease must not run out because we came late.
        if Instant::now() >= renew_at {
            runtime.pulse(runtime.inner.desk.pulses());
            renew_at = Instant::now() + renew;
        }
        if due_at.is_some_and(|it| it <= Instant::now()) {
            runtime.pulse(runtime.inner.desk.pulses());
            runtime.tell(Command::Tick);
        }
    }
}
