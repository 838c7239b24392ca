//! How fast the log appends and reads, beside a bare write and sync of the same bytes in the same
//! run.
//!
//! `cargo run --release -p majordomo-adapters --example journal_speed [DIR]`

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use majordomo_adapters::journal::log::{Log, Options};
use runtime::port::journal::{Batch, Journal, Record, Seq};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let dir = match std::env::args().nth(1) {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    println!(
        "{:>24} {:>10} {:>10} {:>12} {:>8}",
        "batch", "p50 µs", "p99 µs", "records/s", "ratio"
    );
    for count in [1, 64, 512] {
        let rounds = if count == 1 { 4_000 } else { 1_500 };
        compare(dir.path(), count, rounds)?;
    }
    read_back(&dir.path().join("read"), 3_000_000)
}

/// A batch of records of 200 bytes: 80 of head, 120 of payload.
fn batch(count: usize) -> Batch {
    let mut batch = Batch::default();
    for _ in 0..count {
        batch.push(Record { head: &[b'h'; 80], payload: &[b'p'; 120] });
    }
    batch
}

/// The log and the bare file, turn by turn, so that a busy machine slows both.
fn compare(dir: &Path, count: usize, rounds: usize) -> Outcome<()> {
    let batch = batch(count);
    let mut log = Log::open(&dir.join(format!("log-{count}")), Options::default())?;
    let frame = (64 + 200_usize).next_multiple_of(8) + 8;
    let bytes = vec![b'x'; frame * count];
    let bare = File::create(dir.join(format!("bare-{count}")))?;
    rustix::fs::fallocate(
        &bare,
        rustix::fs::FallocateFlags::empty(),
        0,
        (bytes.len() * rounds) as u64,
    )?;
    bare.sync_all()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let start = Instant::now();
        log.append(log.head(), &batch)?;
        ours.push(start.elapsed());
        let start = Instant::now();
        bare.write_all_at(&bytes, (round * bytes.len()) as u64)?;
        bare.sync_data()?;
        theirs.push(start.elapsed());
    }
    let bare_rate = print("bare write + sync", count, &mut theirs, None);
    print("log", count, &mut ours, Some(bare_rate));
    Ok(())
}

fn print(name: &str, count: usize, times: &mut [Duration], beside: Option<f64>) -> f64 {
    let total: Duration = times.iter().sum();
    let rate = (times.len() * count) as f64 / total.as_secs_f64();
    times.sort();
    let micros = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
    let ratio = beside.map_or(String::new(), |bare| format!("{:.2}", rate / bare));
    let name = format!("{name}, {count}");
    println!("{name:>24} {:>10.0} {:>10.0} {rate:>12.0} {ratio:>8}", micros(50), micros(99));
    rate
}

/// Opens (which checks everything) and reads a journal of many records.
fn read_back(dir: &Path, records: usize) -> Outcome<()> {
    let mut log = Log::open(dir, Options::default())?;
    let batch = batch(1_000);
    for _ in 0..records / 1_000 {
        log.append(log.head(), &batch)?;
    }
    let size = log.size().total_bytes >> 20;
    drop(log);
    let start = Instant::now();
    let mut log = Log::open(dir, Options::default())?;
    let opened = start.elapsed();
    let mut seen = 0;
    log.read(Seq(1), &mut |_, record| {
        seen += record.head.len() + record.payload.len();
        Ok(())
    })?;
    let read = start.elapsed() - opened;
    println!(
        "{records} records, {size} MiB: opened and checked in {opened:.2?}, read in {read:.2?}"
    );
    assert_eq!(seen, records * 200);
    Ok(())
}
