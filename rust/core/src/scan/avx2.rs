//! The AVX2 kernel: a block is two registers; packing takes eight octets at a time (BMI2).
//!
//! A home of `unsafe`: it holds the calls that need these instructions at run time. The one obligation is that the processor
//! has the features named in [`detected`]; a `Backend` of this kind is made only after that check.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8,
    _mm256_storeu_si256, _pdep_u64, _pext_u64,
};

use super::{BLOCK, Job, Kernel, Masks};

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
    fn load(octets: &[u8; BLOCK]) -> Halves {
        let (low, high) = octets.split_at(BLOCK / 2);
        // SAFETY: the features are there (see Avx2); each half has 32 octets, and the load asks for no alignment.
        unsafe { [_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())] }
    }

    #[inline(always)]
    fn masks(block: Halves) -> Masks {
        let [low, high] = block;
        // SAFETY: the features are there (see Avx2). Signed, octets over 127 are below 1, as NUL is.
        let odd = unsafe {
            let one = _mm256_set1_epi8(1);
            [_mm256_cmpgt_epi8(one, low), _mm256_cmpgt_epi8(one, high)]
        };
        Masks { cr: Self::equal(block, b'\r'), lf: Self::equal(block, b'\n'), odd: Self::bits(odd) }
    }

    #[inline(always)]
    fn dots(block: Halves, among: u64) -> u64 {
        Self::equal(block, b'.') & among
    }

    #[inline(always)]
    fn eight_bit(block: Halves) -> u64 {
        Self::bits(block)
    }

    #[inline(always)]
    fn store([low, high]: Halves, out: &mut [u8; BLOCK]) {
        let (first, second) = out.split_at_mut(BLOCK / 2);
        // SAFETY: the features are there (see Avx2); each half has 32 octets, and the store asks for no alignment.
        unsafe {
            _mm256_storeu_si256(first.as_mut_ptr().cast(), low);
            _mm256_storeu_si256(second.as_mut_ptr().cast(), high);
        }
    }

    #[inline(always)]
    fn pack(block: Halves, keep: u64, out: &mut [u8; BLOCK]) {
        let mut octets = [0; BLOCK];
        Self::store(block, &mut octets);
        let (words, _) = octets.as_chunks::<8>();
        let mut at = 0;
        for (i, word) in words.iter().enumerate() {
            let keep = keep >> (8 * i) & 0xff;
            // SAFETY: the features are there (see Avx2). Each bit of `keep` becomes an octet of ones, and the octets under
            // them are moved together.
            let packed = unsafe {
                let keep = _pdep_u64(keep, 0x0101_0101_0101_0101) * 0xff;
                _pext_u64(u64::from_le_bytes(*word), keep)
            };
            // At most eight octets for each word before this one, so there is room.
            out[at..at + 8].copy_from_slice(&packed.to_le_bytes());
            at += keep.count_ones() as usize;
        }
    }
}
