//! One parameter of MAIL or RCPT (RFC 5321 §4.1.2), its value read where its extension is known.
//!
//! Takes a [`Cursor`] at the keyword; gives the parameter as sent and, beside it, what it says. A keyword nobody knows is
//! kept: refusing it (555) takes knowing what was offered, which is the session's business.

use super::Grammar;
use super::cursor::Cursor;
use super::date_time::DateTime;
use super::declaration::{self, Body};
use super::deliver_by::By;
use super::dsn::{self, Notify, Ret};
use super::extension::Extension;
use super::future_release::{hold_for, hold_until};
use super::orcpt::Orcpt;
use super::priority::priority;
use super::submitter::submitter;
use super::transid::transid;
use crate::violation::{Fault, Violation};

/// One parameter, as sent but for the case of its keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// In upper case.
    pub keyword: String,
    /// What stands after the `=`, where there is one. Never empty.
    pub value: Option<String>,
    /// What it says.
    pub typed: Typed,
}

/// What a parameter says, where its keyword is that of an extension and stands on the command the extension has it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// MAIL's SIZE: octets of mail data (RFC 1870 §5). `u64::MAX` stands for anything larger, which 20 digits can say.
    Size(u64),
    /// MAIL's BODY (RFC 6152 §2, RFC 3030 §3).
    Body(Body),
    /// MAIL's SMTPUTF8 (RFC 6531 §3.1).
    Smtputf8,
    /// MAIL's RET (RFC 3461 §4.3).
    Ret(Ret),
    /// MAIL's ENVID, decoded: printable ASCII (RFC 3461 §4.4).
    Envid(String),
    /// MAIL's AUTH, decoded: a mailbox, or nothing for `<>` (RFC 4954 §5).
    Auth(String),
    /// MAIL's REQUIRETLS (RFC 8689 §2).
    RequireTls,
    /// MAIL's BY (RFC 2852 §4).
    By(By),
    /// MAIL's HOLDFOR: seconds, from 1 to 999999999 (RFC 4865 §3).
    HoldFor(u32),
    /// MAIL's HOLDUNTIL (RFC 4865 §3).
    HoldUntil(DateTime),
    /// MAIL's MT-PRIORITY: from -9 to 9 (RFC 6710 §3).
    MtPriority(i8),
    /// MAIL's TRANSID, brackets included (RFC 1845 §2).
    Transid(String),
    /// RCPT's NOTIFY (RFC 3461 §4.1).
    Notify(Notify),
    /// RCPT's ORCPT (RFC 3461 §4.2, RFC 6533 §3).
    Orcpt(Orcpt),
    /// None of these.
    Unknown,
}

impl Typed {
    /// The extension it belongs to; where that is not offered, the parameter is not either.
    #[must_use]
    pub const fn extension(&self) -> Option<Extension> {
        Some(match self {
            Self::Size(_) => Extension::Size,
            Self::Body(Body::SevenBit | Body::EightBitMime) => Extension::EightBitMime,
            Self::Body(Body::BinaryMime) => Extension::BinaryMime,
            Self::Smtputf8 => Extension::Smtputf8,
            Self::Ret(_) | Self::Envid(_) | Self::Notify(_) | Self::Orcpt(_) => Extension::Dsn,
            Self::Auth(_) => Extension::Auth,
            Self::RequireTls => Extension::RequireTls,
            Self::By(_) => Extension::DeliverBy,
            Self::HoldFor(_) | Self::HoldUntil(_) => Extension::FutureRelease,
            Self::MtPriority(_) => Extension::MtPriority,
            Self::Transid(_) => Extension::Checkpoint,
            Self::Unknown => return None,
        })
    }

    /// What the value of a keyword on MAIL says. A fault's offset counts from the start of the value.
    pub(super) fn on_mail(keyword: &str, value: Option<&str>) -> Result<Self, Violation> {
        let text = value.unwrap_or_default();
        Ok(match keyword {
            "SIZE" => Self::Size(declaration::size(text)?),
            "BODY" => Self::Body(Body::read(text)?),
            "SMTPUTF8" => Self::Smtputf8.without(value, Fault::Smtputf8Syntax)?,
            "RET" => Self::Ret(Ret::read(text)?),
            "ENVID" => Self::Envid(dsn::envid(text)?),
            "AUTH" => Self::Auth(submitter(text)?),
            "REQUIRETLS" => Self::RequireTls.without(value, Fault::RequireTlsSyntax)?,
            "BY" => Self::By(By::read(text)?),
            "HOLDFOR" => Self::HoldFor(hold_for(text)?),
            "HOLDUNTIL" => Self::HoldUntil(hold_until(text)?),
            "MT-PRIORITY" => Self::MtPriority(priority(text)?),
            "TRANSID" => Self::Transid(transid(text)?),
            _ => Self::Unknown,
        })
    }

    /// The same of a keyword on RCPT.
    pub(super) fn on_rcpt(keyword: &str, value: Option<&str>, grammar: &Grammar) -> Result<Self, Violation> {
        let text = value.unwrap_or_default();
        Ok(match keyword {
            "NOTIFY" => Self::Notify(Notify::read(text)?),
            "ORCPT" => Self::Orcpt(Orcpt::read(text, grammar.smtputf8)?),
            _ => Self::Unknown,
        })
    }

    /// A parameter that takes no value.
    fn without(self, value: Option<&str>, fault: Fault) -> Result<Self, Violation> {
        if value.is_none() { Ok(self) } else { Err(Violation::new(fault, 0)) }
    }
}

/// ```abnf
/// esmtp-param    = esmtp-keyword ["=" esmtp-value]
/// esmtp-keyword  = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
/// esmtp-value    = 1*(%d33-60 / %d62-126)
/// esmtp-value    =/ UTF8-non-ascii                ; RFC 6531 section 3.3, where it is offered
/// ```
/// The keyword, in upper case, and the value. An empty value is let through, so that a keyword with a type can say what it
/// takes.
pub(super) fn esmtp_param(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<(String, Option<String>), Violation> {
    let start = cursor.at();
    if !cursor.eat_if(|b| b.is_ascii_alphanumeric()) {
        return Err(cursor.fault(Fault::ParameterSyntax));
    }
    cursor.eat_while(|b| b.is_ascii_alphanumeric() || b == b'-');
    let keyword = cursor.text_since(start).to_ascii_uppercase();
    let value = cursor.eat(b'=').then(|| {
        let start = cursor.at();
        while cursor.eat_if(|b| matches!(b, 33..=60 | 62..=126)) || (grammar.smtputf8 && cursor.eat_utf8()) {}
        cursor.text_since(start)
    });
    Ok((keyword, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_knows_its_extension() {
        let grammar = Grammar::default();
        for (keyword, value, extension) in [
            ("SIZE", Some("1"), Extension::Size),
            ("BODY", Some("7BIT"), Extension::EightBitMime),
            ("BODY", Some("BINARYMIME"), Extension::BinaryMime),
            ("SMTPUTF8", None, Extension::Smtputf8),
            ("RET", Some("full"), Extension::Dsn),
            ("ENVID", Some("1"), Extension::Dsn),
            ("AUTH", Some("<>"), Extension::Auth),
            ("REQUIRETLS", None, Extension::RequireTls),
            ("BY", Some("1;R"), Extension::DeliverBy),
            ("HOLDFOR", Some("1"), Extension::FutureRelease),
            ("HOLDUNTIL", Some("2030-01-01T00:00:00Z"), Extension::FutureRelease),
            ("MT-PRIORITY", Some("0"), Extension::MtPriority),
            ("TRANSID", Some("<a@b>"), Extension::Checkpoint),
        ] {
            assert_eq!(Typed::on_mail(keyword, value).unwrap().extension(), Some(extension), "{keyword}");
            assert_eq!(Typed::on_rcpt(keyword, value, &grammar), Ok(Typed::Unknown), "{keyword}");
        }
        for (keyword, value) in [("NOTIFY", "NEVER"), ("ORCPT", "rfc822;a@b")] {
            assert_eq!(
                Typed::on_rcpt(keyword, Some(value), &grammar).unwrap().extension(),
                Some(Extension::Dsn),
                "{keyword}"
            );
            assert_eq!(Typed::on_mail(keyword, Some(value)), Ok(Typed::Unknown), "{keyword}");
        }
        assert_eq!(Typed::Unknown.extension(), None);
    }
}
