//! From octets of the wire to mail data: finds `<CRLF>.<CRLF>`, takes transparency dots away, enforces the policies.
//!
//! Takes chunks at any split; appends mail data to the caller's buffer; says how many octets were its own. Only
//! `<CRLF>.<CRLF>` ends mail data (RFC 5321 §4.1.1.4). A dot that starts a line is taken away when other octets follow it
//! (§4.5.2); only CRLF starts a line. After the first violation nothing more is handed out, but the end is still looked
//! for and everything is still counted, so that the reply can be given in step.
//!
//! It retains a state and the report, whatever arrives: at most `.` CR of the stream, in the form of a state.
//!
//! Two ways through the same rules: [`DataDecoder::block`] decides on the masks of a block; [`DataDecoder::step`] on one
//! octet. The block way leaves to the step way every block in which something is refused or rewritten, which happens at
//! most once in a message or was asked for by a policy, and the last octets of a chunk that are not decided yet. So the
//! block way starts and ends at [`State::LineStart`] or [`State::Text`] only.

use super::policies::{BarePolicy, DataPolicies, KeepPolicy, LineEnds};
use super::report::DataReport;
use super::state::State;
use crate::scan::{BLOCK, Backend, Job, Kernel, Masks};
use crate::violation::{Fault, Violation};

/// Octets of the terminator that no line before it owns: `.` CR LF.
const TERMINATOR: usize = 3;

/// The decoder of one message's mail data.
#[derive(Debug, Clone)]
pub struct DataDecoder {
    policies: DataPolicies,
    backend: Backend,
    state: State,
    /// Octets of the wire seen.
    offset: u64,
    /// Octets of the current line that are decided.
    line: u64,
    report: DataReport,
    violation: Option<Violation>,
}

impl DataDecoder {
    /// A decoder at the first octet after the 354.
    #[must_use]
    pub fn new(policies: DataPolicies) -> Self {
        Self::with_backend(policies, Backend::best())
    }

    /// The same, with a kernel of the caller's choice.
    #[must_use]
    pub fn with_backend(policies: DataPolicies, backend: Backend) -> Self {
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

    /// Decodes a chunk, appends its mail data to `out`, and returns how many of its octets belong to the mail data and its
    /// terminator. All of them, until the end is in the chunk; what follows the end is the caller's.
    pub fn decode(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> usize {
        if self.violation.is_none() {
            // One more than came in: a CR of the chunk before may turn out to be mail data.
            out.reserve(chunk.len() + 1);
        }
        self.backend.run(Decode { decoder: self, chunk, out })
    }

    /// Whether `<CRLF>.<CRLF>` has been seen.
    #[must_use]
    pub fn eof(&self) -> bool {
        self.state == State::End
    }

    /// The first violation of the policies.
    #[must_use]
    pub const fn violation(&self) -> Option<Violation> {
        self.violation
    }

    /// What was counted so far; complete at the end.
    #[must_use]
    pub fn report(&self) -> DataReport {
        let longest_line = self.report.longest_line.max(self.line);
        DataReport { longest_line, ..self.report }
    }

    /// Octets of the wire seen, the terminator included.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.offset
    }

    /// The report of mail data that is whole and broke no rule.
    ///
    /// # Errors
    /// The first violation, or [`Fault::Unfinished`] when the end was not seen.
    pub fn finish(&self) -> Result<DataReport, Violation> {
        match self.violation {
            Some(violation) => Err(violation),
            None if self.eof() => Ok(self.report()),
            None => Err(Violation::new(Fault::Unfinished, self.offset)),
        }
    }

    #[inline(always)]
    fn decode_with<K: Kernel>(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> usize {
        let mut run = Run { chunk, at: 0, copied: 0 };
        while run.at < chunk.len() && self.state != State::End {
            let rest = &chunk[run.at..];
            let mut least = 0;
            if matches!(self.state, State::LineStart | State::Text) {
                let taken = match rest.first_chunk::<BLOCK>() {
                    Some(block) => self.block(K::masks(block), BLOCK, &mut run, out),
                    None => {
                        let mut block = [b' '; BLOCK];
                        block[..rest.len()].copy_from_slice(rest);
                        self.block(K::masks(&block), rest.len(), &mut run, out)
                    }
                };
                if taken {
                    continue;
                }
                least = BLOCK;
            }
            self.copy(&chunk[run.copied..run.at], out);
            run.at += self.steps(&chunk[run.at..], least, out);
            run.copied = run.at;
        }
        self.copy(&chunk[run.copied..run.at], out);
        run.at
    }

    #[inline(always)]
    fn copy(&self, octets: &[u8], out: &mut Vec<u8>) {
        if self.violation.is_none() {
            out.extend_from_slice(octets);
        }
    }

    /// Decides on up to a block of octets, the next `length` of the run, by their masks. False when they have to be stepped
    /// through instead. What it takes stays uncopied as long as nothing is removed.
    #[inline(always)]
    fn block(&mut self, masks: Masks, length: usize, run: &mut Run<'_>, out: &mut Vec<u8>) -> bool {
        let Masks { cr, lf, dot, .. } = masks;
        let starts = (lf & cr << 1) << 1 | u64::from(self.state == State::LineStart);
        let ends = dot & starts & cr >> 1 & lf >> 2;

        // How many octets are decided: up to the terminator, or up to what only the next octets can decide, which is a CR
        // or a dot that starts a line, or the latter and the former.
        let mut taken = ends.trailing_zeros() as usize;
        if ends == 0 {
            taken = length - usize::from(ends_with(cr, length));
            taken -= usize::from(ends_with(dot & starts, taken));
        }
        let valid = below(taken);
        let crlf = lf & cr << 1 & valid;
        let dots = dot & starts & valid;
        let bare_lf = lf & !(cr << 1) & valid;
        let bare_cr = cr & !(lf >> 1) & valid;
        let nul = masks.nul & valid;
        let eight_bit = masks.eight_bit & valid;
        let size = taken as u64 - u64::from(dots.count_ones());

        // Only the line that began before this block can pass, in it, a limit of a block's length or more.
        let first_end = if crlf == 0 { taken } else { crlf.trailing_zeros() as usize + 1 };
        let first = self.line + first_end as u64 - (dots & 1);
        let max_line = self.policies.max_line;
        if max_line < BLOCK as u64 || first > max_line && self.line <= max_line {
            return false;
        }
        if self.violation.is_none() {
            let refused = self.not_kept(bare_cr, bare_lf, nul) != 0;
            if refused || size > self.policies.max_size - self.report.size {
                return false;
            }
        }
        if taken == 0 && ends == 0 {
            return false;
        }

        if bare_cr | bare_lf | nul | eight_bit != 0 {
            self.count_odd_octets(bare_cr, bare_lf, nul, eight_bit);
        }
        let line_starts = (starts & !dots) | dots << 1;
        if self.report.header_end.is_none() {
            let empty = line_starts & crlf >> 1;
            if empty != 0 {
                let before = below(empty.trailing_zeros() as usize);
                let octets = before.count_ones() - (dots & before).count_ones();
                self.report.header_end = Some(self.report.size + u64::from(octets));
            }
        }
        if crlf == 0 {
            self.line = first;
        } else {
            self.report.lines += u64::from(crlf.count_ones());
            self.report.longest_line = self.report.longest_line.max(first);
            let inner = crlf & (crlf - 1);
            if inner != 0 && self.report.longest_line < BLOCK as u64 {
                self.measure(inner, line_starts);
            }
            let last = BLOCK - crlf.leading_zeros() as usize;
            self.line = (taken - last) as u64 - (dots & !below(last)).count_ones() as u64;
        }
        self.report.size += size;
        self.report.dots_removed += u64::from(dots.count_ones());
        if taken > 0 {
            self.state = if ends_with(crlf, taken) { State::LineStart } else { State::Text };
        }
        self.offset += taken as u64;

        let mut removed = dots;
        if self.policies.line_ends == LineEnds::Lf {
            removed |= crlf >> 1;
        }
        while removed != 0 {
            let hole = run.at + removed.trailing_zeros() as usize;
            self.copy(&run.chunk[run.copied..hole], out);
            run.copied = hole + 1;
            removed &= removed - 1;
        }
        run.at += taken;
        if ends != 0 {
            self.copy(&run.chunk[run.copied..run.at], out);
            run.at += TERMINATOR;
            run.copied = run.at;
            self.offset += TERMINATOR as u64;
            self.line = 0;
            self.state = State::End;
        }
        true
    }

    /// The octets the policies refuse or rewrite.
    #[inline(always)]
    fn not_kept(&self, bare_cr: u64, bare_lf: u64, nul: u64) -> u64 {
        let when = |not_kept: bool, mask: u64| if not_kept { mask } else { 0 };
        when(self.policies.bare_cr != BarePolicy::Keep, bare_cr)
            | when(self.policies.bare_lf != BarePolicy::Keep, bare_lf)
            | when(self.policies.nul != KeepPolicy::Keep, nul)
    }

    #[cold]
    fn count_odd_octets(&mut self, bare_cr: u64, bare_lf: u64, nul: u64, eight_bit: u64) {
        let offset = self.offset;
        let count = |mask: u64, number: &mut u64, first: &mut Option<u64>| {
            if mask != 0 {
                *number += u64::from(mask.count_ones());
                first.get_or_insert(offset + u64::from(mask.trailing_zeros()));
            }
        };
        let report = &mut self.report;
        count(bare_cr, &mut report.bare_cr, &mut report.first_bare_cr);
        count(bare_lf, &mut report.bare_lf, &mut report.first_bare_lf);
        count(nul, &mut report.nul, &mut report.first_nul);
        count(eight_bit, &mut report.eight_bit, &mut report.first_eight_bit);
    }

    /// Finds whether a line that begins and ends in this block is the longest so far. `ends` are the LFs of such lines,
    /// `starts` the first octets of lines.
    #[inline(always)]
    fn measure(&mut self, ends: u64, starts: u64) {
        // A line is longer than the longest when no line starts in the last so many octets up to its end. Growing the
        // window by its own width decides that for all lines at once.
        let longest = self.report.longest_line.max(1) as u32;
        let (mut near, mut width) = (starts, 1);
        while width < longest {
            let more = width.min(longest - width);
            near |= near << more;
            width += more;
        }
        let mut longer = ends & !near;
        while longer != 0 {
            let end = longer.trailing_zeros();
            let start = BLOCK as u32 - 1 - (starts & below(end as usize)).leading_zeros();
            self.report.longest_line = self.report.longest_line.max(u64::from(end + 1 - start));
            longer &= longer - 1;
        }
    }

    /// Steps through octets, `least` of them and on until the block way can take over. Returns how many.
    #[cold]
    #[inline(never)]
    fn steps(&mut self, octets: &[u8], least: usize, out: &mut Vec<u8>) -> usize {
        for (i, &octet) in octets.iter().enumerate() {
            let decided = matches!(self.state, State::LineStart | State::Text);
            if self.state == State::End || decided && i >= least {
                return i;
            }
            self.step(octet, out);
        }
        octets.len()
    }

    fn step(&mut self, octet: u8, out: &mut Vec<u8>) {
        self.state = match (self.state, octet) {
            (State::LineStart, b'.') => State::Dot,
            (State::Dot, b'\r') => State::DotCr,
            (State::DotCr, b'\n') => {
                self.line = 0;
                State::End
            }
            (State::Dot, octet) => {
                self.report.dots_removed += 1;
                self.text(octet, out)
            }
            (State::DotCr, octet) => {
                self.report.dots_removed += 1;
                self.bare_cr(out);
                self.text(octet, out)
            }
            (State::Cr, b'\n') => {
                self.line_end(out);
                State::LineStart
            }
            (State::Cr, octet) => {
                self.bare_cr(out);
                self.text(octet, out)
            }
            (State::LineStart | State::Text, octet) => self.text(octet, out),
            (State::End, _) => State::End,
        };
        self.offset += 1;
    }

    /// An octet inside a line, where an LF is bare.
    fn text(&mut self, octet: u8, out: &mut Vec<u8>) -> State {
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
                        self.accept(offset, line_end, out);
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
        self.accept(offset, &[octet], out);
        State::Text
    }

    /// The octet before this one was a CR, and this one is no LF.
    fn bare_cr(&mut self, out: &mut Vec<u8>) {
        let offset = self.offset - 1;
        self.report.bare_cr += 1;
        self.report.first_bare_cr.get_or_insert(offset);
        if self.policies.bare_cr == BarePolicy::Reject {
            self.violate(Fault::BareCr, offset);
        }
        let handed_out: &[u8] = if self.policies.bare_cr == BarePolicy::Normalize { b" " } else { b"\r" };
        self.accept(offset, handed_out, out);
    }

    /// The octet before this one was a CR, and this one is an LF.
    fn line_end(&mut self, out: &mut Vec<u8>) {
        if self.line == 0 {
            self.report.header_end.get_or_insert(self.report.size);
        }
        let cr: &[u8] = if self.policies.line_ends == LineEnds::Lf { b"" } else { b"\r" };
        self.accept(self.offset - 1, cr, out);
        self.accept(self.offset, b"\n", out);
        self.report.lines += 1;
        self.report.longest_line = self.report.longest_line.max(self.line);
        self.line = 0;
    }

    /// Counts one octet of mail data, holds it against the limits, and hands out what it becomes.
    fn accept(&mut self, offset: u64, becomes: &[u8], out: &mut Vec<u8>) {
        self.line += 1;
        self.report.size += 1;
        if self.line == self.policies.max_line + 1 {
            self.report.long_lines += 1;
            self.report.first_long_line.get_or_insert(offset);
            if self.policies.long_line == KeepPolicy::Reject {
                self.violate(Fault::LongLine, offset);
            }
        }
        if self.report.size > self.policies.max_size {
            self.violate(Fault::TooLarge, offset);
        }
        self.copy(becomes, out);
    }

    fn violate(&mut self, fault: Fault, offset: u64) {
        self.violation.get_or_insert(Violation::new(fault, offset));
    }
}

/// How far a chunk has been decided and copied.
struct Run<'a> {
    chunk: &'a [u8],
    /// Octets decided.
    at: usize,
    /// Octets handed out or left out; from here to `at` they still wait to be copied in one piece.
    copied: usize,
}

/// The `count` lowest bits.
#[inline(always)]
const fn below(count: usize) -> u64 {
    if count >= BLOCK { u64::MAX } else { (1 << count) - 1 }
}

/// Whether the last of the `count` lowest bits is set.
#[inline(always)]
const fn ends_with(mask: u64, count: usize) -> bool {
    count > 0 && mask >> (count - 1) & 1 == 1
}

struct Decode<'a> {
    decoder: &'a mut DataDecoder,
    chunk: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Job for Decode<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<K: Kernel>(self) -> usize {
        self.decoder.decode_with::<K>(self.chunk, self.out)
    }
}
