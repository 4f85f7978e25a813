"""Trace fields: their form (RFC 5321 section 4.4), and that no octet the peer chose changes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from lonedot import trace


@dataclass
class Ehlo:
    name: str = "client.example.net"


class Helo(Ehlo):
    pass


class Lhlo(Ehlo):
    pass


@dataclass
class Peer:
    host: str
    port: int = 40000


@dataclass
class Connection:
    peer: Peer | None = field(default_factory=lambda: Peer("192.0.2.1"))
    hello: Ehlo | None = field(default_factory=Ehlo)
    dialect: str = "smtp"
    tls: object = None
    auth: object = None


@dataclass
class Transaction:
    connection: Connection = field(default_factory=Connection)
    id: str = "3f9a"
    reverse_path: str = "sender@example.net"
    forward_paths: tuple[str, ...] = ("rcpt@example.org",)


def received(hostname: str = "mx.example.org", **changes: Any) -> bytes:
    connection = {name: changes.pop(name) for name in ("peer", "hello", "dialect", "tls", "auth") if name in changes}
    return trace.received(Transaction(Connection(**connection), **changes), hostname)  # type: ignore[arg-type]


def return_path(reverse_path: str) -> bytes:
    return trace.return_path(Transaction(reverse_path=reverse_path))  # type: ignore[arg-type]


def parse(octets: bytes) -> Message:
    message = BytesParser().parsebytes(octets + b"\r\nbody\r\n")
    assert message.get_payload() == "body\r\n"
    assert not message.defects
    return message


def stamp(octets: bytes) -> str:
    """The Received field's body, unfolded, without its date; after the checks every field passes."""
    assert octets.endswith(b"\r\n")
    lines = octets[:-2].split(b"\r\n")
    assert all(line[:1] == b" " and line.strip() for line in lines[1:])
    assert not set(b"\r\n\0") & set(b"".join(lines))
    message = parse(octets)
    assert message.keys() == ["Received"]
    body, _, date = b" ".join(line.strip() for line in lines).decode().removeprefix("Received: ").rpartition("; ")
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", date)
    when = parsedate_to_datetime(date)
    assert abs(when - datetime.now(UTC)) < timedelta(seconds=5)
    assert when.utcoffset() == datetime.now().astimezone().utcoffset()
    return body


BY = "by mx.example.org with ESMTP id 3f9a for <rcpt@example.org>"


@pytest.mark.parametrize(
    ("changes", "keyword"),
    [
        ({"tls": True}, "ESMTPS"),
        ({"auth": True}, "ESMTPA"),
        ({"tls": True, "auth": True}, "ESMTPSA"),
        ({"tls": True, "auth": True, "dialect": "lmtp"}, "LMTPSA"),
        ({"tls": True, "auth": True, "reverse_path": "é@x"}, "UTF8SMTPSA"),
        ({"tls": True, "hello": None}, "SMTP"),
    ],
)
def test_the_protocol_tells_of_tls_and_auth(changes: dict[str, Any], keyword: str) -> None:
    """RFC 3848."""
    assert f" with {keyword} id " in stamp(received(**changes))


def test_received_has_the_form_of_the_grammar() -> None:
    assert stamp(received()) == f"from client.example.net ([192.0.2.1]) {BY}"


@pytest.mark.parametrize(
    ("host", "literal"),
    [
        ("192.0.2.1", "[192.0.2.1]"),
        ("2001:db8::1", "[IPv6:2001:db8::1]"),
        ("2001:DB8:0:0:0:0:0:1", "[IPv6:2001:db8::1]"),
        ("::ffff:192.0.2.1", "[192.0.2.1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
    ],
)
def test_peer_address_is_an_address_literal(host: str, literal: str) -> None:
    assert stamp(received(peer=Peer(host))) == f"from client.example.net ({literal}) {BY}"
    assert stamp(received(peer=Peer(host), hello=Ehlo("-"))) == f"from {literal} ({literal}) (EHLO -) {BY}"


def test_unix_socket_peer_has_no_address() -> None:
    assert stamp(received(peer=None)) == f"from client.example.net {BY}"
    assert stamp(received(peer=None, hello=Ehlo("a_b"))) == f"from unknown (EHLO a_b) {BY}"
    # An address literal may not stand without TCP-info.
    assert stamp(received(peer=None, hello=Ehlo("[192.0.2.9]"))) == f"from unknown (EHLO [192.0.2.9]) {BY}"
    assert stamp(received(peer=Peer("@abstract"))) == f"from client.example.net {BY}"


@pytest.mark.parametrize(
    ("hello", "dialect", "paths", "protocol"),
    [
        (Ehlo(), "smtp", ("a@x", "b@y"), "ESMTP"),
        (Helo(), "smtp", ("a@x", "b@y"), "SMTP"),
        (Lhlo(), "lmtp", ("a@x", "b@y"), "LMTP"),
        (Ehlo(), "smtp", ("a@x", "é@y"), "UTF8SMTP"),
        (Ehlo(), "smtp", ("é@x", "b@y"), "UTF8SMTP"),
        (Lhlo(), "lmtp", ("a@é.example", "b@y"), "UTF8LMTP"),
    ],
)
def test_protocol(hello: Ehlo, dialect: str, paths: tuple[str, str], protocol: str) -> None:
    body = stamp(received(hello=hello, dialect=dialect, reverse_path=paths[0], forward_paths=paths[1:]))
    assert f" with {protocol} id 3f9a " in body


@pytest.mark.parametrize(
    ("hello", "dialect", "path", "protocol"),
    [
        (Ehlo(), "smtp", "a@x", "ESMTP"),
        (Helo(), "smtp", "a@x", "SMTP"),
        (Lhlo(), "lmtp", "a@x", "LMTP"),
        (Ehlo(), "smtp", "é@x", "UTF8SMTP"),
        (Lhlo(), "lmtp", "é@x", "UTF8LMTP"),
    ],
)
@pytest.mark.parametrize(("tls", "auth", "secured"), [(object(), None, "S"), (None, object(), "A"), (1, 2, "SA")])
def test_protocol_with_tls_and_auth(
    hello: Ehlo, dialect: str, path: str, protocol: str, tls: object, auth: object, secured: str
) -> None:
    """RFC 3848 §1; behind HELO there is neither."""
    body = stamp(received(hello=hello, dialect=dialect, reverse_path=path, tls=tls, auth=auth))
    assert f" with {protocol}{'' if type(hello) is Helo else secured} id 3f9a " in body


def test_without_hello() -> None:
    assert stamp(received(hello=None)) == f"from [192.0.2.1] ([192.0.2.1]) {BY}".replace("ESMTP", "SMTP")
    assert stamp(received(hello=None, peer=None)) == f"from unknown {BY}".replace("ESMTP", "SMTP")


@pytest.mark.parametrize("paths", [(), ("a@x", "b@y"), ("postmaster",)])
def test_for_names_exactly_one_mailbox(paths: tuple[str, ...]) -> None:
    assert " for " not in stamp(received(forward_paths=paths))


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "1.2.3.4",
        "xn--bcher-kva.example",
        "a-b.c--d",
        f"{'a' * 63}.{'b' * 63}",
        ".".join(["abc"] * 64),
        "[192.0.2.9]",
        "[IPv6:2001:db8::9]",
        "[ipv6:::1]",
    ],
)
def test_valid_names_stand_as_the_domain(name: str) -> None:
    assert stamp(received(hello=Ehlo(name))) == f"from {name} ([192.0.2.1]) {BY}"


@pytest.mark.parametrize(
    ("name", "comment"),
    [
        ("", "EHLO "),
        ("a_b.example", "EHLO a_b.example"),
        ("-a", "EHLO -a"),
        ("a..b", "EHLO a..b"),
        ("a.", "EHLO a."),
        ("a\r\nSubject: x", "EHLO aSubject:x"),
        ("a\nb", "EHLO ab"),
        ("a\n", "EHLO a"),
        ("a\r\n\r\nbody", "EHLO abody"),
        ("a) by evil (b", "EHLO abyevilb"),
        ("a\\)", "EHLO a"),
        ('"a"', "EHLO a"),
        ("=?utf-8?q?=0d=0aX:y?=", "EHLO utf-8q0d0aX:y"),
        ("a; Mon, 1 Jan 2001", "EHLO aMon1Jan2001"),
        ("büro.example", "EHLO bro.example"),
        ("a\x00b", "EHLO ab"),
        ("a\x85b\u2028c\udcff", "EHLO abc"),
        ("x_" * 500, "EHLO " + "x_" * 30),
        ("[192.0.2.300]", "EHLO [192.0.2.300]"),
        ("[IPv6:fe80::1%\r\nX:]", "EHLO [IPv6:fe80::1X:]"),
        ("[IPv6:fe80::1%eth0]", "EHLO [IPv6:fe80::1eth0]"),
        ("[192.0.2.1", "EHLO [192.0.2.1"),
        ("a" * 64, "EHLO " + "a" * 60),
        (".".join(["abc"] * 65), "EHLO " + "abc." * 15),
    ],
)
def test_other_names_stand_stripped_in_a_comment(name: str, comment: str) -> None:
    assert stamp(received(hello=Ehlo(name))) == f"from [192.0.2.1] ([192.0.2.1]) ({comment}) {BY}"


@pytest.mark.parametrize("octet", ["\r", "\n", "\0", "\t", "\x7f", "\x85", "\u2028", "\udcff"])
def test_a_path_that_could_break_a_line_is_refused(octet: str) -> None:
    with pytest.raises(ValueError):
        return_path(f'"a{octet}"@example.net')
    with pytest.raises(ValueError):
        received(forward_paths=(f'"a{octet}"@example.net',))


@pytest.mark.parametrize("bad", ["", "a b", "a\r\nb", "a;", "(a", "é"])
def test_misuse_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="id"):
        received(id=bad)
    with pytest.raises(ValueError, match="hostname"):
        received(hostname=bad)


@pytest.mark.parametrize("path", ["", "a@example.net", '"a b > (c"@example.net', "é@bücher.example", "x" * 300 + "@y"])
def test_return_path(path: str) -> None:
    octets = return_path(path)
    message = parse(octets)
    assert message.keys() == ["Return-Path"]
    assert octets.replace(b"\r\n ", b" ") == b"Return-Path: <%b>\r\n" % path.encode()


def test_lines_keep_to_78_octets_where_they_can() -> None:
    label = "a" * 60
    for length in range(1, 62):
        octets = received(hello=Ehlo("a" * length), id="i" * length, forward_paths=(f"{'é' * (length // 2)}@x",))
        stamp(octets)
        assert all(len(line) <= 78 for line in octets.split(b"\r\n"))
    long = f"{label}.{label}.{label}.example"
    octets = received(hello=Ehlo(long), hostname=long, id="i" * 200, forward_paths=(f"x@{long}",))
    assert stamp(octets) == f"from {long} ([192.0.2.1]) by {long} with ESMTP id {'i' * 200} for <x@{long}>"
    assert max(map(len, octets.split(b"\r\n"))) == 1 + 200
    assert return_path("x" * 63).startswith(b"Return-Path: <x")
    assert return_path("x" * 64).startswith(b"Return-Path:\r\n <x")


def test_no_line_passes_998_octets() -> None:
    assert max(map(len, return_path("x" * 995).split(b"\r\n"))) == 998
    for path in ("x" * 996, "é" * 498):
        with pytest.raises(ValueError, match="5322"):
            return_path(path)
    with pytest.raises(ValueError, match="5322"):
        received(forward_paths=("x" * 996 + "@y",))
