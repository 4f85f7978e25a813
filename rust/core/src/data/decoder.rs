//! From octets of the wire to mail data: enforces the policies and, where there is transparency, finds `<CRLF>.<CRLF>` and
//! takes the dots away.
//!
//! What [`super::DataDecoder`] and [`super::ChunkDecoder`] share. Takes octets at any split; appends mail data to the
//! caller's buffer; says how many octets were its own. With transparency only `<CRLF>.<CRLF>` ends mail data (RFC 5321
//! §4.1.1.4), and a dot that starts a line is taken away when other octets follow it (§4.5.2); only CRLF starts a line.
//! Without, a dot is an octet like any other, and where mail data ends is the caller's to know. After the first violation
//! nothing more is handed out, but the end is still looked for and everything is still counted, so that the reply can be
//! given in step.
//!
//! It retains a state and the report, whatever arrives: at most `.` CR of the stream, in the form of a state.
//!
//! Two ways lead through the same rules. The block way ([`super::blocks`]) decides 64 octets at a time by bit masks, and
//! counts what is kept. The octet way is the state machine below; it refuses and rewrites, and decides what only the next
//! octets can tell. The block way hands over to it and takes back at decided places: [`State::LineStart`] and
//! [`State::Text`].

use super::handing::{Dropped, InPlace, WithCrlf, WithLf};
use super::policies::{BarePolicy, DataPolicies, KeepPolicy, LineEnds};
use super::report::DataReport;
use super::room::{Room, append};
use super::state::State;
use crate::scan::{BLOCK, Backend, Job, Kernel};
use crate::violation::{Fault, Violation};

/// The decoder of one message's mail data, with transparency or without.
#[derive(Debug, Clone)]
pub(super) struct Decoder<const TRANSPARENCY: bool> {
    pub(super) policies: DataPolicies,
    backend: Backend,
    pub(super) state: State,
    /// Octets of the wire seen.
    pub(super) offset: u64,
    /// Octets of the current line that are decided.
    pub(super) line: u64,
    pub(super) report: DataReport,
    pub(super) violation: Option<Violation>,
}

impl<const TRANSPARENCY: bool> Decoder<TRANSPARENCY> {
    /// A decoder at the first octet.
    pub(super) fn new(policies: DataPolicies, backend: Backend) -> Self {
        Self {
            policies,
            backend,
            state: State::LineStart,
            offset: 0,
            line: 0,
            report: DataReport::default(),
            violation: None,
        }
    }

    /// Decodes a chunk, appends its mail data to `out`, and returns how many octets it took.
    pub(super) fn decode(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> usize {
        append(out, self.most(chunk.len()), |room| self.decode_into(chunk, room))
    }

    /// The same, into memory of the caller's, which has to have room for as many as [`Decoder::most`] says.
    pub(super) fn decode_into(&mut self, chunk: &[u8], room: &mut Room<'_>) -> usize {
        assert!(room.left() >= self.most(chunk.len()), "decode_into takes room for room_for(chunk.len()) octets");
        self.backend.run(Decode { decoder: self, chunk, room })
    }

    /// Takes octets from the start of a chunk as long as they are mail data just as they stand, and returns how many.
    pub(super) fn decode_in_place(&mut self, chunk: &[u8]) -> usize {
        let decided = matches!(self.state, State::LineStart | State::Text);
        if !decided || self.violation.is_some() || self.policies.line_ends == LineEnds::Lf {
            return 0;
        }
        self.backend.run(DecodeInPlace { decoder: self, chunk })
    }

    /// The most octets that a chunk of so many becomes. One more than came in: a CR of the chunk before may turn out to be
    /// mail data. And as many again where each may be an LF that is made a CRLF.
    pub(super) const fn most(&self, octets: usize) -> usize {
        let normalized = matches!(self.policies.bare_lf, BarePolicy::Normalize);
        octets.saturating_add(1).saturating_add(if normalized { octets } else { 0 })
    }

    /// What was counted so far; complete at the end.
    pub(super) fn report(&self) -> DataReport {
        let longest_line = self.report.longest_line.max(self.line);
        DataReport { longest_line, ..self.report }
    }

    #[inline(always)]
    fn decode_with<K: Kernel>(&mut self, chunk: &[u8], room: &mut Room<'_>) -> usize {
        let mut at = 0;
        while at < chunk.len() && self.state != State::End {
            let rest = &chunk[at..];
            let mut least = 0;
            if matches!(self.state, State::LineStart | State::Text) {
                at += match (self.violation, self.policies.line_ends) {
                    (Some(_), _) => self.blocks::<K, Dropped>(rest, room),
                    (None, LineEnds::Crlf) => self.blocks::<K, WithCrlf>(rest, room),
                    (None, LineEnds::Lf) => self.blocks::<K, WithLf>(rest, room),
                };
                // What stopped the block way is in the next block.
                least = BLOCK;
            }
            if self.state != State::End {
                at += self.steps(&chunk[at..], least, room);
            }
        }
        at
    }

    /// Steps through octets, `least` of them and on until the block way can take over. Returns how many.
    #[cold]
    #[inline(never)]
    fn steps(&mut self, octets: &[u8], least: usize, room: &mut Room<'_>) -> usize {
        for (i, &octet) in octets.iter().enumerate() {
            let decided = matches!(self.state, State::LineStart | State::Text);
            if self.state == State::End || decided && i >= least {
                return i;
            }
            self.step(octet, room);
        }
        octets.len()
    }

    fn step(&mut self, octet: u8, room: &mut Room<'_>) {
        self.state = match (self.state, octet) {
            (State::LineStart, b'.') if TRANSPARENCY => State::Dot,
            (State::Dot, b'\r') => State::DotCr,
            (State::DotCr, b'\n') => {
                self.line = 0;
                State::End
            }
            (State::Dot, octet) => {
                self.report.dots_removed += 1;
                self.text(octet, room)
            }
            (State::DotCr, octet) => {
                self.report.dots_removed += 1;
                self.bare_cr(room);
                self.text(octet, room)
            }
            (State::Cr, b'\n') => {
                self.line_end(room);
                State::LineStart
            }
            (State::Cr, octet) => {
                self.bare_cr(room);
                self.text(octet, room)
            }
            (State::LineStart | State::Text, octet) => self.text(octet, room),
            (State::End, _) => State::End,
        };
        self.offset += 1;
    }

    /// Decides on a CR that no octet can follow any more: the last octet has come.
    pub(super) fn decide_last(&mut self, room: &mut Room<'_>) {
        if self.state == State::Cr {
            self.bare_cr(room);
            self.state = State::Text;
        }
    }

    /// An octet inside a line, where an LF is bare.
    fn text(&mut self, octet: u8, room: &mut Room<'_>) -> State {
        let offset = self.offset;
        match octet {
            b'\r' => return State::Cr,
            b'\n' => {
                self.report.bare_lf += 1;
                self.report.first_bare_lf.get_or_insert(offset);
                match self.policies.bare_lf {
                    BarePolicy::Reject => self.violate(Fault::BareLf, offset),
                    BarePolicy::Keep => {}
                    BarePolicy::Normalize => {
                        let line_end: &[u8] = if self.policies.line_ends == LineEnds::Lf { b"\n" } else { b"\r\n" };
                        self.accept(offset, line_end, room);
                        return State::Text;
                    }
                }
            }
            0 => {
                self.report.nul += 1;
                self.report.first_nul.get_or_insert(offset);
                if self.policies.nul == KeepPolicy::Reject {
                    self.violate(Fault::Nul, offset);
                }
            }
            128.. => {
                self.report.eight_bit += 1;
                self.report.first_eight_bit.get_or_insert(offset);
            }
            _ => {}
        }
        self.accept(offset, &[octet], room);
        State::Text
    }

    /// The octet before this one was a CR, and this one is no LF.
    fn bare_cr(&mut self, room: &mut Room<'_>) {
        let offset = self.offset - 1;
        self.report.bare_cr += 1;
        self.report.first_bare_cr.get_or_insert(offset);
        if self.policies.bare_cr == BarePolicy::Reject {
            self.violate(Fault::BareCr, offset);
        }
        let handed_out: &[u8] = if self.policies.bare_cr == BarePolicy::Normalize { b" " } else { b"\r" };
        self.accept(offset, handed_out, room);
    }

    /// The octet before this one was a CR, and this one is an LF.
    fn line_end(&mut self, room: &mut Room<'_>) {
        if self.line == 0 {
            self.report.header_end.get_or_insert(self.report.size);
        }
        let cr: &[u8] = if self.policies.line_ends == LineEnds::Lf { b"" } else { b"\r" };
        self.accept(self.offset - 1, cr, room);
        self.accept(self.offset, b"\n", room);
        self.report.lines += 1;
        self.report.longest_line = self.report.longest_line.max(self.line);
        self.line = 0;
    }

    /// Counts one octet of mail data, holds it against the limits, and hands out what it becomes.
    fn accept(&mut self, offset: u64, becomes: &[u8], room: &mut Room<'_>) {
        self.line += 1;
        self.report.size += 1;
        if self.line - 1 == self.policies.max_line {
            self.report.long_lines += 1;
            self.report.first_long_line.get_or_insert(offset);
            if self.policies.long_line == KeepPolicy::Reject {
                self.violate(Fault::LongLine, offset);
            }
        }
        if self.report.size > self.policies.max_size {
            self.violate(Fault::TooLarge, offset);
        }
        if self.violation.is_none() {
            room.push(becomes);
        }
    }

    fn violate(&mut self, fault: Fault, offset: u64) {
        self.violation.get_or_insert(Violation::new(fault, offset));
    }
}

struct Decode<'a, 'r, const TRANSPARENCY: bool> {
    decoder: &'a mut Decoder<TRANSPARENCY>,
    chunk: &'a [u8],
    room: &'a mut Room<'r>,
}

impl<const TRANSPARENCY: bool> Job for Decode<'_, '_, TRANSPARENCY> {
    type Output = usize;

    #[inline(always)]
    fn run<K: Kernel>(self) -> usize {
        self.decoder.decode_with::<K>(self.chunk, self.room)
    }
}

struct DecodeInPlace<'a, const TRANSPARENCY: bool> {
    decoder: &'a mut Decoder<TRANSPARENCY>,
    chunk: &'a [u8],
}

impl<const TRANSPARENCY: bool> Job for DecodeInPlace<'_, TRANSPARENCY> {
    type Output = usize;

    #[inline(always)]
    fn run<K: Kernel>(self) -> usize {
        self.decoder.blocks::<K, InPlace>(self.chunk, &mut Room::new(&mut []))
    }
}
