//! The lines of a field that is worth a closer look, and the octets in them (RFC 5322 §2.1.1, §2.2, §4.1, §4.2).

use super::finding::Finding;
use super::limits::HeaderContext;
use super::notes::Notes;

const MAX_OCTETS: usize = 998;
const MAX_CHARACTERS: usize = 78;

/// What is told once in a message, and what is counted in all of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    long_line: bool,
    bare_lf: bool,
    /// Octets over 127.
    pub eight_bit: u64,
    /// Octets of the longest line that was looked at, its line end included: right where that is over 78.
    pub longest_line: u64,
}

/// Judges each line.
pub(super) fn judge(notes: &mut Notes<'_>, seen: &mut Seen, context: HeaderContext) {
    let octets = notes.field.octets;
    let mut start = 0;
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        let text = match line {
            [text @ .., b'\r', b'\n'] => text,
            [text @ .., b'\n'] => {
                if !seen.bare_lf {
                    notes.note(Finding::BareLf, start + text.len(), start + text.len() + 1);
                }
                seen.bare_lf = true;
                text
            }
            text => text,
        };
        if start > 0 && text.iter().all(|octet| matches!(octet, b' ' | b'\t')) {
            notes.note(Finding::BlankFold, start, start + text.len());
        }
        if text.len() > MAX_CHARACTERS {
            judge_length(notes, seen, start, text, context.smtputf8);
        }
        seen.longest_line = seen.longest_line.max(line.len() as u64);
        start += line.len();
    }
}

fn judge_length(notes: &mut Notes<'_>, seen: &mut Seen, start: usize, text: &[u8], smtputf8: bool) {
    // A character of UTF-8 is one, however many octets it has (RFC 6532 §3.4).
    let begins = |octet: u8| !smtputf8 || octet & 0xC0 != 0x80;
    if text.len() > MAX_OCTETS {
        notes.note(Finding::LineTooLong, start + MAX_OCTETS, start + text.len());
    } else if let Some((at, _)) = text.iter().enumerate().filter(|(_, octet)| begins(**octet)).nth(MAX_CHARACTERS) {
        if !seen.long_line {
            notes.note(Finding::LongLine, start + at, start + text.len());
        }
        seen.long_line = true;
    }
}

/// Judges the octets, but for so many at the start, which were judged already. Each kind that does not belong into a field is
/// told once for the field.
pub(super) fn judge_octets(notes: &mut Notes<'_>, seen: &mut Seen, context: HeaderContext, name: usize) {
    let octets = notes.field.octets;
    seen.eight_bit += octets.iter().filter(|octet| !octet.is_ascii()).count() as u64;
    let find = |wanted: &dyn Fn(usize, u8) -> bool| (name..octets.len()).find(|&at| wanted(at, octets[at]));
    if let Some(at) = find(&|at, octet| octet == b'\r' && octets.get(at + 1) != Some(&b'\n')) {
        notes.note(Finding::BareCr, at, at + 1);
    }
    if let Some(at) = find(&|_, octet| octet == 0) {
        notes.note(Finding::Nul, at, at + 1);
    }
    let control = |octet: u8| octet.is_ascii_control() && !matches!(octet, 0 | b'\t' | b'\r' | b'\n');
    if let Some(at) = find(&|_, octet| control(octet)) {
        notes.note(Finding::ControlOctet, at, at + 1);
    }
    if context.smtputf8 {
        if let Err(error) = str::from_utf8(&octets[name..]) {
            let at = name + error.valid_up_to();
            let end = error.error_len().map_or(octets.len(), |octets| at + octets);
            notes.note(Finding::InvalidUtf8, at, end);
        }
    } else if let Some(at) = find(&|_, octet| !octet.is_ascii()) {
        let run = octets[at..].iter().take_while(|octet| !octet.is_ascii()).count();
        notes.note(Finding::EightBit, at, at + run);
    }
}
