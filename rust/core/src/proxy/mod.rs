//! The PROXY protocol, versions 1 and 2 (HAProxy's `proxy-protocol.txt`): what a proxy says of its client before the first
//! octet of the client's.
//!
//! Takes the octets that have come so far; gives the header and how many octets it has, the fault, or the news that more is
//! needed. What it gives depends on the octets alone, never on how they were split: a fault is told as soon as the octet has
//! come that shows it, and stays the same whatever follows. Holds at most [`MAX_HEADER`] octets. Whether a proxy is to be
//! believed is the caller's to know before it asks.

mod crc32c;
mod fault;
mod tlv;
mod v1;
mod v2;

use std::net::SocketAddr;

pub use fault::{ProxyFault, ProxyViolation};

/// The most octets of a header that are waited for. Version 2 could announce 65,551; the addresses take 232 at most, and what
/// proxies add of their own a few hundred.
pub const MAX_HEADER: usize = 4096;

/// The version of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A line of text (§2.1).
    One,
    /// Octets (§2.2).
    Two,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyCommand {
    /// LOCAL: the proxy's own, such as a health check. What else the header says is not looked at.
    Local,
    /// PROXY: a client's.
    Proxy,
}

/// What carried the client's octets to the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A stream, such as TCP.
    Stream,
    /// Datagrams, such as UDP.
    Dgram,
}

/// Where the client's connection came from and went to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// The proxy does not say (LOCAL, UNKNOWN, UNSPEC): the connection's own are to be used.
    Unspecified,
    /// IPv4 or IPv6.
    Inet {
        /// The client's address.
        source: SocketAddr,
        /// The address it connected to.
        destination: SocketAddr,
    },
    /// Unix sockets: their paths, without the zeros they are filled up with; empty where there is none. An abstract one keeps
    /// its leading zero.
    Unix {
        /// The client's path.
        source: Vec<u8>,
        /// The path it connected to.
        destination: Vec<u8>,
    },
}

/// What the proxy says of its client's TLS (§2.2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyTls {
    /// The version, such as `TLSv1.3`.
    pub version: Option<String>,
    /// The cipher's name.
    pub cipher: Option<String>,
    /// The Common Name of the client's certificate. Believe it only when `client_verified`.
    pub common_name: Option<String>,
    /// Whether the client gave a certificate, and the proxy found it valid. The field `verify` alone does not say so: HAProxy
    /// writes 0 there too when there was none.
    pub client_verified: bool,
}

/// A whole header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Its version.
    pub version: Version,
    /// Whose connection it is.
    pub command: ProxyCommand,
    /// What carried it; `None` when the proxy does not say.
    pub transport: Option<Transport>,
    /// From where to where.
    pub addresses: Addresses,
    /// The protocol inside, as in ALPN (RFC 7301).
    pub alpn: Option<Vec<u8>>,
    /// The name the client asked for, such as TLS's server name.
    pub authority: Option<String>,
    /// What the proxy calls this connection; at most 128 octets.
    pub unique_id: Option<Vec<u8>>,
    /// The client's TLS, where it has any.
    pub tls: Option<ProxyTls>,
}

impl ProxyHeader {
    const fn new(version: Version, command: ProxyCommand) -> Self {
        Self {
            version,
            command,
            transport: None,
            addresses: Addresses::Unspecified,
            alpn: None,
            authority: None,
            unique_id: None,
            tls: None,
        }
    }
}

/// What was asked for, or `None` where it has not come yet.
type Reading<T> = Result<Option<T>, ProxyViolation>;

/// Parses the octets of a connection from its first one on: the header and how many octets it has, or `None` while they are the
/// start of one. What follows the header is the client's.
///
/// # Errors
/// The octets are no header, whatever follows. The connection has to be closed.
pub fn parse(octets: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyViolation> {
    match octets.first() {
        None => Ok(None),
        Some(&first) if first == v2::SIGNATURE[0] => v2::parse(octets),
        Some(_) => v1::parse(octets),
    }
}

/// Whether `expected` stands at the start of `octets`, as far as they go; `None` while they are its start alone.
fn begins(octets: &[u8], expected: &[u8]) -> Reading<()> {
    match octets.iter().zip(expected).position(|(octet, expected)| octet != expected) {
        Some(at) => Err(ProxyViolation::new(ProxyFault::NoHeader, at)),
        None => Ok((octets.len() >= expected.len()).then_some(())),
    }
}

/// The same at any split: keeps what has come of a header until it is whole.
#[derive(Debug, Clone, Default)]
pub struct ProxyDecoder {
    /// The start of a header; fewer than [`MAX_HEADER`] octets.
    held: Vec<u8>,
    end: Option<Result<ProxyHeader, ProxyViolation>>,
}

impl ProxyDecoder {
    /// A decoder at the first octet of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next octets and returns how many of them are the header's: all of them until it is whole or at fault, none
    /// afterwards.
    pub fn decode(&mut self, octets: &[u8]) -> usize {
        if self.end.is_some() {
            return 0;
        }
        let before = self.held.len();
        let parsed = if before == 0 {
            parse(octets)
        } else {
            self.held.extend_from_slice(&octets[..octets.len().min(MAX_HEADER - before)]);
            parse(&self.held)
        };
        let taken = match &parsed {
            Ok(None) if before == 0 => {
                self.held = octets.to_vec();
                return octets.len();
            }
            Ok(Some((_, whole))) => whole - before,
            _ => octets.len(),
        };
        if let Some(end) = parsed.transpose() {
            self.end = Some(end.map(|(header, _)| header));
            self.held = Vec::new();
        }
        taken
    }

    /// The header, once it is whole.
    #[must_use]
    pub const fn header(&self) -> Option<&ProxyHeader> {
        match &self.end {
            Some(Ok(header)) => Some(header),
            _ => None,
        }
    }

    /// What is wrong, once something is.
    #[must_use]
    pub const fn violation(&self) -> Option<ProxyViolation> {
        match &self.end {
            Some(Err(violation)) => Some(*violation),
            _ => None,
        }
    }
}
