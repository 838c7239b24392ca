//! A conversation with one server: which revision it speaks, what it offers, and calls.
//!
//! ```text
//!   server/discover ─▶ answered ─▶ each request says itself who asks and how (2026-07-28)
//!        └ refused, or silence ─▶ initialize ─▶ notifications/initialized (older ones)
//!                                                        └─▶ tools/list, page by page
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::Serves;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::ear::Ear;
use super::fault::Fault;
use super::limits::Limits;
use super::link::Link;
use super::rpc::{self, Answer, Request};
use super::tool::{self, Served, Tool};
use crate::agent::cut;

/// The revision without a handshake.
pub(super) const STATELESS: &str = "2026-07-28";

/// The revisions with one, the newest first.
const WITH_HANDSHAKE: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// A server that has said what it offers.
pub(super) struct Session {
    link: Link,
    limits: Limits,
    last_id: AtomicU64,
    /// What every request says of us, where there was no handshake.
    own: Mutex<Map<String, Value>>,
    /// One at a time begins anew what was lost.
    renewing: tokio::sync::Mutex<()>,
    /// The tools that the team names.
    pub(super) tools: Vec<(Serves, Tool)>,
}

impl Session {
    /// Comes to terms with a server within the time that it has for it.
    pub(super) async fn open(
        link: Link,
        limits: &Limits,
        wanted: &[Served],
    ) -> Result<Self, Fault> {
        let (last_id, own) = (AtomicU64::new(0), Mutex::default());
        let (limits, renewing, tools) = (limits.clone(), Default::default(), Vec::new());
        let mut session = Self { link, limits, last_id, own, renewing, tools };
        let start_ms = session.limits.start_ms;
        let opening = timeout(Duration::from_millis(start_ms), session.begin(wanted)).await;
        match opening {
            Ok(Ok(())) => Ok(session),
            Ok(Err(fault)) => Err(fault.at_the_start()),
            Err(_elapsed) => {
                let (server, last_words) = (session.server(), session.link.last_words());
                Err(Fault::NotReady { server, start_ms, last_words })
            }
        }
    }

    /// Calls a tool; `marks` go with the call, beside its arguments.
    pub(super) async fn call(
        &self,
        tool: &Tool,
        arguments: Value,
        marks: Map<String, Value>,
        ear: Arc<Ear>,
    ) -> Result<Value, Fault> {
        let params = json!({ "name": tool.name, "arguments": arguments });
        let call = async || {
            drop(self.renewing.lock().await); // What is begun anew is waited for.
            let request = self.request("tools/call", params.clone(), marks.clone());
            self.link.call(request, Some(tool), Some(ear.clone())).await
        };
        let answer = match call().await {
            Err(Fault::SessionLost { session, .. }) => {
                self.renew(&session).await?;
                call().await?
            }
            answer => answer?,
        };
        let result = answer.map_err(|error| self.refused("tools/call", error))?;
        tool.read(result, self.limits.said_max_bytes)
    }

    /// Nobody has any use for it from now on.
    pub(super) async fn end(&self) {
        self.link.end().await;
    }

    /// Begins a new session in the place of a lost one, if nobody has.
    async fn renew(&self, lost: &str) -> Result<(), Fault> {
        let _alone = self.renewing.lock().await;
        if !self.link.is_session(lost) {
            return Ok(());
        }
        // Everybody waits for it meanwhile, so it has its time and no more.
        let start_ms = self.limits.start_ms;
        let renewing = timeout(Duration::from_millis(start_ms), self.initialize()).await;
        let late = |_| {
            let why = format!("a lost session was not begun anew within {start_ms} ms");
            Fault::Unreachable { server: self.server(), why }
        };
        match renewing.map_err(late)?? {
            None => Ok(()),
            Some(error) => Err(self.refused("initialize", error)),
        }
    }

    fn server(&self) -> String {
        self.link.server().to_owned()
    }

    async fn begin(&mut self, wanted: &[Served]) -> Result<(), Fault> {
        self.greet().await?;
        let there = self.list().await?;
        self.tools = tool::chosen(self.link.server(), wanted, &there)?;
        Ok(())
    }

    /// Finds out how it wants to be spoken to.
    async fn greet(&self) -> Result<(), Fault> {
        let patience = Duration::from_millis(self.limits.probe_ms);
        let is_silent = match timeout(patience, self.discover()).await {
            Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(_older))) => false,
            Ok(Err(fault)) => return Err(fault),
            Err(_elapsed) => true,
        };
        match self.initialize().await? {
            None => Ok(()),
            // It was only slow to start, and knows no handshake.
            Some(_) if is_silent => match self.discover().await? {
                None => Ok(()),
                Some(error) => Err(self.refused("server/discover", error)),
            },
            Some(error) => Err(self.refused("initialize", error)),
        }
    }

    /// Asks what only the newest revision answers; gives the error of an older server.
    async fn discover(&self) -> Result<Option<rpc::Error>, Fault> {
        self.set_own(own_marks());
        self.link.speaks(STATELESS);
        let answer = self.ask("server/discover", json!({})).await?;
        let error = match answer {
            Ok(result) if lists(&result["supportedVersions"], &[STATELESS]) => return Ok(None),
            Ok(result) if lists(&result["supportedVersions"], &WITH_HANDSHAKE) => rpc::Error {
                code: rpc::UNSUPPORTED_VERSION,
                message: "it speaks older revisions".to_owned(),
                data: Value::Null,
            },
            Ok(result) => return Err(self.version(&result["supportedVersions"])),
            Err(error) => error,
        };
        if error.code == rpc::UNSUPPORTED_VERSION
            && !error.data.is_null()
            && !lists(&error.data["supported"], &WITH_HANDSHAKE)
        {
            return Err(self.version(&error.data["supported"]));
        }
        self.set_own(Map::new());
        self.link.speaks(WITH_HANDSHAKE[0]);
        Ok(Some(error))
    }

    /// The handshake; gives the error of a server that knows none. What it settles goes for others
    /// when all of it is: calls may be under way.
    async fn initialize(&self) -> Result<Option<rpc::Error>, Fault> {
        self.link.begin(WITH_HANDSHAKE[0]);
        let us = json!({ "protocolVersion": WITH_HANDSHAKE[0], "capabilities": {},
                         "clientInfo": client_info() });
        let request = Request { id: self.next_id(), method: "initialize", params: us };
        let result = match self.link.call(request, None, None).await? {
            Ok(result) => result,
            Err(error) => return Ok(Some(error)),
        };
        let said = &result["protocolVersion"];
        let spoken = said.as_str().unwrap_or_default();
        let is_stateless = spoken == STATELESS;
        if !is_stateless && !WITH_HANDSHAKE.contains(&spoken) {
            return Err(self.version(said));
        }
        self.link.agree(spoken);
        self.link.tell("notifications/initialized", Value::Null).await?;
        self.set_own(if is_stateless { own_marks() } else { Map::new() });
        self.link.settle();
        Ok(None)
    }

    /// All its tools, by name.
    async fn list(&self) -> Result<BTreeMap<String, Tool>, Fault> {
        let Limits { tools_max, pages_max, .. } = self.limits;
        let too_many = |what, max| Fault::TooMany { server: self.server(), what, max };
        let (mut tools, mut cursor) = (BTreeMap::new(), None::<String>);
        for _page in 0..pages_max {
            let params = cursor.as_ref().map_or(json!({}), |cursor| json!({ "cursor": cursor }));
            let answer = self.ask("tools/list", params).await?;
            let result = answer.map_err(|error| self.refused("tools/list", error))?;
            let Some(listed) = result["tools"].as_array() else {
                let why = "its answer to tools/list has no list of `tools`".to_owned();
                return Err(Fault::Protocol { server: self.server(), why });
            };
            for tool in listed.iter().filter_map(Tool::of) {
                tools.entry(tool.name.clone()).or_insert(tool);
            }
            if tools.len() > tools_max {
                return Err(too_many("tools", tools_max));
            }
            cursor = result["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(tools);
            }
        }
        Err(too_many("its tools in pages", pages_max))
    }

    async fn ask(&self, method: &'static str, params: Value) -> Result<Answer, Fault> {
        self.link.call(self.request(method, params, Map::new()), None, None).await
    }

    fn request(&self, method: &'static str, params: Value, marks: Map<String, Value>) -> Request {
        let id = self.next_id();
        let mut params = params;
        let mut meta = self.own().clone();
        if !marks.is_empty() {
            meta.extend(marks);
            // By which it says how far it is: unique as long as the call is open.
            meta.insert("progressToken".to_owned(), id.into());
        }
        if !meta.is_empty() {
            params["_meta"] = Value::Object(meta);
        }
        Request { id, method, params }
    }

    fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn set_own(&self, marks: Map<String, Value>) {
        *self.own() = marks;
    }

    fn own(&self) -> MutexGuard<'_, Map<String, Value>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, method: &'static str, error: rpc::Error) -> Fault {
        let rpc::Error { code, message, .. } = error;
        let message = cut(&message, self.limits.said_max_bytes);
        Fault::Refused { server: self.server(), method, code, message }
    }

    fn version(&self, spoken: &Value) -> Fault {
        let spoken = cut(spoken.to_string(), 200);
        let ours = format!("{STATELESS}, {}", WITH_HANDSHAKE.join(", "));
        Fault::Version { server: self.server(), spoken, ours }
    }
}

/// Whether one of these is in a list.
fn lists(list: &Value, any: &[&str]) -> bool {
    let said = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    said.into_iter().any(|it| any.contains(&it))
}

fn client_info() -> Value {
    json!({ "name": "majordomo", "version": env!("CARGO_PKG_VERSION") })
}

/// What each request says where there was no handshake. We offer a server nothing.
fn own_marks() -> Map<String, Value> {
    let marks = [
        ("io.modelcontextprotocol/protocolVersion", json!(STATELESS)),
        ("io.modelcontextprotocol/clientInfo", client_info()),
        ("io.modelcontextprotocol/clientCapabilities", json!({})),
        ("io.modelcontextprotocol/logLevel", json!("info")),
    ];
    marks.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
