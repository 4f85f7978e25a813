//! The AVX2 kernel: 32 octets an instruction.
//!
//! A home of `unsafe`: it holds the calls that need AVX2 at run time. The one obligation is that the processor has the
//! features named in [`detected`]; a `Backend` of this kind is made only after that check.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_setzero_si256,
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

/// Never named outside [`run`], so its methods run only where AVX2 is.
struct Avx2;

impl Kernel for Avx2 {
    #[inline(always)]
    fn masks(block: &[u8; BLOCK]) -> Masks {
        // SAFETY: this type is only ever given to a job by `with_features`, which has the feature.
        unsafe { masks(block) }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn masks(block: &[u8; BLOCK]) -> Masks {
    let (low, high) = block.split_at(BLOCK / 2);
    // SAFETY: each half is 32 octets, and the load asks for no alignment.
    let (low, high) = unsafe {
        (_mm256_loadu_si256(low.as_ptr().cast::<__m256i>()), _mm256_loadu_si256(high.as_ptr().cast::<__m256i>()))
    };
    let join = |low: __m256i, high: __m256i| {
        u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << 32
    };
    let equal = |wanted: __m256i| join(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
    Masks {
        cr: equal(_mm256_set1_epi8(b'\r' as i8)),
        lf: equal(_mm256_set1_epi8(b'\n' as i8)),
        dot: equal(_mm256_set1_epi8(b'.' as i8)),
        nul: equal(_mm256_setzero_si256()),
        eight_bit: join(low, high),
    }
}
