//! A closed loop: so many clients, each with one task in flight; how fast, how late, how costly.

use anyhow::Result;
use std::future::Future;
use std::time::{Duration, Instant};

/// How long one measurement runs.
const TIME: Duration = Duration::from_millis(1_500);

/// What a loop measured.
pub(crate) struct Measured {
    pub(crate) per_s: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// Processor time of the whole process per task, microseconds.
    pub(crate) cpu_us: f64,
}

/// Runs `clients` loops of `once` for a while.
pub(crate) async fn measure<F>(
    clients: usize,
    once: impl Fn() -> F + Clone + Send + 'static,
) -> Result<Measured>
where
    F: Future<Output = Result<()>> + Send,
{
    let (start, cpu) = (Instant::now(), cpu_time());
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let once = once.clone();
        loops.spawn(async move {
            let mut times = Vec::new();
            while start.elapsed() < TIME {
                let began = Instant::now();
                once().await?;
                times.push(began.elapsed().as_micros() as u64);
            }
            Ok::<_, anyhow::Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = loops.join_next().await {
        times.extend(done??);
    }
    let (elapsed, cpu) = (start.elapsed(), cpu_time() - cpu);
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Ok(Measured {
        per_s: times.len() as f64 / elapsed.as_secs_f64(),
        p50_us: at(0.5),
        p99_us: at(0.99),
        cpu_us: cpu * 1e6 / times.len() as f64,
    })
}

/// Seconds of processor time this process has used, from `/proc/self/stat`.
fn cpu_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let field = |at: usize| {
        after_name.split_whitespace().nth(at).and_then(|it| it.parse().ok()).unwrap_or(0.0)
    };
    (field(11) + field(12)) / 100.0
}
