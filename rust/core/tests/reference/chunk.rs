//! The obvious decoder of chunks: whole message, one octet after the other, no state machine. What the real one is held against.

use lonedot_core::data::{BarePolicy, DataPolicies, DataReport, KeepPolicy, LineEnds};
use lonedot_core::{Fault, Violation};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub out: Vec<u8>,
    /// Octets of the stream after the last chunk.
    pub unused: usize,
    pub report: DataReport,
    pub violation: Option<Violation>,
    /// Whether the last chunk ended.
    pub whole: bool,
}

/// Takes all octets of all chunks. Before the message is whole a last CR is not decided.
pub(crate) fn decode(message: &[u8], whole: bool, policies: &DataPolicies) -> Decoded {
    let mut decoded = Decoded { whole, ..Decoded::default() };
    let report = &mut decoded.report;
    let mut line = 0;
    for (at, &octet) in message.iter().enumerate() {
        if !whole && octet == b'\r' && at + 1 == message.len() {
            break;
        }
        let offset = at as u64;
        let begins_crlf = message[at..].starts_with(b"\r\n");
        let ends_crlf = message[..=at].ends_with(b"\r\n");
        let (mut becomes, mut faults) = (&message[at..=at], Vec::new());
        if begins_crlf && line == 0 {
            report.header_end.get_or_insert(report.size);
        }
        line += 1;
        report.size += 1;
        match octet {
            b'\r' if begins_crlf && policies.line_ends == LineEnds::Lf => becomes = b"",
            b'\r' if !begins_crlf => {
                report.bare_cr += 1;
                report.first_bare_cr.get_or_insert(offset);
                match policies.bare_cr {
                    BarePolicy::Reject => faults.push(Fault::BareCr),
                    BarePolicy::Keep => {}
                    BarePolicy::Normalize => becomes = b" ",
                }
            }
            b'\n' if !ends_crlf => {
                report.bare_lf += 1;
                report.first_bare_lf.get_or_insert(offset);
                match (policies.bare_lf, policies.line_ends) {
                    (BarePolicy::Reject, _) => faults.push(Fault::BareLf),
                    (BarePolicy::Normalize, LineEnds::Crlf) => becomes = b"\r\n",
                    _ => {}
                }
            }
            0 => {
                report.nul += 1;
                report.first_nul.get_or_insert(offset);
                if policies.nul == KeepPolicy::Reject {
                    faults.push(Fault::Nul);
                }
            }
            128.. => {
                report.eight_bit += 1;
                report.first_eight_bit.get_or_insert(offset);
            }
            _ => {}
        }
        if line - 1 == policies.max_line {
            report.long_lines += 1;
            report.first_long_line.get_or_insert(offset);
            if policies.long_line == KeepPolicy::Reject {
                faults.push(Fault::LongLine);
            }
        }
        if report.size > policies.max_size {
            faults.push(Fault::TooLarge);
        }
        if let Some(&fault) = faults.first() {
            decoded.violation.get_or_insert(Violation::new(fault, offset));
        }
        if decoded.violation.is_none() {
            decoded.out.extend_from_slice(becomes);
        }
        report.longest_line = report.longest_line.max(line);
        if ends_crlf {
            report.lines += 1;
            line = 0;
        }
    }
    decoded
}
