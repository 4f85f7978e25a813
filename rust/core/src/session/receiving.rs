//! What becomes of mail data: after DATA, or in chunks (RFC 3030), taken or skipped, and what is said at its end.

use super::event::{Close, Event};
use super::incoming::{End, Incoming};
use super::owed::{Owed, Recipients};
use super::replies::{self, NOT_KEPT};
use super::session::Session;
use super::skipping::Skipping;
use super::table::State;
use crate::command::{Bdat, Body, Dialect};
use crate::reply::Reply;
use crate::violation::{Fault, Violation};

impl Session {
    pub(super) fn mail_data(&mut self, octets: &[u8], events: &mut Vec<Event>) -> usize {
        let Some(incoming) = self.transaction.as_mut().and_then(|transaction| transaction.incoming.as_mut()) else {
            // Not to be reached: the table leads here through DATA and BDAT only. Reading commands again would be the one wrong
            // answer.
            self.close(Close::Errors, events);
            return octets.len();
        };
        let mut out = Vec::new();
        let taken = incoming.decode(octets, &mut out);
        if !out.is_empty() {
            events.push(Event::MailData(out));
        }
        events.extend(incoming.broken().map(Event::Aborted));
        let (end, violation) = (incoming.end(), incoming.violation());
        if incoming.drained() > self.settings.limits.drain {
            self.send(&Violation::new(Fault::DrainExceeded, 0).reply());
            self.close(Close::Drain, events);
            return taken;
        }
        match (end, violation) {
            (End::Not, _) => {}
            (End::Chunk(size), None) if self.settings.questions.data => {
                events.push(Event::EndOfChunk(size));
                self.owed = Some(Owed::Chunk(size));
            }
            (End::Chunk(size), None) => self.answer_chunk(size, None, events),
            (End::Chunk(size), Some(violation)) => self.answer_chunk(size, Some(&violation.reply()), events),
            (End::MailData, None) => {
                let report = incoming.report();
                events.push(Event::EndOfMailData(report));
                self.owed = Some(Owed::Message(self.recipients()));
            }
            (End::MailData, Some(violation)) => {
                let mut recipients = self.recipients();
                recipients.fill_rest(&violation.reply());
                self.send_recipients(recipients, events);
            }
        }
        taken
    }

    /// A chunk begins: the message's first, or one more.
    pub(super) fn begin_chunk(&mut self, bdat: Bdat, events: &mut Vec<Event>) {
        let (settings, mut begun) = (&self.settings, true);
        if let Some(transaction) = &mut self.transaction {
            match &mut transaction.incoming {
                Some(incoming) => begun = incoming.next_chunk(bdat),
                None => {
                    let binary = transaction.mail.parameters.body() == Some(Body::BinaryMime);
                    let policies = if binary { settings.binary() } else { settings.data };
                    transaction.incoming = Some(Incoming::chunks(bdat, policies, settings.backend));
                }
            }
        }
        if !begun {
            // Not to be reached: a chunk begins only where none is under way, and none after the last.
            return self.close(Close::Errors, events);
        }
        if bdat.size == 0 {
            self.mail_data(&[], events);
        }
    }

    /// Sends the reply to a chunk that is not the last. A negative one is the message's end.
    pub(super) fn answer_chunk(&mut self, size: u64, reply: Option<&Reply>, events: &mut Vec<Event>) {
        let own = self.acknowledging(replies::chunk(size));
        let reply = reply.unwrap_or(&own);
        self.send(reply);
        self.state = State::Chunks;
        if !reply.is_positive() {
            self.fail();
            if reply.code() == 421 {
                self.close(Close::Refused, events);
            }
        }
    }

    /// What the session says by itself to mail data that is whole: nothing positive to what nobody wanted.
    pub(super) fn acknowledging(&self, reply: Reply) -> Reply {
        let discarded = self.transaction.as_ref().is_some_and(|transaction| transaction.is_discarded());
        if discarded { NOT_KEPT } else { reply }
    }

    /// The message is lost; more of its chunks may come.
    fn fail(&mut self) {
        self.state = State::Failed;
        if let Some(transaction) = &mut self.transaction {
            transaction.incoming = None;
        }
    }

    /// The application takes no message: its first chunk is read to its end, then this is said.
    pub(super) fn refuse_message(&mut self, bdat: Bdat, reply: &Reply, events: &mut Vec<Event>) {
        if reply.code() == 421 {
            self.send(reply);
            return self.close(Close::Refused, events);
        }
        self.fail();
        self.skip_chunk(bdat, reply, events);
    }

    /// Reads a chunk to its end, lest its octets be taken for commands, then replies. The last one of a message is answered once
    /// for each recipient in LMTP, as it would have been had the message been taken (RFC 2033 §4.3).
    pub(super) fn skip_chunk(&mut self, bdat: Bdat, reply: &Reply, events: &mut Vec<Event>) {
        if bdat.size > self.settings.limits.drain {
            self.end_with(Fault::DrainExceeded, Close::Drain, events);
            return;
        }
        let ends = bdat.last && self.state == State::Failed;
        let mut replies = if ends { self.recipients() } else { Recipients::new(1) };
        replies.fill_rest(reply);
        let skipping = Skipping::new(bdat.size, ends, self.state, replies);
        self.state = State::Skipping;
        self.skipping = Some(Box::new(skipping));
        self.skip(&[], events);
    }

    /// Takes octets of a chunk that is skipped.
    pub(super) fn skip(&mut self, octets: &[u8], events: &mut Vec<Event>) -> usize {
        let Some(mut skipping) = self.skipping.take() else {
            // Not to be reached, as above.
            self.close(Close::Errors, events);
            return octets.len();
        };
        let taken = skipping.take(octets.len());
        if !skipping.done() {
            self.skipping = Some(skipping);
            return taken;
        }
        self.state = skipping.before;
        if skipping.ends {
            self.send_recipients(skipping.replies, events);
        } else {
            while let Some(reply) = skipping.replies.next() {
                self.send(&reply);
            }
        }
        taken
    }

    /// The replies a message is owed: one, or in LMTP one for each recipient.
    fn recipients(&self) -> Recipients {
        Recipients::new(if self.settings.dialect == Dialect::Lmtp { self.rcpts().len() } else { 1 })
    }

    /// Sends what can be sent; after the last one the transaction is over and its buffers are cleared.
    pub(super) fn send_recipients(&mut self, mut recipients: Recipients, events: &mut Vec<Event>) {
        while let Some(reply) = recipients.next() {
            self.send(&reply);
        }
        if !recipients.done() {
            self.owed = Some(Owed::Message(recipients));
            return;
        }
        self.transaction = None;
        self.state = State::Ready;
        if recipients.closing() {
            self.close(Close::Refused, events);
        }
    }
}
