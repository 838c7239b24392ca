//! A blob that was put is there whatever fails afterwards; one that was not leaves nothing in the
//! way.
#![cfg(feature = "log")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use majordomo_adapters::blobs::{files::Files, hex};
use majordomo_adapters::disk::{
    Disk,
    faults::{Failure, Faults},
};
use runtime::port::blobs::{Blobs, Digest, Error};
use rustix::io::Errno;

fn open(dir: &std::path::Path, faults: &Arc<Faults>) -> Result<Files, Error> {
    Files::open_on(&Disk::faulty(faults.clone()), dir, Duration::ZERO)
}

fn content(nth: u8) -> Vec<u8> {
    vec![nth; 700]
}

/// Puts a few blobs, one of them twice; gives the digests that were acknowledged.
fn put_some(dir: &std::path::Path, faults: &Arc<Faults>) -> (Vec<(u8, Digest)>, Option<Error>) {
    let mut put = Vec::new();
    let blobs = match open(dir, faults) {
        Ok(blobs) => blobs,
        Err(error) => return (put, Some(error)),
    };
    for nth in [1, 2, 1, 3] {
        match blobs.put(&content(nth)) {
            Ok(digest) => put.push((nth, digest)),
            Err(error) => return (put, Some(error)),
        }
    }
    (put, None)
}

fn fail_each(failure: Failure, after: impl Fn(&Faults, u64)) {
    for n in 1.. {
        // In memory where there is a place for that: a sync there costs nothing.
        let place = Some(PathBuf::from("/dev/shm")).filter(|place| place.is_dir());
        let place = place.unwrap_or_else(std::env::temp_dir);
        let keep = tempfile::tempdir_in(place).expect("a directory");
        let dir: PathBuf = keep.path().join("blobs");
        let faults = Arc::new(Faults::default());
        faults.fail(n, failure);
        let (put, error) = put_some(&dir, &faults);
        if faults.fired() == 0 {
            assert!(error.is_none() && put.len() == 4 && n > 10, "{n} operations");
            return;
        }
        if failure == Failure::Once(Errno::NOSPC.raw_os_error()) {
            assert!(matches!(error, Some(Error::Full { .. })), "operation {n}: {error:?}");
        }
        faults.heal();
        after(&faults, n);
        let blobs = open(&dir, &faults).expect("opens");
        for (nth, digest) in put {
            let found = blobs.get(&digest).unwrap_or_else(|error| panic!("{n}: {error}"));
            assert_eq!(&*found, content(nth), "operation {n}");
        }
        for nth in [1, 2, 3] {
            let digest = blobs.put(&content(nth)).expect("nothing is in the way");
            assert_eq!(&*blobs.get(&digest).expect("is there"), content(nth));
        }
    }
}

#[test]
fn each_operation_fails_or_stops() {
    fail_each(Failure::Once(Errno::NOSPC.raw_os_error()), |_, _| {});
    fail_each(Failure::Always(Errno::IO.raw_os_error()), |_, _| {});
    fail_each(Failure::Tear(100), |_, _| {});
}

#[test]
fn the_power_is_cut_at_each_operation() {
    for seed in 0..6 {
        fail_each(Failure::Stop, |faults, n| faults.power_cut(seed * 1_000 + n).expect("cut"));
    }
}

#[test]
fn a_damaged_blob_is_told_and_mended_by_the_next_put() {
    let keep = tempfile::tempdir().expect("a directory");
    let blobs = Files::open(keep.path()).expect("opens");
    let digest = blobs.put(b"content").expect("stored");
    let name = hex(&digest);
    std::fs::write(keep.path().join(&name[..2]).join(&name), b"contend").expect("written");
    assert!(matches!(blobs.get(&digest), Err(Error::Damaged { .. })));
    blobs.put(b"content").expect("stored");
    assert_eq!(&*blobs.get(&digest).expect("mended"), b"content");
}
