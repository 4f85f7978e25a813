//! The verbs of RFC 5321 §4.1.1 and RFC 2033 §4.1, and how long a line each may have.
//!
//! Takes a word; gives a [`Verb`]. Whether a verb is welcome here and now is decided elsewhere.

use super::Grammar;

/// The longest a command may be in octets, CRLF included, where no extension adds to it (RFC 5321 §4.5.3.1.4).
pub(super) const BASE_LINE: usize = 512;
/// `SIZE=` and 20 digits, with the space (RFC 1870 §3).
const SIZE_ADDS: usize = 26;
/// `BODY=8BITMIME` and more, as RFC 6152 §2 has it.
const BODY_ADDS: usize = 17;
/// ` SMTPUTF8` and one more, as RFC 6531 §3.1 has it.
const SMTPUTF8_ADDS: usize = 10;

/// The longest any command may be under any [`Grammar`], in octets, CRLF included.
pub const MAX_LINE: usize = BASE_LINE + SIZE_ADDS + BODY_ADDS + SMTPUTF8_ADDS;

/// The first word of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// RFC 5321 §4.1.1.1.
    Ehlo,
    /// RFC 5321 §4.1.1.1.
    Helo,
    /// RFC 2033 §4.1.
    Lhlo,
    /// RFC 5321 §4.1.1.2.
    Mail,
    /// RFC 5321 §4.1.1.3.
    Rcpt,
    /// RFC 5321 §4.1.1.4.
    Data,
    /// RFC 5321 §4.1.1.5.
    Rset,
    /// RFC 5321 §4.1.1.9.
    Noop,
    /// RFC 5321 §4.1.1.10.
    Quit,
    /// RFC 5321 §4.1.1.6.
    Vrfy,
    /// RFC 5321 §4.1.1.7.
    Expn,
    /// RFC 5321 §4.1.1.8.
    Help,
}

impl Verb {
    /// Every verb, in the order of the enum.
    pub const ALL: [Self; 12] = [
        Self::Ehlo,
        Self::Helo,
        Self::Lhlo,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Rset,
        Self::Noop,
        Self::Quit,
        Self::Vrfy,
        Self::Expn,
        Self::Help,
    ];

    /// As it stands on the wire, in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::Lhlo => "LHLO",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Quit => "QUIT",
            Self::Vrfy => "VRFY",
            Self::Expn => "EXPN",
            Self::Help => "HELP",
        }
    }

    /// The longest line with this verb in octets, CRLF included: 512 and what the offered extensions add to it.
    #[must_use]
    pub const fn max_line(self, grammar: &Grammar) -> usize {
        match self {
            Self::Mail if grammar.smtputf8 => BASE_LINE + SIZE_ADDS + BODY_ADDS + SMTPUTF8_ADDS,
            Self::Mail => BASE_LINE + SIZE_ADDS + BODY_ADDS,
            _ => BASE_LINE,
        }
    }

    /// The verb a line begins with, whatever follows it.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Option<Self> {
        Self::of(line.split(|&octet| octet == b' ').next().unwrap_or_default())
    }

    /// The verb a word names, in any case (RFC 5321 §2.4).
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| word.eq_ignore_ascii_case(verb.name().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_found_by_its_name() {
        for verb in Verb::ALL {
            assert_eq!(Verb::of(verb.name().as_bytes()), Some(verb));
            assert_eq!(Verb::of(verb.name().to_lowercase().as_bytes()), Some(verb));
        }
        for word in ["", "MAI", "MAILX", "MAIL:", "STARTTLS"] {
            assert_eq!(Verb::of(word.as_bytes()), None);
        }
    }

    #[test]
    fn line_limits() {
        let plain = Grammar::default();
        let smtputf8 = Grammar { smtputf8: true, ..plain };
        assert_eq!((Verb::Mail.max_line(&plain), Verb::Mail.max_line(&smtputf8)), (555, 565));
        assert_eq!((Verb::Rcpt.max_line(&plain), Verb::Rcpt.max_line(&smtputf8)), (512, 512));
        assert_eq!(Verb::ALL.map(|verb| verb.max_line(&smtputf8)).into_iter().max(), Some(MAX_LINE));
    }
}
