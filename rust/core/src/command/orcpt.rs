//! ORCPT, the recipient as the sender named it (RFC 3461 §4.2), also where its address is not ASCII (RFC 6533 §3).
//!
//! Takes the value of the parameter; gives the address decoded, and of which type it is. "The address is NOT constrained to
//! conform to the syntax rules for that addr-type": it may be no mailbox, and may be nothing. It never holds a control.

use super::cursor::{Cursor, violation};
use super::xtext;
use crate::violation::{Fault, Violation};

/// The most octets of the parameter, keyword and `=` included (RFC 3461 §4.2).
const MAX_ORCPT: usize = 500;
/// What of printable ASCII an atom may not have (RFC 822 §3.3).
const SPECIALS: &[u8] = b"()<>@,;:\\\".[]";

/// The original recipient.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Orcpt {
    /// The type of the address as sent: `rfc822`, `utf-8` or another, in any case.
    pub addr_type: String,
    /// Printable ASCII and spaces; under SMTPUTF8 and of the type `utf-8`, all that prints.
    pub address: String,
}

impl Orcpt {
    /// Whether the address is of RFC 6533's type, written in its own way and not in xtext.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        is_utf8(&self.addr_type)
    }

    /// ```abnf
    /// original-recipient-address = addr-type ";" xtext     ; RFC 3461 section 4.2
    /// addr-type                  = atom
    /// utf-8-type-addr            = "utf-8;" utf-8-enc-addr     ; RFC 6533 section 3
    /// ```
    /// `smtputf8`: the transaction asked for it, and UTF-8 is taken in xtext too. RFC 3461 §4.2 knows only ASCII there, and
    /// RFC 6533 has `utf-8` for the rest; but Postfix sends `rfc822;` with it for each recipient outside ASCII to whom its
    /// client gave no ORCPT, and would get no such mail through.
    pub(super) fn read(value: &str, smtputf8: bool) -> Result<Self, Violation> {
        let most = MAX_ORCPT - "ORCPT=".len();
        let mut cursor = Cursor::new(value.as_bytes());
        cursor.eat_while(|b| b.is_ascii_graphic() && !SPECIALS.contains(&b));
        let addr_type = cursor.text_since(0);
        if addr_type.is_empty() || !cursor.eat(b';') {
            return Err(cursor.fault(Fault::OrcptSyntax));
        }
        if value.len() > most {
            return Err(violation(Fault::OrcptSyntax, most));
        }
        let start = cursor.at();
        let encoded = &value[start..];
        let (address, fault) = if is_utf8(&addr_type) {
            (unitext(encoded), Fault::OrcptUtf8Syntax)
        } else if smtputf8 {
            (xtext::decode_utf8(encoded), Fault::OrcptSyntax)
        } else {
            (xtext::decode_printable(encoded), Fault::OrcptSyntax)
        };
        let address = address.map_err(|at| violation(fault, start + at))?;
        Ok(Self { addr_type, address })
    }
}

fn is_utf8(addr_type: &str) -> bool {
    addr_type.eq_ignore_ascii_case("utf-8")
}

/// ```abnf
/// utf-8-addr-xtext    = 1*(QCHAR / EmbeddedUnicodeChar)
/// utf-8-addr-unitext  = 1*(QUCHAR / EmbeddedUnicodeChar)
/// QCHAR               = %x21-2a / %x2c-3c / %x3e-5b / %x5d-7e
/// QUCHAR              = QCHAR / UTF8-2 / UTF8-3 / UTF8-4
/// EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}"
/// ```
/// `value` holds non-ASCII only where that may be read at all, so the two forms are one here. A `utf-8-address` is a
/// `utf-8-addr-unitext` in which nothing needs to be embedded. Gives the octets before the fault, where there is one.
fn unitext(value: &str) -> Result<String, usize> {
    let (mut address, mut rest) = (String::with_capacity(value.len()), value);
    while let Some(next) = rest.chars().next() {
        let at = value.len() - rest.len();
        let (read, width) = match next {
            '\\' => {
                let (digits, _) = rest.strip_prefix("\\x{").and_then(|rest| rest.split_once('}')).ok_or(at)?;
                (hexpoint(digits).ok_or(at)?, "\\x{}".len() + digits.len())
            }
            '+' | '=' | ..=' ' | '\u{7F}'..='\u{9F}' => return Err(at),
            _ => (next, next.len_utf8()),
        };
        address.push(read);
        rest = &rest[width..];
    }
    if address.is_empty() { Err(0) } else { Ok(address) }
}

/// RFC 6533 §3's HEXPOINT: 2 to 6 hexadecimal digits, no more of them than needed, for a character outside ASCII or for one
/// of those that cannot stand for themselves. The controls, which it allows, are refused: they print nothing, some
/// terminals obey them, and RFC 3461 §4.2 has the address "consist entirely of printable" characters.
fn hexpoint(digits: &str) -> Option<char> {
    let hexadecimal = (2..=6).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !hexadecimal || digits.starts_with('0') {
        return None;
    }
    let point = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    matches!(point, ' ' | '+' | '=' | '\\' | '\u{A0}'..).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<String, (Fault, u64)> {
        Orcpt::read(value, false).map(|orcpt| orcpt.address).map_err(|found| (found.fault, found.offset))
    }

    #[test]
    fn addresses_in_xtext() {
        assert_eq!(read("rfc822;Bob@Example.COM"), Ok("Bob@Example.COM".into()));
        assert_eq!(read("RFC822;a+2Bb@c"), Ok("a+b@c".into()));
        assert_eq!(read("x400;/S=x").unwrap_err(), (Fault::OrcptSyntax, 7));
        assert_eq!(read("x400;/S+3Dx;y+20z"), Ok("/S=x;y z".into()));
        assert_eq!(read("rfc822;"), Ok(String::new()));
        for (value, at) in [
            ("", 0),
            ("a@b", 1),
            (";a@b", 0),
            ("rfc822", 6),
            ("rfc822;a+", 8),
            ("rfc822;+0D", 7),
            ("rfc822;é", 7),
            ("é;a", 0),
        ] {
            assert_eq!(read(value), Err((Fault::OrcptSyntax, at)), "{value}");
        }
        assert!(read(&format!("rfc822;{}", "a".repeat(487))).is_ok());
        assert_eq!(read(&format!("rfc822;{}", "a".repeat(488))), Err((Fault::OrcptSyntax, 494)));
    }

    #[test]
    fn utf8_in_xtext() {
        let value = "rfc822;pel+C3+A9@b";
        assert_eq!(read(value), Err((Fault::OrcptSyntax, 10)));
        let orcpt = Orcpt::read(value, true).unwrap();
        assert_eq!((orcpt.addr_type.as_str(), orcpt.address.as_str()), ("rfc822", "pelé@b"));
        assert_eq!(Orcpt::read("rfc822;pel+E9@b", true), Err(violation(Fault::OrcptSyntax, 10)));
    }

    #[test]
    fn addresses_outside_ascii() {
        for (value, address) in [
            ("pelé@example.org", "pelé@example.org"),
            (r"pel\x{E9}@example.org", "pelé@example.org"),
            (r"pel\x{e9}@b", "pelé@b"),
            (r"\x{1F600}\x{10FFFF}\x{A0}\x{FFD}\x{D7FF}", "😀\u{10FFFF}\u{A0}\u{FFD}\u{D7FF}"),
            (r"a\x{20}b\x{2B}c\x{3D}d\x{5C}e", r"a b+c=d\e"),
            ("not;a mailbox", ""),
        ] {
            let expected = if address.is_empty() { Err((Fault::OrcptUtf8Syntax, 11)) } else { Ok(address.to_owned()) };
            assert_eq!(read(&format!("UTF-8;{value}")), expected, "{value}");
        }
        for (value, at) in [
            ("", 0),
            ("a+2Bb", 1),
            ("a\\b", 1),
            ("a\\x", 1),
            ("a\\x{", 1),
            ("a\\x{E9", 1),
            ("a\\X{E9}", 1),
            ("\\x{}", 0),
            ("\\x{9}", 0),
            ("\\x{09}", 0),
            ("\\x{10}", 0),
            ("\\x{7F}", 0),
            ("\\x{80}", 0),
            ("\\x{41}", 0),
            ("\\x{0E9}", 0),
            ("\\x{D800}", 0),
            ("\\x{110000}", 0),
            ("\\x{100000E}", 0),
            ("\\x{+E9}", 0),
            ("\u{85}", 0),
        ] {
            assert_eq!(read(&format!("utf-8;{value}")), Err((Fault::OrcptUtf8Syntax, 6 + at)), "{value}");
        }
    }
}
