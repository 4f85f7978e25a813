//! What the header section says of the body, held against what the decoder counted in it (RFC 2045 §6).
//!
//! The body is not read for that, with one exception: the decoder's report knows the longest line of the whole message, so where
//! a line of the section is over 78 octets with its CRLF and the body is base64, the reader measures the body's lines itself.

use super::finding::{Finding, HeaderFinding};
use super::lines::Seen;
use super::mime::{Encoding, Kind};
use super::notes::{Field, Mark};
use crate::data::DataReport;
use crate::scan::{BLOCK, Backend, Job, Kernel, below};

/// Octets of a line of base64, its CRLF included (RFC 2045 §6.8).
const BASE64_LINE: u64 = 78;

/// What the fields of MIME say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Declared {
    pub kind: Kind,
    pub encoding: Encoding,
    /// Where Content-Transfer-Encoding says it, when that may become a finding.
    pub encoding_at: Option<Mark>,
}

impl Declared {
    /// Notes where the encoding is named.
    pub(super) fn place(&mut self, field: &Field<'_>) {
        // Nothing can be wrong with a body that may hold anything, and most mail has no other field than that.
        if self.encoding != Encoding::Other {
            let value = &field.without_end()[field.value..];
            let at = field.value + value.len() - value.trim_ascii_start().len();
            self.encoding_at = Some(Mark::new(field, at, at + value.trim_ascii().len()));
        }
    }

    /// Whether what is said does not go together (RFC 2045 §6.4).
    pub(super) fn judge(&self) -> Option<HeaderFinding> {
        let encoded = matches!(self.encoding, Encoding::Base64 | Encoding::QuotedPrintable);
        let at = self.encoding_at.filter(|_| encoded && self.kind != Kind::Discrete)?;
        Some(at.finding(Finding::EncodedComposite))
    }
}

/// The lines of a body, where they have to be measured.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    measured: bool,
    /// Octets of the line so far.
    line: u64,
    longest_line: u64,
}

impl Body {
    /// The section has ended.
    pub(super) fn begin(&mut self, declared: &Declared, seen: &Seen) {
        self.measured = declared.encoding == Encoding::Base64 && seen.longest_line > BASE64_LINE;
    }

    /// Whether its lines are measured.
    pub(super) const fn is_measured(&self) -> bool {
        self.measured
    }

    pub(super) fn read(&mut self, octets: &[u8], backend: Backend) {
        if self.measured && !octets.is_empty() {
            backend.run(Measure { body: self, octets });
        }
    }

    /// What is found when the message is whole.
    pub(super) fn judge(&self, declared: &Declared, seen: &Seen, report: &DataReport) -> [Option<Finding>; 2] {
        let eight_bit = match declared.kind {
            Kind::Discrete => Finding::EightBitBody,
            Kind::Multipart | Kind::Message => Finding::EightBitMultipart,
        };
        let is_eight_bit = declared.encoding != Encoding::Other && report.eight_bit > seen.eight_bit;
        let longest_line = if self.measured { self.longest_line.max(self.line) } else { report.longest_line };
        let is_long = declared.encoding == Encoding::Base64 && declared.kind == Kind::Discrete;
        [is_eight_bit.then_some(eight_bit), (is_long && longest_line > BASE64_LINE).then_some(Finding::Base64Line)]
    }
}

struct Measure<'a> {
    body: &'a mut Body,
    octets: &'a [u8],
}

impl Job for Measure<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernel>(self) {
        let (blocks, rest) = self.octets.as_chunks::<BLOCK>();
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let (mut line, mut longest_line) = (self.body.line, self.body.longest_line);
        let all = blocks.iter().map(|block| (block, BLOCK)).chain([(&last, rest.len())]);
        for (block, length) in all {
            let lf = K::masks(K::load(block)).lf & below(length);
            if lf == 0 {
                line += length as u64;
                continue;
            }
            // Between two line ends of one block no line is long.
            longest_line = longest_line.max(line + u64::from(lf.trailing_zeros()) + 1);
            line = length as u64 - (u64::from(u64::BITS - 1 - lf.leading_zeros()) + 1);
        }
        (self.body.line, self.body.longest_line) = (line, longest_line);
    }
}
