//! The kernel for every machine: eight octets at a time in a `u64`.
//!
//! Each comparison is exact, without the false neighbours of the shorter tricks: the low seven bits are summed apart from
//! the top bit, so that nothing is carried from one octet to the next.

use super::{BLOCK, Kernel, Masks};

pub(super) struct Portable;

const LOW_SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const TOP: u64 = 0x8080_8080_8080_8080;

/// Each octet `o` in all eight places.
const fn splat(o: u8) -> u64 {
    u64::from_ne_bytes([o; 8])
}

/// The top bits of eight octets, side by side in the low eight bits, first octet lowest.
#[inline(always)]
const fn gather(tops: u64) -> u64 {
    // Bit 8i+7 is moved to bit 56+i by exactly one term of the product; no two terms meet.
    (tops >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// The octets of `word` that are zero.
#[inline(always)]
const fn zeros(word: u64) -> u64 {
    gather(!(((word & LOW_SEVEN) + LOW_SEVEN) | word) & TOP)
}

impl Kernel for Portable {
    #[inline(always)]
    fn masks(block: &[u8; BLOCK]) -> Masks {
        let mut masks = Masks::default();
        let (words, _) = block.as_chunks::<8>();
        for (i, word) in words.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            masks.cr |= zeros(word ^ splat(b'\r')) << (8 * i);
            masks.lf |= zeros(word ^ splat(b'\n')) << (8 * i);
            masks.dot |= zeros(word ^ splat(b'.')) << (8 * i);
            masks.nul |= zeros(word) << (8 * i);
            masks.eight_bit |= gather(word & TOP) << (8 * i);
        }
        masks
    }
}
