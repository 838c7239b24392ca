//! The journal as JSON lines, for other programs: one entry a line.
//!
//! ```json
//! {"seq":7,"at":1200,"event":{"task_started":{"task":3}},"contents":[]}
//! ```
//!
//! `contents` holds the inputs or outputs that the event carries, in the order of the event's
//! payloads: the JSON itself where it is small, `{"blob":"…"}` where it stands in the blob store,
//! and `null` where it was erased.

use super::{Error, check_there, io_at};
use crate::data::DataDir;
use adapters::journal::log::Reader;
use kernel::Payload;
use runtime::port::journal::{self, Seq};
use runtime::port::reader::Reader as _;
use runtime::record;
use serde_json::{Value, json};
use std::io::Write;

/// What was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The first record; what came before it stands in a snapshot only.
    pub first: Seq,
    /// The last one.
    pub head: Seq,
}

/// Writes every entry of the retained log as a line of JSON. May run beside a team at work.
///
/// # Errors
/// `NoJournal`, damage, or what writing says.
pub fn export(data: &DataDir, out: &mut dyn Write) -> Result<Exported, Error> {
    check_there(data)?;
    let mut reader = Reader::open(&data.journal())?;
    let (first, head) = (reader.first(), reader.head());
    let mut refused = None;
    let read = reader.read(first, &mut |seq, bytes| {
        let unreadable = |why: String| journal::Error::Unreadable { at: seq, why };
        let entry = record::decode(bytes).map_err(|why| unreadable(why.to_string()))?;
        let contents: Vec<Value> = entry.event.payloads().map(content).collect();
        let line = json!({
            "seq": seq.0,
            "at": entry.at.0,
            "event": entry.event,
            "contents": contents,
        });
        writeln!(out, "{line}").map_err(|why| {
            let said = unreadable(why.to_string());
            refused = Some(why);
            said
        })
    });
    match refused {
        Some(why) => Err(io_at(std::path::Path::new("export"))(why)),
        None => read.map(|()| Exported { first, head }).map_err(Error::from),
    }
}

fn content(payload: &Payload) -> Value {
    match &payload.inline {
        Some(bytes) => serde_json::from_slice(bytes).unwrap_or(Value::Null),
        None if payload.len as usize > record::INLINE_MAX_BYTES => {
            json!({ "blob": payload.digest })
        }
        None => Value::Null,
    }
}
