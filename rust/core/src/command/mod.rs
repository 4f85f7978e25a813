//! One command line, parsed (RFC 5321 §4.1, RFC 2033 §4, RFC 6531 §3).
//!
//! Takes the octets of a line without its CRLF, and what the session offers; gives a [`Command`], or the first
//! [`Violation`] from the left. What a `Command` holds is well-formed, and no longer than the line it came from. Nothing
//! here knows what was said before: order, offers and limits of the transaction are the session's business.
//!
//! Spaces and tabs at the end of a line are ignored (RFC 5321 §4.1.1 asks for that), and where one space belongs, more do
//! no harm. All else is as the grammar has it, but for the leniencies in [`Notes`] and in [`Hello`].

mod address;
mod attributes;
mod auth;
mod bdat;
mod cursor;
mod date_time;
mod declaration;
mod deliver_by;
mod dsn;
mod envelope;
mod etrn;
mod extension;
mod future_release;
mod hello;
mod local_part;
mod notes;
mod orcpt;
mod parameter;
mod parameters;
mod path;
mod priority;
mod submitter;
mod text;
mod transid;
mod verb;
mod xtext;

use crate::violation::{Fault, Violation};
use cursor::{Cursor, violation};

pub use attributes::Attributes;
pub use auth::{Auth, AuthLine, Secret};
pub use bdat::{Bdat, begins_bdat};
pub use date_time::DateTime;
pub use declaration::Body;
pub use deliver_by::{By, ByMode};
pub use dsn::{Notify, Ret};
pub use envelope::{Mail, Rcpt};
pub use etrn::Etrn;
pub use extension::{Extension, Extensions};
pub use hello::Hello;
pub use notes::{Leniency, Notes};
pub use orcpt::Orcpt;
pub use parameter::{Parameter, Typed};
pub use parameters::Parameters;
pub use path::{ForwardPath, ReversePath};
pub use text::{Text, Unknown};
pub use verb::{MAX_AUTH_LINE, MAX_LINE, Verb};

/// Which of the two protocols is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033.
    Lmtp,
}

/// What decides how a line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grammar {
    /// The protocol: EHLO and HELO in one, LHLO in the other.
    pub dialect: Dialect,
    /// Whether non-ASCII may be read (RFC 6531). For MAIL: SMTPUTF8 is offered. For RCPT: the transaction asked for it.
    pub smtputf8: bool,
    /// Whether to refuse the leniencies that the RFC does not ask for: a space after the colon of `FROM:` and `TO:`, and
    /// a name after EHLO that is no domain.
    pub strict: bool,
    /// The extensions offered. They decide how long a line may be ([`Verb::max_line`]); their parameters are read whether
    /// offered or not.
    pub extensions: Extensions,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// RFC 5321 §4.1.1.1.
    Ehlo(Hello),
    /// RFC 5321 §4.1.1.1.
    Helo(Hello),
    /// RFC 2033 §4.1.
    Lhlo(Hello),
    /// RFC 5321 §4.1.1.2.
    Mail(Mail),
    /// RFC 5321 §4.1.1.3.
    Rcpt(Rcpt),
    /// RFC 5321 §4.1.1.4.
    Data,
    /// RFC 3030 §2.
    Bdat(Bdat),
    /// RFC 5321 §4.1.1.5.
    Rset,
    /// RFC 5321 §4.1.1.9.
    Noop(Text),
    /// RFC 5321 §4.1.1.10.
    Quit,
    /// RFC 5321 §4.1.1.6.
    Vrfy(Text),
    /// RFC 5321 §4.1.1.7.
    Expn(Text),
    /// RFC 5321 §4.1.1.8.
    Help(Text),
    /// RFC 3207 §4.
    StartTls,
    /// RFC 4954 §4.
    Auth(Auth),
    /// RFC 1985 §5.
    Etrn(Etrn),
    /// Postfix's XCLIENT.
    Xclient(Attributes),
    /// Postfix's XFORWARD.
    Xforward(Attributes),
    /// None of these.
    Unknown(Unknown),
}

impl Command {
    /// The verb, where it is a known one.
    #[must_use]
    pub const fn verb(&self) -> Option<Verb> {
        Some(match self {
            Self::Ehlo(_) => Verb::Ehlo,
            Self::Helo(_) => Verb::Helo,
            Self::Lhlo(_) => Verb::Lhlo,
            Self::Mail(_) => Verb::Mail,
            Self::Rcpt(_) => Verb::Rcpt,
            Self::Data => Verb::Data,
            Self::Rset => Verb::Rset,
            Self::Noop(_) => Verb::Noop,
            Self::Quit => Verb::Quit,
            Self::Vrfy(_) => Verb::Vrfy,
            Self::Expn(_) => Verb::Expn,
            Self::Help(_) => Verb::Help,
            Self::Bdat(_) => Verb::Bdat,
            Self::StartTls => Verb::StartTls,
            Self::Auth(_) => Verb::Auth,
            Self::Etrn(_) => Verb::Etrn,
            Self::Xclient(_) => Verb::Xclient,
            Self::Xforward(_) => Verb::Xforward,
            Self::Unknown(_) => return None,
        })
    }
}

/// Reads one line without its CRLF.
///
/// A CR, LF or NUL anywhere is the fault, whatever else is wrong: such a line may be two to somebody else. Then the
/// length is looked at, then the words from left to right.
///
/// ```
/// use lonedot_core::command::{Command, Grammar, parse};
///
/// let Ok(Command::Mail(mail)) = parse(b"MAIL FROM:<a@example.org> SIZE=1000", &Grammar::default()) else { panic!() };
/// assert_eq!((mail.reverse_path.as_str(), mail.parameters.size()), ("a@example.org", Some(1000)));
///
/// let violation = parse(b"MAIL FROM:a@example.org", &Grammar::default()).unwrap_err();
/// assert_eq!(violation.text(), "Say MAIL FROM:<address> (octet 10 of the line)");
/// ```
///
/// # Errors
/// The fault, its offset counted in octets from the start of the line.
pub fn parse(line: &[u8], grammar: &Grammar) -> Result<Command, Violation> {
    for (at, octet) in line.iter().enumerate() {
        match octet {
            b'\0' => return Err(violation(Fault::NulInCommand, at)),
            b'\r' => return Err(violation(Fault::BareCrInCommand, at)),
            b'\n' => return Err(violation(Fault::BareLfInCommand, at)),
            _ => {}
        }
    }
    let mut cursor = Cursor::new(without_trailing_space(line));
    let mut after_verb = cursor.clone();
    after_verb.eat_while(|b| b != b' ');
    let verb = Verb::of(after_verb.since(0));
    let most = verb.map_or(verb::BASE_LINE, |verb| verb.max_line(grammar)) - b"\r\n".len();
    if line.len() > most {
        return Err(violation(Fault::CommandTooLong, most));
    }
    let Some(verb) = verb else {
        return Unknown::scan(&mut cursor, grammar).map(Command::Unknown);
    };
    match (grammar.dialect, verb) {
        (Dialect::Lmtp, Verb::Ehlo | Verb::Helo) => return Err(violation(Fault::LmtpWantsLhlo, 0)),
        (Dialect::Smtp, Verb::Lhlo) => return Err(violation(Fault::UnknownCommand, 0)),
        _ => {}
    }
    cursor = after_verb;
    cursor.eat_while(|b| b == b' ');
    Ok(match verb {
        Verb::Ehlo => Command::Ehlo(Hello::scan(&mut cursor, grammar)?),
        Verb::Helo => Command::Helo(Hello::scan(&mut cursor, grammar)?),
        Verb::Lhlo => Command::Lhlo(Hello::scan(&mut cursor, grammar)?),
        Verb::Mail => Command::Mail(Mail::scan(&mut cursor, grammar)?),
        Verb::Rcpt => Command::Rcpt(Rcpt::scan(&mut cursor, grammar)?),
        Verb::Data => alone(&cursor, Command::Data)?,
        Verb::Rset => alone(&cursor, Command::Rset)?,
        Verb::Quit => alone(&cursor, Command::Quit)?,
        Verb::Noop => Command::Noop(Text::scan(&mut cursor, grammar)?),
        Verb::Help => Command::Help(Text::scan(&mut cursor, grammar)?),
        Verb::Vrfy => Command::Vrfy(Text::scan_some(&mut cursor, grammar)?),
        Verb::Expn => Command::Expn(Text::scan_some(&mut cursor, grammar)?),
        Verb::Bdat => Command::Bdat(Bdat::scan(&mut cursor)?),
        Verb::StartTls => alone(&cursor, Command::StartTls)?,
        Verb::Auth => Command::Auth(Auth::scan(&mut cursor)?),
        Verb::Etrn => Command::Etrn(Etrn::scan(&mut cursor)?),
        Verb::Xclient => Command::Xclient(Attributes::scan_xclient(&mut cursor)?),
        Verb::Xforward => Command::Xforward(Attributes::scan_xforward(&mut cursor)?),
    })
}

/// RFC 5321 §4.1.1: receivers "SHOULD tolerate trailing white space before the terminating `<CRLF>`".
fn without_trailing_space(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |last| last + 1);
    &line[..end]
}

/// A command without an argument.
fn alone(cursor: &Cursor<'_>, command: Command) -> Result<Command, Violation> {
    if cursor.is_end() { Ok(command) } else { Err(cursor.fault(Fault::UnexpectedArgument)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: &str, grammar: Grammar) -> Option<(Fault, u64)> {
        parse(line.as_bytes(), &grammar).err().map(|v| (v.fault, v.offset))
    }

    #[test]
    fn every_verb_is_read_as_itself() {
        for verb in Verb::ALL {
            let argument = match verb {
                Verb::Mail => "FROM:<>",
                Verb::Rcpt => "TO:<Postmaster>",
                Verb::Data | Verb::Rset | Verb::Quit | Verb::StartTls => "",
                Verb::Bdat => "1 LAST",
                Verb::Xclient | Verb::Xforward => "NAME=a.example",
                _ => "x",
            };
            let dialect = if verb == Verb::Lhlo { Dialect::Lmtp } else { Dialect::Smtp };
            let line = format!("{} {argument}", verb.name().to_lowercase());
            let command = parse(line.as_bytes(), &Grammar { dialect, ..Grammar::default() }).unwrap();
            assert_eq!(command.verb(), Some(verb));
        }
        assert_eq!(parse(b"TURN", &Grammar::default()).unwrap().verb(), None);
    }

    #[test]
    fn control_octets_come_before_all_else() {
        let plain = Grammar::default();
        let long = "x".repeat(600);
        assert_eq!(fault(&format!("{long}\0"), plain), Some((Fault::NulInCommand, 600)));
        assert_eq!(fault("QUIT x\n\r", plain), Some((Fault::BareLfInCommand, 6)));
        assert_eq!(fault("MAIL FROM:<\"\\\r\"@a>", plain), Some((Fault::BareCrInCommand, 13)));
        assert_eq!(fault(&long, plain), Some((Fault::CommandTooLong, 510)));
    }

    #[test]
    fn length_counts_trailing_space() {
        let usual = Grammar { extensions: Extensions::USUAL, ..Grammar::default() };
        for (verb, most) in [("QUIT", 510), ("NOOP", 510), ("STARTTLS", 510), ("MAIL FROM:<>", 563)] {
            assert_eq!(fault(&format!("{verb:most$}"), usual), None);
            let more = most + 1;
            assert_eq!(fault(&format!("{verb:more$}"), usual), Some((Fault::CommandTooLong, most as u64)));
        }
    }

    #[test]
    fn dialects() {
        let lmtp = Grammar { dialect: Dialect::Lmtp, ..Grammar::default() };
        assert_eq!(fault("LHLO a", lmtp), None);
        assert_eq!(fault("EHLO a", lmtp), Some((Fault::LmtpWantsLhlo, 0)));
        assert_eq!(fault("HELO", lmtp), Some((Fault::LmtpWantsLhlo, 0)));
        assert_eq!(fault("LHLO a", Grammar::default()), Some((Fault::UnknownCommand, 0)));
    }
}
