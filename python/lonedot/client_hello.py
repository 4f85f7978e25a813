"""The name a client wants to speak to, out of the first octets of its handshake (RFC 6066 §3).

Takes TLS records as they came; gives the name in SNI. Never raises; what is malformed has no name, and is OpenSSL's to
refuse. `ssl` itself tells the name only to a callback, and prints a traceback when a client sends octets above 127.
"""

from __future__ import annotations

from collections.abc import Iterator

MOST = 16_384
"""Octets after which no name is looked for."""

_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 22, 1, 0, 0


def server_name(records: bytes) -> str | None:
    """The name, or None.

    ClientHello: version 2, random 32, session id <1>, cipher suites <2>, compression methods <1>, extensions <2>; an
    extension: type 2, data <2>; `<n>` stands before what has its length in n octets (RFC 8446 §4.1.2, §4.2).
    """
    message = _handshake(records)
    if message[:1] != bytes([_CLIENT_HELLO]):
        return None
    hello = message[4 : 4 + int.from_bytes(message[1:4])]
    at = 34
    for size in (1, 2, 1):
        at += size + int.from_bytes(hello[at : at + size])
    for kind, data in _pairs(hello[at + 2 :], 2):
        if kind == _SERVER_NAME:
            return next((_text(name) for sort, name in _pairs(data[2:], 1) if sort == _HOST_NAME), None)
    return None


def _handshake(records: bytes) -> bytes:
    """What the records of the handshake hold, up to the first record of another type."""
    fragments, at = [], 0
    while at + 5 <= len(records) and records[at] == _HANDSHAKE:
        length = int.from_bytes(records[at + 3 : at + 5])
        fragments.append(records[at + 5 : at + 5 + length])
        at += 5 + length
    return b"".join(fragments)


def _pairs(octets: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """A type of `size` octets, a length of two, so many octets; and again, as long as they are there."""
    at = 0
    while at + size + 2 <= len(octets):
        kind, length = int.from_bytes(octets[at : at + size]), int.from_bytes(octets[at + size : at + size + 2])
        at += size + 2 + length
        if at <= len(octets):
            yield kind, octets[at - length : at]


def _text(name: bytes) -> str | None:
    """A name of letters, digits, hyphens, dots and underscores; any other is none."""
    text = name.decode("ascii", "replace")
    return text if 0 < len(text) < 256 and text.replace("-", "").replace(".", "").replace("_", "").isalnum() else None
