//! What is fuzzed: each target takes any octets and panics where something does not hold. The first octets of an input choose
//! policies, limits and splits, the others are what comes over the wire.
//!
//! libFuzzer runs them from `src/bin`; the tests of lonedot-core run them over the committed corpus.

use lonedot_core::data::{BarePolicy, DataPolicies, KeepPolicy, LineEnds};

mod chunk;
mod command;
mod decode;
mod encode;
mod header;
mod proxy;
mod session;

/// Its name is that of its binary and of its folder in the corpus.
type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const TARGETS: [Target; 7] = [
    ("chunk", chunk::run),
    ("command", command::run),
    ("decode", decode::run),
    ("encode", encode::run),
    ("header", header::run),
    ("proxy", proxy::run),
    ("session", session::run),
];

/// An input, read from the front.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// The next octet; 0 where there is none.
    fn octet(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    fn flag(&mut self) -> bool {
        self.octet() & 1 == 1
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::from(self.octet()) % values.len()]
    }

    fn policies(&mut self) -> DataPolicies {
        let bare = [BarePolicy::Reject, BarePolicy::Keep, BarePolicy::Normalize];
        let keep = [KeepPolicy::Reject, KeepPolicy::Keep];
        DataPolicies {
            bare_cr: self.one_of(&bare),
            bare_lf: self.one_of(&bare),
            nul: self.one_of(&keep),
            long_line: self.one_of(&keep),
            line_ends: self.one_of(&[LineEnds::Crlf, LineEnds::Lf]),
            max_line: self.one_of(&[1000, 1, 3, 63, 64, 65, 70, 100, 128, 200, u64::MAX]),
            max_size: self.one_of(&[u64::MAX, 0, 3, 64, 100, 128, 300]),
        }
    }

    /// Sizes of chunks, to be used in turn.
    fn sizes(&mut self) -> [usize; 3] {
        std::array::from_fn(|_| usize::from(self.octet()) + 1)
    }

    /// What is left, behind up to 255 octets of one kind: a block ends and another begins close at hand in a short input.
    fn octets(mut self) -> Vec<u8> {
        const BEFORE: [&[u8]; 8] =
            [b"a", b"a\r\n", b"..\r\n", b"\r\n", b".\xe9\r\n", b"a\n", b"mail data, a line\r\n", b"\r"];
        let before = self.one_of(&BEFORE);
        let octets = usize::from(self.octet());
        before.iter().copied().cycle().take(octets).chain(self.0.iter().copied()).collect()
    }
}

/// Octets in chunks of these sizes, again and again.
fn chunks<'a>(mut octets: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(|| {
        let size = sizes.next().map_or(1, |&size| size.min(octets.len()));
        octets.split_off(..size).filter(|chunk| !chunk.is_empty())
    })
    .collect()
}
