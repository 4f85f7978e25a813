//! Where a field ends: at the CRLF that no white space follows (RFC 5322 §2.2.3).
//!
//! Takes the octets of the section at any split; gives the end of each field as soon as the octet behind it has come, and
//! says whether its octets are worth a closer look: long lines, octets that stand in few fields, lines that end in white space. A bare LF
//! ends a line as well, as it does for whoever reads the message on a Unix system; the closer look tells it.

use crate::scan::{BLOCK, Kernel, Masks, below, padded};

/// Octets of a line that nothing is said of, its CRLF included: no more than a line of base64 has, see [`super::body`].
const SHORT: usize = 78;

/// The field that is being read, as far as its octets have come.
#[derive(Debug, Clone, Default)]
pub(super) struct Splitter {
    /// Octets of the line, of those that came before.
    line: usize,
    /// Lines that have ended.
    lines: u32,
    /// The last octet ended a line; the next one tells whether the field goes on.
    ended: bool,
    /// The last octet was a CR.
    cr: bool,
    /// The last octet, but for a CR, was a space or a tab.
    space: bool,
    long: bool,
    odd: bool,
}

/// A field that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    /// Where the next one begins in the octets that were given.
    pub end: usize,
    /// Lines of it.
    pub lines: u32,
    /// Whether there may be anything to say of its lines.
    pub long: bool,
    /// Whether there may be anything to say of its octets.
    pub odd: bool,
}

impl Splitter {
    /// Reads on. None when the field's end is not there yet: all octets are its own then.
    #[inline(always)]
    pub(super) fn read<K: Kernel>(&mut self, octets: &[u8], mut at: usize) -> Option<Whole> {
        if self.ended {
            match octets.get(at) {
                Some(b' ' | b'\t') => self.ended = false,
                Some(_) => return Some(self.whole(at)),
                None => return None,
            }
        }
        while at < octets.len() {
            let rest = &octets[at..];
            let last;
            let (block, length) = match rest.first_chunk::<BLOCK>() {
                Some(block) => (block, BLOCK),
                None => {
                    last = padded(rest);
                    (&last, rest.len())
                }
            };
            let loaded = K::load(block);
            let Masks { cr, lf } = K::masks(loaded);
            let after_cr = cr << 1 | u64::from(self.cr);
            let mut odd = K::control(loaded) & !cr & !lf;
            if odd != 0 {
                odd &= !K::tabs(loaded);
            }
            odd |= (lf ^ after_cr) & below(length);
            let mut ends = lf;
            let mut start = 0;
            while ends != 0 {
                let place = ends.trailing_zeros() as usize;
                ends &= ends - 1;
                let line = self.line + place + 1 - start;
                self.long |= line > SHORT;
                self.lines = self.lines.saturating_add(1);
                (self.line, start) = (0, place + 1);
                let empty = self.lines == 1 && (line == 1 || line == 2 && after_cr >> place & 1 == 1);
                self.long |= self.ends_in_space(&octets[..at + place]);
                let next = octets.get(at + place + 1);
                if empty || next.is_some_and(|octet| !matches!(octet, b' ' | b'\t')) {
                    self.odd |= odd & below(place + 1) != 0;
                    return Some(self.whole(at + place + 1));
                }
                self.ended = next.is_none();
            }
            self.odd |= odd != 0;
            self.line += length - start;
            self.cr = cr >> (length - 1) & 1 == 1;
            at += length;
        }
        self.space = self.ends_in_space(octets);
        None
    }

    /// Whether a line with these octets, and with those before them, ends in white space, its CR left out.
    #[inline(always)]
    fn ends_in_space(&self, octets: &[u8]) -> bool {
        match octets {
            [.., octet, b'\r'] => matches!(octet, b' ' | b'\t'),
            [b'\r'] | [] => self.space,
            [.., octet] => matches!(octet, b' ' | b'\t'),
        }
    }

    /// The field ends here because nothing more comes.
    pub(super) fn finish(&mut self, end: usize) -> Whole {
        (self.long, self.odd) = (true, true);
        self.whole(end)
    }

    fn whole(&mut self, end: usize) -> Whole {
        let Self { lines, long, odd, .. } = std::mem::take(self);
        Whole { end, lines, long, odd }
    }
}
