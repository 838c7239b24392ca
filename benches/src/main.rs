//! Speeds and sizes, measured in one run beside a spike: `cargo xtask bench [--json]`.
//!
//! Machines differ by several times, and so does one machine from minute to minute. So every figure
//! that can be is printed beside the least that the same disk and the same threads must do (the
//! spike: one inbox, one batch, append, sync, answer, no kernel), measured alternately.

mod durable;
mod latency;
mod recovery;
mod spike;

use anyhow::Result;
use serde_json::json;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let as_json = args.iter().any(|it| it == "--json");
    let chosen =
        |name: &str| args.iter().all(|it| it.starts_with("--")) || args.iter().any(|it| it == name);
    let say = |line: &serde_json::Value, text: String| {
        if as_json { println!("{line}") } else { println!("{text}") }
    };
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if chosen("durable") {
        for in_flight in [1, 64, 512] {
            let rounds = 3;
            let mut pairs = Vec::new();
            for _ in 0..rounds {
                let spike = tokio.block_on(spike::run(in_flight))?;
                let ours = tokio.block_on(durable::run(in_flight, false))?;
                let viewed = tokio.block_on(durable::run(in_flight, true))?;
                pairs.push((spike, ours, viewed));
            }
            // The median round by our speed.
            pairs.sort_by(|a, b| a.1.per_s.total_cmp(&b.1.per_s));
            let (spike, ours, viewed) = &pairs[rounds / 2];
            for (what, it) in
                [("spike", spike), ("majordomo", ours), ("majordomo, views on", viewed)]
            {
                let line = json!({ "what": what, "in_flight": in_flight, "per_s": it.per_s as u64,
                    "p50_us": it.p50_us, "p99_us": it.p99_us, "cpu_us": it.cpu_us });
                say(
                    &line,
                    format!(
                        "durable {in_flight:4} in flight  {what:20} {:9.0} tasks/s  p50 {:6} µs  p99 {:6} µs  cpu {:5.1} µs  ({:.2} of the spike)",
                        it.per_s,
                        it.p50_us,
                        it.p99_us,
                        it.cpu_us,
                        it.per_s / spike.per_s
                    ),
                );
            }
        }
    }
    if chosen("recovery") {
        let it = recovery::run(1_000_000)?;
        let line = json!({ "what": "recovery", "tasks": it.tasks, "entries": it.entries,
            "log_ms": it.log_ms, "snapshot_ms": it.snapshot_ms, "log_bytes": it.log_bytes });
        say(
            &line,
            format!(
                "recovery of {} tasks ({} entries, {} MiB): {} ms; a tenth, open, from a snapshot: {} ms",
                it.tasks,
                it.entries,
                it.log_bytes >> 20,
                it.log_ms,
                it.snapshot_ms
            ),
        );
    }
    Ok(())
}
