//! The same work by kameo, with mailboxes of the same bound as everybody's.

use crate::bus::{ASKED, FANNED, Finding, ROOM, SUBSCRIBERS, Side, TOLD, all, finding, per_s};
use crate::fleet::{Alive, Fleet, runtime};
use crate::restart::{PANICS, Restart, rise, stumble};
use anyhow::{Result, anyhow, ensure};
use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::mailbox;
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;

pub(crate) fn side() -> Side {
    Side {
        name: "kameo",
        tell: || Box::pin(tell()),
        ask: |at_once| Box::pin(ask(at_once)),
        fan: || Box::pin(fan()),
    }
}

/// Hears so many findings and says when it has; counts for whoever asks.
struct Listener {
    left: u64,
    done: Sender<()>,
}

struct Question(u64);

impl Actor for Listener {
    type Args = Listener;
    type Error = Infallible;

    async fn on_start(listener: Listener, _: ActorRef<Listener>) -> Result<Listener, Infallible> {
        Ok(listener)
    }
}

impl Message<Arc<Finding>> for Listener {
    type Reply = ();

    async fn handle(&mut self, _: Arc<Finding>, _: &mut Context<Self, ()>) {
        self.left -= 1;
        if self.left == 0 {
            let _ = self.done.send(()).await; // Whoever measures has given up.
        }
    }
}

impl Message<Question> for Listener {
    type Reply = u64;

    async fn handle(&mut self, question: Question, _: &mut Context<Self, u64>) -> u64 {
        question.0 + 1
    }
}

fn listener(left: u64, done: &Sender<()>) -> ActorRef<Listener> {
    let listener = Listener { left, done: done.clone() };
    Listener::spawn_with_mailbox(listener, mailbox::bounded(ROOM))
}

async fn tell() -> Result<f64> {
    let (done, mut heard) = mpsc::channel(SUBSCRIBERS);
    let actor = listener(TOLD, &done);
    let begun = Instant::now();
    let sending = tokio::spawn(async move {
        let value = Arc::new(finding(1));
        for _ in 0..TOLD {
            let told = actor.tell(value.clone()).await;
            told.map_err(|why| anyhow!("{why}"))?;
        }
        Ok::<_, anyhow::Error>(actor)
    });
    ensure!(heard.recv().await.is_some(), "the listener died");
    let speed = per_s(TOLD, begun);
    sending.await??.kill();
    Ok(speed)
}

async fn ask(at_once: u64) -> Result<f64> {
    let (done, _heard) = mpsc::channel(SUBSCRIBERS);
    let actor = listener(1, &done);
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..at_once {
        let actor = actor.clone();
        asking.spawn(async move {
            for number in 0..ASKED / at_once {
                let answer = actor.ask(Question(number)).await;
                let answer = answer.map_err(|why| anyhow!("{why}"))?;
                ensure!(answer == number + 1, "a wrong answer");
            }
            Ok(())
        });
    }
    all(asking).await?;
    let speed = per_s(ASKED, begun);
    actor.kill();
    Ok(speed)
}

async fn fan() -> Result<f64> {
    let (done, mut heard) = mpsc::channel(SUBSCRIBERS);
    let actors: Vec<_> = (0..SUBSCRIBERS).map(|_| listener(FANNED, &done)).collect();
    let begun = Instant::now();
    let value = Arc::new(finding(1));
    for _ in 0..FANNED {
        for actor in &actors {
            let told = actor.tell(value.clone()).await;
            told.map_err(|why| anyhow!("{why}"))?;
        }
        tokio::task::yield_now().await;
    }
    for _ in 0..SUBSCRIBERS {
        ensure!(heard.recv().await.is_some(), "a listener died");
    }
    let speed = per_s(FANNED * SUBSCRIBERS as u64, begun);
    actors.iter().for_each(ActorRef::kill);
    Ok(speed)
}

pub(crate) fn fleet() -> Fleet {
    Fleet { name: "kameo", come }
}

fn come(count: u32) -> Result<Alive> {
    let (tokio, (done, _)) = (runtime()?, mpsc::channel(1));
    let actors: Vec<_> = tokio.block_on(async { (0..count).map(|_| listener(1, &done)).collect() });
    Ok(Box::new((tokio, actors)))
}

pub(crate) fn restart() -> Restart {
    Restart { name: "kameo", panics: || Box::pin(panics()) }
}

/// Panics when it is told to, and says when another has come in its place.
struct Unsteady;

impl Actor for Unsteady {
    type Args = Sender<ActorRef<Unsteady>>;
    type Error = anyhow::Error;

    async fn on_start(risen: Self::Args, own: ActorRef<Unsteady>) -> Result<Unsteady> {
        rise();
        risen.send(own).await?;
        Ok(Unsteady)
    }
}

impl Message<()> for Unsteady {
    type Reply = ();

    async fn handle(&mut self, (): (), _: &mut Context<Self, ()>) {
        stumble()
    }
}

async fn panics() -> Result<()> {
    let (done, _heard) = mpsc::channel(1);
    let (risen, mut rising) = mpsc::channel(1);
    let supervisor = listener(1, &done);
    let _first = Unsteady::supervise(&supervisor, risen)
        .restart_policy(RestartPolicy::Permanent)
        .restart_limit(u32::MAX, Duration::from_secs(1))
        .spawn()
        .await;
    for _ in 0..PANICS {
        let unsteady = rising.recv().await.ok_or_else(|| anyhow!("nobody came"))?;
        unsteady.tell(()).await.map_err(|why| anyhow!("{why}"))?;
    }
    ensure!(rising.recv().await.is_some(), "nobody came after the last");
    supervisor.kill();
    Ok(())
}
