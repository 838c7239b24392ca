//! A fixed number of lives, for profilers and for comparing builds on a busy machine:
//! `bench fixed memory|durable|views IN_FLIGHT LIVES`. Not part of a whole run.

use crate::noop::{life, start};
use crate::{disk, report::Report};
use anyhow::{Context, Result, anyhow, bail};
use majordomo::Team;
use majordomo::data::DataDir;
use majordomo::viewing::Viewer;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(crate) const NAME: &str = "fixed";

/// Runs them and tells what they took of the processor.
pub(crate) fn run(report: &Report, words: &[String]) -> Result<()> {
    let [kind, in_flight, lives] = words else {
        bail!("usage: bench {NAME} memory|durable|views IN_FLIGHT LIVES");
    };
    let (in_flight, lives): (usize, usize) = (in_flight.parse()?, lives.parse()?);
    let dir = disk::scratch()?;
    let viewer = match &**kind {
        "views" => Some(Viewer::start(&DataDir::new(dir.path()))?),
        "memory" | "durable" => None,
        unknown => bail!("`{unknown}` is not memory, durable or views"),
    };
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(async {
        let builder = match &**kind {
            "memory" => Team::in_memory(),
            _ => Team::open_watched(dir.path(), viewer.iter().map(|it| it.clone() as _).collect()),
        };
        let team = start(builder, in_flight).await?;
        let (begun, cpu) = (Instant::now(), cpu_ms()?);
        let left = Arc::new(AtomicUsize::new(lives));
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..in_flight {
            let (team, left) = (team.clone(), left.clone());
            let more = move |left: usize| left.checked_sub(1);
            clients.spawn(async move {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok() {
                    life(team.clone()).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = clients.join_next().await {
            done??;
        }
        let wall = begun.elapsed();
        if let Some(viewer) = &viewer {
            viewer.finish();
        }
        let cpu_us = (cpu_ms()? - cpu) * 1e3 / lives as f64;
        let figures = [("per_s", lives as f64 / wall.as_secs_f64()), ("cpu_us", cpu_us)];
        report.line(NAME, &format!("{kind}, {in_flight} in flight, {lives} lives"), &figures);
        team.drain(Duration::from_secs(5)).await;
        Ok(())
    })
}

/// Processor time of this process, in ticks of ten milliseconds: read from a file, which profilers
/// that emulate the processor allow.
fn cpu_ms() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').context("a name in parentheses")?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|it| it.parse::<f64>().ok());
    let (user, system) = (ticks(), ticks());
    let both = user.zip(system).ok_or_else(|| anyhow!("no times in /proc/self/stat"))?;
    Ok((both.0 + both.1) * 10.0)
}
