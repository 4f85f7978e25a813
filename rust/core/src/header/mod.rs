//! The header check: a message's header section held against RFC 5322, and its fields of MIME against RFC 2045 to 2049, while
//! the mail data streams by.
//!
//! - [`HeaderReader`]: mail data in, at any split; findings out.
//! - [`check`]: the same for a message that is there whole.
//! - [`Finding`]: everything that can be found, in one table.
//! - [`HeaderFinding`]: a finding at its place.
//!
//! It judges and changes nothing: not an octet, and not what is done with the message. What receivers have to take although nobody
//! should send it (RFC 5322 §4) is named as obsolete, not refused.

mod addr_spec;
mod address;
mod body;
mod class;
mod counts;
mod cursor;
mod date;
mod encoded_word;
mod finding;
mod limits;
mod lines;
mod mime;
mod name;
mod notes;
mod parameters;
mod reader;
mod references;
mod rules;
mod shape;
mod splitter;
mod table;

pub use finding::{Finding, HeaderFinding, Row, Severity};
pub use limits::{HeaderContext, HeaderLimits};
pub use notes::MAX_NAME;
pub use reader::HeaderReader;

use crate::data::{BarePolicy, ChunkDecoder, DataPolicies, DataReport, KeepPolicy};
use crate::scan::Backend;

/// Checks a message that is whole: mail data without transparency and terminator.
#[must_use]
pub fn check(message: &[u8], limits: HeaderLimits, context: HeaderContext, backend: Backend) -> Vec<HeaderFinding> {
    let mut reader = HeaderReader::with_backend(limits, context, backend);
    reader.read(message);
    // Without a body there is nothing to hold against it.
    match message.get(reader.section()..) {
        None | Some(b"" | b"\r\n" | b"\n") => reader.finish(&DataReport::default()),
        Some(_) => reader.finish(&report(message, backend)),
    }
    reader.into_findings()
}

/// Octets that are decoded at a time where something is bare.
const PIECE: usize = 4096;

/// What a decoder counts in a message that is whole.
fn report(message: &[u8], backend: Backend) -> DataReport {
    let policies = DataPolicies {
        bare_cr: BarePolicy::Keep,
        bare_lf: BarePolicy::Keep,
        nul: KeepPolicy::Keep,
        long_line: KeepPolicy::Keep,
        ..DataPolicies::default()
    };
    let mut decoder = ChunkDecoder::with_backend(message.len() as u64, true, policies, backend);
    let (mut rest, mut out) = (message, Vec::new());
    while !rest.is_empty() {
        rest = &rest[decoder.decode_in_place(rest)..];
        // What cannot stay where it is is written, and thrown away.
        out.clear();
        let taken = decoder.decode(&rest[..rest.len().min(PIECE)], &mut out);
        rest = &rest[taken..];
    }
    decoder.report()
}
