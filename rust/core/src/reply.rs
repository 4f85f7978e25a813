//! A reply: code, enhanced code, one or many lines (RFC 5321 §4.2, RFC 2034, RFC 3463).
//!
//! Takes the three parts, checked once; gives the octets of the wire. A `Reply` that exists can be sent: its code is one
//! that SMTP knows, its enhanced code agrees with it, and its text holds nothing but printable ASCII, spaces and tabs, so
//! that no text can smuggle a second reply. Lines that would pass 512 octets are folded into more lines, but for the challenges
//! of AUTH.

use std::borrow::Cow;
use std::fmt;

/// The most octets in one reply line, CRLF included (RFC 5321 §4.5.3.1.5).
pub const MAX_REPLY_LINE: usize = 512;

/// An enhanced status code `class.subject.detail` (RFC 3463 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enhanced {
    class: u8,
    subject: u16,
    detail: u16,
}

impl Enhanced {
    /// For tables. Class is 2, 4 or 5; subject and detail have at most three digits.
    ///
    /// # Panics
    /// When a part is out of range: at compile time, in a constant.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        assert!(matches!(class, 2 | 4 | 5) && subject < 1000 && detail < 1000);
        Self { class, subject, detail }
    }

    /// Reads `5.7.1`.
    ///
    /// # Errors
    /// [`ReplyError::Enhanced`] when the text is not three numbers without leading zeros, of class 2, 4 or 5.
    pub fn parse(text: &str) -> Result<Self, ReplyError> {
        let number = |part: Option<&str>| -> Result<u16, ReplyError> {
            let part = part.ok_or(ReplyError::Enhanced)?;
            let canonical = part == "0" || !part.starts_with('0');
            if !canonical || part.is_empty() || part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(ReplyError::Enhanced);
            }
            part.parse().map_err(|_| ReplyError::Enhanced)
        };
        let mut parts = text.split('.');
        let (class, subject, detail) = (number(parts.next())?, number(parts.next())?, number(parts.next())?);
        if parts.next().is_some() || !matches!(class, 2 | 4 | 5) {
            return Err(ReplyError::Enhanced);
        }
        Ok(Self { class: class as u8, subject, detail })
    }

    /// 2, 4 or 5.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.class
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// Why a reply cannot be made. The caller's mistake, never the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyError {
    /// The code is none of RFC 5321's form.
    Code(u16),
    /// The enhanced code does not read `class.subject.detail`.
    Enhanced,
    /// The enhanced code's class is not the code's first digit.
    Disagree(u16, Enhanced),
    /// The text holds something other than printable ASCII, space, tab and line feeds between lines.
    Text(char),
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(
                f,
                "reply code {code} is none of RFC 5321 section 4.2: three digits, the first 2 to 5, the second 0 to 5"
            ),
            Self::Enhanced => f.write_str(
                "an enhanced code reads class.subject.detail, such as \"5.7.1\", class 2, 4 or 5 (RFC 3463)",
            ),
            Self::Disagree(code, enhanced) => write!(
                f,
                "enhanced code {enhanced} does not go with reply code {code}: the first digits must be the same (RFC 2034)"
            ),
            Self::Text(c) => write!(
                f,
                "reply text holds {c:?}: only printable ASCII, space and tab may be sent, and \"\\n\" between lines \
                 (RFC 5321 section 4.2)"
            ),
        }
    }
}

impl std::error::Error for ReplyError {}

/// A reply that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    text: Cow<'static, str>,
}

impl Reply {
    /// Checks the parts. Lines of the text are separated by `\n`.
    ///
    /// # Errors
    /// [`ReplyError`] says which part cannot be sent and why.
    pub fn new(code: u16, enhanced: Option<Enhanced>, text: impl Into<Cow<'static, str>>) -> Result<Self, ReplyError> {
        let text = text.into();
        if !matches!(code, 200..=559) || (code / 10) % 10 > 5 {
            return Err(ReplyError::Code(code));
        }
        if let Some(enhanced) = enhanced
            && u16::from(enhanced.class) != code / 100
        {
            return Err(ReplyError::Disagree(code, enhanced));
        }
        if let Some(c) = text.chars().find(|&c| !matches!(c, ' '..='~' | '\t' | '\n')) {
            return Err(ReplyError::Text(c));
        }
        Ok(Self { code, enhanced, text })
    }

    /// For text of our own, checked by the tests of the tables that hold it.
    pub(crate) fn from_table(code: u16, enhanced: Enhanced, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: Some(enhanced), text: text.into() }
    }

    /// A reply that carries no enhanced code, such as that to EHLO, with text of our own.
    pub(crate) fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: None, text: text.into() }
    }

    /// A constant reply of our own.
    pub(crate) const fn constant(code: u16, enhanced: Option<Enhanced>, text: &'static str) -> Self {
        Self { code, enhanced, text: Cow::Borrowed(text) }
    }

    /// The three digits.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced code, if any.
    #[must_use]
    pub const fn enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }

    /// The text, its lines separated by `\n`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the code is a 2xx or a 3xx.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        self.code < 400
    }

    /// Appends the octets of the wire.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.write(self.enhanced, out);
    }

    /// The same without the enhanced code, for where RFC 2034 is not offered.
    pub fn write_plain_to(&self, out: &mut Vec<u8>) {
        self.write(None, out);
    }

    fn write(&self, enhanced: Option<Enhanced>, out: &mut Vec<u8>) {
        let mut code = [0; 3];
        let mut rest = self.code;
        for digit in code.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let enhanced = enhanced.map(|e| format!("{e} ")).unwrap_or_default();
        let room = match self.code {
            // A challenge is one line, however long (RFC 4954 section 4).
            334 => self.text.len(),
            _ => MAX_REPLY_LINE - "250 \r\n".len() - enhanced.len(),
        };
        let mut lines = self.text.split('\n').flat_map(|line| Fold { rest: Some(line), room }).peekable();
        while let Some(line) = lines.next() {
            out.extend_from_slice(&code);
            out.push(if lines.peek().is_some() { b'-' } else { b' ' });
            out.extend_from_slice(enhanced.as_bytes());
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wire = Vec::new();
        self.write_to(&mut wire);
        f.write_str(&String::from_utf8_lossy(&wire))
    }
}

/// The pieces of one line of text that fit the room, split at spaces where there are any.
struct Fold<'a> {
    rest: Option<&'a str>,
    room: usize,
}

impl<'a> Iterator for Fold<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let line = self.rest?;
        if line.len() <= self.room {
            self.rest = None;
            return Some(line);
        }
        // The text is ASCII, so every offset is a character's.
        let cut = line[..=self.room].rfind(' ').filter(|&at| at > 0).unwrap_or(self.room);
        self.rest = Some(line[cut..].trim_start_matches(' '));
        Some(&line[..cut])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, enhanced: &str, text: &str) -> String {
        Reply::new(code, Some(Enhanced::parse(enhanced).unwrap()), text.to_owned()).unwrap().to_string()
    }

    #[test]
    fn one_line_and_many() {
        assert_eq!(reply(250, "2.1.0", "Ok"), "250 2.1.0 Ok\r\n");
        assert_eq!(reply(550, "5.7.1", "No.\nSee x."), "550-5.7.1 No.\r\n550 5.7.1 See x.\r\n");
        assert_eq!(Reply::new(220, None, "").unwrap().to_string(), "220 \r\n");
    }

    #[test]
    fn lines_keep_to_512_octets() {
        for text in ["x".repeat(2000), "word ".repeat(400), " ".repeat(1500)] {
            let wire = reply(250, "2.0.0", &text);
            assert!(wire.split_inclusive("\r\n").all(|line| line.len() <= MAX_REPLY_LINE));
            let last = wire.lines().count() - 1;
            assert!(wire.lines().enumerate().all(|(i, l)| l.starts_with(if i == last { "250 " } else { "250-" })));
            let letters = |s: &str| s.chars().filter(char::is_ascii_lowercase).count();
            assert_eq!(letters(&wire), letters(&text));
        }
        assert_eq!(reply(250, "2.0.0", &"x".repeat(500)).len(), 512);
        assert_eq!(reply(250, "2.0.0", &"x".repeat(501)).lines().count(), 2);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for code in [0, 99, 150, 199, 260, 299, 560, 600, 65535] {
            assert_eq!(Reply::new(code, None, "x"), Err(ReplyError::Code(code)));
        }
        assert_eq!(Reply::new(250, None, "a\r\n250 b"), Err(ReplyError::Text('\r')));
        assert_eq!(Reply::new(250, None, "a\0"), Err(ReplyError::Text('\0')));
        assert_eq!(Reply::new(250, None, "é"), Err(ReplyError::Text('é')));
        let five = Enhanced::new(5, 0, 0);
        assert_eq!(Reply::new(250, Some(five), "x"), Err(ReplyError::Disagree(250, five)));
        for text in ["", "5", "5.1", "5.1.1.1", "3.1.1", "5.01.1", "5.1.1000", "5..1", "5.1.x", "+5.1.1"] {
            assert_eq!(Enhanced::parse(text), Err(ReplyError::Enhanced), "{text}");
        }
    }
}
