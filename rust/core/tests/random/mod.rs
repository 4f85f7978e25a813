//! Drivers that do anything in any order, rightly and wrongly: what the session says of itself holds all the same.

use std::sync::Arc;

use lonedot_core::Reply;
use lonedot_core::command::{Command, Dialect};
use lonedot_core::data::{BarePolicy, DataPolicies, KeepPolicy};
use lonedot_core::session::{AbortReason, Event, Hostname, Limits, Questions, Session, Settings};
use proptest::prelude::*;

use crate::client::Client;

#[derive(Debug, Clone)]
enum Operation {
    Receive(Vec<u8>),
    Reply(Option<Reply>),
    ReplyRecipient(usize, Reply),
    /// The reply that fits what waits, if anything does.
    Answer,
    Eof,
    Abort(AbortReason),
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let lines = [
        "EHLO b.example\r\n",
        "LHLO b.example\r\n",
        "HELO b.example\r\n",
        "MAIL FROM:<a@b.example>\r\n",
        "MAIL FROM:<> SIZE=20\r\n",
        "MAIL FROM:<> SIZE=99999\r\n",
        "RCPT TO:<c@foo.com>\r\n",
        "RCPT TO:<d@foo.com>\r\n",
        "DATA\r\n",
        "RSET\r\n",
        "NOOP\r\n",
        "VRFY c\r\n",
        "HELP\r\n",
        "XYZZY\r\n",
        "QUIT\r\n",
        ".\r\n",
        "\r\n.\r\n",
        "\n.\r\n",
        "..\r\n",
        "Subject: x\r\n",
        "\r\n",
        "\r",
        "\n",
        ".",
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@foo.com>\r\nRCPT TO:<d@foo.com>\r\nDATA\r\n",
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@foo.com>\r\nDATA\r\nx\r\n.\r\n",
        "RCPT TO:<c@foo.com>\r\nDATA\r\n",
    ];
    let piece = prop_oneof![
        8 => prop::sample::select(lines.to_vec()).prop_map(|line| line.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(prop::sample::select(b"\r\n.x\0".to_vec()), 0..12),
        1 => (1..700_usize).prop_map(|times| b"x".repeat(times)),
    ];
    // Cut anywhere, so that commands and endings come in pieces; most are whole.
    (prop::collection::vec(piece, 1..5), prop::option::weighted(0.2, any::<prop::sample::Index>())).prop_map(
        |(pieces, cut)| {
            let mut octets = pieces.concat();
            octets.truncate(cut.map_or(octets.len(), |cut| cut.index(octets.len() + 1)));
            octets
        },
    )
}

fn reply() -> impl Strategy<Value = Reply> {
    let codes = prop_oneof![
        6 => Just(250_u16),
        3 => Just(354),
        2 => prop::sample::select(vec![220, 251, 252, 300, 451, 452, 550, 554]),
        1 => Just(421),
    ];
    codes.prop_map(|code| Reply::new(code, None, "one\ntwo").unwrap())
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        30 => octets().prop_map(Operation::Receive),
        20 => Just(Operation::Answer),
        6 => prop::option::of(reply()).prop_map(Operation::Reply),
        6 => (0..4_usize, reply()).prop_map(|(index, reply)| Operation::ReplyRecipient(index, reply)),
        1 => Just(Operation::Eof),
        1 => prop::sample::select(AbortReason::ALL.to_vec()).prop_map(Operation::Abort),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let sizes = prop::sample::select(vec![u64::MAX, 0, 3, 50]);
    let drains = prop::sample::select(vec![0_u64, 10, 1 << 20]);
    let data = (sizes, any::<bool>()).prop_map(|(max_size, keep)| match keep {
        true => DataPolicies {
            max_size,
            bare_cr: BarePolicy::Keep,
            bare_lf: BarePolicy::Normalize,
            nul: KeepPolicy::Keep,
            ..DataPolicies::default()
        },
        false => DataPolicies { max_size, ..DataPolicies::default() },
    });
    let limits = (1..4_usize, 1..30_u32, drains).prop_map(|(max_recipients, max_errors, drain)| Limits {
        max_recipients,
        max_errors,
        drain,
        ..Limits::default()
    });
    let questions = any::<[bool; 5]>().prop_map(|[hello, mail, rcpt, data, vrfy]| Questions {
        hello,
        mail,
        rcpt,
        data,
        vrfy,
        ..Questions::default()
    });
    let dialect = prop::sample::select(vec![Dialect::Smtp, Dialect::Lmtp]);
    (data, limits, questions, dialect, any::<bool>()).prop_map(|(data, limits, questions, dialect, strict_grammar)| {
        Settings {
            hostname: Hostname::new("foo.com").unwrap(),

            dialect,
            strict_grammar,
            data,
            limits,
            questions,
            ..Settings::default()
        }
    })
}

fn greeting() -> impl Strategy<Value = Option<Reply>> {
    prop_oneof![
        20 => Just(None),
        1 => prop::sample::select(vec![220, 421, 451, 554])
            .prop_map(|code| Some(Reply::new(code, None, "Hello").unwrap())),
    ]
}

/// A session, the client it talks to, and what has been told.
struct Driven {
    session: Session,
    client: Client,
    dialect: Dialect,
    waiting: Option<Event>,
    /// Recipients of LMTP that have been answered while the message waits.
    answered: Vec<usize>,
    /// Since the last 354.
    content: Vec<u8>,
    begun: usize,
    ended: usize,
    closed: bool,
}

impl Driven {
    fn new(settings: Settings, greeting: Option<&Reply>) -> Self {
        let dialect = settings.dialect;
        let client = Client::new(&settings, false);
        let session = Session::new(Arc::new(settings), greeting);
        let closed = session.closed();
        let mut driven = Self {
            session,
            client,
            dialect,
            waiting: None,
            answered: Vec::new(),
            content: Vec::new(),
            begun: 0,
            ended: 0,
            closed,
        };
        let sent = driven.session.data_to_send();
        driven.client.receives(&sent, closed);
        driven
    }

    /// Leads it to a message that waits for its reply, where the settings let it.
    fn advance(&mut self) {
        let hello = if self.dialect == Dialect::Lmtp { "LHLO" } else { "EHLO" };
        let rcpts = "RCPT TO:<c@foo.com>\r\n".repeat(3);
        let octets = format!("{hello} b.example\r\nMAIL FROM:<a@b.example>\r\n{rcpts}DATA\r\n.\r\n");
        self.perform(Operation::Receive(octets.into_bytes()));
        while matches!(self.waiting, Some(Event::Command(_))) {
            self.perform(Operation::Answer);
        }
    }

    fn perform(&mut self, operation: Operation) {
        let was_closed = self.closed;
        let mut events = Vec::new();
        let take = |before: String, result: Result<(), _>, session: &Session| match result {
            Ok(()) => true,
            // The caller's mistake changes nothing.
            Err(misuse) => {
                assert_eq!(before, format!("{session:?}"), "{misuse}");
                false
            }
        };
        let answered = match operation {
            Operation::Receive(octets) => {
                self.client.sends(&octets);
                let paused = self.session.paused();
                self.session.receive_data(&octets, &mut events);
                assert!(!paused || events.is_empty(), "a paused session told {events:?}");
                false
            }
            Operation::Answer => {
                let reply = self.waiting.is_some().then(|| Reply::new(self.fitting(), None, "Ok").unwrap());
                let result = self.session.reply(reply.as_ref(), &mut events);
                assert!(result.is_ok() == (reply.is_some() || was_closed), "{result:?}");
                reply.is_some()
            }
            Operation::Reply(reply) => {
                let before = format!("{:?}", self.session);
                let fits = was_closed || self.waiting.is_some() && reply.as_ref().is_none_or(|reply| self.fits(reply));
                let result = self.session.reply(reply.as_ref(), &mut events);
                assert_eq!(result.is_ok(), fits, "{result:?}");
                take(before, result, &self.session)
            }
            Operation::ReplyRecipient(index, reply) => {
                let before = format!("{:?}", self.session);
                let count = self.session.rcpts().len();
                let fits = was_closed
                    || matches!(self.waiting, Some(Event::EndOfMailData(_)))
                        && self.dialect == Dialect::Lmtp
                        && self.fits(&reply)
                        && index < count
                        && !self.answered.contains(&index);
                let result = self.session.reply_recipient(index, reply, &mut events);
                assert_eq!(result.is_ok(), fits, "{result:?}");
                self.answered.extend(fits.then_some(index));
                take(before, result, &self.session) && self.answered.len() == count
            }
            Operation::Eof => {
                self.session.receive_eof(&mut events);
                false
            }
            Operation::Abort(reason) => {
                self.session.abort(reason, &mut events);
                false
            }
        };
        if answered {
            self.waiting = None;
            self.answered.clear();
        }
        let sent = self.session.data_to_send();
        assert!(!was_closed || sent.is_empty() && events.is_empty(), "a closed session goes on");
        self.account(&sent, events);
    }

    /// Whether a reply answers what waits.
    fn fits(&self, reply: &Reply) -> bool {
        let go = matches!((self.fitting(), reply.code()), (354, 354) | (250, 200..=299));
        go || reply.code() >= 400
    }

    /// A code that says go on.
    fn fitting(&self) -> u16 {
        if matches!(self.waiting, Some(Event::Command(Command::Data))) { 354 } else { 250 }
    }

    fn account(&mut self, sent: &[u8], events: Vec<Event>) {
        let before = self.client.replies.len();
        self.client.receives(sent, self.session.closed());
        self.begun += self.client.codes()[before..].iter().filter(|&&code| code == 354).count();
        let count = events.len();
        for (i, event) in events.into_iter().enumerate() {
            let last = i + 1 == count;
            match &event {
                Event::MailData(octets) => self.content.extend_from_slice(octets),
                Event::EndOfMailData(report) => {
                    assert!(last && self.waiting.is_none());
                    self.client.assert_delivers(&self.content, report);
                    self.content.clear();
                    self.ended += 1;
                    self.waiting = Some(event);
                }
                Event::Aborted(abort) => {
                    assert!(!abort.text().is_empty());
                    assert_eq!(abort.reason == AbortReason::Violation, abort.violation.is_some());
                    self.content.clear();
                    self.ended += 1;
                }
                Event::Command(_) | Event::EndOfChunk(_) | Event::AuthResponse(_) => {
                    assert!(last && self.waiting.is_none());
                    self.waiting = Some(event);
                }
                Event::StartTls => {}
                Event::Closed(_) => {
                    assert!(last && !self.closed && self.session.closed());
                    self.closed = true;
                }
            }
        }
        assert_eq!(self.closed, self.session.closed());
        if self.closed {
            self.waiting = None;
        }
        let reading = self.session.in_mail_data();
        assert!(self.begun == self.ended || reading && self.begun == self.ended + 1, "one end or abort for each 354");
        assert_eq!(self.session.paused(), self.waiting.is_some());
        if !self.session.paused() && !self.closed {
            self.client.assert_agrees(&self.session);
        }
        assert!(crate::weight(&self.session) < 100_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_is_done_to_a_session(
        settings in settings(), greeting in greeting(), advanced in any::<bool>(), operations in prop::collection::vec(operation(), 1..60),
    ) {
        let mut driven = Driven::new(settings, greeting.as_ref());
        if advanced {
            driven.advance();
        }
        for operation in operations {
            driven.perform(operation);
        }
        driven.perform(Operation::Abort(AbortReason::Reset));
        assert!(driven.session.closed() && driven.begun == driven.ended);
    }
}
