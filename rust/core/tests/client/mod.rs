//! A client's view of a connection, kept apart from the session's own: every reply has its cause in octets sent before
//! it, one cause one reply, and no cause stays without one.
//!
//! It splits what was sent in the obvious way: command lines at CRLF, after a 354 mail data as the reference decoder ends it,
//! after BDAT as many octets as it says, after a 334 one line of an exchange, and after the 220 to STARTTLS nothing at all. So
//! it notices a reply that comes too early, inside mail data or a chunk, twice or never, a command that was read out of mail
//! data, out of a chunk or out of an exchange, and one that was said before a handshake and took effect after it.

mod agreement;
mod chunk;

use lonedot_core::command::{Dialect, Extension, MAX_AUTH_LINE};
use lonedot_core::data::DataPolicies;
use lonedot_core::reply::MAX_REPLY_LINE;
use lonedot_core::session::Settings;

use crate::reference;
use chunk::{Chunks, Head};

#[derive(Debug)]
pub(crate) struct Client {
    dialect: Dialect,
    policies: DataPolicies,
    /// Whether BDAT is a command here.
    chunking: bool,
    sent: Vec<u8>,
    /// Octets of `sent` that have their reply, or will have none.
    answered: usize,
    place: Place,
    tls: bool,
    authenticated: bool,
    /// The name it said last that was accepted.
    hello: Option<String>,
    /// Whether a transaction is open, whether it is of BODY=BINARYMIME, its accepted recipients, and its chunks.
    open: bool,
    binary: bool,
    accepted: usize,
    chunks: Chunks,
    /// The application refuses the BDAT that is answered next.
    refused: bool,
    /// The application refuses the RSET or QUIT that is answered next, which takes effect all the same.
    has_its_way: bool,
    /// Mail data: 354s, and first chunks that nobody refused.
    begun: usize,
    /// Mail data of which the application was told what becomes of it, or told it.
    ended: usize,
    /// Replies, each with all its lines.
    pub replies: Vec<(u16, Vec<u8>)>,
    received: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Greeting,
    Commands,
    MailData,
    /// A message has ended; so many replies to it are to come.
    Replies(usize),
    /// A line of an AUTH exchange comes next.
    Auth,
    Handshake,
}

impl Client {
    /// A client of a session of these settings, on a connection that began with a handshake or not.
    pub(crate) fn new(settings: &Settings, tls: bool) -> Self {
        Self {
            dialect: settings.dialect,
            policies: settings.data,
            chunking: settings.offers.at(tls, &settings.security).contains(Extension::Chunking),
            sent: Vec::new(),
            answered: 0,
            place: Place::Greeting,
            tls,
            authenticated: false,
            hello: None,
            open: false,
            binary: false,
            accepted: 0,
            chunks: Chunks::None,
            refused: false,
            has_its_way: false,
            begun: 0,
            ended: 0,
            replies: Vec::new(),
            received: Vec::new(),
        }
    }

    pub(crate) fn sends(&mut self, octets: &[u8]) {
        self.sent.extend_from_slice(octets);
    }

    /// The handshake has taken place: what was sent before it is forgotten by both sides (RFC 3207 §4.2).
    pub(crate) fn starts_tls(&mut self) {
        assert_eq!(self.place, Place::Handshake);
        (self.answered, self.place) = (self.sent.len(), Place::Commands);
        (self.tls, self.authenticated, self.hello) = (true, false, None);
        self.clear();
    }

    /// The application refuses the first chunk, which waits for it.
    pub(crate) const fn is_refused(&mut self) {
        self.refused = true;
    }

    /// The application refuses RSET or QUIT, which waits for it.
    pub(crate) const fn has_its_way(&mut self) {
        self.has_its_way = true;
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
            let ends = closed && i + 1 == count;
            if !(code == 421 && ends) {
                self.account(code, ends);
            }
            self.replies.push((code, lines));
        }
    }

    /// Finds the cause of a reply. `ends` says whether the server closes after it.
    fn account(&mut self, code: u16, ends: bool) {
        let rest = &self.sent[self.answered..];
        match self.place {
            Place::Greeting => self.place = Place::Commands,
            Place::Commands => {
                let line = line(rest).unwrap_or_else(|| panic!("{code} answers no command: {}", rest.escape_ascii()));
                let line = line.to_vec();
                self.answered += line.len() + 2;
                if chunk::meant(&line) {
                    self.account_chunk(&line, code, ends);
                } else {
                    self.account_command(line.trim_ascii_end(), code, ends);
                }
            }
            Place::MailData => {
                let end = reference::end_of(rest);
                let end = end.unwrap_or_else(|| panic!("{code} inside mail data: {}", rest.escape_ascii()));
                self.answered += end + 3;
                self.account_message(code);
            }
            Place::Replies(left) => self.account_one_of(left, code),
            Place::Auth => {
                let line = line(rest).unwrap_or_else(|| panic!("{code} answers no line: {}", rest.escape_ascii()));
                self.answered += line.len() + 2;
                self.account_auth(code);
            }
            Place::Handshake => panic!("{code} inside a handshake: {}", rest.escape_ascii()),
        }
    }

    fn account_command(&mut self, line: &[u8], code: u16, ends: bool) {
        let done = std::mem::take(&mut self.has_its_way) || code < 400;
        let verb = line.split(|&b| b == b' ').next().unwrap_or_default().to_ascii_uppercase();
        match (&verb[..], code) {
            (b"AUTH", _) => self.account_auth(code),
            (b"DATA", 354) => {
                assert!(self.recipients() > 0 && self.chunks == Chunks::None, "354 where no mail data may begin");
                self.place = Place::MailData;
                self.begun += 1;
            }
            (_, 334 | 354) => panic!("{code} answers {}", line.escape_ascii()),
            (b"RCPT", 200..=299) => self.accepted += 1,
            (b"MAIL", 200..=299) => {
                let parameters = line.rsplit(|&octet| octet == b'>').next().unwrap_or_default().to_ascii_uppercase();
                let binary = |parameter: &[u8]| parameter == b"BODY=BINARYMIME";
                self.binary = parameters.split(|&octet| octet == b' ').any(binary);
                self.open = true;
            }
            (b"RSET", _) if done => self.clear(),
            (b"QUIT", _) if done => assert!(ends, "no end after QUIT"),
            (b"EHLO" | b"HELO" | b"LHLO", 200..=299) => {
                self.clear();
                self.hello = Some(String::from_utf8(line[5..].trim_ascii().to_vec()).unwrap());
            }
            (b"STARTTLS", 200..=299) => {
                assert!(code == 220 && !self.tls);
                self.place = Place::Handshake;
            }
            // The server greets the client its peer speaks for, who may have proved to the peer who it is.
            (b"XCLIENT", 200..=299) => {
                assert_eq!(code, 220);
                let line = line.to_ascii_uppercase();
                let mut words = line.split(|&octet| octet == b' ');
                let login = words.find_map(|word| word.strip_prefix(b"LOGIN="));
                self.authenticated = login.is_some_and(|login| !matches!(login, b"[UNAVAILABLE]" | b"[TEMPUNAVAIL]"));
                self.hello = None;
                self.clear();
            }
            _ => {}
        }
    }

    fn account_auth(&mut self, code: u16) {
        assert!(matches!(code, 235 | 334 | 400..), "{code} answers AUTH");
        self.authenticated |= code == 235;
        self.place = if code == 334 { Place::Auth } else { Place::Commands };
    }

    /// The reply to a BDAT, which comes behind all octets of its chunk.
    fn account_chunk(&mut self, line: &[u8], code: u16, ends: bool) {
        let Some(head) = Head::read(line) else {
            assert!(ends && code >= 400, "{code} and no end after {}", line.escape_ascii());
            return;
        };
        let (octets, whole) = head.octets(&self.sent[self.answered..]);
        assert!(whole, "{code} inside a chunk: {}", octets.escape_ascii());
        let octets = octets.to_vec();
        self.answered += octets.len();
        if !self.expects_chunk() {
            assert!(code >= 400, "{code} to a chunk that could not come");
            return;
        }
        if self.refused {
            self.chunks = Chunks::Lost;
        }
        self.refused = false;
        self.begin_chunks_with(code);
        match &mut self.chunks {
            Chunks::Taken(message) => message.extend(octets),
            _ => assert!(code >= 400, "{code} to a chunk of a lost message"),
        }
        if head.last {
            self.account_message(code);
        } else if code >= 400 {
            self.chunks = Chunks::Lost;
        }
    }

    fn begin_chunks_with(&mut self, code: u16) {
        assert!(code >= 400 || code / 100 == 2, "{code} to a chunk");
        if self.chunks == Chunks::None {
            self.chunks = Chunks::Taken(Vec::new());
            self.begun += 1;
        }
    }

    /// The first reply to a message.
    fn account_message(&mut self, code: u16) {
        self.account_one_of(self.recipients(), code);
    }

    fn account_one_of(&mut self, left: usize, code: u16) {
        assert!(matches!(code, 200..=299 | 400..), "{code} answers a message");
        self.place = Place::Replies(left - 1);
        if left == 1 {
            self.place = Place::Commands;
            self.clear();
        }
    }

    /// How many replies a message has (RFC 2033 §4.2, §4.3).
    const fn recipients(&self) -> usize {
        if matches!(self.dialect, Dialect::Lmtp) { self.accepted } else { (self.accepted > 0) as usize }
    }

    /// Whether a chunk now is one of the open transaction's message.
    const fn expects_chunk(&self) -> bool {
        self.chunking && self.open && self.accepted > 0
    }

    fn clear(&mut self) {
        (self.open, self.binary, self.accepted, self.chunks) = (false, false, 0, Chunks::None);
    }

    /// The chunk that waits for its reply, or whose octets have not all come: its head, those that have, and whether they are
    /// all.
    fn chunk(&self) -> Option<(Head, &[u8], bool)> {
        let rest = &self.sent[self.answered..];
        let line = line(rest).filter(|line| self.place == Place::Commands && chunk::meant(line))?;
        let head = Head::read(line)?;
        let (octets, whole) = head.octets(&rest[line.len() + 2..]);
        Some((head, octets, whole))
    }

    /// The session has come to the octets that have no reply yet: a first chunk that stands there has begun.
    pub(crate) fn begins_chunks(&mut self) {
        if self.chunk().is_some() && self.expects_chunk() && self.chunks == Chunks::None && !self.refused {
            self.begin_chunks_with(250);
        }
    }

    /// Mail data ends: with its end, an abort, or the application's refusal of a chunk or of the rest.
    pub(crate) const fn ends_mail_data(&mut self) {
        self.ended += 1;
    }

    /// Mail data that was begun, in all transactions.
    pub(crate) const fn begun(&self) -> usize {
        self.begun
    }

    /// Which mail data the one is that has not ended.
    pub(crate) fn mail_data(&self) -> Option<usize> {
        (self.begun > self.ended).then_some(self.begun)
    }

    /// Whether mail data was begun and has not all its replies.
    pub(crate) const fn has_mail_data(&self) -> bool {
        matches!(self.place, Place::MailData | Place::Replies(_)) || matches!(self.chunks, Chunks::Taken(_))
    }

    /// Octets that have their reply, and those that have none yet, mail data among them.
    pub(crate) const fn position(&self) -> (usize, usize) {
        (self.answered, self.sent.len() - self.answered)
    }

    pub(crate) const fn in_handshake(&self) -> bool {
        matches!(self.place, Place::Handshake)
    }
}

/// What stands before the first CRLF.
fn line(octets: &[u8]) -> Option<&[u8]> {
    octets.windows(2).position(|two| two == b"\r\n").map(|end| &octets[..end])
}

/// The code of a reply line that may be sent (RFC 5321 §4.2, §4.5.3.1.5; a challenge is longer, RFC 4954 §4).
fn well_formed(line: &[u8]) -> u16 {
    let wrong = || panic!("no reply line: {}", line.escape_ascii());
    let Some(text) = line.strip_suffix(b"\r\n") else { wrong() };
    let printable = text.iter().all(|&b| matches!(b, b' '..=b'~' | b'\t'));
    let most = if line.starts_with(b"334") { MAX_AUTH_LINE } else { MAX_REPLY_LINE };
    if line.len() > most || text.len() < 4 || !printable {
        wrong();
    }
    let code = std::str::from_utf8(&text[..3]).unwrap().parse().unwrap_or_else(|_| wrong());
    assert!(matches!(code, 200..=559) && matches!(text[3], b' ' | b'-'), "{}", line.escape_ascii());
    code
}
