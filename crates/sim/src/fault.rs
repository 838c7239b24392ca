//! What can go wrong, and how much of it a seed has.

use crate::rng::Rng;
use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident,)*) => {
        /// The catalogue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $fault,)* }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Fault] = &[$(Fault::$fault,)*];
        }
    };
}

faults! {
    /// An agent takes work and is never heard again.
    AgentSilent,
    /// An agent renews for ever and never answers.
    AgentHogs,
    /// An agent takes twenty times as long.
    AgentSlow,
    /// An agent's process dies with all its work.
    AgentCrashes,
    /// An agent ends of its own accord.
    AgentExits,
    /// An agent that is started does not come up.
    StartFails,
    /// An agent that is to stop takes its time.
    AgentStopsSlowly,
    /// An agent's heartbeats stay out for a while.
    HeartbeatsMissed,
    /// A report is said twice.
    ReportTwice,
    /// A report comes after the lease has ended.
    ReportLate,
    /// A report comes from a life of the agent that is over.
    ReportFromOldLife,
    /// A report carries a token that was never given for this task.
    WrongToken,
    /// An output larger than is allowed.
    OutputTooLarge,
    /// An agent says it is done and has done nothing.
    AgentLies,
    /// An agent gives everything back at once.
    AgentHandsBack,
    /// An agent waits for nothing.
    WaitsForNothing,
    /// An agent asks to be tried again in a million years.
    AbsurdRetryAfter,
    /// A side effect's result larger than is allowed.
    ResultTooLarge,
    /// An attempt gives a side effect up half way, and begins it again.
    OnceGivenUp,
    /// Work ends long after it was told to stop.
    StopIgnored,
    /// An append takes up to a second.
    AppendSlow,
    /// An append fails; nothing of it is on the disk.
    AppendFails,
    /// An append fails; all of it is on the disk.
    AppendFailsAfter,
    /// The process stops in the middle of an append; some bytes of it are on the disk.
    AppendTorn,
    /// The disk is full for a while: every append fails, and whoever starts meanwhile ends again.
    DiskFull,
    /// A bit of the journal flips while nobody has it open. With it nobody may open it and miss
    /// something; then it flips back, as from a backup.
    BitFlipped,
    /// An append never returns; the process is killed after a while.
    SyncHangs,
    /// The process dies before it appends.
    CrashBeforeAppend,
    /// The process dies when the append is done and nothing was performed.
    CrashAfterAppend,
    /// The process dies when half of the effects are performed.
    CrashMidEffects,
    /// The process dies before it answers.
    CrashBeforeAnswer,
    /// Another process takes the journal over while this one stands still.
    TakenOver,
    /// The journal was restored from a backup: tokens get a new generation.
    Restored,
    /// A message is lost.
    MessageLost,
    /// A message comes twice.
    MessageTwice,
    /// A message is late, and others overtake it.
    MessageLate,
    /// A link passes nothing for a while.
    LinkClogged,
    /// Some links pass nothing for a while, and come back one after the other.
    LinksSwizzled,
    /// A link loses everything in one direction for a while, and nothing in the other.
    LinkOneWay,
    /// The clock jumps forward.
    ClockForward,
    /// The clock jumps back.
    ClockBack,
    /// The clock stands.
    ClockFrozen,
    /// The clock runs up to a half too fast or too slow.
    ClockDrifts,
    /// The machine sleeps, and the process finds itself later than it thought.
    MachineSleeps,
    /// Ten times the work at once.
    Burst,
    /// One tenant floods.
    TenantFlood,
    /// Top priority floods.
    PriorityFlood,
    /// Everybody uses one key.
    KeyFlood,
    /// The operator opens or closes a breaker for a while.
    BreakerForced,
    /// The operator drains and starts again.
    Drain,
    /// The operator cancels.
    Cancel,
    /// The operator pauses an agent for a while.
    Pause,
    /// An agent leaves and comes back.
    Leave,
    /// The operator has an agent started again.
    Restart,
    /// The operator releases a dead task.
    Release,
    /// The operator discards a dead task.
    Discard,
    /// The operator sets other quotas, tighter ones too.
    Reconfigure,
    /// The wall clock is set.
    WallClockSet,
    /// A calendar answers late.
    CalendarLate,
    /// A calendar answers twice.
    CalendarTwice,
    /// An agent gets more slots, or fewer.
    Resize,
    /// An agent is to finish what it has and leave; it comes back later.
    DrainAgent,
}

/// How likely each fault is in one phase of one seed, in thousandths per occasion.
#[derive(Clone, Debug)]
pub struct Mix(Vec<u16>);

impl Mix {
    /// No faults at all.
    #[must_use]
    pub fn none() -> Mix {
        Mix(vec![0; Fault::ALL.len()])
    }

    /// A mixture of its own: most faults absent, some rare, some frequent; a quarter of all
    /// mixtures are empty.
    #[must_use]
    pub(crate) fn draw(rng: &mut Rng) -> Mix {
        if rng.chance(250) {
            return Mix::none();
        }
        let rate = |_| match rng.below(10) {
            0..=4 => 0,
            5..=7 => rng.between(5, 40) as u16,
            8 => rng.between(40, 150) as u16,
            _ => rng.between(150, 500) as u16,
        };
        Mix(Fault::ALL.iter().map(rate).collect())
    }

    /// Thousandths per occasion. What ends the whole process is made rarer, or nothing else would
    /// happen.
    #[must_use]
    pub fn rate(&self, fault: Fault) -> u64 {
        let rate = u64::from(self.0[fault as usize]);
        match fault {
            Fault::AppendFails
            | Fault::AppendFailsAfter
            | Fault::AppendTorn
            | Fault::DiskFull
            | Fault::LinksSwizzled
            | Fault::SyncHangs
            | Fault::CrashBeforeAppend
            | Fault::CrashAfterAppend
            | Fault::CrashMidEffects
            | Fault::CrashBeforeAnswer
            | Fault::TakenOver => rate.div_ceil(25),
            Fault::Burst
            | Fault::TenantFlood
            | Fault::PriorityFlood
            | Fault::KeyFlood
            | Fault::AgentCrashes
            | Fault::AgentExits
            | Fault::LinkClogged
            | Fault::LinkOneWay => rate.div_ceil(4),
            // Few worlds have a disk.
            Fault::BitFlipped => (rate * 4).min(1_000),
            _ => rate,
        }
    }
}

/// How often each fault fired and each thing happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Faults, by their place in the catalogue.
    pub faults: Vec<u64>,
    /// Everything else worth counting, by name.
    pub events: BTreeMap<&'static str, u64>,
    /// Kernel steps.
    pub steps: u64,
}

impl Tally {
    /// One fault fired.
    pub fn fired(&mut self, fault: Fault) {
        self.faults.resize(Fault::ALL.len(), 0);
        self.faults[fault as usize] += 1;
    }

    /// One thing happened.
    pub fn happened(&mut self, what: &'static str) {
        *self.events.entry(what).or_default() += 1;
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: &Tally) {
        self.faults.resize(Fault::ALL.len(), 0);
        for (mine, theirs) in self.faults.iter_mut().zip(&other.faults) {
            *mine += theirs;
        }
        for (name, count) in &other.events {
            *self.events.entry(name).or_default() += count;
        }
        self.steps += other.steps;
    }
}
