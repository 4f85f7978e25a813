//! The parameters of MAIL and RCPT (RFC 5321 §4.1.2, §4.1.1.11), in order, and what each says.
//!
//! Takes a [`Cursor`] behind the path; gives all parameters in order. Whether they are offered is the session's business.

use super::Grammar;
use super::cursor::{Cursor, violation};
use super::date_time::DateTime;
use super::declaration::Body;
use super::deliver_by::By;
use super::dsn::{Notify, Ret};
use super::orcpt::Orcpt;
use super::parameter::{Parameter, Typed, esmtp_param};
use crate::violation::{Fault, Violation};

/// The parameters of one command, each keyword at most once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters {
    all: Vec<Parameter>,
}

/// What is said by the one parameter that can say it, copied or lent.
macro_rules! typed {
    ($( $(#[$doc:meta])* $name:ident: $type:ty = $pattern:pat => $value:expr; )+) => {
        impl Parameters {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(&self) -> Option<$type> {
                    self.all.iter().find_map(|parameter| match &parameter.typed {
                        $pattern => Some($value),
                        _ => None,
                    })
                }
            )+
        }
    };
}

typed! {
    /// MAIL's SIZE in octets (RFC 1870). `u64::MAX` stands for anything larger, which 20 digits can say.
    size: u64 = Typed::Size(octets) => *octets;
    /// MAIL's BODY (RFC 6152, RFC 3030).
    body: Body = Typed::Body(body) => *body;
    /// MAIL's RET (RFC 3461 §4.3).
    ret: Ret = Typed::Ret(ret) => *ret;
    /// MAIL's ENVID, decoded: printable ASCII, never empty (RFC 3461 §4.4).
    envid: &str = Typed::Envid(envid) => envid.as_str();
    /// MAIL's AUTH, decoded: a mailbox, or nothing for `<>` (RFC 4954 §5).
    auth: &str = Typed::Auth(mailbox) => mailbox.as_str();
    /// MAIL's BY (RFC 2852 §4).
    by: By = Typed::By(by) => *by;
    /// MAIL's HOLDFOR in seconds (RFC 4865 §3). Never with HOLDUNTIL.
    hold_for: u32 = Typed::HoldFor(seconds) => *seconds;
    /// MAIL's HOLDUNTIL (RFC 4865 §3). Never with HOLDFOR.
    hold_until: DateTime = Typed::HoldUntil(date_time) => *date_time;
    /// MAIL's MT-PRIORITY, from -9 to 9 (RFC 6710 §3).
    mt_priority: i8 = Typed::MtPriority(priority) => *priority;
    /// MAIL's TRANSID, brackets included (RFC 1845 §2).
    transid: &str = Typed::Transid(transid) => transid.as_str();
    /// RCPT's NOTIFY (RFC 3461 §4.1).
    notify: Notify = Typed::Notify(notify) => *notify;
    /// RCPT's ORCPT (RFC 3461 §4.2, RFC 6533 §3).
    orcpt: &Orcpt = Typed::Orcpt(orcpt) => orcpt;
}

impl Parameters {
    /// Every parameter, in the order sent.
    #[must_use]
    pub fn all(&self) -> &[Parameter] {
        &self.all
    }

    /// Every keyword, in upper case, in the order sent.
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|parameter| parameter.keyword.as_str())
    }

    /// Whether MAIL has SMTPUTF8 (RFC 6531).
    #[must_use]
    pub fn smtputf8(&self) -> bool {
        self.all.iter().any(|parameter| parameter.typed == Typed::Smtputf8)
    }

    /// Whether MAIL has REQUIRETLS (RFC 8689).
    #[must_use]
    pub fn requiretls(&self) -> bool {
        self.all.iter().any(|parameter| parameter.typed == Typed::RequireTls)
    }

    /// ```abnf
    /// [SP Mail-parameters]
    /// ```
    pub(super) fn of_mail(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        Self::scan(cursor, grammar, Typed::on_mail)
    }

    /// ```abnf
    /// [SP Rcpt-parameters]
    /// ```
    pub(super) fn of_rcpt(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        Self::scan(cursor, grammar, |keyword, value| Typed::on_rcpt(keyword, value, grammar))
    }

    /// ```abnf
    /// Mail-parameters  = esmtp-param *(SP esmtp-param)
    /// Rcpt-parameters  = esmtp-param *(SP esmtp-param)
    /// ```
    /// to the end of the line. More than one space does no harm between them.
    fn scan(
        cursor: &mut Cursor<'_>,
        grammar: &Grammar,
        typed: impl Fn(&str, Option<&str>) -> Result<Typed, Violation>,
    ) -> Result<Self, Violation> {
        let mut parameters = Self::default();
        while !cursor.is_end() {
            if !cursor.eat(b' ') {
                return Err(cursor.fault(Fault::ParameterSyntax));
            }
            cursor.eat_while(|b| b == b' ');
            let start = cursor.at();
            let (keyword, value) = esmtp_param(cursor, grammar)?;
            if parameters.keywords().any(|known| known == keyword) {
                return Err(violation(Fault::ParameterRepeated, start));
            }
            let typed = typed(&keyword, value.as_deref()).map_err(|found| {
                let value_start = cursor.at() - value.as_ref().map_or(0, String::len);
                Violation::new(found.fault, found.offset + value_start as u64)
            })?;
            if value.as_deref() == Some("") {
                return Err(cursor.fault(Fault::ParameterSyntax));
            }
            if is_hold(&typed) && parameters.all.iter().any(|parameter| is_hold(&parameter.typed)) {
                return Err(violation(Fault::HoldRepeated, start));
            }
            parameters.all.push(Parameter { keyword, value, typed });
        }
        Ok(parameters)
    }
}

/// RFC 4865 §4.2: a MAIL "containing more than one hold-param" is refused.
const fn is_hold(typed: &Typed) -> bool {
    matches!(typed, Typed::HoldFor(_) | Typed::HoldUntil(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str) -> Result<Parameters, (Fault, u64)> {
        Parameters::of_mail(&mut Cursor::new(text.as_bytes()), &Grammar::default()).map_err(|v| (v.fault, v.offset))
    }

    #[test]
    fn all_are_kept_in_order() {
        let parameters = mail(" x-1=a;b  Size=7 0 SMTPutf8 body=8bitMIME").unwrap();
        assert!(parameters.keywords().eq(["X-1", "SIZE", "0", "SMTPUTF8", "BODY"]));
        let values: Vec<_> = parameters.all().iter().map(|parameter| parameter.value.as_deref()).collect();
        assert_eq!(values, [Some("a;b"), Some("7"), None, None, Some("8bitMIME")]);
        assert_eq!((parameters.size(), parameters.body()), (Some(7), Some(Body::EightBitMime)));
        assert!(parameters.smtputf8());
        assert_eq!(mail(""), Ok(Parameters::default()));
    }

    #[test]
    fn faults() {
        for (text, fault, offset) in [
            ("x", Fault::ParameterSyntax, 0),
            ("\tx", Fault::ParameterSyntax, 0),
            (" -x", Fault::ParameterSyntax, 1),
            (" =x", Fault::ParameterSyntax, 1),
            (" a_b", Fault::ParameterSyntax, 2),
            (" a=", Fault::ParameterSyntax, 3),
            (" a= b", Fault::ParameterSyntax, 3),
            (" a=b=c", Fault::ParameterSyntax, 4),
            (" a=b\tc", Fault::ParameterSyntax, 4),
            (" a=é", Fault::ParameterSyntax, 3),
            (" a=bé", Fault::ParameterSyntax, 4),
            (" é", Fault::ParameterSyntax, 1),
            (" SMTPUTF8=", Fault::Smtputf8Syntax, 10),
            (" SMTPUTF8=1", Fault::Smtputf8Syntax, 10),
            (" X SIZE", Fault::SizeSyntax, 7),
            (" X SIZE=", Fault::SizeSyntax, 8),
            (" X SIZE=1k Y", Fault::SizeSyntax, 9),
            (" HOLDFOR=1 HOLDFOR=1", Fault::ParameterRepeated, 11),
            (" HOLDFOR=1 X HOLDUNTIL=2030-01-01T00:00:00Z", Fault::HoldRepeated, 13),
            (" HOLDUNTIL=2030-01-01T00:00:00Z  HOLDFOR=1", Fault::HoldRepeated, 33),
            (" HOLDUNTIL=2030-01-01T00:00:00Z HOLDFOR=0", Fault::HoldForSyntax, 40),
            (" a b A=1", Fault::ParameterRepeated, 5),
            (" SIZE=1 SIZE=1", Fault::ParameterRepeated, 8),
            (" BODY", Fault::BodySyntax, 5),
            (" BODY=", Fault::BodySyntax, 6),
            (" BODY=8BIT", Fault::BodySyntax, 6),
        ] {
            assert_eq!(mail(text), Err((fault, offset)), "{text}");
        }
    }

    #[test]
    fn mails_parameters_are_nothing_to_rcpt() {
        let mut cursor = Cursor::new(b" SIZE=x BODY=y SMTPUTF8");
        let parameters = Parameters::of_rcpt(&mut cursor, &Grammar::default()).unwrap();
        assert_eq!((parameters.size(), parameters.body(), parameters.smtputf8()), (None, None, false));
        assert_eq!(parameters.all().len(), 3);
    }

    #[test]
    fn utf8_values_where_smtputf8_is_offered() {
        let grammar = Grammar { smtputf8: true, ..Grammar::default() };
        let read = |octets: &[u8]| Parameters::of_rcpt(&mut Cursor::new(octets), &grammar);
        let parameters = read(" ORCPT=utf-8;pelé@example".as_bytes()).unwrap();
        assert_eq!(parameters.all()[0].value.as_deref(), Some("utf-8;pelé@example"));
        assert_eq!(read(b" A=\xC3"), Err(violation(Fault::ParameterSyntax, 3)));
        assert_eq!(read(b" A=b\xC2\x80"), Err(violation(Fault::ParameterSyntax, 4)));
        assert_eq!(read(" É=a".as_bytes()), Err(violation(Fault::ParameterSyntax, 1)));
    }
}
