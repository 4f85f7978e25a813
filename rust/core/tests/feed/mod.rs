//! The real decoder, driven: takes chunks and what the obvious decoder made of the same octets, and fails where they differ.

use lonedot_core::data::{DataDecoder, DataPolicies};
use lonedot_core::scan::Backend;

use crate::reference::Decoded;

/// Its buffer is kept from one run to the next.
#[derive(Default)]
pub(crate) struct Feed(Vec<u8>);

impl Feed {
    /// Feeds the chunks one after the other, those after the end too, and checks all that comes of them.
    pub(crate) fn check<'a>(
        &mut self,
        chunks: impl Iterator<Item = &'a [u8]> + Clone,
        policies: &DataPolicies,
        backend: Backend,
        wanted: &Decoded,
    ) {
        let mut decoder = DataDecoder::with_backend(*policies, backend);
        self.0.clear();
        let (mut consumed, mut chunkwise) = (0, true);
        for chunk in chunks.clone() {
            let taken = decoder.decode(chunk, &mut self.0);
            chunkwise &= taken == chunk.len() || decoder.eof();
            consumed += taken;
        }
        let same = chunkwise
            && self.0 == wanted.out
            && decoder.eof() == wanted.eof
            && consumed == wanted.consumed
            && decoder.octets() == consumed as u64
            && decoder.report() == wanted.report
            && decoder.violation() == wanted.violation;
        if !same {
            let seen = Decoded {
                out: self.0.clone(),
                eof: decoder.eof(),
                consumed,
                report: decoder.report(),
                violation: decoder.violation(),
            };
            let chunks: Vec<_> = chunks.map(|chunk| chunk.escape_ascii().to_string()).collect();
            let backend = backend.name();
            panic!("{backend}, {policies:?}\n  chunks {chunks:?}\n  wanted {wanted:?}\n  seen   {seen:?}");
        }
    }
}
