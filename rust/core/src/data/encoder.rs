//! From mail data to octets of the wire: adds transparency dots and the terminator (RFC 5321 §4.5.2).
//!
//! Takes chunks at any split; appends to the caller's buffer. A dot that starts a line is doubled; `.` CRLF ends the
//! whole, after a CRLF of its own only where the data does not end in one. A bare CR or LF is refused or, by choice, made a
//! space or a CRLF, as in the decoder; it is never passed on. It retains at most one CR, in the form of a state.

use std::mem::take;

use super::blocks::WORTH_ALIGNING;
use super::policies::BarePolicy;
use super::room::{Room, append};
use super::transparency::{Open, Refused};
use crate::scan::{BLOCK, Backend, Job, Kernel, WIDE};
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
    /// After CRLF, or before the first octet.
    LineStart,
    /// Inside a line.
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
    /// A bare CR or LF that is refused, with its offset in the mail data; what comes before it is appended. The encoder is of
    /// no use afterwards.
    pub fn encode(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        let mut rest = chunk;
        loop {
            let taken = append(out, Self::room_at_first(rest.len()), |room| self.encode_into(rest, room))?;
            rest = &rest[taken..];
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// The same, into memory of the caller's: encodes octets from the start of a chunk as long as there is room, and returns
    /// how many; all of them, where there is room for [`DataEncoder::room_for`] so many. What is left is encoded in the
    /// next call.
    ///
    /// # Errors
    /// As [`DataEncoder::encode`].
    pub fn encode_into(&mut self, chunk: &[u8], room: &mut Room<'_>) -> Result<usize, Violation> {
        self.backend.run(Encode { encoder: self, chunk, room })
    }

    /// How many octets of room a chunk of so many octets takes at most.
    #[must_use]
    pub const fn room_for(&self, octets: usize) -> usize {
        // Every octet may be an LF that is made a CRLF. If those are refused, a line of three may start with a dot.
        let added = if matches!(self.bare_lf, BarePolicy::Normalize) { octets } else { octets.div_ceil(3) };
        octets.saturating_add(added).saturating_add(SPARE)
    }

    /// How many octets of room a chunk of so many octets takes most often: an octet is added for sixteen.
    #[must_use]
    pub const fn room_at_first(octets: usize) -> usize {
        octets.saturating_add(octets / 16).saturating_add(SPARE)
    }

    /// Takes octets from the start of a chunk as long as they go out just as they stand, and returns how many: what
    /// [`DataEncoder::encode`] would write is then the chunk's own first octets, and need not be copied. Goes on where it
    /// stopped with `encode`.
    pub fn encode_in_place(&mut self, chunk: &[u8]) -> usize {
        if self.state == State::Cr {
            return 0;
        }
        self.backend.run(EncodeInPlace { encoder: self, chunk })
    }

    /// Ends the mail data: appends the CRLF that is missing, if it is, and the terminator.
    ///
    /// # Errors
    /// A CR that was the last octet and is refused, with its offset.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Violation> {
        append(out, SPARE, |room| self.finish_into(room))
    }

    /// The same, into memory of the caller's.
    ///
    /// # Errors
    /// As [`DataEncoder::finish`].
    ///
    /// # Panics
    /// When `room` has less left than [`DataEncoder::room_for`] says of no octets.
    pub fn finish_into(&mut self, room: &mut Room<'_>) -> Result<(), Violation> {
        if self.state == State::Cr {
            if self.bare_cr == BarePolicy::Reject {
                return Err(Violation::new(Fault::BareCr, self.offset - 1));
            }
            room.push(b" ");
        }
        if self.state != State::LineStart {
            room.push(b"\r\n");
        }
        room.push(b".\r\n");
        Ok(())
    }

    /// Decides on blocks as long as there is room. Returns how many octets it took.
    #[inline(always)]
    fn blocks<K: Kernel, const IN_PLACE: bool>(
        &mut self,
        chunk: &[u8],
        room: &mut Room<'_>,
    ) -> Result<usize, Violation> {
        let all = |refused| if refused { u64::MAX } else { 0 };
        let refused =
            Refused { cr: all(self.bare_cr == BarePolicy::Reject), lf: all(self.bare_lf == BarePolicy::Reject) };
        let mut open =
            Open { cr: u64::from(self.state == State::Cr), start: u64::from(self.state == State::LineStart) };
        if !IN_PLACE && !room.has_wide_block() {
            return Ok(0);
        }
        if open.cr == 1 {
            // As if it had been written when it came.
            room.push(b"\r");
        }
        let mut filled = take(room);
        let mut at = 0;
        while at < chunk.len() {
            let short = chunk[at..].as_ptr().align_offset(BLOCK);
            let aligned = short == 0 || chunk.len() - at < WORTH_ALIGNING;
            if aligned && chunk.len() - at >= BLOCK {
                let (taken, left) = open.text::<K, IN_PLACE>(&chunk[at..], refused, filled);
                (at, filled) = (at + taken, left);
            }
            let rest = &chunk[at..];
            let (mut padded, block);
            let mut length = rest.len().min(BLOCK);
            if rest.is_empty() || !IN_PLACE && !filled.has_wide_block() {
                break;
            } else if let Some(whole) = rest.first_chunk() {
                block = whole;
                if !aligned {
                    length = short;
                }
            } else {
                padded = [b' '; BLOCK];
                padded[..length].copy_from_slice(rest);
                block = &padded;
            }
            let offset = self.offset + at as u64;
            let taken = open.block::<K, IN_PLACE>(block, length, refused, offset, &mut filled);
            match taken {
                Ok(0) => break,
                Ok(taken) => at += taken,
                Err(violation) => {
                    *room = filled;
                    return Err(violation);
                }
            }
        }
        self.state = if open.start == 1 { State::LineStart } else { State::Text };
        if open.cr == 1 && IN_PLACE {
            at -= 1;
        } else if open.cr == 1 {
            filled.take_back(1);
            self.state = State::Cr;
        }
        *room = filled;
        self.offset += at as u64;
        Ok(at)
    }
}

/// Octets of room for a CR of the chunk before, and because kernels write whole blocks: two, where octets are added.
const SPARE: usize = 1 + WIDE;

struct Encode<'a, 'r> {
    encoder: &'a mut DataEncoder,
    chunk: &'a [u8],
    room: &'a mut Room<'r>,
}

impl Job for Encode<'_, '_> {
    type Output = Result<usize, Violation>;

    #[inline(always)]
    fn run<K: Kernel>(self) -> Self::Output {
        self.encoder.blocks::<K, false>(self.chunk, self.room)
    }
}

struct EncodeInPlace<'a> {
    encoder: &'a mut DataEncoder,
    chunk: &'a [u8],
}

impl Job for EncodeInPlace<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<K: Kernel>(self) -> usize {
        let taken = self.encoder.blocks::<K, true>(self.chunk, &mut Room::default());
        taken.expect("what stays in place is not refused")
    }
}
