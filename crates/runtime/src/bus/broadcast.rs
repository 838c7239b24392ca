//! Broadcasts: what is said to everybody of a team, or to everybody there who has a role.

use super::{Client, Error, Feed, Message, Options, Publishing, Subject, Subscription, Topic};
use kernel::Text;

impl Client {
    /// The role of whoever speaks here, if they have one.
    #[must_use]
    pub fn role(&self) -> Option<&Text> {
        self.identity.role.as_ref()
    }

    /// Says it to everybody of the team who listens to broadcasts, as version 1 of its schema, and
    /// tells whether anybody did. Whoever says it hears it too, if they listen.
    pub fn broadcast<T: Message>(&self, value: T) -> Publishing<'_> {
        match self.team().everybody() {
            Ok(everybody) => self.say(everybody, value),
            Err(why) => Publishing::done(Err(why.into())),
        }
    }

    /// The same to everybody of the team who has this role.
    pub fn broadcast_to_role<T: Message>(&self, role: &str, value: T) -> Publishing<'_> {
        match self.team().role(role) {
            Ok(those) => self.say(those, value),
            Err(why) => Publishing::done(Err(why.into())),
        }
    }

    /// Listens to what is said to everybody of the team and to the own role, as one.
    ///
    /// # Errors
    /// It may not listen to one of them, or a bound of the bus is reached.
    pub async fn broadcasts<T: Message>(&self) -> Result<Feed<T>, Error> {
        let topic = Topic::at(self.team().everybody()?, 1);
        let subscription = self.listen_to_broadcasts(Options::default()).await?;
        Ok(Feed::new(subscription, topic))
    }

    /// The same whatever the type, with these options for each of the queues: that of what is said
    /// to everybody, and that of what is said to the role. [`Topic::read`] reads an envelope.
    ///
    /// # Errors
    /// As for [`Client::broadcasts`].
    pub async fn listen_to_broadcasts(&self, options: Options) -> Result<Subscription, Error> {
        let (team, role) = (self.team(), self.role());
        let everybody = (&team.everybody()?).into();
        let role = role.map(|role| team.role(role)).transpose()?;
        let subscription = self.listen(&everybody, options.clone()).await?;
        Ok(match role {
            Some(role) => subscription.and(self.listen(&(&role).into(), options).await?),
            None => subscription,
        })
    }

    fn say<T: Message>(&self, to: Subject, value: T) -> Publishing<'_> {
        self.publish(&Topic::at(to, 1), value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{Body, End, Envelope, Mailbox, Offer, Options, Parcel, Pattern, Schema};
    use std::sync::Arc;

    fn queue(capacity: usize) -> (Arc<Mailbox>, Subscription) {
        let options = Options::default().queue(capacity, crate::bus::Overflow::Disconnect);
        let mailbox = Mailbox::new(Pattern::new("a.>").expect("a pattern"), options);
        (mailbox.clone(), Subscription::new(mailbox, || ()))
    }

    fn offer(mailbox: &Mailbox, word: &str) -> Offer {
        let subject = Subject::new(format!("a.{word}")).expect("a subject");
        let body = Body::of(Arc::new(0_u64), 100).expect("small");
        mailbox.offer(&Parcel::new(Envelope::new(subject, Schema::new("u64", 1), body)))
    }

    async fn next(both: &mut Subscription) -> Option<String> {
        let envelope = both.next().await?;
        Some(envelope.header.subject.as_str().to_owned())
    }

    #[tokio::test]
    async fn two_queues_heard_as_one_take_turns_and_each_keeps_its_order() {
        let ((one, first), (two, second)) = (queue(9), queue(9));
        let mut both = first.and(second);
        for word in ["1", "2", "3"] {
            assert_eq!(offer(&one, word), Offer::Taken);
        }
        assert_eq!(offer(&two, "x"), Offer::Taken);
        let mut heard = Vec::new();
        for _ in 0..4 {
            heard.extend(next(&mut both).await);
        }
        assert_eq!(heard, ["a.x", "a.1", "a.2", "a.3"]);
        both.count_unreadable();
        assert_eq!((one.counts().unreadable, two.counts().unreadable), (1, 0), "of the last");
        assert_eq!((both.counts().received, both.counts().unreadable), (4, 1));
    }

    #[tokio::test]
    async fn where_one_queue_ends_the_other_gives_what_it_has_and_ends_too() {
        for is_first in [true, false] {
            let ((one, first), (two, second)) = (queue(1), queue(1));
            let mut both = if is_first { first.and(second) } else { second.and(first) };
            assert_eq!(offer(&two, "x"), Offer::Taken);
            assert_eq!(offer(&one, "1"), Offer::Taken);
            assert_eq!(offer(&one, "2"), Offer::Dropped);
            assert_eq!(both.end(), Some(End::Overflow));
            let mut heard = [next(&mut both).await, next(&mut both).await];
            heard.sort();
            assert_eq!(heard.map(Option::unwrap), ["a.1", "a.x"]);
            assert_eq!(next(&mut both).await, None);
            assert_eq!((two.is_closed(), offer(&two, "y")), (true, Offer::Gone));
        }
    }

    #[tokio::test]
    async fn both_are_ended_from_elsewhere_and_by_letting_go() {
        let ((one, first), (two, second)) = (queue(1), queue(1));
        let both = first.and(second);
        let closer = both.closer();
        one.close(End::BusEnded);
        assert!(!closer.is_done(), "one is not both");
        closer.close(End::AttemptEnded);
        assert!(closer.is_done() && two.is_closed());
        let ((one, first), (two, second)) = (queue(1), queue(1));
        drop(first.and(second));
        assert!(one.is_closed() && two.is_closed());
    }
}
