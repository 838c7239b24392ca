//! A response as it goes over the socket: one line of JSON.

use super::Response;
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Writes one.
pub(super) async fn write(
    out: &mut (impl AsyncWrite + Unpin),
    response: &Response,
) -> io::Result<()> {
    let mut text = serde_json::to_string(response)?;
    text.push('\n');
    out.write_all(text.as_bytes()).await
}
