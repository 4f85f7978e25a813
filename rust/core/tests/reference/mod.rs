//! The obvious decoder: whole input, one octet after the other, no state machine. What the real one is held against.

use lonedot_core::data::{BarePolicy, DataPolicies, DataReport, KeepPolicy, LineEnds};
use lonedot_core::{Fault, Violation};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub out: Vec<u8>,
    pub eof: bool,
    pub consumed: usize,
    pub report: DataReport,
    pub violation: Option<Violation>,
}

/// Mail data ends at the first CRLF.CRLF of the stream, where a CRLF is thought before its first octet: how many octets
/// come before the `.` CR LF.
pub(crate) fn end_of(wire: &[u8]) -> Option<usize> {
    let stream = [b"\r\n", wire].concat();
    stream.windows(5).position(|five| five == b"\r\n.\r\n")
}

pub(crate) fn decode(wire: &[u8], policies: &DataPolicies) -> Decoded {
    let end = end_of(wire);
    let body = &wire[..end.unwrap_or(wire.len())];
    let starts_line = |at: usize| at == 0 || at >= 2 && &wire[at - 2..at] == b"\r\n";
    let mut decoded =
        Decoded { eof: end.is_some(), consumed: end.map_or(wire.len(), |end| end + 3), ..Decoded::default() };
    let report = &mut decoded.report;
    let first = |place: &mut Option<u64>, at: usize| {
        place.get_or_insert(at as u64);
    };
    let mut line = 0;
    for (at, &octet) in body.iter().enumerate() {
        let next = wire.get(at + 1).copied();
        let undecided = next.is_none() && (octet == b'\r' || octet == b'.' && starts_line(at));
        let dot_cr = at + 2 == wire.len() && octet == b'.' && starts_line(at) && next == Some(b'\r');
        if undecided || dot_cr {
            break;
        }
        if octet == b'.' && starts_line(at) {
            report.dots_removed += 1;
            continue;
        }
        let cr_of_crlf = octet == b'\r' && next == Some(b'\n');
        let lf_of_crlf = octet == b'\n' && at > 0 && wire[at - 1] == b'\r';
        if cr_of_crlf && line == 0 {
            report.header_end.get_or_insert(report.size);
        }
        line += 1;
        report.size += 1;
        let mut faults = Vec::new();
        let mut becomes = vec![octet];
        if octet == b'\r' && !cr_of_crlf {
            report.bare_cr += 1;
            first(&mut report.first_bare_cr, at);
            match policies.bare_cr {
                BarePolicy::Reject => faults.push(Fault::BareCr),
                BarePolicy::Keep => {}
                BarePolicy::Normalize => becomes = vec![b' '],
            }
        }
        if octet == b'\n' && !lf_of_crlf {
            report.bare_lf += 1;
            first(&mut report.first_bare_lf, at);
            match policies.bare_lf {
                BarePolicy::Reject => faults.push(Fault::BareLf),
                BarePolicy::Keep => {}
                BarePolicy::Normalize if policies.line_ends == LineEnds::Lf => {}
                BarePolicy::Normalize => becomes = b"\r\n".to_vec(),
            }
        }
        if octet == 0 {
            report.nul += 1;
            first(&mut report.first_nul, at);
            if policies.nul == KeepPolicy::Reject {
                faults.push(Fault::Nul);
            }
        }
        if octet > 127 {
            report.eight_bit += 1;
            first(&mut report.first_eight_bit, at);
        }
        if line == policies.max_line + 1 {
            report.long_lines += 1;
            first(&mut report.first_long_line, at);
            if policies.long_line == KeepPolicy::Reject {
                faults.push(Fault::LongLine);
            }
        }
        if report.size > policies.max_size {
            faults.push(Fault::TooLarge);
        }
        if let Some(&fault) = faults.first() {
            decoded.violation.get_or_insert(Violation::new(fault, at as u64));
        }
        if cr_of_crlf && policies.line_ends == LineEnds::Lf {
            becomes.clear();
        }
        if decoded.violation.is_none() {
            decoded.out.extend(becomes);
        }
        report.longest_line = report.longest_line.max(line);
        if lf_of_crlf {
            report.lines += 1;
            line = 0;
        }
    }
    decoded
}
