//! Whole, octet by octet and in chunks, with every kernel, the decoder gives what the obvious one gives.

use lonedot_core::scan::Backend;

use super::{Choices, chunks};
use crate::feed::Feed;
use crate::placed::Placed;
use crate::reference;

pub(super) fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let policies = choices.policies();
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
