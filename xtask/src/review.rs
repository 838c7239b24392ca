//! `cargo xtask bench review`: the main job measured as its user sees it, from outside.
//!
//! Thousands of real source files, each a journaled task, reviewed by the release program. Its
//! processor time and memory are read from the system while it runs, so they are those of the whole
//! process at its last sample, a hundredth of a second before its end at most.

use crate::crash::{Scratch, source, target};
use crate::invoke::{self, Line};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const BUILD: &str = "cargo build --quiet --release --locked -p majordomo";
/// As many as are asked for, and the rules' own samples.
const FILES: usize = 3_600;
/// How often the process is looked at.
const SAMPLE: Duration = Duration::from_millis(10);
/// Of `/proc/PID/stat`: fixed at 100 by Linux for all that it tells to programs.
const TICKS_PER_S: f64 = 100.0;

/// What a review took.
struct Taken {
    wall_s: f64,
    cpu_s: f64,
    peak_mib: f64,
    files: u64,
    tasks: u64,
}

/// Builds, reviews once, and tells.
///
/// # Errors
/// It does not build, cargo has fetched too few sources, or the review fails.
pub(crate) fn run(json: bool) -> Result<ExitCode> {
    let built = Line::new(BUILD).hand_over()?;
    if built != ExitCode::SUCCESS {
        return Ok(built);
    }
    let scratch = Scratch::new(false)?;
    let tree = scratch.path().join("tree");
    let files = source::of_crates(FILES, &invoke::root()?)?;
    source::copy(&files, &tree)?;
    let taken = measure(&tree, scratch.path())?;
    taken.tell(json);
    Ok(ExitCode::SUCCESS)
}

fn measure(tree: &Path, scratch: &Path) -> Result<Taken> {
    let out = scratch.join("review.out");
    let mut command = Command::new(target()?.join("release/majordomo"));
    command.arg("--data").arg(scratch.join("data")).args(["--json", "run", "code-review"]);
    command.arg(tree).env("PATH", "/dev/null"); // Our own rules alone, whatever linters there are.
    command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(Stdio::null());
    let (began, mut child) = (Instant::now(), command.spawn()?);
    let (mut cpu_s, mut peak_mib) = (0.0, 0.0);
    let status = loop {
        let sample = (cpu_of(child.id()), peak_of(child.id()));
        cpu_s = sample.0.unwrap_or(cpu_s);
        peak_mib = sample.1.unwrap_or(peak_mib);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::park_timeout(SAMPLE);
    };
    let wall_s = began.elapsed().as_secs_f64();
    let said = fs::read_to_string(&out)?;
    ensure!(status.success(), "the review failed ({status}): {said}");
    let summary: Value = serde_json::from_str(said.lines().last().unwrap_or_default())?;
    let tasks = summary["tasks"]["completed"].as_u64().context("the summary counts no tasks")?;
    ensure!(summary["tasks_open"] == 0, "tasks were left open: {summary}");
    let agents = summary["agents"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let analyst = agents.iter().find(|it| it["name"] == "analyst");
    let files = analyst.and_then(|it| it["completed"].as_u64()).context("nobody reviewed")?;
    Ok(Taken { wall_s, cpu_s, peak_mib, files, tasks })
}

/// Processor time of all threads so far, in user and system, seconds.
fn cpu_of(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in brackets and may hold anything; the fields are counted from its end.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_S)
}

/// The most memory that it held at once so far, MiB.
fn peak_of(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

impl Taken {
    fn tell(&self, json: bool) {
        let Taken { wall_s, cpu_s, peak_mib, files, tasks } = self;
        let (files_per_s, cpu_per_wall) = (*files as f64 / wall_s, cpu_s / wall_s);
        if json {
            let line = json!({
                "section": "review", "files": files, "tasks": tasks, "wall_s": wall_s,
                "cpu_s": cpu_s, "files_per_s": files_per_s, "cpu_per_wall": cpu_per_wall,
                "peak_mib": peak_mib,
            });
            println!("{line}");
            return;
        }
        println!("review    {files} files, {tasks} journaled tasks in {wall_s:.1} s");
        println!("  {files_per_s:8.0} files_per_s    at least 400 on a quiet machine of two cores");
        println!("  {cpu_per_wall:8.2} cpu_per_wall   at least 1.7 there");
        println!("  {peak_mib:8.0} peak_mib       at most 286 (300 MB)");
    }
}
