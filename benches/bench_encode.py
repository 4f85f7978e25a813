"""The encoder from Python on 64 KiB of mail data that come whole, beside smtplib's quoting and Python's `replace`."""

from __future__ import annotations

import smtplib
from collections.abc import Callable

import corpora
import lonedot
import pytest

Measure = Callable[..., None]  # the fixture of conftest.py


def quote_as_smtplib(data: bytes) -> bytes:
    """What `smtplib.SMTP.data` does with bytes before it sends them."""
    wire = smtplib._quote_periods(data)
    if wire[-2:] != b"\r\n":
        wire += b"\r\n"
    return wire + b".\r\n"


def replace(data: bytes) -> bytes:
    """The fastest way of Python's own. It lets bare CR and LF pass."""
    wire = data.replace(b"\r\n.", b"\r\n..")
    return b"".join((b"." if data[:1] == b"." else b"", wire, b".\r\n" if data[-2:] == b"\r\n" else b"\r\n.\r\n"))


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "lonedot": lonedot.encode_data,
    "replace": replace,
    "smtplib": quote_as_smtplib,
}


@pytest.mark.parametrize("what", WAYS)
@pytest.mark.parametrize("name", corpora.NAMES)
def test_encode(measure: Measure, name: str, what: str) -> None:
    data, wire = corpora.corpus(name)
    encode = WAYS[what]
    assert encode(data) == wire + corpora.TERMINATOR
    measure(lambda: encode(data), subject="encode", corpus=name, what=what, octets=len(data))


@pytest.mark.parametrize("name", corpora.NAMES)
def test_copy(measure: Measure, name: str) -> None:
    view = memoryview(corpora.corpus(name).data)
    assert view.tobytes() == view
    measure(view.tobytes, subject="encode", corpus=name, what="memcpy", octets=len(view))
