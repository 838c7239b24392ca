//! Topics: what is kept, and what each subscriber has done with it.

use crate::mutant::{Mutant, planted};
use crate::rule::backoff;
use crate::topic::{Again, DeadMessage, Ended, Flight, Message, Missed, Runs, Subscriber, Topic};
use crate::topic::{TopicEvent, TopicTerms};
use crate::{State, Text, Time, Token};

impl State {
    pub(super) fn topic_event(&mut self, at: Time, topic: &Text, what: &TopicEvent) {
        match what {
            TopicEvent::Set(terms) => self.topic(topic).terms = terms.clone(),
            TopicEvent::Removed => self.topic_removed(topic),
            TopicEvent::Published { seq, message } => self.published(topic, *seq, message),
            TopicEvent::Expired { first, last } => {
                self.message_run_gone(topic, *first, *last, Missed::Expired);
            }
            TopicEvent::Dropped { first, last } => {
                self.message_run_gone(topic, *first, *last, Missed::Dropped);
            }
            TopicEvent::Joined { name, cursor, terms } => {
                let subscriber = Subscriber::at(*cursor, *terms);
                self.topic(topic).subscribers.insert(name.clone(), subscriber);
            }
            TopicEvent::Served { name, terms } => {
                self.reading(topic, name, |_, it| it.terms = *terms);
            }
            TopicEvent::Left { name } => self.subscriber_left(topic, name),
            TopicEvent::Replayed { name, cursor } => {
                self.reading(topic, name, |_, it| it.replay(*cursor));
            }
            TopicEvent::Delivered { name, token, until, runs } => {
                self.facts.token = self.facts.token.max(*token);
                let missed_max = self.limits.topic_missed_max;
                self.reading(topic, name, |_, it| it.delivered(*token, *until, runs, missed_max));
            }
            TopicEvent::Handled { name, token, runs } => {
                self.reading(topic, name, |_, it| it.acked(*token, runs));
            }
            TopicEvent::Returned { name, token, runs, due, why, reason } => {
                self.count_return(*why);
                let why = (*why, reason);
                self.reading(topic, name, |_, it| it.returned(*token, runs, *due, why));
            }
            TopicEvent::Died { name, token, seq, why, reason } => {
                self.count_return(*why);
                let why = (*why, reason);
                self.reading(topic, name, |messages, it| {
                    it.died(at, *token, *seq, messages.get(seq), why);
                });
            }
            TopicEvent::Redelivered { name, seq } => {
                self.reading(topic, name, |_, it| it.redelivered(*seq));
            }
            TopicEvent::Discarded { name, seq } => {
                let missed_max = self.limits.topic_missed_max;
                self.reading(topic, name, |_, it| {
                    it.dead.remove(seq);
                    it.miss((*seq, *seq), Missed::Discarded, missed_max);
                });
            }
        }
    }

    /// A topic, there from now on if it was not.
    fn topic(&mut self, topic: &Text) -> &mut Topic {
        let fresh = || Topic::new(TopicTerms::default());
        self.facts.topics.entry(topic.clone()).or_insert_with(fresh)
    }

    fn published(&mut self, topic: &Text, seq: u64, message: &Message) {
        self.index.topics.link_message(topic, seq, message);
        let found = self.topic(topic);
        found.next = found.next.max(seq + 1);
        found.bytes += u64::from(message.payload.len);
        found.messages.insert(seq, message.clone());
        self.index.topics.look_at_all(topic);
    }

    fn topic_removed(&mut self, topic: &Text) {
        let Some(found) = self.facts.topics.remove(topic) else { return };
        for (seq, message) in &found.messages {
            self.index.topics.unlink_message(topic, *seq, message);
        }
    }

    /// All that is kept of a run goes; whoever had not handled it has missed it.
    fn message_run_gone(&mut self, topic: &Text, first: u64, last: u64, how: Missed) {
        let Some(found) = self.facts.topics.get(topic) else { return };
        let gone: Vec<u64> = found.messages.range(first..=last).map(|(seq, _)| *seq).collect();
        let names: Vec<Text> = found.subscribers.keys().cloned().collect();
        let missed_max = self.limits.topic_missed_max;
        for name in &names {
            self.reading(topic, name, |_, it| {
                gone.iter().for_each(|seq| it.lost_message(*seq, how, missed_max));
            });
        }
        let Some(found) = self.facts.topics.get_mut(topic) else { return };
        for seq in gone {
            if let Some(message) = found.messages.remove(&seq) {
                found.bytes = found.bytes.saturating_sub(u64::from(message.payload.len));
                self.index.topics.unlink_message(topic, seq, &message);
            }
        }
    }

    fn subscriber_left(&mut self, topic: &Text, name: &Text) {
        self.reading(topic, name, |_, it| it.flights.clear());
        self.index.topics.detach(topic, name);
        self.topic(topic).subscribers.remove(name);
    }

    /// Changes one subscriber and keeps the indexes in step with it.
    fn reading(
        &mut self,
        topic: &Text,
        name: &Text,
        change: impl FnOnce(&std::collections::BTreeMap<u64, Message>, &mut Subscriber),
    ) {
        let index = &mut self.index.topics;
        let Some(found) = self.facts.topics.get_mut(topic) else { return };
        let Some(subscriber) = found.subscribers.get_mut(name) else { return };
        let before = subscriber.flights.iter().map(|(token, flight)| (*token, flight.until));
        let before: Vec<(Token, Time)> = before.collect();
        change(&found.messages, subscriber);
        index.relink_flights(topic, name, &before, subscriber);
        index.look_at(topic, name);
    }

    /// What came to nothing has drawn its jitter, as an attempt that failed has.
    fn count_return(&mut self, why: Ended) {
        if why.is_charged() {
            self.facts.seed = backoff::draw(self.facts.seed).1;
        }
    }

    /// A process took over: who was there is there no more.
    pub(super) fn topics_begin_anew(&mut self) {
        self.index.topics.everybody_is_gone();
        if planted(Mutant::DeliveryCountLost) {
            let topics = self.facts.topics.values_mut();
            let readers = topics.flat_map(|it| it.subscribers.values_mut());
            readers.flat_map(|it| it.again.values_mut()).for_each(|it| it.failed = 0);
        }
    }
}

impl Subscriber {
    fn delivered(&mut self, token: Token, until: Time, runs: &Runs, missed_max: u32) {
        for (first, last) in runs.runs() {
            self.pass_over(first, missed_max);
            self.fresh = self.fresh.max(last + 1);
        }
        self.flights.insert(token, Flight { until, pending: runs.clone() });
        self.advance();
    }

    /// What is not there between the last one given and `next` is over: it has expired, even if
    /// that was before this one came.
    fn pass_over(&mut self, next: u64, missed_max: u32) {
        let mut at = self.fresh;
        while at < next {
            let known = self.missed.range(..=at).next_back().filter(|(_, (last, _))| *last >= at);
            let last = match known {
                Some((_, (last, _))) => *last,
                None => {
                    let later = self.missed.range(at..next).next();
                    let last = later.map_or(next, |(first, _)| *first) - 1;
                    self.miss((at, last), Missed::Expired, missed_max);
                    last
                }
            };
            at = last + 1;
        }
        if self.fresh < next {
            self.beyond.insert(self.fresh, next - 1);
        }
    }

    fn acked(&mut self, token: Token, runs: &Runs) {
        for seq in runs.each() {
            self.handled += 1;
            self.settle(token, seq);
        }
        self.advance();
    }

    /// It is no longer in hand, and will not come again.
    fn settle(&mut self, token: Token, seq: u64) {
        self.take_back(token, seq);
        self.again.remove(&seq);
        if seq >= self.cursor {
            self.beyond.insert(seq, seq);
        }
    }

    fn take_back(&mut self, token: Token, seq: u64) {
        if let Some(flight) = self.flights.get_mut(&token) {
            flight.pending.remove(seq);
            if flight.pending.is_empty() {
                self.flights.remove(&token);
            }
        }
    }

    /// The cursor follows what is over.
    fn advance(&mut self) {
        if let Some(last) = self.beyond.take_at(self.cursor) {
            self.cursor = last + 1;
        }
    }

    fn returned(&mut self, token: Token, runs: &Runs, due: Time, (why, reason): (Ended, &Text)) {
        for seq in runs.each() {
            self.take_back(token, seq);
            if why == Ended::Silent && planted(Mutant::SilentNotPutBack) {
                continue;
            }
            let again = self.again.entry(seq).or_default();
            again.count(why, reason);
            again.due = due;
        }
    }

    fn died(
        &mut self,
        at: Time,
        token: Token,
        seq: u64,
        kept: Option<&Message>,
        (why, reason): (Ended, &Text),
    ) {
        let mut again = self.again.remove(&seq).unwrap_or_default();
        again.count(why, reason);
        let Again { lost, reasons, own, .. } = again;
        self.settle(token, seq);
        self.advance();
        if let Some(message) = own.map(|it| *it).or_else(|| kept.cloned()) {
            self.dead.insert(seq, DeadMessage { message, at, reasons, lost });
        }
    }

    fn redelivered(&mut self, seq: u64) {
        if let Some(DeadMessage { message, .. }) = self.dead.remove(&seq) {
            let own = Some(Box::new(message));
            self.again.insert(seq, Again { own, ..Again::default() });
        }
    }

    fn replay(&mut self, cursor: u64) {
        self.flights.clear();
        self.again.clear();
        self.beyond = Runs::default();
        self.dead.retain(|seq, _| *seq < cursor);
        self.missed.retain(|first, _| *first < cursor);
        if let Some(mut run) = self.missed.last_entry() {
            let (last, _) = run.get_mut();
            *last = (*last).min(cursor - 1);
        }
        (self.began, self.cursor, self.fresh) = (cursor, cursor, cursor);
    }

    /// The topic keeps a message no more. A copy of its own it still has.
    fn lost_message(&mut self, seq: u64, how: Missed, missed_max: u32) {
        let has_own = self.again.get(&seq).is_some_and(|it| it.own.is_some());
        if has_own || !self.awaits(seq) {
            return;
        }
        match how {
            Missed::Expired => self.expired += 1,
            Missed::Dropped if planted(Mutant::DropsUncounted) => {}
            Missed::Dropped => self.dropped += 1,
            Missed::Discarded => {}
        }
        self.miss((seq, seq), how, missed_max);
        if seq < self.fresh {
            let token = self.in_flight(seq).unwrap_or_default();
            self.settle(token, seq);
            self.advance();
        }
    }

    /// Remembers that a run of messages was over without being handled.
    fn miss(&mut self, (first, last): (u64, u64), how: Missed, missed_max: u32) {
        let before = self.missed.range_mut(..first).next_back();
        match before {
            Some((_, (end, known))) if *end + 1 == first && *known == how => *end = last,
            Some(_) | None => {
                self.missed.insert(first, (last, how));
            }
        }
        while self.missed.len() as u64 > u64::from(missed_max) {
            self.missed.pop_first();
        }
    }
}

impl Again {
    fn count(&mut self, why: Ended, reason: &Text) {
        match why {
            Ended::Nacked | Ended::Silent => {
                self.failed += 1;
                let reason = if reason.is_empty() { why.words().into() } else { reason.clone() };
                self.reasons.push(reason);
            }
            Ended::RuntimeEnded => self.lost += 1,
            Ended::LetGo => {}
        }
    }
}
