//! The liveness phase: nothing goes wrong any more, and everything accepted must end.

use super::{Happening, World};
use crate::fault::Mix;
use kernel::Status;

impl World {
    /// Faults off; then everything open has ten times (lease + longest back-off) to end.
    pub(super) fn heal(&mut self) {
        self.mix = Mix::none();
        self.healed = true;
        self.full_until = 0;
        self.agents.iter_mut().for_each(|agent| agent.one_way = None);
        self.trace.say(self.now, || "HEALED: no more faults, no more work".into());
        let frozen: Vec<u64> = self.frozen.iter().map(|process| process.serial).collect();
        frozen.into_iter().for_each(|serial| self.at(1, Happening::Thaw(serial)));
        if let Some(process) = &mut self.process {
            process.clock.drift(self.now, 1_000);
            if process.draining {
                self.exit();
            } else if process.flight.is_some() {
                // Its append may hang for ever; a person would restart it.
                self.crash("hung and was restarted");
            }
        }
        let patience = 10 * (self.limits.lease_ms + 60_000);
        let until = self.now + patience;
        let mut round = self.now;
        while self.now < until && self.oracle.red.is_none() {
            if self.now >= round {
                round = self.now + self.limits.lease_ms;
                self.call_everybody();
                self.end_schedules();
                self.resend_stops();
            }
            self.attach_all();
            if self.is_quiet() {
                break;
            }
            self.next();
        }
        self.judge_the_end(patience);
    }

    /// Nothing open, nothing on its way to the disk.
    fn is_quiet(&self) -> bool {
        let is_still = self.process.as_ref().is_some_and(|process| {
            process.kernel.state().open() == 0
                && process.flight.is_none()
                && process.open.outs.is_empty()
                && process.kernel.state().stopping.is_empty()
        });
        is_still && self.is_all_read()
    }

    /// A stop that was lost on its way to a remote agent is said again.
    pub(super) fn resend_stops(&mut self) {
        let remote = |agent: &&super::Agent| agent.spec.remote;
        let ids: Vec<_> = self.agents.iter().filter(remote).filter_map(|it| it.id).collect();
        ids.into_iter().for_each(|id| self.resend(id));
    }

    fn judge_the_end(&mut self, patience: u64) {
        if self.oracle.red.is_some() {
            return;
        }
        let Some(process) = self.process.take() else {
            return self.oracle.condemn("p24_everything_ends", "no process came up".into());
        };
        let state = process.kernel.state();
        if state.open() > 0 {
            let why = self.stuck(&process.kernel);
            let why = format!("{} open after {patience} ms without faults: {why}", state.open());
            self.oracle.condemn("p24_everything_ends", why);
        }
        self.oracle.end(&process.kernel);
        self.process = Some(process);
    }

    /// Which deadline is missing.
    fn stuck(&self, kernel: &kernel::Kernel) -> String {
        let state = kernel.state();
        let tasks = state.tasks().map(|task| {
            let wait = match task.status {
                Status::Queued { ready_at } => format!("queued until {}", ready_at.0),
                Status::Assigned(lease) => format!("assigned until {}", lease.until.0),
                Status::Running(lease) => format!("running until {}", lease.until.0),
                Status::Waiting(_, news) => format!("waiting, news {news}"),
            };
            let steps = task.steps_in_order();
            let open: Vec<_> = steps.iter().filter(|(_, it)| it.outcome.is_none()).collect();
            format!("task {} {} {wait}; open steps {open:?}", task.id, task.terms.capability)
        });
        let tasks: Vec<String> = tasks.take(4).collect();
        let next = kernel.next_deadline().map_or("none".into(), |at| at.0.to_string());
        let agents = state.agents().iter().map(|agent| {
            let (used, slots) = (state.slots_used(agent.id), agent.spec.slots);
            format!("{} {:?} {used}/{slots}", agent.spec.name, agent.presence)
        });
        let agents = agents.collect::<Vec<_>>().join(", ");
        let stopping = &state.stopping;
        let tasks = tasks.join(" | ");
        format!(
            "next deadline {next}, at {} | {tasks} | {agents}; stopping {stopping:?}",
            state.time.0
        )
    }
}
