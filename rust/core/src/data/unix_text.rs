//! A text of Unix, whose lines end in LF, with the line ends of the wire.

use super::room::append;
use crate::scan::{BLOCK, Backend, Job, Kernel, WIDE, padded};

/// Appends the text with a CR before each LF. What is in it besides stays as it is; a CR that is there already too.
pub fn with_crlf(text: &[u8], out: &mut Vec<u8>, backend: Backend) {
    backend.run(WithCrlf { text, out });
}

struct WithCrlf<'a> {
    text: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Job for WithCrlf<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernel>(self) {
        let Self { text, out } = self;
        let mut rest = text;
        while !rest.is_empty() {
            // A line has thirty octets or more as a rule; where lines are shorter it takes more than one turn.
            rest = append(out, rest.len() + rest.len() / 16 + 2 * WIDE, |room| {
                let mut at = 0;
                while at < rest.len() && room.left() >= WIDE {
                    let last;
                    let (block, length) = match rest[at..].first_chunk::<BLOCK>() {
                        Some(block) => (block, BLOCK),
                        None => {
                            last = padded(&rest[at..]);
                            (&last, rest.len() - at)
                        }
                    };
                    let loaded = K::load(block);
                    let lf = K::masks(loaded).lf;
                    if lf == 0 {
                        room.store::<K>(loaded, length);
                    } else {
                        room.spread::<K>(block, lf, length + lf.count_ones() as usize);
                    }
                    at += length;
                }
                &rest[at..]
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lf_gets_a_cr_and_nothing_else_changes() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize
        };
        for backend in Backend::available() {
            for length in (0..300).chain([1000, 5000]) {
                for of in [&b"\n"[..], b"\na", b"\n\r.", b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst\n", b"a"] {
                    let text: Vec<u8> = (0..length).map(|_| of[random() % of.len()]).collect();
                    let wanted = text.iter().flat_map(|&o| if o == b'\n' { b"\r\n".to_vec() } else { vec![o] });
                    let mut out = b"before".to_vec();
                    with_crlf(&text, &mut out, backend);
                    assert_eq!(out[6..], wanted.collect::<Vec<_>>(), "{length} of {of:?}");
                }
            }
        }
    }
}
