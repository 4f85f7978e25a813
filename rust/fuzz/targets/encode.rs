//! Whole and in chunks, with every kernel, the encoder gives what the obvious one gives; decoding it is the identity.

use lonedot_core::data::{BarePolicy, DataEncoder, DataPolicies, KeepPolicy};
use lonedot_core::scan::Backend;

use super::{Choices, chunks};
use crate::feed::Feed;
use crate::{reference, reference_encode};

pub(super) fn run(input: &[u8]) {
    let mut choices = Choices(input);
    let bare = [BarePolicy::Reject, BarePolicy::Normalize];
    let (bare_cr, bare_lf) = (choices.one_of(&bare), choices.one_of(&bare));
    let sizes = choices.sizes();
    let data = choices.octets();
    let wanted = reference_encode::encode(&data, bare_cr, bare_lf);
    for backend in Backend::available() {
        for chunks in [vec![&data[..]], chunks(&data, &sizes)] {
            let mut encoder = DataEncoder::with_backend(bare_cr, bare_lf, backend).expect("Keep was not asked for");
            let mut wire = Vec::new();
            let seen = chunks.iter().try_for_each(|chunk| encoder.encode(chunk, &mut wire));
            match (seen.and_then(|()| encoder.finish(&mut wire)), &wanted) {
                (Ok(()), Ok((wanted, _))) => assert_eq!(&wire, wanted, "{}, {chunks:?}", backend.name()),
                (seen, wanted) => assert_eq!(seen.err(), wanted.as_ref().err().copied(), "{}", backend.name()),
            }
        }
        if let Ok((wire, mail_data)) = &wanted {
            let policies = DataPolicies { nul: KeepPolicy::Keep, max_line: u64::MAX, ..DataPolicies::default() };
            let decoded = reference::decode(wire, &policies);
            assert!(decoded.eof && decoded.violation.is_none() && &decoded.out == mail_data);
            Feed::default().check([&wire[..]].into_iter(), &policies, backend, &decoded);
        }
    }
}
