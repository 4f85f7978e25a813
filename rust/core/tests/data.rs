//! The decoder against the obvious one: every short string, also around the edges of blocks; every pattern at every offset;
//! random mail. At every split, with every kernel.

mod cores;
mod feed;
mod inputs;
mod placed;
mod policies;
mod reference;

use cores::on_all_cores;
use feed::{Feed, WAYS};
use inputs::{FILLINGS, PATTERNS, SIZES, fill, mail, strings};
use lonedot_core::data::{BarePolicy, DataDecoder, DataPolicies, KeepPolicy, LineEnds};
use lonedot_core::scan::Backend;
use lonedot_core::{Fault, Violation};
use placed::Placed;
use policies::{every_policy, keep, normalize, policies_with};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Whether a policy can say something about a string: not about octets it does not have, nor about lines past a limit
/// it is too short for. Of the policies that differ only in what they cannot say, one is enough.
fn has_a_say(policies: &DataPolicies, wire: &[u8]) -> bool {
    (wire.contains(&b'\r') || policies.bare_cr == BarePolicy::Reject)
        && (wire.contains(&b'\n') || policies.bare_lf == BarePolicy::Reject && policies.line_ends == LineEnds::Crlf)
        && (wire.contains(&0) || policies.nul == KeepPolicy::Reject)
        && (wire.len() as u64 > policies.max_line || policies.long_line == KeepPolicy::Reject)
}

#[test]
fn every_string_of_seven_at_every_split_under_every_policy() {
    let (strings, all) = (strings(7), every_policy());
    let kernels: Vec<_> = Backend::available().collect();
    on_all_cores(strings.len(), |piece| {
        let mut feed = Feed::default();
        let wire = &strings[piece];
        for (run, policies) in all.iter().filter(|policies| has_a_say(policies, wire)).enumerate() {
            let wanted = reference::decode(wire, policies);
            // Four fifths of the strings have seven octets: for them the kernels take turns.
            let turn = (piece + run) % kernels.len();
            for &backend in if wire.len() < 7 { &kernels[..] } else { &kernels[turn..=turn] } {
                feed.check([&wire[..]].into_iter(), policies, backend, &wanted);
                // In place, with splits, the strings of four are enough: see below.
                feed.check_ways(&WAYS[..1], wire.chunks(1), policies, backend, &wanted);
                for (a, b) in (1..wire.len()).map(|split| wire.split_at(split)) {
                    feed.check_ways(&WAYS[..1], [a, b].into_iter(), policies, backend, &wanted);
                }
            }
        }
    });
}

/// Policies that between them take every way through the rules, with limits a block can hold and cannot.
fn policies_of_blocks() -> Vec<DataPolicies> {
    let strict = DataPolicies::default();
    let (keep, normalize) = (keep(), normalize());
    vec![
        strict,
        keep,
        normalize,
        DataPolicies { line_ends: LineEnds::Lf, ..strict },
        DataPolicies { line_ends: LineEnds::Lf, max_line: 70, ..keep },
        DataPolicies { line_ends: LineEnds::Lf, max_line: 128, ..normalize },
        DataPolicies { max_line: 64, ..keep },
        DataPolicies { max_line: 100, bare_cr: BarePolicy::Keep, ..strict },
        DataPolicies { max_line: 129, long_line: KeepPolicy::Reject, ..keep },
        DataPolicies { max_size: 64, ..keep },
        DataPolicies { max_size: 140, max_line: 65, ..strict },
        DataPolicies { max_size: 128, line_ends: LineEnds::Lf, ..normalize },
    ]
}

/// The short strings again, where a block ends and the next begins, and where the chunk ends a while after.
#[test]
fn every_string_of_four_around_the_edges_of_blocks() {
    let (strings, policies) = (strings(4), policies_of_blocks());
    on_all_cores(strings.len(), |piece| {
        let mut feed = Feed::default();
        let string = &strings[piece];
        for (offset, filling) in (61..=65).flat_map(|offset| FILLINGS.map(|filling| (offset, filling))) {
            for tail in [0, (piece + offset) % 131] {
                let wire = [fill(filling, offset), string.clone(), fill(FILLINGS[1], tail)].concat();
                for policies in &policies {
                    let wanted = reference::decode(&wire, policies);
                    for backend in Backend::available() {
                        feed.check([&wire[..]].into_iter(), policies, backend, &wanted);
                        for split in offset..=offset + string.len() {
                            let (a, b) = wire.split_at(split);
                            feed.check([a, b].into_iter(), policies, backend, &wanted);
                        }
                    }
                }
            }
        }
    });
}

/// In a long chunk, at every address within a block, in every state that a chunk before can leave.
#[test]
fn every_string_of_four_at_every_address() {
    let (strings, policies) = (strings(4), policies_of_blocks());
    on_all_cores(strings.len(), |piece| {
        let mut feed = Feed::default();
        for (nth, before) in
            [&b""[..], b"a", b"a\r\n", b"\r", b"\r\n.", b"\r\n.\r", b".a\r\n\r"].into_iter().enumerate()
        {
            // Long enough for a decoder to align its reads.
            let wire = [before, &strings[piece], &fill(FILLINGS[(piece + nth) % 4], 2200)].concat();
            let policies = &policies[(piece + nth) % policies.len()];
            let wanted = reference::decode(&wire, policies);
            for past in 0..64 {
                let placed = Placed::new(&wire, before.len(), past);
                let (a, b) = placed.octets().split_at(before.len());
                for backend in Backend::available() {
                    feed.check([a, b].into_iter(), policies, backend, &wanted);
                }
            }
        }
    });
}

#[test]
fn patterns_at_every_offset_of_the_blocks() {
    let policies = policies_of_blocks();
    // What comes after: nothing, an end, and so much that the pattern stands any way before the end of the chunk.
    let tails: Vec<_> = (0..=130).map(|octets| fill(FILLINGS[octets % 4], octets)).collect();
    on_all_cores(PATTERNS.len() * 201, |piece| {
        let mut feed = Feed::default();
        let (pattern, offset) = (PATTERNS[piece % PATTERNS.len()], piece / PATTERNS.len());
        for (nth, filling) in FILLINGS.iter().enumerate() {
            let some = &tails[(piece * FILLINGS.len() + nth) % tails.len()];
            for tail in [b"", &b"\r\n.\r\nQUIT\r\n"[..], some] {
                let wire = [&fill(filling, offset), pattern, tail].concat();
                for (run, policies) in policies.iter().enumerate() {
                    let wanted = reference::decode(&wire, policies);
                    for backend in Backend::available() {
                        feed.check([&wire[..]].into_iter(), policies, backend, &wanted);
                        let (way, size) = (&WAYS[piece % 2..][..1], SIZES[(run + piece) % SIZES.len()]);
                        feed.check_ways(way, wire.chunks(size), policies, backend, &wanted);
                    }
                }
            }
        }
    });
}

/// Mail data with or without its end, and what may follow it.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let end = prop::sample::select(vec!["", "\r\n.\r\n", "\r\n.\r\nRSET\r\n", "\r\n.\r"]);
    (mail(), end).prop_map(|(mail, end)| [&mail, end.as_bytes()].concat())
}

fn policies() -> impl Strategy<Value = DataPolicies> {
    let limits = (prop_oneof![Just(1000_u64), 1..200_u64], prop_oneof![3 => Just(u64::MAX), 1 => 0..8000_u64]);
    let tolerant = DataPolicies { max_line: u64::MAX, ..policies_of_blocks()[1] };
    let any = (limits, 0..72_usize).prop_map(|((line, size), nth)| policies_with(line, size).nth(nth).unwrap());
    prop_oneof![3 => any, 1 => Just(tolerant), 1 => Just(DataPolicies { line_ends: LineEnds::Lf, ..tolerant })]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn long_mail_at_any_split(
        wire in stream(), policies in policies(), sizes in prop::collection::vec(prop_oneof![1..200_usize, 1..5000_usize], 1..20),
    ) {
        let mut feed = Feed::default();
        let wanted = reference::decode(&wire, &policies);
        let (mut rest, mut chunks) = (&wire[..], Vec::new());
        for size in sizes.into_iter().cycle() {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            chunks.push(chunk);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        for backend in Backend::available() {
            feed.check([&wire[..]].into_iter(), &policies, backend, &wanted);
            feed.check(chunks.iter().copied(), &policies, backend, &wanted);
        }
    }
}

/// A random test is worth what its generator reaches.
#[test]
fn random_mail_is_long_and_has_everything() {
    let (mut runner, mail, policies) = (TestRunner::deterministic(), stream(), policies());
    let mut reached = [0; 9];
    for _ in 0..1000 {
        let wire = mail.new_tree(&mut runner).unwrap().current();
        let policies = policies.new_tree(&mut runner).unwrap().current();
        let decoded = reference::decode(&wire, &policies);
        let report = decoded.report;
        let has = |run: &str| wire.windows(run.len()).any(|octets| octets == run.as_bytes());
        let seen = [
            wire.len() >= 4096,
            report.longest_line > 64 && decoded.violation.is_none(),
            report.longest_line > 1000,
            has(&"\r\n..".repeat(40)),
            has(&"\r\n".repeat(80)),
            decoded.eof && report.size >= 1024,
            decoded.out.len() >= 1024 && report.dots_removed >= 20,
            decoded.violation.is_some_and(|violation| violation.offset >= 1024),
            report.bare_cr > 0 && report.bare_lf > 0 && report.nul > 0 && report.eight_bit > 0 && report.lines > 20,
        ];
        reached = std::array::from_fn(|i| reached[i] + usize::from(seen[i]));
    }
    assert!(reached.iter().all(|&times| times >= 30), "{reached:?}");
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
