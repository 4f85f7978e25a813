//! Whatever octets come, at any split and however the application answers, the events and replies are the same; all that
//! a session says of itself holds ([`Connection`] looks), and what it retains is no more than what came. Where early talk is
//! refused, what comes out depends on the split, and only the answering may differ.

use std::sync::Arc;

use lonedot_core::Reply;
use lonedot_core::command::{Dialect, Extension};
use lonedot_core::data::{BarePolicy, DataPolicies, KeepPolicy, LineEnds};
use lonedot_core::session::{EarlyTalkPolicy, Limits, Offers, Security, Session, Settings};

use super::{Choices, chunks};
use crate::connection::{ALL_QUESTIONS, Connection, MANNERS, Piece};
use crate::conversation::{self, Conversation, Replies};

/// Enough for several transactions.
const MOST: usize = 2048;

pub(super) fn run(input: &[u8]) {
    let mut choices = Choices(&input[..input.len().min(MOST)]);
    let bare = [BarePolicy::Reject, BarePolicy::Keep, BarePolicy::Normalize];
    let keeps = [KeepPolicy::Reject, KeepPolicy::Keep];
    let keep = choices.one_of(&keeps);
    let mut settings = Settings {
        dialect: choices.one_of(&[Dialect::Smtp, Dialect::Lmtp]),
        strict_grammar: choices.flag(),
        data: DataPolicies {
            max_size: choices.one_of(&[u64::MAX, 0, 10, 300]),
            max_line: choices.one_of(&[1000, 10]),
            long_line: keep,
            bare_cr: choices.one_of(&bare),
            bare_lf: choices.one_of(&bare),
            nul: keep,
            line_ends: choices.one_of(&[LineEnds::Crlf, LineEnds::Lf]),
        },
        limits: Limits {
            max_recipients: choices.one_of(&[1000, 1, 3]),
            max_errors: choices.one_of(&[20, 1, 2]),
            drain: choices.one_of(&[1 << 20, 0, 10]),
            ..Limits::default()
        },
        ..conversation::base()
    };
    let sizes = choices.sizes();
    let eof = choices.flag();
    settings.offers = offers(choices.octet());
    settings.security = Security {
        auth_without_tls: choices.flag(),
        require_auth: choices.one_of(&[false, false, true]),
        require_tls: choices.one_of(&[false, false, true]),
    };
    settings.early_talk = choices.one_of(&[EarlyTalkPolicy::Note, EarlyTalkPolicy::Note, EarlyTalkPolicy::Reject]);
    settings.unknown_parameters = choices.one_of(&keeps);
    settings.limits.max_messages = choices.one_of(&[u32::MAX, 1, 2]);
    settings.limits.max_session_octets = choices.one_of(&[u64::MAX, 100, 400]);
    let over_tls = choices.flag();
    // Octets before a handshake that was begun takes place.
    let before_handshake = 8 * usize::from(choices.octet());
    let mut replies = Replies {
        data: replies(choices.one_of(&[&[][..], &[451], &[421]])),
        chunk: replies(choices.one_of(&[&[][..], &[452], &[250, 554], &[250, 421]])),
        message: choices.one_of(&[&[][..], &[451], &[421]]).iter().map(|code| replies(&[*code])).collect(),
        auth: replies(choices.one_of(&[&[][..], &[235], &[334, 235], &[334, 334, 535, 334, 421]])),
        xclient: replies(choices.one_of(&[&[][..], &[550]])),
        ..Replies::default()
    };
    // One octet for all of them, a bit each: an input of the corpus says what it said before they were asked about.
    let said = choices.octet();
    if said & 1 != 0 {
        replies.unknown = vec![("XYZZY".to_owned(), reply(421))];
    }
    if said & 2 != 0 {
        replies.rset = self::replies(&[451, 250, 421]);
    }
    if said & 4 != 0 {
        replies.quit = self::replies(&[if said & 8 == 0 { 554 } else { 421 }]);
    }
    if said & 16 != 0 {
        replies.noop = vec![(String::new(), reply(if said & 32 == 0 { 451 } else { 421 }))];
    }
    let octets = choices.0;

    let any_split = settings.early_talk == EarlyTalkPolicy::Note;
    let conversation = Conversation {
        name: "fuzzed".to_owned(),
        settings,
        over_tls,
        split: any_split,
        greeting: None,
        replies,
        steps: Vec::new(),
        delivered: Vec::new(),
        aborted: Vec::new(),
        closed: None,
    };
    let (before, after) = octets.split_at(before_handshake.min(octets.len()));
    let run = |manner, sizes: &[usize]| {
        let mut connection = Connection::new(&conversation, manner);
        for (i, octets) in [before, after].into_iter().enumerate() {
            if i == 1 {
                connection.starts_tls();
            }
            for chunk in chunks(octets, sizes) {
                connection.feed(Piece::Octets(chunk));
            }
        }
        if eof {
            connection.feed(Piece::Eof);
        }
        connection.finish()
    };
    let whole = run(MANNERS[0], &[MOST]);
    for manner in MANNERS {
        for sizes in [&[MOST][..], &[1], &sizes] {
            if !any_split && (manner.late || sizes != [MOST]) {
                continue;
            }
            let seen = run(manner, sizes);
            if manner.ask_all {
                assert_eq!(seen, whole, "{manner:?}, {sizes:?}");
            } else {
                assert_eq!(seen.without_questions(), whole.without_questions(), "{manner:?}, {sizes:?}");
            }
        }
    }

    // Nobody answers: an octet held is at most five characters of its words.
    let settings = Settings { questions: ALL_QUESTIONS, ..conversation.settings.clone() };
    let (mut session, mut events) = (Session::new(Arc::new(settings), None), Vec::new());
    for chunk in chunks(octets, &sizes) {
        session.receive_data(chunk, &mut events);
    }
    let _ = session.data_to_send();
    let weight = format!("{session:?}").len();
    assert!(weight < 10_000 + 5 * octets.len(), "{weight}");
}

fn offers(choice: u8) -> Offers {
    let all = |except: Option<Extension>| {
        let mut offers = Offers::none();
        for &extension in Extension::ALL.iter().filter(|&&extension| Some(extension) != except) {
            let argument = match extension {
                Extension::Auth => " PLAIN LOGIN",
                Extension::FutureRelease => " 86400 2030-01-01T00:00:00Z",
                _ => "",
            };
            offers.add(&format!("{}{argument}", extension.keyword())).unwrap();
        }
        offers
    };
    match choice {
        0 => Offers::default(),
        1 => all(None),
        2 => Offers::none(),
        choice => all(Extension::ALL.get(usize::from(choice) - 3).copied()),
    }
}

fn replies(codes: &[u16]) -> Vec<Reply> {
    codes.iter().map(|code| reply(*code)).collect()
}

fn reply(code: u16) -> Reply {
    Reply::new(code, None, "So be it").unwrap()
}
