//! The reply a session waits for: to one command, or to a message, once for each recipient in LMTP (RFC 2033 §4.2).

use std::fmt;

use crate::command::{Command, Verb};
use crate::reply::Reply;

/// A reply that cannot be taken. The caller's mistake, never the peer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misuse {
    /// No event waits for a reply.
    NothingOwed,
    /// The code does not answer what waits.
    WrongCode {
        /// What waits, e.g. `MAIL`.
        waiting: &'static str,
        /// The code given.
        code: u16,
    },
    /// A reply for one recipient where the message as a whole is to be answered.
    NotPerRecipient,
    /// No recipient of that index waits for a reply.
    NoSuchRecipient(usize),
    /// TLS cannot have started: no client was told to begin a handshake.
    NoHandshake,
    /// No mail data is under way.
    NoMailData,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingOwed => f.write_str("no event waits for a reply: reply once to each event that asks"),
            Self::WrongCode { waiting, code } => {
                let fit = match *waiting {
                    "DATA" => "354, 4xx or 5xx",
                    "AUTH" => "235, 334, 4xx or 5xx",
                    _ => "2xx, 4xx or 5xx",
                };
                write!(f, "{code} does not answer {waiting}: reply with {fit}")
            }
            Self::NotPerRecipient => {
                f.write_str("only the end of mail data in LMTP is answered once for each recipient: use reply()")
            }
            Self::NoSuchRecipient(index) => write!(
                f,
                "recipient {index} waits for no reply: indexes run from 0 in the order of acceptance, each once"
            ),
            Self::NoHandshake => f.write_str("no handshake was begun: TLS starts after the event StartTls"),
            Self::NoMailData => f.write_str("no mail data is under way that could be discarded"),
        }
    }
}

impl std::error::Error for Misuse {}

/// What waits for a reply.
#[derive(Debug, Clone)]
pub(super) enum Owed {
    /// A command.
    Command(Command),
    /// A line of an AUTH exchange.
    AuthResponse,
    /// A chunk of so many octets that is not the last.
    Chunk(u64),
    /// A message: one place for each reply the client expects.
    Message(Recipients),
}

impl Owed {
    /// Whether a reply of this code answers what waits.
    pub(super) fn check(&self, reply: &Reply) -> Result<(), Misuse> {
        let (waiting, go) = match self {
            Self::Command(Command::Data) => ("DATA", 354..=354),
            Self::Command(Command::Auth(_)) | Self::AuthResponse => ("AUTH", 235..=235),
            Self::Command(command) => (command.verb().map_or("the command", Verb::name), 200..=299),
            Self::Chunk(_) => ("the end of a chunk", 200..=299),
            Self::Message(_) => ("the end of mail data", 200..=299),
        };
        let challenge = waiting == "AUTH" && reply.code() == 334;
        if go.contains(&reply.code()) || challenge || reply.code() >= 400 {
            Ok(())
        } else {
            Err(Misuse::WrongCode { waiting, code: reply.code() })
        }
    }
}

/// Replies by recipient: given in any order, sent in order.
#[derive(Debug, Clone)]
pub(super) struct Recipients {
    places: Vec<Option<Reply>>,
    sent: usize,
    closing: bool,
}

impl Recipients {
    pub(super) fn new(count: usize) -> Self {
        Self { places: vec![None; count], sent: 0, closing: false }
    }

    pub(super) fn fill(&mut self, index: usize, reply: Reply) -> Result<(), Misuse> {
        match self.places.get_mut(index) {
            Some(place) if place.is_none() && index >= self.sent => *place = Some(reply),
            _ => return Err(Misuse::NoSuchRecipient(index)),
        }
        Ok(())
    }

    /// The same reply for all that have none yet.
    pub(super) fn fill_rest(&mut self, reply: &Reply) {
        for place in &mut self.places[self.sent..] {
            place.get_or_insert_with(|| reply.clone());
        }
    }

    /// The next one whose turn has come.
    pub(super) fn next(&mut self) -> Option<Reply> {
        let reply = self.places.get_mut(self.sent).and_then(Option::take)?;
        self.sent += 1;
        self.closing |= reply.code() == 421;
        Some(reply)
    }

    /// Whether there are no more.
    pub(super) fn done(&self) -> bool {
        self.sent == self.places.len()
    }

    /// Whether a 421 was among those sent: the connection ends after the last one.
    pub(super) fn closing(&self) -> bool {
        self.closing
    }
}
