//! The head of a chunk, read in the obvious way (RFC 3030 §2), and what became of a message in chunks.

/// BDAT, a size, and LAST or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Octets that follow it.
    pub size: u128,
    pub last: bool,
}

/// Chunks of the open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chunks {
    /// None was accepted.
    None,
    /// The octets of those that were answered.
    Taken(Vec<u8>),
    /// One was refused.
    Lost,
}

/// Whether a line was meant to be a BDAT, be it one or not; its first 512 octets tell.
pub(super) fn meant(line: &[u8]) -> bool {
    let line = line[..line.len().min(512)].trim_ascii_start();
    let word = line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"BDAT"));
    word && !line.get(4).is_some_and(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
}

impl Head {
    /// The line, without its CRLF; None when nobody can say how many octets follow.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        // Longer than a command may be that no extension adds to.
        if line.len() > 510 {
            return None;
        }
        let line = std::str::from_utf8(line).ok()?.trim_end_matches([' ', '\t']);
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        if line.starts_with(' ') || !words.next()?.eq_ignore_ascii_case("BDAT") {
            return None;
        }
        let digits = words.next().filter(|word| word.bytes().all(|octet| octet.is_ascii_digit()))?;
        let last = words.next();
        if words.next().is_some() || last.is_some_and(|last| !last.eq_ignore_ascii_case("LAST")) {
            return None;
        }
        // Past any number: more than will ever come.
        Some(Self { size: digits.parse().unwrap_or(u128::MAX), last: last.is_some() })
    }

    /// Those of the octets behind it that are the chunk's, and whether they are all.
    pub(super) fn octets<'a>(&self, behind: &'a [u8]) -> (&'a [u8], bool) {
        match usize::try_from(self.size) {
            Ok(size) if size <= behind.len() => (&behind[..size], true),
            _ => (behind, false),
        }
    }
}
