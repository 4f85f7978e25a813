//! From octets to command lines: a line ends in CRLF and nothing else (RFC 5321 §2.3.8, §4.1.1).
//!
//! Takes octets at any split; gives one line at a time, without its CRLF. Retains at most as many octets as a line may have:
//! the rest of a longer one is read on to its CRLF and dropped, so that the answer comes in step.

use crate::command::begins_bdat;

/// What the next octets were.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// No CRLF yet.
    More,
    /// A line, in the octets given.
    Whole(&'a [u8]),
    /// A line that came in pieces.
    Joined(Vec<u8>),
    /// The end of a line that no command may be as long as; whether it began as a BDAT.
    TooLong { bdat: bool },
}

/// The beginning of a line whose end has not come.
#[derive(Debug, Clone, Default)]
pub(super) enum LineReader {
    /// At the start of a line.
    #[default]
    Start,
    /// The octets so far.
    Partial(Vec<u8>),
    /// Too many octets to keep; whether the last one was a CR, and the first ones a BDAT.
    Overlong { cr: bool, bdat: bool },
}

impl LineReader {
    /// Takes octets up to and with the first CRLF, or all of them. Returns how many, and what they were. A line has at most
    /// `most` octets with its CRLF.
    pub(super) fn read<'a>(&mut self, octets: &'a [u8], most: usize) -> (usize, Line<'a>) {
        let after_cr = match self {
            Self::Start => false,
            Self::Partial(partial) => partial.last() == Some(&b'\r'),
            Self::Overlong { cr, .. } => *cr,
        };
        let end = octets
            .iter()
            .enumerate()
            .position(|(i, &octet)| octet == b'\n' && if i == 0 { after_cr } else { octets[i - 1] == b'\r' });
        let Some(end) = end else {
            self.keep(octets, most);
            return (octets.len(), Line::More);
        };
        let line = match std::mem::take(self) {
            Self::Start if end < most => Line::Whole(&octets[..end - 1]),
            Self::Start => Line::TooLong { bdat: begins_bdat(&octets[..end]) },
            Self::Partial(mut line) => {
                let fits = line.len() + end < most;
                line.extend_from_slice(&octets[..if fits { end } else { end.min(most) }]);
                if fits {
                    line.pop();
                    Line::Joined(line)
                } else {
                    Line::TooLong { bdat: begins_bdat(&line) }
                }
            }
            Self::Overlong { bdat, .. } => Line::TooLong { bdat },
        };
        (end + 1, line)
    }

    /// Octets of a line whose end has not come.
    pub(super) fn held(&self) -> usize {
        if let Self::Partial(partial) = self { partial.len() } else { 0 }
    }

    fn keep(&mut self, octets: &[u8], most: usize) {
        let Some(&last) = octets.last() else { return };
        let cr = last == b'\r';
        match self {
            Self::Start if octets.len() < most => *self = Self::Partial(octets.to_vec()),
            Self::Start => *self = Self::Overlong { cr, bdat: begins_bdat(octets) },
            Self::Partial(partial) => {
                let fits = partial.len() + octets.len() < most;
                partial.extend_from_slice(&octets[..octets.len().min(most)]);
                if !fits {
                    *self = Self::Overlong { cr, bdat: begins_bdat(partial) };
                }
            }
            Self::Overlong { cr: before, .. } => *before = cr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::MAX_LINE;

    fn read_all(chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let (mut reader, mut lines) = (LineReader::default(), Vec::new());
        for chunk in chunks {
            let mut rest = *chunk;
            while !rest.is_empty() {
                let (taken, line) = reader.read(rest, MAX_LINE);
                match line {
                    Line::More => assert_eq!(taken, rest.len()),
                    Line::Whole(line) => lines.push(Some(line.to_vec())),
                    Line::Joined(line) => lines.push(Some(line)),
                    Line::TooLong { bdat } => {
                        assert!(!bdat);
                        lines.push(None);
                    }
                }
                if let LineReader::Partial(partial) = &reader {
                    assert!(partial.len() < MAX_LINE);
                }
                rest = &rest[taken..];
            }
        }
        lines
    }

    #[test]
    fn lines_are_the_same_at_every_split() {
        let longest = vec![b'x'; MAX_LINE - 2];
        let input = [
            b"NOOP\r\n\r\nA\nB\rC\r\r\n\0\r\n".as_slice(),
            &longest,
            b"\r\n",
            &longest,
            b"x\r\n",
            &longest.repeat(3),
            b"\rx\n\r\nQUIT\r\nrest",
        ]
        .concat();
        let whole = read_all(&[&input]);
        assert_eq!(whole[0], Some(b"NOOP".to_vec()));
        assert_eq!(whole[1], Some(Vec::new()));
        assert_eq!(whole[2], Some(b"A\nB\rC\r".to_vec()));
        assert_eq!(whole[3], Some(b"\0".to_vec()));
        assert_eq!(whole[4], Some(longest));
        assert_eq!(whole[5..], [None, None, Some(b"QUIT".to_vec())]);
        for split in 0..=input.len() {
            let (a, b) = input.split_at(split);
            assert_eq!(read_all(&[a, b]), whole, "{split}");
        }
        assert_eq!(read_all(&input.chunks(1).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn a_bdat_is_known_however_long_its_line() {
        for (line, wanted) in [("bdat ", true), ("BDAT\t", true), (" BDAT;", true), ("BDATA ", false), ("NOOP ", false)]
        {
            let line = [line.as_bytes(), &b" ".repeat(2 * MAX_LINE), b"\r\n"].concat();
            for split in 0..line.len() {
                let (mut reader, (a, b)) = (LineReader::default(), line.split_at(split));
                assert_eq!(reader.read(a, MAX_LINE), (a.len(), Line::More));
                assert_eq!(reader.read(b, MAX_LINE), (b.len(), Line::TooLong { bdat: wanted }), "{split}");
            }
        }
    }
}
