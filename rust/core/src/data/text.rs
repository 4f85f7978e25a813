//! The loop over blocks of text: octets, CRLFs and transparency dots, nothing refused and nothing open.
//!
//! Nearly all mail data is this. So little has to be kept from block to block that all of it stays in registers; what is
//! rare ends the loop and is [`super::block`]'s.

use std::marker::PhantomData;

use super::blocks::{Line, Rules};
use super::handing::Handing;
use super::room::Room;
use crate::scan::{BLOCK, Job, Kernel};

/// How far ahead the memory is asked, in octets: about as far as one comes while it answers.
pub(super) const AHEAD: usize = 4096;

impl Line {
    /// Takes whole blocks, and returns how many octets. Stops before a block in which there is a bare CR or LF, a NUL, the
    /// first octet over 127, the end of the header section while it is `sought`, a line too long, a dot that may be the
    /// terminator's; and before a change, where what is handed out stays where it is.
    #[inline(always)]
    pub(super) fn text<'r, K: Kernel, H: Handing, const TRANSPARENCY: bool>(
        &mut self,
        chunk: &[u8],
        rules: &Rules,
        sought: bool,
        room: Room<'r>,
    ) -> (usize, Room<'r>) {
        // Past the end of little is somebody else's memory.
        let far = chunk.len() >= 4 * AHEAD;
        let short = self.longest < BLOCK as u64;
        let text = Text { line: self, chunk, max_line: rules.max_line, sought, room };
        match (short, far) {
            (false, false) => K::apart(Loop::<_, H, TRANSPARENCY, false, false>(text, PhantomData)),
            (false, true) => K::apart(Loop::<_, H, TRANSPARENCY, false, true>(text, PhantomData)),
            (true, false) => K::apart(Loop::<_, H, TRANSPARENCY, true, false>(text, PhantomData)),
            (true, true) => K::apart(Loop::<_, H, TRANSPARENCY, true, true>(text, PhantomData)),
        }
    }
}

struct Text<'a, 'r> {
    line: &'a mut Line,
    chunk: &'a [u8],
    max_line: u64,
    sought: bool,
    room: Room<'r>,
}

/// The loop, compiled for each way to hand out; with transparency and without; for `SHORT` lines, as long as none was as long
/// as a block: several may end in one; and for a chunk that reaches `FAR`, for which memory is asked ahead. What a loop has no
/// use for costs it no register.
struct Loop<T, H, const TRANSPARENCY: bool, const SHORT: bool, const FAR: bool>(T, PhantomData<H>);

impl<T, H, const TRANSPARENCY: bool, const SHORT: bool, const FAR: bool> Loop<T, H, TRANSPARENCY, SHORT, FAR> {
    /// Of the first octets of lines, those that may be transparency dots. A branch on it would cost the loops with transparency
    /// an instruction for each block.
    const DOTTED: u64 = if TRANSPARENCY { u64::MAX } else { 0 };
}

impl<'r, H: Handing, const TRANSPARENCY: bool, const SHORT: bool, const FAR: bool> Job
    for Loop<Text<'_, 'r>, H, TRANSPARENCY, SHORT, FAR>
{
    type Output = (usize, Room<'r>);

    #[inline(always)]
    fn run<K: Kernel>(self) -> Self::Output {
        let Text { line, chunk, max_line, sought, mut room } = self.0;
        let Line { mut length, mut longest, mut ended, mut dots_removed, mut cr, mut crlf, dots, .. } = *line;
        // A dot or a CR that ended the block before, and may be the terminator's or an empty line's.
        if dots >> (BLOCK - 1) == 1 || sought && cr >> (BLOCK - 1) & crlf >> (BLOCK - 2) == 1 {
            return (0, room);
        }
        let sought = if sought { u64::MAX } else { 0 };
        // A line is looked at when it may be the longest, or too long.
        let mut cap = longest.min(max_line);
        let mut steps = if SHORT { widening(longest) } else { 0 };
        let filled = room.filled();
        let (all, _) = chunk.as_chunks::<BLOCK>();
        let mut blocks = all.iter();
        while let Some(octets) = blocks.as_slice().first() {
            if FAR {
                K::will_read(octets.as_ptr().wrapping_add(AHEAD));
            }
            if FAR && H::WRITTEN {
                K::will_write(room.next().wrapping_add(AHEAD));
            }
            let block = K::load(octets);
            let masks = K::masks(block);
            let lf = masks.lf;
            // All LFs follow the CRs.
            if lf != (masks.cr << 1 | cr >> 63) || H::WRITTEN && !room.has_block() {
                break;
            }
            let starts = lf << 1 | crlf >> 63;
            let dots = K::dots(block, starts & Self::DOTTED);
            let empty = starts & masks.cr & sought;
            let mut begun = length;
            if dots | empty != 0 {
                if !H::CHANGED || empty | dots & (masks.cr >> 1 | 1 << (BLOCK - 1)) != 0 {
                    break;
                }
                begun = begun.wrapping_sub(dots & 1);
            }
            // With no LF one too many: what goes on is an octet longer at least.
            let first = begun.wrapping_add(u64::from(lf.trailing_zeros()) + 1);
            if first > cap {
                if first - u64::from(lf == 0) > max_line && length <= max_line {
                    break;
                }
                // Whoever takes this block, the line ends in it.
                if lf != 0 {
                    longest = longest.max(first);
                }
                cap = longest.min(max_line);
                if SHORT {
                    steps = widening(longest);
                }
            }
            if K::is_odd(block) {
                if line.eight_bit == 0 || K::nul(block) != 0 {
                    break;
                }
                line.eight_bit += u64::from(K::eight_bit(block).count_ones());
            }

            if H::WRITTEN && H::LF {
                room.pack::<K>(octets, !(masks.cr | dots));
            } else if H::WRITTEN && dots == 0 {
                room.store::<K>(block, BLOCK);
            } else if H::WRITTEN {
                room.pack::<K>(octets, !dots);
            }
            // The line goes on, or is the one after the last LF, or after the dot behind it.
            length = (if lf == 0 { length } else { 0 }) + u64::from((lf | dots).leading_zeros());
            if !H::WRITTEN {
                dots_removed += u64::from(dots.count_ones());
            }
            ended += u64::from(lf.count_ones());
            (cr, crlf) = (masks.cr, lf);
            blocks.next();
            if SHORT {
                // A dot that starts a line makes the next octet its first: the sum carries it there.
                let longer = measure(longest, steps, lf & lf.wrapping_sub(1), starts + dots);
                if longer != longest {
                    longest = longer;
                    (cap, steps) = (longest.min(max_line), widening(longest));
                }
                // No line that both begins and ends in a block can be longer from here on.
                if longest >= BLOCK as u64 {
                    break;
                }
            }
        }
        let taken = (all.len() - blocks.len()) * BLOCK;
        if H::WRITTEN {
            // What was taken and not written: dots, and CRs where they are left out.
            let crs = if H::LF { ended - line.ended + (cr >> 63) - (line.cr >> 63) } else { 0 };
            dots_removed += (taken - (room.filled() - filled)) as u64 - crs;
        }
        // Dots that were taken away ended none of these blocks.
        *line = Line { length, longest, ended, dots_removed, cr, crlf, dots: 0, ..*line };
        (taken, room)
    }
}

/// How to look for lines longer than some length under a block's: by what to widen a window of one octet, in steps of an octet
/// each, lowest first.
#[inline(always)]
pub(super) const fn widening(length: u64) -> u64 {
    let (mut steps, mut width, mut place) = (0, 1, 0);
    while width < length && length < BLOCK as u64 {
        let more = if width < length - width { width } else { length - width };
        steps |= more << place;
        width += more;
        place += 8;
    }
    steps
}

/// The longest line, given the longest before this block and its [`widening`], the LFs of the lines that begin and end in it,
/// and the first octets of lines.
#[inline(always)]
pub(super) fn measure(longest: u64, mut steps: u64, ends: u64, starts: u64) -> u64 {
    // A line is longer when none starts in the last so many octets up to its end. Growing the window by up to its own width
    // decides that for all lines at once.
    let mut near = starts;
    while steps != 0 {
        near |= near << (steps & 0x3f);
        steps >>= 8;
    }
    let longer = ends & !near;
    if longer == 0 { longest } else { longest_of(longest, longer, starts) }
}

/// The same, given the LFs of the lines that are longer.
#[cold]
#[inline(never)]
fn longest_of(mut longest: u64, mut longer: u64, starts: u64) -> u64 {
    while longer != 0 {
        let end = longer.trailing_zeros();
        let start = BLOCK as u32 - 1 - (starts & ((1 << end) - 1)).leading_zeros();
        longest = longest.max(u64::from(end + 1 - start));
        longer &= longer - 1;
    }
    longest
}
