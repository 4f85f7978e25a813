//! What becomes of mail data as it is decided, known when the loops are compiled.

/// One way to hand mail data out.
pub(super) trait Handing {
    /// Whether it is written.
    const WRITTEN: bool;
    /// Whether it may differ from the octets of the wire.
    const CHANGED: bool;
    /// Whether the CR of a CRLF is left out.
    const LF: bool;
}

/// With the line ends it came with.
pub(super) struct WithCrlf;
/// With LF line ends.
pub(super) struct WithLf;
/// Not at all: after a violation.
pub(super) struct Dropped;
/// By leaving it where it is: as long as it is the very octets of the wire.
pub(super) struct InPlace;

impl Handing for WithCrlf {
    const WRITTEN: bool = true;
    const CHANGED: bool = true;
    const LF: bool = false;
}

impl Handing for WithLf {
    const WRITTEN: bool = true;
    const CHANGED: bool = true;
    const LF: bool = true;
}

impl Handing for Dropped {
    const WRITTEN: bool = false;
    const CHANGED: bool = true;
    const LF: bool = false;
}

impl Handing for InPlace {
    const WRITTEN: bool = false;
    const CHANGED: bool = false;
    const LF: bool = false;
}
