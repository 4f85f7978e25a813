//! What is done with mail data that breaks a rule, and the line ends that are handed out.

/// For a CR or an LF that stands alone (RFC 5321 §2.3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BarePolicy {
    /// It is a violation.
    #[default]
    Reject,
    /// It is mail data like any other octet.
    Keep,
    /// A bare LF becomes CRLF, a bare CR a space.
    Normalize,
}

/// For what can only be refused or kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeepPolicy {
    /// It is a violation.
    #[default]
    Reject,
    /// It is counted in the report.
    Keep,
}

/// The line ends of the mail data that is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnds {
    /// As they came over the wire.
    #[default]
    Crlf,
    /// LF alone, as Unix stores text.
    Lf,
}

/// All that a [`super::DataDecoder`] is told. The default is strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataPolicies {
    /// The most octets of mail data, with the last CRLF and without the terminator (RFC 1870 §6.3); `u64::MAX` for no
    /// limit.
    pub max_size: u64,
    /// The most octets of a line, with its CRLF and without the transparency dot (RFC 5321 §4.5.3.1.6).
    pub max_line: u64,
    /// A line past `max_line`.
    pub long_line: KeepPolicy,
    /// A CR that no LF follows.
    pub bare_cr: BarePolicy,
    /// An LF that no CR precedes.
    pub bare_lf: BarePolicy,
    /// A NUL octet.
    pub nul: KeepPolicy,
    /// What ends a line that is handed out.
    pub line_ends: LineEnds,
}

impl Default for DataPolicies {
    fn default() -> Self {
        Self {
            max_size: u64::MAX,
            max_line: 1000,
            long_line: KeepPolicy::Reject,
            bare_cr: BarePolicy::Reject,
            bare_lf: BarePolicy::Reject,
            nul: KeepPolicy::Reject,
            line_ends: LineEnds::Crlf,
        }
    }
}
