//! Mail data on its way in a session, after DATA or in chunks: the decoder, and what has to be known of it should it be given
//! up.

use super::event::{Abort, AbortReason};
use crate::command::Bdat;
use crate::data::{ChunkDecoder, DataDecoder, DataPolicies, DataReport};
use crate::scan::Backend;
use crate::violation::Violation;

/// The mail data of the open transaction, after the 354 or from the first BDAT on.
#[derive(Debug)]
pub(super) struct Incoming {
    decoder: Decoder,
    /// The first octets of the wire, to tell a client that gave up inside DATA.
    first_octets: Vec<u8>,
    /// Whether it was told that a rule was broken.
    told: bool,
    /// Octets seen when the application wanted no more.
    discarded: Option<u64>,
}

#[derive(Debug)]
enum Decoder {
    Data(DataDecoder),
    /// And the octets of the chunk under way.
    Chunks(ChunkDecoder, Bdat),
}

/// What the octets so far have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There are more.
    Not,
    /// The end of a chunk of so many octets, not the last.
    Chunk(u64),
    /// The end.
    MailData,
}

impl Incoming {
    /// Enough octets for `QUIT` CRLF and one more that shows it was not alone.
    const REMEMBERED: usize = 7;

    pub(super) fn data(policies: DataPolicies, backend: Backend) -> Self {
        Self::new(Decoder::Data(DataDecoder::with_backend(policies, backend)))
    }

    pub(super) fn chunks(bdat: Bdat, policies: DataPolicies, backend: Backend) -> Self {
        Self::new(Decoder::Chunks(ChunkDecoder::with_backend(bdat.size, bdat.last, policies, backend), bdat))
    }

    fn new(decoder: Decoder) -> Self {
        Self { decoder, first_octets: Vec::new(), told: false, discarded: None }
    }

    /// The next chunk. False when there can be none.
    pub(super) fn next_chunk(&mut self, bdat: Bdat) -> bool {
        let Decoder::Chunks(decoder, under_way) = &mut self.decoder else { return false };
        *under_way = bdat;
        decoder.next_chunk(bdat.size, bdat.last).is_ok()
    }

    /// Decodes octets; returns how many of them were mail data's. Nothing is handed out of what was discarded.
    pub(super) fn decode(&mut self, octets: &[u8], out: &mut Vec<u8>) -> usize {
        let taken = match &mut self.decoder {
            Decoder::Data(decoder) => {
                let room = Self::REMEMBERED - self.first_octets.len();
                if room > 0 {
                    self.first_octets.extend_from_slice(&octets[..octets.len().min(room)]);
                }
                decoder.decode(octets, out)
            }
            Decoder::Chunks(decoder, _) => decoder.decode(octets, out),
        };
        if self.discarded.is_some() {
            out.clear();
        }
        taken
    }

    /// Whether mail data, or a chunk of it, ended with the octets decoded last.
    pub(super) fn end(&self) -> End {
        match &self.decoder {
            Decoder::Data(decoder) if decoder.eof() => End::MailData,
            Decoder::Chunks(decoder, Bdat { last: true, .. }) if decoder.eof() => End::MailData,
            Decoder::Chunks(decoder, Bdat { size, .. }) if decoder.eof() => End::Chunk(*size),
            _ => End::Not,
        }
    }

    pub(super) fn report(&self) -> DataReport {
        match &self.decoder {
            Decoder::Data(decoder) => decoder.report(),
            Decoder::Chunks(decoder, _) => decoder.report(),
        }
    }

    /// The rule that was broken; once it is discarded, none.
    pub(super) fn violation(&self) -> Option<Violation> {
        let violation = match &self.decoder {
            Decoder::Data(decoder) => decoder.violation(),
            Decoder::Chunks(decoder, _) => decoder.violation(),
        };
        violation.filter(|_| self.told || self.discarded.is_none())
    }

    /// Octets of the wire seen.
    fn octets(&self) -> u64 {
        match &self.decoder {
            Decoder::Data(decoder) => decoder.octets(),
            Decoder::Chunks(decoder, _) => decoder.octets(),
        }
    }

    /// The application wants no more of it.
    pub(super) fn discard(&mut self) {
        let octets = self.octets();
        self.discarded.get_or_insert(octets);
    }

    pub(super) const fn is_discarded(&self) -> bool {
        self.discarded.is_some()
    }

    /// Octets of the wire read on since a rule was broken, or since nobody wanted them.
    pub(super) fn drained(&self) -> u64 {
        let from = self.violation().map(|violation| violation.offset + 1).or(self.discarded);
        from.map_or(0, |from| self.octets() - from)
    }

    /// What to tell of a broken rule, once. It is the same however the octets came, so it says nothing that depends on
    /// how many have come since.
    pub(super) fn broken(&mut self) -> Option<Abort> {
        let violation = self.violation().filter(|_| !self.told)?;
        self.told = true;
        let octets = violation.offset + 1;
        Some(Abort { reason: AbortReason::Violation, octets, only_command: None, violation: Some(violation) })
    }

    /// What to tell when it is given up; nothing when it was told before, or when nobody wanted it any more.
    pub(super) fn abort(&self, reason: AbortReason, violation: Option<Violation>) -> Option<Abort> {
        let (octets, only_command) = (self.octets(), self.only_command());
        (!self.told && self.discarded.is_none()).then_some(Abort { reason, octets, only_command, violation })
    }

    /// `QUIT` or `RSET` when that is all there was, with or without its line end.
    fn only_command(&self) -> Option<&'static str> {
        let octets = self.first_octets.strip_suffix(b"\n").unwrap_or(&self.first_octets);
        let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
        ["QUIT", "RSET"].into_iter().find(|verb| octets.eq_ignore_ascii_case(verb.as_bytes()))
    }
}
