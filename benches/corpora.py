"""The mail data that decoders are judged by, the same octets here and in `rust/core/benches/corpora/`.

A corpus is whole lines, cut so that they take a given number of octets on the wire: it can be fed again and again as
the chunks of one message. `corpora.txt` holds the CRC-32 of each, which both languages assert.
"""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

NAMES = ("base64", "mixed", "dots", "empty", "long")
CHUNK = 64 * 1024
TERMINATOR = b".\r\n"
TINY_MESSAGES, TINY_OCTETS = 100, 400
SEED = 0x9E37_79B9_7F4A_7C15

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TEXT = b" etaoin.shrdlu,-"


class Corpus(NamedTuple):
    """Mail data, and the same with transparency dots, as it comes over the wire, without a terminator."""

    data: bytes
    wire: bytes


class _Random:
    """Octets that look random and are the same in each run."""

    def __init__(self) -> None:
        self.state = SEED

    def below(self, limit: int) -> int:
        self.state ^= self.state << 13 & 0xFFFF_FFFF_FFFF_FFFF
        self.state ^= self.state >> 7
        self.state ^= self.state << 17 & 0xFFFF_FFFF_FFFF_FFFF
        return self.state % limit

    def letters(self, count: int) -> bytes:
        return bytes(_BASE64[self.below(64)] for _ in range(count))

    def line(self, name: str) -> bytes:
        match name:
            case "base64":
                return self.letters(76)
            case "mixed":
                rest = bytes(_TEXT[self.below(16)] for _ in range(10 + self.below(69)))[1:]
                return (b"." if self.below(100) == 0 else b"T") + rest
            case "dots":
                return b".ab"
            case "empty":
                return b""
            case "long":
                return self.letters(998)
        raise ValueError(name)


def _filled(name: str, octets: int, random: _Random, first: bytes | None = None) -> Corpus:
    data, wire = bytearray(), bytearray()
    while len(wire) < octets:
        room = octets - len(wire)
        line, first = random.line(name) if first is None else first, None
        dot = b"." if line.startswith(b".") else b""
        length = len(dot) + len(line) + 2
        # The last line takes what room is left, which has to be that of a CRLF at least.
        if length != room and length + 2 > room:
            dot, line = b"", b"x" * (room - 2)
        data += line + b"\r\n"
        wire += dot + line + b"\r\n"
    return Corpus(bytes(data), bytes(wire))


@cache
def corpus(name: str, octets: int = CHUNK, *, dotted: bool = False) -> Corpus:
    """Lines that take so many octets on the wire. `dotted`: the first one has a transparency dot, in any corpus."""
    return _filled(name, octets, _Random(), b".dotted" if dotted else None)


@cache
def tiny() -> tuple[Corpus, ...]:
    """Messages of text as in `mixed`, each with its terminator."""
    random = _Random()
    messages = (_filled("mixed", TINY_OCTETS - len(TERMINATOR), random) for _ in range(TINY_MESSAGES))
    return tuple(Corpus(message.data, message.wire + TERMINATOR) for message in messages)


def check() -> None:
    """Asserts that each corpus is what the list that Rust reads too says."""
    for entry in (Path(__file__).parent / "corpora.txt").read_text().splitlines():
        if not entry.startswith("#"):
            name = entry.split()[0]
            wire = b"".join(message.wire for message in tiny()) if name == "tiny" else corpus(name).wire
            assert f"{name} {len(wire)} {zlib.crc32(wire):08x}" == entry
