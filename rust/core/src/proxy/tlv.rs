//! The TLVs of version 2 (`proxy-protocol.txt` §2.2.1 to §2.2.8): type, length in two octets, value.
//!
//! Those that a mail server has a use for are read, the others skipped. A length that leads past the end, a type given twice
//! and text that is none are faults: a header half understood could make a client somebody else.

use super::crc32c::{self, crc32c};
use super::{ProxyFault, ProxyHeader, ProxyTls, ProxyViolation};

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const CRC32C: u8 = 0x03;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;
const SSL_CIPHER: u8 = 0x23;

/// Octets of type and length.
const START: usize = 3;
/// The most octets of a unique id (§2.2.5).
const MAX_UNIQUE_ID: usize = 128;
/// Octets before the TLVs inside SSL's: the flags, and `verify`.
const SSL_FIXED: usize = 5;
/// The client came over TLS.
const CLIENT_SSL: u8 = 0x01;
/// It gave a certificate over this connection, or once in this TLS session.
const CLIENT_CERT: u8 = 0x02 | 0x04;

/// One of them: its type, where it stands in the header, its value.
struct Tlv<'a> {
    kind: u8,
    at: usize,
    value: &'a [u8],
}

impl Tlv<'_> {
    const fn fault(&self, fault: ProxyFault) -> ProxyViolation {
        ProxyViolation::new(fault, self.at)
    }

    /// Puts what is read of the value where there is nothing yet.
    fn put<T>(&self, place: &mut Option<T>, value: T) -> Result<(), ProxyViolation> {
        if place.replace(value).is_some() { Err(self.fault(ProxyFault::TlvRepeated)) } else { Ok(()) }
    }

    /// The value as text. A control character would be for whoever writes it to a log or a field to step over.
    fn text(&self) -> Result<String, ProxyViolation> {
        std::str::from_utf8(self.value)
            .ok()
            .filter(|text| !text.chars().any(char::is_control))
            .map(str::to_owned)
            .ok_or(self.fault(ProxyFault::TlvText))
    }
}

/// The TLVs of `octets` from `at` to their end.
fn tlvs(octets: &[u8], mut at: usize) -> impl Iterator<Item = Result<Tlv<'_>, ProxyViolation>> {
    std::iter::from_fn(move || {
        let start = at;
        let rest = octets.get(start..).filter(|rest| !rest.is_empty())?;
        let tlv = rest.split_first_chunk::<START>().and_then(|(&[kind, high, low], rest)| {
            let value = rest.get(..usize::from(u16::from_be_bytes([high, low])))?;
            at = start + START + value.len();
            Some(Tlv { kind, at: start, value })
        });
        if tlv.is_none() {
            at = octets.len();
        }
        Some(tlv.ok_or(ProxyViolation::new(ProxyFault::TlvLength, start)))
    })
}

/// Reads the TLVs of a whole header, which begin at `start`, into `header`.
pub(super) fn read(octets: &[u8], start: usize, header: &mut ProxyHeader) -> Result<(), ProxyViolation> {
    let (mut checksum, mut ssl) = (None, None);
    for tlv in tlvs(octets, start) {
        let tlv = tlv?;
        match tlv.kind {
            ALPN => tlv.put(&mut header.alpn, tlv.value.to_vec())?,
            AUTHORITY => tlv.put(&mut header.authority, tlv.text()?)?,
            UNIQUE_ID if tlv.value.len() > MAX_UNIQUE_ID => return Err(tlv.fault(ProxyFault::TlvLength)),
            UNIQUE_ID => tlv.put(&mut header.unique_id, tlv.value.to_vec())?,
            CRC32C => {
                let sum = <[u8; 4]>::try_from(tlv.value).map_err(|_| tlv.fault(ProxyFault::TlvLength))?;
                tlv.put(&mut checksum, (tlv.at, u32::from_be_bytes(sum)))?;
            }
            SSL => {
                let facts = self::ssl(&tlv, &octets[..tlv.at + START + tlv.value.len()])?;
                tlv.put(&mut ssl, facts)?;
            }
            _ => {}
        }
    }
    header.tls = ssl.flatten();
    if let Some((at, sum)) = checksum {
        // "Replace the 32 bits of the checksum field … with all '0's".
        let (before, after) = (&octets[..at + START], &octets[at + START + 4..]);
        let found = crc32c(crc32c(crc32c(crc32c::START, before), &[0; 4]), after);
        if !found != sum {
            return Err(ProxyViolation::new(ProxyFault::Checksum, at));
        }
    }
    Ok(())
}

/// §2.2.6, from a TLV at the end of `octets`. HAProxy sends it for clients without TLS too: of them there is nothing to say.
fn ssl(tlv: &Tlv<'_>, octets: &[u8]) -> Result<Option<ProxyTls>, ProxyViolation> {
    let Some((&[client, ref verify @ ..], _)) = tlv.value.split_first_chunk::<SSL_FIXED>() else {
        return Err(tlv.fault(ProxyFault::TlvLength));
    };
    let mut tls = ProxyTls {
        version: None,
        cipher: None,
        common_name: None,
        client_verified: client & CLIENT_CERT != 0 && *verify == [0; 4],
    };
    for inner in tlvs(octets, tlv.at + START + SSL_FIXED) {
        let inner = inner?;
        match inner.kind {
            SSL_VERSION => inner.put(&mut tls.version, inner.text()?)?,
            SSL_CIPHER => inner.put(&mut tls.cipher, inner.text()?)?,
            SSL_CN => inner.put(&mut tls.common_name, inner.text()?)?,
            _ => {}
        }
    }
    Ok((client & CLIENT_SSL != 0).then_some(tls))
}
