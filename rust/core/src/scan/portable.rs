//! The kernel for every machine: loops over octets that a compiler makes vectors of, and numbers of eight octets.

use std::mem::MaybeUninit;

use super::{BLOCK, Job, Kernel, Masks, Slot, WideSlot};

pub(super) struct Portable;

const TOP: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

/// For each octet, the bit of the eight it stands in.
const BITS: [u8; BLOCK] = {
    let mut bits = [0; BLOCK];
    let mut place = 0;
    while place < BLOCK {
        bits[place] = 1 << (place / 8);
        place += 1;
    }
    bits
};

/// The octets for which `wanted` holds.
#[inline(always)]
fn mask(octets: &[u8; BLOCK], wanted: impl Fn(u8) -> bool) -> u64 {
    // Written so that compilers make vectors of both lines.
    let marks: [u8; BLOCK] = std::array::from_fn(|place| if wanted(octets[place]) { BITS[place] } else { 0 });
    transposed(marks.as_chunks().0.iter().fold(0, |bits, eight| bits | u64::from_le_bytes(*eight)))
}

/// Bit `8i + j` for bit `8j + i`: bits, pairs and fours change places across the diagonal.
#[inline(always)]
const fn transposed(mut bits: u64) -> u64 {
    let mut swap = (bits ^ bits >> 7) & 0x00aa_00aa_00aa_00aa;
    bits ^= swap ^ swap << 7;
    swap = (bits ^ bits >> 14) & 0x0000_cccc_0000_cccc;
    bits ^= swap ^ swap << 14;
    swap = (bits ^ bits >> 28) & 0x0000_0000_f0f0_f0f0;
    bits ^ swap ^ swap << 28
}

impl Kernel for Portable {
    type Block = [u8; BLOCK];

    #[inline(never)]
    fn apart<J: Job>(job: J) -> J::Output {
        job.run::<Self>()
    }

    #[inline(always)]
    fn load(octets: &[u8; BLOCK]) -> Self::Block {
        *octets
    }

    #[inline(always)]
    fn masks(block: Self::Block) -> Masks {
        Masks { cr: mask(&block, |octet| octet == b'\r'), lf: mask(&block, |octet| octet == b'\n') }
    }

    #[inline(always)]
    fn is_odd(block: Self::Block) -> bool {
        // An octet that is zero borrows from its top bit.
        let (words, _) = block.as_chunks::<8>();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        words.fold(0, |odd, word| odd | word | word.wrapping_sub(ONES)) & TOP != 0
    }

    #[inline(always)]
    fn nul(block: Self::Block) -> u64 {
        mask(&block, |octet| octet == 0)
    }

    #[inline(always)]
    fn dots(block: Self::Block, among: u64) -> u64 {
        mask(&block, |octet| octet == b'.') & among
    }

    #[inline(always)]
    fn control(block: Self::Block) -> u64 {
        mask(&block, |octet| !matches!(octet, b' '..=b'~'))
    }

    #[inline(always)]
    fn tabs(block: Self::Block) -> u64 {
        mask(&block, |octet| octet == b'\t')
    }

    #[inline(always)]
    fn eight_bit(block: Self::Block) -> u64 {
        mask(&block, |octet| octet > 127)
    }

    #[inline(always)]
    fn store(block: Self::Block, slot: &mut Slot) {
        *slot = block.map(MaybeUninit::new);
    }

    #[inline(never)]
    fn pack(octets: &[u8; BLOCK], keep: u64, slot: &mut Slot) {
        let mut at = 0;
        for (i, octets) in octets.as_chunks::<8>().0.iter().enumerate() {
            let keep = (keep >> (8 * i)) as u8;
            if keep == u8::MAX {
                // At most eight octets for each eight before these, so there is room.
                for (slot, octet) in slot[at..at + 8].iter_mut().zip(octets) {
                    *slot = MaybeUninit::new(*octet);
                }
                at += 8;
            } else {
                // Each is written, and the next in its place unless it is kept: nobody can predict which are.
                for (j, octet) in octets.iter().enumerate() {
                    slot[at] = MaybeUninit::new(*octet);
                    at += usize::from(keep >> j & 1);
                }
            }
        }
    }

    #[inline(always)]
    fn spread(octets: &[u8; BLOCK], add: u64, slot: &mut WideSlot) {
        let mut added = 0;
        let write = |slot: &mut WideSlot, at: usize, word: u64| {
            for (slot, octet) in slot[at..at + 8].iter_mut().zip(word.to_le_bytes()) {
                *slot = MaybeUninit::new(octet);
            }
        };
        for (i, word) in octets.as_chunks::<8>().0.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            let mut add = add >> (8 * i) & 0xff;
            write(slot, 8 * i + added, word);
            // What stands behind is written again, each time a place later.
            while add != 0 {
                let place = add.trailing_zeros() as usize;
                let rest = word >> (8 * place);
                let more = if rest as u8 == b'\n' { b'\r' } else { b'.' };
                slot[8 * i + place + added] = MaybeUninit::new(more);
                added += 1;
                write(slot, 8 * i + place + added, rest);
                add &= add - 1;
            }
        }
    }
}
