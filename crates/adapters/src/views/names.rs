//! The words of the kernel as the views spell them.

use kernel::{
    Came, Class, FailureKind, Loss, Missed, NoBid, Outcome, Overlap, Presence, Reason, Text, Tier,
    Tripped, Versions,
};

pub(super) fn class(class: Class) -> &'static str {
    match class {
        Class::Critical => "critical",
        Class::High => "high",
        Class::Normal => "normal",
        Class::Low => "low",
        Class::Background => "background",
    }
}

pub(super) fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Error => "error",
        FailureKind::Rejected => "rejected",
        FailureKind::Panic => "panic",
        FailureKind::Crash => "crash",
        FailureKind::Timeout => "timeout",
        FailureKind::LeaseExpired => "lease_expired",
        FailureKind::Overloaded => "overloaded",
        FailureKind::Garbage => "garbage",
        FailureKind::Deadline => "deadline",
        FailureKind::OverBudget => "over_budget",
        FailureKind::Drift => "drift",
        FailureKind::Unknown => "unknown",
        FailureKind::Limit => "limit",
        FailureKind::Child => "child",
        FailureKind::Shed => "shed",
        FailureKind::Setup => "setup",
        FailureKind::Lost => "lost",
    }
}

pub(super) fn loss(cause: Loss) -> &'static str {
    match cause {
        Loss::RuntimeEnded => "runtime_ended",
        Loss::HandedBack => "handed_back",
        Loss::AgentLeft => "agent_left",
        Loss::AgentRestarted => "agent_restarted",
        Loss::Preempted { .. } => "preempted",
    }
}

/// For whom an attempt was stopped.
pub(super) fn beneficiary(cause: Loss) -> Option<String> {
    match cause {
        Loss::Preempted { by } => Some(format!("to make room for task {by}")),
        Loss::RuntimeEnded | Loss::HandedBack | Loss::AgentLeft | Loss::AgentRestarted => None,
    }
}

pub(super) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Only => "only",
        Reason::Wished => "wished",
        Reason::KeptBack => "kept_back",
        Reason::RoomMade => "room_made",
        Reason::Preferred => "preferred",
        Reason::LeastLoaded => "least_loaded",
        Reason::LongestIdle => "longest_idle",
        Reason::AnotherThanLast => "another_than_last",
        Reason::Addressed => "addressed",
        Reason::TwoDrawn => "two_drawn",
        Reason::BestRecord => "best_record",
        Reason::Explored => "explored",
        Reason::OwnsKey => "owns_key",
        Reason::NextForKey => "next_for_key",
        Reason::Advised => "advised",
        Reason::BestBid => "best_bid",
    }
}

pub(super) fn no_bid(why: NoBid) -> &'static str {
    match why {
        NoBid::Late => "late",
        NoBid::Declined => "declined",
        NoBid::Malformed => "malformed",
        NoBid::Failed => "failed",
        NoBid::OverBudget => "over_budget",
        NoBid::HadIt => "had_it",
        NoBid::Busy => "busy",
        NoBid::Unfit => "unfit",
    }
}

pub(super) fn tripped(why: Tripped) -> &'static str {
    match why {
        Tripped::Failed => "failed",
        Tripped::Slow => "slow",
        Tripped::Probe => "probe",
    }
}

/// What counts restarts.
pub(super) fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Agent => "agent",
        Tier::Group => "group",
        Tier::Root => "root",
    }
}

pub(super) fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Active => "active",
        Presence::Paused => "paused",
        Presence::Draining => "draining",
        Presence::Left => "left",
    }
}

/// Whether an agent of that presence gets work, or finishes what it has.
pub(super) fn is_active(presence: &str) -> bool {
    matches!(presence, "active" | "draining")
}

/// The life of an agent that runs, as far as anybody knows.
pub(super) const UP: &str = "up";

pub(super) fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Completed(_) => "completed",
        Outcome::Failed(_) => "failed",
        Outcome::Cancelled(_) => "cancelled",
        Outcome::Dead(_) => "dead",
    }
}

pub(super) fn came(came: &Came) -> &'static str {
    match came {
        Came::Task(_) => "task",
        Came::Waits => "waits",
        Came::Missed => "missed",
        Came::Overlap(_) => "overlap",
        Came::Refused(_) => "refused",
    }
}

pub(super) fn missed(missed: Missed) -> &'static str {
    match missed {
        Missed::Skip => "skip",
        Missed::Once => "once",
        Missed::All => "all",
    }
}

pub(super) fn overlap(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Allow => "allow",
        Overlap::Skip => "skip",
        Overlap::QueueOne => "queue_one",
        Overlap::CancelPrevious => "cancel_previous",
    }
}

/// What is said of an outcome that is no success.
pub(super) fn complaint(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Completed(_) => None,
        Outcome::Failed(failure) | Outcome::Dead(failure) => Some(&failure.message),
        Outcome::Cancelled(reason) => Some(reason),
    }
}

/// Whether an attempt took too long: it worked too long, or was silent for too long.
pub(super) fn is_out_of_time(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Timeout | FailureKind::LeaseExpired)
}

/// `None` where every version will do.
pub(super) fn versions(versions: Versions) -> Option<String> {
    match versions {
        Versions::ANY => None,
        Versions { min, max } if min == max => Some(min.to_string()),
        Versions { min, max: u32::MAX } => Some(format!("{min}-")),
        Versions { min, max } => Some(format!("{min}-{max}")),
    }
}

/// The label that says which model an agent thinks with; empty where it says none.
pub(super) fn model(labels: &kernel::Labels) -> Text {
    match labels.get("model") {
        Some(kernel::Label::Text(model)) => model.clone(),
        Some(kernel::Label::Flag(_) | kernel::Label::Integer(_)) | None => Text::default(),
    }
}
