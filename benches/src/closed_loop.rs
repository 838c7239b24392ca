//! A closed loop: so many clients, each with one task in flight; how fast, how late, how costly.

use anyhow::Result;
use std::future::Future;
use std::time::{Duration, Instant};

/// What is not counted: the first segments are short, the caches are cold.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long one measurement runs after that.
const TIME: Duration = Duration::from_millis(1_000);

/// What a loop measured.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) per_s: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Processor time of the whole process per task, clients included, microseconds.
    pub(crate) cpu_us: f64,
    /// How many there were, warm-up included.
    pub(crate) total: usize,
}

/// Runs `clients` loops of `once` for a while.
pub(crate) async fn measure<F>(
    clients: usize,
    once: impl Fn() -> F + Clone + Send + 'static,
) -> Result<Measured>
where
    F: Future<Output = Result<()>> + Send,
{
    let warm = Instant::now() + WARM_UP;
    let end = warm + TIME;
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let once = once.clone();
        loops.spawn(async move {
            let (mut times, mut before) = (Vec::new(), 0);
            loop {
                let began = Instant::now();
                if began >= end {
                    return Ok::<_, anyhow::Error>((times, before));
                }
                once().await?;
                if began >= warm {
                    times.push(began.elapsed().as_nanos() as u64);
                } else {
                    before += 1;
                }
            }
        });
    }
    tokio::time::sleep_until(warm.into()).await;
    let cpu = cpu_time();
    let (mut times, mut total) = (Vec::new(), 0);
    while let Some(done) = loops.join_next().await {
        let (mine, before) = done??;
        total += before;
        times.extend(mine);
    }
    let (elapsed, cpu) = (warm.elapsed(), cpu_time().saturating_sub(cpu));
    anyhow::ensure!(!times.is_empty(), "not one task was done in {TIME:?}");
    let (_, p50, p99) = quantiles(&mut times);
    Ok(Measured {
        per_s: times.len() as f64 / elapsed.as_secs_f64(),
        p50_us: p50,
        p99_us: p99,
        cpu_us: cpu.as_secs_f64() * 1e6 / times.len() as f64,
        total: total + times.len(),
    })
}

/// The least, the median and the 99th percentile of some nanoseconds, in microseconds.
pub(crate) fn quantiles(nanos: &mut [u64]) -> (f64, f64, f64) {
    nanos.sort_unstable();
    let at = |share: f64| nanos[((nanos.len() - 1) as f64 * share) as usize] as f64 / 1_000.0;
    (at(0.0), at(0.5), at(0.99))
}

/// The processor time that this process has used: what a busy machine cannot take away.
pub(crate) fn cpu_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), used.tv_nsec.unsigned_abs() as u32)
}
