//! Walks the frames of one segment in order, through one reused window of its bytes.

use std::io;

use runtime::port::journal::Record;

use super::frame::{self, Fault, Frame, Want};
use super::mutant::{self, Mutant};
use crate::disk::File;

/// Bytes read at a time.
const WINDOW: usize = 256 << 10;

/// A place between two frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The byte in the file.
    pub(super) offset: u64,
    /// The record that stands there.
    pub(super) seq: u64,
    /// The link of the record before.
    pub(super) chain: u64,
}

/// Reads frames from a place on.
pub(super) struct Cursor<'a> {
    file: &'a File,
    want: Want,
    offset: u64,
    window: Window,
}

impl<'a> Cursor<'a> {
    /// Starts at a place where a batch starts.
    pub(super) fn new(file: &'a File, salt: u32, epoch: u64, place: Place) -> Cursor<'a> {
        let want = Want { salt, epoch, seq: place.seq, chain: place.chain, batch: None };
        Cursor { file, want, offset: place.offset, window: Window::default() }
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        Place { offset: self.offset, seq: self.want.seq, chain: self.want.chain }
    }

    /// Whether a batch is open: the last frame was not the last of its batch.
    pub(super) fn in_batch(&self) -> bool {
        self.want.batch.is_some()
    }

    /// The next frame, and moves behind it; or why there is none, and stays.
    pub(super) fn next(&mut self) -> io::Result<Result<Frame, Fault>> {
        let next = self.checked()?;
        if next.is_err() && mutant::planted(Mutant::TornAcceptedWhole) {
            return Ok(self.accept_torn()?.map_or(next, Ok));
        }
        Ok(next)
    }

    fn checked(&mut self) -> io::Result<Result<Frame, Fault>> {
        let mut needed = frame::HEADER;
        loop {
            let bytes = self.window.fetch(self.file, self.offset, needed)?;
            match frame::check(bytes, &self.want) {
                Ok(frame) => {
                    self.step(&frame);
                    return Ok(Ok(frame));
                }
                Err(Fault::Short(size)) if needed < size => needed = size,
                Err(Fault::Short(frame::HEADER)) => return Ok(Err(Fault::Header)),
                Err(Fault::Short(size)) => {
                    return Ok(Err(Fault::Body { size, why: "the file ends inside the frame" }));
                }
                Err(fault) => return Ok(Err(fault)),
            }
        }
    }

    /// The record of the frame just given.
    pub(super) fn record(&self, frame: &Frame) -> Record<'_> {
        let start = (self.offset - self.window.at) as usize - frame.size + frame::HEADER;
        let bytes = &self.window.bytes[start..];
        let (head, rest) = bytes.split_at(frame.head_len);
        let payload = match frame.erasure {
            frame::Erasure::None => &rest[..frame.payload_len],
            frame::Erasure::Done | frame::Erasure::Unfinished => &[],
        };
        Record { head, payload }
    }

    /// The planted bug: takes the frame at the tail as whole although it is not.
    fn accept_torn(&mut self) -> io::Result<Option<Frame>> {
        let bytes = self.window.fetch(self.file, self.offset, WINDOW)?;
        let accepted = frame::check_header_only(bytes, &self.want);
        if let Some(frame) = &accepted {
            self.step(frame);
        }
        Ok(accepted)
    }

    fn step(&mut self, frame: &Frame) {
        self.offset += frame.size as u64;
        self.want.seq += 1;
        self.want.chain = frame.chain;
        self.want.batch = if frame.last { None } else { Some(frame.synced) };
    }
}

/// A part of a file in memory.
#[derive(Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    at: u64,
    len: usize,
}

impl Window {
    /// The file's bytes from `offset`: at least `needed` of them unless the file ends before.
    pub(super) fn fetch(&mut self, file: &File, offset: u64, needed: usize) -> io::Result<&[u8]> {
        let end = self.at + self.len as u64;
        if offset < self.at || offset > end {
            (self.at, self.len) = (offset, 0);
        }
        let start = (offset - self.at) as usize;
        if self.len - start < needed {
            self.bytes.copy_within(start..self.len, 0);
            (self.at, self.len) = (offset, self.len - start);
            let room = needed.max(WINDOW);
            if self.bytes.len() < room {
                self.bytes.resize(room, 0);
            }
            self.len += file.read_at(&mut self.bytes[self.len..], offset + self.len as u64)?;
            return Ok(&self.bytes[..self.len]);
        }
        Ok(&self.bytes[start..self.len])
    }
}
