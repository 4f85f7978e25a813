//! The verbs of RFC 5321 §4.1.1 and RFC 2033 §4.1, and how long a line each may have.
//!
//! Takes a word; gives a [`Verb`]. Whether a verb is welcome here and now is decided elsewhere.

use super::Grammar;
use super::extension::Extensions;

/// The longest a command may be in octets, CRLF included, where no extension adds to it (RFC 5321 §4.5.3.1.4).
pub(super) const BASE_LINE: usize = 512;

/// The longest any command but AUTH may be under any [`Grammar`], in octets, CRLF included.
pub const MAX_LINE: usize = {
    let (mut longest, mut at) = (0, 0);
    while at < Verb::ALL.len() {
        let octets = BASE_LINE + Extensions::ALL.add(Verb::ALL[at]);
        if octets > longest {
            longest = octets;
        }
        at += 1;
    }
    longest
};

/// The longest AUTH may be, and each of the client's responses, in octets, CRLF included (RFC 4954 §4).
pub const MAX_AUTH_LINE: usize = 12_288;

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
    /// RFC 3030 §2.
    Bdat,
    /// RFC 3207 §4.
    StartTls,
    /// RFC 4954 §4.
    Auth,
    /// RFC 1985 §5.
    Etrn,
    /// Postfix's.
    Xclient,
    /// Postfix's.
    Xforward,
}

impl Verb {
    /// Every verb, in the order of the enum.
    pub const ALL: [Self; 18] = [
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
        Self::Bdat,
        Self::StartTls,
        Self::Auth,
        Self::Etrn,
        Self::Xclient,
        Self::Xforward,
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
            Self::Bdat => "BDAT",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Etrn => "ETRN",
            Self::Xclient => "XCLIENT",
            Self::Xforward => "XFORWARD",
        }
    }

    /// The longest line with this verb in octets, CRLF included: 512 and what the offered extensions add to it.
    #[must_use]
    pub const fn max_line(self, grammar: &Grammar) -> usize {
        if matches!(self, Self::Auth) {
            return MAX_AUTH_LINE;
        }
        BASE_LINE + grammar.extensions.add(self)
    }

    /// The verb a line begins with, whatever follows it.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Option<Self> {
        Self::of(line.split(|&octet| octet == b' ').next().unwrap_or_default())
    }

    /// The verb a word names, in any case (RFC 5321 §2.4).
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        if let Ok(four) = word.try_into().map(u32::from_be_bytes) {
            // In upper case: no octet but a letter becomes one so.
            let found = FOUR.iter().find(|(name, _)| *name == four & 0xDFDF_DFDF);
            return found.map(|(_, verb)| *verb);
        }
        let longer = [Self::StartTls, Self::Xclient, Self::Xforward];
        longer.into_iter().find(|verb| word.eq_ignore_ascii_case(verb.name().as_bytes()))
    }
}

/// The verbs of four letters as numbers: they are looked up for every line.
const FOUR: [(u32, Verb); 15] = {
    let (mut four, mut at, mut next) = ([(0, Verb::Quit); 15], 0, 0);
    while at < Verb::ALL.len() {
        let name = Verb::ALL[at].name().as_bytes();
        if let [a, b, c, d] = *name {
            four[next] = (u32::from_be_bytes([a, b, c, d]), Verb::ALL[at]);
            next += 1;
        }
        at += 1;
    }
    assert!(next == four.len());
    four
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_found_by_its_name() {
        for verb in Verb::ALL {
            assert_eq!(Verb::of(verb.name().as_bytes()), Some(verb));
            assert_eq!(Verb::of(verb.name().to_lowercase().as_bytes()), Some(verb));
        }
        for word in ["", "MAI", "MAILX", "MAIL:", "TURN"] {
            assert_eq!(Verb::of(word.as_bytes()), None);
        }
    }

    #[test]
    fn line_limits() {
        let of = |verb: Verb, extensions| verb.max_line(&Grammar { extensions, ..Grammar::default() });
        let usual = Extensions::USUAL;
        assert_eq!((of(Verb::Mail, Extensions::NONE), of(Verb::Mail, usual)), (512, 565));
        assert_eq!((of(Verb::Vrfy, Extensions::NONE), of(Verb::Vrfy, usual)), (512, 522));
        assert_eq!((of(Verb::Rcpt, usual), of(Verb::Rcpt, Extensions::ALL)), (512, 1042));
        assert_eq!(of(Verb::Data, Extensions::ALL), 512);
        let others = Verb::ALL.into_iter().filter(|&verb| verb != Verb::Auth);
        assert_eq!(others.map(|verb| of(verb, Extensions::ALL)).max(), Some(MAX_LINE));
        assert_eq!(of(Verb::Auth, Extensions::NONE), MAX_AUTH_LINE);
        assert_eq!(MAX_LINE, 1362);
    }
}
