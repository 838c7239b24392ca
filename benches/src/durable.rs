//! A whole task's life, durable: submitted, matched, leased, run by a no-op agent, completed,
//! answered; accepted task and result both synced before they are answered.

use crate::closed_loop::{Measured, measure};
use crate::noop::{life, start};
use crate::report::Report;
use crate::{disk, spike};
use anyhow::Result;
use majordomo::Team;
use majordomo::data::DataDir;
use majordomo::viewing::Viewer;
use std::time::{Duration, Instant};

/// Rounds of which the one with the median ratio is told.
const ROUNDS: usize = 5;

/// What one round measured, all sides within seconds of each other.
struct Round {
    spike: Measured,
    plain: Ours,
    viewed: Ours,
}

/// The whole life, with or without the views following.
struct Ours {
    measured: Measured,
    log_bytes: f64,
    /// How long the views needed to catch up when the last task had ended.
    lag_ms: f64,
}

impl Round {
    fn ratio(&self) -> f64 {
        self.viewed.measured.per_s / self.spike.per_s
    }
}

/// Measures at 1, 64 and 512 in flight beside the spike.
pub(crate) async fn run(report: &Report) -> Result<()> {
    let (least, p50, p99) = disk::syncs()?;
    let sync = [("least_us", least), ("p50_us", p50), ("p99_us", p99)];
    report.line("disk", "write of 4 KiB and sync", &sync);
    for in_flight in [1, 64, 512] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let spike = spike::run(in_flight).await?;
            let plain = ours(in_flight, false).await?;
            let viewed = ours(in_flight, true).await?;
            rounds.push(Round { spike, plain, viewed });
        }
        rounds.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        tell(report, in_flight, &rounds[ROUNDS / 2]);
    }
    Ok(())
}

fn tell(report: &Report, in_flight: usize, round: &Round) {
    let figures = |it: &Measured| {
        let Measured { per_s, p50_us, p99_us, cpu_us, .. } = *it;
        [("per_s", per_s), ("p50_us", p50_us), ("p99_us", p99_us), ("cpu_us", cpu_us)]
    };
    let what = format!("{in_flight} in flight, spike");
    report.line("durable", &what, &figures(&round.spike));
    for (side, ours) in [("views off", &round.plain), ("views on", &round.viewed)] {
        let of_spike = ours.measured.per_s / round.spike.per_s;
        let more = [("of_spike", of_spike), ("log_bytes", ours.log_bytes), ("lag_ms", ours.lag_ms)];
        let what = format!("{in_flight} in flight, {side}");
        report.line("durable", &what, &[&figures(&ours.measured)[..], &more].concat());
    }
}

async fn ours(in_flight: usize, views: bool) -> Result<Ours> {
    let dir = disk::scratch()?;
    let data = dir.path().join("data");
    std::fs::create_dir(&data)?;
    let viewer = if views { Some(Viewer::start(&DataDir::new(&data))?) } else { None };
    let observers = viewer.iter().map(|it| it.clone() as _).collect();
    let team = start(Team::open_watched(&data, observers), in_flight).await?;
    let work = team.clone();
    let measured = measure(in_flight, move || life(work.clone())).await?;
    let log = team.runtime().with_journal(|journal| journal.size().tail_bytes).unwrap_or(0);
    let done = Instant::now();
    if let Some(viewer) = viewer {
        viewer.finish();
    }
    let lag_ms = done.elapsed().as_secs_f64() * 1e3;
    team.drain(Duration::from_secs(5)).await;
    Ok(Ours { measured, log_bytes: log as f64 / measured.total as f64, lag_ms })
}
