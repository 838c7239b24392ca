//! Reading what a process prints, never more than a limit: all of its stdout, the end of its
//! stderr.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// What came out of a pipe until its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Collected {
    /// All of it.
    All(Vec<u8>),
    /// It was more than the limit; the rest was not read.
    TooMuch,
}

/// Reads to the end, but stops as soon as more than `max_bytes` came.
pub(crate) async fn collect(
    mut pipe: impl AsyncRead + Unpin,
    max_bytes: usize,
) -> io::Result<Collected> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = pipe.read(&mut chunk).await?;
        if count == 0 {
            return Ok(Collected::All(bytes));
        }
        if bytes.len() + count > max_bytes {
            return Ok(Collected::TooMuch);
        }
        bytes.extend_from_slice(&chunk[..count]);
    }
}

/// The last bytes of a stream, shared between who reads the pipe and who tells the story.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    kept: Arc<Mutex<Vec<u8>>>,
    max_bytes: usize,
}

impl Tail {
    /// Keeps the last `max_bytes`.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { kept: Arc::default(), max_bytes }
    }

    /// Reads the pipe to its end. An error ends the reading: a tail is told as far as it is known.
    pub(crate) async fn follow(self, mut pipe: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; CHUNK_BYTES.min(8 << 10)];
        while let Ok(count) = pipe.read(&mut chunk).await {
            if count == 0 {
                return;
            }
            self.push(&chunk[..count]);
        }
    }

    fn push(&self, bytes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        if let Some(surplus) = kept.len().checked_sub(self.max_bytes) {
            kept.drain(..surplus);
        }
    }

    /// What is kept, as text; what is not UTF-8 is replaced.
    pub(crate) fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// The last line that says something, at most `max_chars` of its beginning; for a message.
    pub(crate) fn last_line(&self, max_chars: usize) -> Option<String> {
        let text = self.text();
        let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(line.trim().chars().take(max_chars).collect())
    }

    /// Forgets what was kept and gives it: the next task begins with a clean page.
    pub(crate) fn take(&self) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&std::mem::take(&mut *kept)).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn exactly_the_limit_passes_and_one_more_does_not() {
        assert_eq!(collect(&b"12345"[..], 5).await.unwrap(), Collected::All(b"12345".to_vec()));
        assert_eq!(collect(&b"123456"[..], 5).await.unwrap(), Collected::TooMuch);
        assert_eq!(collect(tokio::io::repeat(7), 1 << 20).await.unwrap(), Collected::TooMuch);
    }

    #[tokio::test]
    async fn a_tail_keeps_the_end() {
        let tail = Tail::new(8);
        tail.clone().follow(&b"first line\nthe end\n\n"[..]).await;
        assert_eq!(tail.text(), "he end\n\n");
        assert_eq!(tail.last_line(100).unwrap(), "he end");
        assert_eq!(tail.last_line(2).unwrap(), "he");
        assert_eq!(tail.take(), "he end\n\n");
        assert_eq!(tail.last_line(100), None);
    }
}
