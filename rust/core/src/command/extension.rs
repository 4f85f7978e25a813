//! The extensions of SMTP, one for each keyword of the reply to EHLO (RFC 5321 §4.1.1.1), and sets of them.
//!
//! Takes a keyword; gives an [`Extension`], and how many octets one that is offered adds to a command line. Whether it is
//! offered, and what it does, is decided elsewhere.

use super::verb::Verb;

macro_rules! extensions {
    ($( $(#[$doc:meta])* $extension:ident = $keyword:literal; )+) => {
        /// An extension, named by its EHLO keyword.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Extension {
            $( $(#[$doc])* $extension, )+
        }

        impl Extension {
            /// Every extension, in the order of the enum.
            pub const ALL: &'static [Self] = &[ $( Self::$extension, )+ ];

            /// As it stands in the reply to EHLO, in upper case, without arguments.
            #[must_use]
            pub const fn keyword(self) -> &'static str {
                match self { $( Self::$extension => $keyword, )+ }
            }
        }
    };
}

extensions! {
    /// RFC 1870.
    Size = "SIZE";
    /// RFC 6152.
    EightBitMime = "8BITMIME";
    /// RFC 2920.
    Pipelining = "PIPELINING";
    /// RFC 2034.
    EnhancedStatusCodes = "ENHANCEDSTATUSCODES";
    /// RFC 5321 §4.1.1.8.
    Help = "HELP";
    /// RFC 6531.
    Smtputf8 = "SMTPUTF8";
    /// RFC 3030 §2.
    Chunking = "CHUNKING";
    /// RFC 3030 §3.
    BinaryMime = "BINARYMIME";
    /// RFC 3207.
    StartTls = "STARTTLS";
    /// RFC 4954.
    Auth = "AUTH";
    /// RFC 3461.
    Dsn = "DSN";
    /// RFC 1985.
    Etrn = "ETRN";
    /// RFC 2852.
    DeliverBy = "DELIVERBY";
    /// RFC 8689.
    RequireTls = "REQUIRETLS";
    /// RFC 6710.
    MtPriority = "MT-PRIORITY";
    /// RFC 4865.
    FutureRelease = "FUTURERELEASE";
    /// RFC 9422.
    Limits = "LIMITS";
    /// RFC 1845.
    Checkpoint = "CHECKPOINT";
    /// RFC 5321 §3.5.2.
    Vrfy = "VRFY";
    /// RFC 5321 §3.5.2.
    Expn = "EXPN";
    /// Postfix's: what a proxy knows of its client.
    Xclient = "XCLIENT";
    /// Postfix's: what a relay knows of its client.
    Xforward = "XFORWARD";
}

impl Extension {
    /// The extension of an EHLO keyword, in any case (RFC 5321 §2.4).
    #[must_use]
    pub fn by_keyword(keyword: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|extension| keyword.eq_ignore_ascii_case(extension.keyword()))
    }

    /// Octets it adds to the longest line of a command: those its RFC says, else those of the longest parameter there
    /// is, with the space before it.
    pub(super) const fn adds(self, verb: Verb) -> usize {
        match (verb, self) {
            // RFC 1870 §3, RFC 6152 §2, RFC 3030 §3, RFC 4954 §3, RFC 2852 §2, RFC 4865 §3, RFC 6710 §3, RFC 8689 §2,
            // RFC 1845 §2, which is an octet short of its longest TRANSID.
            (Verb::Mail, Self::Size) => 26,
            (Verb::Mail, Self::EightBitMime) => 17,
            (Verb::Mail, Self::BinaryMime) => 16,
            (Verb::Mail, Self::Auth) => 500,
            (Verb::Mail, Self::DeliverBy) => 17,
            (Verb::Mail, Self::FutureRelease) => 34,
            (Verb::Mail, Self::MtPriority) => 15,
            (Verb::Mail, Self::RequireTls) => 11,
            (Verb::Mail, Self::Checkpoint) => 88,
            // RFC 6531 §3.1 says it of MAIL; VRFY and EXPN have the same parameter.
            (Verb::Mail | Verb::Vrfy | Verb::Expn, Self::Smtputf8) => 10,
            // RFC 3461 §5.4: 500 octets of ORCPT and 28 of NOTIFY.
            (Verb::Rcpt, Self::Dsn) => 530,
            // RFC 3461 §4.4 and §5.4 give no sum for MAIL: ` RET=HDRS`, ` ENVID=` and 100 octets.
            (Verb::Mail, Self::Dsn) => 116,
            _ => 0,
        }
    }
}

/// A set of extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Extensions(u32);

// One bit each.
const _: () = assert!(Extension::ALL.len() <= u32::BITS as usize);

impl Extensions {
    /// None.
    pub const NONE: Self = Self(0);

    /// Those that take nothing but the session itself: what is offered unless it is told otherwise.
    pub const USUAL: Self = Self::NONE
        .with(Extension::Size)
        .with(Extension::EightBitMime)
        .with(Extension::Pipelining)
        .with(Extension::EnhancedStatusCodes)
        .with(Extension::Smtputf8)
        .with(Extension::Chunking)
        .with(Extension::Limits)
        .with(Extension::Help);

    /// Every extension.
    pub const ALL: Self = Self((1 << Extension::ALL.len()) - 1);

    /// This set, and one more.
    #[must_use]
    pub const fn with(self, extension: Extension) -> Self {
        Self(self.0 | 1 << extension as u32)
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, extension: Extension) -> bool {
        self.0 & 1 << extension as u32 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in the set, in the order of [`Extension::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Extension> {
        Extension::ALL.iter().copied().filter(move |&extension| self.contains(extension))
    }

    /// For each verb, in the order of [`Verb::ALL`], those that add anything to it: most do not.
    const ADDING: [Self; Verb::ALL.len()] = {
        let mut adding = [Self::NONE; Verb::ALL.len()];
        let mut at = 0;
        while at < adding.len() * Extension::ALL.len() {
            let (verb, extension) = (at / Extension::ALL.len(), Extension::ALL[at % Extension::ALL.len()]);
            if extension.adds(Verb::ALL[verb]) > 0 {
                adding[verb] = adding[verb].with(extension);
            }
            at += 1;
        }
        adding
    };

    /// Octets they add to the longest line of a command together.
    pub(super) const fn add(self, verb: Verb) -> usize {
        let (mut rest, mut octets) = (self.0 & Self::ADDING[verb as usize].0, 0);
        while rest != 0 {
            octets += Extension::ALL[rest.trailing_zeros() as usize].adds(verb);
            rest &= rest - 1;
        }
        octets
    }
}

impl FromIterator<Extension> for Extensions {
    fn from_iter<I: IntoIterator<Item = Extension>>(extensions: I) -> Self {
        extensions.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_extension_is_found_by_its_keyword() {
        for &extension in Extension::ALL {
            assert_eq!(Extension::by_keyword(extension.keyword()), Some(extension));
            assert_eq!(Extension::by_keyword(&extension.keyword().to_lowercase()), Some(extension));
        }
        for keyword in ["", "SIZ", "SIZES", "SIZE 1000", "8BIT", "BODY"] {
            assert_eq!(Extension::by_keyword(keyword), None);
        }
    }

    #[test]
    fn a_set() {
        let set = Extensions::default().with(Extension::Xforward).with(Extension::Size).with(Extension::Size);
        assert!(set.iter().eq([Extension::Size, Extension::Xforward]));
        assert!(!set.contains(Extension::Xclient) && !set.is_empty());
        assert_eq!(Extension::ALL.iter().copied().collect::<Extensions>(), Extensions::ALL);
        assert!(Extensions::ALL.iter().eq(Extension::ALL.iter().copied()));
    }

    #[test]
    fn what_is_added_adds_up() {
        for verb in Verb::ALL {
            let alone = Extension::ALL.iter().map(|extension| extension.adds(verb));
            assert_eq!(Extensions::ALL.add(verb), alone.sum());
            assert_eq!(Extensions::NONE.add(verb), 0);
        }
        assert_eq!(Extensions::USUAL.add(Verb::Mail), 53);
    }
}
