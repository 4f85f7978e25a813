//! MAIL and RCPT, the commands that write the envelope (RFC 5321 §4.1.1.2, §4.1.1.3, §3.3; RFC 6531 §3.3 to §3.5).
//!
//! Takes a [`Cursor`] at the argument; gives the path, the parameters and the leniencies taken. Faults are found from left
//! to right, but for one: whether a path may hold non-ASCII is known only once the parameters have been read.

use super::Grammar;
use super::cursor::{Cursor, violation};
use super::notes::{Leniency, Notes};
use super::parameters::Parameters;
use super::path::{ForwardPath, ReversePath};
use crate::violation::{Fault, Violation};

/// MAIL: the start of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Who is to hear of failures.
    pub reverse_path: ReversePath,
    /// What extensions have to say.
    pub parameters: Parameters,
    /// Leniencies taken.
    pub notes: Notes,
}

/// RCPT: one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    /// The recipient.
    pub forward_path: ForwardPath,
    /// What extensions have to say.
    pub parameters: Parameters,
    /// Leniencies taken.
    pub notes: Notes,
}

impl Mail {
    /// ```abnf
    /// mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        let mut notes = Notes::default();
        introduction(cursor, b"FROM:", Fault::MailSyntax, grammar, &mut notes)?;
        let start = cursor.at();
        let (reverse_path, routed) = ReversePath::scan(cursor)?;
        let non_ascii = first_non_ascii(cursor, start);
        let parameters = Parameters::of_mail(cursor, grammar)?;
        permit(non_ascii, grammar.smtputf8 && parameters.smtputf8(), Fault::MailNeedsSmtputf8)?;
        if routed {
            notes.add(Leniency::SourceRoute);
        }
        Ok(Self { reverse_path, parameters, notes })
    }
}

impl Rcpt {
    /// ```abnf
    /// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters] CRLF
    /// ```
    /// The SMTPUTF8 parameter stands on MAIL alone, so here [`Grammar::smtputf8`] says that the transaction asked for it.
    pub(super) fn scan(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        let mut notes = Notes::default();
        introduction(cursor, b"TO:", Fault::RcptSyntax, grammar, &mut notes)?;
        let start = cursor.at();
        let (forward_path, routed) = ForwardPath::scan(cursor)?;
        let non_ascii = first_non_ascii(cursor, start);
        let parameters = Parameters::of_rcpt(cursor, grammar)?;
        permit(non_ascii, grammar.smtputf8, Fault::RcptNeedsSmtputf8)?;
        if routed {
            notes.add(Leniency::SourceRoute);
        }
        Ok(Self { forward_path, parameters, notes })
    }
}

/// Reads `FROM:` or `TO:` up to the `<`. RFC 5321 §3.3: "spaces are not permitted on either side of the colon".
fn introduction(
    cursor: &mut Cursor<'_>,
    word: &[u8],
    syntax: Fault,
    grammar: &Grammar,
    notes: &mut Notes,
) -> Result<(), Violation> {
    if !cursor.eat_word(word) {
        return Err(cursor.fault(syntax));
    }
    if cursor.peek() == Some(b' ') {
        if grammar.strict {
            return Err(cursor.fault(Fault::SpaceAfterColon));
        }
        cursor.eat_while(|b| b == b' ');
        notes.add(Leniency::SpaceAfterColon);
    }
    if cursor.peek() == Some(b'<') { Ok(()) } else { Err(cursor.fault(syntax)) }
}

fn first_non_ascii(cursor: &Cursor<'_>, start: usize) -> Option<usize> {
    cursor.since(start).iter().position(|b| !b.is_ascii()).map(|at| start + at)
}

fn permit(non_ascii: Option<usize>, smtputf8: bool, fault: Fault) -> Result<(), Violation> {
    match non_ascii {
        Some(at) if !smtputf8 => Err(violation(fault, at)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(argument: &str, smtputf8: bool) -> Result<Mail, (Fault, u64)> {
        let grammar = Grammar { smtputf8, ..Grammar::default() };
        Mail::scan(&mut Cursor::new(argument.as_bytes()), &grammar).map_err(|v| (v.fault, v.offset))
    }

    #[test]
    fn the_parameter_decides_on_the_path() {
        let path = mail("FROM:<é@a> SMTPUTF8", true).unwrap().reverse_path;
        assert_eq!(path.local_part(), "é");
        assert_eq!(mail("FROM:<é@a>", true), Err((Fault::MailNeedsSmtputf8, 6)));
        assert_eq!(mail("FROM:<é@a> SMTPUTF8", false), Err((Fault::MailNeedsSmtputf8, 6)));
        assert_eq!(mail("FROM:<é@a> SIZE=x", true), Err((Fault::SizeSyntax, 17)));
        assert_eq!(mail("FROM:<é@a_> SMTPUTF8", false), Err((Fault::ReversePathSyntax, 10)));
        // A dropped route was sent all the same.
        assert_eq!(mail("FROM:<@é:a@b>", true), Err((Fault::MailNeedsSmtputf8, 7)));
        assert!(mail("FROM:<@é:a@b> SMTPUTF8", true).is_ok());
    }

    #[test]
    fn leniencies_are_noted() {
        let notes = |argument| mail(argument, false).unwrap().notes.names().collect::<Vec<_>>();
        assert!(notes("FROM:<>").is_empty());
        assert_eq!(notes("from:   <>"), ["space-after-colon"]);
        assert_eq!(notes("FROM: <@a:b@c>"), ["space-after-colon", "source-route"]);
    }
}
