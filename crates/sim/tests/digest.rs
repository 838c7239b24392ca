//! P26: the same seeds are the same bytes, in debug and in release, on this machine and on others.

use majordomo_sim::run::{self, GOLDEN};

#[test]
fn worlds_are_what_they_were_when_the_digests_were_written() {
    let golden = include_str!("golden/digests.txt");
    let lines = run::many(GOLDEN, &|_| {}).digest_lines();
    let changed = lines.lines().zip(golden.lines()).filter(|(now, then)| now != then).count();
    assert_eq!(lines.lines().count(), golden.lines().count());
    assert!(
        changed == 0,
        "{changed} of {} worlds have changed. If the kernel or the simulator was meant to decide \
         otherwise, write the digests anew, from a release build so that the two are compared:\n  \
         cargo run --release -p majordomo-sim -- digest > crates/sim/tests/golden/digests.txt",
        GOLDEN.seeds
    );
}
