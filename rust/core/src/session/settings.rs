//! What the sessions of a listener have in common. Made once, shared by all.

use super::offers::Offers;
use crate::command::{Dialect, Extension, Extensions, MAX_AUTH_LINE, MAX_LINE};
use crate::data::{BarePolicy, DataPolicies, KeepPolicy, LineEnds};
use crate::scan::Backend;

/// The bounds a session enforces by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Recipients in a transaction (RFC 5321 §4.5.3.1.8).
    pub max_recipients: usize,
    /// Commands at fault in a connection before it is closed.
    pub max_errors: u32,
    /// Octets read after mail data broke a rule or was refused, in the hope of its end.
    pub drain: u64,
    /// Transactions in a connection; `u32::MAX` for no limit.
    pub max_messages: u32,
    /// Octets a client may send in a connection; `u64::MAX` for no limit.
    pub max_session_octets: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_recipients: 1000,
            max_errors: 20,
            drain: 268_435_456,
            max_messages: 10_000,
            max_session_octets: 10_737_418_240,
        }
    }
}

/// What a client has to have done before it may send mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Security {
    /// AUTH may be said in the clear.
    pub auth_without_tls: bool,
    /// No mail is taken from who has not authenticated (RFC 4954 §6).
    pub require_auth: bool,
    /// No mail is taken without TLS (RFC 3207 §4).
    pub require_tls: bool,
}

/// For a client that sends on where it has to wait for a reply (RFC 2920 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlyTalkPolicy {
    /// It is noted.
    #[default]
    Note,
    /// It is refused, and the connection closed.
    Reject,
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
    /// DATA, before the 354; the first BDAT, and the end of each chunk but the last.
    pub data: bool,
    /// VRFY.
    pub vrfy: bool,
    /// EXPN; not offered where nobody is asked.
    pub expn: bool,
    /// HELP.
    pub help: bool,
    /// ETRN.
    pub etrn: bool,
    /// NOOP.
    pub noop: bool,
    /// RSET; it takes effect whatever is answered.
    pub rset: bool,
    /// QUIT; it takes effect whatever is answered.
    pub quit: bool,
    /// Verbs nobody knows.
    pub unknown: bool,
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
    /// What EHLO offers.
    pub offers: Offers,
    /// What a client has to have done before.
    pub security: Security,
    /// Sending on where a reply has to be waited for.
    pub early_talk: EarlyTalkPolicy,
    /// Parameters of MAIL and RCPT that no offered extension has: refused, or left to the application.
    pub unknown_parameters: KeepPolicy,
    /// Bounds.
    pub limits: Limits,
    /// What the application is asked.
    pub questions: Questions,
}

impl Settings {
    /// The extensions offered with TLS or without, one line each (RFC 5321 §4.1.1.1).
    pub(super) fn keywords(&self, offered: Extensions) -> String {
        self.offers.lines(offered, self.data.max_size, &self.limits)
    }

    /// What is offered on a connection, with TLS or without.
    pub(super) fn offered(&self, tls: bool) -> Extensions {
        self.offers.at(tls, &self.security)
    }

    /// The most octets of a line that any command can have, its CRLF included.
    pub(super) fn max_line(&self, offered: Extensions) -> usize {
        if offered.contains(Extension::Auth) { MAX_AUTH_LINE } else { MAX_LINE }
    }

    /// What the decoder is told for BODY=BINARYMIME: there are no lines in it (RFC 3030 §3), and every octet stays.
    pub(super) fn binary(&self) -> DataPolicies {
        DataPolicies {
            long_line: KeepPolicy::Keep,
            bare_cr: BarePolicy::Keep,
            bare_lf: BarePolicy::Keep,
            nul: KeepPolicy::Keep,
            line_ends: LineEnds::Crlf,
            ..self.data
        }
    }
}
