//! Free text after a verb: the arguments of NOOP, HELP, VRFY and EXPN, and of commands nobody knows.
//!
//! Takes a [`Cursor`] at the argument; gives it as sent, to the end of the line. RFC 5321 §4.1.2 has them be a String
//! (Atom or Quoted-string); servers have always read more, and nothing depends on it, so any printable text will do.

use super::Grammar;
use super::cursor::{Cursor, violation};
use crate::violation::{Fault, Violation};

/// The longest verb that is carried on in an [`Unknown`]. The longest registered one has 8 octets (`STARTTLS`).
const MAX_VERB: usize = 32;

/// The argument of NOOP, HELP, VRFY or EXPN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Printable ASCII and spaces, UTF-8 too where SMTPUTF8 is offered; nothing when there was none.
    pub argument: String,
}

/// A command that has the form of one and is none of [`Verb::ALL`](super::Verb::ALL).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// In upper case: at most 32 letters, digits and hyphens.
    pub verb: String,
    /// As in [`Text`].
    pub argument: String,
}

impl Text {
    /// ```abnf
    /// noop  = "NOOP" [ SP String ] CRLF
    /// help  = "HELP" [ SP String ] CRLF
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        Ok(Self { argument: printable(cursor, grammar, Fault::TextSyntax)? })
    }

    /// ```abnf
    /// vrfy  = "VRFY" SP String CRLF
    /// expn  = "EXPN" SP String CRLF
    /// ```
    pub(super) fn scan_some(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        if cursor.is_end() {
            return Err(cursor.fault(Fault::MissingArgument));
        }
        Self::scan(cursor, grammar)
    }
}

impl Unknown {
    /// ```abnf
    /// verb = ALPHA *( ALPHA / DIGIT / "-" )     ; of our own making: the form of all registered ones
    /// ```
    /// A line that does not start with such a word (an empty one, a TLS hello) is no command at all.
    pub(super) fn scan(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        let start = cursor.at();
        if cursor.eat_if(|b| b.is_ascii_alphabetic()) {
            cursor.eat_while(|b| b.is_ascii_alphanumeric() || b == b'-');
        }
        let verb = cursor.text_since(start).to_ascii_uppercase();
        if verb.len() > MAX_VERB {
            return Err(violation(Fault::UnknownCommand, start + MAX_VERB));
        }
        if verb.is_empty() || !matches!(cursor.peek(), None | Some(b' ')) {
            return Err(cursor.fault(Fault::UnknownCommand));
        }
        cursor.eat_while(|b| b == b' ');
        Ok(Self { verb, argument: printable(cursor, grammar, Fault::UnknownCommand)? })
    }
}

fn printable(cursor: &mut Cursor<'_>, grammar: &Grammar, syntax: Fault) -> Result<String, Violation> {
    let start = cursor.at();
    while cursor.eat_if(|b| matches!(b, 32..=126)) || (grammar.smtputf8 && cursor.eat_utf8()) {}
    if cursor.is_end() { Ok(cursor.text_since(start)) } else { Err(cursor.fault(syntax)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_printable() {
        let read = |text: &str, smtputf8| {
            let grammar = Grammar { smtputf8, ..Grammar::default() };
            Text::scan(&mut Cursor::new(text.as_bytes()), &grammar).map(|text| text.argument)
        };
        assert_eq!(read("", false).as_deref(), Ok(""));
        assert_eq!(read("a  \"b\" <c>", false).as_deref(), Ok("a  \"b\" <c>"));
        assert_eq!(read("aé", false), Err(violation(Fault::TextSyntax, 1)));
        assert_eq!(read("aé", true).as_deref(), Ok("aé"));
        for control in ["a\tb", "a\x1B", "a\x7F", "a\u{9B}"] {
            assert_eq!(read(control, true), Err(violation(Fault::TextSyntax, 1)), "{control:?}");
        }
    }

    #[test]
    fn unknown_verbs() {
        let read = |line: &str| Unknown::scan(&mut Cursor::new(line.as_bytes()), &Grammar::default());
        let unknown = |verb: &str, argument: &str| Ok(Unknown { verb: verb.into(), argument: argument.into() });
        assert_eq!(read("starttls"), unknown("STARTTLS", ""));
        assert_eq!(read("X-1  a=b c"), unknown("X-1", "a=b c"));
        assert_eq!(read(&"v".repeat(32)), unknown(&"V".repeat(32), ""));
        let bad = [("", 0), (" QUIT", 0), ("1X", 0), ("-X", 0), ("QUIT:", 4), ("DATA\tx", 4), ("é", 0), ("X a\tb", 3)];
        for (line, offset) in bad {
            assert_eq!(read(line), Err(violation(Fault::UnknownCommand, offset)), "{line:?}");
        }
        assert_eq!(read(&"v".repeat(33)), Err(violation(Fault::UnknownCommand, 32)));
    }
}
