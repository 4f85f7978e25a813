//! PROXY headers: the corpus both languages read (`tests/data/proxy.toml`), and what holds of all octets.

mod header;

use std::net::SocketAddr;

use header::{crc32c, holds, written};
use lonedot_core::proxy::{
    Addresses, MAX_HEADER, ProxyCommand, ProxyDecoder, ProxyFault, ProxyHeader, ProxyTls, Transport, Version, parse,
};
use proptest::prelude::*;
use toml::{Table, Value};

#[test]
fn corpus() {
    let cases = cases();
    assert!(cases.len() >= 110);
    let mut faults: Vec<_> = ProxyFault::ALL.iter().map(|fault| fault.name()).collect();
    for case in &cases {
        let got = described(&octets(case));
        let want = case.iter().filter(|(key, _)| !["about", "text", "hex"].contains(&key.as_str()));
        assert_eq!(got, want.map(|(key, value)| (key.clone(), value.clone())).collect(), "{case}");
        faults.retain(|fault| case.get("fault").and_then(Value::as_str) != Some(fault));
    }
    assert!(faults.is_empty(), "no case is at fault so: {faults:?}");
}

#[test]
fn every_start_and_split_of_the_corpus() {
    for case in cases() {
        let octets = octets(&case);
        holds(&octets);
        for end in 0..octets.len() {
            holds(&octets[..end]);
        }
    }
}

#[test]
fn every_header_with_one_octet_changed() {
    for case in cases().iter().filter(|case| case.contains_key("version")) {
        let octets = octets(case);
        for at in 0..octets.len() {
            for change in [1, 0x10, 0x20, 0x80, octets[at]] {
                let mut changed = octets.clone();
                changed[at] ^= change;
                holds(&changed);
            }
        }
    }
}

/// Octets that nothing else could find to be others.
#[test]
fn a_checksum_guards_what_it_is_of() {
    let header = ProxyHeader {
        version: Version::Two,
        command: ProxyCommand::Proxy,
        transport: Some(Transport::Stream),
        addresses: inet("192.0.2.1:56324", "198.51.100.7:25"),
        alpn: Some(b"smtp".to_vec()),
        authority: None,
        unique_id: Some(b"id".to_vec()),
        tls: None,
    };
    let octets = written(&header, true);
    let (alpn, unique_id) = (31..35, octets.len() - 2..octets.len());
    assert_eq!((&octets[alpn.clone()], &octets[unique_id.clone()]), (&b"smtp"[..], &b"id"[..]));
    for at in (16..28).chain(alpn).chain(unique_id) {
        for change in 1..=u8::MAX {
            let mut changed = octets.clone();
            changed[at] ^= change;
            assert_eq!(parse(&changed).unwrap_err().fault, ProxyFault::Checksum, "octet {at}");
        }
    }
}

#[test]
fn what_is_waited_for_is_bounded() {
    for start in [&b"PROXY UNKNOWN "[..], b"PROXY TCP6 ", b"\r\n\r\n\0\r\nQUIT\n\x21\x00\x0f\xf0"] {
        let mut decoder = ProxyDecoder::new();
        decoder.decode(start);
        let mut octets = start.len();
        while decoder.header().is_none() && decoder.violation().is_none() {
            octets += decoder.decode(b"0");
            assert!(octets <= MAX_HEADER);
        }
        // And then nothing.
        assert_eq!(decoder.decode(b"PROXY UNKNOWN\r\n"), 0);
    }
}

proptest! {
    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        holds(&octets);
        for start in [&b"PROXY "[..], b"PROXY TCP4 ", b"\r\n\r\n\0\r\nQUIT\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00"] {
            holds(&[start, &octets].concat());
        }
        // Long enough for what it says.
        if let Ok(length) = u8::try_from(octets.len()) {
            for family in [0, 0x11, 0x21] {
                holds(&[&b"\r\n\r\n\0\r\nQUIT\n\x21"[..], &[family, 0, length], &octets].concat());
            }
        }
    }

    #[test]
    fn any_line(line in "PROXY (TCP4|TCP6|UNKNOWN) [0-9a-f:. ]{0,90}(\r|\n|\r\n)?") {
        holds(line.as_bytes());
    }

    #[test]
    fn what_is_written_is_read(header in headers(), checksum: bool) {
        let octets = written(&header, checksum);
        prop_assert_eq!(parse(&octets), Ok(Some((header, octets.len()))));
        holds(&[&octets, &b"EHLO x\r\n"[..]].concat());
    }

    #[test]
    fn checksums(octets in prop::collection::vec(any::<u8>(), 0..100)) {
        // The check value of RFC 3720 B.4 holds the one that the tests know to.
        prop_assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        let tlvs = [&[0xE0, 0, octets.len() as u8], &octets[..], &[3, 0, 4, 0, 0, 0, 0]].concat();
        let mut whole = [&b"\r\n\r\n\0\r\nQUIT\n\x21\0\0"[..], &[tlvs.len() as u8], &tlvs].concat();
        let sum = crc32c(&whole).to_be_bytes();
        let end = whole.len();
        whole[end - 4..].copy_from_slice(&sum);
        prop_assert!(matches!(parse(&whole), Ok(Some(_))));
        whole[end - 1] ^= 1;
        prop_assert_eq!(parse(&whole).unwrap_err().fault, ProxyFault::Checksum);
    }
}

fn headers() -> impl Strategy<Value = ProxyHeader> {
    let one = prop_oneof![Just(Addresses::Unspecified), inets()].prop_map(|addresses| ProxyHeader {
        version: Version::One,
        command: ProxyCommand::Proxy,
        transport: (addresses != Addresses::Unspecified).then_some(Transport::Stream),
        addresses,
        alpn: None,
        authority: None,
        unique_id: None,
        tls: None,
    });
    let octets = || prop::option::of(prop::collection::vec(any::<u8>(), 0..=128));
    let text = || prop::option::of("[^\\p{Cc}]{0,20}");
    let tls = prop::option::of((text(), text(), text(), any::<bool>()).prop_map(
        |(version, cipher, common_name, client_verified)| ProxyTls { version, cipher, common_name, client_verified },
    ));
    let path = || {
        prop_oneof![
            Just(Vec::new()),
            "[a-z/.]{1,108}".prop_map(String::into_bytes),
            "\0[a-z\0]{0,50}x".prop_map(String::into_bytes)
        ]
    };
    let unix = (path(), path()).prop_map(|(source, destination)| Addresses::Unix { source, destination });
    let addresses = prop_oneof![Just(Addresses::Unspecified), inets(), unix];
    let transport = prop_oneof![Just(Transport::Stream), Just(Transport::Dgram)];
    let two = (addresses, transport, octets(), text(), octets(), tls).prop_map(
        |(addresses, transport, alpn, authority, unique_id, tls)| {
            let (version, command, transport) = (Version::Two, ProxyCommand::Proxy, Some(transport));
            ProxyHeader { version, command, transport, addresses, alpn, authority, unique_id, tls }
        },
    );
    prop_oneof![one, two]
}

fn inets() -> impl Strategy<Value = Addresses> {
    let four = any::<([u8; 4], u16, [u8; 4], u16)>().prop_map(|(a, p, b, q)| ((a, p).into(), (b, q).into()));
    let six = any::<([u8; 16], u16, [u8; 16], u16)>().prop_map(|(a, p, b, q)| ((a, p).into(), (b, q).into()));
    prop_oneof![four, six].prop_map(|(source, destination)| Addresses::Inet { source, destination })
}

fn inet(source: &str, destination: &str) -> Addresses {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    Addresses::Inet { source: address(source), destination: address(destination) }
}

fn cases() -> Vec<Table> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/proxy.toml");
    let corpus: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    corpus["case"].as_array().unwrap().iter().map(|case| case.as_table().unwrap().clone()).collect()
}

fn octets(case: &Table) -> Vec<u8> {
    let text = |key: &str| case.get(key).map(|value| value.as_str().unwrap());
    if let Some(text) = text("text") {
        return text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    }
    let digits: Vec<u8> = text("hex").unwrap().bytes().filter(|&octet| octet != b' ').collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

/// What is made of octets, in the words of the corpus.
fn described(octets: &[u8]) -> Table {
    let mut got = Table::new();
    let mut say = |key: &str, value: Value| drop(got.insert(key.to_owned(), value));
    let as_text = |octets: &[u8]| Value::from(octets.iter().copied().map(char::from).collect::<String>());
    let (header, taken) = match parse(octets) {
        Ok(None) => {
            say("more", true.into());
            return got;
        }
        Err(violation) => {
            say("fault", violation.fault.name().into());
            say("offset", (violation.offset as i64).into());
            return got;
        }
        Ok(Some(found)) => found,
    };
    say("version", if header.version == Version::One { 1 } else { 2 }.into());
    say("command", if header.command == ProxyCommand::Proxy { "proxy" } else { "local" }.into());
    if let Some(transport) = header.transport {
        say("transport", if transport == Transport::Stream { "stream" } else { "dgram" }.into());
    }
    match header.addresses {
        Addresses::Unspecified => {}
        Addresses::Inet { source, destination } => {
            say("source", source.to_string().into());
            say("destination", destination.to_string().into());
        }
        Addresses::Unix { source, destination } => {
            say("source_path", as_text(&source));
            say("destination_path", as_text(&destination));
        }
    }
    if let Some(alpn) = header.alpn {
        say("alpn", as_text(&alpn));
    }
    if let Some(authority) = header.authority {
        say("authority", authority.into());
    }
    if let Some(unique_id) = header.unique_id {
        say("unique_id", as_text(&unique_id));
    }
    if let Some(tls) = header.tls {
        let mut table = Table::new();
        for (key, value) in [("version", tls.version), ("cipher", tls.cipher), ("common_name", tls.common_name)] {
            if let Some(value) = value {
                table.insert(key.to_owned(), value.into());
            }
        }
        if tls.client_verified {
            table.insert("client_verified".to_owned(), true.into());
        }
        say("tls", table.into());
    }
    if taken < octets.len() {
        say("rest", as_text(&octets[taken..]));
    }
    got
}
