//! BDAT: so many octets of mail data follow (RFC 3030 §2).
//!
//! Takes a [`Cursor`] at the argument; gives the size and whether the chunk is the last. Whoever cannot read a BDAT does not
//! know how many octets behind it are no commands: that is the session's to deal with.

use super::cursor::Cursor;
use super::verb::BASE_LINE;
use crate::violation::{Fault, Violation};

/// BDAT: the head of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bdat {
    /// Octets that follow. `u64::MAX` stands for anything larger.
    pub size: u64,
    /// Whether the message ends with them.
    pub last: bool,
}

impl Bdat {
    /// ```abnf
    /// bdat-cmd   = "BDAT" SP chunk-size [ SP end-marker ] CR LF
    /// chunk-size = 1*DIGIT
    /// end-marker = "LAST"
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Result<Self, Violation> {
        let start = cursor.at();
        cursor.eat_while(|b| b.is_ascii_digit());
        let digits = cursor.since(start);
        if digits.is_empty() {
            return Err(cursor.fault(Fault::BdatSyntax));
        }
        let size =
            digits.iter().fold(0_u64, |size, digit| size.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
        if cursor.is_end() {
            return Ok(Self { size, last: false });
        }
        if !cursor.eat(b' ') {
            return Err(cursor.fault(Fault::BdatSyntax));
        }
        cursor.eat_while(|b| b == b' ');
        if cursor.eat_word(b"LAST") && cursor.is_end() {
            return Ok(Self { size, last: true });
        }
        Err(cursor.fault(Fault::BdatSyntax))
    }
}

/// Whether a line, however long and whatever else is wrong with it, was meant to be a BDAT: then octets follow it that are no
/// commands. Its first 512 octets tell, so that it is the same for a line that is too long to be kept.
#[must_use]
pub fn begins_bdat(line: &[u8]) -> bool {
    let line = line[..line.len().min(BASE_LINE)].trim_ascii_start();
    let word = line.iter().position(|octet| !octet.is_ascii_alphanumeric() && *octet != b'-').unwrap_or(line.len());
    line[..word].eq_ignore_ascii_case(b"BDAT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        for line in ["BDAT", "bdat 1", " BDAT\t1", "BDAT;1", "BDAT\n1", "BDAT\u{e9}"] {
            assert!(begins_bdat(line.as_bytes()), "{line:?}");
        }
        for line in ["", "BDA", "BDATA 1", "BDAT-1", "DATA BDAT", "XBDAT"] {
            assert!(!begins_bdat(line.as_bytes()), "{line:?}");
        }
        let after_spaces = |spaces| begins_bdat(format!("{}BDAT 1", " ".repeat(spaces)).as_bytes());
        assert!(after_spaces(508) && !after_spaces(509));
    }

    fn read(argument: &str) -> Result<(u64, bool), (Fault, u64)> {
        let read = Bdat::scan(&mut Cursor::new(argument.as_bytes()));
        read.map(|bdat| (bdat.size, bdat.last)).map_err(|v| (v.fault, v.offset))
    }

    #[test]
    fn sizes_and_the_last() {
        assert_eq!(read("0"), Ok((0, false)));
        assert_eq!(read("0 LAST"), Ok((0, true)));
        assert_eq!(read("00086  last"), Ok((86, true)));
        assert_eq!(read("18446744073709551615"), Ok((u64::MAX, false)));
        assert_eq!(read("99999999999999999999999999"), Ok((u64::MAX, false)));
    }

    #[test]
    fn faults() {
        for (argument, offset) in [
            ("", 0),
            ("LAST", 0),
            ("-1", 0),
            ("+1", 0),
            ("1k", 1),
            ("1.0", 1),
            ("1 LASTX", 6),
            ("1 LAST 2", 6),
            ("1\tLAST", 1),
            ("1 2", 2),
        ] {
            assert_eq!(read(argument), Err((Fault::BdatSyntax, offset)), "{argument}");
        }
    }
}
