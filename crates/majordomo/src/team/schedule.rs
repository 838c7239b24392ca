//! One entry of `[schedules]` as written: when, and what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::policy::Class;
use super::quantity::Duration;

/// Something that comes round again while the team is up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When: minute, hour, day, month, weekday, as in `"0 9 * * 1-5"`; or `"@hourly"`, `"@daily"`,
    /// `"@weekly"`, `"@monthly"`, `"@yearly"`. Or say `every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone that `cron` means, as in `"Europe/Berlin"`; this machine's if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How often, counted from when it was set; or say `cron`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// The capability asked for; a run of the steps if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
    /// What the agent gets, or what the steps know as `args`; as it is, without expressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// Dues that passed while nobody worked: left out, made up for once, or each.
    #[serde(default)]
    pub missed: Missed,
    /// What happens at a due while the task before runs.
    #[serde(default)]
    pub overlap: Overlap,
    /// How urgent its tasks are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Whose work it is, for shares and quotas between tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// How long each task may take, all attempts and waiting together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

/// What becomes of dues that passed while nobody worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Nothing.
    Skip,
    /// One task stands for all of them.
    #[default]
    Once,
    /// Each gets its task.
    All,
}

/// What happens at a due while the task before runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Both run.
    Allow,
    /// This due is left out.
    #[default]
    Skip,
    /// This due waits for that end.
    QueueOne,
    /// That one is cancelled.
    CancelPrevious,
}
