//! Octets at an address of the test's choice.

/// Octets in memory, so that what stands behind the first `before` of them begins `past` octets past a multiple of 64: where
/// a decoder looks at addresses, none may make a difference.
pub(crate) struct Placed {
    memory: Vec<u8>,
    from: usize,
}

impl Placed {
    /// Takes up to 64 octets `before`.
    pub(crate) fn new(octets: &[u8], before: usize, past: usize) -> Self {
        let mut memory = vec![b'?'; octets.len() + 3 * 64];
        let from = memory.as_ptr().align_offset(64) + 64 + past % 64 - before;
        memory[from..from + octets.len()].copy_from_slice(octets);
        memory.truncate(from + octets.len());
        Self { memory, from }
    }

    /// The octets.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.memory[self.from..]
    }
}
