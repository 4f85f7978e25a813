//! What the client holds the session to: that it sees the connection as the client does, and that mail data is what the
//! reference makes of the octets sent.

use lonedot_core::command::Command;
use lonedot_core::data::{BarePolicy, DataPolicies, DataReport, KeepPolicy, LineEnds};
use lonedot_core::session::Session;

use super::chunk::Chunks;
use super::{Client, Place, line};
use crate::{reference, reference_chunk};

impl Client {
    /// Exactly one end has come of all mail data that was begun, but of what is under way. `command`: the session waits for the
    /// reply to a command.
    pub(crate) fn assert_accounted(&mut self, command: bool, closed: bool) {
        // It may have closed before it came to a BDAT, or inside of its chunk.
        if !command && (!closed || self.ended > self.begun) {
            self.begins_chunks();
        }
        let (begun, ended, open) = (self.begun, self.ended, self.has_mail_data() && !closed);
        assert!(begun == ended || open && begun == ended + 1, "{begun} begun, {ended} ended");
    }

    /// A session that owes nothing thinks of the connection as the client does.
    pub(crate) fn assert_agrees(&self, session: &Session) {
        self.assert_all_answered();
        let hello = session.hello().map(|command| match command {
            Command::Ehlo(hello) | Command::Helo(hello) | Command::Lhlo(hello) => hello.name.clone(),
            command => panic!("{command:?} introduces nobody"),
        });
        assert_eq!(hello, self.hello);
        assert_eq!((session.mail().is_some(), session.rcpts().len()), (self.open, self.accepted));
        assert_eq!(session.in_mail_data(), self.place == Place::MailData || self.chunk().is_some());
        assert_eq!(session.in_handshake(), self.place == Place::Handshake);
        assert_eq!((session.tls(), session.authenticated()), (self.tls, self.authenticated));
    }

    /// What was handed out of a message, at its end, is what the reference makes of the octets sent. No content: it was
    /// discarded, whatever it was.
    pub(crate) fn assert_delivers(&self, content: Option<&[u8]>, report: &DataReport) {
        let rest = &self.sent[self.answered..];
        let (out, seen, violation) = if self.place == Place::MailData {
            let wanted = reference::decode(rest, &self.policies);
            assert!(wanted.eof, "an end inside mail data: {}", rest.escape_ascii());
            (wanted.out, wanted.report, wanted.violation)
        } else {
            let (message, last) = self.message();
            assert!(last, "an end before the last chunk: {}", message.escape_ascii());
            let wanted = reference_chunk::decode(&message, true, &self.chunk_policies());
            (wanted.out, wanted.report, wanted.violation)
        };
        assert_eq!(report, &seen);
        if let Some(content) = content {
            assert_eq!(violation, None, "an end of mail data that broke a rule");
            assert!(content == out, "{} is not {}", content.escape_ascii(), out.escape_ascii());
        }
        assert!(self.accepted > 0, "mail data for nobody");
    }

    /// The same at the end of a chunk of so many octets that is not the last.
    pub(crate) fn assert_takes_chunk(&self, content: Option<&[u8]>, size: u64) {
        let (message, last) = self.message();
        assert!(!last, "more chunks are expected after the last");
        let wanted = reference_chunk::decode(&message, false, &self.chunk_policies());
        if let Some(content) = content {
            assert_eq!(wanted.violation, None, "the end of a chunk that broke a rule");
            assert!(content == wanted.out, "{} is not {}", content.escape_ascii(), wanted.out.escape_ascii());
        }
        assert_eq!(self.chunk().map(|(head, ..)| head.size), Some(u128::from(size)));
    }

    /// The octets of all chunks, at the end of one; whether that is the last.
    fn message(&self) -> (Vec<u8>, bool) {
        let (head, octets, whole) = self.chunk().expect("the end of a chunk where there is none");
        assert!(whole && self.expects_chunk(), "the end of a chunk inside of it: {}", octets.escape_ascii());
        let before: &[u8] = match &self.chunks {
            Chunks::None => &[],
            Chunks::Taken(before) => before,
            Chunks::Lost => panic!("the end of a chunk of a lost message"),
        };
        ([before, octets].concat(), head.last)
    }

    /// BODY=BINARYMIME has no lines: nothing can be wrong with it but its size (RFC 3030 §3).
    fn chunk_policies(&self) -> DataPolicies {
        let (bare, keep) = (BarePolicy::Keep, KeepPolicy::Keep);
        let binary = DataPolicies {
            bare_cr: bare,
            bare_lf: bare,
            nul: keep,
            long_line: keep,
            line_ends: LineEnds::Crlf,
            ..self.policies
        };
        if self.binary { binary } else { self.policies }
    }

    /// Nothing that was sent waits for a reply.
    fn assert_all_answered(&self) {
        let rest = &self.sent[self.answered..];
        let whole = match self.place {
            Place::Greeting | Place::Replies(_) => true,
            Place::Commands => line(rest).is_some() && self.chunk().is_none_or(|(.., whole)| whole),
            Place::Auth => line(rest).is_some(),
            Place::MailData => reference::end_of(rest).is_some(),
            Place::Handshake => false,
        };
        assert!(!whole, "no reply to {}", rest.escape_ascii());
    }
}
