"""ProxyDecoder: the corpus both languages read (data/proxy.toml), its shape in Python, and another implementation."""

from __future__ import annotations

import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lonedot import ProxyDecoder, ProxyFault, ProxyHeader, ProxyTls
from proxyprotocol.detect import ProxyProtocolDetect
from proxyprotocol.result import ProxyResult, ProxyResultIPv4, ProxyResultIPv6, ProxyResultLocal, ProxyResultUnix
from proxyprotocol.tlv import ProxyProtocolSSLTLV, ProxyProtocolTLV
from proxyprotocol.v1 import ProxyProtocolV1
from proxyprotocol.v2 import ProxyProtocolV2

CORPUS = Path(__file__).parent / "data" / "proxy.toml"
CASES = tomllib.loads(CORPUS.read_text(encoding="utf-8"))["case"]
# Headers we take and proxy-protocol does not.
WE_ALONE_TAKE = {
    "LOCAL: its checksum too": "it checks what is to be discarded",
    "a checksum before another TLV": "it sums the TLVs up in an order of its own",
}
BOTH_TAKE = [case for case in CASES if "version" in case and case["about"] not in WE_ALONE_TAKE]
V1 = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n"


def octets_of(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode("latin-1")


def described(decoder: ProxyDecoder, header: ProxyHeader | None) -> dict[str, Any]:
    """What was made of octets, in the words of the corpus."""
    if decoder.fault is not None:
        assert header is None
        return {"fault": decoder.fault.name, "offset": decoder.fault.offset}
    if header is None:
        return {"more": True}
    found: dict[str, Any] = {}
    for name in ("version", "command", "transport", "authority"):
        found[name] = getattr(header, name)
    for name in ("source", "destination"):
        match getattr(header, name):
            case (str(host), int(port)):
                found[name] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    for name in ("source_path", "destination_path", "alpn", "unique_id"):
        octets = getattr(header, name)
        found[name] = octets.decode("latin-1") if octets is not None else None
    if header.tls is not None:
        tls = {name: getattr(header.tls, name) for name in ("version", "cipher", "common_name")}
        found["tls"] = {name: value for name, value in tls.items() if value is not None}
        if header.tls.client_verified:
            found["tls"]["client_verified"] = True
    found["rest"] = decoder.unused_data.decode("latin-1") or None
    return {name: value for name, value in found.items() if value is not None}


class TestCorpus:
    @pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
    def test_whole_and_at_every_split(self, case: dict[str, Any]) -> None:
        octets = octets_of(case)
        wanted = {key: value for key, value in case.items() if key not in ("about", "text", "hex")}
        for split in range(len(octets) + 1):
            decoder = ProxyDecoder()
            decoder.decode(octets[:split])
            assert described(decoder, decoder.decode(octets[split:])) == wanted
        decoder, header = ProxyDecoder(), None
        for octet in octets:
            header = decoder.decode(bytes([octet]))
        assert described(decoder, header) == wanted

    def test_every_case_says_something_else(self) -> None:
        assert len({octets_of(case) for case in CASES}) == len(CASES)


class TestShape:
    def test_a_header(self) -> None:
        decoder = ProxyDecoder()
        assert decoder.decode(V1[:20]) is None
        assert not decoder.eof
        header = decoder.decode(V1[20:] + b"EHLO ")
        match header:
            case ProxyHeader("proxy", ("192.0.2.1", 56324), ("198.51.100.7", 25)):
                pass
            case other:
                pytest.fail(repr(other))
        assert decoder.eof
        assert decoder.decode(b"x\r\n") == header
        assert decoder.unused_data == b"EHLO x\r\n"
        assert decoder.fault is None
        assert repr(header) == "<ProxyHeader proxy from 192.0.2.1:56324>"

    def test_a_fault_stays(self) -> None:
        decoder = ProxyDecoder()
        assert decoder.decode(b"PROXY TCP4 192.0.2.1\0") is None
        match decoder.fault:
            case ProxyFault("address", 20) as fault:
                assert "octet 20 of the PROXY header" in fault.text
            case other:
                pytest.fail(repr(other))
        assert decoder.decode(V1) is None
        assert decoder.fault == fault
        assert decoder.unused_data == b""
        assert not decoder.eof

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_any_buffer(self, kind: Any) -> None:
        assert ProxyDecoder().decode(kind(V1)) is not None
        with pytest.raises(TypeError):
            ProxyDecoder().decode("PROXY")  # type: ignore[arg-type]

    def test_nothing_can_be_set(self) -> None:
        header = ProxyDecoder().decode(V1)
        for thing, name in ((header, "source"), (header, "other"), (ProxyDecoder(), "eof")):
            with pytest.raises(AttributeError):
                setattr(thing, name, None)


HOSTS4, HOSTS6 = st.ip_addresses(v=4), st.ip_addresses(v=6)
PORTS = st.integers(0, 65535)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
PATHS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=108)
KINDS = st.sampled_from([socket.SOCK_STREAM, socket.SOCK_DGRAM])
SSL = st.builds(
    ProxyProtocolSSLTLV,
    has_ssl=st.just(True),
    has_cert_conn=st.booleans(),
    has_cert_sess=st.booleans(),
    verified=st.booleans(),
    version=st.none() | ASCII,
    cn=st.none() | NAMES,
    cipher=st.none() | ASCII,
    key_alg=st.none() | ASCII,
)
TLVS = st.builds(
    ProxyProtocolTLV,
    alpn=st.none() | st.binary(max_size=10),
    authority=st.none() | NAMES,
    unique_id=st.binary(max_size=128),
    ssl=SSL,
    netns=st.none() | ASCII,
    auto_crc32c=st.just(True),
)
RESULTS = (
    st.builds(ProxyResultIPv4, st.tuples(HOSTS4, PORTS), st.tuples(HOSTS4, PORTS), protocol=KINDS, tlv=TLVS)
    | st.builds(ProxyResultIPv6, st.tuples(HOSTS6, PORTS), st.tuples(HOSTS6, PORTS), protocol=KINDS, tlv=TLVS)
    | st.builds(ProxyResultUnix, PATHS, PATHS, protocol=KINDS, tlv=TLVS)
)


class TestAnotherImplementation:
    """Headers of proxy-protocol's, with its checksums, are read as it wrote them, and it reads those of the corpus. Not
    the faults: it takes a good deal that the specification has not."""

    @given(RESULTS)
    def test_version_2(self, result: ProxyResult) -> None:
        wire = ProxyProtocolV2().pack(result)
        assert bytes([3, 0, 4]) in wire  # a checksum
        header = ProxyDecoder().decode(wire)
        assert header is not None
        if isinstance(result, ProxyResultUnix):
            assert (header.source_path, header.destination_path) == (result.source.encode(), result.dest.encode())
        else:
            assert isinstance(result, (ProxyResultIPv4, ProxyResultIPv6))
            assert header.source == (socket_form(result.source[0]), result.source[1])
            assert header.destination == (socket_form(result.dest[0]), result.dest[1])
        assert header.transport == ("stream" if result.protocol == socket.SOCK_STREAM else "dgram")
        theirs, ours = result.tlv, header
        assert (ours.alpn, ours.authority) == (theirs.alpn, theirs.authority)
        assert ours.unique_id == theirs.unique_id
        assert ours.tls is not None
        assert tls_of(ours.tls) == (theirs.ssl.version, theirs.ssl.cipher, theirs.ssl.cn)
        certificate = theirs.ssl.has_cert_conn or theirs.ssl.has_cert_sess
        assert ours.tls.client_verified == (certificate and theirs.ssl.verified)

    def test_a_local_one(self) -> None:
        header = ProxyDecoder().decode(ProxyProtocolV2().pack(ProxyResultLocal()))
        assert header is not None
        assert (header.command, header.source) == ("local", None)

    @given(st.tuples(HOSTS4, PORTS, HOSTS4, PORTS) | st.tuples(HOSTS6, PORTS, HOSTS6, PORTS))
    def test_version_1(self, addresses: Any) -> None:
        a, p, b, q = addresses
        wire = ProxyProtocolV1().pack((ProxyResultIPv4 if a.version == 4 else ProxyResultIPv6)((a, p), (b, q)))
        header = ProxyDecoder().decode(wire)
        assert header is not None
        assert (header.source, header.destination) == ((socket_form(a), p), (socket_form(b), q))

    @pytest.mark.parametrize("case", BOTH_TAKE, ids=lambda case: case["about"])
    def test_what_we_take_it_takes(self, case: dict[str, Any]) -> None:
        wire = octets_of(case)
        result = ProxyProtocolDetect().unpack(wire[: len(wire) - len(case.get("rest", ""))])
        assert result.proxied == (case["command"] == "proxy")
        if isinstance(result, (ProxyResultIPv4, ProxyResultIPv6)) and "source" in case:
            (host, port), found = result.source, ProxyDecoder().decode(wire)
            assert found is not None
            assert found.source == (socket_form(host), port)


def socket_form(address: Any) -> str:
    """As sockets write it, `::ffff:192.0.2.1`; ipaddress writes `::ffff:c000:201`."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return socket.inet_ntop(family, address.packed)


def tls_of(tls: ProxyTls) -> tuple[str | None, str | None, str | None]:
    return tls.version, tls.cipher, tls.common_name
