//! The bus inside one process: tell, ask, fan-out, and what an envelope costs as bytes.
//!
//! Beside each stands, measured in turn, the least that tokio's own channels or the encoder alone
//! must do.

use crate::report::Report;
use anyhow::{Context as _, Result, ensure};
use majordomo::Team;
use runtime::BusBounds;
use runtime::bus::{Call, Client, Envelope, Options, Overflow, Topic, wire};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;

/// Rounds of which the one with the median ratio is told.
const ROUNDS: usize = 5;
/// Messages told in one round.
const TOLD: u64 = 300_000;
/// Questions asked in one round.
const ASKED: usize = 50_000;
/// Messages to a thousand, in one round.
const FANNED: u64 = 300;
const SUBSCRIBERS: usize = 1_000;
/// Room in every queue, ours and tokio's.
const ROOM: usize = 1_024;
/// Times an envelope is written and read.
const WRITTEN: u32 = 200_000;

/// What is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Finding {
    file: String,
    rule: String,
    line: u32,
    text: String,
}

fn finding(line: u32) -> Finding {
    let text = "x".repeat(220);
    Finding { file: "src/main.rs".into(), rule: "identical-branches".into(), line, text }
}

/// Measures all of it.
pub(crate) async fn run(report: &Report) -> Result<()> {
    let team = Team::in_memory().start().await?;
    let client = team.bus("bench").context("a team in memory has a bus")?;
    let told = beside(tell_tokio, || tell(&client)).await?;
    told.tell(report, "tell, tokio mpsc", "tell", "of_mpsc");
    for at_once in [1, 256] {
        let asked = beside(|| ask_tokio(at_once), || ask(&client, at_once)).await?;
        let limit = format!("ask, {at_once} at once, mpsc + oneshot");
        asked.tell(report, &limit, &format!("ask, {at_once} at once"), "of_mpsc");
    }
    let fanned = beside(fan_tokio, || fan(&client)).await?;
    fanned.tell(report, "fan-out to 1,000, tokio broadcast", "fan-out to 1,000", "of_broadcast");
    envelopes(report, &client)?;
    team.drain(Duration::ZERO).await;
    Ok(())
}

/// Two sides of one thing, by the second.
struct Beside {
    limit: f64,
    ours: f64,
}

impl Beside {
    fn tell(&self, report: &Report, limit: &str, ours: &str, of: &'static str) {
        report.line("bus", limit, &[("per_s", self.limit)]);
        report.line("bus", ours, &[("per_s", self.ours), (of, self.ours / self.limit)]);
    }
}

async fn beside<A, B>(limit: impl Fn() -> A, ours: impl Fn() -> B) -> Result<Beside>
where
    A: Future<Output = Result<f64>>,
    B: Future<Output = Result<f64>>,
{
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(Beside { limit: limit().await?, ours: ours().await? });
    }
    rounds.sort_by(|a, b| (a.ours / a.limit).total_cmp(&(b.ours / b.limit)));
    Ok(rounds.swap_remove(ROUNDS / 2))
}

fn per_s(count: u64, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

async fn tell_tokio() -> Result<f64> {
    let (sender, mut receiver) = mpsc::channel(ROOM);
    let begun = Instant::now();
    let sending = tokio::spawn(async move {
        let value = Arc::new(finding(1));
        for _ in 0..TOLD {
            sender.send(value.clone()).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    let mut heard = 0;
    while receiver.recv().await.is_some() {
        heard += 1;
    }
    sending.await??;
    ensure!(heard == TOLD, "{heard} of {TOLD} were heard");
    Ok(per_s(heard, begun))
}

/// A queue as tokio's: whoever finds it full waits.
fn waiting() -> Options {
    Options::default().queue(ROOM, Overflow::Block { at_most_ms: 60_000 })
}

async fn tell(client: &Client) -> Result<f64> {
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
    for heard in 0..TOLD {
        feed.next().await.with_context(|| format!("ended after {heard}"))??;
    }
    sending.await??;
    Ok(per_s(TOLD, begun))
}

async fn ask_tokio(at_once: usize) -> Result<f64> {
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
            for question in 0..(ASKED / at_once) as u64 {
                let (answer, coming) = oneshot::channel();
                sender.send((question, answer)).await?;
                ensure!(coming.await? == question + 1, "a wrong answer");
            }
            Ok(())
        });
    }
    drop(sender);
    all(asking).await?;
    let speed = per_s(ASKED as u64, begun);
    answering.await?;
    Ok(speed)
}

async fn ask(client: &Client, at_once: usize) -> Result<f64> {
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
            for question in 0..(ASKED / at_once) as u64 {
                let answer = client.request(&call, question, Duration::from_secs(60)).await?;
                ensure!(*answer == question + 1, "a wrong answer");
            }
            Ok(())
        });
    }
    all(asking).await?;
    let speed = per_s(ASKED as u64, begun);
    answering.abort();
    let _ = answering.await; // It was aborted.
    Ok(speed)
}

async fn fan_tokio() -> Result<f64> {
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

async fn fan(client: &Client) -> Result<f64> {
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

async fn all(mut set: JoinSet<Result<()>>) -> Result<()> {
    while let Some(done) = set.join_next().await {
        done??;
    }
    Ok(())
}

/// The whole envelope beside its body alone.
fn envelopes(report: &Report, client: &Client) -> Result<()> {
    let topic = Topic::<Finding>::new("bench.findings", 1)?;
    let envelope = client.envelope(&topic, finding(1))?;
    let (bytes, bounds) = (wire::encode(&envelope), BusBounds::default());
    let value = finding(1);
    let body = rmp_serde::to_vec_named(&value)?;
    let encode_limit = ns(|| rmp_serde::to_vec_named(&value).map(drop).is_ok());
    let encode = ns(|| wire::encode(&envelope).len() == bytes.len());
    let decode_limit = ns(|| rmp_serde::from_slice::<Finding>(&body).is_ok());
    let header = ns(|| wire::decode(&bytes, &bounds).is_ok());
    let read = |envelope: Envelope| topic.read(Arc::new(envelope)).is_ok();
    let decode = ns(|| wire::decode(&bytes, &bounds).is_ok_and(read));
    let size = [("bytes", bytes.len() as f64), ("body_bytes", body.len() as f64)];
    report.line("bus", "an envelope", &size);
    report.line("bus", "encode, rmp-serde, the body alone", &[("ns", encode_limit)]);
    report.line("bus", "encode, the envelope", &[("ns", encode)]);
    report.line("bus", "decode, rmp-serde, the body alone", &[("ns", decode_limit)]);
    report.line("bus", "decode, the header, to route it", &[("ns", header)]);
    report.line("bus", "decode, header and body", &[("ns", decode)]);
    Ok(())
}

/// Nanoseconds of doing it once; the median round.
fn ns(work: impl Fn() -> bool) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..WRITTEN {
                assert!(std::hint::black_box(work()), "it goes well");
            }
            begun.elapsed().as_nanos() as f64 / f64::from(WRITTEN)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
