//! How much of a header section is read, and what is known of the message from elsewhere.

/// Bounds of a header section. Past one of the first three there is a finding, and the rest of the section is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderLimits {
    /// Octets of the section, its empty line included.
    pub max_octets: usize,
    /// Fields, and lines that should be some.
    pub max_fields: usize,
    /// Octets of one field, its line ends included. The reader holds no more of a message than this.
    pub max_field: usize,
    /// Findings that are told; one more says that there are more. Where it is no less than there are kinds, one of each kind that
    /// there is in the message is among them.
    pub max_findings: usize,
    /// Received fields, past which a message is taken to go round in a loop (RFC 5321 §6.3).
    pub max_received: usize,
}

impl Default for HeaderLimits {
    fn default() -> Self {
        Self { max_octets: 262_144, max_fields: 1000, max_field: 65_536, max_findings: 100, max_received: 100 }
    }
}

/// What the envelope said of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeaderContext {
    /// SMTPUTF8 was said with MAIL: fields may hold UTF-8 (RFC 6532).
    pub smtputf8: bool,
}
