//! The name after EHLO, HELO and LHLO (RFC 5321 §4.1.1.1, §4.1.3; RFC 2033 §4.1).
//!
//! Takes a [`Cursor`] at the argument; gives the name as sent. It is what the client says of itself, never proof of
//! anything; unless the grammar is strict it need not even be a domain.

use super::Grammar;
use super::address::{MAX_DOMAIN, host};
use super::cursor::{Cursor, violation};
use crate::violation::{Fault, Violation};

/// The argument of EHLO, HELO or LHLO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The domain or address literal as sent: 1 to 255 octets of printable ASCII without spaces.
    pub name: String,
}

impl Hello {
    /// ```abnf
    /// ehlo  = "EHLO" SP ( Domain / address-literal ) CRLF
    /// helo  = "HELO" SP Domain CRLF
    /// ```
    /// HELO with an address literal does no harm. Hosts whose own name is no Domain (`MY_PC`) say it all the same, and
    /// RFC 5321 §4.1.4 would not have them refused for what they are called: any printable name is accepted, unless the
    /// grammar is strict. Non-ASCII is not: RFC 6531 §3.7.1.
    pub(super) fn scan(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        if cursor.is_end() {
            return Err(cursor.fault(Fault::MissingArgument));
        }
        let mut domain = cursor.clone();
        let start = cursor.at();
        cursor.eat_while(|b| b.is_ascii_graphic());
        if cursor.at() - start > MAX_DOMAIN {
            return Err(violation(Fault::HelloSyntax, start + MAX_DOMAIN));
        }
        if !cursor.is_end() {
            return Err(cursor.fault(Fault::HelloSyntax));
        }
        if grammar.strict {
            host(&mut domain, Fault::HelloSyntax)?;
            if !domain.is_end() {
                return Err(domain.fault(Fault::HelloSyntax));
            }
        }
        Ok(Self { name: cursor.text_since(start) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, strict: bool) -> Result<String, (Fault, u64)> {
        let grammar = Grammar { strict, ..Grammar::default() };
        let hello = Hello::scan(&mut Cursor::new(name.as_bytes()), &grammar).map_err(|v| (v.fault, v.offset))?;
        Ok(hello.name)
    }

    #[test]
    fn names() {
        for name in ["mx.example.org", "localhost", "[192.0.2.1]", "[IPv6:::1]"] {
            assert_eq!(read(name, false).as_deref(), Ok(name));
            assert_eq!(read(name, true).as_deref(), Ok(name));
        }
        for (name, offset) in [("MY_PC", 2), ("a..b", 2), ("[192.0.2]", 1), ("192.0.2.1]", 9), ("-", 0), ("a.", 2)] {
            assert_eq!(read(name, false).as_deref(), Ok(name));
            assert_eq!(read(name, true), Err((Fault::HelloSyntax, offset)), "{name}");
        }
        for (name, offset) in [("a b", 1), ("a\tb", 1), ("a\u{7F}", 1), ("é", 0)] {
            assert_eq!(read(name, false), Err((Fault::HelloSyntax, offset)), "{name}");
        }
        assert_eq!(read("", false), Err((Fault::MissingArgument, 0)));
        let name = "_".repeat(256);
        assert_eq!(read(&name[..255], false).as_deref(), Ok(&name[..255]));
        assert_eq!(read(&name, false), Err((Fault::HelloSyntax, 255)));
    }
}
