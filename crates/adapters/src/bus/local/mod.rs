//! A bus inside one process: every message is a shared pointer, and its sender puts it into queues.
//!
//! There is no thread and no task of its own, so a message is in the queues when publishing has
//! returned, and nothing is held up by somebody else's message. Answers take no detour: a
//! `reply_to` is the number of the question that waits, and a question is noticed to be over when
//! the last copy of its envelope is let go of.

mod questions;
mod routes;
mod trie;

use questions::{Inbox, Questions};
use routes::{Member, Route, Routes};
use runtime::BusBounds;
use runtime::bus::{
    Counts, Envelope, Error, Mailbox, Offer, Options, Parcel, Pattern, Present, Publishing,
    Receipt, Stats, Subject, Subscription,
};
use runtime::port::{BoxFuture, Bus};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A bus for whoever is in this process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Local {
    hub: Arc<Hub>,
}

#[derive(Default)]
struct Hub {
    bounds: BusBounds,
    routes: RwLock<Routes>,
    questions: Arc<Questions>,
    published: AtomicU64,
    nobody: AtomicU64,
    refused: AtomicU64,
    /// What has become of the messages of subscriptions that have ended.
    past: Mutex<Counts>,
}

impl Local {
    /// An empty one.
    #[must_use]
    pub fn new() -> Local {
        Local::default()
    }

    /// One with other bounds.
    #[must_use]
    pub fn within(bounds: BusBounds) -> Local {
        Local { hub: Arc::new(Hub { bounds, ..Hub::default() }) }
    }
}

impl Bus for Local {
    fn publish(&self, envelope: Envelope) -> Publishing<'_> {
        self.hub.publish(envelope)
    }

    fn subscribe(
        &self,
        pattern: &Pattern,
        options: Options,
    ) -> BoxFuture<'_, Result<Subscription, Error>> {
        let pattern = pattern.clone();
        Box::pin(async move { self.hub.subscribe(pattern, options) })
    }

    fn request(
        &self,
        question: Envelope,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<Arc<Envelope>, Error>> {
        Box::pin(self.hub.request(question, deadline))
    }

    fn present(&self, subject: &Subject) -> BoxFuture<'_, Result<Vec<Present>, Error>> {
        let present = self.hub.present(subject);
        Box::pin(std::future::ready(Ok(present)))
    }

    fn stats(&self) -> Stats {
        self.hub.stats()
    }

    fn bounds(&self) -> &BusBounds {
        &self.hub.bounds
    }
}

impl Hub {
    fn publish(self: &Arc<Self>, envelope: Envelope) -> Publishing<'_> {
        if let Err(error) = envelope.check(&self.bounds) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Publishing::done(Err(error));
        }
        if let Some(inbox) = Inbox::of(&envelope.header.subject) {
            let delivered = u32::from(self.questions.answer(inbox, envelope));
            return Publishing::done(Ok(Receipt { delivered, dropped: 0 }));
        }
        let route = self.route(&envelope.header.subject);
        let parcel = Parcel::new(envelope);
        let (mut receipt, mut full) = (Receipt::default(), Vec::new());
        for member in &route.everyone {
            self.offer(member, &parcel, &mut receipt, &mut full);
        }
        for group in &route.groups {
            // Who has room goes first; who has gone is passed over.
            let members = group.in_turn();
            let able = members.clone().filter(|it| it.mailbox.has_room(&parcel));
            let _ = able
                .chain(members)
                .any(|member| self.offer(member, &parcel, &mut receipt, &mut full));
        }
        if full.is_empty() {
            return Publishing::done(Ok(self.count(receipt)));
        }
        let waiting = self.wait(parcel, receipt, full, Instant::now());
        Publishing::Waiting(Box::pin(waiting))
    }

    /// Puts it into one queue; who is full and lets publishers wait goes to `full`. False if nobody
    /// receives there any more.
    fn offer(
        self: &Arc<Self>,
        member: &Member,
        parcel: &Parcel,
        receipt: &mut Receipt,
        full: &mut Vec<Member>,
    ) -> bool {
        match member.mailbox.offer(parcel) {
            Offer::Full => full.push(member.clone()),
            answer => {
                self.tally(member, answer, receipt);
                return answer != Offer::Gone;
            }
        }
        true
    }

    fn tally(&self, member: &Member, answer: Offer, receipt: &mut Receipt) {
        let counts = !member.mailbox.options().silent;
        match answer {
            Offer::Taken if counts => receipt.count(true),
            Offer::Dropped if counts => receipt.count(false),
            Offer::Taken | Offer::Dropped | Offer::Full | Offer::Gone => {}
        }
        if matches!(answer, Offer::Dropped | Offer::Gone) && member.mailbox.is_closed() {
            self.routes.write().unwrap_or_else(PoisonError::into_inner).close(member.id);
        }
    }

    /// Waits for all who let publishers wait, at once.
    async fn wait(
        self: &Arc<Self>,
        parcel: Parcel,
        mut receipt: Receipt,
        full: Vec<Member>,
        since: Instant,
    ) -> Result<Receipt, Error> {
        let offers = full.iter().map(|member| member.mailbox.wait(&parcel, since));
        let offers = all(offers.collect()).await;
        for (member, answer) in full.iter().zip(offers) {
            self.tally(member, answer, &mut receipt);
        }
        Ok(self.count(receipt))
    }

    fn count(&self, receipt: Receipt) -> Receipt {
        self.published.fetch_add(1, Ordering::Relaxed);
        if receipt.is_nobody() {
            self.nobody.fetch_add(1, Ordering::Relaxed);
        }
        receipt
    }

    fn route(&self, subject: &Subject) -> Arc<Route> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.remembered(subject) {
            return route;
        }
        drop(routes);
        self.routes.write().unwrap_or_else(PoisonError::into_inner).look_up(subject)
    }

    fn subscribe(
        self: &Arc<Self>,
        pattern: Pattern,
        options: Options,
    ) -> Result<Subscription, Error> {
        options.check(&self.bounds)?;
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let max = self.bounds.subscriptions_max;
        if routes.len() >= max {
            return Err(Error::TooMany { what: "subscriptions", max });
        }
        let mailbox = Mailbox::new(pattern, options);
        let id = routes.add(mailbox.clone());
        drop(routes);
        let hub = Arc::downgrade(self);
        Ok(Subscription::new(mailbox, move || {
            if let Some(hub) = hub.upgrade() {
                hub.leave(id);
            }
        }))
    }

    /// Its owner has let go of a subscription: what it has counted is final.
    fn leave(&self, id: u64) {
        let gone = self.routes.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some(mailbox) = gone {
            self.past.lock().unwrap_or_else(PoisonError::into_inner).add(mailbox.counts());
        }
    }

    async fn request(
        self: &Arc<Self>,
        mut question: Envelope,
        deadline: Duration,
    ) -> Result<Arc<Envelope>, Error> {
        let subject = question.header.subject.clone();
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        let late = || Error::Deadline { subject: subject.clone(), deadline_ms };
        let Some(until) = Instant::now().checked_add(deadline) else {
            return Err(Error::BadOptions { what: "a deadline beyond all clocks".into() });
        };
        let asked = self.questions.ask(&mut question, self.bounds.questions_max)?;
        // Nobody shall begin with what nobody waits for any more.
        let ttl_ms = question.header.ttl_ms.unwrap_or(u64::MAX);
        question.header.ttl_ms = Some(ttl_ms.min(deadline_ms));
        let receipt = match self.publish(question) {
            done @ Publishing::Done(_) => done.await?, // Mostly, and it needs no clock.
            waiting => timeout_at(until, waiting).await.map_err(|_| late())??,
        };
        match receipt {
            _ if receipt.is_nobody() => Err(Error::NoResponders { subject }),
            Receipt { delivered: 0, .. } => Err(Error::Undelivered { subject }),
            _ => match timeout_at(until, asked).await {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) if Instant::now() >= until => Err(late()),
                Ok(None) => Err(Error::Unanswered { subject }),
                Err(_) => Err(late()),
            },
        }
    }

    fn present(&self, subject: &Subject) -> Vec<Present> {
        let route = self.route(subject);
        let grouped = route.groups.iter().flat_map(|it| &it.members);
        let members = route.everyone.iter().chain(grouped).map(|it| &it.mailbox);
        let there = members.filter(|it| !it.is_closed() && !it.options().silent);
        let present = there.map(|mailbox| Present {
            name: mailbox.options().name.clone(),
            pattern: mailbox.pattern().clone(),
            group: mailbox.options().group.clone(),
        });
        present.collect()
    }

    fn stats(&self) -> Stats {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let subscriptions: Vec<_> = routes.mailboxes().map(|it| it.describe()).collect();
        let mut total = *self.past.lock().unwrap_or_else(PoisonError::into_inner);
        drop(routes);
        subscriptions.iter().for_each(|it| total.add(it.counts));
        Stats {
            published: self.published.load(Ordering::Relaxed),
            nobody: self.nobody.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            asking: self.questions.open(),
            total,
            subscriptions,
        }
    }
}

/// Polls all until each is done.
async fn all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(|it| (Box::pin(it), None)).collect();
    poll_fn(|cx| {
        let mut is_done = true;
        for (future, output) in futures.iter_mut().filter(|(_, output)| output.is_none()) {
            match Pin::new(future).poll(cx) {
                Poll::Ready(done) => *output = Some(done),
                Poll::Pending => is_done = false,
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, output)| output).collect()
}
