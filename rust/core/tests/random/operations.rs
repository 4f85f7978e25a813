//! What a driver may do to a session, and the settings of one: often enough what belongs there that deep states are reached.

use lonedot_core::Reply;
use lonedot_core::command::Dialect;
use lonedot_core::data::{BarePolicy, DataPolicies, KeepPolicy};
use lonedot_core::session::{AbortReason, EarlyTalkPolicy, Hostname, Limits, Offers, Questions, Security, Settings};
use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Receive(Vec<u8>),
    Reply(Option<Reply>),
    ReplyRecipient(usize, Reply),
    /// The reply that fits what waits, if anything does; to AUTH a challenge, or the end of the exchange.
    Answer {
        challenge: bool,
    },
    /// What waits is refused, if anything does.
    Refuse,
    Discard,
    TlsStarted,
    Eof,
    Abort(AbortReason),
}

/// Where a session is led before anything else is done to it, if its settings let it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    Greeted,
    /// A message waits for its reply.
    Message,
    /// Inside mail data after a 354.
    MailData,
    /// Inside a chunk.
    Chunk,
    /// Between two chunks.
    Chunks,
    /// The same in a message without lines.
    Binary,
    /// The same after one was refused.
    LostChunks,
    /// In an AUTH exchange.
    Exchange,
    /// After the reply to STARTTLS, authenticated where that goes in the clear.
    Handshake,
}

pub(super) fn start() -> impl Strategy<Value = Start> {
    use Start::{Binary, Chunk, Chunks, Exchange, Greeted, Handshake, LostChunks, MailData, Message};
    let all = [Greeted, Message, MailData, Chunk, Chunks, Binary, LostChunks, Exchange, Handshake];
    prop::sample::select(all.to_vec())
}

const LINES: [&str; 53] = [
    "EHLO b.example\r\n",
    "LHLO b.example\r\n",
    "HELO b.example\r\n",
    "MAIL FROM:<a@b.example>\r\n",
    "MAIL FROM:<> SIZE=20\r\n",
    "MAIL FROM:<> SIZE=99999\r\n",
    "MAIL FROM:<> BODY=BINARYMIME\r\n",
    "MAIL FROM:<> X=1\r\n",
    "RCPT TO:<c@foo.com>\r\n",
    "RCPT TO:<d@foo.com>\r\n",
    "DATA\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "VRFY c\r\n",
    "EXPN c\r\n",
    "HELP\r\n",
    "ETRN @b.example\r\n",
    "XYZZY\r\n",
    "GET / HTTP/1.1\r\n",
    "QUIT\r\n",
    "STARTTLS\r\n",
    "STARTTLS\r\nEHLO b.example\r\nMAIL FROM:<evil@b.example>\r\nRC",
    "AUTH PLAIN\r\n",
    "AUTH plain AGEAYg==\r\n",
    "AUTH PLAIN AGE\r\n",
    "AUTH XYZZY\r\n",
    "AGEAYg==\r\n",
    "*\r\n",
    "XCLIENT NAME=c.example\r\n",
    "XCLIENT NAME=c.example LOGIN=c\r\n",
    "XFORWARD NAME=c.example\r\n",
    "BDAT 0\r\n",
    "BDAT 0 LAST\r\n",
    "BDAT 6\r\nQUIT\r\n",
    "BDAT 6 LAST\r\nQUIT\r\n",
    "BDAT 2\r\nx\r",
    "BDAT 1 LAST\r\n\n",
    "BDAT 300\r\n",
    "BDAT 20 LAST\r\n",
    "BDAT 99999999999999999999\r\n",
    "BDAT 3,LAST\r\nx\r\n",
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
    "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@foo.com>\r\nRCPT TO:<d@foo.com>\r\n",
];

/// A chunk, whole or with fewer octets than it says; what is in it looks like anything else.
fn chunk() -> impl Strategy<Value = Vec<u8>> {
    let pieces = ["x\r\n", "QUIT\r\n", "\r\n.\r\n", "BDAT 6\r\n", "RSET\r\n", "\r", "\n", ".\r\n", "\0", "x"];
    let octets = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..5);
    let missing = prop_oneof![3 => Just(0_usize), 1 => 1..12_usize];
    (octets, any::<bool>(), missing).prop_map(|(pieces, last, missing)| {
        let octets = pieces.concat();
        let last = if last { " LAST" } else { "" };
        format!("BDAT {}{last}\r\n{octets}", octets.len() + missing).into_bytes()
    })
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(LINES.to_vec()).prop_map(|line| line.as_bytes().to_vec()),
        3 => chunk(),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(prop::sample::select(b"\r\n.x\0".to_vec()), 0..12),
        1 => (1..700_usize).prop_map(|times| b"x".repeat(times)),
    ];
    // Cut anywhere, so that commands, chunks and endings come in pieces; most are whole.
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
        3 => prop::sample::select(vec![354, 334, 235]),
        2 => prop::sample::select(vec![220, 251, 252, 300, 451, 452, 550, 554]),
        1 => Just(421),
    ];
    codes.prop_map(|code| Reply::new(code, None, "one\ntwo").unwrap())
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        30 => octets().prop_map(Operation::Receive),
        20 => prop::bool::weighted(0.3).prop_map(|challenge| Operation::Answer { challenge }),
        3 => Just(Operation::Refuse),
        6 => prop::option::of(reply()).prop_map(Operation::Reply),
        6 => (0..4_usize, reply()).prop_map(|(index, reply)| Operation::ReplyRecipient(index, reply)),
        4 => Just(Operation::Discard),
        4 => Just(Operation::TlsStarted),
        1 => Just(Operation::Eof),
        1 => prop::sample::select(AbortReason::ALL.to_vec()).prop_map(Operation::Abort),
    ]
}

pub(super) fn settings() -> impl Strategy<Value = Settings> {
    let sizes = prop::sample::select(vec![u64::MAX, 0, 3, 50]);
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
    let limits = (
        1..4_usize,
        1..30_u32,
        prop::sample::select(vec![1 << 20, 10, 0, 1 << 20]),
        prop::sample::select(vec![u32::MAX, 10, 2]),
        prop::sample::select(vec![u64::MAX, u64::MAX, 2000, 300]),
    );
    let limits = limits.prop_map(|(max_recipients, max_errors, drain, max_messages, max_session_octets)| Limits {
        max_recipients,
        max_errors,
        drain,
        max_messages,
        max_session_octets,
    });
    let questions =
        any::<[bool; 12]>().prop_map(|[hello, mail, rcpt, data, vrfy, expn, help, etrn, noop, rset, quit, unknown]| {
            Questions { hello, mail, rcpt, data, vrfy, expn, help, etrn, noop, rset, quit, unknown }
        });
    // All but one, or any of them: what is missing is refused, and then little else happens.
    let extensions = [
        "SIZE",
        "8BITMIME",
        "PIPELINING",
        "ENHANCEDSTATUSCODES",
        "SMTPUTF8",
        "LIMITS",
        "HELP",
        "EXPN",
        "ETRN",
        "XCLIENT",
        "XFORWARD",
        "BINARYMIME",
        "CHUNKING",
        "STARTTLS",
        "AUTH PLAIN LOGIN",
    ];
    let least = prop_oneof![4 => Just(extensions.len() - 1), 1 => Just(0)];
    let offers = least
        .prop_flat_map(move |least| prop::sample::subsequence(extensions.to_vec(), least..=extensions.len()))
        .prop_map(|lines| {
            let mut offers = Offers::none();
            lines.into_iter().for_each(|line| offers.add(line).unwrap());
            offers
        });
    let security = (any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let security = security.prop_map(|(auth_without_tls, require_auth, require_tls)| Security {
        auth_without_tls,
        require_auth,
        require_tls,
    });
    let dialect = prop::sample::select(vec![Dialect::Smtp, Dialect::Lmtp]);
    let early_talk = prop_oneof![6 => Just(EarlyTalkPolicy::Note), 1 => Just(EarlyTalkPolicy::Reject)];
    let keep = prop::sample::select(vec![KeepPolicy::Reject, KeepPolicy::Keep]);
    (data, limits, questions, offers, security, dialect, any::<bool>(), early_talk, keep).prop_map(
        |(data, limits, questions, offers, security, dialect, strict_grammar, early_talk, unknown_parameters)| {
            Settings {
                hostname: Hostname::new("foo.com").unwrap(),
                dialect,
                strict_grammar,
                data,
                offers,
                security,
                early_talk,
                unknown_parameters,
                limits,
                questions,
                ..Settings::default()
            }
        },
    )
}

pub(super) fn greeting() -> impl Strategy<Value = Option<Reply>> {
    prop_oneof![
        20 => Just(None),
        1 => prop::sample::select(vec![220, 421, 451, 554])
            .prop_map(|code| Some(Reply::new(code, None, "Hello").unwrap())),
    ]
}
