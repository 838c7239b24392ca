//! Being the process that holds the journal: agents at work, the socket open, a person watching,
//! until the work is done, a signal comes, or somebody says stop.

use crate::exit::Exit;
use anyhow::Result;
use majordomo::StartError;
use majordomo::control::{Desk, Server};
use majordomo::data::DataDir;
use majordomo::live::{Board, Screen};
use majordomo::session::Session;
use majordomo::viewing::Viewer;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// What running work gets when a signal comes, before it is handed back.
const GRACE: Duration = Duration::from_secs(10);

/// A session with all that a person sees of it.
pub(super) struct Attended {
    pub(super) session: Arc<Session>,
    pub(super) board: Arc<Board>,
    viewer: Option<Arc<Viewer>>,
    server: Server,
}

/// Why it ended.
pub(super) enum Ending<T> {
    /// The work came to its end.
    Finished(T),
    /// A signal, or `majordomo stop`: what was at work is handed back.
    Stopped {
        /// Attempts that go on at the next start.
        handed_back: usize,
    },
}

/// The observers of a session: the board, and the views where they can be used.
pub(super) fn observers(data: &DataDir) -> Result<(Arc<Board>, Option<Arc<Viewer>>)> {
    data.create().map_err(|why| cannot("make the data directory", data.path(), &why))?;
    let viewer = Viewer::start(data);
    if let Err(error) = &viewer {
        anstream::eprintln!("warning: {error}");
    }
    Ok((Arc::new(Board::default()), viewer.ok()))
}

/// A place that the data needs and that cannot be had.
fn cannot(what: &str, place: &Path, why: &std::io::Error) -> StartError {
    StartError::Stores(format!("cannot {what} {}: {why}", place.display()))
}

impl Attended {
    /// Opens the socket of a session that has started.
    pub(super) fn new(
        data: &DataDir,
        session: Session,
        board: Arc<Board>,
        viewer: Option<Arc<Viewer>>,
    ) -> Result<Attended> {
        let session = Arc::new(session);
        let server = Server::start(data, Desk::of(session.clone()));
        let server = server.map_err(|why| cannot("listen on", &data.socket(), &why))?;
        Ok(Attended { session, board, viewer, server })
    }

    /// Shows how it goes until `work` ends or somebody stops it.
    pub(super) async fn until<T>(
        &self,
        quiet: bool,
        work: impl Future<Output = T>,
    ) -> Result<Ending<T>> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let screen = Screen::start(self.board.clone(), quiet);
        let grace = tokio::select! {
            done = work => return Ok(Ending::Finished(done)),
            _ = interrupt.recv() => GRACE,
            _ = terminate.recv() => GRACE,
            grace = self.server.stop_asked() => grace,
        };
        drop(screen);
        anstream::eprintln!(
            "stopping: running work gets {} s; a second signal ends at once, and loses nothing",
            grace.as_secs()
        );
        tokio::select! {
            drained = self.session.drain(grace) => {
                Ok(Ending::Stopped { handed_back: drained.handed_back })
            }
            // Everything accepted is durable; whatever runs is closed at the next start.
            _ = interrupt.recv() => std::process::exit(130),
            _ = terminate.recv() => std::process::exit(130),
        }
    }

    /// Ends in order, and brings the views up to date.
    pub(super) async fn finish(self) {
        self.session.drain(Duration::from_secs(2)).await;
        if let Some(viewer) = self.viewer {
            let _ = tokio::task::spawn_blocking(move || viewer.finish()).await;
        }
    }
}

/// What to say, and to end with, when somebody stopped it.
pub(super) fn say_stopped(handed_back: usize) -> Exit {
    let goes_on = match handed_back {
        0 => "nothing was at work; what waits goes on".to_owned(),
        1 => "what was at work goes on".to_owned(),
        many => format!("{many} pieces of work go on"),
    };
    anstream::eprintln!("stopped; {goes_on} with `majordomo resume`, none is lost");
    Exit::Interrupted
}
