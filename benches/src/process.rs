//! The real binary: how long it takes to start, and what it holds while it has nothing to do.

use crate::disk;
use crate::report::Report;
use anyhow::Result;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts of which the median is told.
const ROUNDS: usize = 9;
/// Longer than this no start may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A team whose one agent needs no model and no network.
const TEAM: &str = "\
name = \"idle\"
[agents]
echo = { kind = \"command\", argv = [\"cat\"], serves = [\"bench.echo\"] }
";

/// Starts the `majordomo` beside this program.
pub(crate) fn run(report: &Report) -> Result<()> {
    let own = std::env::current_exe()?;
    let binary = own.with_file_name("majordomo");
    anyhow::ensure!(
        binary.exists(),
        "{} is not there; `cargo xtask bench` builds it",
        binary.display()
    );
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let said = Command::new(&binary).arg("--version").output()?;
        anyhow::ensure!(said.status.success(), "`majordomo --version` failed");
        times.push(began.elapsed());
    }
    report.line("process", "start to the end of --version", &[("ms", median(&mut times))]);
    let knows_up = Command::new(&binary).args(["up", "--help"]).output()?.status.success();
    if knows_up {
        resident_team(report, &binary)?;
    }
    Ok(())
}

/// Starts a team that waits for work, until its socket answers; then looks at its memory.
fn resident_team(report: &Report, binary: &Path) -> Result<()> {
    let (mut times, mut kib) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let dir = disk::scratch()?;
        std::fs::write(dir.path().join("idle.toml"), TEAM)?;
        let began = Instant::now();
        let mut team = Team(
            Command::new(binary)
                .args(["--data", "data", "up", "idle.toml"])
                .current_dir(dir.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()?,
        );
        while UnixStream::connect(dir.path().join("data/control.sock")).is_err() {
            if let Some(status) = team.0.try_wait()? {
                anyhow::bail!("`majordomo up` ended with {status}");
            }
            anyhow::ensure!(began.elapsed() < PATIENCE, "no socket after {PATIENCE:?}");
            std::thread::yield_now();
        }
        times.push(began.elapsed());
        kib = kib.max(crate::fleet::resident(team.0.id())? / 1024);
    }
    let figures = [("ms", median(&mut times)), ("rss_mib", kib as f64 / 1024.0)];
    report.line("process", "start of an idle team, its memory", &figures);
    Ok(())
}

/// A child that does not outlive the measurement.
struct Team(Child);

impl Drop for Team {
    fn drop(&mut self) {
        let _ = self.0.kill(); // It may have ended by itself.
        let _ = self.0.wait();
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}
