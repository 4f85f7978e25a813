//! What a session says by itself, but for faults, whose replies are the table of [`crate::violation`].

use crate::command::{Dialect, Verb};
use crate::reply::{Enhanced, Reply};

pub(super) const OK: Reply = Reply::constant(250, Some(Enhanced::new(2, 0, 0)), "Ok");
pub(super) const MAIL_OK: Reply = Reply::constant(250, Some(Enhanced::new(2, 1, 0)), "Ok");
pub(super) const RCPT_OK: Reply = Reply::constant(250, Some(Enhanced::new(2, 1, 5)), "Ok");
pub(super) const START_MAIL: Reply = Reply::constant(354, None, "Start mail input; end with <CRLF>.<CRLF>");
pub(super) const BYE: Reply = Reply::constant(221, Some(Enhanced::new(2, 0, 0)), "Bye");
pub(super) const CANNOT_VERIFY: Reply =
    Reply::constant(252, Some(Enhanced::new(2, 5, 0)), "Cannot verify; send the mail and it will be tried");
pub(super) const SHUTDOWN: Reply =
    Reply::constant(421, Some(Enhanced::new(4, 3, 2)), "Server is shutting down; try again later");
pub(super) const OVERRUN: Reply =
    Reply::constant(421, Some(Enhanced::new(4, 3, 2)), "Too much input while a reply is owed; closing");

/// The commands a client can say.
pub(super) fn help(dialect: Dialect) -> Reply {
    let hello = |verb: Verb| matches!(verb, Verb::Ehlo | Verb::Helo);
    let lmtp = dialect == Dialect::Lmtp;
    let verbs: Vec<_> = Verb::ALL
        .iter()
        .filter(|&&verb| verb != Verb::Expn && if lmtp { !hello(verb) } else { verb != Verb::Lhlo })
        .map(|verb| verb.name())
        .collect();
    Reply::from_table(214, Enhanced::new(2, 0, 0), format!("Commands: {}", verbs.join(" ")))
}
