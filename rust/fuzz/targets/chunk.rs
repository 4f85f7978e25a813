//! In any division into chunks and at any split, with every kernel, the decoder of chunks gives what the obvious one gives.

use lonedot_core::data::ChunkDecoder;
use lonedot_core::scan::Backend;

use super::{Choices, chunks};
use crate::placed::Placed;
use crate::reference_chunk::{self, Decoded};

pub(super) fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let policies = choices.policies();
    let (pieces, division, last, past) = (choices.sizes(), choices.sizes(), choices.flag(), choices.octet());
    let message = choices.octets();
    let placed = Placed::new(&message, 0, usize::from(past));
    let message = placed.octets();
    let wanted = reference_chunk::decode(message, last, &policies);
    // The whole in one chunk, and divided.
    for sizes in [vec![message.len()], chunks(message, &division).iter().map(|chunk| chunk.len()).collect()] {
        for backend in Backend::available() {
            let (first, others) = sizes.split_first().unwrap_or((&0, &[]));
            let mut decoder = ChunkDecoder::with_backend(*first as u64, last && others.is_empty(), policies, backend);
            let (mut decoded, mut others) = (Decoded { whole: last, ..Decoded::default() }, others.iter());
            for mut rest in chunks(message, &pieces).into_iter().chain([&b""[..]]) {
                loop {
                    let in_place = decoder.decode_in_place(rest);
                    decoded.out.extend_from_slice(&rest[..in_place]);
                    rest = &rest[in_place + decoder.decode(&rest[in_place..], &mut decoded.out)..];
                    let Some(size) = decoder.eof().then(|| others.next()).flatten() else { break };
                    decoder.next_chunk(*size as u64, last && others.as_slice().is_empty()).unwrap();
                }
                assert!(rest.is_empty());
            }
            (decoded.report, decoded.violation) = (decoder.report(), decoder.violation());
            assert_eq!(decoded, wanted, "{policies:?} {} {sizes:?}", backend.name());
            assert_eq!(decoder.finish().is_ok(), last && wanted.violation.is_none());
        }
    }
}
