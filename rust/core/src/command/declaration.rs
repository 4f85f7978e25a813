//! What MAIL declares of the mail data to come: SIZE (RFC 1870) and BODY (RFC 6152, RFC 3030).
//!
//! Takes the value of a parameter; gives what it says. Nothing here holds mail data to it.

use super::cursor::violation;
use crate::violation::{Fault, Violation};

/// What the BODY parameter says of the mail data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// Lines of ASCII (RFC 6152).
    SevenBit,
    /// Lines of any octets (RFC 6152).
    EightBitMime,
    /// Any octets, no lines (RFC 3030).
    BinaryMime,
}

impl Body {
    /// The parameter's value, in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }

    /// ```abnf
    /// body-value ::= "7BIT" / "8BITMIME"     ; RFC 6152 section 2
    /// body-value =/ "BINARYMIME"             ; RFC 3030 section 3
    /// ```
    pub(super) fn read(value: &str) -> Result<Self, Violation> {
        [Self::SevenBit, Self::EightBitMime, Self::BinaryMime]
            .into_iter()
            .find(|body| value.eq_ignore_ascii_case(body.name()))
            .ok_or(violation(Fault::BodySyntax, 0))
    }
}

/// ```abnf
/// size-value ::= 1*20DIGIT     ; RFC 1870 section 5
/// ```
pub(super) fn size(value: &str) -> Result<u64, Violation> {
    let wrong = match value.bytes().position(|b| !b.is_ascii_digit()) {
        Some(at) => at.min(20),
        None if value.is_empty() => 0,
        None if value.len() > 20 => 20,
        // All digits; what fails to parse is too large.
        None => return Ok(value.parse().unwrap_or(u64::MAX)),
    };
    Err(violation(Fault::SizeSyntax, wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, octets) in [
            ("0", 0),
            ("00000000000000000001", 1),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX),
            ("99999999999999999999", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(octets), "{text}");
        }
        let long = ["000000000000000000001", "00000000000000000000x"].map(|text| (text, 20));
        for (text, at) in [("", 0), ("-1", 0), ("+1", 0), ("1k", 1)].into_iter().chain(long) {
            assert_eq!(size(text), Err(violation(Fault::SizeSyntax, at)), "{text}");
        }
    }

    #[test]
    fn bodies() {
        assert_eq!(Body::read("8bitMime"), Ok(Body::EightBitMime));
        for text in ["", "8BIT", "7BITS", "BINARY"] {
            assert_eq!(Body::read(text), Err(violation(Fault::BodySyntax, 0)), "{text}");
        }
    }
}
