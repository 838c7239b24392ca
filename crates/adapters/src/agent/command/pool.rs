//! The resident processes of one *jsonl* agent: one per task at work, plus those whose task is
//! blocked in `ask`, up to a limit.
//!
//! The first is there before the agent joins; more come when tasks need them, and as many as were
//! needed at once are kept, up to the agent's slots. Which of them is started *again* is not
//! decided here: a process that has died is reported, and what is missing is made good when the
//! agent is told to start. What we end ourselves (too many, or one that did not come back from a
//! cancelled task) has not died.
//!
//! A process blocked in `ask` has given its slot back, so another task may come and needs another
//! process. When the limit is reached a task is refused with `overloaded` rather than made to wait:
//! what it would wait for may be waiting for it.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use kernel::Exit;
use runtime::Vitals;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::fault::Fault;
use super::limits::Limits;
use super::resident::{About, Resident};
use crate::process::{Census, Hurry, Patience};

/// The processes, and whom to tell about them.
pub(super) struct Pool {
    about: Arc<About>,
    census: Census,
    me: Weak<Pool>,
    state: Mutex<State>,
    /// Whether it was said that somebody is silent. Held while that is said, so that the last word
    /// is true.
    said_silent: Mutex<bool>,
    /// An idle process has come.
    refilled: Notify,
}

struct State {
    /// At most so many idle processes are kept: the agent's slots.
    size: usize,
    /// As many as were needed at once, up to the slots: so many are there after a start.
    wanted: usize,
    /// Processes that can be spoken with, idle ones and those at work.
    here: usize,
    /// Those of them that miss their heartbeats.
    silent: usize,
    /// The warmest last.
    idle: Vec<Resident>,
    last_number: u64,
    /// The present life, by which deaths are reported; none before the agent has joined.
    vitals: Option<Vitals>,
    is_closed: bool,
    /// Ends the patience with those who are being stopped.
    hurry: Hurry,
}

impl Pool {
    pub(super) fn new(about: About, census: Census, size: usize) -> Arc<Self> {
        let size = size.max(1);
        let state = State {
            size,
            wanted: 1,
            here: 0,
            silent: 0,
            idle: Vec::new(),
            last_number: 0,
            vitals: None,
            is_closed: false,
            hurry: Hurry::new(),
        };
        Arc::new_cyclic(|me| Self {
            about: Arc::new(about),
            census,
            me: me.clone(),
            state: Mutex::new(state),
            said_silent: Mutex::new(false),
            refilled: Notify::new(),
        })
    }

    pub(super) fn limits(&self) -> Limits {
        self.about.limits.clone()
    }

    /// A life begins: what is missing is started. One that does not come up while others are there
    /// is one that has died; with nobody there, the whole agent has not come up.
    pub(super) async fn start(&self, vitals: Vitals) -> Result<(), Fault> {
        self.be_empty().await?;
        let missing = self.open(vitals);
        self.say_silence();
        let raised = join_all((0..missing).map(|_| self.raise())).await;
        match raised.into_iter().find_map(Result::err) {
            Some(fault) if self.lock().here == 0 => Err(fault),
            Some(fault) => {
                self.lost_idle(&fault);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// An idle process, or a new one; it keeps `hold` until it is given back or has ended.
    pub(super) async fn take(&self, hold: impl Any + Send + Sync) -> Result<Resident, Fault> {
        while let Some(mut resident) = self.pop() {
            if resident.is_alive() {
                resident.keep(hold);
                return Ok(resident);
            }
            self.bury(resident); // It ended just now, and nobody has seen it yet.
            self.be_refilled().await;
        }
        let resident = self.grow(hold).await;
        if let Err(fault) = &resident {
            self.lost_idle(fault);
        }
        resident
    }

    /// Takes a process back after its task, or retires it when there are enough. One that has died
    /// meanwhile is buried: when its end was noticed, it was not here. Must be called on a tokio
    /// runtime.
    pub(super) fn give_back(&self, mut resident: Resident) {
        resident.release();
        resident.begin(); // Whatever it owed, it has come back.
        let mut state = self.lock();
        if state.is_closed || state.idle.len() >= state.size {
            drop(state);
            tokio::spawn(resident.retire());
        } else if !resident.is_alive() {
            drop(state);
            self.bury(resident);
        } else {
            // Looked at and put back under one lock: whoever dies from now on is found idle.
            state.idle.push(resident);
            drop(state);
            self.refilled.notify_waiters();
        }
    }

    /// From now on it has so many slots. What is too many goes; what is too few comes when tasks
    /// need it. Must be called on a tokio runtime.
    pub(super) fn resize(&self, slots: usize) {
        let mut state = self.lock();
        state.size = slots.max(1);
        state.wanted = state.wanted.min(state.size);
        let many = state.idle.len().saturating_sub(state.size);
        let many: Vec<Resident> = state.idle.drain(..many).collect();
        drop(state);
        for resident in many {
            tokio::spawn(resident.retire());
        }
    }

    /// Retires everybody and returns when no process is left, those at work included: whoever runs
    /// their attempts must have let go of them. Dropped before that, it ends all of them at once.
    pub(super) async fn close(&self) {
        let (idle, hurry) = {
            let mut state = self.lock();
            state.is_closed = true;
            (std::mem::take(&mut state.idle), state.hurry.clone())
        };
        let _patience = Patience(hurry);
        for resident in idle {
            tokio::spawn(resident.retire());
        }
        self.census.empty().await;
    }

    /// Waits for what becomes of a death that was found when a task came: the task may be taken
    /// back, and then nobody waits here any more, or there is a process again.
    async fn be_refilled(&self) {
        if self.vitals().is_none() {
            return; // Nobody decides about it.
        }
        let refilled = self.refilled.notified();
        let patience = Duration::from_millis(self.about.limits.start_ms);
        if self.lock().idle.is_empty() {
            let _refilled_or_not = timeout(patience, refilled).await;
        }
    }

    /// One has died at its work; its attempt says so itself.
    pub(super) fn lost_at_work(&self, fault: &Fault) {
        if let Some(vitals) = self.vitals() {
            vitals.lost_at_work(&fault.to_string());
        }
    }

    fn lost_idle(&self, fault: &Fault) {
        match (self.vitals(), fault) {
            (None, _) | (_, Fault::NoneFree { .. }) => {}
            (Some(vitals), _) => vitals.lost_idle(&fault.to_string()),
        }
    }

    /// Whom to tell of deaths; nobody while it is closed, since those are ours.
    fn vitals(&self) -> Option<Vitals> {
        let state = self.lock();
        state.vitals.clone().filter(|_| !state.is_closed)
    }

    /// After a stop, nothing of the life before may be left when the next one begins.
    async fn be_empty(&self) -> Result<(), Fault> {
        if !self.lock().is_closed {
            return Ok(());
        }
        let start_ms = self.about.limits.start_ms;
        let emptied = timeout(Duration::from_millis(start_ms), self.census.empty()).await;
        emptied.map_err(|_elapsed| Fault::NotGone { program: self.about.name(), start_ms })
    }

    /// Begins the life; how many processes it wants.
    fn open(&self, vitals: Vitals) -> usize {
        let mut said = self.said_silent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        *said = false;
        if std::mem::take(&mut state.is_closed) {
            state.hurry = Hurry::new();
        }
        state.vitals = Some(vitals);
        state.wanted.saturating_sub(state.here)
    }

    async fn raise(&self) -> Result<(), Fault> {
        let resident = self.grow(()).await?;
        self.give_back(resident);
        Ok(())
    }

    /// One process more.
    async fn grow(&self, hold: impl Any + Send + Sync) -> Result<Resident, Fault> {
        let max = self.about.limits.processes_max.max(self.lock().size);
        let none_free = || Fault::NoneFree { program: self.about.name(), max };
        let present = self.census.try_enter(max).ok_or_else(none_free)?;
        let hurry = self.lock().hurry.clone();
        let mut resident = Resident::start(self.about.clone(), present, hurry, hold).await?;
        resident.enter(self.admit());
        let (number, exit) = (resident.number(), resident.exit());
        let pool = self.me.clone();
        tokio::spawn(async move {
            exit.await;
            if let Some(pool) = pool.upgrade() {
                pool.noticed(number);
            }
        });
        Ok(resident)
    }

    fn admit(&self) -> Place {
        let mut state = self.lock();
        state.here += 1;
        state.wanted = state.wanted.max(state.here.min(state.size));
        state.last_number += 1;
        Place { pool: self.me.clone(), number: state.last_number, is_silent: false }
    }

    /// A process has ended. At work, its attempt sees it; an idle one has nobody else.
    fn noticed(&self, number: u64) {
        let mut state = self.lock();
        let at = state.idle.iter().position(|it| it.number() == number);
        let resident = at.map(|at| state.idle.swap_remove(at));
        drop(state);
        if let Some(resident) = resident {
            self.bury(resident);
        }
    }

    /// Ends what a process has left that died between two tasks, and reports its death.
    fn bury(&self, resident: Resident) {
        let pool = self.me.clone();
        tokio::spawn(async move {
            let (fault, is_normal) = resident.found_dead().await;
            let Some(pool) = pool.upgrade() else { return };
            let nobody_is_left = pool.lock().here == 0;
            match pool.vitals() {
                // It was done, and it was all there was.
                Some(vitals) if is_normal && nobody_is_left => vitals.exited(Exit::Normal),
                Some(_) | None => pool.lost_idle(&fault),
            }
        });
    }

    /// Says that somebody is silent, or that nobody is any more.
    fn say_silence(&self) {
        let mut said = self.said_silent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_silent = self.lock().silent > 0;
        if let Some(vitals) = self.vitals().filter(|_| *said != is_silent) {
            *said = is_silent;
            if is_silent { vitals.missed() } else { vitals.heard() }
        }
    }

    fn pop(&self) -> Option<Resident> {
        self.lock().idle.pop()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process's place in its pool, for as long as it can be spoken with.
pub(super) struct Place {
    pool: Weak<Pool>,
    number: u64,
    is_silent: bool,
}

impl Place {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// It misses its heartbeats, or is heard again.
    pub(super) fn set_silent(&mut self, is_silent: bool) {
        let Some(pool) = self.pool.upgrade().filter(|_| self.is_silent != is_silent) else {
            return;
        };
        self.is_silent = is_silent;
        {
            let mut state = pool.lock();
            state.silent = state.silent.saturating_add_signed(if is_silent { 1 } else { -1 });
        }
        pool.say_silence();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.set_silent(false);
        if let Some(pool) = self.pool.upgrade() {
            pool.lock().here -= 1;
        }
    }
}
