//! The same work by ractor: its mailboxes have no bound, so nobody ever waits for room.

use crate::bus::{ASKED, FANNED, Finding, SUBSCRIBERS, Side, TOLD, all, finding, per_s};
use crate::fleet::{Alive, Fleet, runtime};
use crate::restart::{PANICS, Restart, rise, stumble};
use anyhow::{Result, anyhow, ensure};
use ractor::{
    Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent, rpc::CallResult,
};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;

pub(crate) fn side() -> Side {
    Side {
        name: "ractor",
        tell: || Box::pin(tell()),
        ask: |at_once| Box::pin(ask(at_once)),
        fan: || Box::pin(fan()),
    }
}

/// Hears so many findings and says when it has.
struct Listener;

impl Actor for Listener {
    type Msg = Arc<Finding>;
    type State = (u64, Sender<()>);
    type Arguments = (u64, Sender<()>);

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        state: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        _: Self::Msg,
        (left, done): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        *left -= 1;
        if *left == 0 {
            done.send(()).await?;
        }
        Ok(())
    }
}

struct Counter;

struct Question(u64, RpcReplyPort<u64>);

impl Actor for Counter {
    type Msg = Question;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Question>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Question>,
        Question(number, answer): Question,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(answer.send(number + 1)?)
    }
}

async fn tell() -> Result<f64> {
    let (done, mut heard) = mpsc::channel(SUBSCRIBERS);
    let (actor, task) = Actor::spawn(None, Listener, (TOLD, done)).await?;
    let sender = actor.clone();
    let begun = Instant::now();
    let sending = tokio::spawn(async move {
        let value = Arc::new(finding(1));
        for _ in 0..TOLD {
            sender.cast(value.clone())?;
        }
        Ok::<_, anyhow::Error>(())
    });
    ensure!(heard.recv().await.is_some(), "the listener died");
    let speed = per_s(TOLD, begun);
    sending.await??;
    actor.stop(None);
    task.await?;
    Ok(speed)
}

async fn ask(at_once: u64) -> Result<f64> {
    let (actor, task) = Actor::spawn(None, Counter, ()).await?;
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..at_once {
        let actor = actor.clone();
        asking.spawn(async move {
            for number in 0..ASKED / at_once {
                let answer = actor.call(|port| Question(number, port), None).await?;
                let CallResult::Success(answer) = answer else {
                    return Err(anyhow!("no answer"));
                };
                ensure!(answer == number + 1, "a wrong answer");
            }
            Ok(())
        });
    }
    all(asking).await?;
    let speed = per_s(ASKED, begun);
    actor.stop(None);
    task.await?;
    Ok(speed)
}

async fn fan() -> Result<f64> {
    let (done, mut heard) = mpsc::channel(SUBSCRIBERS);
    let mut actors = Vec::new();
    let mut tasks = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let (actor, task) = Actor::spawn(None, Listener, (FANNED, done.clone())).await?;
        actors.push(actor);
        tasks.push(task);
    }
    let begun = Instant::now();
    let value = Arc::new(finding(1));
    for _ in 0..FANNED {
        for actor in &actors {
            actor.cast(value.clone())?;
        }
        tokio::task::yield_now().await;
    }
    for _ in 0..SUBSCRIBERS {
        ensure!(heard.recv().await.is_some(), "a listener died");
    }
    let speed = per_s(FANNED * SUBSCRIBERS as u64, begun);
    for (actor, task) in actors.into_iter().zip(tasks) {
        actor.stop(None);
        task.await?;
    }
    Ok(speed)
}

pub(crate) fn fleet() -> Fleet {
    Fleet { name: "ractor", come }
}

fn come(count: u32) -> Result<Alive> {
    let tokio = runtime()?;
    let actors = tokio.block_on(async {
        let mut actors = Vec::new();
        for _ in 0..count {
            actors.push(Actor::spawn(None, Counter, ()).await?.0);
        }
        anyhow::Ok(actors)
    })?;
    Ok(Box::new((tokio, actors)))
}

pub(crate) fn restart() -> Restart {
    Restart { name: "ractor", panics: || Box::pin(panics()) }
}

/// Panics when it is told to, and says when another has come in its place.
struct Unsteady;

impl Actor for Unsteady {
    type Msg = ();
    type State = ();
    type Arguments = Sender<ActorRef<()>>;

    async fn pre_start(
        &self,
        own: ActorRef<()>,
        risen: Self::Arguments,
    ) -> Result<(), ActorProcessingErr> {
        rise();
        Ok(risen.send(own).await?)
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        stumble()
    }
}

/// Starts another in the place of one that has failed.
struct Supervisor;

impl Actor for Supervisor {
    type Msg = ();
    type State = Sender<ActorRef<()>>;
    type Arguments = Sender<ActorRef<()>>;

    async fn pre_start(
        &self,
        own: ActorRef<()>,
        risen: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Actor::spawn_linked(None, Unsteady, risen.clone(), own.get_cell()).await?;
        Ok(risen)
    }

    async fn handle_supervisor_evt(
        &self,
        own: ActorRef<()>,
        event: SupervisionEvent,
        risen: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(..) = event {
            Actor::spawn_linked(None, Unsteady, risen.clone(), own.get_cell()).await?;
        }
        Ok(())
    }
}

async fn panics() -> Result<()> {
    let (risen, mut rising) = mpsc::channel(1);
    let (supervisor, task) = Actor::spawn(None, Supervisor, risen).await?;
    for _ in 0..PANICS {
        rising.recv().await.ok_or_else(|| anyhow!("nobody came"))?.cast(())?;
    }
    ensure!(rising.recv().await.is_some(), "nobody came after the last");
    supervisor.stop(None);
    Ok(task.await?)
}
