//! The kernel for every machine: eight octets at a time in a `u64`.
//!
//! Most words of text hold no line end and no odd octet, so each word is first asked whether it may, by a test that never
//! misses one and sometimes cries wolf; only then are the exact masks made.

use super::{BLOCK, Kernel, Masks};

pub(super) struct Portable;

const LOW_SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const TOP: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

/// The octet `o` in all eight places.
const fn splat(o: u8) -> u64 {
    u64::from_ne_bytes([o; 8])
}

/// The top bits of eight octets, side by side in the low eight bits, first octet lowest.
#[inline(always)]
const fn gather(tops: u64) -> u64 {
    // Bit 8i+7 is moved to bit 56+i by exactly one term of the product; no two terms meet.
    (tops >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// The octets of `word` that are zero, exactly: the low seven bits are summed apart from the top one, so that nothing is
/// carried from one octet to the next.
#[inline(always)]
const fn zeros(word: u64) -> u64 {
    gather(!(((word & LOW_SEVEN) + LOW_SEVEN) | word) & TOP)
}

impl Kernel for Portable {
    type Block = [u64; BLOCK / 8];

    #[inline(always)]
    fn load(octets: &[u8; BLOCK]) -> Self::Block {
        let (words, _) = octets.as_chunks::<8>();
        std::array::from_fn(|i| u64::from_le_bytes(words[i]))
    }

    #[inline(always)]
    fn masks(block: Self::Block) -> Masks {
        let mut masks = Masks::default();
        for (i, word) in block.into_iter().enumerate() {
            // An octet below 14 or over 127 makes its top bit here; so may, by a borrow, the one after it.
            if (word.wrapping_sub(ONES * 14) | word) & TOP == 0 {
                continue;
            }
            masks.cr |= zeros(word ^ splat(b'\r')) << (8 * i);
            masks.lf |= zeros(word ^ splat(b'\n')) << (8 * i);
            masks.odd |= (zeros(word) | gather(word & TOP)) << (8 * i);
        }
        masks
    }

    #[inline(always)]
    fn dots(block: Self::Block, mut among: u64) -> u64 {
        let mut dots = 0;
        while among != 0 {
            let place = among.trailing_zeros();
            let octet = block[place as usize / 8] >> (place % 8 * 8) & 0xff;
            dots |= u64::from(octet == u64::from(b'.')) << place;
            among &= among - 1;
        }
        dots
    }

    #[inline(always)]
    fn eight_bit(block: Self::Block) -> u64 {
        block.into_iter().enumerate().fold(0, |mask, (i, word)| mask | gather(word & TOP) << (8 * i))
    }

    #[inline(always)]
    fn store(block: Self::Block, out: &mut [u8; BLOCK]) {
        let (words, _) = out.as_chunks_mut::<8>();
        for (to, word) in words.iter_mut().zip(block) {
            *to = word.to_le_bytes();
        }
    }

    #[inline(always)]
    fn pack(block: Self::Block, keep: u64, out: &mut [u8; BLOCK]) {
        let mut octets = [0; BLOCK];
        Self::store(block, &mut octets);
        let (mut from, mut to, mut removed) = (0, 0, !keep);
        while removed != 0 {
            let hole = removed.trailing_zeros() as usize;
            out[to..to + hole - from].copy_from_slice(&octets[from..hole]);
            to += hole - from;
            from = hole + 1;
            removed &= removed - 1;
        }
        out[to..to + BLOCK - from].copy_from_slice(&octets[from..]);
    }
}
