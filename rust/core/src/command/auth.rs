//! AUTH and the lines of its exchange (RFC 4954 §4).
//!
//! Takes a [`Cursor`] at the argument, or a whole line that answers a challenge; gives octets, base64 undone. Mechanisms are
//! nothing but names here. What an exchange holds is secret: no `Debug` shows it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::cursor::Cursor;
use crate::violation::{Fault, Violation};

/// The longest name of a mechanism (RFC 4422 §3.1).
const MAX_MECHANISM: usize = 20;

/// AUTH: the client wants to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// In upper case.
    pub mechanism: String,
    /// The initial response; none when there was none, empty when it was `=`.
    pub initial: Option<Secret>,
}

/// Octets that no log shall show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.0.len())
    }
}

impl Auth {
    /// ```abnf
    /// auth-command     = "AUTH" SP sasl-mech [SP initial-response] *(CRLF [base64]) [CRLF cancel-response] CRLF
    /// sasl-mech        = 1*20mech-char                      ; RFC 4422 section 3.1
    /// mech-char        = UPPER-ALPHA / DIGIT / HYPHEN / UNDERSCORE
    /// initial-response = base64 / "="
    /// ```
    /// in any case.
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Result<Self, Violation> {
        let start = cursor.at();
        if cursor.is_end() {
            return Err(cursor.fault(Fault::MissingArgument));
        }
        cursor.eat_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let length = cursor.at() - start;
        if !(1..=MAX_MECHANISM).contains(&length) || !matches!(cursor.peek(), None | Some(b' ')) {
            return Err(Violation::new(Fault::AuthSyntax, (start + length.min(MAX_MECHANISM)) as u64));
        }
        let mechanism = cursor.text_since(start).to_ascii_uppercase();
        cursor.eat_while(|b| b == b' ');
        let initial = match cursor.rest() {
            b"" => None,
            b"=" => Some(Secret(Vec::new())),
            rest => Some(decoded(rest, cursor.at())?),
        };
        Ok(Self { mechanism, initial })
    }
}

/// A line of an exchange, without its CRLF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthLine {
    /// The answer to a challenge.
    Response(Secret),
    /// `*`: the client gives up.
    Cancel,
}

impl AuthLine {
    /// Reads it.
    ///
    /// # Errors
    /// [`Fault::Base64Syntax`] for what is neither base64 nor `*`.
    pub fn parse(line: &[u8]) -> Result<Self, Violation> {
        if line == b"*" { Ok(Self::Cancel) } else { decoded(line, 0).map(Self::Response) }
    }
}

/// `start` is where the base64 stands in its line.
fn decoded(base64: &[u8], start: usize) -> Result<Secret, Violation> {
    STANDARD.decode(base64).map(Secret).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => base64.len(),
        };
        Violation::new(Fault::Base64Syntax, (start + at) as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<(String, Option<Vec<u8>>), (Fault, u64)>;

    fn read(argument: &str) -> Read {
        let auth = Auth::scan(&mut Cursor::new(argument.as_bytes())).map_err(|v| (v.fault, v.offset))?;
        Ok((auth.mechanism, auth.initial.map(|secret| secret.0)))
    }

    #[test]
    fn mechanisms_and_initial_responses() {
        assert_eq!(read("plain"), Ok(("PLAIN".into(), None)));
        assert_eq!(read("SCRAM-SHA-256  ="), Ok(("SCRAM-SHA-256".into(), Some(Vec::new()))));
        assert_eq!(read("PLAIN AGEAYg=="), Ok(("PLAIN".into(), Some(b"\0a\0b".to_vec()))));
        assert_eq!(read("A_B-9"), Ok(("A_B-9".into(), None)));
    }

    #[test]
    fn faults() {
        for (argument, fault, offset) in [
            ("", Fault::MissingArgument, 0),
            ("=", Fault::AuthSyntax, 0),
            ("PLAIN;", Fault::AuthSyntax, 5),
            ("ABCDEFGHIJKLMNOPQRSTU", Fault::AuthSyntax, 20),
            ("PLAIN AGE", Fault::Base64Syntax, 9),
            ("PLAIN A*==", Fault::Base64Syntax, 7),
            ("PLAIN AGEAYg== x", Fault::Base64Syntax, 12),
            ("PLAIN ==", Fault::Base64Syntax, 6),
        ] {
            assert_eq!(read(argument), Err((fault, offset)), "{argument}");
        }
    }

    #[test]
    fn lines_of_an_exchange() {
        assert_eq!(AuthLine::parse(b"*"), Ok(AuthLine::Cancel));
        assert_eq!(AuthLine::parse(b""), Ok(AuthLine::Response(Secret(Vec::new()))));
        assert_eq!(AuthLine::parse(b"YWI="), Ok(AuthLine::Response(Secret(b"ab".to_vec()))));
        for line in ["**", "=", "YWI", "YWI= ", "Y\0WI", "\u{e9}"] {
            assert_eq!(AuthLine::parse(line.as_bytes()).map_err(|v| v.fault), Err(Fault::Base64Syntax), "{line:?}");
        }
    }

    #[test]
    fn nothing_shows_what_is_secret() {
        let auth = Auth::scan(&mut Cursor::new(b"PLAIN AGEAYg==")).unwrap();
        assert_eq!(format!("{auth:?}"), "Auth { mechanism: \"PLAIN\", initial: Some(<4 octets>) }");
    }
}
