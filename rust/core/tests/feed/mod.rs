//! The real decoder, driven: takes chunks and what the obvious decoder made of the same octets, and fails where they differ.

use lonedot_core::data::{DataDecoder, DataPolicies};
use lonedot_core::scan::Backend;

use crate::reference::Decoded;

/// Its buffer is kept from one run to the next.
#[derive(Default)]
pub(crate) struct Feed(Vec<u8>);

/// How a chunk is decoded and what it gives appended.
pub(crate) type Way = fn(&mut DataDecoder, &[u8], &mut Vec<u8>) -> usize;

/// Both ways, by name.
pub(crate) const WAYS: [(&str, Way); 2] = [("appended", DataDecoder::decode), ("in place first", in_place)];

impl Feed {
    /// Feeds the chunks one after the other, those after the end too, and checks all that comes of them, both ways.
    pub(crate) fn check<'a>(
        &mut self,
        chunks: impl Iterator<Item = &'a [u8]> + Clone,
        policies: &DataPolicies,
        backend: Backend,
        wanted: &Decoded,
    ) {
        self.check_ways(&WAYS, chunks, policies, backend, wanted);
    }

    /// The same in these ways.
    pub(crate) fn check_ways<'a>(
        &mut self,
        ways: &[(&str, Way)],
        chunks: impl Iterator<Item = &'a [u8]> + Clone,
        policies: &DataPolicies,
        backend: Backend,
        wanted: &Decoded,
    ) {
        for (name, way) in ways {
            let mut decoder = DataDecoder::with_backend(*policies, backend);
            self.0.clear();
            let (mut consumed, mut chunkwise) = (0, true);
            for chunk in chunks.clone() {
                let taken = way(&mut decoder, chunk, &mut self.0);
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
                let (eof, report, violation) = (decoder.eof(), decoder.report(), decoder.violation());
                let seen = Decoded { out: self.0.clone(), eof, consumed, report, violation };
                let chunks: Vec<_> = chunks.map(|chunk| chunk.escape_ascii().to_string()).collect();
                let backend = backend.name();
                panic!("{backend}, {name}, {policies:?}\n  chunks {chunks:?}\n  wanted {wanted:?}\n  seen   {seen:?}");
            }
        }
    }
}

/// As long as octets stand as they are they are the chunk's own. The rest is written into an empty vector, so that there is not
/// an octet more of room than was asked for.
fn in_place(decoder: &mut DataDecoder, chunk: &[u8], out: &mut Vec<u8>) -> usize {
    let (own, rest) = chunk.split_at(decoder.decode_in_place(chunk));
    let mut written = Vec::new();
    let taken = decoder.decode(rest, &mut written);
    out.extend_from_slice(own);
    out.extend_from_slice(&written);
    own.len() + taken
}
