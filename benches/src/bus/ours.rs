//! The bus, as whoever holds a client of it uses it.

use super::{ASKED, FANNED, Finding, ROOM, SUBSCRIBERS, Side, TOLD, all, finding, per_s};
use adapters::bus::local::Local;
use anyhow::{Context as _, Result, ensure};
use runtime::bus::{Access, Call, Client, Identity, Options, Overflow, Topic};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Topics, calls, and a topic with a thousand subscribers.
pub(super) fn side() -> Side {
    Side {
        name: "bus",
        tell: || Box::pin(tell()),
        ask: |at_once| Box::pin(ask(at_once)),
        fan: || Box::pin(fan()),
    }
}

/// A bus of its own, for whoever may do everything.
pub(super) fn client() -> Client {
    let identity = Identity { name: "bench".into(), access: Access::all(), ..Identity::default() };
    Client::new(Arc::new(Local::new()), identity)
}

/// A queue as tokio's: whoever finds it full waits.
fn waiting() -> Options {
    Options::default().queue(ROOM, Overflow::Block { at_most_ms: 60_000 })
}

async fn tell() -> Result<f64> {
    let client = client();
    let topic = Topic::<Finding>::new("bench.findings", 1)?;
    let mut feed = client.subscribe_with(&topic, waiting()).await?;
    let sender = client.clone();
    let begun = Instant::now();
    let sending = tokio::spawn(async move {
        let value = Arc::new(finding(1));
        for _ in 0..TOLD {
            sender.publish(&topic, value.clone()).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    let hearing = tokio::spawn(async move {
        for heard in 0..TOLD {
            feed.next().await.with_context(|| format!("ended after {heard}"))??;
        }
        Ok::<_, anyhow::Error>(())
    });
    sending.await??;
    hearing.await??;
    Ok(per_s(TOLD, begun))
}

async fn ask(at_once: u64) -> Result<f64> {
    let client = client();
    let call = Call::<u64, u64>::new("bench.count", 1)?;
    let mut questions = client.subscribe_with(call.questions(), waiting()).await?;
    let (answerer, answers) = (client.clone(), call.clone());
    let answering = tokio::spawn(async move {
        while let Some(Ok(question)) = questions.next().await {
            let _ = answerer.reply(&answers, &question, *question + 1).await;
        }
    });
    let begun = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..at_once {
        let (client, call) = (client.clone(), call.clone());
        asking.spawn(async move {
            for question in 0..ASKED / at_once {
                let answer = client.request(&call, question, Duration::from_secs(60)).await?;
                ensure!(*answer == question + 1, "a wrong answer");
            }
            Ok(())
        });
    }
    all(asking).await?;
    let speed = per_s(ASKED, begun);
    answering.abort();
    let _ = answering.await; // It was aborted.
    Ok(speed)
}

async fn fan() -> Result<f64> {
    let client = client();
    let topic = Topic::<Finding>::new("bench.fanned", 1)?;
    let mut hearing = JoinSet::new();
    for _ in 0..SUBSCRIBERS {
        let mut feed = client.subscribe_with(&topic, waiting()).await?;
        hearing.spawn(async move {
            for heard in 0..FANNED {
                feed.next().await.with_context(|| format!("ended after {heard}"))??;
            }
            Ok(())
        });
    }
    let begun = Instant::now();
    let value = Arc::new(finding(1));
    for _ in 0..FANNED {
        client.publish(&topic, value.clone()).await?;
        tokio::task::yield_now().await;
    }
    all(hearing).await?;
    Ok(per_s(FANNED * SUBSCRIBERS as u64, begun))
}
