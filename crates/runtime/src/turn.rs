//! The turn: decide, make it durable, then perform and answer.
//!
//! 1. Whoever brings a command leaves it in the inbox and steps all that is there, unless somebody
//!    is at it already; what was decided joins the portion that waits.
//! 2. One committer takes the portion that waits and appends it; meanwhile the next one gathers.
//! 3. When the append has returned, and not before, effects are performed and answers given, in
//!    order.
//!
//! So nobody hears of anything that a crash could take back, one sync serves everybody who came
//! while the sync before was running, no timer decides how long a portion is, and no thread sleeps
//! because another one decides.

use crate::api::Aboard;
use crate::bounds::Bounds;
use crate::core::Core;
use crate::desk::Desk;
use crate::inbox::{Inbox, Letter, Reply, Then};
use crate::keep::{self, Keeper, Room};
use crate::port::journal::{self, Batch, Journal, Seq};
use crate::port::{Blobs, Calendar, Observer};
use crate::portion::{Portion, Waiting};
use crate::record;
use kernel::{Command, Kernel, Pulse, TaskId, Time};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use tokio::sync::{Notify, oneshot};

/// A thread that has decided for others this many times in a row lets its own work go on.
const ROUNDS_MAX: usize = 64;

/// The orchestrator in this process. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) inner: Arc<Inner>,
}

/// Locks are taken in the order in which they stand here. What each guards has cache lines of its
/// own: threads that use different ones do not take them from each other.
pub(crate) struct Inner {
    /// What the process before wanted to know of advisers, who are not here yet.
    pub(crate) unasked: Mutex<BTreeSet<(TaskId, Time)>>,
    committer: Mutex<Committer>,
    core: Mutex<Core>,
    pub(crate) waiting: Mutex<Waiting>,
    pub(crate) inbox: Inbox,
    /// There is a portion to commit, or the end has come.
    pub(crate) work: Condvar,
    /// The next deadline may have come nearer.
    pub(crate) deadline_moved: Notify,
    /// Set once: why nothing goes any more.
    failed: Mutex<Option<Arc<str>>>,
    pub(crate) ended: Notify,
    instant: bool,
    pub(crate) desk: Desk,
    /// The bus, and who may do what on it.
    pub(crate) aboard: std::sync::OnceLock<Aboard>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) keeper: Keeper,
    pub(crate) room: Arc<Room>,
    pub(crate) calendar: Option<Arc<dyn Calendar>>,
    pub(crate) tokio: tokio::runtime::Handle,
}

#[repr(align(128))]
struct Committer {
    /// Gone when the turn has ended: the next process may open it.
    journal: Option<Box<dyn Journal>>,
    head: Seq,
    batch: Batch,
}

impl Runtime {
    pub(crate) fn new(
        kernel: Kernel,
        journal: Box<dyn Journal>,
        blobs: Arc<dyn Blobs>,
        observers: Vec<Arc<dyn Observer>>,
        bounds: &Bounds,
        calendar: Option<Arc<dyn Calendar>>,
    ) -> Runtime {
        let instant = journal.is_instant();
        let (head, batch) = (journal.head(), Batch::default());
        let room = Arc::new(Room::new(bounds, journal.size().total_bytes, journal.gauge()));
        let blobs = Arc::new(keep::blobs::Counted { store: blobs, room: room.clone() });
        let inner = Arc::new(Inner {
            unasked: Mutex::default(),
            committer: Mutex::new(Committer { head, journal: Some(journal), batch }),
            core: Mutex::new(Core::new(kernel)),
            waiting: Mutex::default(),
            inbox: Inbox::default(),
            work: Condvar::new(),
            deadline_moved: Notify::new(),
            failed: Mutex::new(None),
            ended: Notify::new(),
            instant,
            desk: Desk::default(),
            aboard: std::sync::OnceLock::new(),
            blobs,
            observers,
            keeper: Keeper::new(bounds),
            room,
            calendar,
            tokio: tokio::runtime::Handle::current(),
        });
        if !instant {
            let inner = inner.clone();
            std::thread::Builder::new()
                .name("majordomo-turn".into())
                .spawn(move || {
                    let turn = AssertUnwindSafe(|| inner.clone().commit_until_closed());
                    if catch_unwind(turn).is_err() {
                        inner.fail("the turn panicked; start again to recover".into());
                    }
                })
                .expect("the system has a thread to spare at start");
        }
        Runtime { inner }
    }

    /// Sends a command; the answer comes when what it speaks of is durable.
    pub(crate) fn send(&self, command: Command) -> Reply {
        self.ask(command, None)
    }

    /// The same; `then` sees the verdict before anything that follows from it can be performed.
    pub(crate) fn send_then(&self, command: Command, then: Then) -> Reply {
        self.ask(command, Some(then))
    }

    fn ask(&self, command: Command, then: Option<Then>) -> Reply {
        let (sender, receiver) = oneshot::channel();
        self.inner.bring(Letter { command, reply: Some(sender), then });
        receiver
    }

    /// Sends a command whose answer nobody waits for.
    pub(crate) fn tell(&self, command: Command) {
        self.inner.bring(Letter::of(command));
    }

    /// The same; `then` sees the verdict and may say what comes next.
    pub(crate) fn tell_then(&self, command: Command, then: Then) {
        self.inner.bring(Letter { then: Some(then), ..Letter::of(command) });
    }

    /// Signs of life of many leases at once.
    pub(crate) fn pulse(&self, pulses: impl IntoIterator<Item = Pulse>) {
        self.inner.with_core(|core| {
            let now = core.now();
            pulses.into_iter().for_each(|pulse| core.kernel.pulse(now, pulse));
        });
    }

    /// Asks the kernel something. What it knows may not be durable yet: for the runtime's own use.
    pub(crate) fn look<T>(&self, question: impl FnOnce(&Kernel, Time) -> T) -> T {
        self.inner.with_core(|core| question(&core.kernel, core.now()))
    }

    /// Changes the kernel in a way that is no fact.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Kernel)) {
        self.inner.with_core(|core| change(&mut core.kernel));
    }

    /// Runs once the journal is not being written to; for snapshots, backups, erasure.
    /// `None` when the turn has ended.
    pub fn with_journal<T>(&self, work: impl FnOnce(&mut dyn Journal) -> T) -> Option<T> {
        let mut committer = lock(&self.inner.committer);
        let done = committer.journal.as_mut().map(|journal| work(journal.as_mut()));
        drop(committer);
        if self.inner.instant {
            self.inner.commit_inline(); // Whoever came meanwhile found the committer busy.
        }
        done
    }

    /// Whether the journal costs less than a thread, and so ends with the process.
    pub(crate) fn is_instant(&self) -> bool {
        self.inner.instant
    }

    /// Runs while nothing is decided, and everything that was stands in the journal, an instant
    /// one. `None` when the turn has ended.
    pub(crate) fn at_rest<T>(
        &self,
        work: impl FnOnce(&mut dyn Journal, &Kernel) -> T,
    ) -> Option<T> {
        let mut committer = lock(&self.inner.committer);
        let core = loop {
            while let Some(portion) = self.inner.next_portion() {
                self.inner.commit(&mut committer, portion);
            }
            let core = lock(&self.inner.core);
            if lock(&self.inner.waiting).is_empty() {
                break core;
            }
        };
        let done = committer.journal.as_mut().map(|it| work(it.as_mut(), &core.kernel));
        drop((core, committer));
        self.inner.turn(); // Whoever came meanwhile found the core busy,
        self.inner.commit_inline(); // or the committer.
        done
    }

    /// Why nothing goes any more, if so.
    #[must_use]
    pub fn failed(&self) -> Option<Arc<str>> {
        lock(&self.inner.failed).clone()
    }

    /// Resolves when nothing goes any more, with the reason; never, if the end was asked for.
    pub async fn failure(&self) -> Arc<str> {
        loop {
            let ended = self.inner.ended.notified();
            match self.failed() {
                Some(why) => return why,
                None => ended.await,
            }
        }
    }

    /// Takes no more commands, makes what waits durable, and lets go of the journal. Blocks for as
    /// long as a sync takes.
    pub(crate) fn close(&self) {
        self.inner.close(|waiting| waiting.ended = true);
        // Whoever tidies up sees that it is closed, and must not reach into the next opening.
        let _alone = self.inner.keeper.alone();
        let mut committer = lock(&self.inner.committer);
        while let Some(portion) = self.inner.next_portion() {
            self.inner.commit(&mut committer, portion);
        }
        self.inner.let_go(committer);
    }

    /// Ends as a killed process does: what is not durable yet is forgotten, nothing is handed back
    /// and nobody is told. The journal is free on return. For tests of a second life.
    pub fn abandon(&self) {
        self.inner.close(Waiting::forget);
        let _alone = self.inner.keeper.alone();
        self.inner.let_go(lock(&self.inner.committer));
    }

    /// Whether the turn has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.inner.with_core(|core| core.closed)
    }
}

impl Inner {
    fn bring(self: &Arc<Self>, mut letter: Letter) {
        self.desk.vault.redactor.command(&mut letter.command);
        self.inbox.put(letter);
        self.turn();
    }

    /// Steps what has come, unless somebody is at it: they look again when they are through, and
    /// so does everybody who had the core for something else.
    fn turn(self: &Arc<Self>) {
        for _ in 0..ROUNDS_MAX {
            if self.inbox.is_empty() {
                return;
            }
            let Some(mut core) = try_lock(&self.core) else { return };
            let is_nearer = core.step_all(self);
            drop(core);
            if is_nearer {
                self.deadline_moved.notify_one();
            }
            if self.instant {
                self.commit_inline();
            }
        }
        let inner = self.clone();
        self.tokio.spawn(async move { inner.turn() });
    }

    /// The core for something that is no step.
    pub(crate) fn with_core<T>(self: &Arc<Self>, work: impl FnOnce(&mut Core) -> T) -> T {
        let done = work(&mut lock(&self.core));
        self.turn(); // Whoever came meanwhile found the core busy.
        done
    }

    /// An instant journal needs no thread: whoever finds the committer free commits for all.
    fn commit_inline(self: &Arc<Self>) {
        while !lock(&self.waiting).is_empty() {
            let Some(mut committer) = try_lock(&self.committer) else { return };
            while let Some(portion) = self.next_portion() {
                self.commit(&mut committer, portion);
            }
        }
    }

    fn next_portion(&self) -> Option<Portion> {
        lock(&self.waiting).pop()
    }

    fn commit_until_closed(self: Arc<Self>) {
        loop {
            let mut waiting = lock(&self.waiting);
            while waiting.is_empty() {
                if waiting.ended {
                    return;
                }
                waiting.sleeps = true;
                waiting = self.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            waiting.sleeps = false;
            drop(waiting);
            // The committer's lock is taken before the portion: `with_journal` sees whole portions.
            let mut committer = lock(&self.committer);
            if let Some(portion) = self.next_portion() {
                self.commit(&mut committer, portion);
            }
        }
    }

    fn commit(self: &Arc<Self>, committer: &mut Committer, mut portion: Portion) {
        if let Err(why) = self.make_durable(committer, &mut portion) {
            return self.fail(why.to_string());
        }
        for effect in portion.effects.drain(..) {
            self.desk.perform(self, effect);
        }
        for (reply, answer) in portion.answers.drain(..) {
            let _ = reply.send(answer); // Whoever asked may have gone.
        }
        portion.clear();
        lock(&self.waiting).give_back(portion);
    }

    fn make_durable(
        self: &Arc<Self>,
        committer: &mut Committer,
        portion: &mut Portion,
    ) -> Result<(), journal::Error> {
        let Committer { journal: Some(journal), head, batch } = committer else { return Ok(()) };
        if portion.entries.is_empty() {
            return Ok(());
        }
        batch.clear();
        portion.entries.iter().for_each(|entry| record::push(entry, batch));
        let first = Seq(head.0 + 1);
        *head = journal.append(*head, batch)?;
        let size = journal.size();
        self.room.journal_is(size.total_bytes);
        if self.keeper.is_due(size, self.room.is_full()) {
            Runtime { inner: self.clone() }.tidy_in_background(size.tail_bytes);
        }
        if !self.observers.is_empty() {
            let entries = portion.entries.drain(..).collect();
            for observer in &self.observers {
                // Whoever only watches stops nobody; the panic's message has been printed.
                let _ = catch_unwind(AssertUnwindSafe(|| observer.durable(first, &entries)));
            }
        }
        Ok(())
    }

    /// What is on disk is no longer known: nothing more is decided, performed or answered.
    fn fail(self: &Arc<Self>, why: String) {
        lock(&self.failed).get_or_insert_with(|| why.into());
        self.close(Waiting::forget);
        self.desk.abandon();
    }

    /// Nothing more is decided; `waiting` says what becomes of what was.
    fn close(self: &Arc<Self>, waiting: impl FnOnce(&mut Waiting)) {
        self.with_core(|core| {
            core.closed = true;
            waiting(&mut lock(&self.waiting));
        });
        self.ended.notify_waiters();
    }

    /// The end: the journal is free for the next, and nobody waits for what will not come.
    fn let_go(&self, mut committer: MutexGuard<'_, Committer>) {
        committer.journal = None;
        drop(committer);
        self.work.notify_all();
        self.desk.abandon();
    }
}

/// A lock whose holder panicked still guards consistent data here: nothing under it can unwind
/// half-way but user-supplied observers, which run under none of these.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock if it is free, on the same terms.
fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
