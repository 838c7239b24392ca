//! The side that holds the journal: answers on the socket until it is told to stop.

use super::handle::handle;
use super::{LINE_MAX_BYTES, Request, Response};
use crate::Team;
use crate::data::DataDir;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};

/// Connections served at once; one more waits in the system's queue.
const CONNECTIONS_MAX: usize = 64;

/// How long to wait when no connection can be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Answers on a data directory's socket for as long as it exists.
pub struct Server {
    path: PathBuf,
    /// Device and number of our socket: another process may have put its own there since.
    own: Option<(u64, u64)>,
    stop: watch::Receiver<Option<Duration>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts answering. The caller holds the journal's lock, so a socket that is there is a dead
    /// process's.
    ///
    /// # Errors
    /// The socket cannot be made in the data directory.
    pub fn start(data: &DataDir, team: Team, name: &str) -> io::Result<Server> {
        let path = data.socket();
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let (asked, stop) = watch::channel(None);
        let accepting = tokio::spawn(accept(listener, team, name.to_owned(), asked));
        Ok(Server { own: identity(&path), path, stop, accepting })
    }

    /// Resolves when somebody asks for the end, with the grace they give.
    pub async fn stop_asked(&self) -> Duration {
        let mut stop = self.stop.clone();
        match stop.wait_for(Option::is_some).await {
            Ok(grace) => grace.unwrap_or_default(),
            Err(_) => std::future::pending().await, // Nobody is left to ask.
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        if identity(&self.path) == self.own {
            let _ = std::fs::remove_file(&self.path); // The next one removes it if we cannot.
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|it| (it.dev(), it.ino()))
}

/// A place among the connections that are served; it comes free however serving it ends.
struct Place(mpsc::Sender<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.0.try_send(()); // There is room: it was taken from there.
    }
}

async fn accept(
    listener: UnixListener,
    team: Team,
    name: String,
    stop: watch::Sender<Option<Duration>>,
) {
    // A place is a message of this channel's buffer: taken before a connection, given back after.
    let (places, mut free) = mpsc::channel::<()>(CONNECTIONS_MAX);
    for _ in 0..CONNECTIONS_MAX {
        let _ = places.try_send(());
    }
    while free.recv().await.is_some() {
        let place = Place(places.clone());
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: some come free while we wait.
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let (team, name, stop) = (team.clone(), name.clone(), stop.clone());
        tokio::spawn(async move {
            if is_owner(&stream) {
                let _ = serve(stream, &team, &name, &stop).await; // A broken pipe is theirs.
            }
            drop(place);
        });
    }
}

/// Only the user that this process runs as is heard, whatever the file's permissions have become.
fn is_owner(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn serve(
    stream: UnixStream,
    team: &Team,
    name: &str,
    stop: &watch::Sender<Option<Duration>>,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read.take(LINE_MAX_BYTES));
    let mut line = String::new();
    loop {
        line.clear();
        lines.get_mut().set_limit(LINE_MAX_BYTES);
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if !line.ends_with('\n') && line.len() as u64 >= LINE_MAX_BYTES {
            let why = format!("a request of more than {LINE_MAX_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why)); // The rest is no request.
        }
        let response = match serde_json::from_str::<Request>(&line) {
            Ok(request) => {
                let grace = match &request {
                    Request::Stop { grace_ms } => Some(Duration::from_millis(*grace_ms)),
                    _ => None,
                };
                let response = handle(team, name, request).await;
                if grace.is_some() {
                    let _ = stop.send(grace);
                }
                response
            }
            Err(why) => {
                Response::Refused { message: format!("not a request: {why}"), retry_after_ms: None }
            }
        };
        let mut text = serde_json::to_string(&response)?;
        text.push('\n');
        write.write_all(text.as_bytes()).await?;
    }
}
