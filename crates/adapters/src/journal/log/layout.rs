//! What stands before the frames of a segment: who it belongs to, where it starts, what came after.
//!
//! A segment file starts with one page of 4,096 bytes, one fact per 512-byte sector, so that a
//! power cut keeps or loses each fact as a whole. The frames follow.
//!
//! ```text
//!    0 header     magic 8 · version u16 · zero u16 · crc of bytes 0..12 u32 · journal id 16
//!                 · first seq u64 · epoch u64 · chain before the first frame u64 · zero u64
//!                 · crc of bytes 0..64 u32
//!  512 fence      epoch of the opening that took over u64 · a function of it u64; zero until then
//! 1024 closed     the last record when the writer closed the journal; zero if it never did
//! 1536 continued  the last record, written once the next segment is durable
//! ```
//!
//! The last two are *marks*: magic u32, crc u32, seq u64, chain u64, end byte. A mark whose end
//! byte is zero was not written whole and says nothing. The header is written before the segment
//! gets its name, and never again. Its first 16 bytes mean the same in every version to come.

use std::path::{Path, PathBuf};

use super::frame::{mix, u32_at, u64_at};

/// The newest version of the format this program reads; the one it writes.
pub(super) const VERSION: u16 = 1;
/// Where the frames start.
pub(super) const PAGE: u64 = 4096;
/// Where the fence stands.
pub(super) const FENCE: u64 = 512;

const MAGIC: [u8; 8] = *b"MjdmLog\0";
const MARK_MAGIC: u32 = 0x4d61_726b;
const MARK: usize = 25;
const MARK_END: u8 = 0xa5;

/// The identity of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The journal it belongs to: random, equal in all its segments and snapshots.
    pub(super) journal: [u8; 16],
    /// The number of its first record.
    pub(super) first: u64,
    /// The opening that writes it; no other ever does.
    pub(super) epoch: u64,
    /// The link of the record before its first.
    pub(super) chain: u64,
}

/// Why the first page of a segment cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Written by a newer program.
    TooNew(u16),
    /// Not what was written.
    Damaged(&'static str),
}

impl Header {
    /// The first page of a new segment.
    pub(super) fn page(&self) -> Vec<u8> {
        let mut page = vec![0; PAGE as usize];
        page[0..8].copy_from_slice(&MAGIC);
        page[8..10].copy_from_slice(&VERSION.to_le_bytes());
        let crc = crc32c::crc32c(&page[0..12]);
        page[12..16].copy_from_slice(&crc.to_le_bytes());
        page[16..32].copy_from_slice(&self.journal);
        page[32..40].copy_from_slice(&self.first.to_le_bytes());
        page[40..48].copy_from_slice(&self.epoch.to_le_bytes());
        page[48..56].copy_from_slice(&self.chain.to_le_bytes());
        let crc = crc32c::crc32c(&page[0..64]);
        page[64..68].copy_from_slice(&crc.to_le_bytes());
        page
    }

    /// Reads the first page; gives the header and the salt of the frames.
    pub(super) fn read(page: &[u8]) -> Result<(Header, u32), Fault> {
        if page.len() < PAGE as usize {
            return Err(Fault::Damaged("the segment is shorter than its first page"));
        }
        version(page, &MAGIC, VERSION)?;
        let salt = u32_at(page, 64);
        if crc32c::crc32c(&page[0..64]) != salt {
            return Err(Fault::Damaged("the checksum of the segment's header does not match"));
        }
        let mut journal = [0; 16];
        journal.copy_from_slice(&page[16..32]);
        let (first, epoch) = (u64_at(page, 32), u64_at(page, 40));
        if first == 0 || epoch == 0 {
            return Err(Fault::Damaged("records and openings are numbered from 1"));
        }
        Ok((Header { journal, first, epoch, chain: u64_at(page, 48) }, salt))
    }
}

/// Checks the 16 bytes that start every file of a journal, whatever its version.
pub(super) fn version(bytes: &[u8], magic: &[u8; 8], known: u16) -> Result<(), Fault> {
    if bytes.len() < 16 || bytes[0..8] != *magic {
        return Err(Fault::Damaged("the file does not start as a file of the journal does"));
    }
    if crc32c::crc32c(&bytes[0..12]) != u32_at(bytes, 12) {
        return Err(Fault::Damaged("the checksum of the format's version does not match"));
    }
    match u16::from_le_bytes([bytes[8], bytes[9]]) {
        needed if needed > known => Err(Fault::TooNew(needed)),
        0 => Err(Fault::Damaged("versions are numbered from 1")),
        _ => Ok(()),
    }
}

/// The bytes of a fence raised by an opening.
pub(super) fn fence(epoch: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0..8].copy_from_slice(&epoch.to_le_bytes());
    bytes[8..16].copy_from_slice(&mix(epoch).to_le_bytes());
    bytes
}

/// The epoch of a fence, if one was written whole.
pub(super) fn fenced_by(bytes: &[u8]) -> Option<u64> {
    let epoch = u64_at(bytes, 0);
    (epoch != 0 && u64_at(bytes, 8) == mix(epoch)).then_some(epoch)
}

/// A fact about the end of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The writer closed the journal here.
    Closed,
    /// The next segment is durable; this one ends here.
    Continued,
}

impl Mark {
    /// Where it stands in the segment.
    pub(super) fn offset(self) -> u64 {
        match self {
            Mark::Closed => 1024,
            Mark::Continued => 1536,
        }
    }

    /// Its bytes, for a segment that ends with this record and this link.
    pub(super) fn bytes(self, salt: u32, seq: u64, chain: u64) -> [u8; MARK] {
        let mut bytes = [0; MARK];
        bytes[0..4].copy_from_slice(&MARK_MAGIC.to_le_bytes());
        bytes[8..16].copy_from_slice(&seq.to_le_bytes());
        bytes[16..24].copy_from_slice(&chain.to_le_bytes());
        let crc = crc32c::crc32c_append(salt ^ self.offset() as u32, &bytes[8..24]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes[24] = MARK_END;
        bytes
    }

    /// The (seq, chain) it says, if it was written; an error if it was damaged.
    pub(super) fn read(self, page: &[u8], salt: u32) -> Result<Option<(u64, u64)>, Fault> {
        let at = self.offset() as usize;
        let bytes = &page[at..at + MARK];
        if bytes[24] == 0 {
            return Ok(None);
        }
        let (seq, chain) = (u64_at(bytes, 8), u64_at(bytes, 16));
        if *bytes == self.bytes(salt, seq, chain) {
            Ok(Some((seq, chain)))
        } else {
            Err(Fault::Damaged("the mark of the segment's end is damaged"))
        }
    }
}

/// The name of a segment's file; names sort as the segments follow each other.
pub(super) fn segment_path(dir: &Path, first: u64, epoch: u64) -> PathBuf {
    dir.join(format!("{first:020}-{epoch:010}.log"))
}

/// The (first seq, epoch) that a segment's file name says.
pub(super) fn segment_name(path: &Path) -> Option<(u64, u64)> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".log")?;
    let (first, epoch) = stem.split_once('-')?;
    Some((first.parse().ok()?, epoch.parse().ok()?))
}
