//! The parameters of a field of MIME (RFC 2045 §5.1), those in parts and encoded ones among them (RFC 2231).

use super::class::TOKEN;
use super::cursor::Cursor;
use super::encoded_word;
use super::finding::Finding;
use super::notes::Notes;

/// How many are held against each other; those after them are read alone.
const MAX: usize = 16;

/// One parameter: octets of the field.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parameter<'a> {
    pub name: &'a [u8],
    /// As it stands, without the quotes.
    pub value: &'a [u8],
    pub quoted: bool,
    /// Where it begins and ends in the field.
    pub at: usize,
    pub end: usize,
}

/// The name of a parameter in parts: `name*0*` is part 0 of `name`, encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part<'a> {
    base: &'a [u8],
    number: Option<usize>,
    encoded: bool,
}

impl<'a> Part<'a> {
    /// None where the name has no asterisk. A number that is none is as large as can be.
    fn of(name: &'a [u8]) -> Option<Self> {
        let star = name.iter().position(|&octet| octet == b'*')?;
        let (base, rest) = (&name[..star], &name[star + 1..]);
        let (digits, encoded) = match rest {
            [] => return Some(Self { base, number: None, encoded: true }),
            [digits @ .., b'*'] => (digits, true),
            digits => (digits, false),
        };
        let canonical = digits == b"0" || digits.first().is_some_and(|digit| (b'1'..=b'9').contains(digit));
        let number = str::from_utf8(digits).ok().filter(|_| canonical && digits.iter().all(u8::is_ascii_digit));
        Some(Self { base, number: Some(number.and_then(|text| text.parse().ok()).unwrap_or(usize::MAX)), encoded })
    }

    /// Whether the value, of the first or only part, begins with a charset.
    const fn is_first(&self) -> bool {
        matches!(self.number, None | Some(0))
    }
}

/// ```abnf
/// *(";" parameter)
/// parameter := attribute "=" value
/// value     := token / quoted-string
/// ```
/// with CFWS between, from behind the type on. Returns the parameters, at most so many as are held.
pub(super) fn judge<'a>(notes: &mut Notes<'_>, mut cursor: Cursor<'a>) -> Held<'a> {
    let mut held = Held { all: [Parameter::default(); MAX], count: 0, whole: true };
    held.whole = held.read(notes, &mut cursor);
    held
}

/// Reads one from its name on. None with the cursor at what is wrong.
fn parameter<'a>(cursor: &mut Cursor<'a>) -> Option<Parameter<'a>> {
    let at = cursor.at();
    let name = cursor.eat_token();
    if name.is_empty() || cursor.cfws().is_err() || !cursor.eat(b'=') || cursor.cfws().is_err() {
        return None;
    }
    let quoted = cursor.peek() == Some(b'"');
    let value = if quoted {
        cursor.quoted().ok()?
    } else {
        let start = cursor.at();
        (cursor.eat_class(TOKEN) > 0).then(|| cursor.since(start))?
    };
    Some(Parameter { name, value, quoted, at, end: cursor.at() })
}

/// Parameters that were read.
pub(super) struct Held<'a> {
    all: [Parameter<'a>; MAX],
    count: usize,
    /// Whether all of the field could be read, and held.
    pub whole: bool,
}

impl<'a> Held<'a> {
    fn all(&self) -> &[Parameter<'a>] {
        &self.all[..self.count]
    }

    /// The parameter of that name, in any case; its first part where it has some.
    pub(super) fn find(&self, wanted: &[u8]) -> Option<&Parameter<'a>> {
        self.all().iter().find(|parameter| match Part::of(parameter.name) {
            None => parameter.name.eq_ignore_ascii_case(wanted),
            Some(part) => part.is_first() && part.base.eq_ignore_ascii_case(wanted),
        })
    }

    /// Reads them all. Whether that could be done, and all are held.
    fn read(&mut self, notes: &mut Notes<'_>, cursor: &mut Cursor<'a>) -> bool {
        let mut whole = true;
        loop {
            if cursor.cfws().is_err() {
                return broken(notes, cursor.at(), cursor);
            }
            if cursor.is_end() {
                break;
            }
            let semicolon = cursor.at();
            if !cursor.eat(b';') || cursor.cfws().is_err() {
                return broken(notes, cursor.at(), cursor);
            }
            if matches!(cursor.peek(), None | Some(b';')) {
                notes.note(Finding::EmptyParameter, semicolon, semicolon + 1);
                continue;
            }
            let start = cursor.at();
            let Some(parameter) = parameter(cursor) else { return broken(notes, start, cursor) };
            if encoded_word::any(parameter.value) {
                notes.note(Finding::EncodedWordInParameter, parameter.at, parameter.end);
            }
            whole &= self.add(notes, parameter);
        }
        self.judge_parts(notes, whole);
        whole
    }

    /// Adds one. Whether there was room.
    fn add(&mut self, notes: &mut Notes<'_>, parameter: Parameter<'a>) -> bool {
        if self.all().iter().any(|other| other.name.eq_ignore_ascii_case(parameter.name)) {
            notes.note(Finding::RepeatedParameter, parameter.at, parameter.end);
        }
        let Some(slot) = self.all.get_mut(self.count) else { return false };
        *slot = parameter;
        self.count += 1;
        true
    }

    /// Every part has the one before it, and what is encoded is encoded.
    fn judge_parts(&self, notes: &mut Notes<'_>, whole: bool) {
        for parameter in self.all() {
            let Some(part) = Part::of(parameter.name) else { continue };
            let before = |other: &Parameter<'_>| {
                Part::of(other.name).is_some_and(|other| {
                    other.base.eq_ignore_ascii_case(part.base)
                        && other.number.is_some_and(|number| number.checked_add(1) == part.number)
                })
            };
            let follows = part.number.is_none_or(|number| number == 0)
                || part.number.is_some_and(|number| number < usize::MAX) && self.all().iter().any(before);
            let encoded = !part.encoded || is_encoded(parameter.value, part.is_first());
            // Of more parameters than are held the one before may be among the others.
            if part.base.is_empty() || !encoded || !follows && whole {
                notes.note(Finding::ExtendedParameter, parameter.at, parameter.end);
            } else if part.encoded && parameter.quoted {
                notes.note(Finding::QuotedExtendedParameter, parameter.at, parameter.end);
            }
        }
    }
}

/// No parameter, from `start` on.
fn broken(notes: &mut Notes<'_>, start: usize, cursor: &Cursor<'_>) -> bool {
    notes.note_in_value(Finding::ParameterSyntax, start, cursor.at() + 1);
    false
}

/// ```abnf
/// initial-section extended-value = [charset] "'" [language] "'" *(ext-octet / attribute-char)
/// ext-octet                      = "%" 2(DIGIT / "A"-"F")
/// ```
/// Small digits are taken.
fn is_encoded(value: &[u8], first: bool) -> bool {
    let text = if first {
        let mut parts = value.splitn(3, |&octet| octet == b'\'');
        let (_charset, _language, Some(text)) = (parts.next(), parts.next(), parts.next()) else { return false };
        text
    } else {
        value
    };
    let escapes = || text.split(|&octet| octet == b'%').skip(1);
    !text.iter().any(|octet| matches!(octet, b'\'' | b'*'))
        && escapes().all(|part| part.len() >= 2 && part[..2].iter().all(u8::is_ascii_hexdigit))
}
