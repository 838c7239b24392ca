//! How fast the views take entries in: `cargo run --release --example views_speed -- [TASKS]`.
//!
//! Whole task lives (accepted, granted, completed) are given in batches of a few sizes. Small ones
//! are what an idle system sees; a builder that lags sees large ones.

use kernel::{
    Accepted, AgentId, AgentSpec, Decision, Entry, Event, Granted, TaskId, Terms, Time, Token,
};
use majordomo_adapters::views::Views;
use runtime::port::journal::Seq;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let tasks: u64 =
        std::env::args().nth(1).map_or(100_000, |it| it.parse().expect("a number of tasks"));
    let entries = lives(tasks);
    for batch in [1, 64, 1_024, 16_384] {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let mut views = Views::open(directory.path().join("views.db")).expect("an empty directory");
        let entries = &entries[..entries.len().min(batch * 20_000)];
        let began = Instant::now();
        for entries in entries.chunks(batch) {
            views.apply(entries).expect("entries in order");
        }
        let s = began.elapsed().as_secs_f64();
        let rate = entries.len() as f64 / s;
        println!("{batch:>6} entries a batch: {rate:>9.0} entries/s, {:>8.0} tasks/s", rate / 3.0);
    }
}

/// One agent, and tasks of 200 bytes of input, 64 of them open at any time.
fn lives(tasks: u64) -> Vec<(Seq, Entry)> {
    let terms = Arc::new(Terms::new("echo"));
    let input = majordomo_adapters::views::testing::payload(&format!("\"{}\"", "x".repeat(198)));
    let spec = AgentSpec::new("echo", "native", Vec::new(), 64);
    let mut events = vec![Event::AgentJoined { agent: AgentId(0), spec: Arc::new(spec) }];
    for first in (1..=tasks).step_by(64) {
        let open = || (first..first + 64).map(|id| (TaskId(id), Token(id)));
        events.extend(open().map(|(task, _)| {
            let (terms, input) = (terms.clone(), input.clone());
            Event::TaskAccepted(Box::new(Accepted {
                task,
                terms,
                input,
                key: None,
                parent: None,
                deadline: None,
                ready_at: None,
                budget: None,
                affinity: None,
                released_from: None,
                is_bid: false,
                is_advice: false,
            }))
        }));
        events.extend(open().map(|(task, token)| {
            let (agent, until, why) = (AgentId(0), Time(30_000), Decision::default());
            Event::LeaseGranted(Box::new(Granted { task, agent, token, until, firm: false, why }))
        }));
        events.extend(open().map(|(task, token)| {
            let output = input.clone();
            Event::TaskCompleted { task, token, output }
        }));
    }
    let entry = |(at, event)| (Seq(at as u64 + 1), Entry { at: Time(at as u64 / 300), event });
    events.into_iter().enumerate().map(entry).collect()
}
