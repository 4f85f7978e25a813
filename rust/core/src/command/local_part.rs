//! The local-part of a mailbox (RFC 5321 §4.1.2, RFC 6531 §3.3).
//!
//! Takes a [`Cursor`] and the fault of the place it stands in; moves it past the local-part. The octets are the receiving
//! host's business (RFC 5321 §2.3.11): nothing is unquoted, folded or compared here.

use super::cursor::{Cursor, violation};
use crate::violation::{Fault, Violation};

/// The most octets in a local-part, quotes included (RFC 5321 §4.5.3.1.1).
pub(super) const MAX_LOCAL_PART: usize = 64;

/// ```abnf
/// Local-part = Dot-string / Quoted-string
/// ```
pub(super) fn local_part(cursor: &mut Cursor<'_>, syntax: Fault) -> Result<(), Violation> {
    let start = cursor.at();
    let verdict = if cursor.peek() == Some(b'"') { quoted_string(cursor, syntax) } else { dot_string(cursor, syntax) };
    // Both read to the end of what could be a local-part, so that an over-long one is called that and nothing else.
    if cursor.at() - start > MAX_LOCAL_PART {
        return Err(violation(Fault::LocalPartTooLong, start + MAX_LOCAL_PART));
    }
    verdict
}

/// ```abnf
/// Dot-string  = Atom *("." Atom)
/// Atom        = 1*atext
/// atext       = ALPHA / DIGIT / "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "/" / "=" / "?" /
///               "^" / "_" / "`" / "{" / "|" / "}" / "~"     ; RFC 5322 section 3.2.3
/// atext       =/ UTF8-non-ascii
/// ```
fn dot_string(cursor: &mut Cursor<'_>, syntax: Fault) -> Result<(), Violation> {
    let start = cursor.at();
    while cursor.eat_if(|b| is_atext(b) || b == b'.') || cursor.eat_utf8() {}
    let mut at = start;
    for atom in cursor.since(start).split(|&b| b == b'.') {
        if atom.is_empty() {
            return Err(violation(syntax, at));
        }
        at += atom.len() + 1;
    }
    Ok(())
}

/// ```abnf
/// Quoted-string    = DQUOTE *QcontentSMTP DQUOTE
/// QcontentSMTP     = qtextSMTP / quoted-pairSMTP
/// quoted-pairSMTP  = %d92 %d32-126
/// qtextSMTP        = %d32-33 / %d35-91 / %d93-126
/// qtextSMTP        =/ UTF8-non-ascii
/// ```
fn quoted_string(cursor: &mut Cursor<'_>, syntax: Fault) -> Result<(), Violation> {
    if !cursor.eat(b'"') {
        return Err(cursor.fault(syntax));
    }
    while !cursor.eat(b'"') {
        let eaten = if cursor.eat(b'\\') {
            cursor.eat_if(|b| matches!(b, 32..=126))
        } else {
            cursor.eat_if(|b| matches!(b, 32..=126)) || cursor.eat_utf8()
        };
        if !eaten {
            return Err(cursor.fault(syntax));
        }
    }
    Ok(())
}

const fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'/'
                | b'='
                | b'?'
                | b'^'
                | b'_'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<usize, (Fault, u64)> {
        let mut cursor = Cursor::new(text.as_bytes());
        local_part(&mut cursor, Fault::ForwardPathSyntax).map_err(|v| (v.fault, v.offset))?;
        Ok(cursor.at())
    }

    #[test]
    fn dot_strings() {
        for good in ["a", "a.b.c", "1", "!#$%&'*+-/=?^_`{|}~", "user+tag", "pelé", "ユーザー.名"] {
            assert_eq!(read(good), Ok(good.len()), "{good}");
        }
        for (text, offset) in [("", 0), (".a", 0), ("a.", 2), ("a..b", 2), ("(a)", 0), ("\u{85}", 0)] {
            assert_eq!(read(text), Err((Fault::ForwardPathSyntax, offset)), "{text:?}");
        }
        for stops in ["a b", "a@b", "a>b", "a\\b", "a\"b\"", "a,b", "a\u{7F}"] {
            assert_eq!(read(stops), Ok(1), "{stops:?}");
        }
    }

    #[test]
    fn quoted_strings() {
        for good in [r#""""#, r#""a b""#, r#""a\"b""#, r#""\\""#, r#"".a..b.""#, r#""a@b>c""#, r#""\ ""#, "\"é\""] {
            assert_eq!(read(good), Ok(good.len()), "{good}");
        }
        let bad = [
            ("\"", 1),
            ("\"a", 2),
            (r#""a\""#, 4),
            (r#""a\"#, 3),
            ("\"a\tb\"", 2),
            ("\"\\\t\"", 2),
            ("\"\\é\"", 2),
            ("\"\u{80}\"", 1),
        ];
        for (text, offset) in bad {
            assert_eq!(read(text), Err((Fault::ForwardPathSyntax, offset)), "{text:?}");
        }
    }

    #[test]
    fn a_local_part_may_have_64_octets() {
        let too_long = Err((Fault::LocalPartTooLong, 64));
        assert_eq!(read(&"a".repeat(64)), Ok(64));
        assert_eq!(read(&"a".repeat(65)), too_long);
        assert_eq!(read(&"é".repeat(32)), Ok(64));
        assert_eq!(read(&"é".repeat(33)), too_long);
        assert_eq!(read(&format!("\"{}\"", " ".repeat(62))), Ok(64));
        assert_eq!(read(&format!("\"{}\"", " ".repeat(63))), too_long);
        // Wrong as well as too long: too long.
        assert_eq!(read(&format!("..{}", "a".repeat(63))), too_long);
        assert_eq!(read(&format!("\"{}", "a".repeat(64))), too_long);
    }
}
