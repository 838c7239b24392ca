//! Lines from a pipe, never longer than a limit. Reading may be interrupted at any await: what came
//! so far stays in the reader.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Splits a stream into lines.
pub(crate) struct Lines<R> {
    pipe: BufReader<R>,
    /// The line so far.
    part: Vec<u8>,
    max_bytes: usize,
}

/// Why there is no further line.
#[derive(Debug)]
pub(crate) enum End {
    /// The stream is over. What came after the last line break is no line.
    Closed,
    /// The line is longer than the limit.
    TooLong,
    /// The pipe failed.
    Failed(io::Error),
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(pipe: R, max_bytes: usize) -> Self {
        Self { pipe: BufReader::new(pipe), part: Vec::new(), max_bytes }
    }

    /// The next line, without its line break.
    pub(crate) async fn next(&mut self) -> Result<Vec<u8>, End> {
        loop {
            let chunk = self.pipe.fill_buf().await.map_err(End::Failed)?;
            if chunk.is_empty() {
                return Err(End::Closed);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let content = end.unwrap_or(chunk.len());
            if self.part.len() + content > self.max_bytes {
                return Err(End::TooLong);
            }
            self.part.extend_from_slice(&chunk[..content]);
            self.pipe.consume(content + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(std::mem::take(&mut self.part));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_however_they_are_cut() {
        let cut = in_pieces(&[b"on", b"e\ntw", b"o\n\nthr"]);
        let mut lines = Lines::new(cut, 3);
        assert_eq!(lines.next().await.unwrap(), b"one");
        assert_eq!(lines.next().await.unwrap(), b"two");
        assert_eq!(lines.next().await.unwrap(), b"");
        assert!(matches!(lines.next().await, Err(End::Closed)), "half a line is no line");
    }

    #[tokio::test]
    async fn one_byte_too_many_is_too_long() {
        assert!(Lines::new(&b"123\n"[..], 3).next().await.is_ok());
        assert!(matches!(Lines::new(&b"1234\n"[..], 3).next().await, Err(End::TooLong)));
        assert!(matches!(Lines::new(tokio::io::repeat(1), 9).next().await, Err(End::TooLong)));
    }

    /// A stream that arrives in exactly these pieces.
    fn in_pieces(pieces: &[&[u8]]) -> impl AsyncRead + Unpin + use<> {
        use tokio::io::AsyncReadExt;
        let mut pieces = pieces.iter().map(|piece| io::Cursor::new(piece.to_vec()));
        let (one, two, three) = (pieces.next(), pieces.next(), pieces.next());
        one.unwrap().chain(two.unwrap()).chain(three.unwrap())
    }
}
