//! One process holds the journal; every other command reaches it through `control.sock`.
//!
//! A line of JSON each way: a [`Request`], then a [`Response`]. The socket belongs to the owner of
//! the data directory alone, and whoever connects must be that user: this is the whole of its
//! authorisation, so it is never opened on a network. Where nobody holds the journal, the same
//! requests are answered by opening it for a moment ([`Door`]).

mod bus;
mod client;
mod door;
mod following;
mod handle;
mod line;
mod many;
mod members;
mod schedules;
mod server;
mod topics;

pub use bus::{BusRequest, BusResponse, Seen};
pub use door::Door;
pub use following::Told;
pub use handle::Desk;
pub use members::{recruits, successor};
pub use schedules::NewSchedule;
pub use server::Server;
pub use topics::{TopicRequest, TopicResponse};

use crate::session::{Reload, Waiting};
use crate::team::file::{Agent, TeamFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest line taken from either side.
const LINE_MAX_BYTES: u64 = 8 << 20;

/// Requests that may come together.
pub const MANY_MAX: usize = 1_000;

/// What another process may ask of the one that holds the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Request {
    /// Who is there?
    Hello,
    /// A root task.
    Submit {
        /// `text.count` or `text.count@1`.
        capability: String,
        /// Any JSON.
        input: Value,
        /// The same key is the same task.
        #[serde(default)]
        key: Option<String>,
        /// How urgent.
        #[serde(default)]
        class: kernel::Class,
        /// It must end within this many milliseconds.
        #[serde(default)]
        deadline_ms: Option<u64>,
        /// Answer when it has ended, not when it is accepted.
        #[serde(default)]
        wait: bool,
        /// And tell before that what is said in its run, one thing a line.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        live: bool,
        /// What else is said of it.
        #[serde(default, flatten)]
        wants: Wants,
    },
    /// Tell what is said in the run of a task, one thing a line, until it ends or the connection
    /// does.
    Follow {
        /// Which.
        task: u64,
    },
    /// Call a task off, and all below it.
    Cancel {
        /// Which.
        task: u64,
        /// Why.
        reason: String,
    },
    /// Several at once, of those that are answered at once; each has an answer of its own.
    Many {
        /// At most [`MANY_MAX`].
        requests: Vec<Request>,
    },
    /// Give a dead task another life.
    Release {
        /// Which.
        task: u64,
        /// Its input then, as any JSON; its own if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Value>,
    },
    /// Forget a dead task.
    Discard {
        /// Which.
        task: u64,
    },
    /// Erase the contents of a run that has ended.
    Forget {
        /// Which.
        run: u64,
    },
    /// More agents for the team that is at work, all of them or none.
    AddAgents {
        /// As in a team file, by name; directories are absolute.
        agents: BTreeMap<String, Agent>,
    },
    /// The team at work follows another definition from now on.
    Reload {
        /// What its file calls the team.
        name: String,
        /// As it can run here; directories are absolute.
        definition: Box<TeamFile>,
        /// Only say what would change.
        #[serde(default)]
        dry_run: bool,
    },
    /// An agent leaves; what it holds goes to others.
    RemoveAgent {
        /// Its name.
        agent: String,
    },
    /// An agent finishes what it has, gets no new work, and leaves then.
    DrainAgent {
        /// Its name.
        agent: String,
    },
    /// An agent is stopped and started again, whatever became of it; what it holds goes to others.
    RestartAgent {
        /// Its name.
        agent: String,
    },
    /// An agent works on so many tasks at once from now on.
    ResizeAgent {
        /// Its name.
        agent: String,
        /// How many.
        slots: u32,
    },
    /// No new work for an agent.
    Pause {
        /// Its name.
        agent: String,
    },
    /// Work again for an agent.
    Unpause {
        /// Its name.
        agent: String,
    },
    /// What waits for a person?
    Inbox,
    /// A person's answer to a question of the inbox.
    Answer {
        /// Which.
        task: u64,
        /// `true` is yes, `false` is no; any other JSON is the output.
        answer: Value,
        /// Who answers.
        by: String,
        /// Why.
        #[serde(default)]
        note: String,
    },
    /// A task that comes round again.
    Schedule(Box<NewSchedule>),
    /// It comes round no more.
    Unschedule {
        /// Its name.
        schedule: String,
    },
    /// Nothing of it is started.
    PauseSchedule {
        /// Its name.
        schedule: String,
    },
    /// It goes on.
    ResumeSchedule {
        /// Its name.
        schedule: String,
    },
    /// An operator opens or closes breakers of an agent, or lets its results decide again.
    Breaker {
        /// Its name.
        agent: String,
        /// For which capability; all that it serves, if none is said.
        #[serde(default)]
        capability: Option<String>,
        /// `open`, `closed`, or nothing: its results decide.
        #[serde(default)]
        forced: Option<kernel::Forced>,
    },
    /// About messages.
    Bus(BusRequest),
    /// About durable topics.
    Topics(TopicRequest),
    /// End in order.
    Stop {
        /// How long running work may go on.
        grace_ms: u64,
    },
}

/// Whose task it is, and which agent it wants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wants {
    /// Whose work it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// It may be stopped and begun again later, to make room for more urgent work.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preemptible: bool,
    /// What an agent's labels must meet, as in a team file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<String>,
    /// Agents whose labels meet this go first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wish: Option<String>,
    /// How many of an agent's slots it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Tasks with the same one go to the same agent, where the capability is routed so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<String>,
}

/// The room for work, as the process that holds the journal sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Room {
    /// Bytes that journal and blobs may take.
    pub data_max_bytes: u64,
    /// Why new work is refused for want of room on the disk, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<String>,
    /// Pieces of new work that it refused for want of room since it began.
    pub refused: u64,
    /// How long ago the last of them was, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_ms_ago: Option<u64>,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// It is so.
    Done,
    /// The one that holds the journal.
    Here {
        /// Its process id.
        pid: u32,
        /// The team it runs.
        team: String,
        /// Tasks that have not ended.
        open: usize,
        /// How much room it has.
        #[serde(default)]
        room: Room,
        /// Its file, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// Accepted, under this number.
    Accepted {
        /// The task.
        task: u64,
        /// False when its key was known.
        fresh: bool,
    },
    /// It has ended, with this output.
    Completed {
        /// The task.
        task: u64,
        /// What it gave.
        output: Value,
    },
    /// From now on is told what is said in this run.
    Following {
        /// Which.
        run: u64,
    },
    /// Something was said in a run.
    Told(Box<Told>),
    /// What another definition changes, or would.
    Reload(Box<Reload>),
    /// The contents of a run are erased.
    Forgotten {
        /// Tasks of the run.
        tasks: u64,
        /// Records whose contents are gone.
        records: u64,
        /// Blobs that are gone.
        blobs: u64,
    },
    /// The answers to many requests, in their order.
    Many {
        /// As many as there were requests.
        answers: Vec<Response>,
    },
    /// What waits for a person.
    Inbox {
        /// The questions, oldest first.
        waiting: Vec<Waiting>,
        /// How many more there are.
        more: usize,
    },
    /// Of the bus.
    Bus(BusResponse),
    /// Of durable topics.
    Topics(TopicResponse),
    /// It was not done.
    Refused {
        /// Why, and what to do.
        message: String,
        /// Ask again after this many milliseconds.
        retry_after_ms: Option<u64>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_lines_that_a_script_could_write() {
        let line = r#"{"verb":"submit","capability":"text.count","input":"a b"}"#;
        let request: Request = serde_json::from_str(line).expect("defaults for the rest");
        assert!(matches!(request, Request::Submit { wait: false, live: false, key: None, .. }));
        let line = r#"{"verb":"submit","capability":"x","input":1,"require":"gpu","weight":2}"#;
        let request: Request = serde_json::from_str(line).expect("what it wants beside the rest");
        let Request::Submit { wants, .. } = request else { panic!("{request:?}") };
        assert_eq!((wants.require.as_deref(), wants.weight), (Some("gpu"), Some(2)));
        assert!(serde_json::from_str::<Request>(r#"{"verb":"sudo"}"#).is_err());
        let line = r#"{"verb":"bus","what":"tap","pattern":"team.>"}"#;
        let request: Request = serde_json::from_str(line).expect("a tap");
        assert!(matches!(request, Request::Bus(BusRequest::Tap { .. })));
        let line = r#"{"verb":"bus","what":"tap","pattern":"team..a"}"#;
        assert!(serde_json::from_str::<Request>(line).is_err(), "no pattern");
    }
}
