//! The block way through mail data: 64 octets are decided by their masks, and their mail data is written as they are read.
//!
//! Takes octets from a decided place on; gives how many it took. It takes what can be decided without refusing or rewriting
//! anything and without knowing what comes next; where that ends it stops, and the octet way goes on
//! ([`super::decoder`]). What a policy keeps is counted here, at full speed.
//!
//! Two loops share it: [`Line::text`] takes the blocks in which there is nothing but text, CRLFs and transparency dots;
//! [`Line::block`] takes one of any kind. What one block leaves open for the next is kept in [`Line`]. What is still open
//! when the way ends is put back: a last CR, a last dot that starts a line.

use std::mem::take;

use super::block::Place;
use super::decoder::Decoder;
use super::handing::Handing;
use super::policies::{BarePolicy, KeepPolicy};
use super::room::Room;
use super::state::State;
use crate::scan::{BLOCK, Kernel};

/// Octets of the terminator that no line before it owns: `.` CR LF.
const TERMINATOR: usize = 3;

/// Octets from which on it pays to take a short block first.
pub(super) const WORTH_ALIGNING: usize = 32 * BLOCK;

/// Where the last block left off, and what is counted in every block: kept apart from all else, to stay in registers.
pub(super) struct Line {
    /// Octets of the current line.
    pub length: u64,
    pub longest: u64,
    pub ended: u64,
    pub dots_removed: u64,
    pub eight_bit: u64,
    /// The last block's CRs, the LFs of its CRLFs, and its transparency dots.
    pub cr: u64,
    pub crlf: u64,
    pub dots: u64,
}

/// What does not change from block to block.
pub(super) struct Rules {
    pub max_line: u64,
    pub refuse_cr: bool,
    pub refuse_lf: bool,
    pub refuse_nul: bool,
}

impl<const TRANSPARENCY: bool> Decoder<TRANSPARENCY> {
    /// Decides on blocks as long as it can. Returns how many octets it took.
    #[inline(always)]
    pub(super) fn blocks<K: Kernel, H: Handing>(&mut self, chunk: &[u8], room: &mut Room<'_>) -> usize {
        if self.policies.max_line < BLOCK as u64 {
            return 0;
        }
        let unbroken = self.violation.is_none();
        let rules = Rules {
            max_line: self.policies.max_line,
            refuse_cr: unbroken && self.policies.bare_cr != BarePolicy::Keep,
            refuse_lf: unbroken && self.policies.bare_lf != BarePolicy::Keep,
            refuse_nul: unbroken && self.policies.nul != KeepPolicy::Keep,
        };
        // As many octets as cannot pass the size limit.
        let allowed = if unbroken { self.policies.max_size - self.report.size } else { u64::MAX };
        let chunk = &chunk[..chunk.len().min(usize::try_from(allowed).unwrap_or(usize::MAX))];
        let mut line = Line {
            length: self.line,
            longest: self.report.longest_line,
            ended: 0,
            dots_removed: 0,
            eight_bit: self.report.eight_bit,
            cr: 0,
            crlf: u64::from(self.state == State::LineStart) << (BLOCK - 1),
            dots: 0,
        };
        let mut filled = take(room);
        let (mut at, mut end, mut text) = (0, false, true);
        while !end {
            let left = chunk.len() - at;
            // Reads that cross cache lines cost a fifth of the speed.
            let short = chunk[at..].as_ptr().align_offset(BLOCK);
            let aligned = short == 0 || left < WORTH_ALIGNING;
            if text && aligned && left >= BLOCK {
                let sought = self.report.header_end.is_none();
                let (taken, left) = line.text::<K, H, TRANSPARENCY>(&chunk[at..], &rules, sought, filled);
                (at, filled) = (at + taken, left);
            }
            let rest = &chunk[at..];
            let (mut padded, block);
            let seen = rest.len().min(BLOCK);
            let mut length = seen;
            if let Some(whole) = rest.first_chunk() {
                block = whole;
                if !aligned {
                    length = short;
                }
            } else if rest.is_empty() {
                break;
            } else {
                padded = [b' '; BLOCK];
                padded[..length].copy_from_slice(rest);
                block = &padded;
            }
            let mut place = Place { offset: self.offset, at: at as u64, report: &mut self.report };
            let Some(taken) = line.block::<K, H, TRANSPARENCY>(block, length, seen, &rules, &mut place, &mut filled)
            else {
                break;
            };
            at += taken.octets;
            end = taken.end;
            // Where one block was not, the next is seldom.
            text = taken.text;
        }
        let mut put_back = 0;
        if line.cr >> (BLOCK - 1) == 1 {
            at -= 1;
            line.length -= 1;
            put_back = usize::from(H::WRITTEN && !H::LF);
        } else if line.dots >> (BLOCK - 1) == 1 {
            at -= 1;
            line.dots_removed -= 1;
        }
        filled.take_back(put_back);
        *room = filled;
        self.report.size += at as u64 - line.dots_removed;
        self.report.dots_removed += line.dots_removed;
        self.report.eight_bit = line.eight_bit;
        self.report.lines += line.ended;
        self.report.longest_line = line.longest;
        self.line = line.length;
        self.state = if line.length == 0 { State::LineStart } else { State::Text };
        if end && H::CHANGED {
            at += TERMINATOR;
            self.line = 0;
            self.state = State::End;
        }
        self.offset += at as u64;
        at
    }
}
