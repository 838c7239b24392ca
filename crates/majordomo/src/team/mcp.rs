//! An agent of kind `mcp` as written: a server of the Model Context Protocol, and which of its
//! tools are capabilities.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{Agent, Common, TeamFile};
use super::quantity::{Duration, Size};

/// A server of the Model Context Protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mcp {
    /// The program to start, which speaks over stdin and stdout; or say `url`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// Where the server listens (streamable HTTP): `https`, or `http` on this machine; or say
    /// `argv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// For a `url`: the secret that is sent as bearer token, as in `"env:GITHUB_TOKEN"` or
    /// `"file:github"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Which of its tools it serves: their names, each served as `AGENT.TOOL`, or a table of names
    /// with the capability that each is, as in `{ read_file = "file.read" }`.
    pub tools: Tools,
    /// How long it may take to end when its stdin is closed, and again after TERM, before KILL.
    #[serde(default = "five_seconds")]
    pub grace: Duration,
    /// Memory each of its processes may have; 4 GiB if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// The largest message taken from it; 8 MiB if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_max: Option<Size>,
    /// Variables of our environment that it sees besides `PATH`, `HOME`, `USER`, `LANG`, `LC_ALL`,
    /// `LC_CTYPE`, `TZ`, `TMPDIR` and `VIRTUAL_ENV`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Variables set for it, as in `{ MODE = "fast" }`. No secrets: the file is kept with the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Its working directory, relative to the team file; where `majordomo` was started if nothing
    /// is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Programs that must be on PATH; where one is missing the agent is left out, with a line that
    /// says so, and steps that only it serves are skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when_on_path: Vec<String>,
    /// What every kind of agent has.
    #[serde(flatten)]
    pub common: Common,
}

/// The tools of a server that are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Tools {
    /// Their names; each is served as `AGENT.TOOL`.
    Names(Vec<String>),
    /// By name, the capability that each is.
    As(BTreeMap<String, String>),
}

impl Tools {
    /// Each tool with its capability, for the agent of this name.
    #[must_use]
    pub fn served(&self, agent: &str) -> Vec<(String, String)> {
        match self {
            Self::Names(names) => names.iter().map(|it| (it.clone(), named(agent, it))).collect(),
            Self::As(table) => table.iter().map(|(it, to)| (it.clone(), to.clone())).collect(),
        }
    }
}

/// What a tool is served as where nothing is said.
pub(super) fn named(agent: &str, tool: &str) -> String {
    format!("{agent}.{tool}")
}

/// Writes out what each server serves, which depends on the name of its agent: whoever looks at a
/// definition later sees capabilities as those of any other.
pub(super) fn settle(definition: &mut TeamFile) {
    for (name, agent) in &mut definition.agents {
        if let Agent::Mcp(mcp) = agent {
            let served = mcp.tools.served(name);
            mcp.common.serves = served.iter().map(|(_, capability)| capability.clone()).collect();
            mcp.tools = Tools::As(served.into_iter().collect());
        }
    }
}

fn five_seconds() -> Duration {
    Duration::from_ms(5_000)
}
