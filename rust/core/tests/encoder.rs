//! The encoder against the obvious one, and as the inverse of the decoder: at every split, with every kernel.

mod cores;
mod feed;
mod inputs;
mod reference;
#[path = "reference/encode.rs"]
mod reference_encode;

use cores::on_all_cores;
use feed::Feed;
use inputs::{FILLINGS, PATTERNS, SIZES, fill, mail, strings};
use lonedot_core::data::{BarePolicy, DataEncoder, DataPolicies, KeepPolicy};
use lonedot_core::scan::Backend;
use lonedot_core::{Fault, Violation};
use proptest::prelude::*;

const CHOICES: [BarePolicy; 2] = [BarePolicy::Reject, BarePolicy::Normalize];

fn encode<'a>(
    chunks: impl Iterator<Item = &'a [u8]>,
    bare_cr: BarePolicy,
    bare_lf: BarePolicy,
    backend: Backend,
) -> Result<Vec<u8>, Violation> {
    let mut encoder = DataEncoder::with_backend(bare_cr, bare_lf, backend).unwrap();
    let mut wire = Vec::new();
    for chunk in chunks {
        encoder.encode(chunk, &mut wire)?;
    }
    encoder.finish(&mut wire)?;
    Ok(wire)
}

/// Holds the encoder against the obvious one under every policy, and the decoder against what was encoded.
fn check<'a, I: Iterator<Item = &'a [u8]>>(data: &[u8], splits: impl Fn() -> Vec<I>) {
    let policies = DataPolicies { nul: KeepPolicy::Keep, max_line: u64::MAX, ..DataPolicies::default() };
    for (bare_cr, bare_lf) in CHOICES.into_iter().flat_map(|cr| CHOICES.map(|lf| (cr, lf))) {
        let wanted = reference_encode::encode(data, bare_cr, bare_lf);
        for backend in Backend::available() {
            let name = backend.name();
            for (nth, chunks) in splits().into_iter().enumerate() {
                let seen = encode(chunks, bare_cr, bare_lf, backend);
                let wanted = wanted.as_ref().map(|(wire, _)| wire).map_err(Clone::clone);
                assert_eq!(seen.as_ref().map_err(Clone::clone), wanted, "{name}, split {nth}, {}", data.escape_ascii());
            }
            if let Ok((wire, mail_data)) = &wanted {
                let decoded = reference::decode(wire, &policies);
                assert_eq!(&decoded.out, mail_data);
                assert!(decoded.eof && decoded.violation.is_none() && decoded.consumed == wire.len());
                Feed::default().check([&wire[..]].into_iter(), &policies, backend, &decoded);
            }
        }
    }
}

#[test]
fn every_string_of_seven_at_every_split() {
    let strings = strings(7);
    on_all_cores(strings.len(), |piece| {
        let data = &strings[piece][..];
        check(data, || (0..=data.len()).map(|split| [&data[..split], &data[split..]].into_iter()).collect());
        check(data, || vec![data.chunks(1)]);
    });
}

#[test]
fn patterns_at_every_offset_of_the_blocks() {
    on_all_cores(PATTERNS.len() * 201, |piece| {
        let (pattern, offset) = (PATTERNS[piece % PATTERNS.len()], piece / PATTERNS.len());
        for (nth, filling) in FILLINGS.iter().enumerate() {
            let tail = fill(FILLINGS[nth % 4], (piece * FILLINGS.len() + nth) % 131);
            let data = [fill(filling, offset), pattern.to_vec(), tail].concat();
            let size = SIZES[(piece + nth) % SIZES.len()];
            check(&data, || vec![data.chunks(data.len()), data.chunks(size)]);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn long_mail_at_any_split(data in mail(), size in prop_oneof![1..200_usize, 1..5000_usize]) {
        check(&data, || vec![data.chunks(data.len().max(1)), data.chunks(size)]);
    }

    /// Where nothing is bare, what is decoded is what was encoded.
    #[test]
    fn encode_then_decode_is_the_identity(lines in prop::collection::vec("[.a-c\u{0}]{0,80}", 0..40)) {
        let data = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>().into_bytes();
        let (_, mail_data) = reference_encode::encode(&data, BarePolicy::Reject, BarePolicy::Reject).unwrap();
        prop_assert_eq!(&mail_data, &data);
        check(&data, || vec![data.chunks(1), data.chunks(61)]);
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
