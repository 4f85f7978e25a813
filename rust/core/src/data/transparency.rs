//! The block way out: 64 octets are decided by their masks, and what they become on the wire is written as they are read.
//!
//! Takes octets of mail data from any place on; gives how many it took. A dot that starts a line gets another one, a bare
//! LF a CR, a bare CR becomes a space (RFC 5321 §4.5.2). Two loops share it: [`Open::text`] takes the blocks in which
//! nothing is refused and no CR is bare; [`Open::block`] takes one of any kind, and the last octets of a chunk. A CR that
//! ends a block is written like any other octet; if the next one shows that it is bare, it is replaced or taken back.

use super::room::Room;
use super::text::AHEAD;
use crate::scan::{BLOCK, Job, Kernel, Masks, below};
use crate::violation::{Fault, Violation};

/// What a block leaves open for the next, each in its lowest bit.
#[derive(Clone, Copy)]
pub(super) struct Open {
    /// Whether the last octet was a CR.
    pub cr: u64,
    /// Whether a line starts.
    pub start: u64,
}

/// What is refused: all ones, or zero.
#[derive(Clone, Copy)]
pub(super) struct Refused {
    pub cr: u64,
    pub lf: u64,
}

impl Open {
    /// Takes whole blocks as long as there is room for them, and returns how many octets. `IN_PLACE`: writes nothing, and
    /// stops where something would change.
    #[inline(always)]
    pub(super) fn text<'r, K: Kernel, const IN_PLACE: bool>(
        &mut self,
        chunk: &[u8],
        refused: Refused,
        room: Room<'r>,
    ) -> (usize, Room<'r>) {
        // Past the end of little is somebody else's memory.
        if chunk.len() < 4 * AHEAD {
            K::apart(Text::<IN_PLACE, false> { open: self, chunk, refused, room })
        } else {
            K::apart(Text::<IN_PLACE, true> { open: self, chunk, refused, room })
        }
    }

    /// Takes the first `length` octets of a block, for which there has to be room. Returns how many it took. `IN_PLACE`:
    /// none, if something would change.
    ///
    /// # Errors
    /// What is refused, with its offset after `offset`. All before it is written.
    #[inline(always)]
    pub(super) fn block<K: Kernel, const IN_PLACE: bool>(
        &mut self,
        octets: &[u8; BLOCK],
        mut length: usize,
        refused: Refused,
        offset: u64,
        room: &mut Room<'_>,
    ) -> Result<usize, Violation> {
        let block = K::load(octets);
        let Masks { cr, lf } = K::masks(block);
        let after_cr = cr << 1 | self.cr;
        // A place late, so that the CR that ended the block before is seen.
        let (bare_cr, bare_lf) = (after_cr & !lf, lf & !after_cr);
        let bare = (bare_cr & refused.cr | bare_lf & refused.lf) & below(length);
        let mut violation = None;
        if bare != 0 && !IN_PLACE {
            length = bare.trailing_zeros() as usize;
            let of_cr = bare_cr >> length & 1;
            let fault = if of_cr == 1 { Fault::BareCr } else { Fault::BareLf };
            violation = Some((Violation::new(fault, offset + length as u64 - of_cr), of_cr));
        }
        let valid = below(length);
        let add = (K::dots(block, lf << 1 | self.start) | bare_lf) & valid;
        let bare_cr = bare_cr & valid;
        if IN_PLACE {
            if add | bare_cr != 0 {
                return Ok(0);
            }
        } else {
            let before = room.filled();
            if add == 0 {
                room.store::<K>(block, length);
            } else {
                room.spread::<K>(octets, add, length + add.count_ones() as usize);
            }
            let mut bare_cr = bare_cr;
            while bare_cr != 0 {
                let place = bare_cr.trailing_zeros() as usize;
                room.replace(before + place + (add & below(place)).count_ones() as usize - 1, b' ');
                bare_cr &= bare_cr - 1;
            }
            if let Some((violation, of_cr)) = violation {
                room.take_back(of_cr as usize);
                return Err(violation);
            }
        }
        *self = Self { cr: cr >> (length - 1) & 1, start: lf >> (length - 1) & 1 };
        Ok(length)
    }
}

struct Text<'a, 'r, const IN_PLACE: bool, const FAR: bool> {
    open: &'a mut Open,
    chunk: &'a [u8],
    refused: Refused,
    room: Room<'r>,
}

impl<'r, const IN_PLACE: bool, const FAR: bool> Job for Text<'_, 'r, IN_PLACE, FAR> {
    type Output = (usize, Room<'r>);

    #[inline(always)]
    fn run<K: Kernel>(self) -> Self::Output {
        let Text { open, chunk, refused, mut room } = self;
        let Open { mut cr, mut start } = *open;
        let mut taken = 0;
        let (blocks, _) = chunk.as_chunks::<BLOCK>();
        for octets in blocks {
            if FAR {
                K::will_read(octets.as_ptr().wrapping_add(AHEAD));
            }
            if FAR && !IN_PLACE {
                K::will_write(room.next().wrapping_add(AHEAD));
            }
            let block = K::load(octets);
            let masks = K::masks(block);
            let after_cr = masks.cr << 1 | cr;
            let bare = masks.lf ^ after_cr;
            if bare & (after_cr | refused.lf) != 0 || !IN_PLACE && !room.has_wide_block() {
                break;
            }
            let add = K::dots(block, masks.lf << 1 | start) | bare;
            if IN_PLACE {
                if add != 0 {
                    break;
                }
            } else if add == 0 {
                room.store::<K>(block, BLOCK);
            } else {
                room.spread::<K>(octets, add, BLOCK + add.count_ones() as usize);
            }
            (cr, start) = (masks.cr >> (BLOCK - 1), masks.lf >> (BLOCK - 1));
            taken += BLOCK;
        }
        *open = Open { cr, start };
        (taken, room)
    }
}
