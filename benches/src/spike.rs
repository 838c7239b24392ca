//! The least that must be done: one inbox, one batch, append, sync, answer. No kernel, no agents.

use crate::closed_loop::{Measured, measure};
use crate::disk;
use adapters::journal::log::{Log, Options};
use anyhow::{Context, Result};
use runtime::port::Journal;
use runtime::port::journal::{Batch, Record};
use std::sync::{Arc, Condvar, Mutex};
use tokio::sync::oneshot;

#[derive(Default)]
struct Inbox {
    waiting: Mutex<(Vec<oneshot::Sender<()>>, bool)>,
    arrived: Condvar,
}

/// Three entries and 200 bytes of input a task, as a no-op task has.
pub(crate) async fn run(in_flight: usize) -> Result<Measured> {
    let dir = disk::scratch()?;
    let mut log = Log::open(dir.path(), Options::default())?;
    let inbox = Arc::new(Inbox::default());
    let served = inbox.clone();
    let writer = std::thread::spawn(move || -> Result<()> {
        let (head, payload, mut batch) = ([7; 120], [8; 200], Batch::default());
        loop {
            let mut waiting = served.waiting.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
            while waiting.0.is_empty() {
                if waiting.1 {
                    return Ok(());
                }
                waiting = served.arrived.wait(waiting).map_err(|_| anyhow::anyhow!("poisoned"))?;
            }
            let replies = std::mem::take(&mut waiting.0);
            drop(waiting);
            batch.clear();
            for _ in &replies {
                batch.push(Record { head: &head, payload: &payload });
                batch.push(Record { head: &head, payload: &[] });
                batch.push(Record { head: &head, payload: &[] });
            }
            log.append(log.head(), &batch)?;
            for reply in replies {
                let _ = reply.send(()); // A client that has gone needs no answer.
            }
        }
    });
    let client = inbox.clone();
    let once = move || {
        let inbox = client.clone();
        async move {
            let (sender, receiver) = oneshot::channel();
            inbox.waiting.lock().map_err(|_| anyhow::anyhow!("poisoned"))?.0.push(sender);
            inbox.arrived.notify_one();
            receiver.await.context("the writer ended")
        }
    };
    let measured = measure(in_flight, once).await;
    if let Ok(mut waiting) = inbox.waiting.lock() {
        waiting.1 = true;
    }
    inbox.arrived.notify_one();
    writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    measured
}
