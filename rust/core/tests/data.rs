//! The decoder against the obvious one, at every split, with every kernel; the encoder as its inverse.

mod reference;

use lonedot_core::data::{BarePolicy, DataDecoder, DataEncoder, DataPolicies, KeepPolicy, LineEnds};
use lonedot_core::scan::Backend;
use lonedot_core::{Fault, Violation};
use proptest::prelude::*;
use reference::Decoded;

/// Feeds the chunks one after the other, as long as they are the decoder's.
fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, policies: &DataPolicies, backend: Backend) -> Decoded {
    let mut decoder = DataDecoder::with_backend(*policies, backend);
    let (mut decoded, mut out) = (Decoded::default(), Vec::new());
    for chunk in chunks {
        let consumed = decoder.decode(chunk, &mut out);
        assert!(consumed == chunk.len() || decoder.eof());
        decoded.consumed += consumed;
    }
    decoded.out = out;
    decoded.eof = decoder.eof();
    decoded.report = decoder.report();
    decoded.violation = decoder.violation();
    assert_eq!(decoder.octets(), decoded.consumed as u64);
    decoded
}

/// Whole, octet by octet, and at every split into two, with every kernel.
fn check(wire: &[u8], policies: &DataPolicies) {
    let wanted = reference::decode(wire, policies);
    for backend in Backend::available() {
        let whole = decode([wire], policies, backend);
        assert_eq!(whole, wanted, "whole {:?} {policies:?} {}", wire.escape_ascii().to_string(), backend.name());
        let single = decode(wire.chunks(1), policies, backend);
        assert_eq!(single, wanted, "single {:?} {policies:?} {}", wire.escape_ascii().to_string(), backend.name());
        for split in 1..wire.len() {
            let (a, b) = wire.split_at(split);
            let halves = decode([a, b], policies, backend);
            assert_eq!(halves, wanted, "{split} of {:?} {policies:?}", wire.escape_ascii().to_string());
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

/// Every string over the octets that matter, up to a length.
fn strings(most: usize) -> impl Iterator<Item = Vec<u8>> {
    const ALPHABET: [u8; 5] = [b'\r', b'\n', b'.', b'a', 0];
    (0..=most).flat_map(|length| {
        (0..ALPHABET.len().pow(length as u32)).map(move |mut number| {
            (0..length)
                .map(|_| {
                    let octet = ALPHABET[number % ALPHABET.len()];
                    number /= ALPHABET.len();
                    octet
                })
                .collect()
        })
    })
}

#[test]
fn every_short_string_at_every_split_under_every_policy() {
    let policies = every_policy();
    for wire in strings(4) {
        for policies in &policies {
            check(&wire, policies);
        }
    }
}

#[test]
fn every_string_of_seven_at_every_split() {
    let strict = DataPolicies::default();
    let keep = DataPolicies {
        bare_cr: BarePolicy::Keep,
        bare_lf: BarePolicy::Keep,
        nul: KeepPolicy::Keep,
        long_line: KeepPolicy::Keep,
        ..strict
    };
    let normalize = DataPolicies { bare_cr: BarePolicy::Normalize, bare_lf: BarePolicy::Normalize, ..keep };
    let lf = DataPolicies { line_ends: LineEnds::Lf, ..keep };
    for wire in strings(7) {
        for policies in [strict, keep, normalize, lf] {
            check(&wire, &policies);
        }
    }
}

#[test]
fn patterns_at_every_offset_of_the_blocks() {
    let patterns: [&[u8]; 14] = [
        b"\r\n.\r\n",
        b"\r\n..\r\n",
        b"\r\n.a\r\n",
        b"\r\n.\n",
        b"\n.\r\n",
        b"\r.\r\n",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\n",
        b"\n.\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\n\r\n",
        b"\xff\r\n.\xff",
        b"\r\n.\r\n\r\n.\r\n",
    ];
    let policies = [
        DataPolicies::default(),
        DataPolicies {
            bare_cr: BarePolicy::Keep,
            bare_lf: BarePolicy::Keep,
            nul: KeepPolicy::Keep,
            ..Default::default()
        },
        DataPolicies { bare_cr: BarePolicy::Normalize, bare_lf: BarePolicy::Normalize, ..Default::default() },
        DataPolicies { line_ends: LineEnds::Lf, max_line: 70, long_line: KeepPolicy::Keep, ..Default::default() },
        DataPolicies { max_size: 140, ..Default::default() },
        DataPolicies { max_line: 100, ..Default::default() },
    ];
    for pattern in patterns {
        for offset in 0..=200 {
            for tail in [&b""[..], b"\r\n.\r\nQUIT\r\n"] {
                let wire = [&vec![b'a'; offset], pattern, tail].concat();
                for policies in &policies {
                    let wanted = reference::decode(&wire, policies);
                    for backend in Backend::available() {
                        assert_eq!(decode([&wire[..]], policies, backend), wanted);
                        for size in [1, 7, 63, 64, 65] {
                            assert_eq!(decode(wire.chunks(size), policies, backend), wanted);
                        }
                    }
                }
            }
        }
    }
}

/// Octets as mail has them, with what matters standing close together often.
fn mail() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[ -~]{0,90}".prop_map(String::into_bytes),
        4 => Just(b"\r\n".to_vec()),
        1 => Just(b".".to_vec()),
        1 => Just(b"\r\n.".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
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
    fn long_mail_at_any_split(
        mail in mail(), policies in policies(), end in any::<bool>(), sizes in prop::collection::vec(1..200_usize, 1..20),
    ) {
        let mut wire = mail;
        if end {
            wire.extend_from_slice(b"\r\n.\r\nRSET\r\n");
        }
        let wanted = reference::decode(&wire, &policies);
        for backend in Backend::available() {
            prop_assert_eq!(&decode([&wire[..]], &policies, backend), &wanted);
            let (mut rest, mut chunks) = (&wire[..], Vec::new());
            for size in sizes.iter().cycle() {
                let (chunk, after) = rest.split_at((*size).min(rest.len()));
                chunks.push(chunk);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(&decode(chunks, &policies, backend), &wanted);
        }
    }

    #[test]
    fn encode_then_decode_is_the_identity(lines in prop::collection::vec("[.a-c\u{0}]{0,80}", 0..40), size in 1..200_usize) {
        let data: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
        for backend in Backend::available() {
            let mut encoder = DataEncoder::with_backend(BarePolicy::Reject, BarePolicy::Reject, backend).unwrap();
            let mut wire = Vec::new();
            for chunk in data.chunks(size) {
                encoder.encode(chunk, &mut wire).unwrap();
            }
            encoder.finish(&mut wire).unwrap();
            let policies = DataPolicies { nul: KeepPolicy::Keep, ..Default::default() };
            let decoded = decode([&wire[..]], &policies, backend);
            prop_assert_eq!(&decoded.out, &data);
            prop_assert!(decoded.eof && decoded.violation.is_none() && decoded.consumed == wire.len());
        }
    }

    #[test]
    fn what_is_encoded_has_one_end_and_no_bare_octet(data in mail(), size in 1..200_usize) {
        for backend in Backend::available() {
            let mut encoder = DataEncoder::with_backend(BarePolicy::Normalize, BarePolicy::Normalize, backend).unwrap();
            let mut wire = Vec::new();
            for chunk in data.chunks(size) {
                encoder.encode(chunk, &mut wire).unwrap();
            }
            encoder.finish(&mut wire).unwrap();
            let policies = DataPolicies { nul: KeepPolicy::Keep, long_line: KeepPolicy::Keep, ..Default::default() };
            let decoded = decode([&wire[..]], &policies, backend);
            prop_assert!(decoded.eof && decoded.violation.is_none() && decoded.consumed == wire.len());

            let mut strict = DataEncoder::with_backend(BarePolicy::Reject, BarePolicy::Reject, backend).unwrap();
            let mut out = Vec::new();
            let result = data.chunks(size).try_for_each(|chunk| strict.encode(chunk, &mut out));
            let result = result.and_then(|()| strict.finish(&mut out));
            let keep = DataPolicies { bare_cr: BarePolicy::Keep, bare_lf: BarePolicy::Keep, ..policies };
            // A space keeps dots from starting lines, so that the decoder sees every octet as mail data.
            let seen = reference::decode(&[&data.replace_dots()[..], b" "].concat(), &keep).report;
            let fault = match (seen.first_bare_cr, seen.first_bare_lf) {
                (Some(cr), Some(lf)) if lf < cr => Some(Violation::new(Fault::BareLf, lf)),
                (Some(cr), _) => Some(Violation::new(Fault::BareCr, cr)),
                (None, lf) => lf.map(|lf| Violation::new(Fault::BareLf, lf)),
            };
            prop_assert_eq!(result.err(), fault);
        }
    }
}

trait ReplaceDots {
    fn replace_dots(&self) -> Vec<u8>;
}

impl ReplaceDots for Vec<u8> {
    fn replace_dots(&self) -> Vec<u8> {
        self.iter().map(|&octet| if octet == b'.' { b'-' } else { octet }).collect()
    }
}

#[test]
fn the_encoder_writes_what_the_rfc_says() {
    let encode = |data: &[u8]| {
        let mut encoder = DataEncoder::new(BarePolicy::Reject, BarePolicy::Reject).unwrap();
        let mut wire = Vec::new();
        encoder.encode(data, &mut wire)?;
        encoder.finish(&mut wire)?;
        Ok::<_, Violation>(wire)
    };
    assert_eq!(encode(b"").unwrap(), b".\r\n");
    assert_eq!(encode(b"a").unwrap(), b"a\r\n.\r\n");
    assert_eq!(encode(b"a\r\n").unwrap(), b"a\r\n.\r\n");
    assert_eq!(encode(b".\r\n..\r\n.a").unwrap(), b"..\r\n...\r\n..a\r\n.\r\n");
    assert_eq!(encode(b"a\n"), Err(Violation::new(Fault::BareLf, 1)));
    assert_eq!(encode(b"a\r"), Err(Violation::new(Fault::BareCr, 1)));
    assert_eq!(DataEncoder::new(BarePolicy::Keep, BarePolicy::Reject).unwrap_err(), Fault::BareCr);
}

#[test]
fn finish_tells_whether_it_was_whole() {
    let finish = |wire: &[u8]| {
        let mut decoder = DataDecoder::new(DataPolicies::default());
        decoder.decode(wire, &mut Vec::new());
        decoder.finish()
    };
    assert_eq!(finish(b"a\r\n.\r\n").unwrap().size, 3);
    assert_eq!(finish(b"a\r\n.\r"), Err(Violation::new(Fault::Unfinished, 5)));
    assert_eq!(finish(b"a\n.\r\n"), Err(Violation::new(Fault::BareLf, 1)));
}

#[test]
fn an_endless_line_costs_no_memory() {
    let mut decoder = DataDecoder::new(DataPolicies::default());
    let (chunk, mut out) = (vec![b'x'; 65536], Vec::new());
    for _ in 0..1024 {
        assert_eq!(decoder.decode(&chunk, &mut out), chunk.len());
    }
    assert_eq!(out.len(), 1000);
    assert_eq!(decoder.report().size, 64 << 20);
    assert_eq!(decoder.violation(), Some(Violation::new(Fault::LongLine, 1000)));
}
