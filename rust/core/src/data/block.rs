//! One block of any kind, or the last octets of a chunk: everything that can be decided without refusing or rewriting
//! anything.

use super::blocks::{Line, Rules};
use super::handing::Handing;
use super::report::DataReport;
use super::room::Room;
use super::text::{measure, widening};
use crate::scan::{BLOCK, Kernel, Masks, below};

/// Where a block stands, and where what is rare is counted.
pub(super) struct Place<'a> {
    /// Octets of the wire before the way began.
    pub offset: u64,
    /// Octets taken on the way.
    pub at: u64,
    pub report: &'a mut DataReport,
}

/// What a block gave.
pub(super) struct Taken {
    pub octets: usize,
    /// Whether the terminator is next.
    pub end: bool,
    /// Whether the next block may well be text alone.
    pub text: bool,
}

impl Line {
    /// Decides on the first `length` octets of a block, of which `seen` have come. None when they are the octet way's to decide; nothing has changed
    /// then.
    #[inline(always)]
    pub(super) fn block<K: Kernel, H: Handing, const TRANSPARENCY: bool>(
        &mut self,
        block: &[u8; BLOCK],
        length: usize,
        seen: usize,
        rules: &Rules,
        place: &mut Place<'_>,
        room: &mut Room<'_>,
    ) -> Option<Taken> {
        let loaded = K::load(block);
        let Masks { cr, lf } = K::masks(loaded);
        let after_cr = cr << 1 | self.cr >> (BLOCK - 1);
        let after_dot = self.dots >> (BLOCK - 1);
        let starts = (lf & after_cr) << 1 | self.crlf >> (BLOCK - 1);
        let dots = if TRANSPARENCY { K::dots(loaded, starts) } else { 0 };

        let (mut octets, mut end) = (length, false);
        if dots | after_dot != 0 {
            // A dot and a CR: the terminator if an LF is next, and a bare CR like any other if something else is. Before
            // what is not seen here, the block ends before the dot.
            if after_dot & cr == 1 && (lf >> 1 & 1 == 1 || seen < 2) {
                return None;
            }
            let open = dots & cr >> 1 & below(length) & (lf >> 2 | !below(seen.saturating_sub(2)));
            if open != 0 {
                octets = open.trailing_zeros() as usize;
                end = octets + 2 < BLOCK && lf >> (octets + 2) & 1 == 1;
                if !end && octets == 0 {
                    return None;
                }
            }
        }
        let valid = below(octets);
        let (cr, crlf, dots) = (cr & valid, lf & after_cr & valid, dots & valid);
        let bare_lf = lf & !after_cr & valid;
        // A place late, so that the CR that ended the block before is seen.
        let bare_cr = after_cr & !lf & valid;

        // Only the line that began before this block can pass, in it, a limit of a block's length or more.
        let first_end = if crlf == 0 { octets as u64 } else { u64::from(crlf.trailing_zeros()) + 1 };
        let first = self.length.wrapping_sub(dots & 1).wrapping_add(first_end);
        if first > rules.max_line && self.length <= rules.max_line {
            return None;
        }
        let mut removed = dots;
        if H::LF {
            // A last CR counts as half a line end until the next octet tells.
            removed |= cr & (crlf >> 1 | 1 << (octets.max(1) - 1));
        }
        if !H::CHANGED && removed != 0 {
            return None;
        }
        let (mut nul, mut eight_bit) = (0, 0);
        if K::is_odd(loaded) {
            (nul, eight_bit) = (K::nul(loaded) & valid, K::eight_bit(loaded) & valid);
        }
        if bare_cr | bare_lf | nul != 0 {
            // A CR was left out of the block before as half a line end, and is none.
            let missed = H::LF && bare_cr & self.cr >> (BLOCK - 1) == 1;
            if missed
                || rules.refuse_cr & (bare_cr != 0) | rules.refuse_lf & (bare_lf != 0) | rules.refuse_nul & (nul != 0)
            {
                return None;
            }
        }
        if H::WRITTEN && !room.has_block() {
            return None;
        } else if H::WRITTEN && removed == 0 {
            room.store::<K>(loaded, octets);
        } else if H::WRITTEN {
            room.pack::<K>(block, valid & !removed);
        }

        if bare_cr | bare_lf | nul | eight_bit != 0 {
            self.eight_bit += u64::from(eight_bit.count_ones());
            count(place.report, place.offset + place.at, bare_cr, bare_lf, nul, eight_bit);
        }
        if place.report.header_end.is_none() {
            // CRLF, and two octets on another one. No transparency dot was between: what follows one is no line end.
            let empty = crlf & (crlf << 2 | self.crlf >> (BLOCK - 2));
            if empty != 0 {
                let end = empty.trailing_zeros();
                let removed = self.dots_removed + u64::from((dots & below(end as usize)).count_ones());
                place.report.header_end = Some(place.report.size + place.at + u64::from(end) - 1 - removed);
            }
        }
        if crlf == 0 {
            self.length = first;
        } else {
            self.ended += u64::from(crlf.count_ones());
            self.longest = self.longest.max(first);
            if self.longest < BLOCK as u64 {
                let steps = widening(self.longest);
                self.longest = measure(self.longest, steps, crlf & (crlf - 1), starts & valid & !dots | dots << 1);
            }
            let last = BLOCK - crlf.leading_zeros() as usize;
            self.length = (octets - last) as u64 - u64::from(dots > crlf);
        }
        self.dots_removed += u64::from(dots.count_ones());
        if octets > 0 {
            // As if the block ended with them. A CRLF before a single octet is still looked at.
            let behind = BLOCK - octets;
            let earlier = self.crlf.checked_shr(octets as u32).unwrap_or(0);
            (self.cr, self.crlf, self.dots) = (cr << behind, crlf << behind | earlier, dots << behind);
        }
        Some(Taken { octets, end, text: bare_cr | bare_lf | nul == 0 })
    }
}

/// Counts what text does not have, in a block at `offset`. `bare_cr` is marked at the octets after.
#[inline(never)]
fn count(report: &mut DataReport, offset: u64, bare_cr: u64, bare_lf: u64, nul: u64, eight_bit: u64) {
    let first = |mask: u64, before: u64, first: &mut Option<u64>| {
        if mask != 0 {
            first.get_or_insert(offset + u64::from(mask.trailing_zeros()) - before);
        }
        u64::from(mask.count_ones())
    };
    report.bare_cr += first(bare_cr, 1, &mut report.first_bare_cr);
    report.bare_lf += first(bare_lf, 0, &mut report.first_bare_lf);
    report.nul += first(nul, 0, &mut report.first_nul);
    first(eight_bit, 0, &mut report.first_eight_bit);
}
