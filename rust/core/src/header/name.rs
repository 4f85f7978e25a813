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
    ContentBase,
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

    /// In any case.
    #[inline]
    pub(super) fn of(name: &[u8]) -> Self {
        let mut lower = [0_u8; 32];
        let Some(lower) = lower.get_mut(..name.len()) else { return Self::Other };
        for (to, octet) in lower.iter_mut().zip(name) {
            *to = octet.to_ascii_lowercase();
        }
        match &*lower {
            b"to" => Self::To,
            b"cc" => Self::Cc,
            b"bcc" => Self::Bcc,
            b"date" => Self::Date,
            b"from" => Self::From,
            b"sender" => Self::Sender,
            b"subject" => Self::Subject,
            b"comments" => Self::Comments,
            b"keywords" => Self::Keywords,
            b"received" => Self::Received,
            b"reply-to" => Self::ReplyTo,
            b"resent-to" => Self::ResentTo,
            b"resent-cc" => Self::ResentCc,
            b"references" => Self::References,
            b"message-id" => Self::MessageId,
            b"resent-bcc" => Self::ResentBcc,
            b"content-id" => Self::ContentId,
            b"content-md5" => Self::ContentMd5,
            b"in-reply-to" => Self::InReplyTo,
            b"return-path" => Self::ReturnPath,
            b"resent-date" => Self::ResentDate,
            b"resent-from" => Self::ResentFrom,
            b"mime-version" => Self::MimeVersion,
            b"content-type" => Self::ContentType,
            b"content-base" => Self::ContentBase,
            b"resent-sender" => Self::ResentSender,
            b"resent-reply-to" => Self::ResentReplyTo,
            b"content-language" => Self::ContentLanguage,
            b"content-location" => Self::ContentLocation,
            b"resent-message-id" => Self::ResentMessageId,
            b"content-disposition" => Self::ContentDisposition,
            b"content-description" => Self::ContentDescription,
            b"content-transfer-encoding" => Self::ContentTransferEncoding,
            _ => Self::Other,
        }
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
            | Self::ContentBase
            | Self::ContentMd5 => Block::Mime,
            Self::Other => Block::Other,
        }
    }

    /// Whether any number of them may stand in a message.
    pub(super) const fn is_unlimited(self) -> bool {
        matches!(self, Self::Comments | Self::Keywords | Self::Other)
    }
}
