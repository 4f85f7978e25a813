"""A status of aiosmtpd's, read as replies."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from lonedot import Reply
from lonedot.aiosmtpd.status import replies, reply


@pytest.mark.parametrize(
    ("status", "read"),
    [
        ("250 OK", [(250, None, "OK")]),
        ("250", [(250, None, "")]),
        ("250 ", [(250, None, "")]),
        ("250 OK\r\n", [(250, None, "OK")]),
        (b"221 Bye", [(221, None, "Bye")]),
        ("550 5.1.1 nobody", [(550, "5.1.1", "nobody")]),
        ("550 5.1.1", [(550, "5.1.1", "")]),
        ("550 4.1.1 of another class", [(550, None, "4.1.1 of another class")]),
        ("550 5.1 text", [(550, None, "5.1 text")]),
        ("550 5.07.1 no", [(550, None, "5.07.1 no")]),
        ("571 5.7.1 not delivered", [(550, "5.7.1", "not delivered")]),
        ("499 later", [(450, None, "later")]),
        ("250-one\r\n250 two", [(250, None, "one\ntwo")]),
        ("250-2.0.0 one\n250-2.0.0\n250 2.0.0 three", [(250, "2.0.0", "one\n\nthree")]),
        ("250 OK\r\n550 5.2.2 full\r\n", [(250, None, "OK"), (550, "5.2.2", "full")]),
        ("250 grüße\x00\tthere", [(250, None, "gr??e?\tthere")]),
        (b"250 gr\xc3\xbc\xff", [(250, None, "gr??")]),
        ("250 two\rlines", [(250, None, "two?lines")]),
    ],
)
def test_it_is_read(status: Any, read: list[tuple[Any, ...]]) -> None:
    assert replies(status) == tuple(Reply(*fields) for fields in read)
    if len(read) == 1:
        assert reply(status) == Reply(*read[0])
    else:
        with pytest.raises(ValueError, match="one reply is to be given, not 2"):
            reply(status)


@pytest.mark.parametrize("status", ["", "OK", "25 OK", "250OK", "150 no", "699 no", "250-on and on", "250 OK\r\n\r\nx"])
def test_what_is_none_is_refused(status: str) -> None:
    with pytest.raises(ValueError):
        replies(status)


@pytest.mark.parametrize("status", [None, 250, Reply(250), ["250 OK"], bytearray(b"250 OK"), {}])
def test_what_is_no_text_is_refused(status: Any) -> None:
    with pytest.raises(TypeError, match="gives a status such as '250 OK'"):
        replies(status)


def test_long_statuses_are_not_remembered() -> None:
    tracemalloc.start()
    try:
        for number in range(300):
            reply(f"550 {'x' * 100_000}{number}")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
