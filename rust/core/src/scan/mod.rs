//! From 64 octets to bit masks: where CR, LF, dot, NUL and 8-bit octets stand.
//!
//! Takes a block of [`BLOCK`] octets; gives [`Masks`], bit `i` for octet `i`. A kernel decides nothing: what is a line
//! start, what is bare and what is too long is decided once, above, in safe integer code that every kernel shares.
//! [`Backend`] chooses the kernel at run time; each one is listed, named and can be forced, so that tests and
//! benchmarks loop over them.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

/// Octets in a block.
pub const BLOCK: usize = 64;

/// Where in a block the octets stand that mail data is decided by. Bit `i` is octet `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Masks {
    /// CR, octet 13.
    pub cr: u64,
    /// LF, octet 10.
    pub lf: u64,
    /// The period, octet 46.
    pub dot: u64,
    /// NUL, octet 0.
    pub nul: u64,
    /// Octets over 127.
    pub eight_bit: u64,
}

/// What an instruction set can do: make the masks of one block.
pub trait Kernel {
    /// The masks of one block.
    fn masks(block: &[u8; BLOCK]) -> Masks;
}

/// Work that is written once and compiled for each kernel, so that masks are made in registers and never stored.
pub trait Job {
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
}

impl Backend {
    /// Those that can run here, best first.
    pub fn available() -> impl Iterator<Item = Self> {
        [
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

    /// `avx2` or `portable`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
        }
    }

    /// Does the work with this kernel.
    #[inline]
    pub fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            Kind::Portable => job.run::<portable::Portable>(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => avx2::run(job),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct MasksOf<'a>(&'a [u8; BLOCK]);

    impl Job for MasksOf<'_> {
        type Output = Masks;
        #[inline(always)]
        fn run<K: Kernel>(self) -> Masks {
            K::masks(self.0)
        }
    }

    fn obvious(block: &[u8; BLOCK]) -> Masks {
        let bits = |wanted: fn(u8) -> bool| {
            block.iter().enumerate().fold(0, |mask, (i, &octet)| mask | u64::from(wanted(octet)) << i)
        };
        Masks {
            cr: bits(|o| o == b'\r'),
            lf: bits(|o| o == b'\n'),
            dot: bits(|o| o == b'.'),
            nul: bits(|o| o == 0),
            eight_bit: bits(|o| o > 127),
        }
    }

    #[test]
    fn every_kernel_sees_every_octet_at_every_place() {
        for backend in Backend::available() {
            for place in 0..BLOCK {
                for octet in 0..=255 {
                    for filling in [b'a', 0, b'\r', 255] {
                        let mut block = [filling; BLOCK];
                        block[place] = octet;
                        assert_eq!(backend.run(MasksOf(&block)), obvious(&block), "{} {octet} {place}", backend.name());
                    }
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
