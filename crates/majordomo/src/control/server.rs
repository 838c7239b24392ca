//! The side that holds the journal: answers on the socket until it is told to stop.

use super::bus::{self, BusRequest};
use super::handle::{Desk, handle};
use super::line::write;
use super::{LINE_MAX_BYTES, Request, Response, following};
use crate::data::DataDir;
use kernel::TaskId;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Connections served at once; one more waits in the system's queue.
const CONNECTIONS_MAX: usize = 64;

/// Connections that wait for the end of a task. They have places of their own: however many wait,
/// others are answered.
const WAITING_MAX: usize = 256;

/// When to ask again for a place to wait in, milliseconds.
const WAIT_AGAIN_MS: u64 = 1_000;

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
    pub fn start(data: &DataDir, desk: Desk) -> io::Result<Server> {
        let path = data.socket();
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let (asked, stop) = watch::channel(None);
        let accepting = tokio::spawn(accept(listener, Front::new(desk, asked)));
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

/// What every connection shares.
#[derive(Clone)]
struct Front {
    desk: Desk,
    stop: watch::Sender<Option<Duration>>,
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Front {
    fn new(desk: Desk, stop: watch::Sender<Option<Duration>>) -> Front {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Front { desk, stop, places, waiting: Arc::new(Semaphore::new(WAITING_MAX)) }
    }
}

async fn accept(listener: UnixListener, front: Front) {
    while let Ok(place) = front.places.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: some come free while we wait.
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let front = front.clone();
        tokio::spawn(async move {
            if is_owner(&stream) {
                let _ = serve(stream, &front, place).await; // A broken pipe is theirs.
            }
        });
    }
}

/// Only the user that this process runs as is heard, whatever the file's permissions have become.
fn is_owner(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

/// Answers a connection's requests, one after the other. Its place is free for others while it
/// waits for the end of a task.
async fn serve(
    stream: UnixStream,
    front: &Front,
    mut place: OwnedSemaphorePermit,
) -> io::Result<()> {
    let (read, mut out) = stream.into_split();
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
            Ok(request) if is_told_as_it_comes(&request) => {
                drop(place);
                let hung_up = lines.read_line(&mut line);
                return tell(front, request, hung_up, &mut out).await;
            }
            Ok(request @ Request::Submit { wait: true, .. }) => {
                drop(place);
                let response = wait(front, request).await;
                let again = front.places.clone().acquire_owned().await;
                place = again.map_err(io::Error::other)?; // It is never closed.
                response
            }
            Ok(request) => answer(front, request).await,
            Err(why) => {
                Response::Refused { message: format!("not a request: {why}"), retry_after_ms: None }
            }
        };
        write(&mut out, &response).await?;
    }
}

/// Whether its answer goes on for as long as the client listens.
fn is_told_as_it_comes(request: &Request) -> bool {
    matches!(
        request,
        Request::Submit { wait: true, live: true, .. }
            | Request::Follow { .. }
            | Request::Bus(BusRequest::Tap { .. })
    )
}

/// Tells it, in a place to wait in, until the end or until the client has hung up.
async fn tell(
    front: &Front,
    request: Request,
    hung_up: impl Future,
    out: &mut OwnedWriteHalf,
) -> io::Result<()> {
    let Ok(_room) = front.waiting.clone().try_acquire_owned() else {
        return write(out, &refused()).await;
    };
    let team = front.desk.team();
    match request {
        Request::Follow { task } => following::follow(team, TaskId(task), hung_up, out).await,
        Request::Bus(BusRequest::Tap { pattern }) => bus::tap(team, pattern, hung_up, out).await,
        submission => following::submit(&front.desk, submission, hung_up, out).await,
    }
}

/// Nothing is submitted for a client that there is no room to keep waiting.
async fn wait(front: &Front, request: Request) -> Response {
    let Ok(_room) = front.waiting.clone().try_acquire_owned() else { return refused() };
    handle(&front.desk, request).await
}

fn refused() -> Response {
    let message = format!(
        "{WAITING_MAX} clients wait for the end of their tasks, follow a run or tap the bus, which \
         is the limit; submit without --wait, and look with `majordomo tasks`"
    );
    Response::Refused { message, retry_after_ms: Some(WAIT_AGAIN_MS) }
}

async fn answer(front: &Front, request: Request) -> Response {
    let grace = match &request {
        Request::Stop { grace_ms } => Some(Duration::from_millis(*grace_ms)),
        _ => None,
    };
    let response = handle(&front.desk, request).await;
    if grace.is_some() {
        let _ = front.stop.send(grace);
    }
    response
}
