//! One connection: commands in order, mail data, replies in step.
//!
//! Takes octets at any split and the application's replies; gives events and octets to send. It never answers inside mail
//! data, never executes mail data, and never does anything because of traffic but this. What it retains is bounded: part of
//! one command line, the transaction's buffers within their limits, and, while a reply is owed or [`MAX_UNSENT`] octets of
//! replies wait to be sent, up to [`MAX_RETAINED`] octets that came meanwhile.
//!
//! The states and what leads from one to the other are the table's ([`super::table`]).

use std::sync::Arc;

use super::event::{AbortReason, Close, Event};
use super::incoming::Incoming;
use super::lines::{Line, LineReader};
use super::owed::{Misuse, Owed, Recipients};
use super::permit;
use super::replies::{self, BYE, CANNOT_VERIFY, MAIL_OK, OK, OVERRUN, RCPT_OK, SHUTDOWN, START_MAIL};
use super::settings::Settings;
use super::table::{self, Cell, State};
use crate::command::{self, Command, Dialect, Grammar, Mail, Rcpt, Verb};
use crate::reply::Reply;
use crate::violation::{Fault, Violation};

/// The most octets that are retained while a reply is owed. A driver that stops reading when [`Session::paused`] never
/// gets near: it is more than one read of any. Whoever gives more in one call, while nothing is owed, has it taken whole.
pub const MAX_RETAINED: usize = 1 << 20;

/// Octets of replies that wait to be taken; past it no command is interpreted. A client that floods with commands and does not
/// read the replies would otherwise have a dozen times its octets kept for it.
pub const MAX_UNSENT: usize = 1 << 16;

/// The three buffers of RFC 5321 §4.1.1: reverse-path, forward-paths, and mail data on its way.
#[derive(Debug)]
struct Transaction {
    mail: Mail,
    rcpts: Vec<Rcpt>,
    incoming: Option<Incoming>,
}

/// The server side of one connection.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    state: State,
    owed: Option<Owed>,
    lines: LineReader,
    /// Input not interpreted yet, because a reply is owed.
    retained: Vec<u8>,
    /// Octets of `retained` that have been interpreted.
    interpreted: usize,
    /// The client will send nothing more; told once `retained` is interpreted.
    eof: bool,
    out: Vec<u8>,
    errors: u32,
    /// The last MAIL was refused, and nothing but RCPT and DATA has come since.
    mail_refused: bool,
    hello: Option<Box<Command>>,
    transaction: Option<Box<Transaction>>,
}

impl Session {
    /// A session that greets: with 220, or with the application's own reply. A negative one refuses all commands but QUIT
    /// (RFC 5321 §3.1); a 421 closes.
    #[must_use]
    pub fn new(settings: Arc<Settings>, greeting: Option<&Reply>) -> Self {
        let mut session = Self {
            settings,
            state: State::Start,
            owed: None,
            lines: LineReader::default(),
            retained: Vec::new(),
            interpreted: 0,
            eof: false,
            out: Vec::new(),
            errors: 0,
            mail_refused: false,
            hello: None,
            transaction: None,
        };
        match greeting {
            Some(reply) => {
                reply.write_to(&mut session.out);
                session.state = match reply.code() {
                    421 => State::Closed,
                    400.. => State::Refused,
                    _ => State::Start,
                };
            }
            None => {
                let dialect = if session.settings.dialect == Dialect::Lmtp { "LMTP" } else { "ESMTP" };
                session.out.extend_from_slice(b"220 ");
                session.out.extend_from_slice(session.settings.hostname.as_str().as_bytes());
                session.out.extend_from_slice(format!(" {dialect} lonedot\r\n").as_bytes());
            }
        }
        session
    }

    /// Interprets octets from the client, as far as no reply is owed; retains the rest.
    pub fn receive_data(&mut self, octets: &[u8], events: &mut Vec<Event>) {
        if self.state == State::Closed {
            return;
        }
        if self.owed.is_some() || !self.retained.is_empty() {
            if self.retained.len() - self.interpreted + octets.len() > MAX_RETAINED {
                OVERRUN.write_to(&mut self.out);
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
        }
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
            Some(Owed::Message(mut recipients)) => {
                recipients.fill_rest(reply.unwrap_or(&OK));
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
        let reason = if reason == AbortReason::Violation { AbortReason::Shutdown } else { reason };
        let close = match reason {
            AbortReason::Eof => Close::Eof,
            AbortReason::Reset => Close::Reset,
            AbortReason::Timeout => {
                let fault = if self.in_mail_data() { Fault::DataTimeout } else { Fault::IdleTimeout };
                Violation::new(fault, 0).reply().write_to(&mut self.out);
                Close::Timeout
            }
            AbortReason::Shutdown | AbortReason::Violation => {
                SHUTDOWN.write_to(&mut self.out);
                Close::Shutdown
            }
        };
        self.abort_mail_data(reason, events);
        self.close(close, events);
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
        self.state == State::MailData && self.owed.is_none()
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
        while at < octets.len()
            && self.owed.is_none()
            && (self.state == State::MailData || self.state != State::Closed && self.out.len() < MAX_UNSENT)
        {
            at += if self.state == State::MailData {
                self.mail_data(&octets[at..], events)
            } else {
                self.command_line(&octets[at..], events)
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
        if self.eof && self.owed.is_none() && self.retained.is_empty() && self.state != State::Closed {
            self.abort_mail_data(AbortReason::Eof, events);
            self.close(Close::Eof, events);
        }
    }

    fn command_line(&mut self, octets: &[u8], events: &mut Vec<Event>) -> usize {
        let (taken, line) = self.lines.read(octets);
        let (verb, parsed) = match line {
            Line::More => return taken,
            Line::Whole(line) => (Verb::of_line(line), command::parse(line, &self.grammar())),
            Line::Joined(line) => (Verb::of_line(&line), command::parse(&line, &self.grammar())),
            Line::TooLong => (None, Err(Violation::new(Fault::CommandTooLong, command::MAX_LINE as u64))),
        };
        // After a refusal all but QUIT is 503 (RFC 5321 section 3.1), well-formed or not.
        let parsed = parsed.map_err(|violation| match self.state {
            State::Refused => Violation::new(Fault::Refused, 0),
            _ => violation,
        });
        // Until a MAIL is accepted it counts as refused; RCPT and DATA may have been sent along with it.
        self.mail_refused =
            verb == Some(Verb::Mail) || self.mail_refused && matches!(verb, Some(Verb::Rcpt | Verb::Data));
        let permitted = parsed.and_then(|command| {
            let fault = permit::fault(&command, self.state, self.rcpts().len(), &self.settings);
            fault.map_or(Ok(command), |fault| Err(Violation::new(fault, 0)))
        });
        match permitted {
            Ok(command) => self.perform(command, events),
            Err(violation) => self.fault(violation, events),
        }
        taken
    }

    fn grammar(&self) -> Grammar {
        let smtputf8 = self.mail().is_some_and(|mail| mail.parameters.smtputf8());
        let grammar = self.settings.grammar();
        Grammar { smtputf8: grammar.smtputf8 || smtputf8, ..grammar }
    }

    /// Asks the application, or answers without it.
    fn perform(&mut self, command: Command, events: &mut Vec<Event>) {
        let questions = &self.settings.questions;
        let ask = match command {
            Command::Ehlo(_) | Command::Helo(_) | Command::Lhlo(_) => questions.hello,
            Command::Mail(_) => questions.mail,
            Command::Rcpt(_) => questions.rcpt,
            Command::Data => questions.data,
            Command::Vrfy(_) => questions.vrfy,
            _ => false,
        };
        if ask {
            events.push(Event::Command(command.clone()));
            self.owed = Some(Owed::Command(command));
        } else {
            self.answer(command, None, events);
        }
    }

    /// Sends the reply to a command and, if it is positive, does what the command says.
    fn answer(&mut self, command: Command, reply: Option<&Reply>, events: &mut Vec<Event>) {
        if let Some(reply) = reply
            && !reply.is_positive()
        {
            reply.write_to(&mut self.out);
            if reply.code() == 421 {
                self.close(Close::Refused, events);
            }
            return;
        }
        if let Some(verb) = command.verb()
            && let Cell::To(state) = table::cell(self.state, verb)
        {
            self.state = state;
        }
        let own = match command {
            Command::Ehlo(_) | Command::Lhlo(_) => {
                self.transaction = None;
                self.hello = Some(Box::new(command));
                let text = format!("{}\n{}", self.settings.hostname.as_str(), self.settings.keywords());
                // A reply to EHLO carries keywords, not text (RFC 5321 section 4.1.1.1): nobody else's can stand in its place.
                Reply::plain(250, text).write_to(&mut self.out);
                return;
            }
            Command::Helo(_) => {
                self.transaction = None;
                self.hello = Some(Box::new(command));
                Reply::plain(250, self.settings.hostname.as_str().to_owned())
            }
            Command::Mail(mail) => {
                self.mail_refused = false;
                self.transaction = Some(Box::new(Transaction { mail, rcpts: Vec::new(), incoming: None }));
                MAIL_OK
            }
            Command::Rcpt(rcpt) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.rcpts.push(rcpt);
                }
                RCPT_OK
            }
            Command::Data => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.incoming = Some(Incoming::new(self.settings.data, self.settings.backend));
                }
                START_MAIL
            }
            Command::Rset => {
                self.transaction = None;
                OK
            }
            Command::Noop(_) => OK,
            Command::Vrfy(_) | Command::Expn(_) | Command::Unknown(_) => CANNOT_VERIFY,
            Command::Help(_) => replies::help(self.settings.dialect),
            Command::Quit => {
                BYE.write_to(&mut self.out);
                self.close(Close::Quit, events);
                return;
            }
        };
        reply.unwrap_or(&own).write_to(&mut self.out);
    }

    /// Answers a command at fault, or closes after too many.
    fn fault(&mut self, violation: Violation, events: &mut Vec<Event>) {
        self.errors += u32::from(self.is_error(violation.fault));
        if violation.fault == Fault::NotMail {
            violation.reply().write_to(&mut self.out);
            self.close(Close::Errors, events);
        } else if self.errors > self.settings.limits.max_errors {
            Violation::new(Fault::TooManyErrors, 0).reply().write_to(&mut self.out);
            self.close(Close::Errors, events);
        } else {
            violation.reply().write_to(&mut self.out);
        }
    }

    /// Whether a fault counts as an error of the client. Running into a limit does not, and neither does what it had sent
    /// behind a command that was refused, without waiting for the reply (RFC 2920 section 3.1).
    fn is_error(&self, fault: Fault) -> bool {
        match fault {
            Fault::TooManyRecipients | Fault::SizeTooLarge | Fault::NoRecipients => false,
            Fault::MailFirst => !self.mail_refused,
            _ => true,
        }
    }

    fn mail_data(&mut self, octets: &[u8], events: &mut Vec<Event>) -> usize {
        let Some(incoming) = self.transaction.as_mut().and_then(|transaction| transaction.incoming.as_mut()) else {
            // Not to be reached: the table leads here through DATA only. Reading commands again would be the one wrong answer.
            self.close(Close::Errors, events);
            return octets.len();
        };
        let mut out = Vec::new();
        let taken = incoming.decode(octets, &mut out);
        if !out.is_empty() {
            events.push(Event::MailData(out));
        }
        events.extend(incoming.broken().map(Event::Aborted));
        let decoder = &incoming.decoder;
        match (decoder.eof(), decoder.violation()) {
            _ if incoming.drained() > self.settings.limits.drain => {
                Violation::new(Fault::DrainExceeded, 0).reply().write_to(&mut self.out);
                self.close(Close::Drain, events);
            }
            (true, None) => {
                events.push(Event::EndOfMailData(decoder.report()));
                self.owed = Some(Owed::Message(self.recipients()));
            }
            (true, Some(violation)) => {
                let mut recipients = self.recipients();
                recipients.fill_rest(&violation.reply());
                self.send_recipients(recipients, events);
            }
            (false, _) => {}
        }
        taken
    }

    /// The replies a message is owed: one, or in LMTP one for each recipient.
    fn recipients(&self) -> Recipients {
        Recipients::new(if self.settings.dialect == Dialect::Lmtp { self.rcpts().len() } else { 1 })
    }

    /// Sends what can be sent; after the last one the transaction is over and its buffers are cleared.
    fn send_recipients(&mut self, mut recipients: Recipients, events: &mut Vec<Event>) {
        if !recipients.write_to(&mut self.out) {
            self.owed = Some(Owed::Message(recipients));
            return;
        }
        self.transaction = None;
        self.state = State::Ready;
        if recipients.closing() {
            self.close(Close::Refused, events);
        }
    }

    /// Tells that mail data that was begun will not be delivered, unless that was told or its end was.
    fn abort_mail_data(&mut self, reason: AbortReason, events: &mut Vec<Event>) {
        if self.state == State::MailData && self.owed.is_none() {
            let incoming = self.transaction.as_ref().and_then(|transaction| transaction.incoming.as_ref());
            events.extend(incoming.and_then(|incoming| incoming.abort(reason)).map(Event::Aborted));
        }
    }

    fn close(&mut self, close: Close, events: &mut Vec<Event>) {
        self.state = State::Closed;
        self.owed = None;
        self.retained = Vec::new();
        self.interpreted = 0;
        events.push(Event::Closed(close));
    }
}
