//! Where mail data and octets of the wire are written: memory of the caller's, filled from its start.
//!
//! The memory need not hold anything before: a decoder that fills a Python object, or the end of a vector, does not first
//! fill it with zeros. A home of `unsafe`, for one promise: the octets counted as filled have been written. Everything that
//! counts stands in this file. Kernels write whole blocks, so there is a block more of room than what is asked for.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;
use std::slice;

use crate::scan::{BLOCK, Kernel, WIDE};

/// Memory, and how much of it is filled.
#[derive(Default)]
pub struct Room<'a> {
    octets: &'a mut [MaybeUninit<u8>],
    /// Never more than there are.
    filled: usize,
}

impl<'a> Room<'a> {
    /// The whole of `octets`, nothing filled yet.
    #[must_use]
    pub const fn new(octets: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { octets, filled: 0 }
    }

    /// How many octets are filled, from the start.
    #[must_use]
    pub const fn filled(&self) -> usize {
        self.filled
    }

    /// How many octets have room yet.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.octets.len() - self.filled
    }

    /// The octets that are filled.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        let filled = &self.octets[..self.filled];
        // SAFETY: they were written: an octet is counted after `push` wrote it, or after a kernel wrote its whole block
        // (`Kernel::store`, `Kernel::pack`, `Kernel::spread`), of which at most as many are counted as it has.
        unsafe { slice::from_raw_parts(filled.as_ptr().cast(), filled.len()) }
    }

    /// How many octets are filled of the memory that begins at `start`.
    ///
    /// # Panics
    /// When this is room in other memory: one room can be put in the place of another.
    #[must_use]
    pub fn filled_from(&self, start: *const u8) -> usize {
        assert!(self.filled == 0 || ptr::eq(self.octets.as_ptr().cast(), start), "this is room in other memory");
        self.filled
    }

    /// Whether there is room for a block.
    #[inline(always)]
    pub(super) const fn has_block(&self) -> bool {
        // No sum of two lengths of memory is too large.
        self.filled + BLOCK <= self.octets.len()
    }

    /// Whether there is room for a block and as many octets more.
    #[inline(always)]
    pub(super) const fn has_wide_block(&self) -> bool {
        self.filled + WIDE <= self.octets.len()
    }

    /// Where the next octet is written.
    #[inline(always)]
    pub(super) const fn next(&self) -> *const u8 {
        self.octets.as_ptr().wrapping_add(self.filled).cast()
    }

    /// Writes octets.
    ///
    /// # Panics
    /// When there is no room for them.
    #[inline]
    pub fn push(&mut self, octets: &[u8]) {
        let slots = &mut self.octets[self.filled..self.filled + octets.len()];
        // SAFETY: both are as long; what is borrowed mutably is not what is borrowed.
        unsafe { ptr::copy_nonoverlapping(octets.as_ptr(), slots.as_mut_ptr().cast(), octets.len()) };
        self.filled += octets.len();
    }

    /// Writes a block, of which the first `count` octets count.
    ///
    /// # Panics
    /// When there is no room for a block.
    #[inline(always)]
    pub(super) fn store<K: Kernel>(&mut self, block: K::Block, count: usize) {
        K::store(block, self.slot());
        self.filled += count.min(BLOCK);
    }

    /// Writes the octets of `keep`.
    ///
    /// # Panics
    /// When there is no room for a block.
    #[inline(always)]
    pub(super) fn pack<K: Kernel>(&mut self, octets: &[u8; BLOCK], keep: u64) {
        let count = keep.count_ones() as usize;
        K::pack(octets, keep, self.slot());
        self.filled += count;
    }

    /// Writes a block with one octet more before each of `add` (see [`Kernel::spread`]), of which the first `count` octets
    /// count.
    ///
    /// # Panics
    /// When there is no room for two blocks.
    #[inline(always)]
    pub(super) fn spread<K: Kernel>(&mut self, octets: &[u8; BLOCK], add: u64, count: usize) {
        let most = BLOCK + add.count_ones() as usize;
        K::spread(octets, add, self.slot());
        self.filled += count.min(most);
    }

    /// Where the next octets are written: one block of them, or two.
    #[inline(always)]
    fn slot<const N: usize>(&mut self) -> &mut [MaybeUninit<u8>; N] {
        // No sum of two lengths of memory is too large.
        assert!(self.filled + N <= self.octets.len(), "no room for a block");
        // SAFETY: so many octets from `filled` on are within the memory, as was just asked. A pointer to elements is one to an
        // array of as many.
        unsafe { &mut *self.octets.as_mut_ptr().add(self.filled).cast() }
    }

    /// Writes another octet in the place of one that is filled.
    ///
    /// # Panics
    /// When it is not.
    #[inline]
    pub(super) fn replace(&mut self, at: usize, octet: u8) {
        self.octets[..self.filled][at] = MaybeUninit::new(octet);
    }

    /// Forgets the last octets.
    ///
    /// # Panics
    /// When there are fewer.
    #[inline(always)]
    pub(super) fn take_back(&mut self, octets: usize) {
        self.filled = self.filled.checked_sub(octets).expect("no more than was written is taken back");
    }
}

/// Appends to `vec` what `write` writes into room for at least `most` octets and a block.
#[inline]
pub(super) fn append<R>(vec: &mut Vec<u8>, most: usize, write: impl FnOnce(&mut Room<'_>) -> R) -> R {
    vec.reserve(most.saturating_add(BLOCK));
    let before = vec.len();
    let spare = vec.spare_capacity_mut();
    let start = spare.as_ptr().cast();
    let mut room = Room::new(spare);
    let result = write(&mut room);
    let filled = room.filled_from(start);
    // SAFETY: the first `filled` octets of the spare capacity, and of no other memory, were written (see `Room::octets`).
    unsafe { vec.set_len(before + filled) };
    result
}
