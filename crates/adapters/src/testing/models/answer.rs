//! What a scripted server answers, and how it misbehaves while it does.

use super::http::Connection;
use super::{Seen, wire};
use serde_json::{Value, json};
use std::io::Result;
use std::time::Duration;

/// One answer; the request says in which format it is given, and whether as a stream.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    pub(super) usage: Option<(u64, u64)>,
    pub(super) finish: Option<String>,
    /// Another status than 200, with a message.
    status: Option<u16>,
    headers: Vec<(String, String)>,
    /// Bytes instead of an answer in the format.
    raw: Option<Vec<u8>>,
    content_type: Option<String>,
    /// Held before the first byte.
    is_held: bool,
    /// Held after so many pieces.
    stall_after: Option<usize>,
    /// The connection is gone after so many pieces.
    cut_after: Option<usize>,
    /// Proper HTTP, but the stream has ended after so many pieces.
    end_after: Option<usize>,
    /// Between two pieces.
    pause: Option<Duration>,
    /// Never streamed, whatever is asked.
    is_whole: bool,
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Call {
    /// With arguments as a model writes them: JSON, or not.
    #[must_use]
    pub fn new(id: &str, name: &str, arguments: impl ToString) -> Call {
        let (id, name) = (id.to_owned(), name.to_owned());
        Call { id, name, arguments: arguments.to_string() }
    }
}

impl Answer {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Answer {
        Answer { text: text.into(), usage: Some((10, 5)), ..Answer::default() }
    }

    /// Calls of tools.
    #[must_use]
    pub fn calls(calls: impl IntoIterator<Item = Call>) -> Answer {
        Answer { calls: calls.into_iter().collect(), ..Answer::text("") }
    }

    /// A refusal.
    #[must_use]
    pub fn status(status: u16) -> Answer {
        Answer { status: Some(status), text: "scripted".to_owned(), ..Answer::default() }
    }

    /// Whatever bytes, said to be JSON.
    #[must_use]
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
        Answer { raw: Some(bytes.into()), ..Answer::default() }
    }

    pub(super) fn models(names: &[&str]) -> Answer {
        let list: Vec<Value> = names.iter().map(|name| json!({ "id": name })).collect();
        Answer::raw(json!({ "object": "list", "data": list }).to_string())
    }

    /// What a refusal says.
    #[must_use]
    pub fn saying(mut self, words: impl Into<String>) -> Answer {
        self.text = words.into();
        self
    }

    /// Calls beside the text.
    #[must_use]
    pub fn and_calls(mut self, calls: impl IntoIterator<Item = Call>) -> Answer {
        self.calls.extend(calls);
        self
    }

    /// Tokens read and written.
    #[must_use]
    pub fn with_usage(mut self, input: u64, output: u64) -> Answer {
        self.usage = Some((input, output));
        self
    }

    /// As servers that do not count.
    #[must_use]
    pub fn without_usage(mut self) -> Answer {
        self.usage = None;
        self
    }

    /// Why it ends, in the word of the format.
    #[must_use]
    pub fn finishing(mut self, why: &str) -> Answer {
        self.finish = Some(why.to_owned());
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Said to be something else.
    #[must_use]
    pub fn content_type(mut self, what: &str) -> Answer {
        self.content_type = Some(what.to_owned());
        self
    }

    /// Nothing at all is sent until the server releases what it holds.
    #[must_use]
    pub fn held(mut self) -> Answer {
        self.is_held = true;
        self
    }

    /// Nothing more is sent after so many pieces, until the server releases what it holds.
    #[must_use]
    pub fn stalling_after(mut self, pieces: usize) -> Answer {
        self.stall_after = Some(pieces);
        self
    }

    /// The connection is closed after so many pieces.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Answer {
        self.cut_after = Some(pieces);
        self
    }

    /// The stream ends after so many pieces, as if that were all.
    #[must_use]
    pub fn ended_after(mut self, pieces: usize) -> Answer {
        self.end_after = Some(pieces);
        self
    }

    /// A pause between two pieces.
    #[must_use]
    pub fn slowly(mut self, pause: Duration) -> Answer {
        self.pause = Some(pause);
        self
    }

    /// In one piece, even if a stream is asked for.
    #[must_use]
    pub fn whole(mut self) -> Answer {
        self.is_whole = true;
        self
    }

    /// Writes it; `false` when the connection is to be closed.
    pub(super) fn write(
        &self,
        to: &mut Connection,
        seen: &Seen,
        wait: &dyn Fn(Option<Duration>) -> bool,
    ) -> Result<bool> {
        if self.is_held && !wait(None) {
            return Ok(false);
        }
        let is_stream = seen.body.get("stream") == Some(&Value::Bool(true));
        if is_stream && !self.is_whole && self.raw.is_none() && self.status.is_none() {
            return self.write_stream(to, seen, wait);
        }
        let body = match (&self.raw, self.status) {
            (Some(bytes), _) => bytes.clone(),
            (None, Some(status)) => wire::refusal(seen, status, &self.text),
            (None, None) => wire::whole(seen, self),
        };
        let length = body.len();
        to.head(self.status.unwrap_or(200), &self.headers("application/json"), Some(length))?;
        // Two pieces: one half and the other.
        let halves = [&body[..length / 2], &body[length / 2..]];
        for (at, half) in halves.into_iter().enumerate() {
            if !self.go_on(at, wait) {
                return Ok(false);
            }
            to.raw(half)?;
        }
        Ok(true)
    }

    fn write_stream(
        &self,
        to: &mut Connection,
        seen: &Seen,
        wait: &dyn Fn(Option<Duration>) -> bool,
    ) -> Result<bool> {
        to.head(200, &self.headers("text/event-stream; charset=utf-8"), None)?;
        for (at, event) in wire::events(seen, self).into_iter().enumerate() {
            if self.end_after == Some(at) {
                break;
            }
            if !self.go_on(at, wait) {
                return Ok(false);
            }
            to.chunk(event.as_bytes())?;
        }
        to.end_of_chunks()?;
        Ok(true)
    }

    /// Before a piece, by its number: whether it is sent.
    fn go_on(&self, at: usize, wait: &dyn Fn(Option<Duration>) -> bool) -> bool {
        let stalls = self.stall_after == Some(at);
        let paused = at == 0 || self.pause.is_none_or(|pause| wait(Some(pause)));
        self.cut_after != Some(at) && paused && (!stalls || wait(None))
    }

    fn headers(&self, content_type: &str) -> Vec<(String, String)> {
        let content_type = self.content_type.as_deref().unwrap_or(content_type);
        let mut headers = vec![("content-type".to_owned(), content_type.to_owned())];
        headers.extend(self.headers.iter().cloned());
        headers
    }
}
