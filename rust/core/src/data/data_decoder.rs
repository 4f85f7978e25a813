//! The decoder of what follows DATA: finds `<CRLF>.<CRLF>`, takes transparency dots away, enforces the policies.
//!
//! Takes chunks at any split; appends mail data to the caller's buffer; says how many octets were its own. How it decides:
//! [`super::decoder`].

use super::decoder::Decoder;
use super::policies::DataPolicies;
use super::report::DataReport;
use super::room::Room;
use super::state::State;
use crate::scan::{BLOCK, Backend};
use crate::violation::{Fault, Violation};

/// The decoder of one message's mail data.
#[derive(Debug, Clone)]
pub struct DataDecoder {
    decoder: Decoder<true>,
}

impl DataDecoder {
    /// A decoder at the first octet after the 354.
    #[must_use]
    pub fn new(policies: DataPolicies) -> Self {
        Self::with_backend(policies, Backend::best())
    }

    /// The same, with a kernel of the caller's choice.
    #[must_use]
    pub fn with_backend(policies: DataPolicies, backend: Backend) -> Self {
        Self { decoder: Decoder::new(policies, backend) }
    }

    /// Decodes a chunk, appends its mail data to `out`, and returns how many of its octets belong to the mail data and its
    /// terminator. All of them, until the end is in the chunk; what follows the end is the caller's.
    pub fn decode(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> usize {
        self.decoder.decode(chunk, out)
    }

    /// The same, into memory of the caller's.
    ///
    /// # Panics
    /// When `room` has less left than [`DataDecoder::room_for`] says.
    pub fn decode_into(&mut self, chunk: &[u8], room: &mut Room<'_>) -> usize {
        self.decoder.decode_into(chunk, room)
    }

    /// How many octets of room to decode a chunk of so many octets into.
    #[must_use]
    pub const fn room_for(&self, octets: usize) -> usize {
        self.decoder.most(octets).saturating_add(BLOCK)
    }

    /// Takes octets from the start of a chunk as long as they are mail data just as they stand, and returns how many: what
    /// [`DataDecoder::decode`] would write is then the chunk's own first octets, and need not be copied. Goes on where it
    /// stopped with `decode`.
    pub fn decode_in_place(&mut self, chunk: &[u8]) -> usize {
        self.decoder.decode_in_place(chunk)
    }

    /// Whether `<CRLF>.<CRLF>` has been seen.
    #[must_use]
    pub fn eof(&self) -> bool {
        self.decoder.state == State::End
    }

    /// The first violation of the policies.
    #[must_use]
    pub const fn violation(&self) -> Option<Violation> {
        self.decoder.violation
    }

    /// What was counted so far; complete at the end.
    #[must_use]
    pub fn report(&self) -> DataReport {
        self.decoder.report()
    }

    /// Octets of the wire seen, the terminator included.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.decoder.offset
    }

    /// The report of mail data that is whole and broke no rule.
    ///
    /// # Errors
    /// The first violation, or [`Fault::Unfinished`] when the end was not seen.
    pub fn finish(&self) -> Result<DataReport, Violation> {
        match self.violation() {
            Some(violation) => Err(violation),
            None if self.eof() => Ok(self.report()),
            None => Err(Violation::new(Fault::Unfinished, self.octets())),
        }
    }
}
