//! Encoded-words (RFC 2047 §2) in unstructured fields, phrases and comments.
//!
//! ```abnf
//! encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
//! ```
//! Text that merely holds `=?` is text. What has a charset and an encoding of one letter behind it was meant as an
//! encoded-word, and is judged as one.

use super::class::{BASE64, PHRASE, SPACE, TOKEN, is};
use super::finding::Finding;
use super::notes::Notes;

const MAX: usize = 75;

/// Octets in which an end is looked for, those of a line: so that what only begins many times is not read through each time.
const FAR: usize = 998;

/// What was meant as an encoded-word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EncodedWord {
    /// Octets of it; where its end is missing, up to the next white space.
    pub length: usize,
    /// What is wrong with it.
    pub fault: Option<Finding>,
    /// Whether it ends as it should.
    pub ends: bool,
    /// Whether it holds only what it may in a phrase (§5 (3)).
    pub phrase: bool,
}

/// Reads one from its `=?` on. None where it is text.
pub(super) fn read(octets: &[u8]) -> Option<EncodedWord> {
    let rest = octets.strip_prefix(b"=?")?;
    let charset = token(rest);
    let rest = rest[charset..].strip_prefix(b"?")?;
    let [encoding, b'?', text @ ..] = rest else { return None };
    if !encoding.is_ascii_alphanumeric() {
        return None;
    }
    let before = octets.len() - text.len();
    let (mut at, mut fault, mut ends, mut phrase) = (0, false, false, true);
    while let Some(&octet) = text.get(at).filter(|&&octet| !is(octet, SPACE) && at < FAR) {
        if octet == b'?' && text.get(at + 1) == Some(&b'=') {
            ends = true;
            break;
        }
        fault |= octet == b'?' || !octet.is_ascii_graphic();
        phrase &= is(octet, PHRASE);
        at += 1;
    }
    let (text, length) = (&text[..at], before + at + if ends { 2 } else { 0 });
    let syntax = fault || !ends || charset == 0 || text.is_empty();
    let fault = match encoding.to_ascii_lowercase() {
        _ if syntax => Some(Finding::EncodedWordSyntax),
        b'q' if !is_q(text) => Some(Finding::EncodedWordSyntax),
        b'b' if !is_base64(text) => Some(Finding::EncodedWordBase64),
        b'q' | b'b' => (length > MAX).then_some(Finding::EncodedWordLength),
        _ => Some(Finding::EncodedWordSyntax),
    };
    Some(EncodedWord { length, fault, ends, phrase })
}

/// Octets of the token that the octets begin with.
fn token(octets: &[u8]) -> usize {
    octets.iter().position(|&octet| !is(octet, TOKEN)).unwrap_or(octets.len())
}

/// Whether each `=` has two hexadecimal digits after it (§4.2).
fn is_q(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&octet| octet == b'=') {
        match &rest[at + 1..] {
            [a, b, after @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => rest = after,
            _ => return false,
        }
    }
    true
}

/// Whether it is base64 with its padding (§4.1).
fn is_base64(text: &[u8]) -> bool {
    let digits = text.iter().position(|&octet| !is(octet, BASE64)).unwrap_or(text.len());
    let padding = &text[digits..];
    text.len().is_multiple_of(4) && padding.len() <= 2 && padding.iter().all(|&octet| octet == b'=')
}

/// Where the next `=?` stands.
pub(super) fn find(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = octets[at..].iter().position(|&octet| octet == b'?') {
        at += next;
        if at > 0 && octets[at - 1] == b'=' {
            return Some(at - 1);
        }
        at += 1;
    }
    None
}

/// Whether a whole encoded-word stands somewhere in the octets.
pub(super) fn any(mut octets: &[u8]) -> bool {
    while let Some(at) = find(octets) {
        octets = &octets[at..];
        if read(octets).is_some_and(|word| word.ends) {
            return true;
        }
        octets = &octets[2..];
    }
    false
}

/// Judges an encoded-word that stands at `at` of the field, between white space unless `joined`.
pub(super) fn judge(notes: &mut Notes<'_>, at: usize, word: EncodedWord, in_phrase: bool, joined: bool) {
    let end = at + word.length;
    if let Some(fault) = word.fault {
        notes.note(fault, at, end);
    } else if in_phrase && !word.phrase {
        notes.note(Finding::EncodedWordInPhrase, at, end);
    } else if joined {
        notes.note(Finding::EncodedWordJoined, at, end);
    }
}

/// Judges the encoded-words of an unstructured field.
pub(super) fn judge_text(notes: &mut Notes<'_>) {
    let octets = notes.field.without_end();
    let start = notes.field.value;
    let (mut at, mut joined_here) = (start, None);
    while let Some(next) = find(&octets[at..]) {
        at += next;
        let Some(word) = read(&octets[at..]) else {
            at += 2;
            continue;
        };
        let end = at + word.length;
        let joined_before = at > start && !is(octets[at - 1], SPACE);
        let joined_after = octets.get(end).is_some_and(|&octet| !is(octet, SPACE));
        // Of two that are joined the first is told.
        judge(notes, at, word, false, joined_after || joined_before && joined_here != Some(at));
        joined_here = joined_after.then_some(end);
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_as_one_is_judged_and_the_rest_is_text() {
        let syntax = Some(Finding::EncodedWordSyntax);
        let base64 = Some(Finding::EncodedWordBase64);
        for (octets, wanted) in [
            ("=?", None),
            ("=?=", None),
            ("=?utf-8", None),
            ("=?utf-8?", None),
            ("=?utf-8?q", None),
            ("=?utf-8?qq?a?=", None),
            ("=?a b?q?a?=", None),
            ("=?x?=1?=", None),
            ("=?utf-8?q?a?=", Some((13, None))),
            ("=?utf-8?Q?a?= b", Some((13, None))),
            ("=?utf-8*en?Q?a?=", Some((16, None))),
            ("=?utf-8?Q?=41?=", Some((15, None))),
            ("=?utf-8?Q?=4?=", Some((14, syntax))),
            ("=?utf-8?Q?=?=", Some((13, syntax))),
            ("=?utf-8?Q?=XY?=", Some((15, syntax))),
            ("=?utf-8?q??=", Some((12, syntax))),
            ("=?utf-8?q?a??=", Some((14, syntax))),
            ("=?utf-8?q?a b?=", Some((11, syntax))),
            ("=?utf-8?q?a", Some((11, syntax))),
            ("=?utf-8?q?a?", Some((12, syntax))),
            ("=??q?a?=", Some((8, syntax))),
            ("=?utf-8?x?a?=", Some((13, syntax))),
            ("=?utf-8?B?YQ==?=", Some((16, None))),
            ("=?utf-8?b?YWI=?=", Some((16, None))),
            ("=?utf-8?b?YWJj?=", Some((16, None))),
            ("=?utf-8?b?YQ=?=", Some((15, base64))),
            ("=?utf-8?b?YQ?=", Some((14, base64))),
            ("=?utf-8?b?Y===?=", Some((16, base64))),
            ("=?utf-8?b?Y-_j?=", Some((16, base64))),
        ] {
            let got = read(octets.as_bytes()).map(|word| (word.length, word.fault));
            assert_eq!(got, wanted, "{octets}");
        }
        let long = |octets: usize| format!("=?utf-8?q?{}?=", "x".repeat(octets - 12));
        assert_eq!(read(long(75).as_bytes()).unwrap().fault, None);
        assert_eq!(read(long(76).as_bytes()).unwrap().fault, Some(Finding::EncodedWordLength));
    }
}
