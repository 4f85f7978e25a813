//! A place in a field: what the parsers of this directory read with.
//!
//! Takes a field whole, line ends included; gives runs of it, folding white space, comments and quoted strings. Places
//! count octets from the field's start. It never reads past the value's end and tells nobody what it finds: that is its
//! callers' business.

use super::class::{ATEXT, DOTTED, SPACE, TOKEN, is};

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
}

/// Where something begins that has no end: a comment, a quoted string, a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open(pub(super) usize);

/// What was passed over between two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    None,
    Space,
    /// At least one comment.
    Comment,
}

impl<'a> Cursor<'a> {
    /// At the first octet of the value, which ends where the octets do.
    pub(super) const fn new(octets: &'a [u8], at: usize) -> Self {
        Self { octets, at }
    }

    /// Octets of the field before this place.
    #[inline]
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Goes back, or on, to a place that a cursor of this field has been at.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at.min(self.octets.len());
    }

    #[inline]
    pub(super) const fn is_end(&self) -> bool {
        self.at >= self.octets.len()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.octets[self.at..]
    }

    /// The octets from `start`, a place this cursor has been at, up to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.octets[start..self.at]
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    #[inline]
    pub(super) fn eat(&mut self, octet: u8) -> bool {
        let eaten = self.peek() == Some(octet);
        self.at += usize::from(eaten);
        eaten
    }

    /// Whether the octet before is white space.
    pub(super) fn follows_space(&self) -> bool {
        self.octets[..self.at].last().is_some_and(|&octet| is(octet, SPACE))
    }

    /// Eats octets of these classes, and returns how many.
    #[inline(always)]
    pub(super) fn eat_class(&mut self, classes: u16) -> usize {
        let rest = &self.octets[self.at..];
        let count = rest.iter().position(|&octet| !is(octet, classes)).unwrap_or(rest.len());
        self.at += count;
        count
    }

    /// Eats `atext` and dots.
    #[inline]
    pub(super) fn eat_dotted(&mut self) -> &'a [u8] {
        let start = self.at;
        self.eat_class(DOTTED);
        self.since(start)
    }

    /// ```abnf
    /// dot-atom-text = 1*atext *("." 1*atext)
    /// ```
    /// Whether there is one; some of it may be eaten where there is none.
    #[inline]
    pub(super) fn eat_dot_atom(&mut self) -> bool {
        loop {
            if self.eat_class(ATEXT) == 0 {
                return false;
            }
            if !self.eat(b'.') {
                return true;
            }
        }
    }

    /// Eats a `token` of RFC 2045.
    pub(super) fn eat_token(&mut self) -> &'a [u8] {
        let start = self.at;
        self.eat_class(TOKEN);
        self.since(start)
    }

    /// ```abnf
    /// FWS = ([*WSP CRLF] 1*WSP) / obs-FWS
    /// ```
    #[inline]
    pub(super) fn fws(&mut self) -> bool {
        self.eat_class(SPACE) > 0
    }

    /// ```abnf
    /// CFWS = (1*([FWS] comment) [FWS]) / FWS
    /// ```
    /// or nothing.
    #[inline(always)]
    pub(super) fn cfws(&mut self) -> Result<Gap, Open> {
        match self.octets.get(self.at..) {
            // Most gaps are one space.
            Some(&[b' ', next, ..]) if !is(next, SPACE) && next != b'(' => {
                self.at += 1;
                Ok(Gap::Space)
            }
            Some(&[octet, ..]) if is(octet, SPACE) || octet == b'(' => self.gap(),
            _ => Ok(Gap::None),
        }
    }

    #[inline(never)]
    fn gap(&mut self) -> Result<Gap, Open> {
        self.fws();
        if self.peek() == Some(b'(') { self.comments() } else { Ok(Gap::Space) }
    }

    fn comments(&mut self) -> Result<Gap, Open> {
        while self.peek() == Some(b'(') {
            self.comment()?;
            self.fws();
        }
        Ok(Gap::Comment)
    }

    /// ```abnf
    /// comment  = "(" *([FWS] ccontent) [FWS] ")"
    /// ccontent = ctext / quoted-pair / comment
    /// ```
    /// Counted, not recursive: a field may hold tens of thousands of parentheses.
    fn comment(&mut self) -> Result<(), Open> {
        let (start, mut depth) = (self.at, 0_usize);
        while let Some(octet) = self.peek() {
            self.at += 1;
            match octet {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                b'\\' => self.at = (self.at + 1).min(self.octets.len()),
                _ => {}
            }
        }
        Err(Open(start))
    }

    /// ```abnf
    /// quoted-string = DQUOTE *([FWS] qcontent) [FWS] DQUOTE
    /// ```
    /// from its first quote on. Returns what stands between them.
    pub(super) fn quoted(&mut self) -> Result<&'a [u8], Open> {
        let start = self.at;
        self.at += 1;
        while let Some(octet) = self.peek() {
            self.at += 1;
            match octet {
                b'"' => return Ok(&self.octets[start + 1..self.at - 1]),
                b'\\' => self.at = (self.at + 1).min(self.octets.len()),
                _ => {}
            }
        }
        Err(Open(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_nest_and_end() {
        for (octets, gap, at) in [
            (&b"x"[..], Ok(Gap::None), 0),
            (b"", Ok(Gap::None), 0),
            (b" \r\n\tx", Ok(Gap::Space), 4),
            (b"(a)x", Ok(Gap::Comment), 3),
            (b" (a (b) \\) c) \r\n (d) x", Ok(Gap::Comment), 21),
            (b" (a", Err(Open(1)), 3),
            (b"((a)", Err(Open(0)), 4),
            (b"(\\", Err(Open(0)), 2),
            (b")", Ok(Gap::None), 0),
        ] {
            let mut cursor = Cursor::new(octets, 0);
            assert_eq!((cursor.cfws(), cursor.at()), (gap, at), "{:?}", octets.escape_ascii().to_string());
        }
    }

    #[test]
    fn quoted_strings_end_at_their_quote() {
        for (octets, inside, at) in [
            (&br#""a b"c"#[..], Ok(&b"a b"[..]), 5),
            (br#""""#, Ok(b""), 2),
            (br#""a\"b""#, Ok(br#"a\"b"#), 6),
            (br#""a\""#, Err(Open(0)), 4),
            (br#"""#, Err(Open(0)), 1),
            (br#""\"#, Err(Open(0)), 2),
        ] {
            let mut cursor = Cursor::new(octets, 0);
            assert_eq!((cursor.quoted(), cursor.at()), (inside, at), "{:?}", octets.escape_ascii().to_string());
        }
    }
}
