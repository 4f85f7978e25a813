//! Mail data on its way in a session: the decoder, and what has to be known of it should it be given up.

use super::event::{Abort, AbortReason};
use crate::data::{DataDecoder, DataPolicies};
use crate::scan::Backend;

/// The mail data of the open transaction, after the 354.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) decoder: DataDecoder,
    /// The first octets of the wire, to tell a client that gave up inside DATA.
    first_octets: Vec<u8>,
    /// Whether it was told that a rule was broken.
    told: bool,
}

impl Incoming {
    /// Enough octets for `QUIT` CRLF and one more that shows it was not alone.
    const REMEMBERED: usize = 7;

    pub(super) fn new(policies: DataPolicies, backend: Backend) -> Self {
        Self { decoder: DataDecoder::with_backend(policies, backend), first_octets: Vec::new(), told: false }
    }

    /// Decodes octets, as [`DataDecoder::decode`] does.
    pub(super) fn decode(&mut self, octets: &[u8], out: &mut Vec<u8>) -> usize {
        let room = Self::REMEMBERED - self.first_octets.len();
        if room > 0 {
            self.first_octets.extend_from_slice(&octets[..octets.len().min(room)]);
        }
        self.decoder.decode(octets, out)
    }

    /// Octets of the wire read on since a rule was broken.
    pub(super) fn drained(&self) -> u64 {
        self.decoder.violation().map_or(0, |violation| self.decoder.octets() - violation.offset - 1)
    }

    /// What to tell of a broken rule, once. It is the same however the octets came, so it says nothing that depends on
    /// how many have come since.
    pub(super) fn broken(&mut self) -> Option<Abort> {
        let violation = self.decoder.violation().filter(|_| !self.told)?;
        self.told = true;
        let octets = violation.offset + 1;
        Some(Abort { reason: AbortReason::Violation, octets, only_command: None, violation: Some(violation) })
    }

    /// What to tell when it is given up from outside; nothing when it was told before.
    pub(super) fn abort(&self, reason: AbortReason) -> Option<Abort> {
        let (octets, only_command) = (self.decoder.octets(), self.only_command());
        (!self.told).then_some(Abort { reason, octets, only_command, violation: None })
    }

    /// `QUIT` or `RSET` when that is all there was, with or without its line end.
    fn only_command(&self) -> Option<&'static str> {
        let octets = self.first_octets.strip_suffix(b"\n").unwrap_or(&self.first_octets);
        let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
        ["QUIT", "RSET"].into_iter().find(|verb| octets.eq_ignore_ascii_case(verb.as_bytes()))
    }
}
