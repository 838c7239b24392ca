//! The durable topics of a team file: there on its terms before anybody of the team is, so that
//! nothing is published before those are there whom it is kept for.
//!
//! A topic that the file has no more stays as it was, with what it keeps: only a person removes it.

use super::{Error, Session};
use crate::team::file::TeamFile;
use crate::team::topic;
use kernel::topic::Place;
use kernel::{Command, Text, TopicCommand};

impl Session {
    /// Those of the definition are as it says. Saying what is so already changes nothing.
    ///
    /// # Errors
    /// There are too many, or something of it is beyond the limits.
    pub(super) async fn set_topics(&self, file: &TeamFile) -> Result<(), Error> {
        for (name, said) in &file.topics {
            self.tell(name, TopicCommand::Set(said.terms())).await?;
            let topics = self.team.topics();
            let known = topics.into_iter().find(|(it, _)| **it == **name).map(|(_, it)| it);
            for (who, subscriber) in &said.subscribers {
                let (terms, who) = (said.served(subscriber), Text::from(who.as_str()));
                let is_known = known.as_ref().is_some_and(|it| it.subscribers.contains_key(&who));
                let what = match is_known {
                    true => TopicCommand::Serve { name: who, terms },
                    false => {
                        let from = match subscriber.from {
                            topic::From::First => Place::First,
                            topic::From::Now => Place::Now,
                        };
                        TopicCommand::Subscribe { name: who, from, terms }
                    }
                };
                self.tell(name, what).await?;
            }
        }
        Ok(())
    }

    async fn tell(&self, topic: &str, what: TopicCommand) -> Result<(), Error> {
        let told = self.team.command(Command::Topic(topic.into(), what)).await;
        told.map(drop).map_err(|why| Error::Topic { name: topic.to_owned(), why: why.message })
    }
}
