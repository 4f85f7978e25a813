//! What a session tells the application.

use crate::command::{Command, Secret};
use crate::data::DataReport;
use crate::violation::Violation;

/// One thing that happened. [`Event::Command`], [`Event::AuthResponse`], [`Event::EndOfChunk`] and [`Event::EndOfMailData`]
/// wait for a reply and are the last of their list; the others only tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A command the application has a say in (see [`super::Questions`]).
    Command(Command),
    /// A line of an AUTH exchange, base64 undone. Answered with 235, with 334 and a challenge in base64, or negatively.
    AuthResponse(Secret),
    /// The client has its 220: once that is sent, the TLS handshake begins, and what came before it is dropped.
    StartTls,
    /// Mail data, in order, transparency undone. Never empty.
    MailData(Vec<u8>),
    /// A chunk of so many octets is whole and broke no rule; the message goes on (RFC 3030).
    EndOfChunk(u64),
    /// Mail data is whole and broke no rule.
    EndOfMailData(DataReport),
    /// Mail data that was begun will not be delivered. Exactly one of this, the end, and a negative reply to the end of a chunk
    /// comes after a 354 or the first chunk that was accepted.
    Aborted(Abort),
    /// Nothing more is read; once what is to be sent is sent, close. Always the last event.
    Closed(Close),
}

/// Why mail data will not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AbortReason {
    /// The client closed the connection.
    Eof,
    /// The connection was reset.
    Reset,
    /// No octet came in time.
    Timeout,
    /// The server is stopping.
    Shutdown,
    /// The mail data broke a rule; the reply follows at its end.
    Violation,
    /// The client gave the message up between two chunks: RSET, EHLO or QUIT.
    Abandoned,
}

impl AbortReason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Eof, Self::Reset, Self::Timeout, Self::Shutdown, Self::Violation, Self::Abandoned];

    /// The stable name: `eof`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eof => "eof",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Shutdown => "shutdown",
            Self::Violation => "violation",
            Self::Abandoned => "abandoned",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Mail data that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort {
    /// Why.
    pub reason: AbortReason,
    /// Octets of the wire received after the 354, or in chunks; for a broken rule, up to and with the one that broke it.
    pub octets: u64,
    /// `QUIT` or `RSET`, when the octets were that line and nothing else: the client gave up and said so where only mail
    /// data is read. Never for a broken rule: it is told before all octets have come.
    pub only_command: Option<&'static str>,
    /// The rule that was broken, for [`AbortReason::Violation`].
    pub violation: Option<Violation>,
}

impl Abort {
    /// What happened, in one line.
    #[must_use]
    pub fn text(&self) -> String {
        let octets = self.octets;
        let what = match self.reason {
            AbortReason::Eof => "the client closed the connection",
            AbortReason::Reset => "the connection was reset",
            AbortReason::Timeout => "the client stopped sending",
            AbortReason::Shutdown => "the server stopped",
            AbortReason::Abandoned => "the client gave the message up",
            AbortReason::Violation => {
                return self.violation.map_or_else(String::new, |violation| violation.text());
            }
        };
        let only = self.only_command.map(|verb| format!(", which were only {verb}")).unwrap_or_default();
        format!("{what} inside mail data after {octets} octets{only}; nothing was delivered")
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    /// The client said QUIT.
    Quit,
    /// The client closed the connection.
    Eof,
    /// The connection was reset.
    Reset,
    /// Nothing came in time.
    Timeout,
    /// The server is stopping.
    Shutdown,
    /// Too many commands at fault, or one after which nothing can be read as what it is.
    Errors,
    /// A limit of the connection: messages or octets.
    Limit,
    /// Too many octets past a limit.
    Drain,
    /// The application answered 421.
    Refused,
}

impl Close {
    /// The stable name: `quit`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Eof => "eof",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Shutdown => "shutdown",
            Self::Errors => "errors",
            Self::Limit => "limit",
            Self::Drain => "drain",
            Self::Refused => "refused",
        }
    }
}
