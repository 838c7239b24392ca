//! One world from one seed: a kernel, its journal, agents, clients, an operator, clocks and links,
//! and everything that can go wrong with them.

mod advise;
mod bid;
mod boot;
mod ceilings;
mod client;
mod fleet;
mod heal;
mod hear;
mod life;
mod link;
mod operator;
mod schedule;
mod topics;
mod turn;
mod work;

use crate::clock::Clock;
use crate::fault::{Fault, Mix, Tally};
use crate::medium::Medium;
use crate::oracle::{Oracle, Red};
use crate::rng::Rng;
use crate::trace::Trace;
use fleet::Agent;
use kernel::{AgentId, AttemptId, Effect, Entry, Kernel, Limits, Refusal, Report, TaskId, Token};
use link::Mail;
use runtime::port::journal::{Batch, Epoch, Journal, Seq};
pub(crate) use schedule::calendar;
use std::collections::BTreeMap;

/// A whole world.
pub struct World {
    /// True time, milliseconds.
    now: u64,
    rng: Rng,
    mix: Mix,
    limits: Limits,
    medium: Box<dyn Medium>,
    process: Option<Process>,
    /// Processes that stand still while another has taken over.
    frozen: Vec<Process>,
    /// The last entry known to be durable.
    durable: Seq,
    /// A turn whose append failed: only reading tells whether it is there.
    limbo: Option<(Epoch, Turn)>,
    /// There is no room on the disk until then.
    full_until: u64,
    processes: u64,
    agents: Vec<Agent>,
    by_id: BTreeMap<AgentId, usize>,
    agenda: BTreeMap<(u64, u64), Happening>,
    agenda_seq: u64,
    clients: client::Clients,
    oracle: Oracle,
    /// Faults and events so far.
    pub tally: Tally,
    trace: Trace,
    healed: bool,
    /// By how much the wall clock was set.
    wall_shift: i64,
    /// Whether anybody sets schedules in this world.
    has_schedules: bool,
    /// Whether there are ceilings over what is spent in a day.
    has_ceilings: bool,
    readers: topics::Readers,
    /// Ticks in a row that found something due and recorded nothing.
    vain_ticks: u32,
}

/// One process: it decides in memory, writes down, and only then performs and answers.
struct Process {
    serial: u64,
    kernel: Kernel,
    journal: Box<dyn Journal>,
    clock: Clock,
    /// Entries decided so far, durable or not.
    decided: Seq,
    /// The turn being prepared.
    open: Turn,
    /// The turn being made durable.
    flight: Option<Turn>,
    wakes_at: u64,
    /// What had to be performed when it took over, until its first turn is done.
    outstanding: Option<Vec<Effect>>,
    draining: bool,
}

/// What becomes durable together, and what waits for it.
#[derive(Clone, Default)]
struct Turn {
    batch: Batch,
    entries: Vec<Entry>,
    outs: Vec<(Seq, Out)>,
}

/// Something that may go out once the entries before it are durable.
#[derive(Clone)]
enum Out {
    Perform(Effect),
    Answer(To, Result<kernel::Answer, Refusal>),
}

/// Who asked.
#[derive(Clone, Debug)]
enum To {
    Nobody,
    /// A client, by the number of its call.
    Client(u64),
    /// An agent that joins.
    Agent(usize, u64),
    /// Work that reports.
    Work(usize, u64, Token, u32),
    /// The process itself: its first turn.
    Begin,
}

/// Something that will happen.
enum Happening {
    Client,
    Operator,
    Topic,
    Crash(u64),
    Append(u64),
    Wake(u64),
    Boot,
    Thaw(u64),
    Unpause(usize),
    Unforce(usize),
    Join(usize, u64),
    Exit(u64),
    /// A mail reaches the process it was sent to (0: whichever is there).
    ToProcess(u64, Mail),
    ToAgent(usize, u64, link::Letter),
    Beat(usize, u64, Token, work::Beat),
    /// A local agent that was told to start runs, or does not.
    Started(usize, u64, u64, bool),
    /// A local agent that was told to stop has ended.
    Stopped(usize, u64, u64),
    /// A heartbeat of a local agent's comes again.
    Trust(usize, u64),
    Ghost(AttemptId),
    /// A calendar answers the process that asked.
    Reckoned(u64, (kernel::Text, kernel::Text), u64),
    /// A reader is through with a delivery that this process handed over.
    Handled(u64, std::sync::Arc<kernel::topic::Delivery>),
    /// What an adviser says reaches whichever process is there.
    Advised(Box<advise::Advised>),
}

/// How a world ended.
pub struct Ended {
    /// The broken promise, if there is one.
    pub red: Option<Red>,
    /// Faults and events.
    pub tally: Tally,
    /// Digest of every durable byte, in order.
    pub digest: u64,
    /// The readable trace, if it was asked for.
    pub trace: Vec<String>,
}

impl World {
    /// A world of its own for this seed, on this medium.
    #[must_use]
    pub fn new(seed: u64, medium: Box<dyn Medium>, traced: bool) -> World {
        let mut rng = Rng::new(seed, 1);
        let limits = draw_limits(&mut rng);
        let oracle = Oracle::new(&limits);
        let mut world = World {
            now: 0,
            mix: Mix::none(),
            limits,
            medium,
            process: None,
            frozen: Vec::new(),
            durable: Seq(0),
            limbo: None,
            full_until: 0,
            processes: 0,
            agents: Vec::new(),
            by_id: BTreeMap::new(),
            agenda: BTreeMap::new(),
            agenda_seq: 0,
            clients: client::Clients::default(),
            oracle,
            tally: Tally::default(),
            trace: Trace::new(traced),
            healed: false,
            wall_shift: 0,
            has_schedules: seed % 5 < 2,
            has_ceilings: seed % 5 == 3,
            readers: topics::Readers::new(seed),
            vain_ticks: 0,
            rng,
        };
        world.draw_agents();
        world.boot();
        world.at(5, Happening::Client);
        world.at(400, Happening::Operator);
        if world.readers.exist() {
            world.at(100, Happening::Topic);
        }
        world
    }

    /// Lives through the safety phase and the liveness phase.
    #[must_use]
    pub fn live(mut self, steps: u64) -> Ended {
        let phase = steps.div_ceil(4).max(1);
        let mut next_mix = 0;
        while self.tally.steps < steps && self.oracle.red.is_none() {
            if self.tally.steps >= next_mix {
                next_mix = self.tally.steps + phase;
                self.mix = Mix::draw(&mut self.rng);
            }
            self.next();
        }
        if self.oracle.red.is_none() {
            self.heal();
        }
        self.tally.events.extend(self.trace.kinds.clone());
        let World { oracle, tally, trace, .. } = self;
        Ended { red: oracle.red, tally, digest: trace.digest(), trace: trace.lines }
    }

    /// The next thing happens.
    fn next(&mut self) {
        let Some(((at, _), happening)) = self.agenda.pop_first() else {
            self.oracle.condemn("p24_everything_ends", "nothing will ever happen again".into());
            return;
        };
        self.now = self.now.max(at);
        match happening {
            Happening::Client => self.client_turn(),
            Happening::Operator => self.operator_turn(),
            Happening::Topic => self.topic_turn(),
            Happening::Crash(serial) if self.is_present(serial) => self.crash("was killed"),
            Happening::Append(serial) => self.append(serial),
            Happening::Wake(serial) if self.is_present(serial) => self.wake(),
            Happening::Boot if self.process.is_none() => self.boot(),
            Happening::Thaw(serial) => self.thaw(serial),
            Happening::Unpause(agent) => self.unpause(agent),
            Happening::Unforce(agent) => self.unforce(agent),
            Happening::Join(agent, life) => self.join(agent, life),
            Happening::Exit(serial) if self.is_present(serial) => self.exit(),
            Happening::ToProcess(serial, mail) => self.mail(serial, mail),
            Happening::ToAgent(agent, life, letter) => self.letter(agent, life, letter),
            Happening::Beat(agent, life, token, beat) => self.beat(agent, life, token, beat),
            Happening::Started(agent, serial, number, well) if self.is_present(serial) => {
                self.agent_started(agent, number, well);
            }
            Happening::Stopped(agent, serial, number) if self.is_present(serial) => {
                self.agent_stopped(agent, number);
            }
            Happening::Trust(agent, number) => self.trust(agent, number),
            Happening::Ghost(attempt) => self.ghost(attempt),
            Happening::Reckoned(serial, asked, after) if self.is_present(serial) => {
                self.calendar_says(asked, after);
            }
            Happening::Handled(serial, delivery) if self.is_present(serial) => {
                self.handled(&delivery);
            }
            Happening::Handled(..)
            | Happening::Reckoned(..)
            | Happening::Crash(_)
            | Happening::Wake(_)
            | Happening::Boot
            | Happening::Exit(_)
            | Happening::Started(..)
            | Happening::Stopped(..) => {}
            Happening::Advised(advised) => self.advised(*advised),
        }
    }

    fn is_present(&self, serial: u64) -> bool {
        self.process.as_ref().is_some_and(|process| process.serial == serial)
    }

    /// Puts something on the agenda, so many milliseconds from now.
    fn at(&mut self, after: u64, happening: Happening) {
        self.agenda_seq += 1;
        self.agenda.insert((self.now + after, self.agenda_seq), happening);
    }

    /// Whether this fault fires here and now; it is counted if it does.
    fn strikes(&mut self, fault: Fault) -> bool {
        let rate = self.mix.rate(fault);
        if rate == 0 || !self.rng.chance(rate) {
            return false;
        }
        self.tally.fired(fault);
        self.trace.say(self.now, || format!("FAULT {fault:?}"));
        true
    }

    /// Roots that are open, as everybody can see.
    fn open_roots(&self) -> Vec<TaskId> {
        let tasks = self.oracle.durable.state().tasks();
        tasks.filter(|task| task.parent.is_none()).map(|task| task.id).collect()
    }

    /// Agents that live in the process.
    fn locals(&self) -> Vec<usize> {
        let local = |at: &usize| !self.agents[*at].spec.remote;
        (0..self.agents.len()).filter(local).collect()
    }

    /// A stale report out of nowhere.
    fn ghost(&mut self, attempt: AttemptId) {
        let output = crate::program::payload(b"\"ghost\"");
        self.command(kernel::Command::Report(attempt, Report::Completed(output)), To::Nobody);
    }
}

/// Bounds that are met within a small world. Each seed draws its own.
fn draw_limits(rng: &mut Rng) -> Limits {
    let generous = rng.chance(500);
    Limits {
        queue_max: rng.between(8, 60),
        payload_one_max_bytes: 1 << 10,
        crash_attempts_max: rng.between(3, 25) as u32,
        preemptions_max: rng.between(1, 4) as u32,
        depth_max: rng.between(3, 8) as u32,
        repeats_max: rng.between(2, 5) as u32,
        hand_offs_max: 1 + rng.below(3) as u32,
        tree_tasks_max: rng.between(5, 50),
        tenants_max: [2, 10_000][rng.below(2) as usize],
        tree_work_ms: rng.between(60_000, 150_000),
        delay_max_ms: 30_000,
        steps_max: rng.between(4, 50) as u32,
        key_ms: [30_000, 24 * 3_600_000][rng.below(2) as usize],
        keys_max: [5, 1_000][rng.below(2) as usize],
        dead_max: rng.between(1, 20),
        failures_max: rng.between(2, 8) as u32,
        retry_percent: if generous { 100_000 } else { 20 },
        retry_floor_per_s: if generous { 100_000 } else { rng.between(2, 10) as u32 },
        sweep_max: [2, 1_024][rng.below(2) as usize],
        topics_max: 2,
        topic_names_max: 3,
        topic_messages_max: 12,
        topic_max_bytes: 1_200,
        topics_messages_max: 20,
        topics_max_bytes: 2_000,
        topic_window_max: 4,
        topic_dead_max: 2,
        topic_missed_max: 4,
        schedules_max: 2,
        schedule_every_min_ms: 1_000,
        schedule_late_ms: [1_000, 60_000][rng.below(2) as usize],
        schedule_catch_up_max: rng.between(1, 5) as u32,
        ..Limits::default()
    }
}
