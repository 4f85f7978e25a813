//! The parameters of MAIL and RCPT (RFC 5321 §4.1.2), those of RFC 1870, RFC 6152, RFC 3030 and RFC 6531 with their types.
//!
//! Takes a [`Cursor`] behind the path; gives all parameters in order. A keyword nobody knows is kept: refusing it (555)
//! takes knowing what was offered, which is the session's business.

use super::Grammar;
use super::cursor::{Cursor, violation};
use crate::violation::{Fault, Violation};

/// One parameter, as sent but for the case of its keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// In upper case.
    pub keyword: String,
    /// What stands after the `=`, where there is one. Never empty.
    pub value: Option<String>,
}

/// What the BODY parameter says of the mail data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// Lines of ASCII (RFC 6152).
    SevenBit,
    /// Lines of any octets (RFC 6152).
    EightBitMime,
    /// Any octets, no lines (RFC 3030).
    BinaryMime,
}

impl Body {
    /// The parameter's value, in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }
}

/// The parameters of one command, each keyword at most once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters {
    all: Vec<Parameter>,
    size: Option<u64>,
    body: Option<Body>,
    smtputf8: bool,
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

    /// MAIL's SIZE (RFC 1870). `u64::MAX` stands for anything larger, which 20 digits can say.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// MAIL's BODY (RFC 6152, RFC 3030).
    #[must_use]
    pub const fn body(&self) -> Option<Body> {
        self.body
    }

    /// Whether MAIL has SMTPUTF8 (RFC 6531).
    #[must_use]
    pub const fn smtputf8(&self) -> bool {
        self.smtputf8
    }

    /// ```abnf
    /// [SP Mail-parameters]
    /// ```
    pub(super) fn of_mail(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        Self::scan(cursor, grammar, Self::read_mail_value)
    }

    /// ```abnf
    /// [SP Rcpt-parameters]
    /// ```
    /// None of them has a type here.
    pub(super) fn of_rcpt(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Self, Violation> {
        Self::scan(cursor, grammar, |_, _, _| Ok(()))
    }

    /// ```abnf
    /// Mail-parameters  = esmtp-param *(SP esmtp-param)
    /// Rcpt-parameters  = esmtp-param *(SP esmtp-param)
    /// ```
    /// to the end of the line. More than one space does no harm between them.
    fn scan(
        cursor: &mut Cursor<'_>,
        grammar: &Grammar,
        read_value: impl Fn(&mut Self, &Parameter, usize) -> Result<(), Violation>,
    ) -> Result<Self, Violation> {
        let mut parameters = Self::default();
        while !cursor.is_end() {
            if !cursor.eat(b' ') {
                return Err(cursor.fault(Fault::ParameterSyntax));
            }
            cursor.eat_while(|b| b == b' ');
            let start = cursor.at();
            let parameter = parameter(cursor, grammar)?;
            if parameters.keywords().any(|keyword| keyword == parameter.keyword) {
                return Err(violation(Fault::ParameterRepeated, start));
            }
            read_value(&mut parameters, &parameter, start + parameter.keyword.len())?;
            if parameter.value.as_deref() == Some("") {
                return Err(cursor.fault(Fault::ParameterSyntax));
            }
            parameters.all.push(parameter);
        }
        Ok(parameters)
    }

    /// Reads the value of a keyword that has a type. `end` is where the keyword ends.
    fn read_mail_value(&mut self, parameter: &Parameter, end: usize) -> Result<(), Violation> {
        let value = parameter.value.as_deref();
        let start = if value.is_some() { end + 1 } else { end };
        match (parameter.keyword.as_str(), value) {
            ("SIZE", value) => {
                let size = size(value.unwrap_or("")).map_err(|at| violation(Fault::SizeSyntax, start + at))?;
                self.size = Some(size);
            }
            ("BODY", value) => {
                let body = body(value.unwrap_or("")).ok_or(violation(Fault::BodySyntax, start))?;
                self.body = Some(body);
            }
            ("SMTPUTF8", None) => self.smtputf8 = true,
            ("SMTPUTF8", Some(_)) => return Err(violation(Fault::ParameterSyntax, end)),
            _ => {}
        }
        Ok(())
    }
}

/// ```abnf
/// esmtp-param    = esmtp-keyword ["=" esmtp-value]
/// esmtp-keyword  = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
/// esmtp-value    = 1*(%d33-60 / %d62-126)
/// esmtp-value    =/ UTF8-non-ascii                ; RFC 6531 section 3.3, where it is offered
/// ```
/// An empty value is let through, so that a keyword with a type can say what it takes.
fn parameter(cursor: &mut Cursor<'_>, grammar: &Grammar) -> Result<Parameter, Violation> {
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
    Ok(Parameter { keyword, value })
}

/// ```abnf
/// size-value ::= 1*20DIGIT     ; RFC 1870 section 5
/// ```
/// or where it stops being one.
fn size(value: &str) -> Result<u64, usize> {
    match value.bytes().position(|b| !b.is_ascii_digit()) {
        Some(at) => Err(at.min(20)),
        None if value.is_empty() => Err(0),
        None if value.len() > 20 => Err(20),
        // Nothing but too many is left to go wrong.
        None => Ok(value.parse().unwrap_or(u64::MAX)),
    }
}

/// ```abnf
/// body-value ::= "7BIT" / "8BITMIME" / "BINARYMIME"     ; RFC 6152 section 2, RFC 3030 section 3
/// ```
fn body(value: &str) -> Option<Body> {
    let all = [Body::SevenBit, Body::EightBitMime, Body::BinaryMime];
    all.into_iter().find(|body| value.eq_ignore_ascii_case(body.name()))
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
    fn sizes() {
        for (text, size) in [
            ("0", 0),
            ("00000000000000000001", 1),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX),
            ("99999999999999999999", u64::MAX),
        ] {
            assert_eq!(mail(&format!(" SIZE={text}")).unwrap().size(), Some(size), "{text}");
        }
        for (text, offset) in [
            (" SIZE", 5),
            (" SIZE=", 6),
            (" SIZE=-1", 6),
            (" SIZE=+1", 6),
            (" SIZE=1k", 7),
            (" SIZE=000000000000000000001", 26),
            (" SIZE=00000000000000000000x", 26),
        ] {
            assert_eq!(mail(text), Err((Fault::SizeSyntax, offset)), "{text}");
        }
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
            (" SMTPUTF8=", Fault::ParameterSyntax, 9),
            (" SMTPUTF8=1", Fault::ParameterSyntax, 9),
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
    fn rcpt_has_no_types() {
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
