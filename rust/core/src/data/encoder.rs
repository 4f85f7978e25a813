//! From mail data to octets of the wire: adds transparency dots and the terminator (RFC 5321 §4.5.2).
//!
//! Takes chunks at any split; appends to the caller's buffer. A dot that starts a line is doubled; `.` CRLF ends the
//! whole, after a CRLF of its own only where the data does not end in one. A bare CR or LF is refused or, by choice, made a
//! space or a CRLF, as in the decoder; it is never passed on. It retains at most one CR, in the form of a state.

use super::policies::BarePolicy;
use crate::scan::{BLOCK, Backend, Job, Kernel, Masks};
use crate::violation::{Fault, Violation};

/// The encoder of one message's mail data.
#[derive(Debug, Clone)]
pub struct DataEncoder {
    bare_cr: BarePolicy,
    bare_lf: BarePolicy,
    backend: Backend,
    state: State,
    /// Octets of mail data seen.
    offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    LineStart,
    Text,
    /// After a CR that is not yet known to be bare.
    Cr,
}

impl DataEncoder {
    /// An encoder before its first octet. [`BarePolicy::Keep`] is not to be had: it would send what others may take for the
    /// end of mail data.
    ///
    /// # Errors
    /// The fault that `Keep` was asked for.
    pub fn new(bare_cr: BarePolicy, bare_lf: BarePolicy) -> Result<Self, Fault> {
        Self::with_backend(bare_cr, bare_lf, Backend::best())
    }

    /// The same, with a kernel of the caller's choice.
    ///
    /// # Errors
    /// The fault that `Keep` was asked for.
    pub fn with_backend(bare_cr: BarePolicy, bare_lf: BarePolicy, backend: Backend) -> Result<Self, Fault> {
        match (bare_cr, bare_lf) {
            (BarePolicy::Keep, _) => Err(Fault::BareCr),
            (_, BarePolicy::Keep) => Err(Fault::BareLf),
            _ => Ok(Self { bare_cr, bare_lf, backend, state: State::LineStart, offset: 0 }),
        }
    }

    /// Encodes a chunk and appends what is to be sent to `out`.
    ///
    /// # Errors
    /// A bare CR or LF that is refused, with its offset in the mail data. The encoder is of no use afterwards.
    pub fn encode(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        out.reserve(chunk.len() + 1);
        self.backend.run(Encode { encoder: self, chunk, out })
    }

    /// Ends the mail data: appends the CRLF that is missing, if it is, and the terminator.
    ///
    /// # Errors
    /// A CR that was the last octet and is refused, with its offset.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Violation> {
        if self.state == State::Cr {
            self.bare_cr(out)?;
        }
        if self.state != State::LineStart {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        Ok(())
    }

    #[inline(always)]
    fn encode_with<K: Kernel>(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        let mut at = 0;
        while at < chunk.len() {
            let rest = &chunk[at..];
            if self.state != State::Cr
                && let Some(block) = rest.first_chunk::<BLOCK>()
            {
                let registers = K::load(block);
                let Masks { cr, lf } = K::masks(registers);
                let crlf = lf & cr << 1;
                let dots = K::dots(registers, crlf << 1 | u64::from(self.state == State::LineStart));
                // Only the next block can tell whether a last CR is bare.
                let taken = BLOCK - usize::from(cr >> (BLOCK - 1) & 1 == 1);
                let bare = cr & !(lf >> 1) & u64::MAX >> (BLOCK - taken) | lf & !(cr << 1);
                if dots | bare == 0 {
                    out.extend_from_slice(&rest[..taken]);
                    self.state = if crlf >> (taken - 1) & 1 == 1 { State::LineStart } else { State::Text };
                    self.offset += taken as u64;
                    at += taken;
                    continue;
                }
            }
            let steps = rest.len().min(BLOCK);
            for &octet in &rest[..steps] {
                self.step(octet, out)?;
            }
            at += steps;
        }
        Ok(())
    }

    fn step(&mut self, octet: u8, out: &mut Vec<u8>) -> Result<(), Violation> {
        if self.state == State::Cr && octet != b'\n' {
            self.bare_cr(out)?;
        }
        match octet {
            b'\r' => self.state = State::Cr,
            b'\n' => {
                if self.state != State::Cr && self.bare_lf == BarePolicy::Reject {
                    return Err(Violation::new(Fault::BareLf, self.offset));
                }
                out.extend_from_slice(b"\r\n");
                self.state = State::LineStart;
            }
            octet => {
                if octet == b'.' && self.state == State::LineStart {
                    out.push(b'.');
                }
                out.push(octet);
                self.state = State::Text;
            }
        }
        self.offset += 1;
        Ok(())
    }

    fn bare_cr(&mut self, out: &mut Vec<u8>) -> Result<(), Violation> {
        if self.bare_cr == BarePolicy::Reject {
            return Err(Violation::new(Fault::BareCr, self.offset - 1));
        }
        out.push(b' ');
        self.state = State::Text;
        Ok(())
    }
}

struct Encode<'a> {
    encoder: &'a mut DataEncoder,
    chunk: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Job for Encode<'_> {
    type Output = Result<(), Violation>;

    #[inline(always)]
    fn run<K: Kernel>(self) -> Self::Output {
        self.encoder.encode_with::<K>(self.chunk, self.out)
    }
}
