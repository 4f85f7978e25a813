//! What holds of the first octets of every connection from a proxy, whatever they are; and the other direction.

use std::net::{IpAddr, SocketAddr};

use lonedot_core::proxy::{
    Addresses, MAX_HEADER, ProxyCommand, ProxyDecoder, ProxyHeader, ProxyTls, ProxyViolation, Transport, Version, parse,
};

/// What comes of them: how many are the header's, the header, the violation.
pub(crate) type End = (usize, Option<ProxyHeader>, Option<ProxyViolation>);

/// Octets through a decoder, in pieces.
pub(crate) fn decoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> End {
    let mut decoder = ProxyDecoder::new();
    let taken = pieces.into_iter().map(|piece| decoder.decode(piece)).sum();
    (taken, decoder.header().cloned(), decoder.violation())
}

/// What holds of all octets.
pub(crate) fn holds(octets: &[u8]) {
    let parsed = parse(octets);
    let whole = decoded([octets]);
    match &parsed {
        Ok(None) => {
            assert_eq!(whole, (octets.len(), None, None));
            assert!(octets.len() < MAX_HEADER, "a header longer than any is waited for");
        }
        Ok(Some((header, taken))) => {
            assert_eq!(whole, (*taken, Some(header.clone()), None));
            assert!(*taken <= MAX_HEADER.min(octets.len()));
            // As a proxy would say it, in fewer octets or as many; and with a checksum.
            for checksum in [false, true] {
                let again = written(header, checksum);
                assert_eq!(parse(&again), Ok(Some((header.clone(), again.len()))), "{again:?}");
            }
        }
        Err(violation) => {
            assert_eq!(whole.2, Some(*violation));
            assert!(violation.offset < octets.len(), "{violation:?}");
            assert!(!violation.to_string().is_empty());
        }
    }
    // The fewest octets that decide do; whatever follows, they decide the same.
    let decides = (0..=octets.len()).find(|&end| parse(&octets[..end]) != Ok(None));
    if let Some(end) = decides {
        assert_eq!(parse(&octets[..end]), parsed);
        assert_eq!(parse(&[&octets[..end], b"\r\n\0x"].concat()), parsed);
        if let Ok(Some((_, taken))) = parsed {
            assert_eq!(end, taken);
        }
    }
    // At every split, and octet by octet: but for how much of a refused one was looked at, which says nothing.
    let same = |(taken, header, violation): End| {
        assert_eq!((&header, violation), (&whole.1, whole.2));
        assert!(violation.is_some() || taken == whole.0);
    };
    for split in 0..=octets.len().min(600) {
        let (a, b) = octets.split_at(split);
        same(decoded([a, b]));
    }
    same(decoded(octets.chunks(1)));
}

/// A header as a proxy writes it.
pub(crate) fn written(header: &ProxyHeader, checksum: bool) -> Vec<u8> {
    match header.version {
        Version::One => line(&header.addresses).into_bytes(),
        Version::Two => block(header, checksum),
    }
}

fn line(addresses: &Addresses) -> String {
    match addresses {
        Addresses::Inet { source, destination } => {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let (ips, ports) = ((source.ip(), destination.ip()), (source.port(), destination.port()));
            format!("PROXY {family} {} {} {} {}\r\n", ips.0, ips.1, ports.0, ports.1)
        }
        _ => "PROXY UNKNOWN\r\n".to_owned(),
    }
}

fn block(header: &ProxyHeader, checksum: bool) -> Vec<u8> {
    let (family, addresses) = match &header.addresses {
        Addresses::Unspecified => (0, Vec::new()),
        Addresses::Inet { source, destination } => {
            let octets = |address: &SocketAddr| match address.ip() {
                IpAddr::V4(ip) => ip.octets().to_vec(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
            (if source.is_ipv4() { 0x10 } else { 0x20 }, [octets(source), octets(destination), ports].concat())
        }
        Addresses::Unix { source, destination } => {
            let filled = |path: &Vec<u8>| [&path[..], &[0; 108]].concat()[..108].to_vec();
            (0x30, [filled(source), filled(destination)].concat())
        }
    };
    let transport = match header.transport {
        None => 0,
        Some(Transport::Stream) => 1,
        Some(Transport::Dgram) => 2,
    };
    let mut octets = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    octets.push(if header.command == ProxyCommand::Local { 0x20 } else { 0x21 });
    octets.extend([family | transport, 0, 0]);
    octets.extend(addresses);
    octets.extend(tlv(0x01, header.alpn.as_deref()));
    octets.extend(tlv(0x02, header.authority.as_deref().map(str::as_bytes)));
    let sum = octets.len() + 3;
    if checksum {
        octets.extend(tlv(0x03, Some(&[0; 4])));
    }
    octets.extend(tlv(0x05, header.unique_id.as_deref()));
    octets.extend(tlv(0x20, header.tls.as_ref().map(ssl).as_deref()));
    let length = u16::try_from(octets.len() - 16).unwrap();
    octets[14..16].copy_from_slice(&length.to_be_bytes());
    if checksum {
        let found = crc32c(&octets).to_be_bytes();
        octets[sum..sum + 4].copy_from_slice(&found);
    }
    octets
}

fn ssl(tls: &ProxyTls) -> Vec<u8> {
    let fixed: [u8; 5] = if tls.client_verified { [3, 0, 0, 0, 0] } else { [1, 0, 0, 0, 0] };
    let text = |kind, text: &Option<String>| tlv(kind, text.as_deref().map(str::as_bytes));
    [fixed.to_vec(), text(0x23, &tls.cipher), text(0x22, &tls.common_name), text(0x21, &tls.version)].concat()
}

fn tlv(kind: u8, value: Option<&[u8]>) -> Vec<u8> {
    let Some(value) = value else { return Vec::new() };
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind, length[0], length[1]], value].concat()
}

/// Bit by bit, from the polynomial as RFC 4960 Appendix B writes it.
pub(crate) fn crc32c(octets: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for octet in octets {
        for bit in 0..8 {
            let carry = (crc >> 31) ^ u32::from(octet >> bit & 1);
            crc = (crc << 1) ^ (carry * 0x1EDC_6F41);
        }
    }
    !crc.reverse_bits()
}
