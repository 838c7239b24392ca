//! What follows from a failure: whose fault it is, whether to try again, what to do next.

use super::Failure;
use kernel::FailureKind;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The agent's: only these count in its record and its breakers.
    Agent,
    /// Of whoever asked: the input, or the code that asks.
    Asker,
    /// Of a task below, which says itself whose.
    Below,
    /// Nobody's: a limit that was set stood in the way.
    Limit,
    /// Of whoever set the team up: it says what to add, and where.
    Operator,
    /// Of the process or the machine below.
    Orchestrator,
}

impl Failure {
    /// Whether another attempt may go better. An attempt that fails so is followed by another,
    /// within the limits of its task.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    /// Whose fault it is. The agent's are those of [`FailureKind::is_agents_fault`].
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self.kind {
            FailureKind::Error
            | FailureKind::Panic
            | FailureKind::Crash
            | FailureKind::Timeout
            | FailureKind::LeaseExpired
            | FailureKind::Overloaded
            | FailureKind::Garbage => Fault::Agent,
            FailureKind::Child => Fault::Below,
            FailureKind::Rejected | FailureKind::Drift => Fault::Asker,
            FailureKind::Deadline
            | FailureKind::OverBudget
            | FailureKind::Shed
            | FailureKind::Limit => Fault::Limit,
            FailureKind::Setup => Fault::Operator,
            FailureKind::Unknown | FailureKind::Lost => Fault::Orchestrator,
        }
    }

    /// What to do next, in words for people.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self.kind {
            FailureKind::Error => "look at what the agent says; it may pass by itself",
            FailureKind::Panic => "mend the agent's code; the message says where it panicked",
            FailureKind::Crash => "see `majordomo agents` for how often it died, and its own log",
            FailureKind::Timeout => "give it more time, or smaller work",
            FailureKind::LeaseExpired => "the agent gave no sign of life: see `majordomo health`",
            FailureKind::Garbage => "the agent does not keep to the form that it promised",
            FailureKind::Child => "a task below ended so: see `majordomo show` for its attempts",
            FailureKind::Rejected => "ask otherwise: the same input is refused again",
            FailureKind::Drift => "undo the change to the code, or name the new step otherwise",
            FailureKind::Overloaded => "ask again later, or let more agents serve it",
            FailureKind::Shed => "more urgent work came: ask again later, or in a higher class",
            FailureKind::Deadline => "give it more time, or let more agents serve it",
            FailureKind::OverBudget => "raise what the message names, or ask for less",
            FailureKind::Limit => "raise the limit in `[limits]`, or ask for less",
            FailureKind::Setup => "add what the message names, and ask again",
            FailureKind::Unknown => "look at the other side, then release or discard the task",
            FailureKind::Lost => "start again: what was accepted goes on by itself",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_counts_against_an_agent_is_its_fault_and_nothing_else() {
        let table = include_str!("../../../kernel/tests/tables/faults.txt");
        let mut agents = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split_whitespace().next().expect("a kind of failure");
            let kind: FailureKind = serde_json::from_value(json!(name)).expect("a kind of failure");
            let fault = Failure::new(kind, "it happened").fault();
            assert_eq!(fault == Fault::Agent, kind.is_agents_fault(), "{name}: {fault:?}");
            agents += usize::from(fault == Fault::Agent);
        }
        assert_eq!(agents, 7, "the whole table was read");
    }
    #[test]
    fn the_guide_has_the_same_table() {
        let table = include_str!("../../../kernel/tests/tables/faults.txt");
        let guide = include_str!("../../../../docs/guide/failure.md");
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [kind, again, whose] = words[..] else { panic!("{line}") };
            let row = guide.lines().find(|it| it.starts_with(&format!("| `{kind}` |")));
            let row = row.unwrap_or_else(|| panic!("the guide has no {kind}"));
            assert!(row.ends_with(&format!("| {again} | {whose} |")), "{line}: {row}");
        }
    }
}
