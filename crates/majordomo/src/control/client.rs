//! The other side: asks the process that holds the journal.

use super::{LINE_MAX_BYTES, Request, Response};
use crate::data::DataDir;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A connection to the process that holds the journal.
pub(super) struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// `None` if nobody answers there.
    pub(super) fn connect(data: &DataDir) -> io::Result<Option<Client>> {
        match UnixStream::connect(data.socket()) {
            Ok(stream) => Ok(Some(Client { stream: BufReader::new(stream) })),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// From now on an answer that takes longer than this is an error.
    pub(super) fn wait_at_most(&mut self, time: Duration) -> io::Result<()> {
        self.stream.get_ref().set_read_timeout(Some(time))
    }

    /// One question, one answer.
    pub(super) fn ask(&mut self, request: &Request) -> io::Result<Response> {
        self.say(request)?;
        self.next()?.ok_or_else(|| {
            let why = "the process that holds the journal ended before it answered";
            io::Error::new(io::ErrorKind::UnexpectedEof, why)
        })
    }

    /// Asks; the answers come one after the other.
    pub(super) fn say(&mut self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes())
    }

    /// The next answer; nothing when the other side has hung up.
    pub(super) fn next(&mut self) -> io::Result<Option<Response>> {
        let mut answer = String::new();
        self.stream.by_ref().take(LINE_MAX_BYTES).read_line(&mut answer)?;
        if answer.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_str(&answer)?)) }
    }
}
