//! The least: tokio's own channels, one made for each purpose.

use super::{ASKED, FANNED, Finding, ROOM, SUBSCRIBERS, Side, TOLD, all, finding, per_s};
use anyhow::{Result, ensure};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;

/// `mpsc`, `mpsc` with `oneshot`, and `broadcast`.
pub(super) fn side() -> Side {
    Side {
        name: "tokio",
        tell: || Box::pin(tell()),
        ask: |at_once| Box::pin(ask(at_once)),
        fan: || Box::pin(fan()),
    }
}

async fn tell() -> Result<f64> {
    let (sender, mut receiver) = mpsc::channel(ROOM);
    let begun = Instant::now();
    let sending = tokio::spawn(async move {
        let value = Arc::new(finding(1));
        for _ in 0..TOLD {
            sender.send(value.clone()).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    let hearing = tokio::spawn(async move {
        let mut heard = 0;
        while receiver.recv().await.is_some() {
            heard += 1;
        }
        heard
    });
    sending.await??;
    let heard = hearing.await?;
    ensure!(heard == TOLD, "{heard} of {TOLD} were heard");
    Ok(per_s(heard, begun))
}

async fn ask(at_once: u64) -> Result<f64> {
    let (sender, mut receiver) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(ROOM);
    let answering = tokio::spawn(async move {
        while let Some((question, answer)) = receiver.recv().await {
            let _ = answer.send(question + 1); // Whoever asked may have gone.
        }
    });
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..at_once {
        let sender = sender.clone();
        asking.spawn(async move {
            for question in 0..ASKED / at_once {
                let (answer, coming) = oneshot::channel();
                sender.send((question, answer)).await?;
                ensure!(coming.await? == question + 1, "a wrong answer");
            }
            Ok(())
        });
    }
    drop(sender);
    all(asking).await?;
    let speed = per_s(ASKED, begun);
    answering.await?;
    Ok(speed)
}

async fn fan() -> Result<f64> {
    let (sender, _) = broadcast::channel(ROOM);
    let mut hearing = JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        let mut receiver: broadcast::Receiver<Arc<Finding>> = sender.subscribe();
        hearing.spawn(async move {
            for _ in 0..FANNED {
                receiver.recv().await?;
            }
            Ok(())
        });
    }
    let begun = Instant::now();
    let value = Arc::new(finding(1));
    for _ in 0..FANNED {
        sender.send(value.clone())?;
        tokio::task::yield_now().await;
    }
    all(hearing).await?;
    Ok(per_s(FANNED * SUBSCRIBERS as u64, begun))
}
