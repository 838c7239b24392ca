//! The least that a model's server can do: `bench llm-server DELAY_MS` answers every request with
//! the same reply, after so long, until nobody holds its standard input any more.
//!
//! A process of its own with one thread, so that what it takes is not counted as ours and cannot
//! hide in it.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

pub(crate) const NAME: &str = "llm-server";

/// The reply, in OpenAI's format.
const WHOLE: &str = concat!(
    r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"scripted","#,
    r#""choices":[{"index":0,"message":{"role":"assistant","content":"It is well written."},"#,
    r#""finish_reason":"stop"}],"usage":{"prompt_tokens":120,"completion_tokens":5,"#,
    r#""total_tokens":125}}"#
);

/// The same as a stream.
const STREAMED: &str = concat!(
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"It is \"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"well written.\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":120,\"completion_tokens\":5}}\n\n",
    "data: [DONE]\n\n",
);

/// A server in a process of its own; it ends with this value.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
}

impl Server {
    pub(super) fn start(delay_ms: u64) -> Result<Server> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([NAME, &delay_ms.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().context("it has an output")?;
        BufReader::new(out).read_line(&mut line)?;
        let port = line.trim().parse().context("the server says its port")?;
        Ok(Server { child, port })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended.
        let _ = self.child.wait();
    }
}

/// Serves until its input ends.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let [delay_ms] = words else { bail!("usage: bench {NAME} DELAY_MS") };
    // Timers of tokio go by whole milliseconds, rounded up: half of one is what that takes.
    let delay = match delay_ms.parse()? {
        0 => None,
        ms => Some(Duration::from_micros(ms * 1_000 - 500)),
    };
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest); // Whoever started it has gone.
        std::process::exit(0);
    });
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let _ = serve(stream, delay).await; // The client may go at any moment.
            });
        }
    })
}

async fn serve(mut stream: TcpStream, delay: Option<Duration>) -> Result<()> {
    let (mut held, mut piece) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        let Some((length, is_streamed)) = request(&held) else {
            let read = stream.read(&mut piece).await?;
            if read == 0 {
                return Ok(());
            }
            held.extend_from_slice(&piece[..read]);
            continue;
        };
        let came = Instant::now();
        held.drain(..length);
        if let Some(delay) = delay {
            sleep_until(came + delay).await;
        }
        let (kind, body) = match is_streamed {
            true => ("text/event-stream", STREAMED),
            false => ("application/json", WHOLE),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The length of the request at the beginning, and whether it wants a stream; `None`: it is not
/// whole yet.
fn request(held: &[u8]) -> Option<(usize, bool)> {
    let head = find(held, b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&held[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head + length.unwrap_or(0);
    let body = held.get(head..whole)?;
    Some((whole, find(body, b"\"stream\":true").is_some()))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|it| it == wanted)
}
