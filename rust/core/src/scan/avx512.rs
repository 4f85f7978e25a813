//! The AVX-512 kernel: a block is one register, a mask one instruction, packing another (VBMI2), with which
//! it spreads as well.
//!
//! A home of `unsafe`: it holds the calls that need these instructions at run time. The one obligation is that the processor
//! has the features named in [`detected`]; a `Backend` of this kind is made only after that check.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _MM_HINT_ET0, _MM_HINT_T0, _mm_prefetch, _mm256_loadu_si256, _mm512_add_epi8, _mm512_cmpeq_epi8_mask,
    _mm512_cmpeq_epi16_mask, _mm512_cmplt_epi8_mask, _mm512_cvtepu8_epi16, _mm512_loadu_si512, _mm512_mask_blend_epi16,
    _mm512_mask_cmpeq_epi8_mask, _mm512_maskz_compress_epi8, _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_slli_epi16, _mm512_storeu_si512, _mm512_testn_epi8_mask, _pdep_u64,
};

use super::{BLOCK, Job, Kernel, Masks, Slot, WideSlot};

pub(super) fn detected() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi2")
        && super::avx2::detected()
}

/// Does the work with AVX-512 and the bit instructions that came before it.
pub(super) fn run<J: Job>(job: J) -> J::Output {
    debug_assert!(detected());
    // SAFETY: a Backend of this kind exists only where `detected` was true (scan::Backend::available).
    unsafe { with_features(job) }
}

#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_features<J: Job>(job: J) -> J::Output {
    job.run::<Avx512>()
}

/// Never named outside [`run`], so its methods run only where AVX-512 is: that is the obligation each of them meets.
struct Avx512;

impl Kernel for Avx512 {
    type Block = __m512i;

    #[inline(always)]
    fn apart<J: Job>(job: J) -> J::Output {
        // SAFETY: the features are there (see Avx512).
        unsafe { with_features(job) }
    }

    #[inline(always)]
    fn load(octets: &[u8; BLOCK]) -> __m512i {
        // SAFETY: the features are there (see Avx512); the array has 64 octets, and the load asks for no alignment.
        unsafe { _mm512_loadu_si512(octets.as_ptr().cast()) }
    }

    #[inline(always)]
    fn will_read(octets: *const u8) {
        // SAFETY: the features are there (see Avx512). What a prefetch names need not be memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(octets.cast()) }
    }

    #[inline(always)]
    fn will_write(octets: *const u8) {
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(octets.cast()) }
    }

    #[inline(always)]
    fn masks(block: __m512i) -> Masks {
        // SAFETY: the features are there (see Avx512).
        unsafe {
            Masks {
                cr: _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'\r' as i8)),
                lf: _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'\n' as i8)),
            }
        }
    }

    #[inline(always)]
    fn is_odd(block: __m512i) -> bool {
        // SAFETY: the features are there (see Avx512). Signed, octets over 127 are below 1, as NUL is.
        unsafe { _mm512_cmplt_epi8_mask(block, _mm512_set1_epi8(1)) != 0 }
    }

    #[inline(always)]
    fn nul(block: __m512i) -> u64 {
        // SAFETY: the features are there (see Avx512).
        unsafe { _mm512_testn_epi8_mask(block, block) }
    }

    #[inline(always)]
    fn dots(block: __m512i, among: u64) -> u64 {
        // SAFETY: the features are there (see Avx512).
        unsafe { _mm512_mask_cmpeq_epi8_mask(among, block, _mm512_set1_epi8(b'.' as i8)) }
    }

    #[inline(always)]
    fn control(block: __m512i) -> u64 {
        // SAFETY: the features are there (see Avx512). One more than a DEL is the least there is, signed, and octets over 127
        // are negative, or zero.
        unsafe {
            let more = _mm512_add_epi8(block, _mm512_set1_epi8(1));
            _mm512_cmplt_epi8_mask(more, _mm512_set1_epi8(b'!' as i8))
        }
    }

    #[inline(always)]
    fn tabs(block: __m512i) -> u64 {
        // SAFETY: the features are there (see Avx512).
        unsafe { _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(b'\t' as i8)) }
    }

    #[inline(always)]
    fn eight_bit(block: __m512i) -> u64 {
        // SAFETY: the features are there (see Avx512).
        unsafe { _mm512_movepi8_mask(block) }
    }

    #[inline(always)]
    fn store(block: __m512i, slot: &mut Slot) {
        // SAFETY: the features are there (see Avx512); the slot has 64 octets, and the store asks for no alignment.
        unsafe { _mm512_storeu_si512(slot.as_mut_ptr().cast(), block) }
    }

    #[inline(always)]
    fn pack(octets: &[u8; BLOCK], keep: u64, slot: &mut Slot) {
        // Packed in the register and stored whole: the form that writes to memory by itself is many times slower on some
        // processors.
        // SAFETY: the features are there (see Avx512).
        Self::store(unsafe { _mm512_maskz_compress_epi8(keep, Self::load(octets)) }, slot);
    }

    #[inline(always)]
    fn spread(octets: &[u8; BLOCK], add: u64, slot: &mut WideSlot) {
        let mut at = 0;
        for (i, octets) in octets.as_chunks::<{ BLOCK / 2 }>().0.iter().enumerate() {
            // One more before each octet, of which those are kept that are added.
            let add = (add >> (BLOCK / 2 * i)) as u32;
            // SAFETY: the features are there (see Avx512). 32 octets are read; 64 are written where at most as many were
            // written before them.
            unsafe {
                let keep = _pdep_u64(u64::from(add), 0x5555_5555_5555_5555) | 0xaaaa_aaaa_aaaa_aaaa;
                let words = _mm512_cvtepu8_epi16(_mm256_loadu_si256(octets.as_ptr().cast()));
                let lf = _mm512_cmpeq_epi16_mask(words, _mm512_set1_epi16(i16::from(b'\n')));
                let more = _mm512_mask_blend_epi16(
                    lf,
                    _mm512_set1_epi16(i16::from(b'.')),
                    _mm512_set1_epi16(i16::from(b'\r')),
                );
                let both = _mm512_or_si512(_mm512_slli_epi16::<8>(words), more);
                _mm512_storeu_si512(slot.as_mut_ptr().add(at).cast(), _mm512_maskz_compress_epi8(keep, both));
            }
            at += BLOCK / 2 + add.count_ones() as usize;
        }
    }
}
