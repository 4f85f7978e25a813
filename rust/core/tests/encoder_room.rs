//! Every way in which the encoder hands out gives the same: appended, left where it is, written into room that is often too
//! little. `encoder.rs` tries more input, appended.

mod cores;
mod inputs;
#[allow(dead_code, reason = "what decodes is for others")]
mod placed;
#[path = "reference/encode.rs"]
mod reference_encode;

use std::mem::MaybeUninit;

use cores::on_all_cores;
use inputs::{FILLINGS, PATTERNS, SIZES, fill, mail, strings};
use lonedot_core::Violation;
use lonedot_core::data::{BarePolicy, DataEncoder, Room};
use lonedot_core::scan::Backend;
use placed::Placed;
use proptest::prelude::*;

const REJECT: BarePolicy = BarePolicy::Reject;
const NORMALIZE: BarePolicy = BarePolicy::Normalize;
const CHOICES: [(BarePolicy, BarePolicy); 4] =
    [(REJECT, REJECT), (REJECT, NORMALIZE), (NORMALIZE, REJECT), (NORMALIZE, NORMALIZE)];

#[derive(Debug, Clone, Copy)]
enum Way {
    Append,
    InPlace,
    /// Into memory that has so many octets more than no octets take.
    Room(usize),
}

impl Way {
    fn encode(self, encoder: &mut DataEncoder, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        match self {
            Self::Append => encoder.encode(chunk, out),
            Self::InPlace => {
                let taken = encoder.encode_in_place(chunk);
                out.extend_from_slice(&chunk[..taken]);
                encoder.encode(&chunk[taken..], out)
            }
            Self::Room(more) => into_rooms(encoder, chunk, more, out),
        }
    }
}

/// Goes on in room as small as before where there was too little.
fn into_rooms(encoder: &mut DataEncoder, chunk: &[u8], more: usize, out: &mut Vec<u8>) -> Result<(), Violation> {
    let mut memory = vec![MaybeUninit::uninit(); encoder.room_for(0) + more];
    let mut rest = chunk;
    while !rest.is_empty() {
        let mut room = Room::new(&mut memory);
        let enough = room.left() >= encoder.room_for(rest.len());
        let taken = encoder.encode_into(rest, &mut room);
        out.extend_from_slice(room.octets());
        let taken = taken?;
        assert!(taken > 0 && (taken == rest.len() || !enough), "{taken} of {}", rest.len());
        rest = &rest[taken..];
    }
    Ok(())
}

/// Holds every way against the obvious encoder, with every kernel and every policy. What is written before a refusal is what
/// the octets before it become.
fn check(data: &[u8], size: usize, more: usize) {
    for (bare_cr, bare_lf) in CHOICES {
        let obvious = |data| reference_encode::encode(data, bare_cr, bare_lf).map(|(wire, _)| wire);
        let wanted = obvious(data);
        for backend in Backend::available() {
            for way in [Way::Append, Way::InPlace, Way::Room(0), Way::Room(more)] {
                let mut encoder = DataEncoder::with_backend(bare_cr, bare_lf, backend).unwrap();
                let mut out = Vec::new();
                let seen = data.chunks(size).try_for_each(|chunk| way.encode(&mut encoder, chunk, &mut out));
                let name = backend.name();
                match (seen.and_then(|()| encoder.finish(&mut out)), &wanted) {
                    (Ok(()), Ok(wire)) => assert!(&out == wire, "{name} {way:?} {size}: {}", data.escape_ascii()),
                    (Err(seen), Err(violation)) => {
                        assert_eq!(seen, *violation, "{name} {way:?} {size}: {}", data.escape_ascii());
                        let wire = obvious(&data[..violation.offset as usize]).unwrap();
                        let end = wire.strip_prefix(&out[..]).expect("what comes before it is written, and no more");
                        assert!([&b".\r\n"[..], b"\r\n.\r\n"].contains(&end), "{name} {way:?}: {}", end.escape_ascii());
                    }
                    (seen, _) => panic!("{name} {way:?} {seen:?}, not {wanted:?}: {}", data.escape_ascii()),
                }
            }
        }
    }
}

#[test]
fn every_short_string_octet_by_octet_and_whole() {
    let strings = strings(6);
    on_all_cores(strings.len(), |piece| {
        let data = &strings[piece][..];
        (1..=data.len().max(1)).for_each(|size| check(data, size, 1));
    });
}

#[test]
fn patterns_at_every_offset_of_the_blocks() {
    on_all_cores(PATTERNS.len() * 201, |piece| {
        let (pattern, offset) = (PATTERNS[piece % PATTERNS.len()], piece / PATTERNS.len());
        for (nth, filling) in FILLINGS.iter().enumerate() {
            let tail = fill(FILLINGS[nth % 4], (piece * FILLINGS.len() + nth) % 131);
            let data = [fill(filling, offset), pattern.to_vec(), tail].concat();
            check(&data, data.len(), offset);
            check(&data, SIZES[(piece + nth) % SIZES.len()], offset);
        }
    });
}

/// Chunks in which the loop aligns its reads, and some in which it asks the memory ahead.
#[test]
fn long_chunks_at_every_address() {
    on_all_cores(64 * FILLINGS.len(), |piece| {
        let (past, filling) = (piece % 64, FILLINGS[piece / 64]);
        let mut data = fill(filling, 20_000);
        check(Placed::new(&data, 0, past).octets(), data.len(), 10_000);
        for (at, pattern) in [(2_100 + past, b"b\rc"), (9_000 + past, b"\n.\n"), (18_000 + past, b"d\n.")] {
            data[at..at + 3].copy_from_slice(pattern);
            check(Placed::new(&data, 0, past).octets(), data.len(), 300 * past);
        }
    });
}

#[test]
fn what_goes_out_as_it_stands_stays_in_place() {
    let lines = b"Nothing is added here.\r\n \r\n\0\xff a.b\r\n".repeat(600);
    for backend in Backend::available() {
        let encoder = || DataEncoder::with_backend(REJECT, REJECT, backend).unwrap();
        for length in (0..300).chain(lines.len() - 300..=lines.len()) {
            let data = &lines[..length];
            // A last CR waits for what comes next.
            let held = usize::from(data.ends_with(b"\r"));
            assert_eq!(encoder().encode_in_place(data), length - held, "{}", backend.name());
        }
        assert_eq!(encoder().encode_in_place(b".a\r\n"), 0);
        let mut after_cr = encoder();
        after_cr.encode(b"\r", &mut Vec::new()).unwrap();
        assert_eq!(after_cr.encode_in_place(b"\n"), 0, "the CR before it is written now");
    }
}

#[test]
fn there_is_room_for_the_worst() {
    for (bare_lf, worst) in [(REJECT, b".\r\n"), (NORMALIZE, b"\n\n\n")] {
        for length in (0..9).chain([3000, 3001, 3002]) {
            let mut encoder = DataEncoder::new(NORMALIZE, bare_lf).unwrap();
            // This CR becomes a space, and is written with what comes next.
            encoder.encode(b"a\r", &mut Vec::new()).unwrap();
            let data = [b"a\r\n", &worst.repeat(1001)[..]].concat();
            let mut memory = vec![MaybeUninit::uninit(); encoder.room_for(length)];
            assert_eq!(encoder.encode_into(&data[..length], &mut Room::new(&mut memory)), Ok(length), "{bare_lf:?}");
        }
    }
}

#[test]
fn without_room_nothing_is_taken() {
    let mut encoder = DataEncoder::new(NORMALIZE, NORMALIZE).unwrap();
    for octet in [b"\r", b"\n", b"."] {
        assert_eq!(encoder.encode_into(octet, &mut Room::default()), Ok(0));
        encoder.encode(octet, &mut Vec::new()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn long_mail_in_any_chunks(data in mail(), size in prop_oneof![1..200_usize, 1..5000_usize], more in 0..3000_usize) {
        check(&data, data.len().max(1), more);
        check(&data, size, more);
    }
}
