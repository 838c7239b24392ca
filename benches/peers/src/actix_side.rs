//! The same work by actix: its actors live on a thread of their own, and who tells without waiting
//! for an answer is not held by the bound of a mailbox.

use crate::bus::{ASKED, FANNED, Finding, ROOM, SUBSCRIBERS, Side, TOLD, all, finding, per_s};
use crate::fleet::{Alive, Fleet};
use actix::{Actor, Addr, Arbiter, ArbiterHandle, Context, Handler, Message, System};
use anyhow::{Context as _, Result, ensure};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;

pub(crate) fn side() -> Side {
    Side {
        name: "actix",
        tell: || Box::pin(tell()),
        ask: |at_once| Box::pin(ask(at_once)),
        fan: || Box::pin(fan()),
    }
}

/// A thread that runs actors, until it is dropped.
struct Home {
    system: System,
    arbiter: ArbiterHandle,
}

impl Home {
    fn new() -> Result<Home> {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runner = System::new();
            let home = (System::current(), Arbiter::current());
            sender.send(home).is_ok().then(|| runner.run())
        });
        let (system, arbiter) = receiver.recv()?;
        Ok(Home { system, arbiter })
    }

    fn listener(&self, left: u64, done: &Sender<()>) -> Addr<Listener> {
        let done = done.clone();
        Listener::start_in_arbiter(&self.arbiter, move |_| Listener { left, done })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.system.stop();
    }
}

/// Hears so many findings and says when it has; counts for whoever asks.
struct Listener {
    left: u64,
    done: Sender<()>,
}

impl Actor for Listener {
    type Context = Context<Listener>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(ROOM);
    }
}

struct Told(Arc<Finding>);

impl Message for Told {
    type Result = ();
}

impl Handler<Told> for Listener {
    type Result = ();

    fn handle(&mut self, Told(_finding): Told, _: &mut Self::Context) {
        self.left -= 1;
        if self.left == 0 {
            let _ = self.done.try_send(()); // Whoever measures has given up.
        }
    }
}

struct Question(u64);

impl Message for Question {
    type Result = u64;
}

impl Handler<Question> for Listener {
    type Result = u64;

    fn handle(&mut self, Question(number): Question, _: &mut Self::Context) -> u64 {
        number + 1
    }
}

async fn tell() -> Result<f64> {
    let home = Home::new()?;
    let (done, mut heard) = mpsc::channel(SUBSCRIBERS);
    let actor = home.listener(TOLD, &done);
    let begun = Instant::now();
    let sending = tokio::spawn(async move {
        let value = Arc::new(finding(1));
        (0..TOLD).for_each(|_| actor.do_send(Told(value.clone())));
        actor
    });
    ensure!(heard.recv().await.is_some(), "the listener died");
    let speed = per_s(TOLD, begun);
    sending.await?;
    Ok(speed)
}

async fn ask(at_once: u64) -> Result<f64> {
    let home = Home::new()?;
    let (done, _heard) = mpsc::channel(SUBSCRIBERS);
    let actor = home.listener(1, &done);
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..at_once {
        let actor = actor.clone();
        asking.spawn(async move {
            for number in 0..ASKED / at_once {
                let answer = actor.send(Question(number)).await?;
                ensure!(answer == number + 1, "a wrong answer");
            }
            Ok(())
        });
    }
    all(asking).await?;
    Ok(per_s(ASKED, begun))
}

async fn fan() -> Result<f64> {
    let home = Home::new()?;
    let (done, mut heard) = mpsc::channel(SUBSCRIBERS);
    let actors: Vec<_> = (0..SUBSCRIBERS).map(|_| home.listener(FANNED, &done)).collect();
    let begun = Instant::now();
    let value = Arc::new(finding(1));
    for _ in 0..FANNED {
        actors.iter().for_each(|actor| actor.do_send(Told(value.clone())));
        tokio::task::yield_now().await;
    }
    for _ in 0..SUBSCRIBERS {
        ensure!(heard.recv().await.is_some(), "a listener died");
    }
    Ok(per_s(FANNED * SUBSCRIBERS as u64, begun))
}

pub(crate) fn fleet() -> Fleet {
    Fleet { name: "actix", come }
}

/// Started when the thread has answered for the last of them, as it starts them in their order.
fn come(count: u32) -> Result<Alive> {
    let (home, (done, _)) = (Home::new()?, mpsc::channel(1));
    let actors: Vec<_> = (0..count).map(|_| home.listener(1, &done)).collect();
    let last = actors.last().context("no actors were asked for")?.clone();
    let answer = crate::fleet::runtime()?.block_on(last.send(Question(0)))?;
    ensure!(answer == 1, "a wrong answer");
    Ok(Box::new((home, actors)))
}
