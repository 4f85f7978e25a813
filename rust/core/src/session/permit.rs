//! Which well-formed commands may be carried out now: the table, the extensions offered, the limits.
//!
//! Takes a command and where the session stands; gives the fault it is refused with. The application is asked later.

use super::settings::Settings;
use super::table::{self, Cell, State};
use crate::command::{Body, Command};
use crate::violation::Fault;

/// Verbs of extensions that are not offered: 502 tells the client so, where 500 would say it had mistyped.
const KNOWN_ELSEWHERE: [&str; 9] = ["STARTTLS", "AUTH", "BDAT", "ETRN", "TURN", "ATRN", "SEND", "SOML", "SAML"];

/// Verbs of HTTP. What follows them may be mail that a web page has a browser send to a port it can reach.
const HTTP: [&str; 6] = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"];

/// The fault a command is refused with, if it is. `recipients` are those the transaction has.
pub(super) fn fault(command: &Command, state: State, recipients: usize, settings: &Settings) -> Option<Fault> {
    let Some(verb) = command.verb() else {
        return Some(match (state, command) {
            (State::Refused, _) => Fault::Refused,
            (_, Command::Unknown(unknown)) if HTTP.contains(&unknown.verb.as_str()) => Fault::NotMail,
            (_, Command::Unknown(unknown)) if KNOWN_ELSEWHERE.contains(&unknown.verb.as_str()) => Fault::NotOffered,
            _ => Fault::UnknownCommand,
        });
    };
    if let Cell::No(fault) = table::cell(state, verb) {
        return Some(fault);
    }
    match command {
        Command::Mail(mail) => {
            let parameters = &mail.parameters;
            let offered = |keyword: &str| keyword == "SIZE" || keyword == "BODY" && !settings.seven_bit;
            if !parameters.keywords().all(offered) || parameters.body() == Some(Body::BinaryMime) {
                return Some(Fault::ParameterUnknown);
            }
            parameters.size().filter(|size| *size > settings.data.max_size).map(|_| Fault::SizeTooLarge)
        }
        Command::Rcpt(rcpt) if rcpt.parameters.keywords().next().is_some() => Some(Fault::ParameterUnknown),
        Command::Rcpt(_) if recipients >= settings.limits.max_recipients => Some(Fault::TooManyRecipients),
        Command::Expn(_) => Some(Fault::NotOffered),
        _ => None,
    }
}
