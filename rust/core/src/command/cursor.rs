//! A place in a command line: what the parsers of this directory read with.
//!
//! Takes a line; gives runs of it, one octet or one UTF-8 character at a time, and violations at the place reached.
//! It never reads past the end, never moves back and never decides what is right: that is its callers' business.

use crate::violation::{Fault, Violation};

#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(line: &'a [u8]) -> Self {
        Self { line, at: 0 }
    }

    /// Octets before this place.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn is_end(&self) -> bool {
        self.at == self.line.len()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.line[self.at..]
    }

    /// The octets from `start`, a place this cursor has been at, up to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.line[start..self.at]
    }

    /// The same as text. Nothing is lost: the octets come from [`Cursor::eat_if`] with ASCII and from
    /// [`Cursor::eat_utf8`]. The lossy conversion only spares a panic.
    pub(super) fn text_since(&self, start: usize) -> String {
        String::from_utf8_lossy(self.since(start)).into_owned()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    pub(super) fn eat_if(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let eaten = self.peek().is_some_and(wanted);
        self.at += usize::from(eaten);
        eaten
    }

    pub(super) fn eat(&mut self, octet: u8) -> bool {
        self.eat_if(|b| b == octet)
    }

    pub(super) fn eat_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.eat_if(&wanted) {}
    }

    /// Eats `word` in any case, or nothing.
    pub(super) fn eat_word(&mut self, word: &[u8]) -> bool {
        let eaten = self.rest().get(..word.len()).is_some_and(|have| have.eq_ignore_ascii_case(word));
        if eaten {
            self.at += word.len();
        }
        eaten
    }

    /// ```abnf
    /// UTF8-non-ascii = UTF8-2 / UTF8-3 / UTF8-4     ; RFC 6532 section 3.1
    /// ```
    /// without the C1 controls (U+0080 to U+009F): they print nothing and some terminals obey them.
    pub(super) fn eat_utf8(&mut self) -> bool {
        let width = match self.peek() {
            Some(0xC2..=0xDF) => 2,
            Some(0xE0..=0xEF) => 3,
            Some(0xF0..=0xF4) => 4,
            _ => return false,
        };
        let eaten = self.rest().get(..width).is_some_and(|octets| {
            str::from_utf8(octets).is_ok_and(|text| !text.chars().any(|c| matches!(c, '\u{80}'..='\u{9F}')))
        });
        if eaten {
            self.at += width;
        }
        eaten
    }

    /// A fault at this place.
    pub(super) const fn fault(&self, fault: Fault) -> Violation {
        violation(fault, self.at)
    }
}

/// A fault at a place of the line.
pub(super) const fn violation(fault: Fault, at: usize) -> Violation {
    Violation::new(fault, at as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_match_in_any_case_or_not_at_all() {
        let mut cursor = Cursor::new(b"from:<>");
        assert!(!cursor.eat_word(b"FROM:<>x"));
        assert!(cursor.eat_word(b"FROM:"));
        assert_eq!((cursor.at(), cursor.rest()), (5, &b"<>"[..]));
    }

    #[test]
    fn one_utf8_character_at_a_time() {
        for good in ["é", "\u{A0}", "\u{7FF}", "中", "\u{FFFD}", "😀", "\u{10FFFF}"] {
            let mut cursor = Cursor::new(good.as_bytes());
            assert!(cursor.eat_utf8() && cursor.is_end(), "{good:?}");
        }
        let bad: &[&[u8]] = &[
            b"",
            b"a",
            b"\x80",             // a continuation
            b"\xC2",             // cut short
            b"\xC2a",            // not continued
            b"\xC2\x80",         // C1
            b"\xC2\x9F",         // C1
            b"\xC0\xAF",         // overlong
            b"\xE0\x80\xAF",     // overlong
            b"\xED\xA0\x80",     // surrogate
            b"\xF4\x90\x80\x80", // past U+10FFFF
            b"\xF5\x80\x80\x80", // past any
            b"\xFF",
        ];
        for octets in bad {
            let mut cursor = Cursor::new(octets);
            assert!(!cursor.eat_utf8() && cursor.at() == 0, "{octets:x?}");
        }
    }
}
