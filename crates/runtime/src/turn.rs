//! The turn: decide under a lock, make it durable, then perform and answer.
//!
//! 1. A command is stepped at once, by whoever brings it; its entries join the batch that waits.
//! 2. One committer takes the batch that waits and appends it; meanwhile the next one gathers.
//! 3. When the append has returned, and not before, effects are performed and answers given, in
//!    order.
//!
//! So nobody hears of anything that a crash could take back, one sync serves everybody who came
//! while the sync before was running, and no timer decides how long a batch is.

use crate::bounds::Bounds;
use crate::desk::Desk;
use crate::keep::{self, Keeper, Room};
use crate::port::journal::{Batch, Journal, Seq};
use crate::port::{Blobs, Observer};
use crate::record;
use kernel::{Answer, Command, Effect, Entry, Kernel, Pulse, Refusal, Step, Time};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// A batch that has reached this size is closed; what follows goes into the next.
const BATCH_MAX_BYTES: usize = 512 * 1024;

/// What the kernel answered, once it is durable; an error if the runtime ended first.
pub(crate) type Reply = oneshot::Receiver<Verdict>;

/// An answer or a refusal.
type Verdict = Result<Answer, Refusal>;

/// The orchestrator in this process. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    core: Mutex<Core>,
    committer: Mutex<Committer>,
    /// There is a batch to commit, or the end has come.
    work: Condvar,
    /// The next deadline may have come nearer.
    pub(crate) deadline_moved: Notify,
    /// Set once: why nothing goes any more.
    failed: Mutex<Option<Arc<str>>>,
    pub(crate) ended: Notify,
    instant: bool,
    pub(crate) desk: Desk,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) keeper: Keeper,
    pub(crate) room: Arc<Room>,
    pub(crate) tokio: tokio::runtime::Handle,
}

/// What decides, and what it has decided that is not durable yet.
struct Core {
    kernel: Kernel,
    clock: Clock,
    /// When the leases of what works here were last renewed.
    renewed: Time,
    waiting: VecDeque<Portion>,
    closed: bool,
}

/// Kernel time: the journal's last moment, plus what this process's clock has advanced since.
struct Clock {
    base: Time,
    since: Instant,
}

/// Steps that become durable together.
#[derive(Default)]
struct Portion {
    batch: Batch,
    entries: Vec<Entry>,
    effects: Vec<Effect>,
    answers: Vec<(oneshot::Sender<Verdict>, Verdict)>,
}

struct Committer {
    /// Gone when the turn has ended: the next process may open it.
    journal: Option<Box<dyn Journal>>,
    head: Seq,
}

impl Runtime {
    pub(crate) fn new(
        kernel: Kernel,
        journal: Box<dyn Journal>,
        blobs: Arc<dyn Blobs>,
        observers: Vec<Arc<dyn Observer>>,
        bounds: &Bounds,
    ) -> Runtime {
        let clock = Clock { base: kernel.state().time, since: Instant::now() };
        let renewed = clock.base;
        let core = Core { kernel, clock, renewed, waiting: VecDeque::new(), closed: false };
        let instant = journal.is_instant();
        let head = journal.head();
        let room = Room::new(bounds, journal.size().total_bytes, journal.gauge());
        let room = Arc::new(room);
        let blobs = Arc::new(keep::blobs::Counted { store: blobs, room: room.clone() });
        let inner = Arc::new(Inner {
            core: Mutex::new(core),
            committer: Mutex::new(Committer { journal: Some(journal), head }),
            work: Condvar::new(),
            deadline_moved: Notify::new(),
            failed: Mutex::new(None),
            ended: Notify::new(),
            instant,
            desk: Desk::default(),
            blobs,
            observers,
            keeper: Keeper::new(bounds),
            room,
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
        self.send_then(command, |_| {})
    }

    /// The same; `then` sees the step before anybody else can.
    pub(crate) fn send_then(&self, command: Command, then: impl FnOnce(&Step)) -> Reply {
        let (sender, receiver) = oneshot::channel();
        self.inner.step(command, Some(sender), then);
        receiver
    }

    /// Sends a command whose answer nobody waits for.
    pub(crate) fn tell(&self, command: Command) {
        self.tell_then(command, |_| {});
    }

    /// The same; `then` sees the step before anybody else can.
    pub(crate) fn tell_then(&self, command: Command, then: impl FnOnce(&Step)) {
        self.inner.step(command, None, then);
    }

    /// Signs of life of many leases at once.
    pub(crate) fn pulse(&self, pulses: impl IntoIterator<Item = Pulse>) {
        let mut core = lock(&self.inner.core);
        let now = core.clock.now();
        pulses.into_iter().for_each(|pulse| core.kernel.pulse(now, pulse));
    }

    /// Asks the kernel something. What it knows may not be durable yet: for the runtime's own use.
    pub(crate) fn look<T>(&self, question: impl FnOnce(&Kernel, Time) -> T) -> T {
        let core = lock(&self.inner.core);
        let now = core.clock.now();
        question(&core.kernel, now)
    }

    /// Changes the kernel in a way that is no fact.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Kernel)) {
        change(&mut lock(&self.inner.core).kernel);
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
        lock(&self.inner.core).closed = true;
        self.inner.ended.notify_waiters();
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
        let mut core = lock(&self.inner.core);
        core.closed = true;
        core.waiting.clear();
        drop(core);
        self.inner.ended.notify_waiters();
        let _alone = self.inner.keeper.alone();
        self.inner.let_go(lock(&self.inner.committer));
    }

    /// Whether the turn has ended.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.inner.core).closed
    }
}

impl Inner {
    fn step(
        self: &Arc<Self>,
        command: Command,
        reply: Option<oneshot::Sender<Verdict>>,
        then: impl FnOnce(&Step),
    ) {
        let mut core = lock(&self.core);
        if core.closed {
            return; // Dropping the sender says so.
        }
        if self.room.is_full()
            && let Some(refusal) = keep::no_room(&core.kernel, &command)
        {
            drop(core);
            reply.map(|reply| reply.send(Err(refusal))); // Records nothing, so it need not wait.
            return;
        }
        let now = core.clock.now();
        core.renew(now, &self.desk);
        let deadline = core.kernel.next_deadline();
        let step = core.kernel.step(now, command);
        then(&step);
        let nearer =
            core.kernel.next_deadline().is_some_and(|next| deadline.is_none_or(|it| next < it));
        let was_idle = core.waiting.is_empty();
        core.take_in(step, reply);
        drop(core);
        if nearer {
            self.deadline_moved.notify_one();
        }
        if self.instant {
            self.commit_inline();
        } else if was_idle {
            self.work.notify_one();
        }
    }

    /// An instant journal needs no thread: whoever finds the committer free commits for all.
    fn commit_inline(self: &Arc<Self>) {
        while !lock(&self.core).waiting.is_empty() {
            let Ok(mut committer) = self.committer.try_lock() else { return };
            while let Some(portion) = self.next_portion() {
                self.commit(&mut committer, portion);
            }
        }
    }

    fn next_portion(&self) -> Option<Portion> {
        lock(&self.core).waiting.pop_front()
    }

    fn commit_until_closed(self: Arc<Self>) {
        loop {
            let mut core = lock(&self.core);
            while core.waiting.is_empty() {
                if core.closed {
                    return;
                }
                core = self.work.wait(core).unwrap_or_else(PoisonError::into_inner);
            }
            drop(core);
            // The committer's lock is taken before the portion: `with_journal` sees whole portions.
            let mut committer = lock(&self.committer);
            if let Some(portion) = self.next_portion() {
                self.commit(&mut committer, portion);
            }
        }
    }

    fn commit(self: &Arc<Self>, committer: &mut Committer, portion: Portion) {
        let Portion { batch, entries, effects, answers } = portion;
        if !batch.is_empty() {
            let Some(journal) = &mut committer.journal else { return };
            match journal.append(committer.head, &batch) {
                Ok(head) => committer.head = head,
                Err(error) => return self.fail(error.to_string()),
            }
            let size = journal.size();
            self.room.journal_is(size.total_bytes);
            if self.keeper.is_due(size, self.room.is_full()) {
                Runtime { inner: self.clone() }.tidy_in_background(size.tail_bytes);
            }
            let first = Seq(committer.head.0 + 1 - entries.len() as u64);
            for observer in &self.observers {
                // Whoever only watches stops nobody; the panic's message has been printed.
                let _ = catch_unwind(AssertUnwindSafe(|| observer.durable(first, &entries)));
            }
        }
        for effect in effects {
            self.desk.perform(self, effect);
        }
        for (reply, answer) in answers {
            let _ = reply.send(answer); // Whoever asked may have gone.
        }
    }

    /// What is on disk is no longer known: nothing more is decided, performed or answered.
    fn fail(&self, why: String) {
        let mut core = lock(&self.core);
        core.closed = true;
        core.waiting.clear();
        drop(core);
        lock(&self.failed).get_or_insert_with(|| why.into());
        self.ended.notify_waiters();
        self.desk.abandon();
    }
}

impl Inner {
    /// The end: the journal is free for the next, and nobody waits for what will not come.
    fn let_go(&self, mut committer: MutexGuard<'_, Committer>) {
        committer.journal = None;
        drop(committer);
        self.work.notify_all();
        self.desk.abandon();
    }
}

impl Core {
    /// Work in this process lives as long as the process: its leases are renewed before anything
    /// is decided, so that code which keeps every thread busy cannot lose its own.
    fn renew(&mut self, now: Time, desk: &Desk) {
        if now.since(self.renewed) < self.kernel.limits().renew_ms {
            return;
        }
        self.renewed = now;
        desk.pulses().into_iter().for_each(|pulse| self.kernel.pulse(now, pulse));
    }

    fn take_in(&mut self, step: Step, reply: Option<oneshot::Sender<Verdict>>) {
        let full = self.waiting.back().is_none_or(|it| it.batch.size() >= BATCH_MAX_BYTES);
        if full {
            self.waiting.push_back(Portion::default());
        }
        let portion = self.waiting.back_mut().expect("one was just pushed");
        for entry in &step.entries {
            record::push(entry, &mut portion.batch);
        }
        portion.entries.extend(step.entries);
        portion.effects.extend(step.effects);
        portion.answers.extend(reply.map(|reply| (reply, step.answer)));
    }
}

impl Clock {
    fn now(&self) -> Time {
        let advance = self.since.elapsed().as_millis();
        self.base.after(u64::try_from(advance).unwrap_or(u64::MAX))
    }
}

/// A lock whose holder panicked still guards consistent data here: nothing under it can unwind
/// half-way but user-supplied observers, which run under none of these.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
