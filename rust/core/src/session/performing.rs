//! What commands do: each is read, permitted, asked about if the application has a say in it, and answered.

use super::event::{AbortReason, Close, Event};
use super::incoming::Incoming;
use super::lines::Line;
use super::owed::Owed;
use super::permit::{self, Standing};
use super::replies::{
    self, BYE, CANNOT_AUTHENTICATE, CANNOT_VERIFY, MAIL_OK, NOTHING_WAITS, OK, RCPT_OK, START_MAIL, START_TLS,
};
use super::session::Session;
use super::table::{self, Cell, State};
use super::talk::EarlyTalk;
use super::transaction::Transaction;
use crate::command::{self, AuthLine, Bdat, Command, Grammar, MAX_AUTH_LINE, Verb, begins_bdat};
use crate::reply::Reply;
use crate::violation::{Fault, Violation};

impl Session {
    pub(super) fn command_line(&mut self, octets: &[u8], events: &mut Vec<Event>) -> usize {
        let (taken, line) = self.lines.read(octets, self.settings.max_line(self.offered));
        match line {
            Line::More => {}
            Line::Whole(line) => self.command(line, taken < octets.len(), events),
            Line::Joined(line) => self.command(&line, taken < octets.len(), events),
            Line::TooLong { bdat } => {
                let violation = match self.state {
                    State::Refused => Violation::new(Fault::Refused, 0),
                    _ => Violation::new(Fault::CommandTooLong, command::MAX_LINE as u64),
                };
                self.mail_refused = false;
                if bdat { self.lost_step(violation, events) } else { self.fault(violation, events) }
            }
        }
        taken
    }

    /// Reads one line, without its CRLF, and does what it says. `more`: octets came behind it.
    fn command(&mut self, line: &[u8], more: bool, events: &mut Vec<Event>) {
        let verb = Verb::of_line(line);
        // Until a MAIL is accepted it counts as refused; RCPT, DATA and BDAT may have been sent along with it.
        self.mail_refused =
            verb == Some(Verb::Mail) || self.mail_refused && matches!(verb, Some(Verb::Rcpt | Verb::Data | Verb::Bdat));
        let parsed = command::parse(line, &self.grammar());
        let command = match parsed {
            Ok(command) => command,
            Err(violation) if verb == Some(Verb::Bdat) || begins_bdat(line) => {
                return self.lost_step(violation, events);
            }
            Err(violation) => {
                // After a refusal all but QUIT is 503 (RFC 5321 section 3.1), well-formed or not.
                let refused = (self.state == State::Refused).then_some(Fault::Refused);
                let fault = refused.or_else(|| verb.and_then(|verb| self.standing().not_offered(verb)));
                return self.fault(fault.map_or(violation, |fault| Violation::new(fault, 0)), events);
            }
        };
        match (self.standing().fault(&command), &command) {
            (None, _) => {}
            // The octets of a chunk follow, whatever is said to it.
            (Some(fault), Command::Bdat(bdat)) => return self.refuse_chunk(*bdat, Violation::new(fault, 0), events),
            (Some(fault), _) => return self.fault(Violation::new(fault, 0), events),
        }
        let waits = match command {
            Command::Ehlo(_) | Command::Helo(_) | Command::Lhlo(_) => Some(EarlyTalk::Hello),
            Command::Data => Some(EarlyTalk::Data),
            Command::StartTls => Some(EarlyTalk::StartTls),
            Command::Auth(_) => Some(EarlyTalk::Auth),
            _ => None,
        };
        if let Some(place) = waits.filter(|_| more)
            && self.note(place, events)
        {
            return;
        }
        self.perform(command, events);
    }

    fn standing(&self) -> Standing<'_> {
        Standing {
            settings: &self.settings,
            state: self.state,
            offered: self.offered,
            tls: self.tls,
            authenticated: self.authenticated,
            messages: self.messages,
            recipients: self.rcpts().len(),
            body: self.mail().and_then(|mail| mail.parameters.body()),
        }
    }

    fn grammar(&self) -> Grammar {
        let offered = self.offered.contains(command::Extension::Smtputf8);
        let smtputf8 = offered && self.mail().is_none_or(|mail| mail.parameters.smtputf8());
        Grammar {
            dialect: self.settings.dialect,
            smtputf8,
            strict: self.settings.strict_grammar,
            extensions: self.offered,
        }
    }

    /// Asks the application, or answers without it.
    fn perform(&mut self, command: Command, events: &mut Vec<Event>) {
        let questions = &self.settings.questions;
        let ask = match command {
            Command::Ehlo(_) | Command::Helo(_) | Command::Lhlo(_) => questions.hello,
            Command::Mail(_) => questions.mail,
            Command::Rcpt(_) => questions.rcpt,
            Command::Data => questions.data,
            Command::Bdat(_) => questions.data && self.state == State::Rcpt,
            Command::Vrfy(_) => questions.vrfy,
            Command::Expn(_) => questions.expn,
            Command::Help(_) => questions.help,
            Command::Etrn(_) => questions.etrn,
            Command::Noop(_) => questions.noop,
            Command::Rset => questions.rset,
            Command::Quit => questions.quit,
            Command::Unknown(_) => questions.unknown,
            // Nobody but the application can know.
            Command::Auth(_) | Command::Xclient(_) | Command::Xforward(_) => true,
            _ => false,
        };
        if ask {
            events.push(Event::Command(command.clone()));
            self.owed = Some(Owed::Command(command));
        } else {
            self.answer(command, None, events);
        }
    }

    /// Sends the reply to a command and, if it is positive, does what the command says; what RSET and QUIT say in any case. A
    /// client that has given its transaction up must not have it open because the application refused, failed or was slow.
    pub(super) fn answer(&mut self, command: Command, reply: Option<&Reply>, events: &mut Vec<Event>) {
        match (&command, reply) {
            (Command::Auth(_), reply) => return self.answer_auth(reply, events),
            (Command::Quit, reply) => return self.quit(reply, events),
            (Command::Rset, Some(reply)) if !reply.is_positive() => {
                self.step(Verb::Rset);
                self.begin_anew(events);
                return self.refuse(reply, events);
            }
            (Command::Bdat(bdat), Some(reply)) if !reply.is_positive() => {
                return self.refuse_message(*bdat, reply, events);
            }
            (_, Some(reply)) if !reply.is_positive() => return self.refuse(reply, events),
            (Command::Unknown(unknown), None) => {
                return self.fault(Violation::new(permit::fault_of_verb(&unknown.verb), 0), events);
            }
            _ => {}
        }
        if let Some(verb) = command.verb() {
            self.step(verb);
        }
        let own = match command {
            Command::Ehlo(_) | Command::Lhlo(_) => {
                self.begin_anew(events);
                self.hello = Some(Box::new(command));
                let text = format!("{}{}", self.settings.hostname.as_str(), self.settings.keywords(self.offered));
                // A reply to EHLO carries keywords, not text (RFC 5321 section 4.1.1.1): nobody else's can stand in its place.
                return self.send(&Reply::plain(250, text));
            }
            Command::Helo(_) => {
                self.begin_anew(events);
                self.hello = Some(Box::new(command));
                Reply::plain(250, self.settings.hostname.as_str().to_owned())
            }
            Command::Mail(mail) => {
                self.mail_refused = false;
                self.messages = self.messages.saturating_add(1);
                self.transaction = Some(Box::new(Transaction::new(mail)));
                MAIL_OK
            }
            Command::Rcpt(rcpt) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.rcpts.push(rcpt);
                }
                RCPT_OK
            }
            Command::Data => {
                let incoming = Incoming::data(self.settings.data, self.settings.backend);
                if let Some(transaction) = &mut self.transaction {
                    transaction.incoming = Some(incoming);
                }
                START_MAIL
            }
            // It is answered at the end of the chunk.
            Command::Bdat(bdat) => return self.begin_chunk(bdat, events),
            Command::Rset => {
                self.begin_anew(events);
                OK
            }
            Command::Noop(_) | Command::Xforward(_) => OK,
            Command::Vrfy(_) | Command::Expn(_) | Command::Unknown(_) => CANNOT_VERIFY,
            Command::Help(_) => replies::help(self.settings.dialect, self.offered),
            Command::Etrn(_) => NOTHING_WAITS,
            // Answered above.
            Command::Auth(_) | Command::Quit => return,
            Command::StartTls => {
                self.send(&START_TLS);
                events.push(Event::StartTls);
                return;
            }
            Command::Xclient(attributes) => {
                // The client whose place the peer takes has said nothing here yet; elsewhere it may have proved who it is.
                (self.hello, self.transaction) = (None, None);
                self.authenticated = attributes.all().any(|(name, value)| name == "LOGIN" && value.is_some());
                return self.greet();
            }
        };
        self.send(reply.unwrap_or(&own));
    }

    /// Goes where the table says.
    fn step(&mut self, verb: Verb) {
        if let Cell::To(state) = table::cell(self.state, verb) {
            self.state = state;
        }
    }

    /// Says no to a command; with 421 to the connection.
    fn refuse(&mut self, reply: &Reply, events: &mut Vec<Event>) {
        self.send(reply);
        if reply.code() == 421 {
            // Between two chunks there is mail data.
            self.abort_mail_data(AbortReason::Shutdown, None, events);
            self.close(Close::Refused, events);
        }
    }

    /// Ends the session as the client wishes.
    fn quit(&mut self, reply: Option<&Reply>, events: &mut Vec<Event>) {
        self.abort_mail_data(AbortReason::Abandoned, None, events);
        self.send(reply.unwrap_or(&BYE));
        self.close(Close::Quit, events);
    }

    /// Clears the buffers of the transaction, if one is open.
    fn begin_anew(&mut self, events: &mut Vec<Event>) {
        self.abort_mail_data(AbortReason::Abandoned, None, events);
        self.transaction = None;
    }

    /// Reads a line of an AUTH exchange.
    pub(super) fn auth_line(&mut self, octets: &[u8], events: &mut Vec<Event>) -> usize {
        let (taken, line) = self.lines.read(octets, MAX_AUTH_LINE);
        let read = match line {
            Line::More => return taken,
            Line::Whole(line) => AuthLine::parse(line),
            Line::Joined(line) => AuthLine::parse(&line),
            Line::TooLong { .. } => Err(Violation::new(Fault::AuthLineTooLong, MAX_AUTH_LINE as u64)),
        };
        self.state = State::Ready;
        match read {
            Ok(AuthLine::Response(response)) => {
                if taken < octets.len() && self.note(EarlyTalk::Auth, events) {
                    return taken;
                }
                events.push(Event::AuthResponse(response));
                self.owed = Some(Owed::AuthResponse);
            }
            Ok(AuthLine::Cancel) => self.send(&Violation::new(Fault::AuthCancelled, 0).reply()),
            Err(violation) => self.fault(violation, events),
        }
        taken
    }

    /// Sends the reply to AUTH, or to a line of its exchange.
    pub(super) fn answer_auth(&mut self, reply: Option<&Reply>, events: &mut Vec<Event>) {
        let own = CANNOT_AUTHENTICATE;
        let reply = reply.unwrap_or(&own);
        match reply.code() {
            334 => self.state = State::Auth,
            235 => self.authenticated = true,
            421 => {
                self.send(reply);
                return self.close(Close::Refused, events);
            }
            // Whoever guesses passwords runs into the limit of errors.
            500.. => {
                self.errors += 1;
                if self.errors > self.settings.limits.max_errors {
                    return self.end_with(Fault::TooManyErrors, Close::Errors, events);
                }
            }
            _ => {}
        }
        self.send(reply);
    }

    /// Answers a command at fault, or closes after too many.
    pub(super) fn fault(&mut self, violation: Violation, events: &mut Vec<Event>) {
        self.errors += u32::from(self.is_error(violation.fault));
        match violation.fault {
            Fault::NotMail => self.end_with(violation.fault, Close::Errors, events),
            Fault::TooManyMessages => self.end_with(violation.fault, Close::Limit, events),
            _ if self.errors > self.settings.limits.max_errors => {
                self.end_with(Fault::TooManyErrors, Close::Errors, events);
            }
            _ => self.send(&violation.reply()),
        }
    }

    /// Answers a BDAT that cannot be read, and closes: nobody knows how many of the octets behind it are no commands.
    fn lost_step(&mut self, violation: Violation, events: &mut Vec<Event>) {
        self.send(&violation.reply());
        self.abort_mail_data(AbortReason::Violation, Some(violation), events);
        self.close(Close::Errors, events);
    }

    /// A chunk that may not come now.
    fn refuse_chunk(&mut self, bdat: Bdat, violation: Violation, events: &mut Vec<Event>) {
        self.errors += u32::from(self.is_error(violation.fault));
        if self.errors > self.settings.limits.max_errors {
            self.end_with(Fault::TooManyErrors, Close::Errors, events);
        } else {
            self.skip_chunk(bdat, &violation.reply(), events);
        }
    }

    /// Whether a fault counts as an error of the client. Running into a limit does not, and neither does what it had sent
    /// behind a command that was refused, without waiting for the reply (RFC 2920 section 3.1).
    fn is_error(&self, fault: Fault) -> bool {
        match fault {
            Fault::TooManyRecipients | Fault::SizeTooLarge | Fault::NoRecipients | Fault::TransactionFailed => false,
            Fault::MailFirst => !self.mail_refused,
            _ => true,
        }
    }
}
