//! From 64 octets to bit masks, and back to octets by a bit mask.
//!
//! A kernel takes a block of [`BLOCK`] octets and tells where CR, LF and dots stand, bit `i` for octet `i`; given a mask, it
//! packs the octets that are to be kept, or spreads them where others come between. It decides nothing: what is a line start,
//! what is bare and what is too long is decided once, above, in safe integer code that every kernel shares. [`Backend`]
//! chooses the kernel at run time; each one is listed, named and can be forced, so that tests and benchmarks loop over them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::mem::MaybeUninit;

/// Octets in a block.
pub const BLOCK: usize = 64;

/// A mask of the first `count` octets of a block.
#[inline(always)]
pub(crate) const fn below(count: usize) -> u64 {
    if count >= BLOCK { u64::MAX } else { (1 << count) - 1 }
}

/// A block that begins with the last octets there are, spaces behind them.
pub(crate) fn padded(octets: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block[..octets.len()].copy_from_slice(octets);
    block
}

/// Where in a block the octets stand that line ends are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Masks {
    /// CR, octet 13.
    pub cr: u64,
    /// LF, octet 10.
    pub lf: u64,
}

/// What an instruction set can do with a block.
pub(crate) trait Kernel {
    /// A block in registers.
    type Block: Copy;
    /// Does work in a function of its own, so that its loop has all registers.
    fn apart<J: Job>(job: J) -> J::Output;
    /// Asks the memory for what will be read soon. Nothing is read here.
    fn will_read(_octets: *const u8) {}
    /// Asks the memory for what will be written soon.
    fn will_write(_octets: *const u8) {}
    /// Takes the octets.
    fn load(octets: &[u8; BLOCK]) -> Self::Block;
    /// Finds line ends.
    fn masks(block: Self::Block) -> Masks;
    /// Whether there is a NUL or an octet over 127.
    fn is_odd(block: Self::Block) -> bool;
    /// Which octets are NUL.
    fn nul(block: Self::Block) -> u64;
    /// Which of the octets `among` are dots.
    fn dots(block: Self::Block, among: u64) -> u64;
    /// Which octets are over 127.
    fn eight_bit(block: Self::Block) -> u64;
    /// Which octets are no printable US-ASCII.
    fn control(block: Self::Block) -> u64;
    /// Which octets are tabs.
    fn tabs(block: Self::Block) -> u64;
    /// Writes the block: all of `slot`.
    fn store(block: Self::Block, slot: &mut Slot);
    /// Writes the octets of `keep` side by side; what stands behind them in the slot is of no meaning.
    fn pack(octets: &[u8; BLOCK], keep: u64, slot: &mut Slot);
    /// Writes the octets side by side, and before each of `add`, which are dots and LFs, one more: a dot before a dot, a CR
    /// before an LF. What stands behind them in the slot is of no meaning.
    fn spread(octets: &[u8; BLOCK], add: u64, slot: &mut WideSlot);
}

/// Room for a block.
pub(crate) type Slot = [MaybeUninit<u8>; BLOCK];

/// Room for a block and as many octets more, and for the end of a word: kernels write whole ones.
pub(crate) type WideSlot = [MaybeUninit<u8>; WIDE];

/// Octets of a [`WideSlot`].
pub(crate) const WIDE: usize = 2 * BLOCK + 8;

/// Work that is written once and compiled for each kernel, so that masks are made in registers and never stored.
pub(crate) trait Job {
    /// What the work gives.
    type Output;
    /// The work. Mark the implementation `#[inline(always)]`: it has to be compiled inside the kernel's function to use
    /// its instructions.
    fn run<K: Kernel>(self) -> Self::Output;
}

/// A kernel that can run on this machine. Values exist only for those that can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Default for Backend {
    fn default() -> Self {
        Self::best()
    }
}

impl Backend {
    /// Those that can run here, best first.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            #[cfg(target_arch = "x86_64")]
            avx512::detected().then_some(Self(Kind::Avx512)),
            #[cfg(target_arch = "x86_64")]
            avx2::detected().then_some(Self(Kind::Avx2)),
            Some(Self(Kind::Portable)),
        ]
        .into_iter()
        .flatten()
    }

    /// The fastest that can run here.
    #[must_use]
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self(Kind::Portable))
    }

    /// The one of that name, if it can run here.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::available().find(|backend| backend.name() == name)
    }

    /// `avx512`, `avx2` or `portable`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    /// Does the work with this kernel.
    #[inline]
    pub(crate) fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            Kind::Portable => job.run::<portable::Portable>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => avx2::run(job),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => avx512::run(job),
        }
    }
}

#[cfg(test)]
#[allow(unsafe_code)] // what a kernel wrote is read as it stands
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Seen {
        masks: Masks,
        is_odd: bool,
        nul: u64,
        dots: u64,
        eight_bit: u64,
        control: u64,
        tabs: u64,
        stored: Vec<u8>,
        packed: Vec<u8>,
        spread: Vec<u8>,
    }

    struct Look<'a> {
        block: &'a [u8; BLOCK],
        among: u64,
    }

    impl Job for Look<'_> {
        type Output = Seen;
        #[inline(always)]
        fn run<K: Kernel>(self) -> Seen {
            let block = K::load(self.block);
            let (mut stored, mut packed) = ([MaybeUninit::new(7); BLOCK], [MaybeUninit::new(7); BLOCK]);
            let mut spread = [MaybeUninit::new(7); WIDE];
            let add = self.among & (K::dots(block, u64::MAX) | K::masks(block).lf);
            K::store(block, &mut stored);
            K::pack(self.block, self.among, &mut packed);
            K::spread(self.block, add, &mut spread);
            // SAFETY: all of them were set above, whatever the kernel wrote.
            let octets = |slot: &[MaybeUninit<u8>]| slot.iter().map(|octet| unsafe { octet.assume_init() }).collect();
            Seen {
                masks: K::masks(block),
                is_odd: K::is_odd(block),
                nul: K::nul(block),
                dots: K::dots(block, self.among),
                eight_bit: K::eight_bit(block),
                control: K::control(block),
                tabs: K::tabs(block),
                stored: octets(&stored),
                packed: octets(&packed[..self.among.count_ones() as usize]),
                spread: octets(&spread[..BLOCK + add.count_ones() as usize]),
            }
        }
    }

    fn obvious(block: &[u8; BLOCK], among: u64) -> Seen {
        let bits = |wanted: fn(u8) -> bool| {
            block.iter().enumerate().fold(0, |mask, (i, &octet)| mask | u64::from(wanted(octet)) << i)
        };
        let kept = (0..BLOCK).filter(|i| among >> i & 1 == 1);
        let spread = block.iter().enumerate().flat_map(|(i, &octet)| match octet {
            b'.' if among >> i & 1 == 1 => b"..".to_vec(),
            b'\n' if among >> i & 1 == 1 => b"\r\n".to_vec(),
            _ => vec![octet],
        });
        Seen {
            masks: Masks { cr: bits(|o| o == b'\r'), lf: bits(|o| o == b'\n') },
            is_odd: bits(|o| o == 0 || o > 127) != 0,
            nul: bits(|o| o == 0),
            dots: bits(|o| o == b'.') & among,
            eight_bit: bits(|o| o > 127),
            control: bits(|o| !matches!(o, b' '..=b'~')),
            tabs: bits(|o| o == b'\t'),
            stored: block.to_vec(),
            packed: kept.map(|i| block[i]).collect(),
            spread: spread.collect(),
        }
    }

    #[test]
    fn every_kernel_sees_every_octet_at_every_place() {
        for backend in Backend::available() {
            for place in 0..BLOCK {
                for octet in 0..=255 {
                    for filling in [b'a', 0, b'\r', b'\n', b'.', 255] {
                        let mut block = [filling; BLOCK];
                        block[place] = octet;
                        for among in [0, u64::MAX, 1 << place, !(1 << place)] {
                            let seen = backend.run(Look { block: &block, among });
                            assert_eq!(seen, obvious(&block, among), "{} {octet} {place}", backend.name());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_kernel_packs_and_spreads_by_every_mask() {
        let different: [u8; BLOCK] = std::array::from_fn(|i| i as u8);
        let dots_and_lfs = std::array::from_fn(|i| if i % 3 == 0 { b'\n' } else { b'.' });
        let mut among = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..20_000 {
            among = match round {
                0..64 => !(1 << round),
                64..4160 => !(1 << (round % 64) | 1 << (round / 64 - 1)),
                _ => among.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17) ^ round,
            };
            for backend in Backend::available() {
                for block in [&different, &dots_and_lfs] {
                    let seen = backend.run(Look { block, among });
                    assert_eq!(seen, obvious(block, among), "{} {among:x}", backend.name());
                }
            }
        }
    }

    #[test]
    fn backends_are_named() {
        assert_eq!(Backend::available().last().unwrap().name(), "portable");
        for backend in Backend::available() {
            assert_eq!(Backend::by_name(backend.name()), Some(backend));
        }
        assert_eq!(Backend::by_name("quantum"), None);
    }
}
