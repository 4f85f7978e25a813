"""The encoder from Python on mail data that comes whole, beside smtplib's quoting and Python's `replace`.

64 KiB with CRLF line ends; the same as a Unix text, whose LFs are made CRLFs; and a message of 2 KiB.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from functools import partial
from itertools import repeat

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
WAYS_FROM_LF: dict[str, Callable[[bytes], bytes]] = {
    "lonedot": partial(lonedot.encode_data, bare_lf="normalize"),
    "replace": lambda text: replace(text.replace(b"\n", b"\r\n")),
    # As `smtplib.SMTP.sendmail` makes line ends, which takes no bytes; those of Latin-1 are what bytes are.
    "smtplib": lambda text: quote_as_smtplib(smtplib._fix_eols(text.decode("latin-1")).encode("latin-1")),
}


@pytest.mark.parametrize("what", WAYS)
@pytest.mark.parametrize("name", corpora.NAMES)
def test_encode(measure: Measure, name: str, what: str) -> None:
    data, wire = corpora.corpus(name)
    encode = WAYS[what]
    assert encode(data) == wire + corpora.TERMINATOR
    measure(lambda: encode(data), subject="encode", corpus=name, what=what, octets=len(data))


@pytest.mark.parametrize("what", WAYS_FROM_LF)
@pytest.mark.parametrize("name", corpora.NAMES)
def test_encode_from_lf(measure: Measure, name: str, what: str) -> None:
    data, wire = corpora.corpus(name)
    text = data.replace(b"\r", b"")
    encode = WAYS_FROM_LF[what]
    assert encode(text) == wire + corpora.TERMINATOR
    measure(lambda: encode(text), subject="encode-lf", corpus=name, what=what, octets=len(text))


@pytest.mark.parametrize("what", WAYS)
def test_2k_message(measure: Measure, what: str) -> None:
    data, wire = corpora.corpus("mixed", 2048)
    encode = WAYS[what]
    assert encode(data) == wire + corpora.TERMINATOR

    def run() -> None:
        for _ in repeat(None, 1000):
            encode(data)

    measure(run, subject="encode-2k", corpus="mixed", what=what, octets=1000 * len(data), calls=1000)


@pytest.mark.parametrize("subject", ["encode", "encode-lf"])
@pytest.mark.parametrize("name", corpora.NAMES)
def test_copy(measure: Measure, name: str, subject: str) -> None:
    data = corpora.corpus(name).data
    view = memoryview(data if subject == "encode" else data.replace(b"\r", b""))
    assert view.tobytes() == view
    measure(view.tobytes, subject=subject, corpus=name, what="memcpy", octets=len(view))
