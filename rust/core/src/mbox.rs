//! A mbox (RFC 4155): many messages in one file, with the line ends of Unix as a rule.
//!
//! Takes octets of the file; gives the lines at which a message may begin, and tells which messages have nothing that the header
//! check finds. Which line is a border, and what is found in a message, is for whoever reads the file to say.

use crate::data::with_crlf;
use crate::header::{HeaderContext, HeaderLimits, check};
use crate::scan::{BLOCK, Backend, Job, Kernel};

/// Where `From ` stands at the beginning of a line, from `start` on; also behind any number of `>`, which writers put there.
/// The first octet is not looked at.
#[must_use]
pub fn from_lines(octets: &[u8], start: usize, backend: Backend) -> Vec<usize> {
    let mut found = Vec::new();
    backend.run(FromLines { octets, start: start.max(1) - 1, found: &mut found });
    found
}

struct FromLines<'a> {
    octets: &'a [u8],
    /// Where the first LF may be.
    start: usize,
    found: &'a mut Vec<usize>,
}

impl FromLines<'_> {
    #[inline(always)]
    fn look_at(&mut self, line: usize) {
        let Some(b'F' | b'>') = self.octets.get(line) else { return };
        let quotes = self.octets[line..].iter().take_while(|&&octet| octet == b'>').count();
        if self.octets[line + quotes..].starts_with(b"From ") {
            self.found.push(line + quotes);
        }
    }
}

impl Job for FromLines<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernel>(mut self) {
        let mut at = self.start;
        while let Some(block) = self.octets.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
            let mut lf = K::masks(K::load(block)).lf;
            while lf != 0 {
                self.look_at(at + lf.trailing_zeros() as usize + 1);
                lf &= lf - 1;
            }
            at += BLOCK;
        }
        for place in at..self.octets.len() {
            if self.octets[place] == b'\n' {
                self.look_at(place + 1);
            }
        }
    }
}

/// How many LFs there are.
#[must_use]
pub fn count_lines(octets: &[u8], backend: Backend) -> usize {
    backend.run(CountLines { octets })
}

struct CountLines<'a> {
    octets: &'a [u8],
}

impl Job for CountLines<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<K: Kernel>(self) -> usize {
        let (blocks, rest) = self.octets.as_chunks();
        let whole: usize = blocks.iter().map(|block| K::masks(K::load(block)).lf.count_ones() as usize).sum();
        whole + rest.iter().filter(|&&octet| octet == b'\n').count()
    }
}

/// Whether the header check finds anything in a message as a file keeps it: with CRLF, if it has one anywhere, else with LF. `wire` is
/// memory to work in.
#[must_use]
pub fn has_findings(text: &[u8], wire: &mut Vec<u8>, context: HeaderContext, backend: Backend) -> bool {
    let of_wire = text.contains(&b'\r') && text.windows(2).any(|two| two == b"\r\n");
    let message = if of_wire {
        text
    } else {
        wire.clear();
        with_crlf(text, wire, backend);
        wire.as_slice()
    };
    !check(message, HeaderLimits::default(), context, backend).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_with_from_are_found_at_every_place() {
        let obvious = |octets: &[u8], start: usize| {
            let quoted_from = |at: usize| {
                let quotes = octets[..at].iter().rev().take_while(|&&octet| octet == b'>').count();
                octets[at..].starts_with(b"From ") && at > quotes && octets[at - quotes - 1] == b'\n'
            };
            // The line may begin before `start` where it has quotes.
            let from = |at: usize| octets[..at].iter().rposition(|&octet| octet == b'\n').unwrap_or(0) + 1 >= start;
            (1..octets.len()).filter(|&at| quoted_from(at) && from(at)).collect::<Vec<_>>()
        };
        for backend in Backend::available() {
            for before in 0..140 {
                for line in [
                    "\nFrom ",
                    "\n>From ",
                    "\n>>>From ",
                    "\n\nFrom x\nFrom ",
                    "From ",
                    "\nFrom",
                    "\nfrom ",
                    "\n> From ",
                ] {
                    let octets = ["a".repeat(before).as_bytes(), line.as_bytes(), b"and so on"].concat();
                    for start in [0, 1, before, before + 1, before + 2] {
                        assert_eq!(from_lines(&octets, start, backend), obvious(&octets, start), "{octets:?} {start}");
                    }
                }
            }
            assert!(from_lines(b"", 0, backend).is_empty());
            assert!(from_lines(b"\nFrom ", 100, backend).is_empty());
            assert_eq!(from_lines(b"\nFrom ", 0, backend), [1]);
        }
    }

    #[test]
    fn lines_are_counted() {
        for backend in Backend::available() {
            for length in 0..300 {
                let octets = b"\n\r\na".iter().copied().cycle().take(length).collect::<Vec<_>>();
                let wanted = octets.iter().filter(|&&octet| octet == b'\n').count();
                assert_eq!(count_lines(&octets, backend), wanted);
            }
        }
    }

    #[test]
    fn messages_are_checked_with_the_line_ends_they_have() {
        let fine = "Date: Fri, 21 Nov 1997 09:55:06 -0600\nFrom: a@a.example\nMessage-ID: <1@a.example>\n\ntext\n";
        let wire = fine.replace('\n', "\r\n");
        // One CRLF, and an LF is bare.
        let mixed = fine.replacen('\n', "\r\n", 1);
        let undated = fine.replacen("Date", "X-Date", 1);
        let mut memory = Vec::new();
        for backend in Backend::available() {
            for (text, wanted) in [(fine, false), (&wire, false), (&mixed, true), (&undated, true)] {
                let context = HeaderContext::default();
                assert_eq!(has_findings(text.as_bytes(), &mut memory, context, backend), wanted, "{text:?}");
            }
        }
    }
}
