//! References and In-Reply-To (RFC 5322 §3.6.4), and their obsolete forms (§4.5.4).

use super::addr_spec::{MsgId, msg_id};
use super::class::{DOTTED, is};
use super::cursor::Cursor;
use super::finding::Finding;
use super::notes::Notes;

/// ```abnf
/// references     = "References:" 1*msg-id CRLF
/// obs-references = "References" *WSP ":" *(phrase / msg-id) CRLF
/// ```
/// An identifier that is none is the doing of who made it, and told as an advice.
pub(super) fn judge(notes: &mut Notes<'_>) {
    let mut cursor = Cursor::new(notes.field.without_end(), notes.field.value);
    let (mut any, mut words, mut other, mut obsolete) = (false, None, None, None);
    let whole = loop {
        if cursor.cfws().is_err() {
            break false;
        }
        let at = cursor.at();
        match cursor.peek() {
            None => break any,
            Some(b'<') => {
                any = true;
                match msg_id(&mut cursor) {
                    MsgId::Plain => {}
                    MsgId::Obsolete => obsolete = obsolete.or(Some((at, cursor.at()))),
                    MsgId::Other => other = other.or(Some((at, cursor.at()))),
                    MsgId::None => break false,
                }
            }
            Some(b'"') => {
                if cursor.quoted().is_err() {
                    break false;
                }
                words = words.or(Some((at, cursor.at())));
            }
            // Commas between are no grammar, and do not matter.
            Some(octet) if octet == b',' || is(octet, DOTTED) => {
                if !cursor.eat(b',') {
                    cursor.eat_dotted();
                }
                words = words.or(Some((at, cursor.at())));
            }
            Some(_) => break false,
        }
    };
    if !whole {
        // Words alone are an obsolete form too.
        let finding =
            if cursor.is_end() && words.is_some() { Finding::ObsoleteReferences } else { Finding::ReferencesSyntax };
        notes.note_value(finding);
        return;
    }
    for (finding, place) in
        [(Finding::ObsoleteReferences, words), (Finding::ReferencedId, other), (Finding::ObsoleteMsgId, obsolete)]
    {
        if let Some((at, end)) = place {
            notes.note(finding, at, end);
        }
    }
}
