//! Many lengths of time in little memory: exact below 64 ms, within 3 % above.

use std::collections::BTreeMap;

/// Lengths below this have a bucket each.
const EXACT_MS: u64 = 64;
/// Buckets for each doubling above.
const PER_DOUBLING: u64 = 32;

/// How often each length was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    counts: BTreeMap<u16, u64>,
    count: u64,
}

impl Times {
    /// One more, in milliseconds.
    pub fn add(&mut self, ms: u64) {
        *self.counts.entry(bucket(ms)).or_default() += 1;
        self.count += 1;
    }

    /// The length that half of them do not exceed, in milliseconds; `None` without any.
    #[must_use]
    pub fn median_ms(&self) -> Option<u64> {
        let half = self.count.div_ceil(2);
        let mut seen = 0;
        let middle = self.counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= half
        });
        middle.map(|(bucket, _)| floor(*bucket))
    }
}

fn bucket(ms: u64) -> u16 {
    if ms < EXACT_MS {
        return ms as u16;
    }
    let doublings = u64::from(ms.ilog2() - EXACT_MS.ilog2());
    let within = (ms >> (ms.ilog2() - PER_DOUBLING.ilog2())) - PER_DOUBLING;
    (EXACT_MS + doublings * PER_DOUBLING + within) as u16
}

/// The shortest length in a bucket.
fn floor(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < EXACT_MS {
        return bucket;
    }
    let (doublings, within) =
        ((bucket - EXACT_MS) / PER_DOUBLING, (bucket - EXACT_MS) % PER_DOUBLING);
    (PER_DOUBLING + within) << (doublings + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_begins_at_most_three_percent_below_what_is_in_it() {
        let mut ms = 0;
        while ms < 1 << 45 {
            let begins = floor(bucket(ms));
            assert!(begins <= ms && (ms - begins) * 100 <= ms * 4, "{ms} in {begins}");
            ms += 1 + ms / 7;
        }
        assert!((0..64).all(|ms| floor(bucket(ms)) == ms));
        assert!(bucket(u64::MAX) > bucket(u64::MAX / 2));
    }

    #[test]
    fn the_median_is_the_middle_one() {
        let mut times = Times::default();
        assert_eq!(times.median_ms(), None);
        for ms in [9, 1, 5] {
            times.add(ms);
        }
        assert_eq!(times.median_ms(), Some(5));
        times.add(60);
        assert_eq!(times.median_ms(), Some(5));
        times.add(60);
        assert_eq!(times.median_ms(), Some(9));
    }
}
