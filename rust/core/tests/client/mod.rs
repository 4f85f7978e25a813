//! A client's view of a connection, kept apart from the session's own: every reply has its cause in octets sent before
//! it, one cause one reply, and no cause stays without one.
//!
//! It splits what was sent in the obvious way: command lines at CRLF, and after a 354 mail data as the reference decoder
//! ends it. So it notices a reply that comes too early, inside mail data, twice or never, and a command that was read
//! out of mail data.

use lonedot_core::command::{Command, Dialect};
use lonedot_core::reply::MAX_REPLY_LINE;
use lonedot_core::session::Session;

use crate::reference;

#[derive(Debug)]
pub(crate) struct Client {
    dialect: Dialect,
    sent: Vec<u8>,
    /// Octets of `sent` that have their reply.
    answered: usize,
    place: Place,
    /// The name it said last that was accepted.
    hello: Option<String>,
    /// Whether a transaction is open, and its accepted recipients.
    open: bool,
    accepted: usize,
    /// Replies, each with all its lines.
    pub replies: Vec<(u16, Vec<u8>)>,
    received: Vec<u8>,
}

#[derive(Debug)]
enum Place {
    Greeting,
    Commands,
    MailData { replies: usize },
}

impl Client {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            sent: Vec::new(),
            answered: 0,
            place: Place::Greeting,
            hello: None,
            open: false,
            accepted: 0,
            replies: Vec::new(),
            received: Vec::new(),
        }
    }

    pub(crate) fn sends(&mut self, octets: &[u8]) {
        self.sent.extend_from_slice(octets);
    }

    /// Reads what the server sends. `closed` says whether it closes after it.
    pub(crate) fn receives(&mut self, octets: &[u8], closed: bool) {
        self.received.extend_from_slice(octets);
        let mut lines = Vec::new();
        let mut replies = Vec::new();
        for line in octets.split_inclusive(|&b| b == b'\n') {
            let code = well_formed(line);
            lines.extend_from_slice(line);
            if line[3] == b' ' {
                replies.push((code, std::mem::take(&mut lines)));
            } else {
                assert!(line[3] == b'-' && lines.starts_with(&line[..3]), "{}", octets.escape_ascii());
            }
        }
        assert!(lines.is_empty(), "a reply without its last line: {}", lines.escape_ascii());
        let count = replies.len();
        for (i, (code, lines)) in replies.into_iter().enumerate() {
            let farewell = code == 421 && closed && i + 1 == count;
            if !farewell {
                self.account(code);
            }
            self.replies.push((code, lines));
        }
    }

    /// Finds the cause of a reply.
    fn account(&mut self, code: u16) {
        let rest = &self.sent[self.answered..];
        match self.place {
            Place::Greeting => self.place = Place::Commands,
            Place::Commands => {
                let end = rest.windows(2).position(|two| two == b"\r\n");
                let end = end.unwrap_or_else(|| panic!("{code} answers no command: {}", rest.escape_ascii()));
                let line = rest[..end].trim_ascii_end().to_vec();
                let verb = line.split(|&b| b == b' ').next().unwrap_or_default().to_ascii_uppercase();
                self.answered += end + 2;
                match (&verb[..], code) {
                    (b"DATA", 354) => {
                        let replies = if self.dialect == Dialect::Lmtp { self.accepted } else { 1 };
                        assert!(replies > 0, "354 without a recipient");
                        self.place = Place::MailData { replies };
                    }
                    (_, 354) => panic!("354 answers {}", line.escape_ascii()),
                    (b"RCPT", 200..=299) => self.accepted += 1,
                    (b"MAIL", 200..=299) => self.open = true,
                    (b"RSET", 200..=299) => self.clear(),
                    (b"EHLO" | b"HELO" | b"LHLO", 200..=299) => {
                        self.clear();
                        self.hello = Some(String::from_utf8(line[5..].trim_ascii().to_vec()).unwrap());
                    }
                    _ => {}
                }
            }
            Place::MailData { replies } => {
                let end = reference::end_of(rest);
                let end = end.unwrap_or_else(|| panic!("{code} inside mail data: {}", rest.escape_ascii()));
                assert_ne!(code, 354);
                self.place = Place::MailData { replies: replies - 1 };
                if replies == 1 {
                    self.answered += end + 3;
                    self.place = Place::Commands;
                    self.clear();
                }
            }
        }
    }

    fn clear(&mut self) {
        (self.open, self.accepted) = (false, 0);
    }

    /// A session that owes nothing thinks of the connection as the client does.
    pub(crate) fn assert_agrees(&self, session: &Session) {
        self.assert_all_answered();
        let hello = session.hello().map(|command| match command {
            Command::Ehlo(hello) | Command::Helo(hello) | Command::Lhlo(hello) => hello.name.clone(),
            command => panic!("{command:?} introduces nobody"),
        });
        assert_eq!(hello, self.hello);
        assert_eq!((session.mail().is_some(), session.rcpts().len()), (self.open, self.accepted));
        assert_eq!(session.in_mail_data(), self.mail_data().is_some());
    }

    /// The octets sent since the 354, as long as mail data is not answered.
    pub(crate) fn mail_data(&self) -> Option<&[u8]> {
        matches!(self.place, Place::MailData { .. }).then(|| &self.sent[self.answered..])
    }

    /// Nothing that was sent waits for a reply.
    fn assert_all_answered(&self) {
        let rest = &self.sent[self.answered..];
        let whole = match self.place {
            Place::Greeting => true,
            Place::Commands => rest.windows(2).any(|two| two == b"\r\n"),
            Place::MailData { .. } => reference::end_of(rest).is_some(),
        };
        assert!(!whole, "no reply to {}", rest.escape_ascii());
    }

    pub(crate) fn codes(&self) -> Vec<u16> {
        self.replies.iter().map(|(code, _)| *code).collect()
    }
}

/// The code of a reply line that may be sent (RFC 5321 §4.2, §4.5.3.1.5).
fn well_formed(line: &[u8]) -> u16 {
    let wrong = || panic!("no reply line: {}", line.escape_ascii());
    let Some(text) = line.strip_suffix(b"\r\n") else { wrong() };
    let printable = text.iter().all(|&b| matches!(b, b' '..=b'~' | b'\t'));
    if line.len() > MAX_REPLY_LINE || text.len() < 4 || !printable {
        wrong();
    }
    let code = std::str::from_utf8(&text[..3]).unwrap().parse().unwrap_or_else(|_| wrong());
    assert!(matches!(code, 200..=559) && matches!(text[3], b' ' | b'-'), "{}", line.escape_ascii());
    code
}
