//! Whoever hangs up while nothing is said gives the place back that others wait for.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)] // Helpers of a test.

use majordomo::Team;
use majordomo::control::{Desk, Request, Response, Server};
use majordomo::data::DataDir;
use majordomo::session::Inbox;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

/// More than may wait at once.
const CLIENTS: u64 = 257;

/// Asks, and keeps the line open.
async fn ask(socket: &Path, line: &str) -> UnixStream {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    stream
}

/// What is answered first to whoever wants to follow a task.
async fn follows(socket: &Path, task: u64) -> Response {
    let request = serde_json::to_string(&Request::Follow { task }).unwrap();
    let mut answer = String::new();
    let mut stream = BufReader::new(ask(socket, &request).await);
    stream.read_line(&mut answer).await.unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_up_in_silence_leaves_a_place() {
    let directory = tempfile::tempdir().unwrap();
    let data = DataDir::new(directory.path());
    data.create().unwrap();
    let team = Team::open(directory.path()).start().await.unwrap();
    let _server = Server::start(&data, Desk::new(team.clone(), "", Inbox::default())).unwrap();
    let submit = r#"{"verb":"submit","capability":"a.b","input":1,"wait":true,"live":true}"#;
    for _ in 0..CLIENTS {
        drop(ask(&data.socket(), submit).await); // Nobody serves it, so nothing is ever said.
    }
    let last = async {
        // Until all of them have been heard, there is no such task.
        while !matches!(follows(&data.socket(), CLIENTS - 2).await, Response::Following { .. }) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), last).await.expect("there is a place again");
    team.drain(Duration::ZERO).await;
}
