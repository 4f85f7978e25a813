//! The decoder of chunks against the obvious one: every short string, also at every address; every pattern at every offset;
//! random mail. In every division into chunks and at every split of the stream, with every kernel.

mod cores;
mod inputs;
mod placed;
mod policies;
#[path = "reference/chunk.rs"]
mod reference;

use cores::on_all_cores;
use inputs::{FILLINGS, PATTERNS, SIZES, fill, mail, strings};
use lonedot_core::data::{ChunkDecoder, ChunkMisuse, DataPolicies, LineEnds};
use lonedot_core::scan::{BLOCK, Backend};
use lonedot_core::{Fault, Violation};
use placed::Placed;
use policies::{every_policy, keep, normalize};
use proptest::prelude::*;
use reference::Decoded;

/// How octets are given to the decoder.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// To `decode`.
    Copied,
    /// To `decode_in_place`, and the rest to `decode`: as the binding does.
    InPlace,
}

/// Gives a stream in pieces to a decoder of chunks of such sizes. The last is marked so if `last` says it.
fn decode<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    sizes: &[u64],
    last: bool,
    policies: &DataPolicies,
    (backend, form): (Backend, Form),
) -> Decoded {
    let mut sizes = sizes.iter().copied().peekable();
    let mut next = || sizes.next().map(|size| (size, last && sizes.peek().is_none()));
    let (size, marked) = next().expect("a message has a chunk");
    let mut decoder = ChunkDecoder::with_backend(size, marked, *policies, backend);
    let (mut decoded, mut seen) = (Decoded::default(), 0);
    for piece in pieces {
        let mut rest = piece;
        loop {
            let mut taken = if matches!(form, Form::InPlace) { decoder.decode_in_place(rest) } else { 0 };
            decoded.out.extend_from_slice(&rest[..taken]);
            let most = decoded.out.len() + decoder.room_for(rest.len() - taken) - BLOCK;
            taken += decoder.decode(&rest[taken..], &mut decoded.out);
            assert!(decoded.out.len() <= most);
            seen += taken;
            rest = &rest[taken..];
            assert!(rest.is_empty() || decoder.eof());
            let begun = decoder.eof().then(&mut next).flatten();
            let Some((size, marked)) = begun else { break };
            decoder.next_chunk(size, marked).unwrap();
        }
        decoded.unused += rest.len();
    }
    decoded.report = decoder.report();
    decoded.violation = decoder.violation();
    decoded.whole = last && decoder.eof() && next().is_none();
    assert_eq!(decoder.octets(), seen as u64);
    let finished = match decoded.violation {
        Some(violation) => Err(violation),
        None if decoded.whole => Ok(decoded.report),
        None => Err(Violation::new(Fault::UnfinishedChunks, seen as u64)),
    };
    assert_eq!(decoder.finish(), finished);
    decoded
}

/// Every way to run.
fn ways() -> impl Iterator<Item = (Backend, Form)> {
    Backend::available().flat_map(|backend| [(backend, Form::Copied), (backend, Form::InPlace)])
}

/// The divisions of so many octets into two chunks, and into one.
fn divisions(octets: usize) -> impl Iterator<Item = Vec<u64>> {
    let octets = octets as u64;
    (0..=octets).map(move |first| vec![first, octets - first]).chain([vec![octets]])
}

fn assert_same(got: &Decoded, wanted: &Decoded, message: &[u8], sizes: &[u64], policies: &DataPolicies) {
    assert_eq!(got, wanted, "{} in {sizes:?}, {policies:?}", message.escape_ascii());
}

/// Every division into two chunks; the stream whole, octet by octet and, if `splits`, at every split into two; with octets
/// after it, and with a part of it missing.
fn check(message: &[u8], policies: &DataPolicies, splits: bool) {
    let whole = reference::decode(message, true, policies);
    let broken_off = reference::decode(message, false, policies);
    let stream = [message, b"\n.\r\n"].concat();
    let followed = Decoded { unused: 4, ..reference::decode(message, true, policies) };
    for sizes in divisions(message.len()) {
        for way in ways() {
            let same = |got: Decoded, wanted: &Decoded| assert_same(&got, wanted, message, &sizes, policies);
            same(decode([message], &sizes, true, policies, way), &whole);
            same(decode([message], &sizes, false, policies, way), &broken_off);
            same(decode([&stream[..]], &sizes, true, policies, way), &followed);
            same(decode(message.chunks(1).chain([&b""[..]]), &sizes, true, policies, way), &whole);
            for split in if splits { 1..message.len() } else { 0..0 } {
                let (a, b) = message.split_at(split);
                same(decode([a, b], &sizes, true, policies, way), &whole);
            }
            let more = [&sizes[..sizes.len() - 1], &[sizes[sizes.len() - 1] + 1]].concat();
            same(decode([message], &more, true, policies, way), &broken_off);
        }
    }
}

/// Policies that between them take every way through the rules, with limits a block can hold and cannot.
fn policies_of_blocks() -> Vec<DataPolicies> {
    let (strict, lf) = (DataPolicies::default(), LineEnds::Lf);
    vec![
        strict,
        keep(),
        normalize(),
        DataPolicies { line_ends: lf, ..strict },
        DataPolicies { line_ends: lf, ..keep() },
        DataPolicies { line_ends: lf, max_line: 70, ..normalize() },
        DataPolicies { max_size: 140, ..strict },
        DataPolicies { max_line: 100, ..strict },
    ]
}

#[test]
fn every_string_of_four_in_every_division_under_every_policy() {
    let (strings, policies) = (strings(4), every_policy());
    on_all_cores(strings.len(), |piece| {
        for policies in &policies {
            check(&strings[piece], policies, false);
        }
    });
}

#[test]
fn every_string_of_six_in_every_division_at_every_split() {
    let (strings, policies) = (strings(6), policies_of_blocks());
    on_all_cores(strings.len(), |piece| {
        for policies in &policies[..if strings[piece].len() < 6 { 6 } else { 2 }] {
            check(&strings[piece], policies, true);
        }
    });
}

/// In long chunks, at every address within a block, after what a chunk before can leave.
#[test]
fn every_string_of_three_at_every_address() {
    let (strings, policies) = (strings(3), policies_of_blocks());
    on_all_cores(strings.len(), |piece| {
        for (nth, before) in [&b""[..], b"a", b"a\r\n", b"\r"].into_iter().enumerate() {
            // Long enough for a decoder to align its reads.
            let message = [before, &strings[piece], &fill(FILLINGS[(piece + nth) % 4], 2200)].concat();
            let policies = &policies[(piece + nth) % policies.len()];
            let sizes = [before.len() as u64, (message.len() - before.len()) as u64];
            let wanted = reference::decode(&message, true, policies);
            for past in 0..64 {
                let placed = Placed::new(&message, before.len(), past);
                for way in ways() {
                    assert_same(
                        &decode([placed.octets()], &sizes, true, policies, way),
                        &wanted,
                        &message,
                        &sizes,
                        policies,
                    );
                }
            }
        }
    });
}

#[test]
fn patterns_at_every_offset_of_the_blocks() {
    let policies = policies_of_blocks();
    on_all_cores(PATTERNS.len() * 201, |piece| {
        let (pattern, offset) = (PATTERNS[piece % PATTERNS.len()], piece / PATTERNS.len());
        for (nth, filling) in FILLINGS.iter().enumerate() {
            let tail = fill(FILLINGS[piece % FILLINGS.len()], (piece * FILLINGS.len() + nth) % 131);
            let message = [&fill(filling, offset), pattern, &tail].concat();
            let length = message.len() as u64;
            // Chunks that meet inside the pattern, and chunks of which the last does not end.
            let within = (offset as u64 + 1).min(length);
            for sizes in [vec![length], vec![within, length - within], vec![64; 6]] {
                let whole = sizes.iter().sum::<u64>() == length;
                for (run, policies) in policies.iter().enumerate() {
                    let wanted = reference::decode(&message, whole, policies);
                    let size = SIZES[(run + piece) % SIZES.len()];
                    for way in ways() {
                        let same = |got| assert_same(&got, &wanted, &message, &sizes, policies);
                        same(decode([&message[..]], &sizes, whole, policies, way));
                        same(decode(message.chunks(size).chain([&b""[..]]), &sizes, whole, policies, way));
                    }
                }
            }
        }
    });
}

/// Octets as mail has them, or any octets at all.
fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => mail(), 1 => prop::collection::vec(any::<u8>(), 0..5000)]
}

fn policies() -> impl Strategy<Value = DataPolicies> {
    let sizes = prop_oneof![Just(u64::MAX), 0..2000_u64];
    let lines = prop_oneof![Just(1000_u64), 1..200_u64];
    (prop::sample::select(every_policy()), sizes, lines).prop_map(|(policies, max_size, max_line)| DataPolicies {
        max_size,
        max_line,
        ..policies
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn long_messages_in_any_chunks_at_any_split(
        message in message(),
        policies in policies(),
        sizes in prop::collection::vec(prop_oneof![0..400_u64, 0..8000_u64], 0..12),
        pieces in prop::collection::vec(prop_oneof![1..200_usize, 1..5000_usize], 1..20),
    ) {
        // What is left goes into the last chunk.
        let mut left = message.len() as u64;
        let mut chunks: Vec<_> = sizes.iter().map(|size| { let size = left.min(*size); left -= size; size }).collect();
        chunks.push(left);
        let (mut rest, mut split) = (&message[..], Vec::new());
        for size in pieces.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            split.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let wanted = reference::decode(&message, true, &policies);
        for way in ways() {
            prop_assert_eq!(&decode([&message[..]], &chunks, true, &policies, way), &wanted);
            prop_assert_eq!(&decode(split.iter().copied(), &chunks, true, &policies, way), &wanted);
            let kept = decode(split.iter().copied(), &chunks, true, &keep(), way);
            prop_assert!(kept.out == message && kept.violation.is_none());
        }
    }
}

#[test]
fn a_cr_is_decided_over_the_border_of_chunks() {
    let decode = |chunks: [&[u8]; 2], policies| {
        let mut decoder = ChunkDecoder::new(chunks[0].len() as u64, false, policies);
        let mut outs = [Vec::new(), Vec::new()];
        decoder.decode(chunks[0], &mut outs[0]);
        decoder.next_chunk(chunks[1].len() as u64, true).unwrap();
        assert_eq!(decoder.eof(), chunks[1].is_empty());
        assert!(decoder.finish().is_err(), "nothing of the last chunk was decoded");
        decoder.decode(chunks[1], &mut outs[1]);
        (outs.map(|out| String::from_utf8(out).unwrap()), decoder.finish())
    };
    let strict = DataPolicies::default();
    let (outs, report) = decode([b"a\r", b"\nb"], strict);
    assert_eq!((outs, report.unwrap().lines), (["a".into(), "\r\nb".into()], 1));
    let (outs, report) = decode([b"a\r", b"\nb"], DataPolicies { line_ends: LineEnds::Lf, ..strict });
    assert_eq!((outs, report.unwrap().lines), (["a".into(), "\nb".into()], 1));
    let (outs, report) = decode([b"a\r", b""], keep());
    assert_eq!((outs, report.unwrap().bare_cr), (["a".into(), "\r".into()], 1));
    let (outs, report) = decode([b"a\r", b""], strict);
    assert_eq!((outs, report), (["a".into(), String::new()], Err(Violation::new(Fault::BareCr, 1))));
}

#[test]
fn a_chunk_begins_after_one_that_is_whole_and_not_the_last() {
    let mut decoder = ChunkDecoder::new(3, false, keep());
    let mut out = Vec::new();
    assert_eq!(decoder.next_chunk(1, true), Err(ChunkMisuse::Unfinished));
    assert_eq!(decoder.decode(b"ab", &mut out), 2);
    assert_eq!(decoder.next_chunk(1, true), Err(ChunkMisuse::Unfinished));
    assert_eq!(decoder.decode(b"cde", &mut out), 1);
    assert_eq!(decoder.decode(b"de", &mut out), 0);
    assert_eq!(decoder.finish(), Err(Violation::new(Fault::UnfinishedChunks, 3)));
    decoder.next_chunk(2, true).unwrap();
    assert_eq!(decoder.decode(b"de", &mut out), 2);
    assert_eq!(decoder.next_chunk(1, true), Err(ChunkMisuse::AfterLast));
    assert_eq!((decoder.finish().unwrap().size, &out[..]), (5, &b"abcde"[..]));
}

#[test]
fn the_limit_of_size_is_the_messages() {
    let mut decoder = ChunkDecoder::new(4, false, DataPolicies { max_size: 6, ..keep() });
    let mut out = Vec::new();
    decoder.decode(b"abcd", &mut out);
    decoder.next_chunk(4, true).unwrap();
    assert_eq!(decoder.decode(b"efgh", &mut out), 4);
    assert_eq!((decoder.violation(), &out[..]), (Some(Violation::new(Fault::TooLarge, 6)), &b"abcdef"[..]));
    assert!(decoder.eof());
}

#[test]
fn a_chunk_may_be_larger_than_memory() {
    let mut decoder = ChunkDecoder::new(u64::MAX, true, keep());
    let mut out = Vec::new();
    assert_eq!(decoder.decode(b"a\r", &mut out), 2);
    assert!(!decoder.eof());
    assert_eq!(decoder.finish(), Err(Violation::new(Fault::UnfinishedChunks, 2)));
}
