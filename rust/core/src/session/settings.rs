//! What the sessions of a listener have in common. Made once, shared by all.

use crate::command::{Dialect, Extension, Extensions, Grammar};
use crate::data::DataPolicies;
use crate::scan::Backend;

/// The bounds a session enforces by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Recipients in a transaction (RFC 5321 §4.5.3.1.8).
    pub max_recipients: usize,
    /// Commands at fault in a connection before it is closed.
    pub max_errors: u32,
    /// Octets read after mail data broke a rule, in the hope of its end.
    pub drain: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_recipients: 1000, max_errors: 20, drain: 268_435_456 }
    }
}

/// Which commands the application has a say in. The others are answered without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Questions {
    /// EHLO, HELO, LHLO.
    pub hello: bool,
    /// MAIL.
    pub mail: bool,
    /// RCPT.
    pub rcpt: bool,
    /// DATA, before the 354.
    pub data: bool,
    /// VRFY.
    pub vrfy: bool,
}

/// The name a server gives itself: printable ASCII without spaces, so that it cannot break the replies it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hostname(String);

impl Hostname {
    /// The name, of 1 to 255 octets; None for what cannot be one.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=255).contains(&name.len()) && name.bytes().all(|octet| octet.is_ascii_graphic());
        fits.then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Hostname {
    fn default() -> Self {
        Self("localhost".to_owned())
    }
}

/// All that a session is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The name in the greeting and in the reply to EHLO.
    pub hostname: Hostname,
    /// SMTP or LMTP.
    pub dialect: Dialect,
    /// Refuse what the grammar of RFC 5321 does not have.
    pub strict_grammar: bool,
    /// What the decoder of mail data is told.
    pub data: DataPolicies,
    /// The kernel it runs on.
    pub backend: Backend,
    /// Whether 8BITMIME is not offered, because who takes the mail cannot honour it (RFC 6152).
    pub seven_bit: bool,
    /// Bounds.
    pub limits: Limits,
    /// What the application is asked.
    pub questions: Questions,
}

impl Settings {
    /// The extensions offered in the reply to EHLO, one line each (RFC 5321 §4.1.1.1).
    #[must_use]
    pub fn keywords(&self) -> String {
        let size = match self.data.max_size {
            u64::MAX => "SIZE".to_owned(),
            octets => format!("SIZE {octets}"),
        };
        let eight_bit_mime = if self.seven_bit { "" } else { "\n8BITMIME" };
        format!("{size}{eight_bit_mime}\nPIPELINING\nENHANCEDSTATUSCODES\nHELP")
    }

    pub(super) fn grammar(&self) -> Grammar {
        let size = Extensions::NONE.with(Extension::Size);
        let extensions = if self.seven_bit { size } else { size.with(Extension::EightBitMime) };
        Grammar { dialect: self.dialect, smtputf8: false, strict: self.strict_grammar, extensions }
    }
}
