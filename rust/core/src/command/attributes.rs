//! XCLIENT and XFORWARD: a trusted peer tells whom it speaks for. Postfix's own extensions, as its XCLIENT_README and
//! XFORWARD_README have them.
//!
//! Takes a [`Cursor`] at the argument; gives the attributes, their values decoded and of the form their names ask for.
//! Whether the peer is trusted is the session's business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cursor::{Cursor, violation};
use super::xtext;
use crate::violation::{Fault, Violation};

/// The longest value, in octets as it was sent.
const MAX_VALUE: usize = 255;

/// The attributes of XCLIENT.
const XCLIENT: [&str; 8] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"];
/// The attributes of XFORWARD.
const XFORWARD: [&str; 7] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"];

/// The attributes of one command, each name at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    all: Vec<(&'static str, Option<String>)>,
}

impl Attributes {
    /// Name and value, in the order sent. No value where the peer does not know it: `[UNAVAILABLE]` and `[TEMPUNAVAIL]`.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        self.all.iter().map(|(name, value)| (*name, value.as_deref()))
    }

    /// The names of XCLIENT's, for the reply to EHLO.
    #[must_use]
    pub fn of_xclient() -> &'static [&'static str] {
        &XCLIENT
    }

    /// The names of XFORWARD's, for the reply to EHLO.
    #[must_use]
    pub fn of_xforward() -> &'static [&'static str] {
        &XFORWARD
    }

    /// ```abnf
    /// xclient-command = "XCLIENT" 1*( SP attribute-name "=" attribute-value )
    /// attribute-value = xtext
    /// ```
    pub(super) fn scan_xclient(cursor: &mut Cursor<'_>) -> Result<Self, Violation> {
        Self::scan(cursor, &XCLIENT)
    }

    /// ```abnf
    /// xforward-command = "XFORWARD" 1*( SP attribute-name "=" attribute-value )
    /// ```
    pub(super) fn scan_xforward(cursor: &mut Cursor<'_>) -> Result<Self, Violation> {
        Self::scan(cursor, &XFORWARD)
    }

    fn scan(cursor: &mut Cursor<'_>, names: &[&'static str]) -> Result<Self, Violation> {
        let mut all: Vec<(&'static str, Option<String>)> = Vec::new();
        if cursor.is_end() {
            return Err(cursor.fault(Fault::MissingArgument));
        }
        while !cursor.is_end() {
            let start = cursor.at();
            cursor.eat_while(|b| b.is_ascii_alphabetic());
            let said = cursor.since(start);
            let name = names.iter().find(|name| said.eq_ignore_ascii_case(name.as_bytes()));
            let name = *name.ok_or(violation(Fault::AttributeSyntax, start))?;
            if !cursor.eat(b'=') {
                return Err(cursor.fault(Fault::AttributeSyntax));
            }
            if all.iter().any(|(other, _)| *other == name) {
                return Err(violation(Fault::ParameterRepeated, start));
            }
            let start = cursor.at();
            cursor.eat_while(|b| b != b' ');
            let value = value(name, cursor.since(start)).ok_or(violation(Fault::AttributeSyntax, start))?;
            all.push((name, value));
            cursor.eat_while(|b| b == b' ');
        }
        Ok(Self { all })
    }
}

/// The value, decoded; None when it has not the form the name asks for.
fn value(name: &str, octets: &[u8]) -> Option<Option<String>> {
    if octets.eq_ignore_ascii_case(b"[UNAVAILABLE]") || octets.eq_ignore_ascii_case(b"[TEMPUNAVAIL]") {
        return Some(None);
    }
    if !(1..=MAX_VALUE).contains(&octets.len()) {
        return None;
    }
    let text = String::from_utf8(xtext::decode(octets).ok()?).ok()?;
    match name {
        "ADDR" | "DESTADDR" => return address(&text).map(|address| Some(address.to_string())),
        "PORT" | "DESTPORT" => {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            return text.parse::<u16>().ok().filter(|_| digits).map(|port| Some(port.to_string()));
        }
        "PROTO" => {
            let known = ["SMTP", "ESMTP"].into_iter().find(|proto| text.eq_ignore_ascii_case(proto));
            return known.map(|proto| Some(proto.to_owned()));
        }
        "SOURCE" => {
            let known = ["LOCAL", "REMOTE"].into_iter().find(|source| text.eq_ignore_ascii_case(source));
            return known.map(|source| Some(source.to_owned()));
        }
        _ => {}
    }
    (!text.chars().any(char::is_control)).then_some(Some(text))
}

/// `192.0.2.1` or `IPV6:2001:db8::1`.
fn address(text: &str) -> Option<IpAddr> {
    match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPV6:") => text[5..].parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<Vec<(&'static str, Option<String>)>, (Fault, u64)>;

    fn read(argument: &str, names: &[&'static str]) -> Read {
        let read = Attributes::scan(&mut Cursor::new(argument.as_bytes()), names);
        read.map(|attributes| attributes.all).map_err(|v| (v.fault, v.offset))
    }

    #[test]
    fn values_have_the_form_their_names_ask_for() {
        let some = |value: &str| Some(value.to_owned());
        assert_eq!(
            read(
                "NAME=spike.example addr=IPV6:2001:DB8::1  PORT=25 proto=esmtp HELO=a+20b LOGIN=[unavailable]",
                &XCLIENT
            ),
            Ok(vec![
                ("NAME", some("spike.example")),
                ("ADDR", some("2001:db8::1")),
                ("PORT", some("25")),
                ("PROTO", some("ESMTP")),
                ("HELO", some("a b")),
                ("LOGIN", None),
            ])
        );
        assert_eq!(
            read("ADDR=192.0.2.1 NAME=[TEMPUNAVAIL] SOURCE=local IDENT=x1", &XFORWARD),
            Ok(vec![("ADDR", some("192.0.2.1")), ("NAME", None), ("SOURCE", some("LOCAL")), ("IDENT", some("x1"))])
        );
    }

    #[test]
    fn faults() {
        for (argument, fault, offset) in [
            ("", Fault::MissingArgument, 0),
            ("IDENT=x", Fault::AttributeSyntax, 0),
            ("NAME", Fault::AttributeSyntax, 4),
            ("NAME=", Fault::AttributeSyntax, 5),
            ("NAME=a NAME=b", Fault::ParameterRepeated, 7),
            ("ADDR=192.0.2", Fault::AttributeSyntax, 5),
            ("ADDR=2001:db8::1", Fault::AttributeSyntax, 5),
            ("ADDR=IPV6:192.0.2.1", Fault::AttributeSyntax, 5),
            ("ADDR=IPV6:fe80::1%eth0", Fault::AttributeSyntax, 5),
            ("PORT=65536", Fault::AttributeSyntax, 5),
            ("PORT=+1", Fault::AttributeSyntax, 5),
            ("PROTO=HTTP", Fault::AttributeSyntax, 6),
            ("HELO=a+0D+0Ab", Fault::AttributeSyntax, 5),
            ("HELO=a+zz", Fault::AttributeSyntax, 5),
        ] {
            assert_eq!(read(argument, &XCLIENT), Err((fault, offset)), "{argument}");
        }
        assert_eq!(read(&format!("NAME={}", "x".repeat(256)), &XCLIENT), Err((Fault::AttributeSyntax, 5)));
    }
}
