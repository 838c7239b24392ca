//! An envelope as bytes, beside its body alone.

use super::ours::client;
use super::{Finding, ROUNDS, finding};
use crate::report::Report;
use anyhow::Result;
use runtime::BusBounds;
use runtime::bus::{Envelope, Topic, wire};
use std::sync::Arc;
use std::time::Instant;

/// Times an envelope is written and read.
const WRITTEN: u32 = 200_000;

/// Measures both.
pub(super) fn run(report: &Report) -> Result<()> {
    let topic = Topic::<Finding>::new("bench.findings", 1)?;
    let envelope = client().envelope(&topic, finding(1))?;
    let (bytes, bounds) = (wire::encode(&envelope), BusBounds::default());
    let value = finding(1);
    let body = rmp_serde::to_vec_named(&value)?;
    let encode_limit = ns(|| rmp_serde::to_vec_named(&value).map(drop).is_ok());
    let encode = ns(|| wire::encode(&envelope).len() == bytes.len());
    let decode_limit = ns(|| rmp_serde::from_slice::<Finding>(&body).is_ok());
    let header = ns(|| wire::decode(&bytes, &bounds).is_ok());
    let read = |envelope: Envelope| topic.read(Arc::new(envelope)).is_ok();
    let decode = ns(|| wire::decode(&bytes, &bounds).is_ok_and(read));
    let size = [("bytes", bytes.len() as f64), ("body_bytes", body.len() as f64)];
    report.line("bus", "an envelope", &size);
    report.line("bus", "encode, rmp-serde, the body alone", &[("ns", encode_limit)]);
    report.line("bus", "encode, the envelope", &[("ns", encode)]);
    report.line("bus", "decode, rmp-serde, the body alone", &[("ns", decode_limit)]);
    report.line("bus", "decode, the header, to route it", &[("ns", header)]);
    report.line("bus", "decode, header and body", &[("ns", decode)]);
    Ok(())
}

/// Nanoseconds of doing it once; the median round.
fn ns(work: impl Fn() -> bool) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..WRITTEN {
                assert!(std::hint::black_box(work()), "it goes well");
            }
            begun.elapsed().as_nanos() as f64 / f64::from(WRITTEN)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
