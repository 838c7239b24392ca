//! What every story does with a kernel in its hand: a step, and what must hold after it.

#![allow(dead_code)] // No story needs all of it.

use majordomo_kernel::*;
use std::sync::Arc;

/// One step. Its journal gives the same state, and both states, as well as a snapshot, the same
/// indexes.
pub(crate) fn step(
    kernel: &mut Kernel,
    journal: &mut Vec<Entry>,
    now: u64,
    command: Command,
) -> Step {
    let step = unreplayed(kernel, journal, now, command);
    replays(kernel, journal);
    step
}

/// One step of a story so long that it is replayed only now and then.
pub(crate) fn unreplayed(
    kernel: &mut Kernel,
    journal: &mut Vec<Entry>,
    now: u64,
    command: Command,
) -> Step {
    let step = kernel.step(Time(now), command);
    journal.extend(step.entries.iter().cloned());
    kernel.state().check_index().expect("indexes follow from the facts");
    let restored = Kernel::replay(Limits::default(), Some(kernel.snapshot().clone()), []);
    restored.state().check_index().expect("a snapshot gives the same indexes");
    step
}

/// The journal says what the kernel knows.
pub(crate) fn replays(kernel: &Kernel, journal: &[Entry]) {
    let replayed = Kernel::replay(Limits::default(), None, journal);
    assert_eq!(replayed.state(), kernel.state(), "replay equals memory");
    replayed.state().check_index().expect("the replayed indexes follow from the facts");
}

/// An input or output of one byte; two of different bytes differ.
pub(crate) fn payload(byte: u8) -> Payload {
    Payload { digest: Digest([byte; 32]), len: 1, inline: Some(Arc::from([byte])) }
}
