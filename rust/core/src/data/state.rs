//! Where in a line the last octet left a decoder.

/// One variant per situation. Mail data begins as if CRLF had just been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// After CRLF, or before the first octet.
    #[default]
    LineStart,
    /// After the dot that starts a line: a transparency dot, or the first octet of the terminator.
    Dot,
    /// After a dot that starts a line and a CR.
    DotCr,
    /// Inside a line.
    Text,
    /// After a CR that is not yet known to be bare.
    Cr,
    /// After `<CRLF>.<CRLF>`.
    End,
}
