//! The decoder of chunks against an obvious one, at every split of the stream and every division into chunks, with every
//! kernel.

use lonedot_core::data::{BarePolicy, ChunkDecoder, ChunkMisuse, DataPolicies, DataReport, KeepPolicy, LineEnds};
use lonedot_core::scan::{BLOCK, Backend};
use lonedot_core::{Fault, Violation};
use proptest::prelude::*;

#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    out: Vec<u8>,
    unused: usize,
    report: DataReport,
    violation: Option<Violation>,
    whole: bool,
}

/// The obvious decoder: all octets of all chunks, one after the other. Before the message is whole a last CR is not decided.
fn reference(message: &[u8], whole: bool, policies: &DataPolicies) -> Decoded {
    let mut decoded = Decoded { whole, ..Decoded::default() };
    let report = &mut decoded.report;
    let mut line = 0;
    for (at, &octet) in message.iter().enumerate() {
        if !whole && octet == b'\r' && at + 1 == message.len() {
            break;
        }
        let offset = at as u64;
        let begins_crlf = message[at..].starts_with(b"\r\n");
        let ends_crlf = message[..=at].ends_with(b"\r\n");
        let (mut becomes, mut faults) = (vec![octet], Vec::new());
        if begins_crlf && line == 0 {
            report.header_end.get_or_insert(report.size);
        }
        line += 1;
        report.size += 1;
        match octet {
            b'\r' if begins_crlf && policies.line_ends == LineEnds::Lf => becomes.clear(),
            b'\r' if !begins_crlf => {
                report.bare_cr += 1;
                report.first_bare_cr.get_or_insert(offset);
                match policies.bare_cr {
                    BarePolicy::Reject => faults.push(Fault::BareCr),
                    BarePolicy::Keep => {}
                    BarePolicy::Normalize => becomes = vec![b' '],
                }
            }
            b'\n' if !ends_crlf => {
                report.bare_lf += 1;
                report.first_bare_lf.get_or_insert(offset);
                match (policies.bare_lf, policies.line_ends) {
                    (BarePolicy::Reject, _) => faults.push(Fault::BareLf),
                    (BarePolicy::Normalize, LineEnds::Crlf) => becomes = b"\r\n".to_vec(),
                    _ => {}
                }
            }
            0 => {
                report.nul += 1;
                report.first_nul.get_or_insert(offset);
                if policies.nul == KeepPolicy::Reject {
                    faults.push(Fault::Nul);
                }
            }
            128.. => {
                report.eight_bit += 1;
                report.first_eight_bit.get_or_insert(offset);
            }
            _ => {}
        }
        if line == policies.max_line + 1 {
            report.long_lines += 1;
            report.first_long_line.get_or_insert(offset);
            if policies.long_line == KeepPolicy::Reject {
                faults.push(Fault::LongLine);
            }
        }
        if report.size > policies.max_size {
            faults.push(Fault::TooLarge);
        }
        if let Some(&fault) = faults.first() {
            decoded.violation.get_or_insert(Violation::new(fault, offset));
        }
        if decoded.violation.is_none() {
            decoded.out.extend(becomes);
        }
        report.longest_line = report.longest_line.max(line);
        if ends_crlf {
            report.lines += 1;
            line = 0;
        }
    }
    decoded
}

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
    let whole = reference(message, true, policies);
    let broken_off = reference(message, false, policies);
    let stream = [message, b"\n.\r\n"].concat();
    let followed = Decoded { unused: 4, ..reference(message, true, policies) };
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

fn every_policy() -> Vec<DataPolicies> {
    let mut all = Vec::new();
    let bares = [BarePolicy::Reject, BarePolicy::Keep, BarePolicy::Normalize];
    let keeps = [KeepPolicy::Reject, KeepPolicy::Keep];
    for bare_cr in bares {
        for bare_lf in bares {
            for nul in keeps {
                for long_line in keeps {
                    for line_ends in [LineEnds::Crlf, LineEnds::Lf] {
                        for (max_line, max_size) in [(1000, u64::MAX), (3, u64::MAX), (1000, 4), (3, 3)] {
                            all.push(DataPolicies { max_size, max_line, long_line, bare_cr, bare_lf, nul, line_ends });
                        }
                    }
                }
            }
        }
    }
    all
}

fn keep() -> DataPolicies {
    DataPolicies {
        bare_cr: BarePolicy::Keep,
        bare_lf: BarePolicy::Keep,
        nul: KeepPolicy::Keep,
        long_line: KeepPolicy::Keep,
        ..DataPolicies::default()
    }
}

fn normalize() -> DataPolicies {
    DataPolicies { bare_cr: BarePolicy::Normalize, bare_lf: BarePolicy::Normalize, ..keep() }
}

/// Every string over the octets that matter, up to a length.
fn strings(most: usize) -> impl Iterator<Item = Vec<u8>> {
    const ALPHABET: [u8; 5] = [b'\r', b'\n', b'.', b'a', 0];
    (0..=most).flat_map(|length| {
        (0..ALPHABET.len().pow(length as u32)).map(move |number| {
            (0..length as u32).map(|place| ALPHABET[number / ALPHABET.len().pow(place) % ALPHABET.len()]).collect()
        })
    })
}

#[test]
fn every_short_string_in_every_division_under_every_policy() {
    for message in strings(4) {
        for policies in &every_policy() {
            check(&message, policies, false);
        }
    }
}

#[test]
fn every_string_of_five_in_every_division_at_every_split() {
    let lf = LineEnds::Lf;
    let policies = [
        DataPolicies::default(),
        keep(),
        normalize(),
        DataPolicies { line_ends: lf, ..keep() },
        DataPolicies { line_ends: lf, ..normalize() },
    ];
    for message in strings(5) {
        for policies in &policies {
            check(&message, policies, true);
        }
    }
}

#[test]
fn patterns_at_every_offset_of_the_blocks() {
    let patterns: [&[u8]; 12] = [
        b"\r\n.\r\n",
        b"\r\n..\r\n",
        b"\n.\r\n",
        b"\r.\r\n",
        b"\r\r\n.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n\r\n",
        b"\r\n\r\r\n\n",
        b"\xff\r\n.\xff",
        b"\r\n.\r\nQUIT\r\n.\r\n",
        b"\r",
        b"",
    ];
    let strict = DataPolicies::default();
    let policies = [
        strict,
        keep(),
        normalize(),
        DataPolicies { line_ends: LineEnds::Lf, max_line: 70, ..keep() },
        DataPolicies { max_size: 140, ..strict },
        DataPolicies { max_line: 100, ..strict },
    ];
    for pattern in patterns {
        for offset in 0..=200_usize {
            for tail in [&b""[..], b"\r\n.\r\nafter\r\n"] {
                let message = [&vec![b'a'; offset], pattern, tail].concat();
                let length = message.len() as u64;
                // Where chunks meet inside the pattern, and where that is no matter.
                let within = offset as u64 + 1;
                let divisions = [vec![length], vec![within.min(length), length - within.min(length)], vec![64; 5]];
                for policies in &policies {
                    for sizes in &divisions {
                        let last = sizes.iter().sum::<u64>() == length;
                        let wanted = reference(&message, last, policies);
                        for way in ways() {
                            let same = |got: Decoded| assert_same(&got, &wanted, &message, sizes, policies);
                            same(decode([&message[..]], sizes, last, policies, way));
                            for size in [1, 7, 63, 64, 65] {
                                let pieces = message.chunks(size).chain([&b""[..]]);
                                same(decode(pieces, sizes, last, policies, way));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Octets as mail has them, with what matters standing close together often; and any octets at all.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[ -~]{0,90}".prop_map(String::into_bytes),
        4 => Just(b"\r\n".to_vec()),
        1 => Just(b"\r\n.\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..100),
        1 => prop::sample::select(vec![b"\r".to_vec(), b"\n".to_vec(), b"\0".to_vec(), b"\xe9".to_vec()]),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
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
        sizes in prop::collection::vec(0..400_u64, 0..12),
        pieces in prop::collection::vec(1..200_usize, 1..20),
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
        let wanted = reference(&message, true, &policies);
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
