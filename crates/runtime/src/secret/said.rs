//! What goes to the kernel, without known values: the one door to the journal.
//!
//! Payloads are clean when they come here, see `Live::store` and what asks. This is for the words
//! beside them, and it names every command, so that a new one cannot be forgotten.

use super::Redactor;
use kernel::{Command, Exit, Failure, Outcome, Report, Submit, Text, TopicCommand};
use std::borrow::Cow;

impl Redactor {
    /// The command, with marks where values stood.
    pub(crate) fn command(&self, command: &mut Command) {
        if !self.is_any() {
            return;
        }
        match command {
            Command::Report(_, report) => self.report(report),
            Command::Cancel { reason, .. } => self.words(reason),
            Command::Exited(exited) => match &mut exited.reason {
                Exit::Abnormal(why) => self.words(why),
                Exit::Normal | Exit::Shutdown => {}
            },
            Command::Advice { ranking, words, .. } => {
                ranking.iter_mut().for_each(|name| self.words(name));
                self.words(words);
            }
            Command::Topic(_, TopicCommand::Publish(publish)) => self.maybe(&mut publish.key),
            Command::Topic(_, TopicCommand::Nack { reason, .. }) => self.words(reason),
            Command::Reckoned { next: Err(why), .. } => self.words(why),
            // From whoever holds the team, who says what they mean; inputs are looked at before.
            Command::Begin(_)
            | Command::Submit(_)
            | Command::Consult { .. }
            | Command::Migrate { .. }
            | Command::Release { .. }
            | Command::Discard(_)
            | Command::Configure { .. }
            | Command::Join(_)
            | Command::Leave(_)
            | Command::Pause(_)
            | Command::Unpause(_)
            | Command::Resize { .. }
            | Command::DrainAgent(_)
            | Command::Breaker { .. }
            | Command::Schedule(_)
            | Command::Unschedule(_)
            | Command::PauseSchedule(_)
            | Command::ResumeSchedule(_)
            | Command::Reckoned { next: Ok(_), .. }
            | Command::Topic(..)
            | Command::WallClock { .. }
            | Command::Started(..)
            | Command::Suspect(..)
            | Command::Trust(..)
            | Command::Restart(_)
            | Command::Drain
            | Command::Tick => {}
        }
    }

    fn report(&self, report: &mut Report) {
        match report {
            Report::Failed(failure) => self.failure(failure),
            Report::Ask { step, submit } => {
                self.words(step);
                let Submit { key, affinity, to, .. } = &mut **submit;
                [key, affinity, to].into_iter().for_each(|it| self.maybe(it));
            }
            Report::Once { step, .. } | Report::Sleep { step, .. } => self.words(step),
            Report::OnceDone { step, outcome } => {
                self.words(step);
                match outcome {
                    Outcome::Failed(failure) | Outcome::Dead(failure) => self.failure(failure),
                    Outcome::Cancelled(reason) => self.words(reason),
                    Outcome::Completed(_) => {}
                }
            }
            Report::Publish { publish, .. } => self.maybe(&mut publish.key),
            Report::Started
            | Report::Completed(_)
            | Report::Bid { .. }
            | Report::HandedBack
            | Report::Ended
            | Report::EndedLate
            | Report::Wait { .. }
            | Report::Spent(_)
            | Report::SpentOn(..) => {}
        }
    }

    fn failure(&self, failure: &mut Failure) {
        self.words(&mut failure.message);
    }

    fn words(&self, text: &mut Text) {
        if let Cow::Owned(hidden) = self.text(text) {
            *text = hidden.into();
        }
    }

    fn maybe(&self, text: &mut Option<Text>) {
        text.iter_mut().for_each(|text| self.words(text));
    }
}
