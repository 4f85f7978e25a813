//! A field at its place in the message, and where the parsers of this directory write what they find in it.

use super::finding::{Finding, HeaderFinding};

/// The most octets of a field's name that a finding carries.
pub const MAX_NAME: usize = 128;

/// A field, or a line that should be one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// All of it, with the line ends.
    pub octets: &'a [u8],
    /// Octets of the name; 0 where there is none.
    pub name: usize,
    /// Where its value begins, after the colon.
    pub value: usize,
    /// Octets of mail data before it.
    pub offset: u64,
    /// Its first line, the first of the message being 1.
    pub line: u32,
}

impl<'a> Field<'a> {
    /// The field without its last line end: what the value is read from.
    pub(super) fn without_end(&self) -> &'a [u8] {
        match self.octets {
            [octets @ .., b'\r', b'\n'] | [octets @ .., b'\n'] => octets,
            octets => octets,
        }
    }

    pub(super) fn name(&self) -> &'a [u8] {
        &self.octets[..self.name]
    }
}

/// All that was found in a message, in order of offset, bounded. Of each kind one is told whatever else there is, so that a bound with
/// room for all kinds hides nothing from those who ask for a kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    found: Vec<HeaderFinding>,
    /// The most of them; one more says that there are more.
    max: usize,
    /// A bit for each kind that is told, or for which there is no room.
    kinds: u128,
    full: bool,
}

const _: () = assert!(Finding::ALL.len() <= u128::BITS as usize);

impl Findings {
    pub(super) fn new(max: usize) -> Self {
        Self { found: Vec::new(), max, kinds: 0, full: false }
    }

    pub(super) fn all(&self) -> &[HeaderFinding] {
        &self.found
    }

    pub(super) fn into_all(self) -> Vec<HeaderFinding> {
        self.found
    }

    /// Whether one of this kind would change what is told.
    fn takes(&self, finding: Finding) -> bool {
        !self.full || self.kinds & bit(finding) == 0
    }

    /// Adds one at its place among the others; of several at one octet, behind them.
    pub(super) fn add(&mut self, finding: HeaderFinding) {
        if self.make_room(&finding) {
            let at = self.found[..self.told()].partition_point(|other| other.offset <= finding.offset);
            self.found.insert(at, finding);
        }
    }

    /// Adds one behind all: what only the end shows.
    pub(super) fn add_last(&mut self, finding: HeaderFinding) {
        if self.make_room(&finding) {
            self.found.insert(self.told(), finding);
        }
    }

    /// How many there are, but for the one that says that there are more.
    fn told(&self) -> usize {
        self.found.len() - usize::from(self.full)
    }

    /// Whether there is room for this one: for the first of a kind the last of those that are not alone goes.
    fn make_room(&mut self, finding: &HeaderFinding) -> bool {
        if self.told() >= self.max {
            if !self.full {
                self.full = true;
                self.found.push(HeaderFinding { finding: Finding::TooManyFindings, ..finding.clone() });
            }
            if !self.takes(finding.finding) {
                return false;
            }
            let told = &self.found[..self.told()];
            let is_alone = |kind| told.iter().filter(|other| other.finding == kind).count() == 1;
            let Some(last) = told.iter().rposition(|other| !is_alone(other.finding)) else {
                // There never will be one again.
                self.kinds = u128::MAX;
                return false;
            };
            self.found.remove(last);
        }
        self.kinds |= bit(finding.finding);
        true
    }
}

const fn bit(finding: Finding) -> u128 {
    1 << finding as u32
}

/// What is found in one field.
pub(super) struct Notes<'a> {
    pub(super) field: Field<'a>,
    pub(super) findings: &'a mut Findings,
}

impl Notes<'_> {
    /// Notes what stands in the field's octets from `at` to `end`.
    #[cold]
    pub(super) fn note(&mut self, finding: Finding, at: usize, end: usize) {
        // To place one, the lines before it are counted: for each address of a long field, that is its square.
        if self.findings.takes(finding) {
            let found = place(&self.field, finding, at, end);
            self.findings.add(found);
        }
    }

    /// Notes what stands in the value from `at` to `end`; where that is behind its last octet, all of it.
    pub(super) fn note_in_value(&mut self, finding: Finding, at: usize, end: usize) {
        let value_end = self.field.without_end().trim_ascii_end().len();
        if at < value_end {
            self.note(finding, at, end.clamp(at + 1, value_end));
        } else {
            self.note_value(finding);
        }
    }

    /// Notes the name.
    pub(super) fn note_name(&mut self, finding: Finding) {
        self.note(finding, 0, self.field.name);
    }

    /// Notes all of the value that is no white space.
    pub(super) fn note_value(&mut self, finding: Finding) {
        let value = &self.field.without_end()[self.field.value..];
        let before = value.len() - value.trim_ascii_start().len();
        let at = self.field.value + before;
        let octets = value.trim_ascii().len();
        if octets == 0 {
            self.note(finding, 0, self.field.value);
        } else {
            self.note(finding, at, at + octets);
        }
    }
}

/// A finding in a field's octets from `at` to `end`.
pub(super) fn place(field: &Field<'_>, finding: Finding, at: usize, end: usize) -> HeaderFinding {
    let at = at.min(field.octets.len());
    let lines = field.octets[..at].iter().filter(|&&octet| octet == b'\n').count();
    let name = &field.name()[..field.name.min(MAX_NAME)];
    HeaderFinding {
        finding,
        offset: field.offset + at as u64,
        length: u32::try_from(end.saturating_sub(at)).unwrap_or(u32::MAX),
        line: field.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)),
        field: (!name.is_empty()).then(|| String::from_utf8_lossy(name).into()),
    }
}

/// A place that something may be said of later, in a field that there is a rule for: its name is short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    offset: u64,
    length: u32,
    line: u32,
    name: [u8; Self::MAX_NAME],
    name_octets: usize,
}

impl Mark {
    const MAX_NAME: usize = 32;

    pub(super) fn new(field: &Field<'_>, at: usize, end: usize) -> Self {
        let lines = field.octets[..at].iter().filter(|&&octet| octet == b'\n').count();
        let mut name = [0; Self::MAX_NAME];
        let name_octets = field.name.min(name.len());
        name[..name_octets].copy_from_slice(&field.octets[..name_octets]);
        Self {
            offset: field.offset + at as u64,
            length: u32::try_from(end - at).unwrap_or(u32::MAX),
            line: field.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)),
            name,
            name_octets,
        }
    }

    pub(super) fn of_name(field: &Field<'_>) -> Self {
        Self::new(field, 0, field.name)
    }

    pub(super) fn finding(&self, finding: Finding) -> HeaderFinding {
        let Self { offset, length, line, .. } = *self;
        let name = String::from_utf8_lossy(&self.name[..self.name_octets]);
        HeaderFinding { finding, offset, length, line, field: Some(name.into()) }
    }
}
