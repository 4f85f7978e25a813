//! The reader of a header section: from mail data as it streams by to findings.
//!
//! Takes mail data with its CRLF line ends, transparency undone, at any split; gives the same findings at every one. It works on the
//! octets where they stand, and holds only a field that is cut at the end of a chunk: at most
//! [`HeaderLimits::max_field`] octets. It changes nothing. Of the body nothing is read, but where it has to be: see
//! [`super::body`].
//!
//! States: in the section; past it; given up, when a bound was passed.

use super::body::Body;
use super::finding::{Finding, HeaderFinding};
use super::limits::{HeaderContext, HeaderLimits};
use super::lines::{self, Seen};
use super::notes::{Field, Findings, Notes, place};
use super::rules::Rules;
use super::shape::Shape;
use super::splitter::{Splitter, Whole};
use crate::data::DataReport;
use crate::scan::{Backend, Job, Kernel};

/// Where the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Section,
    Body,
    /// A bound was passed: nothing more is judged.
    GivenUp,
}

/// Reads the header section of one message.
#[derive(Debug, Clone)]
pub struct HeaderReader {
    limits: HeaderLimits,
    context: HeaderContext,
    backend: Backend,
    state: State,
    splitter: Splitter,
    /// The octets of a field that is not whole.
    carried: Vec<u8>,
    /// Octets of mail data before the field.
    offset: u64,
    /// Its first line.
    line: u32,
    fields: usize,
    /// The last field was no field: said once for lines that follow each other.
    no_field: bool,
    rules: Rules,
    seen: Seen,
    body: Body,
    findings: Findings,
    finished: bool,
}

impl HeaderReader {
    /// A reader at the first octet of a message.
    #[must_use]
    pub fn new(limits: HeaderLimits, context: HeaderContext) -> Self {
        Self::with_backend(limits, context, Backend::best())
    }

    /// The same with this kernel.
    #[must_use]
    pub fn with_backend(limits: HeaderLimits, context: HeaderContext, backend: Backend) -> Self {
        Self {
            limits,
            context,
            backend,
            state: State::Section,
            splitter: Splitter::default(),
            carried: Vec::new(),
            offset: 0,
            line: 1,
            fields: 0,
            no_field: false,
            rules: Rules::new(),
            seen: Seen::default(),
            body: Body::default(),
            findings: Findings::new(limits.max_findings),
            finished: false,
        }
    }

    /// Reads the next octets of mail data.
    pub fn read(&mut self, octets: &[u8]) {
        if self.state == State::Section {
            self.backend.run(Read { reader: self, octets });
        } else if self.state == State::Body {
            self.body.read(octets, self.backend);
        }
    }

    /// Whether the header section has ended, or a bound was passed. Only [`HeaderReader::finish`] can find more then.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.state != State::Section
    }

    /// Whether [`HeaderReader::read`] looks at no more octets.
    #[must_use]
    pub fn done(&self) -> bool {
        match self.state {
            State::Section => false,
            State::Body => !self.body.is_measured(),
            State::GivenUp => true,
        }
    }

    /// The message is whole: judges what only its end shows, by what the decoder counted in it. The second time it does nothing.
    pub fn finish(&mut self, report: &DataReport) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        if self.state == State::Section {
            let carried = std::mem::take(&mut self.carried);
            if !carried.is_empty() {
                let whole = self.splitter.finish(carried.len());
                self.field(&carried, whole);
            }
            if self.state == State::Section {
                self.end_section();
            }
        }
        if self.state == State::Body {
            let found = self.body.judge(&self.rules.declared, &self.seen, report);
            for finding in found.into_iter().flatten() {
                let end = HeaderFinding { finding, offset: self.offset, length: 0, line: self.line, field: None };
                self.findings.add_last(self.rules.declared.encoding_at.map_or(end, |at| at.finding(finding)));
            }
        }
    }

    /// What was found so far, in order of offset. What only the end of the section or of the message shows stands last.
    #[must_use]
    pub fn findings(&self) -> &[HeaderFinding] {
        self.findings.all()
    }

    /// The findings alone.
    pub(super) fn into_findings(self) -> Vec<HeaderFinding> {
        self.findings.into_all()
    }

    /// Octets of the section that were read, without its empty line.
    pub(super) fn section(&self) -> usize {
        usize::try_from(self.offset).unwrap_or(usize::MAX)
    }

    #[inline(always)]
    fn read_with<K: Kernel>(&mut self, octets: &[u8]) {
        let mut start = 0;
        while let Some(whole) = self.splitter.read::<K>(octets, start) {
            let own = &octets[start..whole.end];
            if self.carried.is_empty() {
                self.field(own, whole);
            } else {
                let mut carried = std::mem::take(&mut self.carried);
                // What is over the bound is not carried along.
                let room = self.most().saturating_add(1).saturating_sub(carried.len());
                carried.extend_from_slice(&own[..own.len().min(room)]);
                self.field(&carried, whole);
                carried.clear();
                self.carried = carried;
            }
            start = whole.end;
            if self.state != State::Section {
                if self.state == State::Body {
                    self.body.read(&octets[start..], self.backend);
                }
                return;
            }
        }
        let rest = &octets[start..];
        let room = self.most().saturating_add(1).saturating_sub(self.carried.len());
        self.carried.extend_from_slice(&rest[..rest.len().min(room)]);
        if self.carried.len() > self.most() {
            let carried = std::mem::take(&mut self.carried);
            self.give_up_on(&carried);
        }
    }

    /// The most octets that the field may have.
    fn most(&self) -> usize {
        let left = (self.limits.max_octets as u64).saturating_sub(self.offset);
        self.limits.max_field.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// A field that has more octets than it may. Which bound it passes first does not depend on how it came.
    #[cold]
    fn give_up_on(&mut self, octets: &[u8]) {
        let most = self.most();
        let finding = if most < self.limits.max_field { Finding::SectionTooLarge } else { Finding::FieldTooLarge };
        self.give_up(&octets[..octets.len().min(most + 1)], finding);
    }

    #[cold]
    fn give_up(&mut self, octets: &[u8], finding: Finding) {
        let name = match Shape::of(octets) {
            Shape::Field { name, .. } => name,
            _ => 0,
        };
        let field = Field { octets, name, value: name, offset: self.offset, line: self.line };
        self.findings.add(place(&field, finding, 0, name.max(1)));
        self.state = State::GivenUp;
        self.carried = Vec::new();
    }

    /// A field that is whole, or the empty line behind the last.
    #[inline(never)]
    fn field(&mut self, octets: &[u8], whole: Whole) {
        if octets.len() > self.most() {
            self.give_up_on(octets);
            return;
        }
        if matches!(octets, b"\r\n" | b"\n") {
            if octets == b"\n" {
                self.judge_lines(octets, 0, 0, true);
            }
            self.end_section();
            return;
        }
        if self.fields == self.limits.max_fields {
            self.give_up(octets, Finding::TooManyFields);
            return;
        }
        self.fields += 1;
        match Shape::of(octets) {
            Shape::Field { name, value } => {
                self.no_field = false;
                let field = Field { octets, name, value, offset: self.offset, line: self.line };
                if whole.long || whole.odd {
                    self.judge_lines(octets, name, 0, whole.odd);
                }
                self.rules.judge(&mut Notes { field, findings: &mut self.findings }, &self.limits);
            }
            shape => self.no_field(octets, shape),
        }
        if self.state == State::Section {
            self.offset += octets.len() as u64;
            self.line = self.line.saturating_add(whole.lines);
        }
    }

    #[cold]
    fn judge_lines(&mut self, octets: &[u8], name: usize, judged: usize, odd: bool) {
        let field = Field { octets, name, value: name, offset: self.offset, line: self.line };
        let mut notes = Notes { field, findings: &mut self.findings };
        lines::judge(&mut notes, &mut self.seen, self.context);
        if odd {
            lines::judge_octets(&mut notes, &mut self.seen, self.context, judged);
        }
    }

    /// What stands where a field should.
    #[cold]
    fn no_field(&mut self, octets: &[u8], shape: Shape) {
        let first = self.fields == 1;
        let text = octets.iter().position(|octet| matches!(octet, b'\r' | b'\n')).unwrap_or(octets.len());
        let before = std::mem::replace(&mut self.no_field, false);
        let name = if let Shape::BadName { at, colon } = shape { colon.max(at) } else { 0 };
        let field = Field { octets, name, value: name, offset: self.offset, line: self.line };
        let mut notes = Notes { field, findings: &mut self.findings };
        match shape {
            _ if first && octets.starts_with(b"From ") => notes.note(Finding::MboxLine, 0, text),
            _ if first && matches!(octets[0], b' ' | b'\t') => notes.note(Finding::LeadingSpace, 0, 1),
            Shape::BadName { at, .. } => notes.note(Finding::FieldName, at, at + 1),
            _ if first => {
                notes.note(Finding::NoHeader, 0, text);
                // All of it is the body.
                self.end_section();
                return;
            }
            _ => {
                self.no_field = true;
                if !before {
                    notes.note(Finding::NoColon, 0, text);
                }
            }
        }
        self.judge_lines(octets, name, name, true);
    }

    /// The last field has been read.
    fn end_section(&mut self) {
        self.state = State::Body;
        self.carried = Vec::new();
        self.rules.end(self.offset, self.line, &mut self.findings);
        self.body.begin(&self.rules.declared, &self.seen);
    }
}

struct Read<'a> {
    reader: &'a mut HeaderReader,
    octets: &'a [u8],
}

impl Job for Read<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernel>(self) {
        self.reader.read_with::<K>(self.octets);
    }
}
