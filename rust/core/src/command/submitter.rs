//! AUTH on MAIL: who submitted the message, as the client has been told (RFC 4954 §5).
//!
//! Takes the value of the parameter; gives a mailbox. Whether the client is trusted to say so is decided elsewhere.

use super::cursor::violation;
use super::path::ReversePath;
use super::xtext;
use crate::violation::{Fault, Violation};

/// `<>`, or a mailbox in xtext. Gives it decoded; nothing for `<>`, which says that the submitter is not known.
pub(super) fn submitter(value: &str) -> Result<String, Violation> {
    let fault = |at| violation(Fault::AuthParameterSyntax, at);
    if value == "<>" {
        return Ok(String::new());
    }
    let octets = xtext::decode(value.as_bytes()).map_err(fault)?;
    let mailbox =
        String::from_utf8(octets).map_err(|error| fault(xtext::place(value, error.utf8_error().valid_up_to())))?;
    match ReversePath::parse(&mailbox) {
        Ok(path) if path.is_null() => Err(fault(0)),
        Ok(_) => Ok(mailbox),
        Err(found) => Err(fault(xtext::place(value, usize::try_from(found.offset).unwrap_or(0)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submitters() {
        for (value, mailbox) in [
            ("<>", ""),
            ("e+3Dmc2@example.com", "e=mc2@example.com"),
            ("+22a+20b+22@[192.0.2.1]", "\"a b\"@[192.0.2.1]"),
            ("pel+C3+A9@example.org", "pelé@example.org"),
        ] {
            assert_eq!(submitter(value), Ok(mailbox.into()));
        }
        for (value, at) in [
            ("", 0),
            ("<", 0),
            ("a", 1),
            ("a@", 2),
            ("<a@b>", 0),
            ("+3C+3E", 0),
            ("a+2B@b+2Bc", 6),
            ("+41+20@b", 3),
            ("a+0A@b", 1),
            ("pel+E9@b", 3),
            ("a+2b@c", 1),
            ("@r:a@b", 0),
        ] {
            assert_eq!(submitter(value), Err(violation(Fault::AuthParameterSyntax, at)), "{value}");
        }
    }
}
