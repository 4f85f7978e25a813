//! Which rules a field is held against, by its name; and those of the whole section.

use super::addr_spec::{MsgId, msg_id};
use super::address;
use super::body::Declared;
use super::counts::Counts;
use super::cursor::Cursor;
use super::encoded_word;
use super::finding::Finding;
use super::limits::HeaderLimits;
use super::mime;
use super::name::Name;
use super::notes::{Findings, Notes};
use super::{date, references};

/// What was seen in the fields of a section.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    counts: Counts,
    pub(super) declared: Declared,
}

impl Rules {
    pub(super) fn new() -> Self {
        Self { counts: Counts::new(), declared: Declared::default() }
    }

    /// Judges a field.
    pub(super) fn judge(&mut self, notes: &mut Notes<'_>, limits: &HeaderLimits) {
        let field = notes.field;
        let name = Name::of(field.name());
        if field.value > field.name + 1 {
            notes.note(Finding::SpaceBeforeColon, field.name, field.value - 1);
        }
        self.counts.count(name, notes, limits);
        match name {
            Name::Date | Name::ResentDate => date::judge(notes),
            Name::From | Name::ResentFrom => self.judge_from(notes, name),
            Name::Sender | Name::ResentSender => judge_sender(notes),
            Name::ReplyTo => judge_addresses(notes, Finding::EmptyOriginator),
            Name::ResentReplyTo => {
                notes.note_name(Finding::ObsoleteField);
                judge_addresses(notes, Finding::EmptyOriginator);
            }
            Name::To | Name::Cc | Name::ResentTo | Name::ResentCc => judge_addresses(notes, Finding::EmptyDestination),
            Name::Bcc | Name::ResentBcc => judge_bcc(notes),
            Name::MessageId | Name::ResentMessageId => judge_message_id(notes),
            Name::InReplyTo | Name::References => references::judge(notes),
            Name::Subject | Name::Comments | Name::ContentDescription => encoded_word::judge_text(notes),
            Name::Keywords => address::judge_keywords(notes),
            Name::ReturnPath => address::judge_path(notes),
            Name::MimeVersion => mime::judge_version(notes),
            Name::ContentType => self.declared.kind = mime::judge_type(notes),
            Name::ContentTransferEncoding => {
                self.declared.encoding = mime::judge_encoding(notes);
                self.declared.place(&field);
            }
            Name::ContentDisposition => mime::judge_disposition(notes),
            // What servers write into Received, and lists and signers into fields of their own, is theirs.
            Name::Received
            | Name::ContentId
            | Name::ContentLanguage
            | Name::ContentLocation
            | Name::ContentMd5
            | Name::Other => {}
        }
    }

    /// ```abnf
    /// from = "From:" (mailbox-list / address-list) CRLF    ; RFC 6854
    /// ```
    fn judge_from(&mut self, notes: &mut Notes<'_>, name: Name) {
        let addresses = address::judge(notes);
        if addresses.is_empty() {
            notes.note_value(Finding::EmptyOriginator);
        } else if addresses.groups > 0 {
            notes.note_value(Finding::GroupInOriginator);
        }
        if addresses.whole && addresses.mailboxes > 1 {
            self.counts.require_sender(name, &notes.field);
        }
    }

    /// The section has ended, at this place.
    pub(super) fn end(&mut self, offset: u64, line: u32, findings: &mut Findings) {
        if let Some(finding) = self.declared.judge() {
            findings.add(finding);
        }
        self.counts.end(offset, line, findings);
    }
}

/// ```abnf
/// sender = "Sender:" (mailbox / address) CRLF    ; RFC 6854
/// ```
fn judge_sender(notes: &mut Notes<'_>) {
    let addresses = address::judge(notes);
    if addresses.is_empty() {
        notes.note_value(Finding::EmptyOriginator);
    } else if addresses.groups > 0 {
        notes.note_value(Finding::GroupInOriginator);
    } else if addresses.whole && addresses.mailboxes > 1 {
        notes.note_value(Finding::SenderSeveral);
    }
}

/// A field that takes addresses, and has to have some.
fn judge_addresses(notes: &mut Notes<'_>, empty: Finding) {
    if address::judge(notes).is_empty() {
        notes.note_value(empty);
    }
}

/// ```abnf
/// bcc = "Bcc:" [address-list / CFWS] CRLF
/// ```
fn judge_bcc(notes: &mut Notes<'_>) {
    let addresses = address::judge(notes);
    if addresses.is_empty() {
        notes.note_value(Finding::EmptyBcc);
    } else if addresses.mailboxes > 0 {
        notes.note_value(Finding::BccAddresses);
    }
}

/// ```abnf
/// message-id = "Message-ID:" msg-id CRLF
/// ```
fn judge_message_id(notes: &mut Notes<'_>) {
    let mut cursor = Cursor::new(notes.field.without_end(), notes.field.value);
    let before = cursor.cfws().is_ok();
    let at = cursor.at();
    let form = msg_id(&mut cursor);
    let end = cursor.at();
    let alone = before && cursor.cfws().is_ok() && cursor.is_end();
    match form {
        MsgId::Plain if alone => {}
        MsgId::Obsolete if alone => notes.note(Finding::ObsoleteMsgId, at, end),
        _ => notes.note_value(Finding::MsgIdSyntax),
    }
}
