//! ETRN: a client asks for the mail that waits for a node (RFC 1985 §5).
//!
//! Takes a [`Cursor`] at the argument; gives it. Whether any waits is the application's to know.

use super::cursor::Cursor;
use crate::violation::{Fault, Violation};

/// ETRN: send what waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etrn {
    /// A domain; `@` before it means its subdomains too, `#` a name of the server's own.
    pub node: String,
}

impl Etrn {
    /// ```abnf
    /// etrn = "ETRN" SP [ "@" / "#" ] node-name CRLF
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Result<Self, Violation> {
        if cursor.is_end() {
            return Err(cursor.fault(Fault::MissingArgument));
        }
        let start = cursor.at();
        cursor.eat_if(|b| matches!(b, b'@' | b'#'));
        let name = cursor.at();
        cursor.eat_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']'));
        if cursor.at() == name || !cursor.is_end() {
            return Err(cursor.fault(Fault::EtrnSyntax));
        }
        Ok(Self { node: cursor.text_since(start) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes() {
        let read = |argument: &str| Etrn::scan(&mut Cursor::new(argument.as_bytes())).map_err(|v| (v.fault, v.offset));
        for node in ["example.org", "@example.org", "#queue_1", "[192.0.2.1]"] {
            assert_eq!(read(node).map(|etrn| etrn.node).as_deref(), Ok(node));
        }
        assert_eq!(read(""), Err((Fault::MissingArgument, 0)));
        for (argument, offset) in [("@", 1), ("#", 1), ("a b", 1), ("@@a", 1), ("a;b", 1), ("a\u{e9}", 1)] {
            assert_eq!(read(argument), Err((Fault::EtrnSyntax, offset)), "{argument}");
        }
    }
}
