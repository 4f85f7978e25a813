//! TRANSID on MAIL: which transaction this is, should it have to be taken up again (RFC 1845 §2).
//!
//! Takes the value of the parameter; gives it as sent, brackets and all: "an opaque, case-sensitive string".

use super::cursor::{Cursor, violation};
use crate::violation::{Fault, Violation};

/// The most octets of it, brackets included.
const MAX_TRANSID: usize = 80;

/// ```abnf
/// transid-value  = "<" transid-spec ">"
/// transid-spec   = transid-token "@" transid-token
/// transid-token  = transid-atom *("." transid-atom)
/// transid-atom   = 1*<any (ASCII) CHAR except SPACE, CTLs, tspecials, or ".">     ; tspecials: RFC 1521
/// ```
pub(super) fn transid(value: &str) -> Result<String, Violation> {
    if value.len() > MAX_TRANSID {
        return Err(violation(Fault::TransidSyntax, MAX_TRANSID));
    }
    let mut cursor = Cursor::new(value.as_bytes());
    let eat = |cursor: &mut Cursor<'_>, octet| {
        if cursor.eat(octet) { Ok(()) } else { Err(cursor.fault(Fault::TransidSyntax)) }
    };
    eat(&mut cursor, b'<')?;
    token(&mut cursor)?;
    eat(&mut cursor, b'@')?;
    token(&mut cursor)?;
    eat(&mut cursor, b'>')?;
    if cursor.is_end() { Ok(value.to_owned()) } else { Err(cursor.fault(Fault::TransidSyntax)) }
}

fn token(cursor: &mut Cursor<'_>) -> Result<(), Violation> {
    loop {
        let start = cursor.at();
        cursor.eat_while(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=.".contains(&b));
        if cursor.at() == start {
            return Err(cursor.fault(Fault::TransidSyntax));
        }
        if !cursor.eat(b'.') {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        let longest = format!("<{}@b.example>", "a".repeat(80 - "<@b.example>".len()));
        for value in ["<a@b>", "<12345@example.org>", "<A.b.1!#$%&'*+-^_`{|}~@c.d>", &longest] {
            assert_eq!(transid(value), Ok(value.to_owned()));
        }
        let longer = longest.replace("<a", "<aa");
        for (value, at) in [
            ("", 0),
            ("a@b", 0),
            ("<>", 1),
            ("<a>", 2),
            ("<@b>", 1),
            ("<a@>", 3),
            ("<a@b", 4),
            ("<a@b>c", 5),
            ("<a..b@c>", 3),
            ("<.a@b>", 1),
            ("<a.@b>", 3),
            ("<a@b@c>", 4),
            ("<a@[b]>", 3),
            ("<a/b@c>", 2),
            ("<\"a\"@b>", 1),
            ("<é@b>", 1),
            (&longer, 80),
        ] {
            assert_eq!(transid(value), Err(violation(Fault::TransidSyntax, at)), "{value}");
        }
    }
}
