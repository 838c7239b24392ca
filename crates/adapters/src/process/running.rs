//! A process tree under supervision: started, watched, and ended whole, whatever happens to whoever
//! holds it.
//!
//! ```text
//! Process::start ──▶ running ──▶ end().await ──────────────────┐
//!                       │                                      ├─▶ nobody is left ─▶ holds dropped
//!                       └── dropped ─▶ the same in background ─┘
//! ```
//!
//! The first process is not reaped before the end: while it is a zombie nobody else can get its
//! number, so a signal to its group can hit no stranger.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::runtime::Handle;

use super::hurry::Hurry;
use super::launch::{self, Program};
use super::marker::Marker;
use super::{child, ending, members};

/// What a process tree may use, and how long it may take to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Private writable memory of each process, in bytes. `None`: as much as the machine gives.
    pub memory_max_bytes: Option<u64>,
    /// Between TERM and KILL, in milliseconds.
    pub grace_ms: u64,
}

/// A running process tree. Dropping it ends the tree in the background: TERM, grace, KILL.
pub struct Process {
    /// `None` only while it is being moved into its ending.
    body: Option<Body>,
    runtime: Handle,
}

/// The three pipes of the first process.
pub struct Pipes {
    /// Where it reads.
    pub stdin: ChildStdin,
    /// What it prints.
    pub stdout: ChildStdout,
    /// What it complains about.
    pub stderr: ChildStderr,
}

/// What is left to do when the tree ends. Its own drop is the last resort.
pub(crate) struct Body {
    pub(crate) child: Child,
    pub(crate) tree: members::Tree,
    watch: AsyncFd<OwnedFd>,
    grace_ms: u64,
    is_over: bool,
    /// Dropped when no member is left, or when the attempt gives the process back: its slot.
    holds: Vec<Box<dyn Any + Send + Sync>>,
    hurry: Hurry,
    /// Dropped when no member is left.
    _for_life: Box<dyn Any + Send + Sync>,
}

impl Process {
    /// Starts `program` with `variables` on top of its own environment. Must be called on a tokio
    /// runtime with its IO driver on. `hold` is dropped when the whole tree has ended, also when
    /// this future is dropped before the process has started.
    pub async fn start(
        program: &Program,
        variables: &BTreeMap<String, String>,
        bounds: impl Into<Bounds>,
        hold: impl Any + Send + Sync,
    ) -> Result<(Self, Pipes), launch::Error> {
        let (program, bounds) = (program.clone(), bounds.into());
        let marker = Marker::mint();
        let mut all = variables.clone();
        all.extend(launch::marked(&marker));
        let unstarted = launch::Error::NoThread { program: program.name().into() };
        let starting = tokio::spawn(async move {
            let child = launch::start(&program, &all, bounds.memory_max_bytes).await?;
            let refused =
                |source| launch::Error::Refused { program: program.name().into(), source };
            let (body, pipes) = Body::new(child, marker, bounds, hold).map_err(refused)?;
            Ok((Self { body: Some(body), runtime: Handle::current() }, pipes))
        });
        starting.await.unwrap_or(Err(unstarted))
    }

    /// Keeps something until no member of the tree is left.
    pub fn keep(&mut self, hold: impl Any + Send + Sync) {
        if let Some(body) = &mut self.body {
            body.holds.push(Box::new(hold));
        }
    }

    /// Lets go of what was kept: the process goes on, for somebody else.
    pub fn release(&mut self) {
        if let Some(body) = &mut self.body {
            body.holds.clear();
        }
    }

    /// Its grace is over when this says so.
    pub(crate) fn hasten_by(&mut self, hurry: &Hurry) {
        if let Some(body) = &mut self.body {
            body.hurry = hurry.clone();
        }
    }

    /// Returns when the first process has ended, for whoever does not have it in hand.
    pub(crate) fn exit(&self) -> impl Future<Output = ()> + Send + use<> {
        let handle = self.body.as_ref().and_then(|body| body.watch.get_ref().try_clone().ok());
        let watch = handle.and_then(|handle| child::watch(handle).ok());
        async move {
            match watch {
                Some(watch) => drop(watch.readable().await),
                // No descriptor is left: whoever takes it into their hands sees it.
                None => std::future::pending().await,
            }
        }
    }

    /// Returns when the first process has ended by itself; its children may still live.
    pub async fn exited(&self) {
        match &self.body {
            Some(body) => body.exited().await,
            None => std::future::pending().await,
        }
    }

    /// Whether the first process has ended, as of now.
    pub fn has_exited(&self) -> bool {
        self.body.as_ref().is_none_or(Body::has_exited)
    }

    /// Ends the whole tree and returns when no member is left: at once when all have ended, else
    /// TERM, the grace, KILL. If the first process has ended already, what it left gets KILL.
    pub async fn end(mut self) -> io::Result<ExitStatus> {
        let body = self.body.take().expect("only end and drop take it");
        // In a task of its own, so that dropping this future does not interrupt the ending.
        self.runtime.spawn(ending::end(body)).await.map_err(io::Error::other)?
    }

    /// Lets it exit by itself within a grace, then ends it and what it left.
    pub(crate) async fn exit_or_end(self, grace_ms: u64, hurry: &Hurry) -> io::Result<ExitStatus> {
        let _exited_or_not = hurry.within(grace_ms, self.exited()).await;
        self.end().await
    }
}

/// How the first process ended, in words.
pub(crate) fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            // On a runtime that is shutting down this drops the body at once: see below.
            self.runtime.spawn(ending::end(body));
        }
    }
}

impl Body {
    fn new(
        mut child: Child,
        marker: Marker,
        bounds: Bounds,
        hold: impl Any + Send + Sync,
    ) -> io::Result<(Self, Pipes)> {
        let leader = child.id().ok_or_else(|| io::Error::other("it was reaped by a stranger"))?;
        let pid = Pid::from_raw(leader.cast_signed()).expect("pids are positive");
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        let pipes = Pipes {
            stdin: child.stdin.take().expect("piped"),
            stdout: child.stdout.take().expect("piped"),
            stderr: child.stderr.take().expect("piped"),
        };
        let watch = child::watch(handle)?;
        let tree = members::Tree { leader, marker };
        let body = Self {
            child,
            tree,
            watch,
            grace_ms: bounds.grace_ms,
            is_over: false,
            holds: Vec::new(),
            hurry: Hurry::new(),
            _for_life: Box::new(hold),
        };
        Ok((body, pipes))
    }

    /// Waits for those who were asked to end, for as long as they have.
    pub(crate) async fn grace(&self, all_gone: impl Future<Output = ()>) {
        let _gone_or_not = self.hurry.within(self.grace_ms, all_gone).await;
    }

    /// Asks the system itself: what the reactor knows may be a turn old.
    pub(crate) fn has_exited(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::PidFd(self.watch.get_ref().as_fd()), look), Ok(None))
    }

    /// A pidfd becomes readable when its process has ended; the process is not reaped by that.
    pub(crate) async fn exited(&self) {
        // An error means that the reactor is shutting down, and with it whoever waits here.
        let _ended = self.watch.readable().await;
    }

    /// Says that no member is left, and reaps the first process.
    pub(crate) async fn bury(mut self) -> io::Result<ExitStatus> {
        self.is_over = true;
        self.child.wait().await
    }
}

impl Drop for Body {
    /// The last resort, when the runtime that should have ended the tree is gone: KILL, at once.
    fn drop(&mut self) {
        if !self.is_over {
            ending::kill(&self.tree, &mut members::Seen::new());
        }
    }
}
