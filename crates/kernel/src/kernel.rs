//! The front door: one command in, facts and orders out.

use crate::agent::{Stage, supervise};
use crate::configure::configure;
use crate::index::{Index, ShapeId};
use crate::mutant::{Mutant, planted};
use crate::routing::external;
use crate::rule::fence::{self, Standing};
use crate::state::{Deliberation, Facts};
use crate::{
    AgentId, Answer, AttemptId, Class, Command, Dispatch, Effect, Entry, Event, Lease, Limits,
    Presence, Pulse, Refusal, State, Status, Supervised, TaskId, Text, Time, agent, report,
    schedule, start, task, topic,
};

/// What one command led to. Journal `entries`, then perform `effects`, then give `answer`.
#[must_use = "entries must be durable before effects are performed and the answer is given"]
#[derive(Debug)]
pub struct Step {
    /// What to tell whoever sent the command.
    pub answer: Result<Answer, Refusal>,
    /// Facts, in order.
    pub entries: Vec<Entry>,
    /// Orders, in order.
    pub effects: Vec<Effect>,
}

/// The decision maker.
#[derive(Clone, Debug)]
pub struct Kernel {
    state: State,
    now: Time,
}

/// A step being written. Handlers read the whole state through it (it dereferences to [`State`])
/// and change it only by [`Draft::record`], which applies an event and writes it down in one
/// motion.
pub(crate) struct Draft<'a> {
    state: &'a mut State,
    pub(crate) now: Time,
    entries: &'a mut Vec<Entry>,
    effects: &'a mut Vec<Effect>,
}

impl Draft<'_> {
    pub(crate) fn record(&mut self, event: Event) {
        let at = if planted(Mutant::TimeNotJournaled) { Time(0) } else { self.now };
        let entry = Entry { at, event };
        Effect::of(self.state, &entry.event, self.effects);
        let skipped = matches!(entry.event, Event::AttemptFailed { .. });
        if !(skipped && planted(Mutant::RecordWithoutApply)) {
            self.state.apply(&entry);
        }
        if !(skipped && planted(Mutant::ApplyWithoutRecord)) {
            self.entries.push(entry);
        }
    }

    /// The same, of a life.
    pub(crate) fn supervise(&mut self, event: Supervised) {
        self.record(Event::Supervised(event));
    }

    /// Queued tasks whose time has come move to their queues: an index, no fact.
    pub(crate) fn promote(&mut self) {
        task::promote(self.state, self.now);
    }

    /// An attempt may work for longer than it seemed at the grant: an index, no fact.
    pub(crate) fn postpone_work(&mut self, task: TaskId, lease: &Lease, end: Time) {
        self.state.index.postpone(task, lease.token, lease.spent_at, end);
    }

    /// Where too many agents may be out by their breakers.
    pub(crate) fn next_doubt(&mut self) -> Option<(Text, Text)> {
        self.state.index.next_doubt()
    }
    /// What the wall clock says, as far as the kernel knows.
    pub(crate) fn wall_ms(&self) -> u64 {
        self.state.wall_ms(self.now)
    }

    /// Somebody takes the deliveries of a topic: an index, no fact.
    pub(crate) fn attach(&mut self, topic: &Text, name: &Text) {
        self.state.index.topics.attach(topic, name);
    }

    /// Nobody of this name does any more.
    pub(crate) fn detach(&mut self, topic: &Text, name: &Text) {
        self.state.index.topics.detach(topic, name);
    }

    /// The next one for whom a topic may have something.
    pub(crate) fn next_reader(&mut self) -> Option<(Text, Text)> {
        self.state.index.topics.next_look()
    }

    /// Something comes again for them then.
    pub(crate) fn wake_reader(&mut self, at: Time, topic: &Text, name: &Text) {
        self.state.index.topics.wake_at(at, topic, name);
    }

    /// Those for whom something is due are looked at.
    pub(crate) fn wake_readers(&mut self) {
        self.state.index.topics.wake(self.now);
    }

    /// Where urgent work may have to look for room.
    pub(crate) fn next_look(&mut self) -> Option<ShapeId> {
        self.state.index.next_look()
    }

    /// Urgent work of a shape is to look for room again: an index, no fact.
    pub(crate) fn look_for_room(&mut self, shape: ShapeId) {
        self.state.index.look_for_room(shape);
    }

    /// An agent is kept back for urgent work: an index, no fact.
    pub(crate) fn take_for(&mut self, agent: AgentId, shape: ShapeId, class: Class) {
        self.state.index.take_for(agent, shape, class);
    }

    /// What can be granted next.
    pub(crate) fn next_match(&mut self) -> Option<crate::index::Match> {
        self.state.index.next_match()
    }
}

impl std::ops::Deref for Draft<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        self.state
    }
}

impl Kernel {
    /// A kernel with nothing in it.
    #[must_use]
    pub fn new(limits: Limits) -> Kernel {
        Kernel { state: State::new(limits), now: Time(0) }
    }

    /// The kernel that a snapshot and the entries after it describe. Performs nothing, decides
    /// nothing.
    #[must_use]
    pub fn replay<'e>(
        limits: Limits,
        snapshot: Option<Facts>,
        entries: impl IntoIterator<Item = &'e Entry>,
    ) -> Kernel {
        let mut kernel = Kernel::new(limits);
        if let Some(facts) = snapshot {
            kernel.restore(facts);
        }
        entries.into_iter().for_each(|entry| kernel.apply(entry));
        kernel
    }

    /// Takes the place of everything remembered so far. [`Kernel::snapshot`] is the other way.
    pub fn restore(&mut self, mut facts: Facts) {
        self.now = facts.time;
        self.state.index = Index::of(&facts, facts.time);
        let index = &mut self.state.index;
        for task in facts.tasks.values_mut() {
            let (terms, shape) = index.intern(&task.terms);
            let shape = index.placed(shape, facts.deliberations.get(&task.id));
            (task.terms, task.shape) = (terms, shape);
            task.budget = task.budget.take().map(|it| index.share(&it));
        }
        self.state.facts = facts;
    }

    /// Applies one entry read from the journal.
    pub fn apply(&mut self, entry: &Entry) {
        self.state.apply(entry);
        if planted(Mutant::TokenReusedAfterReplay) {
            self.state.facts.token = crate::Token(self.state.facts.token.0 / 2);
        }
        self.now = self.now.max(entry.at);
    }

    /// Lets go of the payload bytes of settled tasks, as an operator asked: no fact, since which
    /// payloads there were stays known. What asks for them later hears that they were erased.
    pub fn forget(&mut self, of: impl FnMut(crate::TaskId) -> bool) {
        self.state.facts.drop_payloads(of);
    }

    /// Takes one command. Total: a refusal is an answer, not an error.
    pub fn step(&mut self, now: Time, command: Command) -> Step {
        let (mut entries, mut effects) = (Vec::new(), Vec::new());
        let answer = self.step_into(now, command, &mut entries, &mut effects);
        Step { answer, entries, effects }
    }

    /// The same for many commands in a row: facts and orders go behind those of the steps before.
    #[must_use = "entries must be durable before effects are performed and the answer is given"]
    pub fn step_into(
        &mut self,
        now: Time,
        command: Command,
        entries: &mut Vec<Entry>,
        effects: &mut Vec<Effect>,
    ) -> Result<Answer, Refusal> {
        self.now = if planted(Mutant::TimeNotJournaled) {
            now
        } else {
            self.now.max(now).max(self.state.time)
        };
        let mut draft = Draft { state: &mut self.state, now: self.now, entries, effects };
        // A process that takes over first says so: what ran out while nobody held the journal, or
        // only seems to because renewals were lost with the process before, is not the agents'
        // fault.
        if !matches!(command, Command::Begin(_)) {
            draft.promote();
            task::expire(&mut draft);
            topic::expire(&mut draft);
            task::sweep_orphans(&mut draft);
        }
        let answer = handle(&mut draft, command);
        task::sweep_orphans(&mut draft);
        agent::let_back(&mut draft);
        task::dispatch(&mut draft);
        topic::deliver(&mut draft);
        agent::dismiss(&mut draft);
        answer
    }

    /// A sign of life. It can only delay an expiry.
    pub fn pulse(&mut self, now: Time, pulse: Pulse) {
        let now = self.now.max(now);
        match pulse {
            Pulse::Renew(attempt) => self.state.renew(now, attempt),
            Pulse::Slept { ms } => self.state.slept(now, ms),
        }
    }

    /// What must be performed now by a runtime that remembers nothing: for every effect whose loss
    /// would matter there is a condition in the state, and this derives the effect from it.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Effect> {
        let state = &self.state;
        let mut effects = Vec::new();
        for task in state.tasks() {
            if let (Some(lease), Some(attempt)) = (task.status.lease(), task.attempt()) {
                let dispatch = Dispatch::of(state, task, attempt, lease.agent, 0);
                effects.push(Effect::Dispatch(Box::new(dispatch)));
            }
        }
        for (id, deliberation) in &state.deliberations {
            if let Deliberation::Asked { until, advice: None, .. } = deliberation
                && *until > self.now
                && let Some(task) = state.task(*id)
            {
                effects.push(Effect::Advise(Box::new(external::question(state, task, *until))));
            }
        }
        for (token, stopping) in &state.stopping {
            let attempt = AttemptId { task: stopping.task, token: *token };
            effects.push(Effect::Stop { attempt, agent: stopping.agent });
        }
        let schedules = state.schedules.values();
        effects.extend(schedules.filter_map(|it| Effect::reckon(&it.spec, it.next)));
        effects.extend(topic::Delivery::outstanding(state));
        for agent in state.agents().iter().filter(|it| it.presence != Presence::Left) {
            let (id, life) = (agent.id, agent.life.number);
            match agent.life.stage {
                Stage::Starting => effects.push(Effect::StartAgent { agent: id, life }),
                Stage::Stopping => effects.extend(Effect::stop_agent(state, id, life)),
                Stage::Up | Stage::Condemned | Stage::Down | Stage::Resting => {}
            }
        }
        effects
    }

    /// When to call [`Kernel::step`] with [`Command::Tick`] if nothing else happens first.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let index = &self.state.index;
        let swept = index.orphans.is_empty() && (index.all_looked() || self.state.draining);
        let sweep = (!swept).then_some(self.now);
        let timer = index.next_timer();
        let key = index.key_order.first();
        let key = key.map(|(at, ..)| at.after(self.state.limits.key_ms));
        let topic = index.next_of_topics(self.state.draining);
        [sweep, timer, key, topic].into_iter().flatten().min()
    }

    /// The facts, as they are stored; the bytes of [`State::payloads`] are stored beside them.
    #[must_use]
    pub fn snapshot(&self) -> &Facts {
        &self.state.facts
    }

    /// A look at the memory; there is no way to change it from outside.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The bounds it works under.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.state.limits
    }

    /// From now on under other bounds. Whoever replays a journal learns from it how wide they must
    /// be; what they bound is decided in [`Kernel::step`], so nothing that was replayed changes.
    pub fn set_limits(&mut self, limits: Limits) {
        self.state.limits = limits;
    }

    /// Whether this attempt is the one that works on its task now: what it says to others may pass.
    #[must_use]
    pub fn is_heard(&self, attempt: AttemptId) -> bool {
        fence::standing(&self.state, attempt) == Standing::Holder
    }

    /// Whether an open task holds a slot of its agent: what is running rather than waiting.
    #[must_use]
    pub fn working(&self) -> usize {
        let working = |task: &&crate::Task| match task.status {
            Status::Assigned(_) | Status::Running(_) => true,
            Status::Queued { .. } | Status::Waiting(..) => false,
        };
        self.state.tasks().filter(working).count() + self.state.stopping.len()
    }
}

fn handle(draft: &mut Draft<'_>, command: Command) -> Result<Answer, Refusal> {
    match command {
        Command::Begin(begin) => start::begin(draft, begin),
        Command::Submit(submit) => task::submit(draft, submit),
        Command::Cancel { task, reason } => task::cancel(draft, task, reason),
        Command::Migrate { run, definition } => task::migrate(draft, run, definition),
        Command::Release { task, input } => task::release(draft, task, input),
        Command::Discard(task) => task::discard(draft, task),
        Command::Configure { team, policies } => configure(draft, team, policies),
        Command::Join(spec) => agent::join(draft, spec),
        Command::Leave(agent) => agent::leave(draft, agent),
        Command::Pause(agent) => agent::pause(draft, agent),
        Command::Unpause(agent) => agent::unpause(draft, agent),
        Command::Resize { agent, slots } => agent::resize(draft, agent, slots),
        Command::DrainAgent(agent) => agent::drain(draft, agent),
        Command::Breaker { agent, capability, forced } => {
            agent::force(draft, agent, capability, forced)
        }
        Command::Schedule(spec) => schedule::schedule(draft, *spec),
        Command::Unschedule(name) => schedule::unschedule(draft, name),
        Command::PauseSchedule(name) => schedule::pause(draft, name),
        Command::ResumeSchedule(name) => schedule::resume(draft, name),
        Command::Reckoned { schedule, recurs, after_wall_ms, next } => {
            schedule::reckoned(draft, schedule, &recurs, after_wall_ms, next)
        }
        Command::Topic(topic, what) => topic::handle(draft, topic, what),
        Command::WallClock { wall_ms } => schedule::wall_clock(draft, wall_ms),
        Command::Exited(exited) => supervise::exited(draft, exited),
        Command::Started(agent, life) => supervise::started(draft, agent, life),
        Command::Suspect(agent, life) => supervise::suspect(draft, agent, life),
        Command::Trust(agent, life) => supervise::trust(draft, agent, life),
        Command::Restart(agent) => supervise::restart_agent(draft, agent),
        Command::Drain => start::drain(draft),
        Command::Consult { task, until, input } => task::consult(draft, task, until, input),
        Command::Advice { task, until, ranking, words } => {
            task::advice(draft, task, until, &ranking, &words)
        }
        Command::Report(attempt, report) => report::report(draft, attempt, report),
        Command::Tick => Ok(Answer::Done),
    }
}
