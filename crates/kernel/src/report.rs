//! Every report passes here, and here alone the token is checked.

use crate::kernel::Draft;
use crate::rule::fence::{Standing, standing};
use crate::{Answer, AttemptId, Refusal, Report, Text, task, topic};

/// Hears the holder of a lease; from one that was told to stop, only that it has, and what it cost.
pub(crate) fn report(
    draft: &mut Draft<'_>,
    attempt: AttemptId,
    report: Report,
) -> Result<Answer, Refusal> {
    match (standing(draft, attempt), report) {
        (Standing::Holder | Standing::Stopping, Report::Spent(cost)) => {
            task::spent(draft, attempt, Text::default(), cost)
        }
        (Standing::Holder | Standing::Stopping, Report::SpentOn(on, cost)) => {
            task::spent(draft, attempt, on, cost)
        }
        (Standing::Stopping, Report::Ended) => task::ended(draft, attempt, false),
        (Standing::Stopping, Report::EndedLate) => task::ended(draft, attempt, true),
        (Standing::Stopping | Standing::Stale, _) => Err(Refusal::StaleToken),
        (Standing::Holder, report) => holder(draft, attempt, report),
    }
}

fn holder(draft: &mut Draft<'_>, by: AttemptId, report: Report) -> Result<Answer, Refusal> {
    match report {
        Report::Started => task::started(draft, by),
        Report::Completed(output) => task::completed(draft, by, output),
        Report::Bid { bid, output } => task::bids(draft, by, bid, output),
        Report::Failed(failure) => task::failed(draft, by, failure),
        // Work that ended without being told to, and without a result: it is given back.
        Report::HandedBack | Report::Ended | Report::EndedLate => task::handed_back(draft, by),
        Report::Ask { step, submit } => task::ask(draft, by, step, *submit),
        Report::Once { step, again } => task::once(draft, by, step, again),
        Report::OnceDone { step, outcome } => task::once_done(draft, by, step, outcome),
        Report::Sleep { step, ms } => task::sleep(draft, by, step, ms),
        Report::Wait { seen } => task::wait(draft, by, seen),
        Report::Publish { topic, publish } => topic::publish(draft, topic, *publish, Some(by.task)),
        Report::Spent(cost) => task::spent(draft, by, Text::default(), cost),
        Report::SpentOn(on, cost) => task::spent(draft, by, on, cost),
    }
}
