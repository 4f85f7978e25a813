//! Whole, octet by octet and in chunks, with every kernel, the decoder gives what the obvious one gives.

use lonedot_core::data::{BarePolicy, DataPolicies, KeepPolicy, LineEnds};
use lonedot_core::scan::Backend;

use super::{Choices, chunks};
use crate::feed::Feed;
use crate::placed::Placed;
use crate::reference;

pub(super) fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let bare = [BarePolicy::Reject, BarePolicy::Keep, BarePolicy::Normalize];
    let keep = [KeepPolicy::Reject, KeepPolicy::Keep];
    let policies = DataPolicies {
        bare_cr: choices.one_of(&bare),
        bare_lf: choices.one_of(&bare),
        nul: choices.one_of(&keep),
        long_line: choices.one_of(&keep),
        line_ends: choices.one_of(&[LineEnds::Crlf, LineEnds::Lf]),
        max_line: choices.one_of(&[1000, 1, 3, 63, 64, 65, 70, 100, 128, 200, u64::MAX]),
        max_size: choices.one_of(&[u64::MAX, 0, 3, 64, 100, 128, 300]),
    };
    let (sizes, nth) = (choices.sizes(), usize::from(choices.octet()));
    let (past, long) = (choices.octet(), choices.octet());
    let mut wire = choices.octets();
    if long > 250 {
        // So long that a decoder aligns its reads.
        wire.extend(b"mail data\r\n".repeat(200));
    }
    let placed = Placed::new(&wire, 0, usize::from(past));
    let wire = placed.octets();
    let wanted = reference::decode(wire, &policies);
    let (mut feed, chunks) = (Feed::default(), chunks(wire, &sizes));
    for backend in Backend::available() {
        feed.check([wire].into_iter(), &policies, backend, &wanted);
        feed.check(chunks.iter().copied(), &policies, backend, &wanted);
    }
    // A call for each octet costs most, and is the least of a kernel's.
    let backends = Backend::available().collect::<Vec<_>>();
    feed.check(wire.chunks(1), &policies, backends[nth % backends.len()], &wanted);
}
