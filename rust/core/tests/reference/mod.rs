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

/// Octets before the `.` CR LF that ends mail data, at the first CRLF.CRLF with a CRLF thought before the first octet.
pub(crate) fn end_of(wire: &[u8]) -> Option<usize> {
    let stream = [b"\r\n", wire].concat();
    stream.windows(5).position(|five| five == b"\r\n.\r\n")
}

pub(crate) fn decode(wire: &[u8], policies: &DataPolicies) -> Decoded {
    let end = end_of(wire);
    let consumed = end.map_or(wire.len(), |end| end + 3);
    let mut decoded = Decoded { eof: end.is_some(), consumed, ..Decoded::default() };
    let report = &mut decoded.report;
    let mut line = 0;
    for (at, octet) in wire[..end.unwrap_or(wire.len())].iter().enumerate() {
        let (before, after) = (&wire[..at], &wire[at + 1..]);
        let transparent = *octet == b'.' && (at == 0 || before.ends_with(b"\r\n"));
        if transparent && (after.is_empty() || after == b"\r") || *octet == b'\r' && after.is_empty() {
            break; // what it is depends on what comes next
        }
        if transparent {
            report.dots_removed += 1;
            continue;
        }
        line += 1;
        report.size += 1;
        report.longest_line = report.longest_line.max(line);
        let (cr_of_crlf, lf_of_crlf) = (after.starts_with(b"\n"), before.ends_with(b"\r"));
        let (bare_cr, bare_lf) = (*octet == b'\r' && !cr_of_crlf, *octet == b'\n' && !lf_of_crlf);
        let (nul, eight_bit, long) = (*octet == 0, *octet > 127, line - 1 == policies.max_line);
        let count = |seen: bool, number: &mut u64, first: &mut Option<u64>| {
            *number += u64::from(seen);
            *first = first.or(seen.then_some(at as u64));
        };
        count(bare_cr, &mut report.bare_cr, &mut report.first_bare_cr);
        count(bare_lf, &mut report.bare_lf, &mut report.first_bare_lf);
        count(nul, &mut report.nul, &mut report.first_nul);
        count(eight_bit, &mut report.eight_bit, &mut report.first_eight_bit);
        count(long, &mut report.long_lines, &mut report.first_long_line);
        let faults = [
            (bare_cr && policies.bare_cr == BarePolicy::Reject, Fault::BareCr),
            (bare_lf && policies.bare_lf == BarePolicy::Reject, Fault::BareLf),
            (nul && policies.nul == KeepPolicy::Reject, Fault::Nul),
            (long && policies.long_line == KeepPolicy::Reject, Fault::LongLine),
            (report.size > policies.max_size, Fault::TooLarge),
        ];
        let fault = faults.into_iter().find(|(broken, _)| *broken);
        decoded.violation = decoded.violation.or(fault.map(|(_, fault)| Violation::new(fault, at as u64)));
        if decoded.violation.is_none() {
            let lf = policies.line_ends == LineEnds::Lf;
            decoded.out.extend_from_slice(match octet {
                b'\r' if cr_of_crlf && lf => b"",
                b'\r' if bare_cr && policies.bare_cr == BarePolicy::Normalize => b" ",
                b'\n' if bare_lf && policies.bare_lf == BarePolicy::Normalize && !lf => b"\r\n",
                octet => std::slice::from_ref(octet),
            });
        }
        if *octet == b'\r' && cr_of_crlf && line == 1 {
            report.header_end = report.header_end.or(Some(report.size - 1));
        }
        if *octet == b'\n' && lf_of_crlf {
            report.lines += 1;
            line = 0;
        }
    }
    decoded
}
