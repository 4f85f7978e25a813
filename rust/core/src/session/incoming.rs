//! Mail data on its way in a session: the decoder, and what has to be known of it should it be given up.

use super::event::{Abort, AbortReason};
use crate::data::{DataDecoder, DataPolicies};

/// The mail data of the open transaction, after the 354.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) decoder: DataDecoder,
    /// The first octets of the wire, to tell a client that gave up inside DATA.
    first_octets: Vec<u8>,
    /// Octets of the wire when a rule was first broken.
    broken_at: Option<u64>,
}

impl Incoming {
    /// Enough octets for `QUIT` CRLF and one more that shows it was not alone.
    const REMEMBERED: usize = 7;

    pub(super) fn new(policies: DataPolicies) -> Self {
        Self { decoder: DataDecoder::new(policies), first_octets: Vec::new(), broken_at: None }
    }

    /// Decodes octets, as [`DataDecoder::decode`] does.
    pub(super) fn decode(&mut self, octets: &[u8], out: &mut Vec<u8>) -> usize {
        let room = Self::REMEMBERED - self.first_octets.len();
        if room > 0 {
            self.first_octets.extend_from_slice(&octets[..octets.len().min(room)]);
        }
        self.decoder.decode(octets, out)
    }

    /// Whether a rule was broken by what was decoded last, and none before.
    pub(super) fn just_broken(&mut self) -> bool {
        if self.decoder.violation().is_none() || self.broken_at.is_some() {
            return false;
        }
        self.broken_at = Some(self.decoder.octets());
        true
    }

    /// Octets of the wire read on since a rule was broken.
    pub(super) fn drained(&self) -> u64 {
        self.broken_at.map_or(0, |broken_at| self.decoder.octets() - broken_at)
    }

    /// What to tell when it is given up; nothing when a broken rule was told already.
    pub(super) fn abort(&self, reason: AbortReason) -> Option<Abort> {
        if reason != AbortReason::Violation && self.broken_at.is_some() {
            return None;
        }
        let only_command = self.only_command();
        Some(Abort { reason, octets: self.decoder.octets(), only_command, violation: self.decoder.violation() })
    }

    /// `QUIT` or `RSET` when that is all there was, with or without its line end.
    fn only_command(&self) -> Option<&'static str> {
        let octets = self.first_octets.strip_suffix(b"\n").unwrap_or(&self.first_octets);
        let octets = octets.strip_suffix(b"\r").unwrap_or(octets);
        ["QUIT", "RSET"].into_iter().find(|verb| octets.eq_ignore_ascii_case(verb.as_bytes()))
    }
}
