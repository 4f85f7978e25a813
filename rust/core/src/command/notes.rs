//! The leniencies taken with one command: what was accepted although the RFC asks for better.
//!
//! A small set to be counted or logged. It never changes what the command means.

/// Something accepted that a client should not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leniency {
    /// `MAIL FROM: <…>`. RFC 5321 §3.3 forbids the space, and it is widely sent. Refused under the strict grammar.
    SpaceAfterColon,
    /// `<@relay:user@domain>`. RFC 5321 appendix C: to be accepted and ignored. The route was dropped.
    SourceRoute,
}

impl Leniency {
    /// Every leniency.
    pub const ALL: [Self; 2] = [Self::SpaceAfterColon, Self::SourceRoute];

    /// The stable name, for logs and tests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpaceAfterColon => "space-after-colon",
            Self::SourceRoute => "source-route",
        }
    }
}

/// The set of leniencies taken with one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Notes(u8);

impl Notes {
    /// Whether this leniency was taken.
    #[must_use]
    pub const fn contains(self, leniency: Leniency) -> bool {
        self.0 & (1 << leniency as u8) != 0
    }

    /// Whether none was taken.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of those taken, in the order of [`Leniency::ALL`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Leniency::ALL.into_iter().filter(move |&leniency| self.contains(leniency)).map(Leniency::name)
    }

    pub(super) const fn add(&mut self, leniency: Leniency) {
        self.0 |= 1 << leniency as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set() {
        let mut notes = Notes::default();
        assert!(notes.is_empty() && notes.names().next().is_none());
        notes.add(Leniency::SourceRoute);
        notes.add(Leniency::SourceRoute);
        assert!(!notes.contains(Leniency::SpaceAfterColon));
        assert!(notes.names().eq(["source-route"]));
        notes.add(Leniency::SpaceAfterColon);
        assert!(notes.names().eq(["space-after-colon", "source-route"]));
    }
}
