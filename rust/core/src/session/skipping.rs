//! A chunk that is not taken: its octets are read to their end, so that none is a command, and then answered.

use super::owed::Recipients;
use super::table::State;

/// The rest of a refused chunk (RFC 3030 §2).
#[derive(Debug)]
pub(super) struct Skipping {
    left: u64,
    /// Whether the transaction ends with it.
    pub(super) ends: bool,
    /// Where the session stood.
    pub(super) before: State,
    pub(super) replies: Recipients,
}

impl Skipping {
    pub(super) const fn new(size: u64, ends: bool, before: State, replies: Recipients) -> Self {
        Self { left: size, ends, before, replies }
    }

    /// Takes octets of the chunk; returns how many.
    pub(super) fn take(&mut self, octets: usize) -> usize {
        let taken = usize::try_from(self.left).map_or(octets, |left| left.min(octets));
        self.left -= taken as u64;
        taken
    }

    pub(super) const fn done(&self) -> bool {
        self.left == 0
    }
}
