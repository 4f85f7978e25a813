//! The block way through mail data: 64 octets are decided by their masks, and their mail data is written as they are read.
//!
//! Takes octets from a decided place on; gives how many it took and how many it wrote. It takes what can be decided without
//! refusing or rewriting anything and without knowing what comes next; where that ends it stops, and the octet way goes on
//! ([`super::decoder`]). What a policy keeps is counted here, at full speed.
//!
//! Two loops share it: [`Line::quiet`] takes the blocks in which there is nothing but text and CRLFs, with so little to keep
//! that all of it stays in registers; [`Line::block`] takes one of any kind. What one block leaves open for the next is kept
//! in four bits of [`Line`]. What is still open when the way ends is put back: a last CR, a last dot that starts a line.

use super::decoder::DataDecoder;
use super::policies::{BarePolicy, KeepPolicy, LineEnds};
use super::report::DataReport;
use super::state::State;
use crate::scan::{BLOCK, Kernel, Masks};

/// Octets of the terminator that no line before it owns: `.` CR LF.
const TERMINATOR: usize = 3;

/// Where the last block left off, and what is counted in every block: kept apart from all else, to stay in registers.
struct Line {
    /// Octets of the current line.
    length: u64,
    longest: u64,
    ended: u64,
    dots: u64,
    /// One when the block before ended with a line.
    start: u64,
    /// One when it ended with a CR.
    after_cr: u64,
    /// One when it ended with a dot that starts a line.
    after_dot: u64,
    /// One when a line's first octet, its transparency dot aside, was its last.
    first_octet: u64,
}

/// What does not change from block to block.
struct Rules {
    max_line: u64,
    lf: bool,
    refuse_cr: bool,
    refuse_lf: bool,
    refuse_nul: bool,
    /// All bits set when mail data is handed out, none when it is dropped.
    kept: usize,
}

/// Where a block stands, and where what is rare is counted.
struct Place<'a> {
    /// Octets of the wire before the way began.
    offset: u64,
    /// Octets taken on the way.
    at: u64,
    report: &'a mut DataReport,
}

/// What a block gave.
struct Taken {
    octets: usize,
    written: usize,
    end: bool,
    quiet: bool,
}

impl DataDecoder {
    /// Decides on blocks as long as it can. Returns how many octets it took and how many it wrote to `out`, which has room
    /// for all of `chunk` and a block.
    #[inline(always)]
    pub(super) fn blocks<K: Kernel>(&mut self, chunk: &[u8], out: &mut [u8]) -> (usize, usize) {
        if self.policies.max_line < BLOCK as u64 {
            return (0, 0);
        }
        let unbroken = self.violation.is_none();
        let rules = Rules {
            max_line: self.policies.max_line,
            lf: self.policies.line_ends == LineEnds::Lf,
            refuse_cr: unbroken && self.policies.bare_cr != BarePolicy::Keep,
            refuse_lf: unbroken && self.policies.bare_lf != BarePolicy::Keep,
            refuse_nul: unbroken && self.policies.nul != KeepPolicy::Keep,
            kept: if unbroken { usize::MAX } else { 0 },
        };
        // As many octets as cannot pass the size limit.
        let allowed = if unbroken { self.policies.max_size - self.report.size } else { u64::MAX };
        let chunk = &chunk[..chunk.len().min(usize::try_from(allowed).unwrap_or(usize::MAX))];
        let mut line = Line {
            length: self.line,
            longest: self.report.longest_line,
            ended: 0,
            dots: 0,
            start: u64::from(self.state == State::LineStart),
            after_cr: 0,
            after_dot: 0,
            first_octet: 0,
        };
        let (mut at, mut written, mut end, mut quiet) = (0, 0, false, true);
        while at < chunk.len() && !end {
            if quiet {
                let sought = self.report.header_end.is_none();
                let (octets, packed) = line.quiet::<K>(&chunk[at..], &rules, sought, &mut out[written..]);
                at += octets;
                written += packed;
            }
            let rest = &chunk[at..];
            let (block, length) = match rest.first_chunk::<BLOCK>() {
                Some(octets) => (K::load(octets), BLOCK),
                None if rest.is_empty() => break,
                None => {
                    let mut octets = [b' '; BLOCK];
                    octets[..rest.len()].copy_from_slice(rest);
                    (K::load(&octets), rest.len())
                }
            };
            let Some(slot) = out[written..].first_chunk_mut::<BLOCK>() else { break };
            let mut place = Place { offset: self.offset, at: at as u64, report: &mut self.report };
            let Some(taken) = line.block::<K>(block, length, &rules, &mut place, slot) else { break };
            at += taken.octets;
            written += taken.written & rules.kept;
            end = taken.end;
            // Where one block was not, the next is seldom.
            quiet = taken.quiet;
        }
        if line.after_cr == 1 {
            at -= 1;
            line.length -= 1;
            written -= usize::from(unbroken && !rules.lf);
        } else if line.after_dot == 1 {
            at -= 1;
            line.dots -= 1;
        }
        self.report.size += at as u64 - line.dots;
        self.report.dots_removed += line.dots;
        self.report.lines += line.ended;
        self.report.longest_line = line.longest;
        self.line = line.length;
        self.state = if line.length == 0 { State::LineStart } else { State::Text };
        if end {
            at += TERMINATOR;
            self.line = 0;
            self.state = State::End;
        }
        self.offset += at as u64;
        (at, written)
    }
}

impl Line {
    /// Takes whole blocks of text and CRLFs. Stops at one with anything else, with a line too long, or, while the end of the
    /// header section is `sought`, with what may be an empty line. Returns how many octets it took and how many it wrote.
    #[inline(always)]
    fn quiet<K: Kernel>(&mut self, chunk: &[u8], rules: &Rules, sought: bool, out: &mut [u8]) -> (usize, usize) {
        if self.after_dot == 1 {
            return (0, 0);
        }
        let Self { mut length, mut longest, mut ended, .. } = *self;
        // The masks of the block before, as far as they are looked at.
        let (mut cr_before, mut lf_before) = (self.after_cr << 63, self.start << 63 | self.first_octet << 62);
        let (mut at, mut written) = (0, 0);
        while let (Some(octets), Some(slot)) = (chunk[at..].first_chunk(), out[written..].first_chunk_mut()) {
            let block = K::load(octets);
            let Masks { cr, lf, odd } = K::masks(block);
            let starts = lf << 1 | lf_before >> 63;
            let dots = K::dots(block, starts);
            if lf ^ (cr << 1 | cr_before >> 63) | odd | dots != 0 {
                break;
            }
            if sought && lf & (starts << 1 | 1) != 0 {
                break;
            }
            // Without a branch, because whether a line ends in a block is what nobody can predict.
            let ends = u64::from(lf != 0);
            let first = length + u64::from(lf.trailing_zeros()) + ends;
            if first > rules.max_line {
                break;
            }
            longest = longest.max(first * ends);
            if longest < BLOCK as u64 {
                longest = measure(longest, lf & lf.wrapping_sub(1), starts);
            }
            length = length * (1 - ends) + u64::from(lf.leading_zeros());
            ended += u64::from(lf.count_ones());
            if rules.lf {
                K::pack(block, !cr, slot);
                written += (BLOCK - cr.count_ones() as usize) & rules.kept;
            } else {
                K::store(block, slot);
                written += BLOCK & rules.kept;
            }
            (cr_before, lf_before) = (cr, lf);
            at += BLOCK;
        }
        let (start, after_cr, first_octet) = (lf_before >> 63, cr_before >> 63, lf_before >> 62 & 1);
        *self = Self { length, longest, ended, start, after_cr, first_octet, ..*self };
        (at, written)
    }

    /// Decides on the first `length` octets of a block. None when they are the octet way's to decide; nothing has changed
    /// then.
    #[inline(always)]
    fn block<K: Kernel>(
        &mut self,
        block: K::Block,
        length: usize,
        rules: &Rules,
        place: &mut Place<'_>,
        out: &mut [u8; BLOCK],
    ) -> Option<Taken> {
        let Masks { cr, lf, odd } = K::masks(block);
        let after_cr = cr << 1 | self.after_cr;
        let starts = (lf & after_cr) << 1 | self.start;
        let dots = K::dots(block, starts);

        let (mut octets, mut end) = (length, false);
        if dots | self.after_dot != 0 {
            // A dot and a CR: the terminator if an LF is next, and the octet way's to decide if not.
            if self.after_dot & cr == 1 {
                return None;
            }
            let dot_cr = dots & cr >> 1;
            if dot_cr != 0 {
                octets = dot_cr.trailing_zeros() as usize;
                end = bit(lf, octets + 2);
                if !end {
                    return None;
                }
            }
        }
        let valid = below(octets);
        let (cr, crlf, dots) = (cr & valid, lf & after_cr & valid, dots & valid);
        let bare_lf = lf & !after_cr & valid;
        // A place late, so that the CR that ended the block before is seen.
        let bare_cr = after_cr & !lf & valid;
        let odd = odd & valid;

        // Only the line that began before this block can pass, in it, a limit of a block's length or more.
        let first_end = if crlf == 0 { octets as u64 } else { u64::from(crlf.trailing_zeros()) + 1 };
        let first = self.length + first_end - (dots & 1);
        if first > rules.max_line && self.length <= rules.max_line {
            return None;
        }
        if bare_cr | bare_lf | odd != 0 {
            let eight_bit = if odd == 0 { 0 } else { K::eight_bit(block) & odd };
            let nul = odd & !eight_bit;
            // A CR was left out of the block before as half a line end, and is none.
            let missed = rules.lf && bare_cr & self.after_cr == 1;
            if missed
                || rules.refuse_cr & (bare_cr != 0) | rules.refuse_lf & (bare_lf != 0) | rules.refuse_nul & (nul != 0)
            {
                return None;
            }
            count_odd(place.report, place.offset + place.at, bare_cr, bare_lf, nul, eight_bit);
        }

        let first_octets = starts & !dots | dots << 1 | self.after_dot;
        if place.report.header_end.is_none() {
            let empty = crlf & (first_octets << 1 | self.first_octet);
            if empty != 0 {
                let end = empty.trailing_zeros();
                let removed = self.dots + u64::from((dots & below(end as usize)).count_ones());
                place.report.header_end = Some(place.report.size + place.at + u64::from(end) - 1 - removed);
            }
        }
        if crlf == 0 {
            self.length = first;
        } else {
            self.ended += u64::from(crlf.count_ones());
            self.longest = self.longest.max(first);
            if self.longest < BLOCK as u64 {
                self.longest = measure(self.longest, crlf & (crlf - 1), first_octets);
            }
            let last = BLOCK - crlf.leading_zeros() as usize;
            self.length = (octets - last) as u64 - u64::from(bit(dots, last));
        }
        self.dots += u64::from(dots.count_ones());

        let mut removed = dots;
        if rules.lf {
            // A last CR counts as half a line end until the next octet tells.
            removed |= cr & (crlf >> 1 | 1 << (octets.max(1) - 1));
        }
        let written = if removed == 0 {
            K::store(block, out);
            octets
        } else {
            let keep = valid & !removed;
            K::pack(block, keep, out);
            keep.count_ones() as usize
        };
        if octets > 0 {
            self.start = u64::from(bit(crlf, octets - 1));
            self.after_cr = u64::from(bit(cr, octets - 1));
            self.after_dot = u64::from(bit(dots, octets - 1));
            self.first_octet = u64::from(bit(first_octets, octets - 1));
        }
        Some(Taken { octets, written, end, quiet: dots | bare_cr | bare_lf | odd == 0 })
    }
}

/// The longest line, given the longest before this block, the LFs of the lines that begin and end in it, and the first
/// octets of lines.
#[inline(never)]
fn measure(longest: u64, ends: u64, starts: u64) -> u64 {
    // A line is longer than the longest when no line starts in the last so many octets up to its end. Growing the window by
    // its own width decides that for all lines at once.
    let (mut near, mut width) = (starts, 1);
    while width < longest {
        let more = width.min(longest - width);
        near |= near << more;
        width += more;
    }
    let (mut longest, mut longer) = (longest, ends & !near);
    while longer != 0 {
        let end = longer.trailing_zeros();
        let start = BLOCK as u32 - 1 - (starts & below(end as usize)).leading_zeros();
        longest = longest.max(u64::from(end + 1 - start));
        longer &= longer - 1;
    }
    longest
}

/// Counts what text does not have, in a block at `offset`. `bare_cr` is marked at the octets after.
#[inline(never)]
fn count_odd(report: &mut DataReport, offset: u64, bare_cr: u64, bare_lf: u64, nul: u64, eight_bit: u64) {
    let count = |mask: u64, before: u64, number: &mut u64, first: &mut Option<u64>| {
        if mask != 0 {
            *number += u64::from(mask.count_ones());
            first.get_or_insert(offset + u64::from(mask.trailing_zeros()) - before);
        }
    };
    count(bare_cr, 1, &mut report.bare_cr, &mut report.first_bare_cr);
    count(bare_lf, 0, &mut report.bare_lf, &mut report.first_bare_lf);
    count(nul, 0, &mut report.nul, &mut report.first_nul);
    count(eight_bit, 0, &mut report.eight_bit, &mut report.first_eight_bit);
}

/// The `count` lowest bits.
#[inline(always)]
const fn below(count: usize) -> u64 {
    if count >= BLOCK { u64::MAX } else { (1 << count) - 1 }
}

/// Bit `place`, which is not set past the block.
#[inline(always)]
const fn bit(mask: u64, place: usize) -> bool {
    place < BLOCK && mask >> place & 1 == 1
}
