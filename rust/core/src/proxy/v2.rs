//! Version 2: 16 octets, addresses, then TLVs (`proxy-protocol.txt` §2.2).
//!
//! The first 16 are judged as they come. "The receiver must not start to parse an address before the whole address block is
//! received": the rest is judged when all of it is there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{
    Addresses, MAX_HEADER, ProxyCommand, ProxyFault, ProxyHeader, ProxyViolation, Reading, Transport, Version, begins,
    tlv,
};

pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Octets before the addresses.
const FIXED: usize = 16;
/// Octets a Unix socket's path is filled up to.
const PATH: usize = 108;

pub(super) fn parse(octets: &[u8]) -> Reading<(ProxyHeader, usize)> {
    let fault = |fault, offset| Err(ProxyViolation::new(fault, offset));
    if begins(octets, &SIGNATURE)?.is_none() {
        return Ok(None);
    }
    let [version_command, rest @ ..] = &octets[SIGNATURE.len()..] else { return Ok(None) };
    let command = match version_command {
        0x20 => ProxyCommand::Local,
        0x21 => ProxyCommand::Proxy,
        octet if octet >> 4 == 2 => return fault(ProxyFault::Command, 12),
        _ => return fault(ProxyFault::Version, 12),
    };
    let [family_transport, rest @ ..] = rest else { return Ok(None) };
    let (family, transport) = (family_transport >> 4, family_transport & 0x0F);
    // What LOCAL says of the family is to be ignored.
    if command == ProxyCommand::Proxy && (family > 3 || transport > 2) {
        return fault(ProxyFault::Family, 13);
    }
    let [high, low, ..] = rest else { return Ok(None) };
    let whole = FIXED + usize::from(u16::from_be_bytes([*high, *low]));
    let addresses = match (command, family) {
        (ProxyCommand::Local, _) | (_, 0) => 0,
        (_, 1) => 2 * 4 + 2 * 2,
        (_, 2) => 2 * 16 + 2 * 2,
        _ => 2 * PATH,
    };
    if whole > MAX_HEADER {
        return fault(ProxyFault::TooLong, 14);
    }
    if whole < FIXED + addresses {
        return fault(ProxyFault::TooShort, 14);
    }
    let Some(octets) = octets.get(..whole) else { return Ok(None) };
    let mut header = ProxyHeader::new(Version::Two, command);
    // "Discard the protocol block", its TLVs and their checksum too.
    if command == ProxyCommand::Proxy {
        header.transport = match transport {
            0 => None,
            1 => Some(Transport::Stream),
            _ => Some(Transport::Dgram),
        };
        // Where the transport is not said, "the receiver should ignore address information".
        if header.transport.is_some() {
            header.addresses = self::addresses(&octets[FIXED..FIXED + addresses]);
        }
        tlv::read(octets, FIXED + addresses, &mut header)?;
    }
    Ok(Some((header, whole)))
}

/// The block of addresses, whose length tells what they are.
fn addresses(block: &[u8]) -> Addresses {
    if let Some((source, rest)) = block.split_first_chunk::<4>()
        && let Some((destination, ports)) = rest.split_first_chunk::<4>()
        && let &[a, b, c, d] = ports
    {
        return inet(Ipv4Addr::from(*source).into(), Ipv4Addr::from(*destination).into(), [a, b], [c, d]);
    }
    if let Some((source, rest)) = block.split_first_chunk::<16>()
        && let Some((destination, ports)) = rest.split_first_chunk::<16>()
        && let &[a, b, c, d] = ports
    {
        return inet(Ipv6Addr::from(*source).into(), Ipv6Addr::from(*destination).into(), [a, b], [c, d]);
    }
    if block.is_empty() {
        return Addresses::Unspecified;
    }
    let (source, destination) = block.split_at(PATH);
    Addresses::Unix { source: path(source), destination: path(destination) }
}

fn inet(source: IpAddr, destination: IpAddr, source_port: [u8; 2], destination_port: [u8; 2]) -> Addresses {
    Addresses::Inet {
        source: SocketAddr::new(source, u16::from_be_bytes(source_port)),
        destination: SocketAddr::new(destination, u16::from_be_bytes(destination_port)),
    }
}

/// A path ends at its first zero; an abstract one begins with one, and ends before those it is filled up with.
fn path(field: &[u8]) -> Vec<u8> {
    let end = match field.first() {
        Some(0) => field.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1),
        _ => field.iter().position(|&octet| octet == 0).unwrap_or(field.len()),
    };
    field[..end].to_vec()
}
