//! Which command may come when, and where it leads: RFC 5321 §4.1.4 as one table.
//!
//! A cell says what becomes of a command in a state: where the session goes once the command is answered positively, or
//! the fault that is answered at once. A negative reply leaves the state as it was, whatever the cell says, but to RSET and
//! QUIT, which take effect whatever is answered.

use crate::command::Verb;
use crate::violation::Fault;

/// What a session expects next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The greeting was sent; the client has not said who it is.
    Start,
    /// No transaction is open.
    Ready,
    /// A transaction has its reverse-path.
    Mail,
    /// A transaction has at least one forward-path.
    Rcpt,
    /// Inside mail data, where there are no commands.
    MailData,
    /// Inside a chunk, where there are none either.
    Chunk,
    /// Between two chunks of a message.
    Chunks,
    /// A chunk was refused, and with it the message; its other chunks may be on their way.
    Failed,
    /// Inside a chunk that is not taken.
    Skipping,
    /// Inside an AUTH exchange, where lines are no commands.
    Auth,
    /// After the reply to STARTTLS: nothing is read until TLS has started.
    Handshake,
    /// The greeting was a refusal; the client may only say QUIT.
    Refused,
    /// No octet is read or sent any more.
    Closed,
}

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Once answered positively, the session is in this state.
    To(State),
    /// Whatever is answered, the session stays where it is.
    Stay,
    /// It is refused with this fault.
    No(Fault),
}

/// The states in which a command can come, in the order of the table's columns.
pub const COLUMNS: [State; 7] =
    [State::Start, State::Ready, State::Mail, State::Rcpt, State::Chunks, State::Failed, State::Refused];

use Cell::{No, Stay, To};
use Fault::{ChunksUnderWay, HelloFirst, InTransaction, MailFirst, NestedMail, NoRecipients, TransactionFailed};
use State::{Chunk, Closed, Handshake, MailData, Ready, Start};

const REFUSED: Cell = No(Fault::Refused);

/// A command that may only come outside of a transaction, after the first hello, and leads to `to`.
const fn outside(to: Cell) -> [Cell; 7] {
    [No(HelloFirst), to, No(InTransaction), No(InTransaction), No(InTransaction), No(InTransaction), REFUSED]
}

/// One row a verb, one column a state of [`COLUMNS`].
#[rustfmt::skip]
pub const TABLE: [(Verb, [Cell; 7]); 18] = [
    //                Start           Ready            Mail              Rcpt              Chunks              Failed              Refused
    (Verb::Ehlo,     [To(Ready),      To(Ready),       To(Ready),        To(Ready),        To(Ready),          To(Ready),          REFUSED]),
    (Verb::Helo,     [To(Ready),      To(Ready),       To(Ready),        To(Ready),        To(Ready),          To(Ready),          REFUSED]),
    (Verb::Lhlo,     [To(Ready),      To(Ready),       To(Ready),        To(Ready),        To(Ready),          To(Ready),          REFUSED]),
    (Verb::Mail,     [No(HelloFirst), To(State::Mail), No(NestedMail),   No(NestedMail),   No(ChunksUnderWay), No(TransactionFailed), REFUSED]),
    (Verb::Rcpt,     [No(HelloFirst), No(MailFirst),   To(State::Rcpt),  To(State::Rcpt),  No(ChunksUnderWay), No(TransactionFailed), REFUSED]),
    (Verb::Data,     [No(HelloFirst), No(MailFirst),   No(NoRecipients), To(MailData),     No(ChunksUnderWay), No(TransactionFailed), REFUSED]),
    (Verb::Bdat,     [No(HelloFirst), No(MailFirst),   No(NoRecipients), To(Chunk),        To(Chunk),          No(TransactionFailed), REFUSED]),
    (Verb::Rset,     [To(Start),      To(Ready),       To(Ready),        To(Ready),        To(Ready),          To(Ready),          REFUSED]),
    (Verb::Noop,     [Stay,           Stay,            Stay,             Stay,             Stay,               Stay,               REFUSED]),
    (Verb::Vrfy,     [Stay,           Stay,            Stay,             Stay,             Stay,               Stay,               REFUSED]),
    (Verb::Expn,     [Stay,           Stay,            Stay,             Stay,             Stay,               Stay,               REFUSED]),
    (Verb::Help,     [Stay,           Stay,            Stay,             Stay,             Stay,               Stay,               REFUSED]),
    (Verb::StartTls, outside(To(Handshake))),
    // Where it leads is the reply's to say: to a challenge, or back.
    (Verb::Auth,     outside(Stay)),
    (Verb::Etrn,     outside(Stay)),
    (Verb::Xclient,  [To(Start),      To(Start),       No(InTransaction), No(InTransaction), No(InTransaction), No(InTransaction), REFUSED]),
    (Verb::Xforward, [Stay,           Stay,            No(InTransaction), No(InTransaction), No(InTransaction), No(InTransaction), REFUSED]),
    (Verb::Quit,     [To(Closed),     To(Closed),      To(Closed),       To(Closed),       To(Closed),         To(Closed),         To(Closed)]),
];

/// The table's cell. A state without a column has no commands: its cell is [`Cell::Stay`].
#[must_use]
pub fn cell(state: State, verb: Verb) -> Cell {
    let row = TABLE.iter().find(|(of, _)| *of == verb);
    let column = COLUMNS.iter().position(|of| *of == state);
    match (row, column) {
        (Some((_, cells)), Some(column)) => cells[column],
        _ => Stay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_its_row_once() {
        for verb in Verb::ALL {
            assert_eq!(TABLE.iter().filter(|(of, _)| *of == verb).count(), 1, "{}", verb.name());
        }
        assert_eq!(TABLE.len(), Verb::ALL.len());
    }

    #[test]
    fn what_the_rfc_says_of_the_table() {
        for state in COLUMNS {
            // Section 4.1.1.10: QUIT may be said at any time.
            assert_eq!(cell(state, Verb::Quit), To(Closed));
            for verb in Verb::ALL.into_iter().filter(|verb| *verb != Verb::Quit) {
                match (state, verb) {
                    // Section 3.1: after a refusal, 503 to everything else.
                    (State::Refused, _) => assert_eq!(cell(state, verb), REFUSED),
                    // Section 4.1.4: these may be said without EHLO and at any time.
                    (_, Verb::Noop | Verb::Help | Verb::Expn | Verb::Vrfy) => assert_eq!(cell(state, verb), Stay),
                    // Section 4.1.4: EHLO clears all buffers as RSET does.
                    (_, Verb::Ehlo | Verb::Helo | Verb::Lhlo) => assert_eq!(cell(state, verb), To(Ready)),
                    (Start, Verb::Rset) => assert_eq!(cell(state, verb), To(Start)),
                    (_, Verb::Rset) => assert_eq!(cell(state, verb), To(Ready)),
                    // Section 4.1.4: a transaction is MAIL, RCPT one or many times, DATA, and no MAIL inside.
                    (Ready, Verb::Mail) => assert_eq!(cell(state, verb), To(State::Mail)),
                    (State::Mail | State::Rcpt, Verb::Rcpt) => assert_eq!(cell(state, verb), To(State::Rcpt)),
                    (State::Rcpt, Verb::Data) => assert_eq!(cell(state, verb), To(MailData)),
                    // RFC 3030 section 2: BDAT in the place of DATA, any number of times.
                    (State::Rcpt | State::Chunks, Verb::Bdat) => assert_eq!(cell(state, verb), To(Chunk)),
                    // RFC 3207 section 4, RFC 4954 section 4, RFC 1985 section 4.
                    (Ready, Verb::StartTls) => assert_eq!(cell(state, verb), To(Handshake)),
                    (Ready, Verb::Auth | Verb::Etrn) => assert_eq!(cell(state, verb), Stay),
                    // A proxy's, before its client's first command.
                    (Start | Ready, Verb::Xclient) => assert_eq!(cell(state, verb), To(Start)),
                    (Start | Ready, Verb::Xforward) => assert_eq!(cell(state, verb), Stay),
                    _ => match cell(state, verb) {
                        No(fault) => assert_eq!(fault.row().code, 503, "{state:?} {verb:?}"),
                        cell => panic!("{state:?} {verb:?} {cell:?}"),
                    },
                }
            }
        }
    }
}
