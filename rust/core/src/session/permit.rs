//! Which well-formed commands may be carried out now: the table, the extensions offered, what has to come before, the limits.
//!
//! Takes a command and where the session stands; gives the fault it is refused with. The application is asked later.

use super::replies;
use super::settings::Settings;
use super::table::{self, Cell, State};
use crate::command::{Body, ByMode, Command, Extension, Extensions, Mail, Parameter, Parameters, Verb};
use crate::data::KeepPolicy;
use crate::violation::Fault;

/// Verbs of extensions that nobody offers: 502 tells the client so, where 500 would say it had mistyped.
const KNOWN_ELSEWHERE: [&str; 5] = ["TURN", "ATRN", "SEND", "SOML", "SAML"];

/// Verbs of HTTP. What follows them may be mail that a web page has a browser send to a port it can reach.
const HTTP: [&str; 6] = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"];

/// What is said to a verb nobody here knows.
pub(super) fn fault_of_verb(verb: &str) -> Fault {
    if KNOWN_ELSEWHERE.contains(&verb) { Fault::NotOffered } else { Fault::UnknownCommand }
}

/// Where the session stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) settings: &'a Settings,
    pub(super) state: State,
    /// What is offered.
    pub(super) offered: Extensions,
    /// Whether octets are encrypted.
    pub(super) tls: bool,
    /// Whether the client has proved who it is.
    pub(super) authenticated: bool,
    /// Transactions begun.
    pub(super) messages: u32,
    /// Recipients of this one.
    pub(super) recipients: usize,
    /// Its BODY.
    pub(super) body: Option<Body>,
}

impl Standing<'_> {
    /// The fault a verb is refused with whatever its argument is, because its extension is not offered.
    pub(super) fn not_offered(&self, verb: Verb) -> Option<Fault> {
        let missing = replies::extension(verb).is_some_and(|extension| !self.offered.contains(extension));
        missing.then(|| match verb {
            // Offered, but not so: the client can do something about it.
            Verb::StartTls if self.tls => Fault::TlsStarted,
            Verb::Auth if !self.tls && self.settings.offered(true).contains(Extension::Auth) => Fault::TlsFirst,
            _ => Fault::NotOffered,
        })
    }

    /// The fault a command is refused with, if it is.
    pub(super) fn fault(&self, command: &Command) -> Option<Fault> {
        let Some(verb) = command.verb() else {
            return self.fault_of_unknown(command);
        };
        if self.state == State::Refused {
            return if verb == Verb::Quit { None } else { Some(Fault::Refused) };
        }
        if let Some(fault) = self.fault_of_security(verb).or_else(|| self.not_offered(verb)) {
            return Some(fault);
        }
        if let Cell::No(fault) = table::cell(self.state, verb) {
            return Some(fault);
        }
        match command {
            Command::Mail(mail) => self.fault_of_mail(mail),
            Command::Rcpt(rcpt) if !self.knows_all(&rcpt.parameters) => Some(Fault::ParameterUnknown),
            Command::Rcpt(_) if self.recipients >= self.settings.limits.max_recipients => {
                Some(Fault::TooManyRecipients)
            }
            Command::Data if self.body == Some(Body::BinaryMime) => Some(Fault::BinaryNeedsBdat),
            Command::Auth(_) if self.authenticated => Some(Fault::Authenticated),
            Command::Auth(auth) if !self.settings.offers.mechanisms().contains(&auth.mechanism) => {
                Some(Fault::MechanismUnknown)
            }
            _ => None,
        }
    }

    fn fault_of_unknown(&self, command: &Command) -> Option<Fault> {
        let Command::Unknown(unknown) = command else { return None };
        let verb = unknown.verb.as_str();
        match self.state {
            State::Refused => Some(Fault::Refused),
            _ if HTTP.contains(&verb) => Some(Fault::NotMail),
            _ if self.settings.questions.unknown => None,
            _ => Some(fault_of_verb(verb)),
        }
    }

    /// RFC 3207 §4 and RFC 4954 §6: what may be said before TLS, and before AUTH.
    fn fault_of_security(&self, verb: Verb) -> Option<Fault> {
        let security = &self.settings.security;
        let greets = matches!(verb, Verb::Ehlo | Verb::Helo | Verb::Lhlo | Verb::Noop | Verb::Quit | Verb::StartTls);
        let tells = matches!(verb, Verb::Xclient | Verb::Xforward);
        if security.require_tls && !self.tls && !greets && !tells {
            return Some(Fault::TlsRequired);
        }
        let asks = matches!(verb, Verb::Mail | Verb::Vrfy | Verb::Expn | Verb::Etrn);
        (security.require_auth && !self.authenticated && asks).then_some(Fault::AuthRequired)
    }

    fn fault_of_mail(&self, mail: &Mail) -> Option<Fault> {
        let parameters = &mail.parameters;
        let binary = parameters.body() == Some(Body::BinaryMime);
        if parameters.requiretls() && !self.tls && self.settings.offered(true).contains(Extension::RequireTls) {
            return Some(Fault::RequireTlsInTheClear);
        }
        if !self.knows_all(parameters) || binary && !self.offered.contains(Extension::BinaryMime) {
            return Some(Fault::ParameterUnknown);
        }
        if parameters.size().is_some_and(|size| size > self.settings.data.max_size) {
            return Some(Fault::SizeTooLarge);
        }
        let by = parameters.by().filter(|by| by.mode == ByMode::Return);
        if let (Some(by), Some(least)) = (by, self.settings.offers.deliver_by())
            && i64::from(by.seconds) < i64::from(least)
        {
            return Some(Fault::ByTooSoon);
        }
        if let Some((most, until)) = self.settings.offers.future_release()
            && (parameters.hold_for().is_some_and(|seconds| seconds > most)
                || parameters.hold_until().is_some_and(|date_time| date_time > until))
        {
            return Some(Fault::HoldTooLong);
        }
        (self.messages >= self.settings.limits.max_messages).then_some(Fault::TooManyMessages)
    }

    fn knows_all(&self, parameters: &Parameters) -> bool {
        let known = |parameter: &Parameter| {
            parameter.typed.extension().is_some_and(|extension| self.offered.contains(extension))
        };
        self.settings.unknown_parameters == KeepPolicy::Keep || parameters.all().iter().all(known)
    }
}
