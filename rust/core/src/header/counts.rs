//! How often each field stands, and in which blocks (RFC 5322 §3.6).
//!
//! ```text
//! field            least  most
//! trace            0      unlimited   a block: Return-Path or none, then Received, one or more (§3.6.7)
//! resent-*         0      unlimited   a block: Resent-Date and Resent-From, each of the others once or not (§3.6.6)
//! orig-date, from  1      1
//! sender           0      1           from with several mailboxes: 1
//! reply-to, to, cc, bcc, message-id, in-reply-to, references, subject
//!                  0      1           message-id should be present
//! comments, keywords, optional-field
//!                  0      unlimited
//! MIME             0      1           each (RFC 2045 §3)
//! ```
//! A block of resent fields ends where a trace field stands, or one of its own again.

use super::finding::{Finding, HeaderFinding};
use super::limits::HeaderLimits;
use super::name::{Block, Name};
use super::notes::{Field, Findings, Mark, Notes};

#[derive(Debug, Clone)]
pub(super) struct Counts {
    seen: [u32; Name::COUNT],
    /// Whether a field of the message itself has been seen.
    message: bool,
    /// A trace field was told to stand below it.
    below: bool,
    /// Return-Path has come, and no Received after it yet, which is told when none comes.
    return_path: Option<Mark>,
    resent: Option<Resent>,
    /// From with several mailboxes, which is told when there is no Sender.
    sender_required: Option<Mark>,
    /// The first field of MIME, which is told when there is no MIME-Version.
    mime: Option<Mark>,
}

/// A block of resent fields.
#[derive(Debug, Clone, Copy)]
struct Resent {
    /// A bit for each that has come.
    seen: u64,
    /// Where it begins.
    first: Mark,
    sender_required: Option<Mark>,
}

impl Counts {
    pub(super) const fn new() -> Self {
        Self {
            seen: [0; Name::COUNT],
            message: false,
            below: false,
            return_path: None,
            resent: None,
            sender_required: None,
            mime: None,
        }
    }

    pub(super) const fn has(&self, name: Name) -> bool {
        self.seen[name as usize] > 0
    }

    /// Counts a field.
    #[inline]
    pub(super) fn count(&mut self, name: Name, notes: &mut Notes<'_>, limits: &HeaderLimits) {
        let seen = &mut self.seen[name as usize];
        *seen = seen.saturating_add(1);
        let again = *seen > 1;
        match name.block() {
            Block::Trace => self.trace(name, notes, limits),
            Block::Resent => self.resent(name, notes),
            Block::Message => {
                self.message = true;
                if again && !name.is_unlimited() {
                    notes.note_name(Finding::RepeatedField);
                }
            }
            Block::Mime => {
                if again {
                    notes.note_name(Finding::RepeatedMimeField);
                }
                if name != Name::MimeVersion && self.mime.is_none() && !self.has(Name::MimeVersion) {
                    self.mime = Some(Mark::of_name(&notes.field));
                }
            }
            Block::Other => {}
        }
    }

    fn trace(&mut self, name: Name, notes: &mut Notes<'_>, limits: &HeaderLimits) {
        self.end_resent(notes.findings);
        if self.message && !self.below {
            self.below = true;
            notes.note_name(Finding::TraceBelow);
        }
        if name == Name::Received {
            self.return_path = None;
            if self.seen[name as usize] as usize == limits.max_received.saturating_add(1) {
                notes.note_name(Finding::TooManyReceived);
            }
        } else if self.return_path.is_some() {
            notes.note_name(Finding::RepeatedReturnPath);
        } else {
            self.return_path = Some(Mark::of_name(&notes.field));
        }
    }

    fn resent(&mut self, name: Name, notes: &mut Notes<'_>) {
        let bit = 1_u64 << name as u8;
        if self.resent.as_ref().is_some_and(|block| block.seen & bit != 0) {
            self.end_resent(notes.findings);
        }
        let block = self.resent.get_or_insert_with(|| {
            if self.message {
                notes.note_name(Finding::ResentBelow);
            }
            Resent { seen: 0, first: Mark::of_name(&notes.field), sender_required: None }
        });
        block.seen |= bit;
    }

    /// From or Resent-From has several mailboxes.
    pub(super) fn require_sender(&mut self, name: Name, field: &Field<'_>) {
        match (name, &mut self.resent) {
            (Name::ResentFrom, Some(block)) => {
                block.sender_required = Some(Mark::of_name(field));
            }
            _ => self.sender_required = Some(Mark::of_name(field)),
        }
    }

    fn end_resent(&mut self, findings: &mut Findings) {
        let Some(Resent { seen, first, sender_required }) = self.resent.take() else { return };
        let has = |name: Name| seen & 1 << name as u8 != 0;
        for (name, finding) in [
            (Name::ResentDate, Finding::MissingResentDate),
            (Name::ResentFrom, Finding::MissingResentFrom),
            (Name::ResentMessageId, Finding::MissingResentMessageId),
        ] {
            if !has(name) {
                findings.add(first.finding(finding));
            }
        }
        if let Some(from) = sender_required.filter(|_| !has(Name::ResentSender)) {
            findings.add(from.finding(Finding::ResentSenderRequired));
        }
    }

    /// The section has ended, at this place: what is missing is told.
    pub(super) fn end(&mut self, offset: u64, line: u32, findings: &mut Findings) {
        self.end_resent(findings);
        let placed = [
            (self.return_path.take(), Finding::ReturnPathAlone),
            (self.sender_required.take().filter(|_| !self.has(Name::Sender)), Finding::SenderRequired),
            (self.mime.take().filter(|_| !self.has(Name::MimeVersion)), Finding::MissingMimeVersion),
        ];
        for (field, finding) in placed {
            if let Some(field) = field {
                findings.add(field.finding(finding));
            }
        }
        for (name, finding) in [
            (Name::Date, Finding::MissingDate),
            (Name::From, Finding::MissingFrom),
            (Name::MessageId, Finding::MissingMessageId),
        ] {
            if !self.has(name) {
                findings.add_last(HeaderFinding { finding, offset, length: 0, line, field: None });
            }
        }
    }
}
