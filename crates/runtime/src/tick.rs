//! Time passes: deadlines are looked up in the kernel's state, and it is seen to the leases of what
//! works here. Whoever decides sees to them too; this is for when nobody decides anything.

use crate::turn::Runtime;
use kernel::Command;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Runs until the runtime ends.
pub(crate) async fn tick(runtime: Runtime) {
    let every = Duration::from_millis(runtime.look(|kernel, _| kernel.limits().renew_retry_ms));
    let mut look_at = Instant::now() + every;
    loop {
        // Listened for before the question is asked, so that the end cannot slip in between.
        let ended = runtime.inner.ended.notified();
        if runtime.is_closed() {
            return;
        }
        let until_due = runtime.look(|kernel, now| kernel.next_deadline().map(|it| it.since(now)));
        let due_at = until_due.map(|ms| Instant::now() + Duration::from_millis(ms));
        let wake_at = due_at.map_or(look_at, |it| it.min(look_at));
        tokio::select! {
            () = sleep_until(wake_at) => {}
            () = runtime.inner.deadline_moved.notified() => continue,
            () = ended => return,
        }
        if Instant::now() >= look_at {
            look_around(&runtime);
            tell_wall_clock(&runtime);
            look_at = Instant::now() + every;
        }
        if due_at.is_some_and(|it| it <= Instant::now()) {
            runtime.tell(Command::Tick);
        }
    }
}

/// Sees to signs of life, as every step does before it decides.
fn look_around(runtime: &Runtime) {
    let inner = &runtime.inner;
    inner.with_core(|core| core.look_around(core.now(), &inner.desk));
}

/// Our clock stands still while the machine sleeps, and the wall clock may be set: where something
/// is due by the wall clock, the kernel hears of it.
fn tell_wall_clock(runtime: &Runtime) {
    let wall_ms = runtime.wall_ms();
    let is_off = runtime.look(|kernel, now| {
        let state = kernel.state();
        let off = state.wall_ms(now).abs_diff(wall_ms);
        state.needs_wall_clock() && off >= kernel.limits().wall_slack_ms
    });
    if is_off {
        runtime.tell(Command::WallClock { wall_ms });
    }
}
