"""What programs set on aiosmtpd's SMTP, its sessions and envelopes holds with lonedot's."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import aiosmtpd.smtp
import pytest

from tests.aiosmtpd_support import (
    BEGUN,
    BOTH,
    CLASSES,
    HELLO,
    MESSAGE,
    OURS,
    SENT,
    TAKEN,
    UPSTREAM,
    Taker,
    converse,
    subclass,
)


@BOTH
def test_of_session_envelope_and_server(of: str) -> None:
    seen: list[Any] = []

    class Handler:
        async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
            session.count = getattr(session, "count", 0) + 1
            server.last = address
            envelope.mail_from, envelope.score = address, 7
            return "250 noted"

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            seen.append((session.count, server.last, envelope.score, server.envelope is envelope))
            envelope.content = None
            return "250 seen"

    converse(CLASSES[of].SMTP, Handler(), HELLO + SENT + SENT)
    assert seen == [(1, "a@b.example", 7, True), (2, "a@b.example", 7, True)]


@BOTH
def test_of_sessions_and_envelopes_of_ones_own(of: str) -> None:
    made: list[Any] = []

    class Envelope(aiosmtpd.smtp.Envelope):
        pass

    class Session(aiosmtpd.smtp.Session):
        pass

    class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
        def _create_session(self) -> Session:
            return Session(self.loop)

        def _create_envelope(self) -> Envelope:
            return Envelope()

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            made.extend((type(session), type(envelope), envelope.content))
            return "250 OK"

    converse(SMTP, Handler(), HELLO + SENT)
    assert made == [Session, Envelope, b"one\r\n"]


@BOTH
def test_command_size_limits(of: str) -> None:
    smtp = CLASSES[of].SMTP
    long = b"NOOP " + b"x" * 700 + b"\r\n"
    too_long = b"500 Command line too long"
    assert converse(smtp, Taker(), HELLO, long)[-1] == too_long
    wide = subclass(smtp, command_size_limit=1000)
    assert converse(wide, Taker(), b"HELO x\r\n", long)[-1] == b"250 OK"
    assert converse(wide, Taker(), HELLO, long)[-1] == too_long
    own = subclass(smtp, command_size_limits=defaultdict(lambda: 1000))
    assert converse(own, Taker(), HELLO, long)[-1] == b"250 OK"


@BOTH
def test_command_size_limit_of_the_class_itself(of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unlike a subclass's, it holds after EHLO too; aiosmtpd's own holds for both."""
    long = b"NOOP " + b"x" * 700 + b"\r\n"
    for smtp in CLASSES[of].SMTP, aiosmtpd.smtp.SMTP:
        with monkeypatch.context() as patched:
            patched.setattr(smtp, "command_size_limit", 1000)
            assert converse(CLASSES[of].SMTP, Taker(), HELLO, long)[-1] == b"250 OK"
            assert converse(CLASSES[of].LMTP, Taker(), b"LHLO x\r\n", long)[-1] == b"250 OK"


@BOTH
def test_line_length_limit(of: str) -> None:
    def says(smtp: Any, octets: int) -> bytes:
        return converse(smtp, Taker(), HELLO, MESSAGE, b"a" * (octets - 2) + b"\r\n.\r\n")[-1]

    smtp = CLASSES[of].SMTP
    assert [says(smtp, octets)[:3] for octets in (1001, 1002, 5000)] == [b"250", b"500", b"500"]
    for limit in 100, 5000:
        other = subclass(smtp, line_length_limit=limit)
        assert [says(other, octets)[:3] for octets in (limit, limit + 1)] == [b"250", b"500"]

    class Late(smtp):  # type: ignore[misc,valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.line_length_limit = 100

    assert [says(Late, octets)[:3] for octets in (100, 101)] == [b"250", b"500"]


@BOTH
def test_data_size_limit_and_others_set_by_a_hook(of: str) -> None:
    class Handler(Taker):
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _: Any) -> str:
            server.data_size_limit, server._decode_data = 5, True
            envelope.rcpt_tos.append(address)
            return "250 OK"

    handler = Handler()
    said = converse(CLASSES[of].SMTP, handler, HELLO, SENT, MESSAGE + b"four\r\n.\r\n")
    assert said[-1] == b"552 Error: Too much mail data"
    assert handler.contents == ["one\r\n"]


@BOTH
@pytest.mark.parametrize("limit", [0, -1, -1001])
def test_a_line_length_limit_that_fits_nothing(of: str, limit: int) -> None:
    class Handler(Taker):
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _: Any) -> str:
            server.line_length_limit = limit
            envelope.rcpt_tos.append(address)
            return "250 OK"

    said = converse(CLASSES[of].SMTP, Handler(), HELLO, MESSAGE + b"\r\n.\r\n" + MESSAGE + b".\r\n")
    assert said[4:] == [*BEGUN, b"500 Line too long (see RFC5321 4.5.3.1.6)", *TAKEN]


def test_a_line_length_limit_that_is_raised_later() -> None:
    """Meant to differ: with aiosmtpd the reader has been made, and keeps to the old one."""

    class Handler(Taker):
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _: Any) -> str:
            server.line_length_limit = 5000
            envelope.rcpt_tos.append(address)
            return "250 OK"

    wire = MESSAGE + b"a" * 4998 + b"\r\n.\r\n"
    assert converse(UPSTREAM.SMTP, Handler(), HELLO, wire)[-1][:3] == b"500"
    assert converse(OURS.SMTP, Handler(), HELLO, wire)[-1] == b"250 taken"
