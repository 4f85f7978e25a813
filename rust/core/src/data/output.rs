//! The buffer mail data is decoded into: written over again and again, never filled with zeros twice.
//!
//! Takes octets at its end; gives them as a slice. Kernels write whole blocks, so there is always room for one more than what
//! is asked for, and what stands behind the end is of no meaning.

use crate::scan::BLOCK;

/// Octets, and room behind them.
#[derive(Debug, Clone, Default)]
pub struct Output {
    octets: Vec<u8>,
    written: usize,
}

impl Output {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: Vec::new(), written: 0 }
    }

    /// The octets.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.octets[..self.written]
    }

    /// The octets, and the end of the buffer.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        self.octets.truncate(self.written);
        self.octets
    }

    /// How many octets there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.written
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Forgets the octets, keeps the memory.
    pub fn clear(&mut self) {
        self.written = 0;
    }

    /// Makes room for so many octets more, and a block.
    pub(super) fn reserve(&mut self, more: usize) {
        let needed = self.written + more + BLOCK;
        if self.octets.len() < needed {
            self.octets.resize(needed, 0);
        }
    }

    /// Appends octets.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.reserve(octets.len());
        self.octets[self.written..self.written + octets.len()].copy_from_slice(octets);
        self.written += octets.len();
    }

    /// The room behind the octets.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.octets[self.written..]
    }

    /// So many octets were written into the room.
    pub(super) fn advance(&mut self, octets: usize) {
        self.written += octets;
    }
}
