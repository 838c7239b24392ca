//! Server-sent events: bytes as they come → whole events.
//!
//! Lines end with LF or CRLF, an empty one ends an event. What stands behind the last empty line
//! when the stream ends is no event. How much may come is bounded by whoever reads the bytes.

use std::collections::VecDeque;

/// How much larger a stream may be than what it says: some formats send 250 bytes for a word.
pub(crate) const AROUND: usize = 64;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name, if it has one.
    pub(crate) name: String,
    /// Its number, as the sender writes it, if it has one.
    pub(crate) id: String,
    /// How long to wait before the stream is taken up again, if it says.
    pub(crate) retry_ms: Option<u64>,
    /// Its data, lines joined. Without any, it says where the stream is or when to come back.
    pub(crate) data: String,
}

/// Collects events from bytes.
#[derive(Default)]
pub(crate) struct Decoder {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    whole: VecDeque<Event>,
}

impl Decoder {
    /// Takes bytes, cut anywhere. An error says that they are no text.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), std::str::Utf8Error> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            let line = std::mem::take(&mut self.line);
            let line = std::str::from_utf8(&line)?;
            self.take(line.strip_suffix('\r').unwrap_or(line));
        }
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// The next whole event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        self.whole.pop_front()
    }

    /// What stands behind the last whole event, bytes.
    pub(crate) fn pending(&self) -> usize {
        self.line.len() + self.event.data.len()
    }

    fn take(&mut self, line: &str) {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let has_data = std::mem::take(&mut self.has_data);
            if has_data || !event.id.is_empty() || event.retry_ms.is_some() {
                self.whole.push_back(event);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "id" => value.clone_into(&mut self.event.id),
            "retry" => self.event.retry_ms = value.parse().ok(),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            // Comments (pings), and fields that nobody needs here.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        let text = "\u{feff}: ping\nevent: a\r\ndata: {\"é\":1}\r\n\r\ndata:x\ndata: y\n\n\n\
                    event: none\n\nid: 7\nretry: 20\ndata\n\nid: 8\n\nretry: 30\n\n\
                    retry: soon\n\ndata: cut";
        let of = |name: &str, data: &str| Event {
            name: name.into(),
            data: data.into(),
            ..Event::default()
        };
        let numbered = Event { id: "7".into(), retry_ms: Some(20), ..Event::default() };
        let bare = Event { id: "8".into(), ..Event::default() };
        let later = Event { retry_ms: Some(30), ..Event::default() };
        let expected = vec![of("a", "{\"é\":1}"), of("", "x\ny"), numbered, bare, later];
        for size in 1..text.len() {
            let mut decoder = Decoder::default();
            for piece in text.as_bytes().chunks(size) {
                decoder.feed(piece).unwrap();
            }
            let found: Vec<Event> = std::iter::from_fn(|| decoder.next()).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        assert!(Decoder::default().feed(b"data: \xff\xfe\n").is_err());
    }
}
