//! The disk itself: where the measurements keep their files, and how long a sync takes there.

use crate::closed_loop::quantiles;
use anyhow::Result;
use std::os::unix::fs::FileExt;
use std::time::Instant;

/// A directory below the current one: `/tmp` is often memory, which syncs for nothing.
pub(crate) fn scratch() -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(".bench-").tempdir_in(".")
}

/// Overwrites one page of a reserved file and syncs it, many times: least, p50, p99, microseconds.
pub(crate) fn syncs() -> Result<(f64, f64, f64)> {
    let dir = scratch()?;
    let file = std::fs::File::create(dir.path().join("page"))?;
    file.write_all_at(&[1; 1 << 20], 0)?;
    file.sync_all()?;
    let mut times = Vec::new();
    for nth in 0..256 {
        let began = Instant::now();
        file.write_all_at(&[2; 4096], nth * 4096)?;
        file.sync_data()?;
        times.push(began.elapsed().as_nanos() as u64);
    }
    Ok(quantiles(&mut times))
}
