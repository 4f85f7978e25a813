//! The decoder of what follows BDAT (RFC 3030 §2): so many octets, no transparency, no terminator.
//!
//! Takes the octets of one chunk after the other, each at any split; appends mail data to the caller's buffer; says how many
//! octets were the chunk's. No octet is interpreted as a command or an end: the chunk-size alone tells where a chunk ends, and
//! the LAST marker which is the message's last. Policies and report are those of [`super::DataDecoder`] and go over the
//! message, not the chunk: a CR at the end of one chunk and the LF at the start of the next are one CRLF. Binary content
//! (BODY=BINARYMIME, §3) asks for policies that keep everything.
//!
//! A *chunk* here is always BDAT's; what is decoded at a time is just octets.

use std::fmt;

use super::decoder::Decoder;
use super::policies::DataPolicies;
use super::report::DataReport;
use super::room::{Room, append};
use super::state::State;
use crate::scan::{BLOCK, Backend};
use crate::violation::{Fault, Violation};

/// The decoder of one message's chunks.
#[derive(Debug, Clone)]
pub struct ChunkDecoder {
    decoder: Decoder<false>,
    /// Octets of the chunk that have not come.
    left: u64,
    /// Whether it is the message's last.
    last: bool,
}

/// A chunk was begun where none can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkMisuse {
    /// Octets of the one before have not come.
    Unfinished,
    /// The one before was the message's last.
    AfterLast,
}

impl fmt::Display for ChunkMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unfinished => "octets of this chunk are missing; decode them before the next chunk",
            Self::AfterLast => "this chunk was the last; make a new decoder for another message",
        })
    }
}

impl std::error::Error for ChunkMisuse {}

impl ChunkDecoder {
    /// A decoder at the first octet of a message's first chunk, which has so many.
    #[must_use]
    pub fn new(size: u64, last: bool, policies: DataPolicies) -> Self {
        Self::with_backend(size, last, policies, Backend::best())
    }

    /// The same, with a kernel of the caller's choice.
    #[must_use]
    pub fn with_backend(size: u64, last: bool, policies: DataPolicies, backend: Backend) -> Self {
        Self { decoder: Decoder::new(policies, backend), left: size, last }
    }

    /// Begins the message's next chunk. Decode something of it, no octets if need be, even if it has none (`BDAT 0 LAST`): a CR
    /// that ended the chunk before is mail data only now.
    ///
    /// # Errors
    /// [`ChunkMisuse`] before the end of a chunk, and after the last one.
    pub const fn next_chunk(&mut self, size: u64, last: bool) -> Result<(), ChunkMisuse> {
        if !self.eof() {
            return Err(ChunkMisuse::Unfinished);
        }
        if self.last {
            return Err(ChunkMisuse::AfterLast);
        }
        (self.left, self.last) = (size, last);
        Ok(())
    }

    /// Decodes octets, appends the mail data in them to `out`, and returns how many of them are the chunk's. What follows
    /// these is the caller's. A CR is held until the next octet tells what it is; at the end of a chunk until the next chunk,
    /// and at the end of the last one not at all.
    pub fn decode(&mut self, octets: &[u8], out: &mut Vec<u8>) -> usize {
        append(out, self.most(octets.len()), |room| self.decode_into(octets, room))
    }

    /// The same, into memory of the caller's.
    ///
    /// # Panics
    /// When `room` has less left than [`ChunkDecoder::room_for`] says.
    pub fn decode_into(&mut self, octets: &[u8], room: &mut Room<'_>) -> usize {
        let octets = &octets[..self.of_chunk(octets.len())];
        let taken = self.decoder.decode_into(octets, room);
        self.left -= taken as u64;
        if self.last && self.left == 0 {
            self.decoder.decide_last(room);
        }
        taken
    }

    /// How many octets of room to decode so many octets into.
    #[must_use]
    pub fn room_for(&self, octets: usize) -> usize {
        self.most(octets).saturating_add(BLOCK)
    }

    /// Takes octets as long as they are mail data just as they stand, and returns how many: what [`ChunkDecoder::decode`]
    /// would write is then these octets, and need not be copied. Goes on where it stopped with `decode`.
    pub fn decode_in_place(&mut self, octets: &[u8]) -> usize {
        let taken = self.decoder.decode_in_place(&octets[..self.of_chunk(octets.len())]);
        self.left -= taken as u64;
        taken
    }

    fn most(&self, octets: usize) -> usize {
        self.decoder.most(self.of_chunk(octets))
    }

    /// How many of so many octets are the chunk's.
    fn of_chunk(&self, octets: usize) -> usize {
        usize::try_from(self.left).map_or(octets, |left| left.min(octets))
    }

    /// Whether all octets of the chunk have come.
    #[must_use]
    pub const fn eof(&self) -> bool {
        self.left == 0
    }

    /// The first violation of the policies in the message.
    #[must_use]
    pub const fn violation(&self) -> Option<Violation> {
        self.decoder.violation
    }

    /// What was counted so far in the message; complete at the end of its last chunk.
    #[must_use]
    pub fn report(&self) -> DataReport {
        self.decoder.report()
    }

    /// Octets of the message seen, in all chunks.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.decoder.offset
    }

    /// The report of a message that is whole and broke no rule.
    ///
    /// # Errors
    /// The first violation, or [`Fault::UnfinishedChunks`] when not all octets of a last chunk were decoded, a CR that was
    /// held among them.
    pub fn finish(&self) -> Result<DataReport, Violation> {
        let whole = self.last && self.eof() && self.decoder.state != State::Cr;
        match self.violation() {
            Some(violation) => Err(violation),
            None if whole => Ok(self.report()),
            None => Err(Violation::new(Fault::UnfinishedChunks, self.octets())),
        }
    }
}
