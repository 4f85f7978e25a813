//! Domains and address literals (RFC 5321 §4.1.2 and §4.1.3, RFC 6531 §3.3).
//!
//! Takes a [`Cursor`] and the fault of the place it stands in (after EHLO, in a reverse-path, in a forward-path); moves
//! it past what was read. Nothing is looked up, mapped or normalized: whether a U-label is one under IDNA is for whoever
//! asks the DNS. Non-ASCII is always read here; whether it is welcome is decided by those who know of SMTPUTF8.

use super::cursor::{Cursor, violation};
use crate::violation::{Fault, Violation};

/// The most octets in a domain, address literals with their brackets included (RFC 5321 §4.5.3.1.2).
pub(super) const MAX_DOMAIN: usize = 255;
/// The most octets in a label (RFC 1035 §2.3.4, which RFC 5321 §2.3.5 refers to).
const MAX_LABEL: usize = 63;

/// ```abnf
/// ( Domain / address-literal )
/// ```
pub(super) fn host(cursor: &mut Cursor<'_>, syntax: Fault) -> Result<(), Violation> {
    if cursor.peek() == Some(b'[') { address_literal(cursor, syntax) } else { domain(cursor, syntax) }
}

/// ```abnf
/// Domain      = sub-domain *("." sub-domain)
/// sub-domain  = Let-dig [Ldh-str]
/// sub-domain  =/ U-label
/// Let-dig     = ALPHA / DIGIT
/// Ldh-str     = *( ALPHA / DIGIT / "-" ) Let-dig
/// ```
pub(super) fn domain(cursor: &mut Cursor<'_>, syntax: Fault) -> Result<(), Violation> {
    let start = cursor.at();
    while cursor.eat_if(|b| is_ldh(b) || b == b'.') || cursor.eat_utf8() {}
    let domain = cursor.since(start);
    // The whole is measured before its parts are judged: of an over-long domain that is the better thing to say.
    if domain.len() > MAX_DOMAIN {
        return Err(violation(Fault::DomainTooLong, start + MAX_DOMAIN));
    }
    let mut at = start;
    for label in domain.split(|&b| b == b'.') {
        match label {
            [] | [b'-', ..] => return Err(violation(syntax, at)),
            [.., b'-'] => return Err(violation(syntax, at + label.len() - 1)),
            // A U-label's 63 octets are those of its A-label, which is for IDNA to make (RFC 5890 section 4.2).
            _ if label.len() > MAX_LABEL && label.is_ascii() => return Err(violation(syntax, at + MAX_LABEL)),
            _ => at += label.len() + 1,
        }
    }
    Ok(())
}

/// ```abnf
/// address-literal  = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal ) "]"
/// dcontent         = %d33-90 / %d94-126
/// ```
/// Every octet that any of the three may hold is dcontent. The offset of a wrong address is that of its first octet.
pub(super) fn address_literal(cursor: &mut Cursor<'_>, syntax: Fault) -> Result<(), Violation> {
    let bracket = cursor.at();
    if !cursor.eat(b'[') {
        return Err(cursor.fault(syntax));
    }
    let start = cursor.at();
    cursor.eat_while(|b| matches!(b, 33..=90 | 94..=126));
    let address = cursor.since(start);
    let closed = cursor.eat(b']');
    if cursor.at() - bracket > MAX_DOMAIN {
        return Err(violation(Fault::DomainTooLong, bracket + MAX_DOMAIN));
    }
    if !closed {
        return Err(cursor.fault(syntax));
    }
    if is_ipv4(address) || is_tagged(address) { Ok(()) } else { Err(violation(syntax, start)) }
}

/// ```abnf
/// IPv4-address-literal  = Snum 3("."  Snum)
/// Snum                  = 1*3DIGIT     ; 0 to 255
/// ```
/// `Ipv4Addr` does not read this: it refuses the leading zeros that Snum has.
fn is_ipv4(address: &[u8]) -> bool {
    let is_snum = |part: &[u8]| {
        matches!(part.len(), 1..=3)
            && part.iter().all(u8::is_ascii_digit)
            && part.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')) <= 255
    };
    address.split(|&b| b == b'.').count() == 4 && address.split(|&b| b == b'.').all(is_snum)
}

/// ```abnf
/// IPv6-address-literal     = "IPv6:" IPv6-addr
/// General-address-literal  = Standardized-tag ":" 1*dcontent
/// Standardized-tag         = Ldh-str
/// ```
/// IPv6 is the only tag registered so far; what follows another one cannot be judged here.
fn is_tagged(address: &[u8]) -> bool {
    let Some(colon) = address.iter().position(|&b| b == b':') else { return false };
    let (tag, rest) = (&address[..colon], &address[colon + 1..]);
    if tag.eq_ignore_ascii_case(b"IPv6") {
        return is_ipv6(rest);
    }
    tag.iter().all(|&b| is_ldh(b)) && tag.last().is_some_and(u8::is_ascii_alphanumeric) && !rest.is_empty()
}

/// ```abnf
/// IPv6-addr      = IPv6-full / IPv6-comp / IPv6v4-full / IPv6v4-comp
/// IPv6-hex       = 1*4HEXDIG
/// IPv6-full      = IPv6-hex 7(":" IPv6-hex)
/// IPv6-comp      = [IPv6-hex *5(":" IPv6-hex)] "::" [IPv6-hex *5(":" IPv6-hex)]
///                ; The "::" represents at least 2 16-bit groups of zeros. No more than 6 groups in addition to it.
/// IPv6v4-full    = IPv6-hex 5(":" IPv6-hex) ":" IPv4-address-literal
/// IPv6v4-comp    = [IPv6-hex *3(":" IPv6-hex)] "::" [IPv6-hex *3(":" IPv6-hex) ":"] IPv4-address-literal
///                ; No more than 4 groups in addition to the "::" and the IPv4-address-literal.
/// ```
/// `Ipv6Addr` reads another language: its `::` may stand for one group, and its IPv4 tail takes no leading zeros.
fn is_ipv6(address: &[u8]) -> bool {
    match address.windows(2).position(|pair| pair == b"::") {
        None => groups(address, true) == Some(8),
        Some(at) => {
            let (before, after) = (groups(&address[..at], false), groups(&address[at + 2..], true));
            matches!((before, after), (Some(before), Some(after)) if before + after <= 6)
        }
    }
}

/// How many 16-bit groups stand here, an IPv4 address at the end, where one may stand, counting as two.
fn groups(text: &[u8], ipv4_tail: bool) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    let mut count = 0;
    let mut parts = text.split(|&b| b == b':').peekable();
    while let Some(part) = parts.next() {
        if matches!(part.len(), 1..=4) && part.iter().all(u8::is_ascii_hexdigit) {
            count += 1;
        } else if ipv4_tail && parts.peek().is_none() && is_ipv4(part) {
            count += 2;
        } else {
            return None;
        }
    }
    Some(count)
}

const fn is_ldh(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict, and where the cursor stopped when it was good.
    fn read(text: &str) -> Result<usize, (Fault, u64)> {
        let mut cursor = Cursor::new(text.as_bytes());
        host(&mut cursor, Fault::HelloSyntax).map_err(|v| (v.fault, v.offset))?;
        Ok(cursor.at())
    }

    #[test]
    fn domains() {
        let label = "l".repeat(63);
        for good in ["a", "1", "a-b", "a--b", "xn--4ca.example", "1.2.3.4", "bücher.example", "例え.テスト", &label]
        {
            assert_eq!(read(good), Ok(good.len()), "{good}");
        }
        let long_label = "l".repeat(64);
        let bad = [
            ("", 0),
            (".", 0),
            (".a", 0),
            ("a.", 2),
            ("a..b", 2),
            ("-a", 0),
            ("a-", 1),
            ("a.-b", 2),
            ("a.b-.c", 3),
            ("_a", 0),
            (&long_label, 63),
        ];
        for (text, offset) in bad {
            assert_eq!(read(text), Err((Fault::HelloSyntax, offset)), "{text}");
        }
        assert_eq!(read("a_b"), Ok(1));
        assert_eq!(read("a\u{80}"), Ok(1));
        // 64 octets, 32 characters, 36 octets as an A-label or so.
        assert_eq!(read(&"é".repeat(32)), Ok(64));
    }

    #[test]
    fn a_domain_may_have_255_octets() {
        let domain = |octets: usize| "abc.".repeat(64)[..octets].to_owned();
        assert_eq!(read(&domain(255)), Ok(255));
        assert_eq!(read(&(domain(252) + "abcd")), Err((Fault::DomainTooLong, 255)));
        assert_eq!(read(&"l".repeat(300)), Err((Fault::DomainTooLong, 255)));
        let literal = |octets: usize| format!("[x:{}]", "y".repeat(octets - 4));
        assert_eq!(read(&literal(255)), Ok(255));
        assert_eq!(read(&literal(256)), Err((Fault::DomainTooLong, 255)));
        assert_eq!(read(&literal(256)[..255]), Err((Fault::HelloSyntax, 255)));
    }

    #[test]
    fn address_literals() {
        let good = [
            "192.0.2.1",
            "0.0.0.0",
            "255.255.255.255",
            "001.020.003.255",
            "IPv6:::",
            "IPv6:::1",
            "ipv6:2001:DB8::1",
            "IPv6:1:2:3:4:5:6:7:8",
            "IPv6:0001:0002:0003:0004:0005:0006:0007:abcd",
            "IPv6:1:2:3:4:5:6::",
            "IPv6:::1:2:3:4:5:6",
            "IPv6:1:2:3::4:5:6",
            "IPv6:1:2:3:4:5:6:192.0.2.1",
            "IPv6:1:2::3:4:192.0.2.1",
            "IPv6:::ffff:192.0.2.1",
            "IPv6:::192.0.2.001",
            "X-400:c=xx;a=yy",
            "-tag:x",
        ];
        for address in good {
            assert_eq!(read(&format!("[{address}]")), Ok(address.len() + 2), "{address}");
        }
        let bad = [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.0004",
            "1..2.3",
            "1.2.3.a",
            "2001:db8::x",
            "IPv6:",
            "IPv6::",
            "IPv6:1",
            "IPv6:1:2:3:4:5:6:7",
            "IPv6:1:2:3:4:5:6:7:8:9",
            "IPv6:1:2:3:4:5:6:7::",
            "IPv6:1::2:3:4:5:6:7",
            "IPv6:1::2::3",
            "IPv6::::",
            "IPv6:1:::2",
            "IPv6::1::2",
            "IPv6:12345::1",
            "IPv6:g::1",
            "IPv6:fe80::1%eth0",
            "IPv6:1:2:3:4:5:6:7:192.0.2.1",
            "IPv6:1:2:3::4:5:192.0.2.1",
            "IPv6:192.0.2.1",
            "IPv6:192.0.2.1::",
            "IPv6:::192.0.2.256",
            "IPv6:192.0.2.1:1::",
            "tag-:x",
            "ta_g:x",
            ":x",
            "tag:",
        ];
        for address in bad {
            let syntax = if address == "2001:db8::x" { Ok(13) } else { Err((Fault::HelloSyntax, 1)) };
            assert_eq!(read(&format!("[{address}]")), syntax, "{address}");
        }
        for (text, offset) in [("[", 1), ("[1.2.3.4", 8), ("[1.2.3.4 ]", 8), ("[[1.2.3.4]]", 1), ("[x:é]", 3)] {
            assert_eq!(read(text), Err((Fault::HelloSyntax, offset)), "{text}");
        }
    }
}
