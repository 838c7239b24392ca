//! Planted bugs: run-time switches by which the simulator proves that its checks have teeth.
//!
//! Without the feature `mutants` every question here is the constant `false`.

/// A bug that a checker must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // The name of each is what goes wrong.
pub enum Mutant {
    AcceptAnyToken,
    TokenReusedAfterReplay,
    TimeNotJournaled,
    IdempotencyDropped,
    ApplyWithoutRecord,
    RecordWithoutApply,
    ExpireForgotten,
    RetryCapIgnored,
    BackoffWithoutJitter,
    BudgetNeverDebited,
    ChildBudgetLargerThanParents,
    CapabilityWidened,
    FairQueueStrict,
    QueueBoundOffByOne,
    DrainLosesRunningWork,
    WakeForgotten,
    OrphansForgotten,
    StepRunsTwice,
    SlotsIgnored,
    ResumeForgotten,
    RetryBudgetIgnored,
    DeadReleasedTwice,
    OnceRepeatedUnasked,
    QueueQuotaIgnored,
    BreakerIgnoresMinimum,
    HalfOpenLetsAllThrough,
    EjectEveryone,
    BreakerNeverCloses,
    TasksFaultCountsAsAgents,
    OneTaskOpensBreaker,
    ScheduleFiresTwice,
    MissedTickForgotten,
    LoopUnnoticed,
    WorkingQuotaIgnored,
    HeavyStarves,
    WeightIgnored,
    ConstraintIgnored,
    RestartWindowNeverSlides,
    OneForAllRestartsOne,
    RestForOneWrongSide,
    EscalationForgotten,
    TemporaryRestarted,
    SuspectedGetsWork,
    SleepCharges,
    AdviceUnchecked,
    AdviceTakenLate,
    StickyIgnoresKey,
    ExploresNever,
    MarketIgnoresRecord,
    LateBidTaken,
    PriceNotSetAside,
    FailedBidderAgain,
    BidOverBudgetTaken,
    PreemptionForgotten,
    PreemptsUnasked,
    PreemptsForEver,
    PreemptionCharges,
    PreemptedWorksOn,
    PreemptedLosesPlace,
    RepeatUnnoticed,
    ShedsUnasked,
    ShedsMoreUrgent,
    ShedsChildren,
    ShedForgotten,
    AckOfTheWrongRun,
    SilentNotPutBack,
    NackTimeForgotten,
    DeliveryCountLost,
    SequenceOfWhatIsKept,
    AcceptAnyDelivery,
    TopicBytesUnbounded,
    DropsUncounted,
    CeilingForgottenAtStart,
    CeilingSeesRootsOnly,
    YesterdayCounts,
}

impl Mutant {
    /// Every planted bug of the kernel.
    pub const ALL: [Mutant; 75] = [
        Mutant::AcceptAnyToken,
        Mutant::TokenReusedAfterReplay,
        Mutant::TimeNotJournaled,
        Mutant::IdempotencyDropped,
        Mutant::ApplyWithoutRecord,
        Mutant::RecordWithoutApply,
        Mutant::ExpireForgotten,
        Mutant::RetryCapIgnored,
        Mutant::BackoffWithoutJitter,
        Mutant::BudgetNeverDebited,
        Mutant::ChildBudgetLargerThanParents,
        Mutant::CapabilityWidened,
        Mutant::FairQueueStrict,
        Mutant::QueueBoundOffByOne,
        Mutant::DrainLosesRunningWork,
        Mutant::WakeForgotten,
        Mutant::OrphansForgotten,
        Mutant::StepRunsTwice,
        Mutant::SlotsIgnored,
        Mutant::ResumeForgotten,
        Mutant::RetryBudgetIgnored,
        Mutant::DeadReleasedTwice,
        Mutant::OnceRepeatedUnasked,
        Mutant::QueueQuotaIgnored,
        Mutant::BreakerIgnoresMinimum,
        Mutant::HalfOpenLetsAllThrough,
        Mutant::EjectEveryone,
        Mutant::BreakerNeverCloses,
        Mutant::TasksFaultCountsAsAgents,
        Mutant::OneTaskOpensBreaker,
        Mutant::ScheduleFiresTwice,
        Mutant::MissedTickForgotten,
        Mutant::LoopUnnoticed,
        Mutant::WorkingQuotaIgnored,
        Mutant::HeavyStarves,
        Mutant::WeightIgnored,
        Mutant::ConstraintIgnored,
        Mutant::RestartWindowNeverSlides,
        Mutant::OneForAllRestartsOne,
        Mutant::RestForOneWrongSide,
        Mutant::EscalationForgotten,
        Mutant::TemporaryRestarted,
        Mutant::SuspectedGetsWork,
        Mutant::SleepCharges,
        Mutant::AdviceUnchecked,
        Mutant::AdviceTakenLate,
        Mutant::StickyIgnoresKey,
        Mutant::ExploresNever,
        Mutant::MarketIgnoresRecord,
        Mutant::LateBidTaken,
        Mutant::PriceNotSetAside,
        Mutant::FailedBidderAgain,
        Mutant::BidOverBudgetTaken,
        Mutant::PreemptionForgotten,
        Mutant::PreemptsUnasked,
        Mutant::PreemptsForEver,
        Mutant::PreemptionCharges,
        Mutant::PreemptedWorksOn,
        Mutant::PreemptedLosesPlace,
        Mutant::RepeatUnnoticed,
        Mutant::ShedsUnasked,
        Mutant::ShedsMoreUrgent,
        Mutant::ShedsChildren,
        Mutant::ShedForgotten,
        Mutant::AckOfTheWrongRun,
        Mutant::SilentNotPutBack,
        Mutant::NackTimeForgotten,
        Mutant::DeliveryCountLost,
        Mutant::SequenceOfWhatIsKept,
        Mutant::AcceptAnyDelivery,
        Mutant::TopicBytesUnbounded,
        Mutant::DropsUncounted,
        Mutant::CeilingForgottenAtStart,
        Mutant::CeilingSeesRootsOnly,
        Mutant::YesterdayCounts,
    ];
}

#[cfg(feature = "mutants")]
mod switch {
    use super::Mutant;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Plants one bug on this thread, or none.
    pub fn plant(mutant: Option<Mutant>) {
        PLANTED.set(mutant);
    }

    /// Whether this bug is planted on this thread.
    pub fn planted(mutant: Mutant) -> bool {
        PLANTED.get() == Some(mutant)
    }
}

#[cfg(feature = "mutants")]
pub use switch::{plant, planted};

/// Whether this bug is planted; without the feature, never.
#[cfg(not(feature = "mutants"))]
#[inline]
#[must_use]
pub const fn planted(_: Mutant) -> bool {
    false
}
