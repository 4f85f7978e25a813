//! What a decoder counted.

/// What was seen in mail data, whether or not it was handed out. Offsets count octets of the wire from the first after
/// the 354, transparency dots included, or octets of all chunks; sizes count octets of mail data, transparency dots and
/// terminator left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataReport {
    /// Octets of mail data as RFC 1870 counts them: the last CRLF included, the terminator not.
    pub size: u64,
    /// Lines, each ended by CRLF.
    pub lines: u64,
    /// Octets of the longest line, its CRLF included.
    pub longest_line: u64,
    /// Lines past the limit.
    pub long_lines: u64,
    /// Transparency dots taken away.
    pub dots_removed: u64,
    /// CRs that no LF follows.
    pub bare_cr: u64,
    /// LFs that no CR precedes.
    pub bare_lf: u64,
    /// NUL octets.
    pub nul: u64,
    /// Octets over 127.
    pub eight_bit: u64,
    /// Offset of the first octet that made a line too long.
    pub first_long_line: Option<u64>,
    /// Offset of the first bare CR.
    pub first_bare_cr: Option<u64>,
    /// Offset of the first bare LF.
    pub first_bare_lf: Option<u64>,
    /// Offset of the first NUL.
    pub first_nul: Option<u64>,
    /// Offset of the first octet over 127.
    pub first_eight_bit: Option<u64>,
    /// Octets of mail data before the first empty line: the header section (RFC 5322 §2.1). None when no line is empty.
    pub header_end: Option<u64>,
}
