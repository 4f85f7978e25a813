//! What a client said before it could know the answer to what it had said last (RFC 2920 §3.1).
//!
//! A small set to be logged or acted upon. Spam software talks so, and so does whoever smuggles commands.

/// A place where a client has to wait for the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EarlyTalk {
    /// EHLO, HELO or LHLO: what may follow depends on what is offered.
    Hello,
    /// DATA: mail data may only follow a 354.
    Data,
    /// STARTTLS: what follows is the handshake (RFC 3207 §4).
    StartTls,
    /// AUTH and its lines: what follows depends on the challenge (RFC 4954 §4).
    Auth,
}

impl EarlyTalk {
    /// Every place.
    pub const ALL: [Self; 4] = [Self::Hello, Self::Data, Self::StartTls, Self::Auth];

    /// The stable name, for logs and tests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hello => "talked-before-hello-reply",
            Self::Data => "talked-before-354",
            Self::StartTls => "talked-before-handshake",
            Self::Auth => "talked-before-challenge",
        }
    }
}

/// The places at which a client did not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Talk(u8);

impl Talk {
    /// The names of the places, in the order of [`EarlyTalk::ALL`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        EarlyTalk::ALL.into_iter().filter(move |&place| self.0 & (1 << place as u8) != 0).map(EarlyTalk::name)
    }

    pub(super) const fn add(&mut self, place: EarlyTalk) {
        self.0 |= 1 << place as u8;
    }
}
