//! The fields of MIME (RFC 2045): its version, the type and the encoding of the body, the disposition.

use super::class::{BCHARS, TOKEN, is};
use super::cursor::Cursor;
use super::finding::Finding;
use super::notes::{Field, Notes};
use super::parameters::{self, Held};

/// What Content-Type says, as far as other rules ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    /// A type whose body is one thing, which is the default.
    #[default]
    Discrete,
    Multipart,
    /// A message inside, which may not be encoded as a whole.
    Message,
}

/// What Content-Transfer-Encoding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Encoding {
    /// Nothing but US-ASCII in lines, which is the default.
    #[default]
    SevenBit,
    QuotedPrintable,
    Base64,
    /// Octets over 127 may stand in the body; or nobody knows.
    Other,
}

/// ```abnf
/// version := "MIME-Version" ":" 1*DIGIT "." 1*DIGIT
/// ```
/// with CFWS between, and 1.0 is all there is.
pub(super) fn judge_version(notes: &mut Notes<'_>) {
    let mut cursor = cursor(&notes.field);
    let mut word = |wanted: u8| cursor.cfws().is_ok() && cursor.eat(wanted);
    let said = word(b'1') && word(b'.') && word(b'0');
    if !said || cursor.cfws().is_err() || !cursor.is_end() {
        notes.note_value(Finding::MimeVersion);
    }
}

/// ```abnf
/// content := "Content-Type" ":" type "/" subtype *(";" parameter)
/// ```
pub(super) fn judge_type(notes: &mut Notes<'_>) -> Kind {
    let mut cursor = cursor(&notes.field);
    let (Some(kind), Some(subtype)) = (word(&mut cursor), slash_word(&mut cursor)) else {
        notes.note_value(Finding::ContentTypeSyntax);
        return Kind::Discrete;
    };
    let parameters = parameters::judge(notes, cursor);
    if kind.eq_ignore_ascii_case(b"multipart") {
        judge_boundary(notes, &parameters);
        return Kind::Multipart;
    }
    // message/global and its kin may be encoded (RFC 6532 §3.7, RFC 6533 §6).
    let global = subtype.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"global"));
    if kind.eq_ignore_ascii_case(b"message") && !global { Kind::Message } else { Kind::Discrete }
}

/// ```abnf
/// disposition := "Content-Disposition" ":" disposition-type *(";" disposition-parm)
/// ```
pub(super) fn judge_disposition(notes: &mut Notes<'_>) {
    let mut cursor = cursor(&notes.field);
    if word(&mut cursor).is_none() {
        notes.note_value(Finding::ContentDispositionSyntax);
        return;
    }
    parameters::judge(notes, cursor);
}

/// ```abnf
/// encoding := "Content-Transfer-Encoding" ":" mechanism
/// ```
pub(super) fn judge_encoding(notes: &mut Notes<'_>) -> Encoding {
    let mut cursor = cursor(&notes.field);
    let mechanism = word(&mut cursor).filter(|_| cursor.is_end());
    let said = |name: &str| mechanism.is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let private = mechanism.is_some_and(|word| word.len() > 2 && word[..2].eq_ignore_ascii_case(b"x-"));
    match () {
        () if said("7bit") => Encoding::SevenBit,
        () if said("base64") => Encoding::Base64,
        () if said("quoted-printable") => Encoding::QuotedPrintable,
        () if said("8bit") || said("binary") || private => Encoding::Other,
        () => {
            notes.note_value(Finding::TransferEncoding);
            Encoding::Other
        }
    }
}

/// ```abnf
/// boundary      := 0*69<bchars> bcharsnospace
/// ```
fn judge_boundary(notes: &mut Notes<'_>, parameters: &Held<'_>) {
    let Some(boundary) = parameters.find(b"boundary") else {
        // What could not be read may have it.
        if parameters.whole {
            notes.note_value(Finding::MissingBoundary);
        }
        return;
    };
    let is_whole = !boundary.name.contains(&b'*');
    let (mut octets, mut right, mut escaped, mut last) = (0_usize, true, false, 0);
    for &octet in boundary.value {
        escaped = octet == b'\\' && !escaped;
        if !escaped {
            octets += 1;
            right &= is(octet, BCHARS);
            last = octet;
        }
    }
    if is_whole && (!right || octets == 0 || octets > 70 || last == b' ') {
        notes.note(Finding::BoundarySyntax, boundary.at, boundary.end);
    }
}

fn cursor<'a>(field: &Field<'a>) -> Cursor<'a> {
    Cursor::new(field.without_end(), field.value)
}

/// A token with CFWS before and after it.
fn word<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    cursor.cfws().ok()?;
    let start = cursor.at();
    let word = (cursor.eat_class(TOKEN) > 0).then(|| cursor.since(start))?;
    cursor.cfws().ok()?;
    Some(word)
}

fn slash_word<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    if cursor.eat(b'/') { word(cursor) } else { None }
}
