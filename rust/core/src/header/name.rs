//! The fields that rules are about, by their names.

/// A field that there is a rule for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Name {
    ReturnPath,
    Received,
    ResentDate,
    ResentFrom,
    ResentSender,
    ResentTo,
    ResentCc,
    ResentBcc,
    ResentMessageId,
    ResentReplyTo,
    Date,
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
    Bcc,
    MessageId,
    InReplyTo,
    References,
    Subject,
    Comments,
    Keywords,
    MimeVersion,
    ContentType,
    ContentTransferEncoding,
    ContentDisposition,
    ContentDescription,
    /// Those that may stand once and are not looked into.
    ContentId,
    ContentLanguage,
    ContentLocation,
    ContentMd5,
    /// `optional-field`, which has no rule but those of all fields.
    Other,
}

/// What a rule goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// `trace` (RFC 5322 §3.6.7).
    Trace,
    /// The resent fields (§3.6.6).
    Resent,
    /// The other fields of RFC 5322: those of the message itself.
    Message,
    Mime,
    Other,
}

impl Name {
    pub(super) const COUNT: usize = Self::Other as usize + 1;

    /// In any case. A name is made of `ftext`.
    #[inline]
    pub(super) fn of(name: &[u8]) -> Self {
        let [first, .., last] = name else { return Self::Other };
        // No two names have as many letters, begin with the same and end with the same, but those of the last row.
        let (found, spelled): (Self, &[u8]) = match (name.len(), first | 0x20, last | 0x20) {
            (2, b't', b'o') => (Self::To, b"to"),
            (2, b'c', b'c') => (Self::Cc, b"cc"),
            (3, b'b', b'c') => (Self::Bcc, b"bcc"),
            (4, b'd', b'e') => (Self::Date, b"date"),
            (4, b'f', b'm') => (Self::From, b"from"),
            (6, b's', b'r') => (Self::Sender, b"sender"),
            (7, b's', b't') => (Self::Subject, b"subject"),
            (8, b'c', b's') => (Self::Comments, b"comments"),
            (8, b'k', b's') => (Self::Keywords, b"keywords"),
            (8, b'r', b'd') => (Self::Received, b"received"),
            (8, b'r', b'o') => (Self::ReplyTo, b"reply-to"),
            (9, b'r', b'o') => (Self::ResentTo, b"resent-to"),
            (9, b'r', b'c') => (Self::ResentCc, b"resent-cc"),
            (10, b'r', b's') => (Self::References, b"references"),
            (10, b'm', b'd') => (Self::MessageId, b"message-id"),
            (10, b'r', b'c') => (Self::ResentBcc, b"resent-bcc"),
            (10, b'c', b'd') => (Self::ContentId, b"content-id"),
            (11, b'i', b'o') => (Self::InReplyTo, b"in-reply-to"),
            (11, b'r', b'h') => (Self::ReturnPath, b"return-path"),
            (11, b'r', b'e') => (Self::ResentDate, b"resent-date"),
            (11, b'r', b'm') => (Self::ResentFrom, b"resent-from"),
            (11, b'c', _) => (Self::ContentMd5, b"content-md5"),
            (12, b'm', b'n') => (Self::MimeVersion, b"mime-version"),
            (12, b'c', b'e') => (Self::ContentType, b"content-type"),
            (13, b'r', b'r') => (Self::ResentSender, b"resent-sender"),
            (15, b'r', b'o') => (Self::ResentReplyTo, b"resent-reply-to"),
            (16, b'c', b'e') => (Self::ContentLanguage, b"content-language"),
            (16, b'c', b'n') => (Self::ContentLocation, b"content-location"),
            (17, b'r', b'd') => (Self::ResentMessageId, b"resent-message-id"),
            (25, b'c', b'g') => (Self::ContentTransferEncoding, b"content-transfer-encoding"),
            (19, b'c', b'n') if name[9] | 0x20 == b'i' => (Self::ContentDisposition, b"content-disposition"),
            (19, b'c', b'n') => (Self::ContentDescription, b"content-description"),
            _ => return Self::Other,
        };
        // Of what may stand in a name only the other case of a letter is the same with this bit.
        let different = name.iter().zip(spelled).fold(0, |bits, (octet, wanted)| bits | ((octet | 0x20) ^ wanted));
        if different == 0 { found } else { Self::Other }
    }

    pub(super) const fn block(self) -> Block {
        match self {
            Self::ReturnPath | Self::Received => Block::Trace,
            Self::ResentDate
            | Self::ResentFrom
            | Self::ResentSender
            | Self::ResentTo
            | Self::ResentCc
            | Self::ResentBcc
            | Self::ResentMessageId
            | Self::ResentReplyTo => Block::Resent,
            Self::Date
            | Self::From
            | Self::Sender
            | Self::ReplyTo
            | Self::To
            | Self::Cc
            | Self::Bcc
            | Self::MessageId
            | Self::InReplyTo
            | Self::References
            | Self::Subject
            | Self::Comments
            | Self::Keywords => Block::Message,
            Self::MimeVersion
            | Self::ContentType
            | Self::ContentTransferEncoding
            | Self::ContentDisposition
            | Self::ContentDescription
            | Self::ContentId
            | Self::ContentLanguage
            | Self::ContentLocation
            | Self::ContentMd5 => Block::Mime,
            Self::Other => Block::Other,
        }
    }

    /// Whether any number of them may stand in a message.
    pub(super) const fn is_unlimited(self) -> bool {
        matches!(self, Self::Comments | Self::Keywords | Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_nothing_else_is() {
        let names = [
            "Return-Path",
            "Received",
            "Resent-Date",
            "Resent-From",
            "Resent-Sender",
            "Resent-To",
            "Resent-Cc",
            "Resent-Bcc",
            "Resent-Message-ID",
            "Resent-Reply-To",
            "Date",
            "From",
            "Sender",
            "Reply-To",
            "To",
            "Cc",
            "Bcc",
            "Message-ID",
            "In-Reply-To",
            "References",
            "Subject",
            "Comments",
            "Keywords",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
            "Content-Disposition",
            "Content-Description",
            "Content-ID",
            "Content-Language",
            "Content-Location",
            "Content-MD5",
        ];
        assert_eq!(names.len(), Name::COUNT - 1);
        for (nth, name) in names.iter().enumerate() {
            for name in [name.to_string(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(Name::of(name.as_bytes()) as usize, nth, "{name}");
                for at in 0..name.len() {
                    let mut other = name.clone().into_bytes();
                    other[at] ^= 0x01;
                    assert_eq!(Name::of(&other), Name::Other, "{name}");
                }
                assert_eq!(Name::of(format!("{name}s").as_bytes()), Name::Other, "{name}");
            }
        }
        assert_eq!((Name::of(b""), Name::of(b"T"), Name::of(&[b'x'; 300])), (Name::Other, Name::Other, Name::Other));
    }
}
