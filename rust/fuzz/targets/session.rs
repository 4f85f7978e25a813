//! Whatever octets come, at any split and however the application answers, the events and replies are the same; all that
//! a session says of itself holds ([`Connection`] looks), and what it retains is no more than what came.

use std::sync::Arc;

use lonedot_core::command::Dialect;
use lonedot_core::data::{BarePolicy, DataPolicies, KeepPolicy, LineEnds};
use lonedot_core::session::{Limits, Session, Settings};

use super::{Choices, chunks};
use crate::connection::{ALL_QUESTIONS, Connection, MANNERS, Piece};
use crate::conversation::{self, Conversation, Replies};

/// So few that the replies to all of them never wait to be taken (`MAX_UNSENT`).
const MOST: usize = 2048;

pub(super) fn run(input: &[u8]) {
    let mut choices = Choices(&input[..input.len().min(MOST)]);
    let bare = [BarePolicy::Reject, BarePolicy::Keep, BarePolicy::Normalize];
    let keep = choices.one_of(&[KeepPolicy::Reject, KeepPolicy::Keep]);
    let settings = Settings {
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
    let octets = choices.0;

    let conversation = Conversation {
        name: "fuzzed".to_owned(),
        settings,
        over_tls: false,
        split: true,
        greeting: None,
        replies: Replies::default(),
        steps: Vec::new(),
        delivered: Vec::new(),
        aborted: Vec::new(),
        closed: None,
    };
    let run = |manner, chunks: &[&[u8]]| {
        let mut connection = Connection::new(&conversation, manner);
        for &chunk in chunks {
            connection.feed(Piece::Octets(chunk));
        }
        if eof {
            connection.feed(Piece::Eof);
        }
        connection.finish()
    };
    let whole = run(MANNERS[0], &[octets]);
    for manner in MANNERS {
        for chunks in [vec![octets], chunks(octets, &[1]), chunks(octets, &sizes)] {
            let seen = run(manner, &chunks);
            if manner.ask_all {
                assert_eq!(seen, whole, "{manner:?}, {chunks:?}");
            } else {
                assert_eq!(seen.without_questions(), whole.without_questions(), "{manner:?}, {chunks:?}");
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
