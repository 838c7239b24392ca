//! As much of HTTP/1.1 as a scripted server needs, by hand: it must be able to do it wrong.

use std::io::{BufRead as _, BufReader, Read as _, Result, Write as _};
use std::net::TcpStream;

/// The largest request, bytes.
const BODY_MAX_BYTES: usize = 64 << 20;

/// A client.
pub(super) struct Connection {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

/// A request.
pub(super) struct Received {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Result<Connection> {
        stream.set_nodelay(true)?;
        Ok(Connection { reader: BufReader::new(stream.try_clone()?), writer: stream })
    }

    /// The next request; `None` when the client has gone.
    pub(super) fn receive(&mut self) -> Result<Option<Received>> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; usize::min(length, BODY_MAX_BYTES)];
        self.reader.read_exact(&mut body)?;
        Ok(Some(Received { method, path, headers, body }))
    }

    /// The head of an answer; without a length its body comes in chunks.
    pub(super) fn head(
        &mut self,
        status: u16,
        headers: &[(String, String)],
        length: Option<usize>,
    ) -> Result<()> {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&match length {
            Some(length) => format!("content-length: {length}\r\n\r\n"),
            None => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        });
        self.raw(head.as_bytes())
    }

    pub(super) fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.raw(&chunk)
    }

    pub(super) fn end_of_chunks(&mut self) -> Result<()> {
        self.raw(b"0\r\n\r\n")
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes)
    }
}
