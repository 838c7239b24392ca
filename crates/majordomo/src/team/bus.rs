//! The `bus` table of an agent as written: whom it may tell and hear.

use runtime::bus::Pattern;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom an agent may tell and hear: subjects such as `"team.review.findings"`, with `*` for one
/// word and `>` for all that follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BusAccess {
    /// What it may publish to; nothing if nothing is listed.
    #[schemars(with = "Vec<String>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Pattern>,
    /// What it may subscribe to; nothing if nothing is listed.
    #[schemars(with = "Vec<String>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<Pattern>,
}
