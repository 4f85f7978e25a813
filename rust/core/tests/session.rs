//! The session from outside: conversations that are data, fed whole, octet by octet, at every split and all at once;
//! endings that must not end; clients that break off; bounds. What random drivers do to it is in `random`.

mod client;
mod connection;
mod conversation;
mod cores;
mod random;
mod reference;
#[path = "reference/chunk.rs"]
mod reference_chunk;

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use connection::{ALL_QUESTIONS, Connection, MANNERS, Manner, Outcome, Piece};
use conversation::{Aborted, Act, Conversation, Delivered, Replies, Step};
use cores::on_all_cores;
use lonedot_core::Reply;
use lonedot_core::command::Dialect;
use lonedot_core::data::{BarePolicy, DataPolicies, KeepPolicy};
use lonedot_core::session::{AbortReason, Close, Event, Limits, MAX_RETAINED, Questions, Session, Settings};

/// Says which run failed.
struct Naming<'a>(&'a str, String);

impl Drop for Naming<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in {:?}, {}", self.0, self.1);
        }
    }
}

fn run<'p>(conversation: &Conversation, manner: Manner, pieces: impl IntoIterator<Item = Piece<'p>>) -> Outcome {
    let mut connection = Connection::new(conversation, manner);
    for piece in pieces {
        connection.feed(piece);
    }
    connection.finish()
}

/// Each step's act after the greeting.
fn pieces(steps: &[Step]) -> Vec<Piece<'_>> {
    let piece = |act| match act {
        &Act::Connect => None,
        Act::Send(octets) => Some(Piece::Octets(octets)),
        Act::Eof => Some(Piece::Eof),
        Act::Abort(reason) => Some(Piece::Abort(*reason)),
        Act::Tls => Some(Piece::Tls),
    };
    steps.iter().filter_map(|step| piece(&step.act)).collect()
}

/// The same steps with what is sent in a row as one.
fn at_once(steps: &[Step]) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::new();
    for step in steps {
        match (joined.last_mut().map(|step| &mut step.act), &step.act) {
            (Some(Act::Send(before)), Act::Send(octets)) => before.extend_from_slice(octets),
            _ => joined.push(step.clone()),
        }
    }
    joined
}

/// Every place to split so many octets, or of very many those near the ends and some between.
fn splits(octets: usize) -> impl Iterator<Item = usize> {
    let near = 12;
    let step = if octets <= 2048 { 1 } else { octets / 12 };
    (1..octets).filter(move |at| at % step == 0 || step > 1 && (*at < near || octets - at < near))
}

/// Checks that a conversation goes as it says, however its octets come and however the application answers.
fn check(conversation: &Conversation) {
    let name = &conversation.name;
    let mut connection = Connection::new(conversation, MANNERS[0]);
    let mut answered = 0;
    for (i, step) in conversation.steps.iter().enumerate() {
        let _naming = Naming(name, format!("step {i}"));
        for piece in pieces(std::slice::from_ref(step)) {
            connection.feed(piece);
        }
        let replies = &connection.outcome.replies[answered..];
        let codes: Vec<_> = replies.iter().map(|(code, _)| *code).collect();
        let text: String = replies.iter().map(|(_, lines)| String::from_utf8_lossy(lines)).collect();
        assert_eq!(codes, step.expect, "{name}: step {i}: {step:?}: {text}");
        assert!(step.expect_text.as_ref().is_none_or(|wanted| text.contains(wanted)), "{name}: step {i}: {text}");
        answered += codes.len();
    }
    let wanted = {
        let _naming = Naming(name, "whole".to_owned());
        connection.finish()
    };
    assert_eq!(wanted.delivered.len(), conversation.delivered.len(), "{name}: {:?}", wanted.delivered);
    for (seen, wanted) in wanted.delivered.iter().zip(&conversation.delivered) {
        let mut seen = seen.clone();
        seen.content = seen.content.filter(|_| wanted.content.is_some());
        seen.size = seen.size.filter(|_| wanted.size.is_some());
        assert_eq!(&seen, wanted, "{name}");
    }
    assert_eq!(wanted.aborted(), conversation.aborted, "{name}");
    assert_eq!(wanted.closed(), conversation.closed, "{name}");

    if !conversation.split {
        for manner in MANNERS.into_iter().filter(|manner| !manner.late) {
            let _naming = Naming(name, format!("whole, {manner:?}"));
            let seen = run(conversation, manner, pieces(&conversation.steps));
            assert_eq!(seen.without_questions(), wanted.without_questions());
        }
        return;
    }
    let joined = at_once(&conversation.steps);
    let total: usize = pieces(&joined).iter().map(|piece| piece.octets().len()).sum();
    for manner in MANNERS {
        if manner.late && total > MAX_RETAINED {
            continue;
        }
        let same = |how: &str, pieces: &mut dyn Iterator<Item = Piece<'_>>| {
            let _naming = Naming(name, format!("{how}, {manner:?}"));
            let seen = run(conversation, manner, pieces);
            if manner.ask_all {
                assert_eq!(seen, wanted);
            } else {
                assert_eq!(seen.without_questions(), wanted.without_questions());
            }
        };
        same("whole", &mut pieces(&conversation.steps).into_iter());
        if total <= 65536 {
            same("octet by octet", &mut pieces(&conversation.steps).into_iter().flat_map(|piece| piece.chunks(1)));
        }
        for steps in [&conversation.steps, &joined] {
            let pieces = pieces(steps);
            same("whole", &mut pieces.iter().copied());
            for (i, piece) in pieces.iter().enumerate() {
                for at in splits(piece.octets().len()) {
                    let (a, b) = piece.octets().split_at(at);
                    let split = [Piece::Octets(a), Piece::Octets(b)];
                    same(
                        &format!("piece {i} split at {at}"),
                        &mut pieces[..i].iter().copied().chain(split).chain(pieces[i + 1..].iter().copied()),
                    );
                }
            }
        }
    }
}

#[test]
fn every_conversation_however_its_octets_come() {
    let conversations = conversation::all();
    assert!(conversations.len() >= 80);
    let failed = Mutex::new(Vec::new());
    on_all_cores(conversations.len(), |piece| {
        let conversation = &conversations[piece];
        if std::panic::catch_unwind(|| check(conversation)).is_err() {
            failed.lock().unwrap().push(&conversation.name);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn send(octets: impl Into<Vec<u8>>, expect: &[u16]) -> Step {
    Step { act: Act::Send(octets.into()), expect: expect.to_vec(), expect_text: None }
}

/// A conversation up to the 354, and what is to be the rest of it.
fn after_354(name: &str, data: DataPolicies, rest: Vec<Step>) -> Conversation {
    let mut steps = vec![
        Step { act: Act::Connect, expect: vec![220], expect_text: None },
        send("HELO b.example\r\n", &[250]),
        send("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@foo.com>\r\nDATA\r\n", &[250, 250, 354]),
    ];
    steps.extend(rest);
    Conversation {
        name: name.to_owned(),
        settings: Settings { data, ..conversation::base() },
        over_tls: false,
        split: true,
        greeting: None,
        replies: Replies::default(),
        steps,
        delivered: Vec::new(),
        aborted: Vec::new(),
        closed: None,
    }
}

/// Behind an ending of the first message stands a second transaction. Where the ending is none, all of it is mail data.
#[test]
fn no_other_ending_ends_mail_data() {
    const SECOND: &[u8] = b"MAIL FROM:<smuggled@b.example>\r\nRCPT TO:<d@foo.com>\r\nDATA\r\n";
    const CONTENT: &[u8] = b"two\r\n";
    let strict = DataPolicies::default();
    let keep = DataPolicies {
        bare_cr: BarePolicy::Keep,
        bare_lf: BarePolicy::Keep,
        nul: KeepPolicy::Keep,
        long_line: KeepPolicy::Keep,
        ..strict
    };
    let normalize = DataPolicies { bare_cr: BarePolicy::Normalize, bare_lf: BarePolicy::Normalize, ..keep };
    let message = |reverse_path: &str, forward_path: &str, content: Vec<u8>| Delivered {
        reverse_path: reverse_path.to_owned(),
        forward_paths: vec![forward_path.to_owned()],
        content: Some(content),
        size: None,
    };
    let endings = conversation::endings();
    assert!(endings.len() >= 30);
    for ending in &endings {
        let wire = [&ending.before[..], &ending.octets, SECOND, CONTENT, b".\r\n"].concat();
        for (policies, name) in [(strict, "strict"), (keep, "keep"), (normalize, "normalize")] {
            let refused = ending.violation.as_ref().filter(|_| name == "strict");
            let first = if refused.is_some() { 550 } else { 250 };
            let codes = if ending.ends { vec![first, 250, 250, 354, 250] } else { vec![first] };
            let mut attack = after_354(&format!("{}, {name}", ending.name), policies, vec![send(&wire[..], &codes)]);
            let content = match name {
                "normalize" => reference::decode(&wire, &policies).out,
                _ if ending.ends => ending.kept.clone(),
                _ => [&ending.kept, SECOND, CONTENT].concat(),
            };
            match refused {
                Some(violation) => attack.aborted.push(Aborted {
                    reason: "violation".to_owned(),
                    octets: reference::decode(&wire, &policies).violation.unwrap().offset + 1,
                    only_command: None,
                    violation: Some(violation.clone()),
                }),
                None => attack.delivered.push(message("a@b.example", "c@foo.com", content)),
            }
            if ending.ends {
                attack.delivered.push(message("smuggled@b.example", "d@foo.com", CONTENT.to_vec()));
            }
            check(&attack);
        }
    }
}

/// The client that says QUIT or RSET inside DATA, or nothing, or half a message, and is gone.
#[test]
fn a_client_that_breaks_off_delivers_and_executes_nothing() {
    let half = b"Subject: half\r\n\r\n..\r\nQUIT\r\nMAIL FROM:<x@b.example>\r\n.\r";
    let mut sent: Vec<Vec<u8>> = (0..=half.len()).map(|octets| half[..octets].to_vec()).collect();
    for line in ["QUIT", "RSET", "quit", "rSeT"] {
        sent.extend(["", "\r", "\n", "\r\n"].map(|end| format!("{line}{end}").into_bytes()));
    }
    sent.extend(["QUI", "QUIT ", "QUITX", "QUIT\r\nx", "QUIT\r\n.", "QUIT\r\n.\r", "QUIT\r\nQUIT\r\n"].map(Vec::from));
    sent.extend(["QUIT\r\r\n", " QUIT\r\n", ".QUIT\r\n", "NOOP\r\n", "\r\nQUIT\r\n", "QUIT\r\n\r\n"].map(Vec::from));
    let keep = DataPolicies { bare_cr: BarePolicy::Keep, bare_lf: BarePolicy::Keep, ..DataPolicies::default() };
    for octets in sent {
        let trimmed = octets.strip_suffix(b"\n").unwrap_or(&octets);
        let trimmed = trimmed.strip_suffix(b"\r").unwrap_or(trimmed).to_ascii_uppercase();
        let only_command = ["QUIT", "RSET"].into_iter().find(|line| trimmed == line.as_bytes());
        for (reason, act) in
            [("eof", Act::Eof), ("eof", Act::Abort(AbortReason::Eof)), ("reset", Act::Abort(AbortReason::Reset))]
        {
            let rest = vec![send(&octets[..], &[]), Step { act, expect: Vec::new(), expect_text: None }];
            let mut broken = after_354(&format!("{}, {reason}", octets.escape_ascii()), keep, rest);
            broken.aborted.push(Aborted {
                reason: reason.to_owned(),
                octets: octets.len() as u64,
                only_command: only_command.map(str::to_owned),
                violation: None,
            });
            broken.closed = Some(reason.to_owned());
            check(&broken);
        }
    }
}

/// How much a session holds, as its own words tell: an octet held is at least three characters.
fn weight(session: &Session) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    write!(count, "{session:?}").unwrap();
    count.0
}

/// The weight of the most that may be retained: at most five characters an octet.
const MOST: usize = 5 * MAX_RETAINED + 100_000;

fn session(questions: Questions) -> Session {
    let mut session = Session::new(Arc::new(Settings { questions, ..conversation::base() }), None);
    let _ = session.data_to_send();
    session
}

#[test]
fn a_line_without_end_costs_nothing() {
    let (mut session, mut events) = (session(ALL_QUESTIONS), Vec::new());
    for _ in 0..64 {
        session.receive_data(&[b'x'; 65536], &mut events);
        assert!(weight(&session) < 10_000);
    }
    assert!(events.is_empty() && session.data_to_send().is_empty());
    session.receive_data(b"\r\n", &mut events);
    assert!(session.data_to_send().starts_with(b"500 "));
}

#[test]
fn mail_data_passes_through() {
    let (mut session, mut events) = (session(Questions::default()), Vec::new());
    session.receive_data(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n", &mut events);
    for line in [&b"0123456789\r\n"[..], b"x"] {
        for _ in 0..64 {
            session.receive_data(&line.repeat(65536 / line.len()), &mut events);
            assert!(weight(&session) < 10_000);
            events.clear();
        }
    }
}

/// A driver that goes on reading while a reply is owed is held to the bound, and told.
#[test]
fn what_is_retained_is_bounded() {
    let (mut session, mut events) = (session(ALL_QUESTIONS), Vec::new());
    session.receive_data(b"EHLO a\r\n", &mut events);
    assert!(session.paused());
    for _ in 0..16 {
        session.receive_data(&b"NOOP\r\n1".repeat(65536 / 7 + 1)[..65536], &mut events);
    }
    assert!(!session.closed() && session.data_to_send().is_empty() && weight(&session) < MOST);
    events.clear();
    session.receive_data(b"1", &mut events);
    assert!(session.closed() && !session.paused() && weight(&session) < 10_000);
    assert!(session.data_to_send().starts_with(b"421 "));
    assert!(matches!(events[..], [Event::Closed(_)]));
}

/// The same between two chunks, where there is mail data to be given up.
#[test]
fn what_is_retained_is_bounded_between_chunks() {
    let (mut session, mut events) = (session(Questions { data: true, ..Questions::default() }), Vec::new());
    session.receive_data(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 1\r\nx", &mut events);
    session.reply(None, &mut events).unwrap();
    assert!(session.paused() && matches!(events[..], [.., Event::EndOfChunk(1)]));
    events.clear();
    session.receive_data(&vec![b'x'; MAX_RETAINED + 1], &mut events);
    assert!(matches!(events[..], [Event::Aborted(_), Event::Closed(_)]), "{events:?}");
}

/// The same when each reply lets the session go on a little, so that it is never done with what it retains.
#[test]
fn what_is_retained_is_bounded_however_long_it_goes_on() {
    let (mut session, mut events) = (session(Questions { vrfy: true, ..Questions::default() }), Vec::new());
    let line = [&b"VRFY "[..], &b"x".repeat(400), b"\r\n"].concat();
    session.receive_data(&line, &mut events);
    session.receive_data(&line, &mut events);
    for sent in 0..8 * MAX_RETAINED / line.len() {
        session.receive_data(&line, &mut events);
        session.reply(None, &mut events).unwrap();
        assert!(session.paused() && session.data_to_send().starts_with(b"252 "));
        events.clear();
        assert!(sent % 1000 != 0 || weight(&session) < MOST);
    }
    assert!(weight(&session) < MOST);
}

/// What nobody wants is read to its end, within the bound of draining, and its end is asked about. Nobody has the message then:
/// the session does not say 250 by itself.
#[test]
fn discarded_mail_data_is_not_handed_out() {
    let limits = Limits { drain: 20, ..Limits::default() };
    let settings = Settings { limits, questions: ALL_QUESTIONS, ..conversation::base() };
    let begin = |mail_data: &[u8]| {
        let (mut session, mut events) = (Session::new(Arc::new(settings.clone()), None), Vec::new());
        session.receive_data(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n", &mut events);
        session.receive_data(mail_data, &mut events);
        while session.paused() {
            session.reply(None, &mut events).unwrap();
        }
        assert!(events.contains(&Event::MailData(b"one\r\n".to_vec())));
        session.discard_mail_data().unwrap();
        session
    };
    for (mail_data, rest, says, asked) in [
        (&b"DATA\r\none\r\n"[..], &b"two\0\r\n.\r\n"[..], 451, 1),
        (b"BDAT 12 LAST\r\none\r\n", b"two\0\r\n\n", 451, 1),
        (b"BDAT 5\r\none\r\n", b"BDAT 3\r\ntwo", 451, 1),
        // Its next chunk was refused, and with it the message.
        (b"BDAT 5\r\none\r\n", b"BDAT 3\r\ntwoBDAT 0 LAST\r\n", 503, 1),
        (b"DATA\r\none\r\n", b"12345678901234567890", 0, 0),
        (b"DATA\r\none\r\n", b"123456789012345678901", 421, 0),
        (b"BDAT 99\r\none\r\n", b"123456789012345678901", 421, 0),
    ] {
        let (mut session, mut events, mut seen) = (begin(mail_data), Vec::new(), Vec::new());
        let _ = session.data_to_send();
        session.receive_data(rest, &mut events);
        seen.append(&mut events);
        while session.paused() {
            session.reply(None, &mut events).unwrap();
            seen.append(&mut events);
        }
        let sent = String::from_utf8(session.data_to_send()).unwrap();
        let said = sent.lines().last().map_or(0, |line| line[..3].parse().unwrap());
        assert_eq!(said, says, "{}: {sent}", mail_data.escape_ascii());
        assert!(!sent.starts_with('2') && !sent.contains("\r\n2"), "{sent}");
        let questions = seen.iter().filter(|e| matches!(e, Event::EndOfChunk(_) | Event::EndOfMailData(_)));
        assert_eq!(questions.count(), asked, "{seen:?}");
        assert!(!seen.iter().any(|event| matches!(event, Event::MailData(_) | Event::Aborted(_))), "{seen:?}");
    }
}

/// A delivery that runs may succeed yet: the client hears nothing else.
#[test]
fn a_clock_does_not_say_what_a_delivery_became() {
    let (mut session, mut events) = (session(Questions::default()), Vec::new());
    session.receive_data(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nx\r\n.\r\n", &mut events);
    assert!(session.paused());
    let _ = session.data_to_send();
    session.abort(AbortReason::Timeout, &mut events);
    let sent = String::from_utf8(session.data_to_send()).unwrap();
    assert!(sent.starts_with("421 ") && !sent.contains("nothing was delivered"), "{sent}");
    assert!(matches!(events[..], [Event::MailData(_), Event::EndOfMailData(_), Event::Closed(_)]));
}

/// Whoever ends the connection does not wait for what the application says to NOOP, RSET or QUIT. The mail data that a client had
/// begun in chunks is given up once, also where the client has closed and the answer comes later.
#[test]
fn an_end_while_the_last_words_are_asked_about_tells_once_of_mail_data() {
    for line in ["NOOP\r\n", "RSET\r\n", "QUIT\r\n"] {
        let begin = |events: &mut Vec<Event>| {
            let mut session = session(Questions { noop: true, rset: true, quit: true, ..Questions::default() });
            session.receive_data(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nBDAT 1\r\nx", events);
            session.receive_data(line.as_bytes(), events);
            assert!(session.paused() && !session.in_mail_data(), "{line:?} does not ask");
            assert!(matches!(events[..], [Event::MailData(_), Event::Command(_)]), "{events:?}");
            let _ = session.data_to_send();
            events.clear();
            session
        };
        for reason in [AbortReason::Eof, AbortReason::Reset, AbortReason::Timeout, AbortReason::Shutdown] {
            let mut events = Vec::new();
            let mut session = begin(&mut events);
            session.abort(reason, &mut events);
            session.reply(Some(&Reply::new(250, None, "Too late").unwrap()), &mut events).unwrap();
            assert!(matches!(events[..], [Event::Aborted(abort), Event::Closed(_)] if abort.reason == reason));
            let sent = session.data_to_send();
            assert!(sent.is_empty() || sent.starts_with(b"421 ") && !sent.ends_with(b"late\r\n"));
        }
        for code in [250, 451, 421] {
            let mut events = Vec::new();
            let mut session = begin(&mut events);
            session.receive_eof(&mut events);
            assert!(session.paused() && events.is_empty());
            session.reply(Some(&Reply::new(code, None, "So be it").unwrap()), &mut events).unwrap();
            let close = match (line, code) {
                ("QUIT\r\n", _) => Close::Quit,
                (_, 421) => Close::Refused,
                _ => Close::Eof,
            };
            assert!(matches!(events[..], [Event::Aborted(_), Event::Closed(why)] if why == close), "{events:?}");
            assert_eq!(session.data_to_send(), format!("{code} So be it\r\n").as_bytes());
        }
    }
}

/// Dialects and greetings as the documentation has them; the rest is in the data.
#[test]
fn a_421_closes_before_anything_is_read() {
    let refusal = Reply::new(421, None, "Too many connections").unwrap();
    for dialect in [Dialect::Smtp, Dialect::Lmtp] {
        let settings = Settings { dialect, ..conversation::base() };
        let mut session = Session::new(Arc::new(settings), Some(&refusal));
        let mut events = Vec::new();
        session.receive_data(b"LHLO a\r\nQUIT\r\n", &mut events);
        session.receive_eof(&mut events);
        assert!(session.closed() && !session.paused() && events.is_empty());
        assert_eq!(session.data_to_send(), b"421 Too many connections\r\n");
    }
}

/// A flood of commands: replies are made as they are taken, in step and without one missing, also before an end of input.
#[test]
fn a_flood_of_commands_makes_no_more_replies_than_are_taken() {
    use lonedot_core::session::MAX_UNSENT;
    for eof in [false, true] {
        let (mut session, mut events) = (Session::new(Default::default(), None), Vec::new());
        let (flood, mut sent) = (b"HELP\r\n".repeat(20_000), session.data_to_send());
        sent.clear();
        session.receive_data(&flood, &mut events);
        assert!(session.retaining() && !session.paused());
        if eof {
            session.receive_eof(&mut events);
        }
        while session.retaining() {
            let octets = session.data_to_send();
            assert!(octets.len() < MAX_UNSENT + 512);
            sent.extend(octets);
            session.receive_data(b"", &mut events);
        }
        sent.extend(session.data_to_send());
        assert_eq!(sent.split(|&octet| octet == b'\n').filter(|line| line.starts_with(b"214 ")).count(), 20_000);
        let closed = if eof { vec![Event::Closed(Close::Eof)] } else { vec![] };
        assert_eq!(events, closed);
    }
}

/// What an AUTH exchange holds is secret, also before its line is whole, and while it waits its turn.
#[test]
fn no_debug_shows_what_is_secret() {
    let mut settings = Settings::default();
    settings.offers.add("AUTH PLAIN").expect("a line of the reply to EHLO");
    settings.questions = ALL_QUESTIONS;
    let settings = Arc::new(settings);
    for octets in ["AUTH PLAIN AGEAYg", "AUTH PLAIN AGEAYg==\r\n", "EHLO a.example\r\nAUTH PLAIN AGEAYg==\r\n"] {
        for split in [1, octets.len()] {
            let mut session = Session::over_tls(Arc::clone(&settings), None);
            let mut events = Vec::new();
            if octets.starts_with("AUTH") {
                session.receive_data(b"EHLO a.example\r\n", &mut events);
                session.reply(None, &mut events).expect("EHLO waits");
            }
            for piece in octets.as_bytes().chunks(split) {
                session.receive_data(piece, &mut events);
            }
            let shown = format!("{session:?} {events:?}");
            for secret in ["AGEAYg", "65, 71, 69, 65, 89, 103", "[0, 97, 0, 98]"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}
