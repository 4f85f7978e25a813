//! The header check, driven: takes a message; gives what is found in it, and fails where a split changes that.

use lonedot_core::data::DataReport;
use lonedot_core::header::{Finding, HeaderContext, HeaderFinding, HeaderLimits, HeaderReader, check};
use lonedot_core::scan::Backend;

/// What is found in the message when its octets come in these pieces.
pub(crate) fn found<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: HeaderLimits,
    context: HeaderContext,
    backend: Backend,
    report: &DataReport,
) -> Vec<HeaderFinding> {
    let mut reader = HeaderReader::with_backend(limits, context, backend);
    for piece in pieces {
        reader.read(piece);
    }
    reader.finish(report);
    reader.findings().to_vec()
}

/// What the decoder would count, counted octet by octet.
pub(crate) fn report(message: &[u8]) -> DataReport {
    let (mut line, mut longest_line, mut before) = (0, 0, 0);
    for &octet in message {
        line += 1;
        longest_line = line.max(longest_line);
        if (before, octet) == (b'\r', b'\n') {
            line = 0;
        }
        before = octet;
    }
    let eight_bit = message.iter().filter(|octet| !octet.is_ascii()).count() as u64;
    DataReport { size: message.len() as u64, longest_line, eight_bit, ..DataReport::default() }
}

/// Checks what holds of every message, and gives what is found in it.
pub(crate) fn holds(message: &[u8], limits: HeaderLimits, context: HeaderContext, splits: usize) -> Vec<HeaderFinding> {
    let report = report(message);
    let whole = check(message, limits, context, Backend::best());
    let show = || message.escape_ascii().to_string();
    for backend in Backend::available() {
        assert_eq!(found([message], limits, context, backend, &report), whole, "{}: {}", backend.name(), show());
    }
    let same = |found: Vec<HeaderFinding>, how: &str| assert_eq!(found, whole, "{how}: {}", show());
    same(found(message.chunks(1), limits, context, Backend::best(), &report), "octet by octet");
    for size in [2, 3, 63, 64, 65, 100] {
        same(found(message.chunks(size), limits, context, Backend::best(), &report), "in chunks");
    }
    for split in 0..=message.len().min(splits) {
        let (a, b) = message.split_at(split);
        same(found([a, b], limits, context, Backend::best(), &report), "in two");
    }
    are_sound(message, &whole, limits);
    whole
}

/// Places are in the message, lines are theirs, order and bounds are kept.
fn are_sound(message: &[u8], findings: &[HeaderFinding], limits: HeaderLimits) {
    assert!(findings.len() <= limits.max_findings + 1);
    let absent = |finding: &HeaderFinding| finding.length == 0;
    for (nth, found) in findings.iter().enumerate() {
        let at = usize::try_from(found.offset).unwrap();
        let end = at + found.length as usize;
        assert!(end <= message.len(), "{found:?}");
        let lines = message[..at].iter().filter(|&&octet| octet == b'\n').count();
        assert_eq!(found.line as usize, lines + 1, "{found:?}");
        let last = nth == limits.max_findings;
        assert_eq!(last, found.finding == Finding::TooManyFindings);
        assert!(!found.text().is_empty() && found.reply().to_string().ends_with("\r\n"));
    }
    let in_order = findings.iter().take(limits.max_findings).filter(|found| {
        !absent(found)
            && ![Finding::EightBitBody, Finding::EightBitMultipart, Finding::Base64Line].contains(&found.finding)
    });
    assert!(in_order.is_sorted_by_key(|found| found.offset), "{findings:?}");
}
