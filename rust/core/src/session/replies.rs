//! What a session says by itself, but for faults, whose replies are the table of [`crate::violation`].

use crate::command::{Dialect, Extension, Extensions, Verb};
use crate::reply::{Enhanced, Reply};

pub(super) const OK: Reply = Reply::constant(250, Some(Enhanced::new(2, 0, 0)), "Ok");
pub(super) const MAIL_OK: Reply = Reply::constant(250, Some(Enhanced::new(2, 1, 0)), "Ok");
pub(super) const RCPT_OK: Reply = Reply::constant(250, Some(Enhanced::new(2, 1, 5)), "Ok");
pub(super) const START_MAIL: Reply = Reply::constant(354, None, "Start mail input; end with <CRLF>.<CRLF>");
pub(super) const BYE: Reply = Reply::constant(221, Some(Enhanced::new(2, 0, 0)), "Bye");
pub(super) const CANNOT_VERIFY: Reply =
    Reply::constant(252, Some(Enhanced::new(2, 5, 0)), "Cannot verify; send the mail and it will be tried");
pub(super) const NOT_KEPT: Reply =
    Reply::constant(451, Some(Enhanced::new(4, 3, 0)), "The message was not kept; try again later");
pub(super) const SHUTDOWN: Reply =
    Reply::constant(421, Some(Enhanced::new(4, 3, 2)), "Server is shutting down; try again later");
pub(super) const OVERRUN: Reply =
    Reply::constant(421, Some(Enhanced::new(4, 3, 2)), "Too much input while a reply is owed; closing");

pub(super) const START_TLS: Reply = Reply::constant(220, Some(Enhanced::new(2, 0, 0)), "Ready to start TLS");
pub(super) const CANNOT_AUTHENTICATE: Reply =
    Reply::constant(454, Some(Enhanced::new(4, 7, 0)), "Nobody is here to authenticate you; try again later");
pub(super) const NOTHING_WAITS: Reply =
    Reply::constant(251, Some(Enhanced::new(2, 0, 0)), "No messages wait for that node");

/// A chunk was taken.
pub(super) fn chunk(size: u64) -> Reply {
    Reply::from_table(250, Enhanced::new(2, 0, 0), format!("{size} octets received"))
}

/// The commands a client can say.
pub(super) fn help(dialect: Dialect, offered: Extensions) -> Reply {
    let lmtp = dialect == Dialect::Lmtp;
    let here = |verb: Verb| match verb {
        Verb::Ehlo | Verb::Helo => !lmtp,
        Verb::Lhlo => lmtp,
        verb => extension(verb).is_none_or(|extension| offered.contains(extension)),
    };
    let verbs: Vec<_> = Verb::ALL.into_iter().filter(|&verb| here(verb)).map(Verb::name).collect();
    Reply::from_table(214, Enhanced::new(2, 0, 0), format!("Commands: {}", verbs.join(" ")))
}

/// The extension without which there is no such command.
pub(super) const fn extension(verb: Verb) -> Option<Extension> {
    Some(match verb {
        Verb::Bdat => Extension::Chunking,
        Verb::StartTls => Extension::StartTls,
        Verb::Auth => Extension::Auth,
        Verb::Etrn => Extension::Etrn,
        Verb::Expn => Extension::Expn,
        Verb::Xclient => Extension::Xclient,
        Verb::Xforward => Extension::Xforward,
        _ => return None,
    })
}
