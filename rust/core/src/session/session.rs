//! One connection: commands in order, mail data, replies in step.
//!
//! Takes octets at any split and the application's replies; gives events and octets to send. It never answers inside mail
//! data, never executes mail data, and never does anything because of traffic but this. What it retains is bounded: part of
//! one command line, the transaction's buffers within their limits, and, while a reply is owed or [`MAX_UNSENT`] octets of
//! replies wait to be sent, up to [`MAX_RETAINED`] octets that came meanwhile.
//!
//! The states and what leads from one to the other are the table's ([`super::table`]). What commands do is in
//! [`super::performing`], what becomes of mail data in [`super::receiving`].

use std::fmt;
use std::sync::Arc;

use super::event::{AbortReason, Close, Event};
use super::lines::LineReader;
use super::owed::{Misuse, Owed};
use super::replies::{OK, OVERRUN, SHUTDOWN};
use super::settings::{EarlyTalkPolicy, Settings};
use super::skipping::Skipping;
use super::table::State;
use super::talk::{EarlyTalk, Talk};
use super::transaction::Transaction;
use crate::command::{Command, Dialect, Extension, Extensions, Mail, Rcpt};
use crate::reply::Reply;
use crate::violation::{Fault, Violation};

/// The most octets that are retained while a reply is owed. A driver that stops reading when [`Session::paused`] never
/// gets near: it is more than one read of any. Whoever gives more in one call, while nothing is owed, has it taken whole.
pub const MAX_RETAINED: usize = 1 << 20;

/// Octets of replies that wait to be taken; past it no command is interpreted. A client that floods with commands and does not
/// read the replies would otherwise have a dozen times its octets kept for it.
pub const MAX_UNSENT: usize = 1 << 16;

/// The server side of one connection. Its `Debug` shows no octets that came: what AUTH has in its lines is secret.
pub struct Session {
    pub(super) settings: Arc<Settings>,
    pub(super) state: State,
    pub(super) owed: Option<Owed>,
    pub(super) lines: LineReader,
    /// Input not interpreted yet, because a reply is owed.
    retained: Vec<u8>,
    /// Octets of `retained` that have been interpreted.
    interpreted: usize,
    /// The client will send nothing more; told once `retained` is interpreted.
    eof: bool,
    /// It has sent more octets than it may; what it sent before that is interpreted first, too.
    overdrawn: bool,
    pub(super) out: Vec<u8>,
    pub(super) errors: u32,
    /// Transactions begun.
    pub(super) messages: u32,
    /// Octets the client has sent.
    received: u64,
    /// The last MAIL was refused, and nothing but RCPT and DATA has come since.
    pub(super) mail_refused: bool,
    /// Octets are encrypted.
    pub(super) tls: bool,
    /// What EHLO offers as things are.
    pub(super) offered: Extensions,
    /// The client has proved who it is.
    pub(super) authenticated: bool,
    pub(super) talk: Talk,
    pub(super) hello: Option<Box<Command>>,
    pub(super) transaction: Option<Box<Transaction>>,
    /// The rest of a chunk that is not taken.
    pub(super) skipping: Option<Box<Skipping>>,
}

/// Octets that are shown by how many they are, each as it weighs.
struct Hidden(usize);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.0).try_for_each(|_| f.write_str("***"))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("settings", &self.settings)
            .field("state", &self.state)
            .field("owed", &self.owed)
            .field("line", &Hidden(self.lines.held()))
            .field("retained", &Hidden(self.retained.len()))
            .field("interpreted", &self.interpreted)
            .field("eof", &self.eof)
            .field("overdrawn", &self.overdrawn)
            .field("out", &self.out)
            .field("errors", &self.errors)
            .field("messages", &self.messages)
            .field("received", &self.received)
            .field("mail_refused", &self.mail_refused)
            .field("tls", &self.tls)
            .field("authenticated", &self.authenticated)
            .field("talk", &self.talk)
            .field("hello", &self.hello)
            .field("transaction", &self.transaction)
            .field("skipping", &self.skipping)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session that greets: with 220, or with the application's own reply. A negative one refuses all commands but QUIT
    /// (RFC 5321 §3.1); a 421 closes.
    #[must_use]
    pub fn new(settings: Arc<Settings>, greeting: Option<&Reply>) -> Self {
        Self::begin(settings, greeting, false)
    }

    /// The same on a connection that began with a TLS handshake.
    #[must_use]
    pub fn over_tls(settings: Arc<Settings>, greeting: Option<&Reply>) -> Self {
        Self::begin(settings, greeting, true)
    }

    fn begin(settings: Arc<Settings>, greeting: Option<&Reply>, tls: bool) -> Self {
        let mut session = Self {
            offered: settings.offered(tls),
            settings,
            state: State::Start,
            owed: None,
            lines: LineReader::default(),
            retained: Vec::new(),
            interpreted: 0,
            eof: false,
            overdrawn: false,
            out: Vec::new(),
            errors: 0,
            messages: 0,
            received: 0,
            mail_refused: false,
            tls,
            authenticated: false,
            talk: Talk::default(),
            hello: None,
            transaction: None,
            skipping: None,
        };
        match greeting {
            Some(reply) => {
                session.send(reply);
                session.state = match reply.code() {
                    421 => State::Closed,
                    400.. => State::Refused,
                    _ => State::Start,
                };
            }
            None => session.greet(),
        }
        session
    }

    pub(super) fn greet(&mut self) {
        let dialect = if self.settings.dialect == Dialect::Lmtp { "LMTP" } else { "ESMTP" };
        self.out.extend_from_slice(b"220 ");
        self.out.extend_from_slice(self.settings.hostname.as_str().as_bytes());
        self.out.extend_from_slice(format!(" {dialect} lonedot\r\n").as_bytes());
    }

    /// Interprets octets from the client, as far as no reply is owed; retains the rest.
    pub fn receive_data(&mut self, octets: &[u8], events: &mut Vec<Event>) {
        if self.state == State::Closed {
            return;
        }
        let octets = self.within_limit(octets);
        if !octets.is_empty() && self.talks_early(events) {
            return;
        }
        if self.owed.is_some() || !self.retained.is_empty() {
            if self.retained.len() - self.interpreted + octets.len() > MAX_RETAINED {
                self.send(&OVERRUN);
                self.abort_mail_data(AbortReason::Shutdown, None, events);
                self.close(Close::Errors, events);
                return;
            }
            // A client that always has more waiting never empties it: what is done with has to go in between.
            if self.interpreted > self.retained.len() / 2 {
                self.retained.drain(..self.interpreted);
                self.interpreted = 0;
            }
            self.retained.extend_from_slice(octets);
            if self.owed.is_none() {
                self.go_on(events);
            }
            return;
        }
        let taken = self.interpret(octets, events);
        if self.state != State::Closed {
            self.retained.extend_from_slice(&octets[taken..]);
            self.end_of_input(events);
        }
    }

    /// The octets the client may still send in this connection.
    fn within_limit<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let left = self.settings.limits.max_session_octets - self.received;
        let within = usize::try_from(left).map_or(octets.len(), |left| left.min(octets.len()));
        self.received += within as u64;
        self.overdrawn |= within < octets.len();
        &octets[..within]
    }

    /// The client has closed its side. What it sent before is interpreted first.
    pub fn receive_eof(&mut self, events: &mut Vec<Event>) {
        self.eof = true;
        if self.owed.is_none() {
            self.go_on(events);
        }
    }

    /// Answers the waiting event, `None` with what the session would say by itself, and goes on with what is retained. An
    /// answer to a session that has closed meanwhile is dropped.
    ///
    /// # Errors
    /// [`Misuse`] when nothing waits or the code does not fit; nothing has changed then.
    pub fn reply(&mut self, reply: Option<&Reply>, events: &mut Vec<Event>) -> Result<(), Misuse> {
        if self.state == State::Closed {
            return Ok(());
        }
        let owed = self.owed.as_ref().ok_or(Misuse::NothingOwed)?;
        if let Some(reply) = reply {
            owed.check(reply)?;
        }
        match self.owed.take() {
            Some(Owed::Command(command)) => self.answer(command, reply, events),
            Some(Owed::AuthResponse) => self.answer_auth(reply, events),
            Some(Owed::Chunk(size)) => self.answer_chunk(size, reply, events),
            Some(Owed::Message(mut recipients)) => {
                let own = self.acknowledging(OK);
                recipients.fill_rest(reply.unwrap_or(&own));
                self.send_recipients(recipients, events);
            }
            None => {}
        }
        self.go_on(events);
        Ok(())
    }

    /// Answers the end of mail data for one recipient of LMTP, by its place among those accepted. Replies go out in order,
    /// each as soon as those before it have (RFC 2033 §4.2).
    ///
    /// # Errors
    /// [`Misuse`] when nothing waits, the recipient has its reply or is none, or the code does not fit.
    pub fn reply_recipient(&mut self, index: usize, reply: Reply, events: &mut Vec<Event>) -> Result<(), Misuse> {
        if self.state == State::Closed {
            return Ok(());
        }
        let owed = self.owed.as_mut().ok_or(Misuse::NothingOwed)?;
        owed.check(&reply)?;
        match owed {
            Owed::Message(recipients) if self.settings.dialect == Dialect::Lmtp => recipients.fill(index, reply)?,
            _ => return Err(Misuse::NotPerRecipient),
        }
        if let Some(Owed::Message(recipients)) = self.owed.take() {
            self.send_recipients(recipients, events);
        }
        self.go_on(events);
        Ok(())
    }

    /// The connection ends from outside: reset, a clock, the server's stop. What was retained is dropped; a clock's or a
    /// stop's 421 is queued.
    pub fn abort(&mut self, reason: AbortReason, events: &mut Vec<Event>) {
        if self.state == State::Closed {
            return;
        }
        // A broken rule is the session's own to tell: no rule was broken by who calls this.
        let reason = match reason {
            AbortReason::Violation | AbortReason::Abandoned => AbortReason::Shutdown,
            reason => reason,
        };
        let close = match reason {
            AbortReason::Eof => Close::Eof,
            AbortReason::Reset => Close::Reset,
            AbortReason::Timeout => {
                let fault = if self.in_mail_data() { Fault::DataTimeout } else { Fault::IdleTimeout };
                // Where the client waits for a handshake it would read a reply as part of one.
                if self.state != State::Handshake {
                    self.send(&Violation::new(fault, 0).reply());
                }
                Close::Timeout
            }
            AbortReason::Shutdown | AbortReason::Violation | AbortReason::Abandoned => {
                if self.state != State::Handshake {
                    self.send(&SHUTDOWN);
                }
                Close::Shutdown
            }
        };
        self.abort_mail_data(reason, None, events);
        self.close(close, events);
    }

    /// TLS has started, after [`Event::StartTls`]: the session is what it was after the greeting, and knows nothing of what was
    /// said before (RFC 3207 §4.2).
    ///
    /// # Errors
    /// [`Misuse::NoHandshake`] when none was begun.
    pub fn tls_started(&mut self) -> Result<(), Misuse> {
        match self.state {
            State::Closed => return Ok(()),
            State::Handshake => {}
            _ => return Err(Misuse::NoHandshake),
        }
        (self.tls, self.authenticated, self.mail_refused) = (true, false, false);
        self.offered = self.settings.offered(true);
        (self.hello, self.transaction) = (None, None);
        self.lines = LineReader::default();
        self.state = State::Start;
        Ok(())
    }

    /// Nobody wants more of the mail data under way: no more of it is handed out, and its octets count against
    /// [`super::Limits::drain`] from here on. Its end is asked about all the same, as the end of each chunk is; what the session
    /// would say by itself is then 451, lest the client forget a message that nobody has.
    ///
    /// # Errors
    /// [`Misuse::NoMailData`] when none is under way.
    pub fn discard_mail_data(&mut self) -> Result<(), Misuse> {
        let incoming = self.transaction.as_mut().and_then(|transaction| transaction.incoming.as_mut());
        match incoming {
            Some(incoming) => incoming.discard(),
            None if self.state == State::Closed => {}
            None => return Err(Misuse::NoMailData),
        }
        Ok(())
    }

    /// Whether a reply is owed: stop reading until it is given.
    #[must_use]
    pub const fn paused(&self) -> bool {
        self.owed.is_some()
    }

    /// Whether input is retained because replies wait to be sent: take them, and give more input, or none, to go on.
    #[must_use]
    pub const fn retaining(&self) -> bool {
        self.owed.is_none() && !self.retained.is_empty()
    }

    /// Whether the session has ended: send what is to be sent, and close.
    #[must_use]
    pub fn closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Whether the next octets are mail data, not commands.
    #[must_use]
    pub fn in_mail_data(&self) -> bool {
        matches!(self.state, State::MailData | State::Chunk | State::Skipping) && self.owed.is_none()
    }

    /// Whether the client has its 220 to STARTTLS, and everything it sends is dropped until TLS has started.
    #[must_use]
    pub fn in_handshake(&self) -> bool {
        self.state == State::Handshake
    }

    /// Whether octets are encrypted.
    #[must_use]
    pub const fn tls(&self) -> bool {
        self.tls
    }

    /// Whether the client has proved who it is.
    #[must_use]
    pub const fn authenticated(&self) -> bool {
        self.authenticated
    }

    /// Where the client did not wait for a reply it had to wait for.
    #[must_use]
    pub const fn talk(&self) -> Talk {
        self.talk
    }

    /// Takes the octets to send.
    #[must_use]
    pub fn data_to_send(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Who the client said it is.
    #[must_use]
    pub fn hello(&self) -> Option<&Command> {
        self.hello.as_deref()
    }

    /// The MAIL of the open transaction.
    #[must_use]
    pub fn mail(&self) -> Option<&Mail> {
        self.transaction.as_ref().map(|transaction| &transaction.mail)
    }

    /// The accepted RCPTs of the open transaction, in order.
    #[must_use]
    pub fn rcpts(&self) -> &[Rcpt] {
        self.transaction.as_ref().map_or(&[], |transaction| &transaction.rcpts)
    }

    /// Interprets octets until a reply is owed, too many replies wait to be sent, or the session ends. Returns how many.
    fn interpret(&mut self, octets: &[u8], events: &mut Vec<Event>) -> usize {
        let mut at = 0;
        while at < octets.len() && self.owed.is_none() {
            let rest = &octets[at..];
            at += match self.state {
                State::MailData | State::Chunk => self.mail_data(rest, events),
                State::Skipping => self.skip(rest, events),
                // Octets from before the handshake are never interpreted after it (RFC 3207 section 4.2).
                State::Handshake => rest.len(),
                State::Closed => break,
                _ if self.out.len() >= MAX_UNSENT => break,
                State::Auth => self.auth_line(rest, events),
                _ => self.command_line(rest, events),
            };
        }
        at
    }

    /// Interprets what was retained, once nothing is owed any more.
    fn go_on(&mut self, events: &mut Vec<Event>) {
        if self.interpreted < self.retained.len() && self.state != State::Closed {
            let retained = std::mem::take(&mut self.retained);
            self.interpreted += self.interpret(&retained[self.interpreted..], events);
            self.retained = retained;
        }
        if self.interpreted >= self.retained.len() || self.state == State::Closed {
            self.retained = Vec::new();
            self.interpreted = 0;
        }
        self.end_of_input(events);
    }

    fn end_of_input(&mut self, events: &mut Vec<Event>) {
        if self.owed.is_some() || !self.retained.is_empty() || self.state == State::Closed {
            return;
        }
        if self.overdrawn {
            self.end_with(Fault::TooManyOctets, Close::Limit, events);
        } else if self.eof {
            self.abort_mail_data(AbortReason::Eof, None, events);
            self.close(Close::Eof, events);
        }
    }

    /// Whether the session ends because octets came while the reply to what they had to wait for is owed.
    fn talks_early(&mut self, events: &mut Vec<Event>) -> bool {
        let place = match &self.owed {
            Some(Owed::Command(Command::Ehlo(_) | Command::Helo(_) | Command::Lhlo(_))) => EarlyTalk::Hello,
            Some(Owed::Command(Command::Data)) => EarlyTalk::Data,
            Some(Owed::Command(Command::Auth(_)) | Owed::AuthResponse) => EarlyTalk::Auth,
            None if self.state == State::Handshake => EarlyTalk::StartTls,
            _ => return false,
        };
        self.note(place, events)
    }

    /// Notes that the client did not wait. True when it is refused for it.
    pub(super) fn note(&mut self, place: EarlyTalk, events: &mut Vec<Event>) -> bool {
        self.talk.add(place);
        let refused = self.settings.early_talk == EarlyTalkPolicy::Reject;
        if refused {
            self.end_with(Fault::TalksEarly, Close::Errors, events);
        }
        refused
    }

    /// Queues a reply.
    pub(super) fn send(&mut self, reply: &Reply) {
        if self.offered.contains(Extension::EnhancedStatusCodes) {
            reply.write_to(&mut self.out);
        } else {
            reply.write_plain_to(&mut self.out);
        }
    }

    /// Tells that mail data that was begun will not be delivered, unless that was told or its end was.
    pub(super) fn abort_mail_data(
        &mut self,
        reason: AbortReason,
        violation: Option<Violation>,
        events: &mut Vec<Event>,
    ) {
        if !matches!(self.owed, Some(Owed::Message(_))) {
            let incoming = self.transaction.as_mut().and_then(|transaction| transaction.incoming.take());
            events.extend(incoming.and_then(|incoming| incoming.abort(reason, violation)).map(Event::Aborted));
        }
    }

    /// Says what ends the session, and ends it.
    pub(super) fn end_with(&mut self, fault: Fault, close: Close, events: &mut Vec<Event>) {
        let violation = Violation::new(fault, 0);
        if self.state != State::Handshake {
            self.send(&violation.reply());
        }
        self.abort_mail_data(AbortReason::Violation, Some(violation), events);
        self.close(close, events);
    }

    pub(super) fn close(&mut self, close: Close, events: &mut Vec<Event>) {
        self.state = State::Closed;
        self.owed = None;
        self.retained = Vec::new();
        self.interpreted = 0;
        events.push(Event::Closed(close));
    }
}
