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
    /// The handshake has taken place.
    Tls,
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
    noop: true,
    rset: true,
    quit: true,
    unknown: true,
};

/// What came out of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    pub replies: Vec<(u16, Vec<u8>)>,
    /// Without questions; mail data that follows mail data is one piece.
    pub events: Vec<Event>,
    /// Commands and ends of chunks, where the application was asked about them.
    pub questions: Vec<Event>,
    pub delivered: Vec<Delivered>,
}

/// How often it was asked what is answered in order.
#[derive(Debug, Default)]
struct Asked {
    data: usize,
    chunk: usize,
    message: usize,
    auth: usize,
    xclient: usize,
    xforward: usize,
    rset: usize,
    quit: usize,
}

/// A session, the client it talks to and the application behind it, each step checked.
pub(crate) struct Connection<'a> {
    session: Session,
    client: Client,
    replies: &'a Replies,
    manner: Manner,
    waiting: Option<Event>,
    /// Of the message under way.
    content: Vec<u8>,
    asked: Asked,
    pub outcome: Outcome,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(conversation: &'a Conversation, manner: Manner) -> Self {
        let replies = &conversation.replies;
        let needed = Questions {
            hello: !replies.hello.is_empty(),
            mail: !replies.mail.is_empty(),
            rcpt: !replies.rcpt.is_empty(),
            data: !replies.data.is_empty() || !replies.chunk.is_empty(),
            vrfy: !replies.vrfy.is_empty(),
            expn: !replies.expn.is_empty(),
            help: !replies.help.is_empty(),
            etrn: !replies.etrn.is_empty(),
            noop: !replies.noop.is_empty(),
            rset: !replies.rset.is_empty(),
            quit: !replies.quit.is_empty(),
            unknown: !replies.unknown.is_empty(),
        };
        let questions = if manner.ask_all { ALL_QUESTIONS } else { needed };
        let settings = Settings { questions, ..conversation.settings.clone() };
        let begin = if conversation.over_tls { Session::over_tls } else { Session::new };
        let mut connection = Self {
            client: Client::new(&settings, conversation.over_tls),
            session: begin(Arc::new(settings), conversation.greeting.as_ref()),
            replies,
            manner,
            waiting: None,
            content: Vec::new(),
            asked: Asked::default(),
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
            Piece::Tls => {
                let begun = self.starts_tls();
                assert!(begun, "no handshake was begun");
            }
        }
        if was_paused && matches!(piece, Piece::Octets(_) | Piece::Eof) || was_closed {
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
        let mut sent = self.session.data_to_send();
        while self.session.retaining() {
            self.session.receive_data(b"", &mut events);
            sent.extend(self.session.data_to_send());
        }
        assert!(!was_closed || sent.is_empty() && events.is_empty(), "a closed session goes on");
        let before = self.client.replies.len();
        self.client.receives(&sent, self.session.closed());
        self.outcome.replies.extend_from_slice(&self.client.replies[before..]);
        let count = events.len();
        for (i, event) in events.into_iter().enumerate() {
            self.take(event, i + 1 == count);
        }
        self.client.assert_accounted(matches!(self.waiting, Some(Event::Command(_))), self.session.closed());
        assert_eq!(self.session.paused(), self.waiting.is_some());
        if !self.session.paused() && !self.session.closed() {
            self.client.assert_agrees(&self.session);
        }
    }

    fn take(&mut self, event: Event, last: bool) {
        assert!(self.waiting.is_none(), "{event:?} while a reply is owed");
        match &event {
            Event::Command(_) | Event::EndOfChunk(_) => {
                assert!(last, "{event:?} is not the last");
                if let Event::EndOfChunk(size) = &event {
                    self.client.assert_takes_chunk(Some(&self.content), *size);
                }
                self.outcome.questions.push(event.clone());
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
                self.client.ends_mail_data();
                assert!(last, "{event:?} is not the last");
                self.client.assert_delivers(Some(&self.content), report);
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
                self.client.ends_mail_data();
                self.content.clear();
            }
            Event::Closed(_) => assert!(last && self.session.closed()),
            Event::StartTls => {}
            Event::AuthResponse(_) => {
                assert!(last, "{event:?} is not the last");
                self.waiting = Some(event.clone());
            }
        }
        self.outcome.events.push(event);
    }

    /// The handshake takes place if one was begun, once the application has answered.
    pub(crate) fn starts_tls(&mut self) -> bool {
        self.answer_waiting();
        let begun = self.session.in_handshake();
        if begun {
            self.client.starts_tls();
            self.call(|session, _| session.tls_started().unwrap());
        }
        begun
    }

    fn answer_waiting(&mut self) {
        while let Some(event) = self.waiting.take() {
            let find = |of: &[(String, Reply)], argument: &str| {
                of.iter().find(|(of, _)| of == argument).map(|(_, reply)| reply.clone())
            };
            let next = |of: &[Reply], asked: &mut usize| {
                *asked += 1;
                of.get(*asked - 1).cloned()
            };
            let (replies, asked) = (self.replies, &mut self.asked);
            let reply = match &event {
                Event::Command(command) => match command {
                    Command::Ehlo(hello) | Command::Helo(hello) | Command::Lhlo(hello) => {
                        find(&replies.hello, &hello.name)
                    }
                    Command::Mail(mail) => find(&replies.mail, mail.reverse_path.as_str()),
                    Command::Rcpt(rcpt) => find(&replies.rcpt, rcpt.forward_path.as_str()),
                    Command::Vrfy(text) => find(&replies.vrfy, &text.argument),
                    Command::Expn(text) => find(&replies.expn, &text.argument),
                    Command::Help(text) => find(&replies.help, &text.argument),
                    Command::Etrn(etrn) => find(&replies.etrn, &etrn.node),
                    Command::Noop(text) => find(&replies.noop, &text.argument),
                    Command::Rset => next(&replies.rset, &mut asked.rset),
                    Command::Quit => next(&replies.quit, &mut asked.quit),
                    Command::Unknown(unknown) => find(&replies.unknown, &unknown.verb),
                    Command::Data | Command::Bdat(_) => next(&replies.data, &mut asked.data),
                    Command::Auth(_) => next(&replies.auth, &mut asked.auth),
                    Command::Xclient(_) => next(&replies.xclient, &mut asked.xclient),
                    Command::Xforward(_) => next(&replies.xforward, &mut asked.xforward),
                    command => panic!("{command:?} is nothing to be asked about"),
                },
                Event::AuthResponse(_) => next(&replies.auth, &mut asked.auth),
                Event::EndOfChunk(_) => next(&replies.chunk, &mut asked.chunk),
                Event::EndOfMailData(_) => {
                    asked.message += 1;
                    let replies = replies.message.get(asked.message - 1).map_or(&[][..], Vec::as_slice);
                    if replies.len() > 1 {
                        self.answer_each(replies);
                        continue;
                    }
                    replies.first().cloned()
                }
                event => panic!("{event:?} asks nothing"),
            };
            if reply.as_ref().is_some_and(|reply| reply.code() >= 400) {
                match event {
                    Event::Command(Command::Bdat(_)) => self.client.is_refused(),
                    Event::Command(Command::Rset | Command::Quit) => self.client.has_its_way(),
                    Event::EndOfChunk(_) => {
                        self.client.ends_mail_data();
                        self.content.clear();
                    }
                    _ => {}
                }
            }
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
    pub(crate) fn without_questions(&self) -> Self {
        Self { questions: Vec::new(), ..self.clone() }
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
