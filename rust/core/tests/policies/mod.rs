//! The policies that the decoders are tried under.

use lonedot_core::data::{BarePolicy, DataPolicies, KeepPolicy, LineEnds};

const BARE: [BarePolicy; 3] = [BarePolicy::Reject, BarePolicy::Keep, BarePolicy::Normalize];
const KEEP: [KeepPolicy; 2] = [KeepPolicy::Reject, KeepPolicy::Keep];
const LINE_ENDS: [LineEnds; 2] = [LineEnds::Crlf, LineEnds::Lf];

/// Every policy under these limits.
pub(crate) fn policies_with(max_line: u64, max_size: u64) -> impl Iterator<Item = DataPolicies> {
    (0..3 * 3 * 2 * 2 * 2).map(move |number| DataPolicies {
        max_size,
        max_line,
        bare_cr: BARE[number % 3],
        bare_lf: BARE[number / 3 % 3],
        nul: KEEP[number / 9 % 2],
        long_line: KEEP[number / 18 % 2],
        line_ends: LINE_ENDS[number / 36],
    })
}

/// Every policy, without limits that matter and with limits of a few octets.
pub(crate) fn every_policy() -> Vec<DataPolicies> {
    let limits = [(1000, u64::MAX), (3, u64::MAX), (1000, 4), (3, 3)];
    let all: Vec<_> = limits.into_iter().flat_map(|(line, size)| policies_with(line, size)).collect();
    assert_eq!(all.len(), 288);
    all
}

/// Nothing is refused.
pub(crate) fn keep() -> DataPolicies {
    DataPolicies {
        bare_cr: BarePolicy::Keep,
        bare_lf: BarePolicy::Keep,
        nul: KeepPolicy::Keep,
        long_line: KeepPolicy::Keep,
        ..DataPolicies::default()
    }
}

/// What is bare is rewritten, the rest is kept.
pub(crate) fn normalize() -> DataPolicies {
    DataPolicies { bare_cr: BarePolicy::Normalize, bare_lf: BarePolicy::Normalize, ..keep() }
}
