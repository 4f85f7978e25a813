//! A session, the client it talks to and the application behind it, as a conversation has them; each step checked.

use std::sync::Arc;

use lonedot_core::Reply;
use lonedot_core::command::Command;
use lonedot_core::data::DataReport;
use lonedot_core::session::{Abort, AbortReason, Event, Questions, Session, Settings};

use crate::client::Client;
use crate::conversation::{Aborted, Conversation, Delivered, Replies};

/// What is done to a session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece<'a> {
    Octets(&'a [u8]),
    Eof,
    Abort(AbortReason),
}

impl<'a> Piece<'a> {
    /// What is sent, if anything.
    pub(crate) const fn octets(self) -> &'a [u8] {
        match self {
            Self::Octets(octets) => octets,
            _ => &[],
        }
    }

    /// Itself in smaller pieces.
    pub(crate) fn chunks(self, size: usize) -> Vec<Self> {
        match self {
            Self::Octets(octets) => octets.chunks(size).map(Piece::Octets).collect(),
            piece => vec![piece],
        }
    }
}

/// How the application behaves. What comes out must not depend on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// It is asked about everything, not only where it has something to say.
    pub ask_all: bool,
    /// It answers only when all the input is there.
    pub late: bool,
    /// In LMTP it answers the last recipient first.
    pub backwards: bool,
}

pub(crate) const MANNERS: [Manner; 3] = [
    Manner { ask_all: true, late: false, backwards: false },
    Manner { ask_all: false, late: false, backwards: true },
    Manner { ask_all: true, late: true, backwards: true },
];

pub(crate) const ALL_QUESTIONS: Questions = Questions {
    hello: true,
    mail: true,
    rcpt: true,
    data: true,
    vrfy: true,
    expn: true,
    help: true,
    etrn: true,
    unknown: true,
};

/// What came out of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    pub replies: Vec<(u16, Vec<u8>)>,
    /// Without commands; mail data that follows mail data is one piece.
    pub events: Vec<Event>,
    pub commands: Vec<Command>,
    pub delivered: Vec<Delivered>,
}

/// A session, the client it talks to and the application behind it, each step checked.
pub(crate) struct Connection<'a> {
    session: Session,
    client: Client,
    replies: &'a Replies,
    manner: Manner,
    waiting: Option<Event>,
    content: Vec<u8>,
    /// 354s sent, and ends or aborts told.
    begun: usize,
    ended: usize,
    asked_data: usize,
    asked_message: usize,
    pub outcome: Outcome,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(conversation: &'a Conversation, manner: Manner) -> Self {
        let replies = &conversation.replies;
        let needed = Questions {
            hello: !replies.hello.is_empty(),
            mail: !replies.mail.is_empty(),
            rcpt: !replies.rcpt.is_empty(),
            data: !replies.data.is_empty(),
            vrfy: !replies.vrfy.is_empty(),
            ..Questions::default()
        };
        let questions = if manner.ask_all { ALL_QUESTIONS } else { needed };
        let settings = Settings { questions, ..conversation.settings.clone() };
        let mut connection = Self {
            client: Client::new(settings.dialect),
            session: Session::new(Arc::new(settings), conversation.greeting.as_ref()),
            replies,
            manner,
            waiting: None,
            content: Vec::new(),
            begun: 0,
            ended: 0,
            asked_data: 0,
            asked_message: 0,
            outcome: Outcome::default(),
        };
        connection.call(|_, _| {});
        connection
    }

    pub(crate) fn feed(&mut self, piece: Piece<'_>) {
        let (was_paused, was_closed) = (self.session.paused(), self.session.closed());
        let told = self.outcome.events.len();
        match piece {
            Piece::Octets(octets) => {
                self.client.sends(octets);
                self.call(|session, events| session.receive_data(octets, events));
            }
            Piece::Eof => self.call(Session::receive_eof),
            Piece::Abort(reason) => {
                self.answer_waiting();
                self.call(|session, events| session.abort(reason, events));
            }
        }
        if was_paused && !matches!(piece, Piece::Abort(_)) || was_closed {
            assert_eq!(self.outcome.events.len(), told, "a paused session told something");
        }
        if !self.manner.late {
            self.answer_waiting();
        }
    }

    fn call(&mut self, act: impl FnOnce(&mut Session, &mut Vec<Event>)) {
        let was_closed = self.session.closed() && !self.outcome.replies.is_empty();
        let mut events = Vec::new();
        act(&mut self.session, &mut events);
        let sent = self.session.data_to_send();
        assert!(!was_closed || sent.is_empty() && events.is_empty(), "a closed session goes on");
        let before = self.client.replies.len();
        self.client.receives(&sent, self.session.closed());
        for (code, lines) in &self.client.replies[before..] {
            self.begun += usize::from(*code == 354);
            self.outcome.replies.push((*code, lines.clone()));
        }
        let count = events.len();
        for (i, event) in events.into_iter().enumerate() {
            self.take(event, i + 1 == count);
        }
        let reading = self.session.in_mail_data();
        assert!(self.begun == self.ended || reading && self.begun == self.ended + 1, "one end or abort for each 354");
        assert_eq!(self.session.paused(), self.waiting.is_some());
        if !self.session.paused() && !self.session.closed() {
            self.client.assert_agrees(&self.session);
        }
    }

    fn take(&mut self, event: Event, last: bool) {
        assert!(self.waiting.is_none(), "{event:?} while a reply is owed");
        match &event {
            Event::Command(command) => {
                assert!(last, "{event:?} is not the last");
                self.outcome.commands.push(command.clone());
                self.waiting = Some(event);
                return;
            }
            Event::MailData(octets) => {
                assert!(!octets.is_empty());
                self.content.extend_from_slice(octets);
                if let Some(Event::MailData(before)) = self.outcome.events.last_mut() {
                    before.extend_from_slice(octets);
                    return;
                }
            }
            Event::EndOfMailData(report) => {
                self.ended += 1;
                assert!(last, "{event:?} is not the last");
                let delivered = Delivered {
                    reverse_path: self.session.mail().unwrap().reverse_path.as_str().to_owned(),
                    forward_paths: self.session.rcpts().iter().map(|r| r.forward_path.as_str().to_owned()).collect(),
                    content: Some(std::mem::take(&mut self.content)),
                    size: Some(report.size),
                };
                self.outcome.delivered.push(delivered);
                self.waiting = Some(event.clone());
            }
            Event::Aborted(_) => {
                self.ended += 1;
                self.content.clear();
            }
            Event::Closed(_) => assert!(last && self.session.closed()),
            Event::StartTls => {}
            Event::EndOfChunk(_) | Event::AuthResponse(_) => {
                assert!(last, "{event:?} is not the last");
                self.waiting = Some(event.clone());
            }
        }
        self.outcome.events.push(event);
    }

    fn answer_waiting(&mut self) {
        while let Some(event) = self.waiting.take() {
            let find = |of: &[(String, Reply)], argument: &str| {
                of.iter().find(|(of, _)| of == argument).map(|(_, reply)| reply.clone())
            };
            let reply = match &event {
                Event::Command(Command::Ehlo(hello) | Command::Helo(hello) | Command::Lhlo(hello)) => {
                    find(&self.replies.hello, &hello.name)
                }
                Event::Command(Command::Mail(mail)) => find(&self.replies.mail, mail.reverse_path.as_str()),
                Event::Command(Command::Rcpt(rcpt)) => find(&self.replies.rcpt, rcpt.forward_path.as_str()),
                Event::Command(Command::Vrfy(text)) => find(&self.replies.vrfy, &text.argument),
                Event::Command(Command::Data) => {
                    self.asked_data += 1;
                    self.replies.data.get(self.asked_data - 1).cloned()
                }
                Event::EndOfMailData(_) => {
                    self.asked_message += 1;
                    let replies = self.replies.message.get(self.asked_message - 1).map_or(&[][..], Vec::as_slice);
                    if replies.len() > 1 {
                        self.answer_each(replies);
                        continue;
                    }
                    replies.first().cloned()
                }
                Event::Command(_) | Event::EndOfChunk(_) | Event::AuthResponse(_) => None,
                event => panic!("{event:?} asks nothing"),
            };
            self.call(|session, events| session.reply(reply.as_ref(), events).unwrap());
        }
    }

    /// One reply for each recipient. All but the last answered leave the message waiting.
    fn answer_each(&mut self, replies: &[Reply]) {
        let mut order: Vec<_> = replies.iter().cloned().enumerate().collect();
        if self.manner.backwards {
            order.reverse();
        }
        let count = order.len();
        for (nth, (index, reply)) in order.into_iter().enumerate() {
            let more = nth + 1 < count;
            self.waiting = more.then(|| Event::EndOfMailData(DataReport::default()));
            self.call(|session, events| session.reply_recipient(index, reply, events).unwrap());
            if more {
                self.waiting = None;
            }
        }
    }

    pub(crate) fn finish(mut self) -> Outcome {
        self.answer_waiting();
        if self.session.closed() {
            for piece in [Piece::Octets(b"NOOP\r\nQUIT\r\n"), Piece::Eof, Piece::Abort(AbortReason::Shutdown)] {
                self.feed(piece);
            }
        }
        self.outcome
    }
}

impl Outcome {
    pub(crate) fn without_commands(&self) -> Self {
        Self { commands: Vec::new(), ..self.clone() }
    }

    pub(crate) fn aborted(&self) -> Vec<Aborted> {
        let aborts = self.events.iter().filter_map(|event| match event {
            Event::Aborted(abort) => Some(aborted(abort)),
            _ => None,
        });
        aborts.collect()
    }

    pub(crate) fn closed(&self) -> Option<String> {
        self.events.iter().find_map(|event| match event {
            Event::Closed(close) => Some(close.name().to_owned()),
            _ => None,
        })
    }
}

fn aborted(abort: &Abort) -> Aborted {
    assert!(!abort.text().is_empty());
    Aborted {
        reason: abort.reason.name().to_owned(),
        octets: abort.octets,
        only_command: abort.only_command.map(str::to_owned),
        violation: abort.violation.map(|violation| violation.fault.row().name.to_owned()),
    }
}
