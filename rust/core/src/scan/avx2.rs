//! The AVX2 kernel: a block is two registers; packing and spreading shuffle eight octets at a time, by
//! tables.
//!
//! A home of `unsafe`: it holds the calls that need these instructions at run time. The one obligation is that the processor
//! has the features named in [`detected`]; a `Backend` of this kind is made only after that check.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _MM_HINT_ET0, _MM_HINT_T0, _mm_add_epi8, _mm_and_si128, _mm_cmpeq_epi8, _mm_loadl_epi64, _mm_loadu_si128,
    _mm_prefetch, _mm_set1_epi8, _mm_shuffle_epi8, _mm_storel_epi64, _mm_storeu_si128, _mm_unpacklo_epi64,
    _mm256_add_epi8, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_min_epi8, _mm256_movemask_epi8,
    _mm256_set1_epi8, _mm256_storeu_si256,
};

use super::{BLOCK, Job, Kernel, Masks, Slot, WideSlot};

pub(super) fn detected() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

/// Does the work with AVX2 and the bit instructions that came with it.
pub(super) fn run<J: Job>(job: J) -> J::Output {
    debug_assert!(detected());
    // SAFETY: a Backend of this kind exists only where `detected` was true (scan::Backend::available).
    unsafe { with_features(job) }
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_features<J: Job>(job: J) -> J::Output {
    job.run::<Avx2>()
}

/// Never named outside [`run`], so its methods run only where AVX2 is: that is the obligation each of them meets.
struct Avx2;

/// A block, low octets first.
type Halves = [__m256i; 2];

impl Avx2 {
    #[inline(always)]
    fn equal([low, high]: Halves, octet: u8) -> u64 {
        // SAFETY: the features are there (see Avx2).
        unsafe {
            let wanted = _mm256_set1_epi8(octet as i8);
            Self::bits([_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted)])
        }
    }

    /// The top bit of each octet.
    #[inline(always)]
    fn bits([low, high]: Halves) -> u64 {
        // SAFETY: the features are there (see Avx2).
        let (low, high) = unsafe { (_mm256_movemask_epi8(low), _mm256_movemask_epi8(high)) };
        u64::from(low as u32) | u64::from(high as u32) << 32
    }
}

impl Kernel for Avx2 {
    type Block = Halves;

    #[inline(always)]
    fn apart<J: Job>(job: J) -> J::Output {
        // SAFETY: the features are there (see Avx2).
        unsafe { with_features(job) }
    }

    #[inline(always)]
    fn load(octets: &[u8; BLOCK]) -> Halves {
        let (low, high) = octets.split_at(BLOCK / 2);
        // SAFETY: the features are there (see Avx2); each half has 32 octets, and the load asks for no alignment.
        unsafe { [_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())] }
    }

    #[inline(always)]
    fn will_read(octets: *const u8) {
        // SAFETY: the features are there (see Avx2). What a prefetch names need not be memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(octets.cast()) }
    }

    #[inline(always)]
    fn will_write(octets: *const u8) {
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(octets.cast()) }
    }

    #[inline(always)]
    fn masks(block: Halves) -> Masks {
        Masks { cr: Self::equal(block, b'\r'), lf: Self::equal(block, b'\n') }
    }

    #[inline(always)]
    fn is_odd([low, high]: Halves) -> bool {
        // SAFETY: the features are there (see Avx2). Signed, octets over 127 are below 1, as NUL is.
        unsafe { _mm256_movemask_epi8(_mm256_cmpgt_epi8(_mm256_set1_epi8(1), _mm256_min_epi8(low, high))) != 0 }
    }

    #[inline(always)]
    fn nul(block: Halves) -> u64 {
        Self::equal(block, 0)
    }

    #[inline(always)]
    fn dots(block: Halves, among: u64) -> u64 {
        Self::equal(block, b'.') & among
    }

    #[inline(always)]
    fn control(block: Halves) -> u64 {
        // SAFETY: the features are there (see Avx2). One more than a DEL is the least there is, signed, and octets over 127 are
        // negative, or zero.
        Self::bits(block.map(|half| unsafe {
            _mm256_cmpgt_epi8(_mm256_set1_epi8(b'!' as i8), _mm256_add_epi8(half, _mm256_set1_epi8(1)))
        }))
    }

    #[inline(always)]
    fn tabs(block: Halves) -> u64 {
        Self::equal(block, b'\t')
    }

    #[inline(always)]
    fn eight_bit(block: Halves) -> u64 {
        Self::bits(block)
    }

    #[inline(always)]
    fn store([low, high]: Halves, slot: &mut Slot) {
        let (first, second) = slot.split_at_mut(BLOCK / 2);
        // SAFETY: the features are there (see Avx2); each half has 32 octets, and the store asks for no alignment.
        unsafe {
            _mm256_storeu_si256(first.as_mut_ptr().cast(), low);
            _mm256_storeu_si256(second.as_mut_ptr().cast(), high);
        }
    }

    #[inline(always)]
    fn pack(octets: &[u8; BLOCK], keep: u64, slot: &mut Slot) {
        let removed: [u32; 4] = std::array::from_fn(|i| u32::from((!keep >> (16 * i)) as u16));
        let several = |removed: u32| removed & removed.wrapping_sub(1) != 0;
        if keep.count_zeros() <= 4 && !removed.into_iter().any(several) {
            // At most one of each sixteen, as where lines are not short.
            let mut at = 0;
            for (i, removed) in removed.into_iter().enumerate() {
                let hole = (removed | 1 << 16).trailing_zeros() as usize;
                // SAFETY: the features are there (see Avx2). Sixteen octets are read at 16i, and written where at most 16i
                // were kept before them.
                unsafe {
                    let octets = _mm_loadu_si128(octets.as_ptr().add(16 * i).cast());
                    let places = _mm_loadu_si128(BUT_ONE[hole].as_ptr().cast());
                    _mm_storeu_si128(slot.as_mut_ptr().add(at).cast(), _mm_shuffle_epi8(octets, places));
                }
                at += 16 - usize::from(removed != 0);
            }
            return;
        }
        let kept = before(keep);
        for i in 0..BLOCK / 8 {
            let (keep, at) = ((keep >> (8 * i)) as u8, (kept >> (8 * i)) as u8);
            // SAFETY: the features are there (see Avx2). Eight octets are read at 8i, and written where at most 8i octets
            // were kept before them.
            unsafe {
                let word = _mm_loadl_epi64(octets.as_ptr().add(8 * i).cast());
                let places = _mm_loadl_epi64(PLACES[usize::from(keep)].as_ptr().cast());
                _mm_storel_epi64(slot.as_mut_ptr().add(usize::from(at)).cast(), _mm_shuffle_epi8(word, places));
            }
        }
    }

    #[inline(always)]
    fn spread(octets: &[u8; BLOCK], add: u64, slot: &mut WideSlot) {
        let added = before(add);
        for i in 0..BLOCK / 8 {
            let (add, at) = ((add >> (8 * i)) as u8, 8 * i + usize::from((added >> (8 * i)) as u8));
            // SAFETY: the features are there (see Avx2). Eight octets are read at 8i; sixteen are written where at most 16i were
            // written before them.
            unsafe {
                let word = _mm_loadl_epi64(octets.as_ptr().add(8 * i).cast());
                // What may stand before each: the same, or the CR before an LF.
                let lf = _mm_cmpeq_epi8(word, _mm_set1_epi8(b'\n' as i8));
                let more = _mm_add_epi8(word, _mm_and_si128(lf, _mm_set1_epi8((b'\r' - b'\n') as i8)));
                let places = _mm_loadu_si128(MORE_PLACES[usize::from(add)].as_ptr().cast());
                let spread = _mm_shuffle_epi8(_mm_unpacklo_epi64(word, more), places);
                _mm_storeu_si128(slot.as_mut_ptr().add(at).cast(), spread);
            }
        }
    }
}

/// For each word of eight bits, in the octets of a number: how many are set in the words before it.
#[inline(always)]
const fn before(bits: u64) -> u64 {
    let pairs = bits - (bits >> 1 & 0x5555_5555_5555_5555);
    let fours = (pairs & 0x3333_3333_3333_3333) + (pairs >> 2 & 0x3333_3333_3333_3333);
    // The product sums up to and with each word.
    ((fours + (fours >> 4)) & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(0x0101_0101_0101_0101) << 8
}

/// For each place of sixteen, and for none: where the other octets stand, in order.
static BUT_ONE: [[u8; 16]; 17] = {
    let mut table = [[0; 16]; 17];
    let mut hole = 0;
    while hole <= 16 {
        let mut at = 0;
        while at < 16 {
            table[hole][at] = if at < hole { at as u8 } else { (at as u8 + 1) & 15 };
            at += 1;
        }
        hole += 1;
    }
    table
};

/// For each eight bits: where the octets stand that are kept, in order.
static PLACES: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut keep = 0;
    while keep < 256 {
        let (mut place, mut at) = (0, 0);
        while place < 8 {
            if keep >> place & 1 == 1 {
                table[keep][at] = place as u8;
                at += 1;
            }
            place += 1;
        }
        keep += 1;
    }
    table
};

/// For each eight bits: where the octets stand, in order, and before each whose bit is set what is added, eight places on.
static MORE_PLACES: [[u8; 16]; 256] = {
    let mut table = [[0; 16]; 256];
    let mut add = 0;
    while add < 256 {
        let (mut place, mut at) = (0, 0);
        while place < 8 {
            if add >> place & 1 == 1 {
                table[add][at] = place as u8 + 8;
                at += 1;
            }
            table[add][at] = place as u8;
            at += 1;
            place += 1;
        }
        add += 1;
    }
    table
};
