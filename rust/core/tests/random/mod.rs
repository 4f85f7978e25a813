//! Drivers that do anything in any order, rightly and wrongly: what the session says of itself holds all the same.

mod operations;

use std::sync::Arc;

use lonedot_core::Reply;
use lonedot_core::command::{Command, Dialect, MAX_AUTH_LINE};
use lonedot_core::session::{AbortReason, Close, Event, Misuse, Session, Settings};
use proptest::prelude::*;

use crate::client::Client;
use operations::{Operation, Start, greeting, operation, settings, start};

/// A session, the client it talks to, and what has been told.
struct Driven {
    session: Session,
    client: Client,
    dialect: Dialect,
    waiting: Option<Event>,
    /// Recipients of LMTP that have been answered while the message waits.
    answered: Vec<usize>,
    /// Of the message under way.
    content: Vec<u8>,
    /// Which mail data the application wants no more of.
    discarded: Option<usize>,
    /// Where the client was inside of it when the application said so.
    discarded_at: Option<(usize, usize)>,
    drain: u64,
    /// QUIT was answered.
    quits: bool,
    closed: bool,
}

impl Driven {
    fn new(settings: Settings, tls: bool, greeting: Option<&Reply>) -> Self {
        let (dialect, drain) = (settings.dialect, settings.limits.drain);
        let client = Client::new(&settings, tls);
        let begin = if tls { Session::over_tls } else { Session::new };
        let session = begin(Arc::new(settings), greeting);
        let closed = session.closed();
        let mut driven = Self {
            session,
            client,
            dialect,
            waiting: None,
            answered: Vec::new(),
            content: Vec::new(),
            discarded: None,
            discarded_at: None,
            drain,
            quits: false,
            closed,
        };
        let sent = driven.session.data_to_send();
        driven.client.receives(&sent, closed);
        driven
    }

    /// Leads it there, where the settings let it.
    fn advance(&mut self, start: Start) {
        let hello = if self.dialect == Dialect::Lmtp { "LHLO b.example\r\n" } else { "EHLO b.example\r\n" };
        let rcpts = "RCPT TO:<c@foo.com>\r\n".repeat(3);
        let transaction = format!("MAIL FROM:<a@b.example>\r\n{rcpts}");
        let binary = format!("MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n{rcpts}");
        let parts = match start {
            Start::Greeted => vec![],
            Start::Message => vec![hello, &transaction, "DATA\r\n", ".\r\n"],
            Start::MailData => vec![hello, &transaction, "DATA\r\n", "x\r\n"],
            Start::Chunk => vec![hello, &transaction, "BDAT 40\r\n", "x\r\n"],
            Start::Chunks => vec![hello, &transaction, "BDAT 3\r\nx\r\n"],
            Start::Binary => vec![hello, &binary, "BDAT 2\r\na\n"],
            Start::LostChunks => vec![hello, &transaction, "BDAT 3\r\nx\r\n", "BDAT 0\r\n"],
            Start::Exchange => vec![hello, "AUTH PLAIN\r\n"],
            Start::Handshake => vec![hello, "AUTH PLAIN AGEAYg==\r\n", "STARTTLS\r\n"],
        };
        // Each on its own, for where early talk is refused.
        for (i, part) in parts.iter().enumerate() {
            self.perform(Operation::Receive(part.as_bytes().to_vec()));
            while self.waiting.is_some() && (i + 1 < parts.len() || !matches!(start, Start::Message)) {
                let lost = matches!((start, &self.waiting), (Start::LostChunks, Some(Event::EndOfChunk(0))));
                let challenge = matches!(start, Start::Exchange);
                self.perform(if lost { Operation::Refuse } else { Operation::Answer { challenge } });
            }
        }
    }

    fn perform(&mut self, operation: Operation) {
        let was_closed = self.closed;
        let mut events = Vec::new();
        let before = match operation {
            Operation::Receive(_) | Operation::Eof | Operation::Abort(_) => String::new(),
            _ => format!("{:?}", self.session),
        };
        let (result, fits) = match operation {
            Operation::Receive(octets) => {
                self.client.sends(&octets);
                let paused = self.session.paused();
                self.session.receive_data(&octets, &mut events);
                assert!(!paused || events.is_empty() || self.session.closed(), "a paused session told {events:?}");
                (Ok(()), true)
            }
            Operation::Answer { challenge } => {
                let code = if challenge && self.fitting() == 235 { 334 } else { self.fitting() };
                self.reply(Some(&Reply::new(code, None, "Ok").unwrap()), &mut events)
            }
            Operation::Refuse => self.reply(Some(&Reply::new(452, None, "No").unwrap()), &mut events),
            Operation::Reply(reply) => self.reply(reply.as_ref(), &mut events),
            Operation::ReplyRecipient(index, reply) => {
                let count = self.session.rcpts().len();
                let fits = matches!(self.waiting, Some(Event::EndOfMailData(_)))
                    && self.dialect == Dialect::Lmtp
                    && self.fits(&reply)
                    && index < count
                    && !self.answered.contains(&index);
                self.answered.extend(fits.then_some(index));
                if fits && self.answered.len() == count {
                    self.waiting = None;
                }
                (self.session.reply_recipient(index, reply, &mut events), fits)
            }
            Operation::Discard => {
                let fits = self.client.has_mail_data();
                if let Some(mail_data) = self.client.mail_data().filter(|_| !was_closed) {
                    self.discarded = Some(mail_data);
                    self.discarded_at = self.session.in_mail_data().then(|| self.client.position());
                    self.client.ends_mail_data();
                    self.content.clear();
                }
                (self.session.discard_mail_data(), fits)
            }
            Operation::TlsStarted => {
                let fits = self.client.in_handshake() && !was_closed;
                if fits {
                    self.client.starts_tls();
                }
                (self.session.tls_started(), fits)
            }
            Operation::Eof => {
                self.session.receive_eof(&mut events);
                (Ok(()), true)
            }
            Operation::Abort(reason) => {
                self.session.abort(reason, &mut events);
                (Ok(()), true)
            }
        };
        assert_eq!(result.is_ok(), fits || was_closed, "{result:?}");
        // The caller's mistake changes nothing.
        if let Err(misuse) = result {
            assert_eq!(before, format!("{:?}", self.session), "{misuse}");
        }
        if self.waiting.is_none() {
            self.answered.clear();
        }
        let sent = self.session.data_to_send();
        assert!(!was_closed || sent.is_empty() && events.is_empty(), "a closed session goes on");
        self.account(&sent, events);
    }

    /// Answers what waits. Whether the reply fits.
    fn reply(&mut self, reply: Option<&Reply>, events: &mut Vec<Event>) -> (Result<(), Misuse>, bool) {
        let fits = self.waiting.is_some() && reply.is_none_or(|reply| self.fits(reply));
        if fits {
            let negative = reply.is_some_and(|reply| reply.code() >= 400);
            match self.waiting.take() {
                Some(Event::Command(Command::Bdat(_))) if negative => self.client.is_refused(),
                Some(Event::Command(Command::Rset)) if negative => self.client.has_its_way(),
                Some(Event::Command(Command::Quit)) => {
                    if negative {
                        self.client.has_its_way();
                    }
                    self.quits = true;
                }
                Some(Event::EndOfChunk(_)) if negative => {
                    self.content.clear();
                    // Unless nobody wanted it before.
                    if self.client.mail_data().is_some() {
                        self.client.ends_mail_data();
                    }
                }
                _ => {}
            }
        }
        (self.session.reply(reply, events), fits)
    }

    /// Whether a reply answers what waits.
    fn fits(&self, reply: &Reply) -> bool {
        let go = matches!((self.fitting(), reply.code()), (354, 354) | (235, 235 | 334) | (250, 200..=299));
        go || reply.code() >= 400
    }

    /// A code that says go on.
    fn fitting(&self) -> u16 {
        match self.waiting {
            Some(Event::Command(Command::Data)) => 354,
            Some(Event::Command(Command::Auth(_)) | Event::AuthResponse(_)) => 235,
            _ => 250,
        }
    }

    fn account(&mut self, sent: &[u8], events: Vec<Event>) {
        self.client.receives(sent, self.session.closed());
        let count = events.len();
        for (i, event) in events.into_iter().enumerate() {
            self.take(event, i + 1 == count);
        }
        assert_eq!(self.closed, self.session.closed());
        assert!(self.closed || !self.quits, "no end after QUIT");
        if self.closed {
            self.waiting = None;
        }
        self.client.assert_accounted(matches!(self.waiting, Some(Event::Command(_))), self.closed);
        assert_eq!(self.session.paused(), self.waiting.is_some());
        let paused = self.session.paused();
        if !paused && !self.closed {
            self.client.assert_agrees(&self.session);
            self.assert_drained();
        }
        // While nothing is owed no more is kept than a line; an octet held is at most five characters.
        let (_, unanswered) = self.client.position();
        let most = 20_000 + 5 * if paused { unanswered } else { unanswered.min(MAX_AUTH_LINE) };
        assert!(crate::weight(&self.session) < most);
    }

    /// No more is read of mail data that was discarded inside of it than is drained.
    fn assert_drained(&self) {
        let (answered, octets) = self.client.position();
        if let Some((_, before)) = self.discarded_at.filter(|(then, _)| *then == answered) {
            assert!((octets - before) as u64 <= self.drain, "{} octets of discarded mail data", octets - before);
        }
    }

    /// Whether the mail data that ends, or a chunk of it, has not been discarded. Then nothing of it was handed out since.
    fn wanted(&mut self) -> bool {
        self.client.begins_chunks();
        let wanted = self.client.mail_data().is_some();
        let discarded = self.discarded == Some(self.client.begun()) && self.content.is_empty();
        assert!(wanted || discarded, "an end of mail data that has ended, or was handed out after it was discarded");
        wanted
    }

    fn take(&mut self, event: Event, last: bool) {
        let ends = matches!(event, Event::Aborted(_) | Event::Closed(_));
        assert!(self.waiting.is_none() || ends, "{event:?} while a reply is owed");
        match &event {
            Event::MailData(octets) => {
                assert!(!octets.is_empty());
                self.content.extend_from_slice(octets);
            }
            Event::EndOfMailData(report) => {
                assert!(last);
                let wanted = self.wanted();
                self.client.assert_delivers(wanted.then_some(&self.content[..]), report);
                if wanted {
                    self.client.ends_mail_data();
                }
                self.content.clear();
                self.waiting = Some(event);
            }
            Event::EndOfChunk(size) => {
                assert!(last);
                let wanted = self.wanted();
                self.client.assert_takes_chunk(wanted.then_some(&self.content[..]), *size);
                self.waiting = Some(event);
            }
            Event::Aborted(abort) => {
                assert!(!abort.text().is_empty());
                assert!(abort.reason != AbortReason::Violation || abort.violation.is_some());
                self.client.ends_mail_data();
                self.content.clear();
            }
            Event::Command(_) | Event::AuthResponse(_) => {
                assert!(last);
                self.waiting = Some(event);
            }
            Event::StartTls => assert!(self.client.in_handshake()),
            Event::Closed(close) => {
                assert!(last && !self.closed && self.session.closed());
                assert!(!self.quits || *close == Close::Quit, "{close:?} after QUIT");
                self.closed = true;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_is_done_to_a_session(
        settings in settings(), tls in prop::bool::weighted(0.2), greeting in greeting(), start in start(),
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut driven = Driven::new(settings, tls, greeting.as_ref());
        driven.advance(start);
        for operation in operations {
            driven.perform(operation);
        }
        driven.perform(Operation::Abort(AbortReason::Reset));
        assert!(driven.session.closed());
    }
}
