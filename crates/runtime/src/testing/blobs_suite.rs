//! What the port [`Blobs`] promises, as a program every store must pass.

use std::collections::BTreeSet;

use crate::port::blobs::{Blobs, Digest, Error};

/// Runs every clause. `fresh(false)` makes an empty store with its usual grace, `fresh(true)` one
/// whose grace is over at once.
pub fn run<B: Blobs>(mut fresh: impl FnMut(bool) -> B) {
    what_was_put_comes_back(&fresh(false));
    the_same_content_is_one_blob(&fresh(true));
    what_was_never_put_is_missing(&fresh(false));
    collection_keeps_what_is_claimed(&fresh(true));
    collection_spares_the_young(&fresh(false));
    an_erased_blob_is_gone(&fresh(false));
    puts_in_parallel_agree(&fresh(false));
}

fn what_was_put_comes_back(blobs: &impl Blobs) {
    for content in [&b""[..], b"x", &[7; 300_000]] {
        let digest = blobs.put(content).expect("stored");
        assert_eq!(digest, *blake3::hash(content).as_bytes(), "the name is BLAKE3 of the content");
        assert_eq!(&*blobs.get(&digest).expect("is there"), content);
    }
}

fn the_same_content_is_one_blob(blobs: &impl Blobs) {
    let first = blobs.put(b"twice").expect("stored");
    assert_eq!(blobs.put(b"twice").expect("stored"), first);
    assert_eq!(blobs.collect(&mut |_| false).expect("collected"), (1, 5));
}

fn what_was_never_put_is_missing(blobs: &impl Blobs) {
    let digest: Digest = [9; 32];
    match blobs.get(&digest) {
        Err(Error::Missing { digest }) => assert_eq!(digest, "09".repeat(32)),
        other => panic!("a blob that was never put gave {other:?}"),
    }
    blobs.erase(&digest).expect("erasing what is not there is done already");
}

fn collection_keeps_what_is_claimed(blobs: &impl Blobs) {
    let kept = blobs.put(b"kept").expect("stored");
    let dropped: BTreeSet<Digest> =
        [&b"a"[..], b"bb", b"ccc"].map(|bytes| blobs.put(bytes).expect("stored")).into();
    let mut asked = BTreeSet::new();
    let collected = blobs.collect(&mut |digest| {
        asked.insert(*digest);
        *digest == kept
    });
    assert_eq!(collected.expect("collected"), (3, 6));
    assert!(asked.is_superset(&dropped), "each blob is asked about");
    assert_eq!(&*blobs.get(&kept).expect("is there"), b"kept");
    for digest in dropped {
        assert!(matches!(blobs.get(&digest), Err(Error::Missing { .. })));
    }
}

fn collection_spares_the_young(blobs: &impl Blobs) {
    let digest = blobs.put(b"not named yet").expect("stored");
    assert_eq!(blobs.collect(&mut |_| false).expect("collected"), (0, 0));
    assert_eq!(&*blobs.get(&digest).expect("is there"), b"not named yet");
}

fn an_erased_blob_is_gone(blobs: &impl Blobs) {
    let digest = blobs.put(b"private").expect("stored");
    blobs.erase(&digest).expect("erased");
    assert!(matches!(blobs.get(&digest), Err(Error::Missing { .. })));
    assert_eq!(blobs.put(b"private").expect("stored anew"), digest);
    assert_eq!(&*blobs.get(&digest).expect("is there"), b"private");
}

fn puts_in_parallel_agree(blobs: &impl Blobs) {
    let digests: BTreeSet<Digest> = std::thread::scope(|scope| {
        let put = || blobs.put(b"from many threads").expect("stored");
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(put)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let digest = digests.first().expect("one");
    assert_eq!(digests.len(), 1);
    assert_eq!(&*blobs.get(digest).expect("is there"), b"from many threads");
}
