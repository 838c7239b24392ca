//! One record on disk: how it is encoded, and every way in which its bytes can be wrong.
//!
//! ```text
//!  0 magic        u32   never zero, so that untouched space is no frame
//!  4 header check u32   CRC32C of bytes 8..56, seeded with the segment's salt: stands alone
//!  8 head length  u32
//! 12 payload len  u32
//! 16 seq          u64
//! 24 epoch        u64   the opening that wrote it
//! 32 synced       u64   the last record of the batch before: durable when this was written
//! 40 payload crc  u32   CRC32C of the payload
//! 44 flags        u32   bit 0: last of its batch
//! 48 head crc     u32   CRC32C of the head
//! 52 zero         u32
//! 56 erasure      u64   the mark that this payload was erased, if its last byte is not zero
//! 64 head, payload, zeros up to a multiple of 8
//!  … link         u64   the chain: a function of the link before and both checks; top bit set
//! ```
//!
//! All numbers are little-endian. The header check tells lengths that can be trusted from noise and
//! can be verified without the frame before, which is what finding evidence after a bad frame
//! needs. The link comes last and its last byte is never zero: a write that stopped in the middle
//! of the frame leaves a zero there. The payload's checksum is in the chain but its bytes are not,
//! so they can be erased: the erasure mark stands outside every checksum, and is a function of the
//! link, which no flipped bit makes by chance.

use runtime::port::journal::Record;

use super::mutant::{self, Mutant};

/// Bytes before the head.
pub(super) const HEADER: usize = 64;
/// Bytes after the payload's padding.
const TRAILER: usize = 8;
/// Where the erasure mark stands in a frame.
pub(super) const ERASURE: u64 = 56;
/// A head and a payload together may not be longer: 256 MiB.
pub(super) const RECORD_MAX: usize = 256 << 20;

const MAGIC: u32 = 0xa74d_4a46;
const LAST: u32 = 1;
const TOP: u64 = 1 << 63;

/// What a frame says about itself besides its record.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    pub(super) salt: u32,
    pub(super) epoch: u64,
    pub(super) seq: u64,
    pub(super) synced: u64,
    pub(super) last: bool,
}

/// What the next frame must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    pub(super) salt: u32,
    pub(super) epoch: u64,
    pub(super) seq: u64,
    /// The link of the frame before.
    pub(super) chain: u64,
    /// The `synced` of the batch that is open, or `None` where a batch starts.
    pub(super) batch: Option<u64>,
}

/// A frame that is what it must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) seq: u64,
    pub(super) synced: u64,
    pub(super) last: bool,
    pub(super) head_len: usize,
    pub(super) payload_len: usize,
    pub(super) erasure: Erasure,
    pub(super) chain: u64,
    pub(super) size: usize,
}

/// What happened to a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Erasure {
    /// It is there.
    None,
    /// It was erased: marked, and zero.
    Done,
    /// It is marked, but a crash came before all of it was zero.
    Unfinished,
}

/// Why bytes are not the wanted frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The frame has this many bytes, and fewer were given.
    Short(usize),
    /// No valid header: untouched space, a header that was not written whole, or damage.
    Header,
    /// A valid header of another frame than the one that belongs here.
    Order(&'static str),
    /// A valid header, but something else in the frame's `size` bytes is wrong.
    Body { size: usize, why: &'static str },
}

impl Fault {
    /// For people.
    pub(super) fn why(&self) -> &'static str {
        match self {
            Fault::Short(_) => "the file ends inside the frame",
            Fault::Header => "there is no valid frame header",
            Fault::Order(why) | Fault::Body { why, .. } => why,
        }
    }
}

/// Bytes of the frame of a record with these lengths.
pub(super) fn size(head_len: usize, payload_len: usize) -> usize {
    (HEADER + head_len + payload_len).next_multiple_of(8) + TRAILER
}

/// Appends the frame of a record to `out`; gives its link.
pub(super) fn write(out: &mut Vec<u8>, stamp: Stamp, record: Record<'_>, chain: u64) -> u64 {
    let (head, payload) = (record.head, record.payload);
    let head_crc = crc32c::crc32c(head);
    let mut header = [0; HEADER];
    header[0..4].copy_from_slice(&MAGIC.to_le_bytes());
    header[8..12].copy_from_slice(&(head.len() as u32).to_le_bytes());
    header[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[16..24].copy_from_slice(&stamp.seq.to_le_bytes());
    header[24..32].copy_from_slice(&stamp.epoch.to_le_bytes());
    header[32..40].copy_from_slice(&stamp.synced.to_le_bytes());
    header[40..44].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    header[44..48].copy_from_slice(&(if stamp.last { LAST } else { 0 }).to_le_bytes());
    header[48..52].copy_from_slice(&head_crc.to_le_bytes());
    let header_crc = crc32c::crc32c_append(stamp.salt, &header[8..56]);
    header[4..8].copy_from_slice(&header_crc.to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(head);
    out.extend_from_slice(payload);
    let padding = size(head.len(), payload.len()) - TRAILER - HEADER - head.len() - payload.len();
    out.extend_from_slice(&[0; 8][..padding]);
    let chain = link(chain, header_crc, head_crc);
    out.extend_from_slice(&chain.to_le_bytes());
    chain
}

/// Whether `bytes` start with the wanted frame; they may be longer than it.
pub(super) fn check(bytes: &[u8], want: &Want) -> Result<Frame, Fault> {
    let Some(header) = Header::read(bytes, want.salt) else {
        return Err(if bytes.len() < HEADER { Fault::Short(HEADER) } else { Fault::Header });
    };
    header.follows(want)?;
    let size = size(header.head_len, header.payload_len);
    if bytes.len() < size {
        return Err(Fault::Short(size));
    }
    let bad = |why| Err(Fault::Body { size, why });
    let chain = link(want.chain, header.check, header.head_crc);
    let head_end = HEADER + header.head_len;
    let payload_end = head_end + header.payload_len;
    let payload = &bytes[head_end..payload_end];
    let mark = u64_at(bytes, ERASURE as usize);
    let erasure = match mark {
        // Its last byte is never zero, so this is none, or one of which the write stopped: the
        // payload is still there then, and its checksum says whether it is whole.
        0..=0x00ff_ffff_ffff_ffff => Erasure::None,
        _ if mark != erasure_mark(chain) => return bad("its erasure mark is wrong"),
        _ if payload.iter().all(|byte| *byte == 0) => Erasure::Done,
        _ => Erasure::Unfinished,
    };
    if crc32c::crc32c(&bytes[HEADER..head_end]) != header.head_crc {
        return bad("the checksum of its head does not match");
    }
    if erasure == Erasure::None && crc32c::crc32c(payload) != header.payload_crc {
        return bad("the checksum of its payload does not match");
    }
    if bytes[payload_end..size - TRAILER].iter().any(|byte| *byte != 0) {
        return bad("its padding is not zero");
    }
    if u64_at(bytes, size - TRAILER) != chain {
        return bad("it is not chained to the record before");
    }
    Ok(header.frame(erasure, chain, size))
}

/// The planted bug "torn tail accepted whole": a frame of which only the header was looked at.
pub(super) fn check_header_only(bytes: &[u8], want: &Want) -> Option<Frame> {
    let header = Header::read(bytes, want.salt)?;
    header.follows(want).ok()?;
    let size = size(header.head_len, header.payload_len);
    let chain = link(want.chain, header.check, header.head_crc);
    (bytes.len() >= size).then(|| header.frame(Erasure::None, chain, size))
}

/// The (seq, synced) of a frame header of this segment, if one stands at the start of `bytes`.
pub(super) fn recognise(bytes: &[u8], salt: u32) -> Option<(u64, u64)> {
    Header::read(bytes, salt).map(|header| (header.seq, header.synced))
}

/// What stands in the erasure field of an erased frame with this link.
pub(super) fn erasure_mark(chain: u64) -> u64 {
    mix(chain ^ 0x6572_6173_6564_2121) | TOP
}

struct Header {
    check: u32,
    head_len: usize,
    payload_len: usize,
    seq: u64,
    epoch: u64,
    synced: u64,
    payload_crc: u32,
    flags: u32,
    head_crc: u32,
    zero: u32,
}

impl Header {
    fn read(bytes: &[u8], salt: u32) -> Option<Header> {
        if bytes.len() < HEADER || u32_at(bytes, 0) != MAGIC {
            return None;
        }
        let check = u32_at(bytes, 4);
        if crc32c::crc32c_append(salt, &bytes[8..56]) != check {
            return None;
        }
        Some(Header {
            check,
            head_len: u32_at(bytes, 8) as usize,
            payload_len: u32_at(bytes, 12) as usize,
            seq: u64_at(bytes, 16),
            epoch: u64_at(bytes, 24),
            synced: u64_at(bytes, 32),
            payload_crc: u32_at(bytes, 40),
            flags: u32_at(bytes, 44),
            head_crc: u32_at(bytes, 48),
            zero: u32_at(bytes, 52),
        })
    }

    fn follows(&self, want: &Want) -> Result<(), Fault> {
        if self.seq != want.seq {
            return Err(Fault::Order(
                "another record stands here: one is missing, doubled or moved",
            ));
        }
        if self.epoch != want.epoch {
            return Err(Fault::Order("it was written by another opening than its segment"));
        }
        if self.synced != want.batch.unwrap_or(want.seq - 1) {
            return Err(Fault::Order("it belongs to another batch than the record before"));
        }
        if self.flags & !LAST != 0 || self.zero != 0 {
            return Err(Fault::Order("it has flags that this version does not know"));
        }
        if self.head_len + self.payload_len > RECORD_MAX {
            return Err(Fault::Order("it is longer than any record may be"));
        }
        Ok(())
    }

    fn frame(&self, erasure: Erasure, chain: u64, size: usize) -> Frame {
        Frame {
            seq: self.seq,
            synced: self.synced,
            last: self.flags & LAST != 0,
            head_len: self.head_len,
            payload_len: self.payload_len,
            erasure,
            chain,
            size,
        }
    }
}

/// The next link. For one link before, different checks give different links; for the same checks,
/// different links before give different ones: `mix` is a bijection, and only the top bit is lost.
fn link(before: u64, header_crc: u32, head_crc: u32) -> u64 {
    let before = if mutant::planted(Mutant::Unchained) { 0 } else { before };
    mix(before ^ (u64::from(header_crc) << 32 | u64::from(head_crc))) | TOP
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014).
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The number at an offset that is known to be inside.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The number at an offset that is known to be inside.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANT: Want = Want { salt: 7, epoch: 3, seq: 12, chain: 99, batch: None };

    fn frame(head: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let stamp = Stamp { salt: 7, epoch: 3, seq: 12, synced: 11, last: true };
        write(&mut bytes, stamp, Record { head, payload }, 99);
        bytes
    }

    #[test]
    fn a_frame_reads_back_as_it_was_written() {
        for (head, payload) in
            [(&b""[..], &b""[..]), (b"h", b""), (b"", b"pay"), (b"12345678", b"x")]
        {
            let bytes = frame(head, payload);
            let frame = check(&bytes, &WANT).expect("whole");
            assert_eq!((frame.head_len, frame.payload_len), (head.len(), payload.len()));
            assert_eq!(frame.size, bytes.len());
            assert!(frame.last);
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let good = frame(b"a head of a record", b"and its payload");
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // Most of the erasure field is noise as long as its last byte is zero.
            let is_noise = (56..63).contains(&(bit / 8));
            assert_eq!(check(&bytes, &WANT).is_ok(), is_noise, "bit {bit}");
        }
    }

    #[test]
    fn every_cut_leaves_a_zero_at_the_end() {
        let good = frame(b"head", b"payload");
        assert_ne!(good[good.len() - 1], 0);
        for kept in 0..good.len() {
            let mut torn = good[..kept].to_vec();
            assert!(matches!(check(&torn, &WANT), Err(Fault::Short(_))), "{kept}");
            torn.resize(good.len(), 0);
            assert!(check(&torn, &WANT).is_err(), "{kept}");
        }
    }

    #[test]
    fn a_frame_belongs_to_one_place_only() {
        let bytes = frame(b"head", b"payload");
        for other in [
            Want { salt: 8, ..WANT },
            Want { epoch: 4, ..WANT },
            Want { seq: 13, ..WANT },
            Want { chain: 98, ..WANT },
            Want { batch: Some(10), ..WANT },
        ] {
            assert!(check(&bytes, &other).is_err(), "{other:?}");
        }
    }
}
