//! Version 1: a line of text (`proxy-protocol.txt` §2.1).
//!
//! ```abnf
//! header  = "PROXY " ( "UNKNOWN" [SP *text] / "TCP4" ip4-pair / "TCP6" ip6-pair ) CRLF   ; at most 107 octets
//! pair    = SP address SP address SP port SP port                                       ; the client's first
//! ```
//! Read from left to right, a field judged when the octet after it has come: what is wrong at an octet is wrong at every split.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Addresses, ProxyCommand, ProxyFault, ProxyHeader, ProxyViolation, Reading, Transport, Version, begins};

/// The most octets in the line, with its CRLF.
const MAX_LINE: usize = 107;

const START: &[u8] = b"PROXY ";

pub(super) fn parse(octets: &[u8]) -> Reading<(ProxyHeader, usize)> {
    if begins(octets, START)?.is_none() {
        return Ok(None);
    }
    let line = &octets[..octets.len().min(MAX_LINE)];
    match line_after(line)? {
        None if line.len() == MAX_LINE => Err(ProxyViolation::new(ProxyFault::LineTooLong, MAX_LINE - 1)),
        read => Ok(read),
    }
}

fn line_after(line: &[u8]) -> Reading<(ProxyHeader, usize)> {
    let mut fields = Fields { line, at: START.len() };
    let mut header = ProxyHeader::new(Version::One, ProxyCommand::Proxy);
    let Some(protocol) = fields.protocol()? else { return Ok(None) };
    if protocol != b"UNKNOWN" {
        let six = protocol == b"TCP6";
        let Some(source) = fields.address(six)? else { return Ok(None) };
        let Some(destination) = fields.address(six)? else { return Ok(None) };
        let Some(source_port) = fields.port(b' ')? else { return Ok(None) };
        let Some(destination_port) = fields.port(b'\r')? else { return Ok(None) };
        header.transport = Some(Transport::Stream);
        header.addresses = Addresses::Inet {
            source: SocketAddr::new(source, source_port),
            destination: SocketAddr::new(destination, destination_port),
        };
    } else if !fields.ignored()? {
        return Ok(None);
    }
    match line.get(fields.at) {
        None => Ok(None),
        Some(b'\n') => Ok(Some((header, fields.at + 1))),
        Some(_) => Err(ProxyViolation::new(ProxyFault::Line, fields.at)),
    }
}

/// The fields of a line, up to the LF.
struct Fields<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// What stands before the next octet that `may` not stand in the field. It must be `end`, and is passed.
    fn field(&mut self, end: u8, fault: ProxyFault, may: impl Fn(u8) -> bool) -> Reading<&'a [u8]> {
        let rest = &self.line[self.at..];
        let Some(length) = rest.iter().position(|&octet| !may(octet)) else { return Ok(None) };
        if rest[length] != end {
            return Err(ProxyViolation::new(fault, self.at + length));
        }
        self.at += length + 1;
        Ok(Some(&rest[..length]))
    }

    /// The protocol. Behind UNKNOWN the line may end, so that what ends the field is not passed.
    fn protocol(&mut self) -> Reading<&'static [u8]> {
        let rest = &self.line[self.at..];
        let known: [&[u8]; 3] = [b"TCP4", b"TCP6", b"UNKNOWN"];
        // How far the one that fits best does.
        let fits = |name: &[u8]| name.iter().zip(rest).take_while(|(a, b)| a == b).count();
        let (length, name) =
            known.map(|name| (fits(name), name)).into_iter().max_by_key(|fit| fit.0).unwrap_or_default();
        let ended = match rest.get(length) {
            None => return Ok(None),
            Some(b' ') => true,
            Some(b'\r') => name == b"UNKNOWN",
            Some(_) => false,
        };
        if length < name.len() || !ended {
            return Err(ProxyViolation::new(ProxyFault::Protocol, self.at + length));
        }
        self.at += length + usize::from(name != b"UNKNOWN");
        Ok(Some(name))
    }

    /// "Heading zeroes are not permitted", which Rust's parsers say too. That of IPv6 takes an IPv4 tail, which `inet_ntop`
    /// writes for mapped addresses, and no zone.
    fn address(&mut self, six: bool) -> Reading<IpAddr> {
        let start = self.at;
        let may =
            |octet: u8| octet.is_ascii_digit() || octet == b'.' || six && (octet == b':' || octet.is_ascii_hexdigit());
        let Some(text) = self.field(b' ', ProxyFault::Address, may)? else { return Ok(None) };
        let text = std::str::from_utf8(text).unwrap_or_default();
        let address =
            if six { text.parse::<Ipv6Addr>().map(IpAddr::V6) } else { text.parse::<Ipv4Addr>().map(IpAddr::V4) };
        address.map(Some).map_err(|_| ProxyViolation::new(ProxyFault::Address, start))
    }

    fn port(&mut self, end: u8) -> Reading<u16> {
        let start = self.at;
        let Some(digits) = self.field(end, ProxyFault::Port, |octet| octet.is_ascii_digit())? else { return Ok(None) };
        let port = match digits {
            [b'0', _, ..] => None,
            _ => std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()),
        };
        port.map(Some).ok_or(ProxyViolation::new(ProxyFault::Port, start))
    }

    /// What stands behind UNKNOWN, and its CR. "The receiver must ignore anything presented", but it is a line of US-ASCII text.
    fn ignored(&mut self) -> Result<bool, ProxyViolation> {
        Ok(self.field(b'\r', ProxyFault::Line, |octet| matches!(octet, b' '..=b'~'))?.is_some())
    }
}
