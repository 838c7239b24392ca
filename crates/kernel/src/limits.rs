//! Every bound in the kernel, in one place, with where its default comes from.

use serde::{Deserialize, Serialize};

/// What the kernel may hold and how long it waits. A team file may change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Tasks that may be open (not yet settled) at once; beyond it roots are refused `Overloaded`.
    pub queue_max: u64,
    /// Payload bytes held in memory for open tasks and records; beyond it: `Overloaded`.
    pub payload_max_bytes: u64,
    /// Bytes of one payload, wherever it is stored.
    pub payload_one_max_bytes: u32,
    /// A lease, unless renewed: 30 s, twice what Kubernetes uses, since calls to models are slow.
    pub lease_ms: u64,
    /// How often a holder renews; must be below the lease by more than one retry.
    pub renew_ms: u64,
    /// How soon a renewal that could not be given is tried again.
    pub renew_retry_ms: u64,
    /// Attempts lost with the runtime itself before the task is taken to be the cause.
    pub crash_attempts_max: u32,
    /// How often one task may be preempted; after that no attempt of it is.
    pub preemptions_max: u32,
    /// Depth of a tree of tasks; a root has depth 1.
    pub depth_max: u32,
    /// How often in a row two capabilities may hand a question on to each other.
    pub hand_offs_max: u32,
    /// How often in a row a task may ask the same and be told the same.
    pub repeats_max: u32,
    /// Tasks in one tree, over its whole life.
    pub tree_tasks_max: u64,
    /// Working time of one tree, milliseconds; waiting for people or timers is apart.
    pub tree_work_ms: u64,
    /// Money of one tree, millionths of a dollar.
    pub tree_money_micros: u64,
    /// Model tokens of one tree.
    pub tree_tokens: u64,
    /// Tenants whose spending is counted apart on one day; the rest share an account.
    pub tenants_max: usize,
    /// The longest that anything may be put off: a start, a timer, a retry that an agent asks for.
    pub delay_max_ms: u64,
    /// Steps recorded for one task.
    pub steps_max: u32,
    /// How long an idempotency key is remembered.
    pub key_ms: u64,
    /// How many idempotency keys are remembered.
    pub keys_max: u64,
    /// Dead letters kept; the oldest goes when one more comes.
    pub dead_max: u64,
    /// Failures kept with one task; the first ones and the latest.
    pub failures_max: u32,
    /// Retries granted per hundred tasks offered (tower's default).
    pub retry_percent: u32,
    /// Retries granted per second whatever is offered (tower's default).
    pub retry_floor_per_s: u32,
    /// What `Overloaded` tells the client to wait before it asks again.
    pub retry_after_ms: u64,
    /// Timers, orphans and forgotten keys handled in one step, so that no step is long.
    pub sweep_max: usize,
    /// Schedules there may be.
    pub schedules_max: u32,
    /// The shortest interval of a schedule.
    pub schedule_every_min_ms: u64,
    /// A due that could not be started for this long, or for a whole interval, counts as missed.
    pub schedule_late_ms: u64,
    /// Missed dues in a row that a schedule makes up for, where it is told to make up for all.
    pub schedule_catch_up_max: u32,
    /// Durable topics there may be.
    pub topics_max: u32,
    /// Durable names that one topic may have.
    pub topic_names_max: u32,
    /// Messages that one topic keeps.
    pub topic_messages_max: u64,
    /// Bytes that one topic keeps.
    pub topic_max_bytes: u64,
    /// Messages that all topics keep together.
    pub topics_messages_max: u64,
    /// Bytes that all topics keep together.
    pub topics_max_bytes: u64,
    /// Messages that one durable name may have in hand or coming again.
    pub topic_window_max: u32,
    /// Dead letters kept for one durable name; the oldest goes when one more comes.
    pub topic_dead_max: u32,
    /// Runs of messages that were over for a name unhandled, and are remembered.
    pub topic_missed_max: u32,
    /// A wall clock that is off by this much was set, or the machine slept.
    pub wall_slack_ms: u64,
    /// Agents that may ever join.
    pub agents_max: u32,
    /// Parts of a requirement on labels: comparisons, values, `and`, `or`, `not`.
    pub constraint_size_max: u32,
    /// How deep a requirement on labels may nest.
    pub constraint_depth_max: u32,
    /// Slots that one task may take.
    pub weight_max: u32,
    /// Names in the policies of one team, and teams that have policies.
    pub policies_max: u32,
    /// Agents that may be asked for a bid at once.
    pub bidders_max: u32,
    /// Bytes of what comes with a bid.
    pub bid_max_bytes: u32,
    /// How long bids hold, for the next bidder when a winner fails.
    pub bids_stand_ms: u64,
    /// Bytes of a name or key.
    pub name_max_bytes: usize,
    /// Bytes kept of what an adviser says of its choice.
    pub words_max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            queue_max: 1_000_000,
            payload_max_bytes: 1 << 30,
            payload_one_max_bytes: 64 << 20,
            lease_ms: 30_000,
            renew_ms: 10_000,
            renew_retry_ms: 2_000,
            crash_attempts_max: 25,
            preemptions_max: 3,
            depth_max: 16,
            hand_offs_max: 4,
            repeats_max: 8,
            tree_tasks_max: 100_000,
            tree_work_ms: 3_600_000,
            tree_money_micros: 1_000_000,
            tree_tokens: 1_000_000,
            tenants_max: 10_000,
            delay_max_ms: 366 * 24 * 3_600_000,
            steps_max: 100_000,
            key_ms: 24 * 3_600_000,
            keys_max: 1_000_000,
            dead_max: 10_000,
            failures_max: 32,
            retry_percent: 20,
            retry_floor_per_s: 10,
            retry_after_ms: 1_000,
            sweep_max: 1_024,
            schedules_max: 1_000,
            schedule_every_min_ms: 1_000,
            schedule_late_ms: 60_000,
            schedule_catch_up_max: 100,
            topics_max: 1_000,
            topic_names_max: 1_000,
            topic_messages_max: 100_000,
            topic_max_bytes: 256 << 20,
            topics_messages_max: 1_000_000,
            topics_max_bytes: 1 << 30,
            topic_window_max: 256,
            topic_dead_max: 1_000,
            topic_missed_max: 256,
            wall_slack_ms: 1_000,
            agents_max: 1_000_000,
            constraint_size_max: 64,
            constraint_depth_max: 8,
            weight_max: 1_024,
            policies_max: 10_000,
            bidders_max: 64,
            bid_max_bytes: 4_096,
            bids_stand_ms: 600_000,
            name_max_bytes: 512,
            words_max_bytes: 400,
        }
    }
}
