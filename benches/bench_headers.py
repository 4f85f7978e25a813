"""`check_headers` beside Python's own reader of header sections, which judges nothing.

A header section of 20 fields, the one of the benchmark in Rust, 100 times; and those of 100 short messages. What
`BytesHeaderParser` gives is a message with its fields as they stand, not parsed; `check_headers` reads all addresses,
dates and identifiers. The target is 30 times its speed.
"""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

import lonedot
import pytest

Measure = Callable[..., None]  # the fixture of conftest.py

SECTION = (Path(__file__).parent / "header_section.eml").read_bytes() + b"\r\n"
SHORT = [
    b"Date: Tue, 17 Nov 2026 11:01:%02d +0100\r\nFrom: Ann <ann%d@a.example>\r\nTo: Bob <bob@b.example>\r\n"
    b"Message-ID: <%d@a.example>\r\nSubject: number %d\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" % (number % 60, number, number, number)
    for number in range(100)
]
SECTIONS: dict[str, list[bytes]] = {"20-fields": [SECTION] * 100, "short": SHORT}


def by_lonedot(sections: list[bytes]) -> list[list[lonedot.HeaderFinding]]:
    return [lonedot.check_headers(section) for section in sections]


def by_email(sections: list[bytes]) -> list[Message]:
    parse = BytesHeaderParser().parsebytes
    return [parse(section) for section in sections]


WAYS: dict[str, Callable[[list[bytes]], list[Any]]] = {"lonedot": by_lonedot, "email": by_email}


def asserted(sections: list[bytes]) -> None:
    assert by_lonedot(sections) == [[] for _ in sections]
    assert [len(message.keys()) for message in by_email(sections)] == [
        sum(line[:1] not in (b" ", b"\t", b"") for line in section.split(b"\r\n")) for section in sections
    ]
    # It does judge: without their dates all are found wanting.
    undated = [section.replace(b"Date:", b"X-Date:", 1) for section in sections]
    assert [[finding.code for finding in found] for found in by_lonedot(undated)] == [["missing-date"]] * len(sections)


@pytest.mark.parametrize("what", WAYS)
@pytest.mark.parametrize("name", SECTIONS)
def test_headers(measure: Measure, name: str, what: str) -> None:
    sections = SECTIONS[name]
    asserted(sections)
    measure(
        lambda: WAYS[what](sections),
        subject="headers",
        corpus=name,
        what=what,
        octets=sum(map(len, sections)),
        calls=len(sections),
    )
