"""Handlers of every form that aiosmtpd takes do with lonedot's classes what they do with aiosmtpd's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import aiosmtpd.smtp
import lonedot.aiosmtpd
import pytest

from tests.aiosmtpd_support import BEGUN, BOTH, BYE, CLASSES, HELLO, MESSAGE, OFFERED, SENT, TAKEN, Taker, converse

MISSING = lonedot.aiosmtpd.MISSING
WARNS = pytest.mark.filterwarnings("ignore:Use handler.handle_:DeprecationWarning")


def test_the_names_are_aiosmtpds() -> None:
    for name in lonedot.aiosmtpd.__all__:
        ours, theirs = getattr(lonedot.aiosmtpd, name), getattr(aiosmtpd.smtp, name, None)
        if name not in ("LMTP", "SMTP") and theirs is not None:
            assert ours is theirs
    for name in "Session", "Envelope", "AuthResult", "LoginPassword", "MISSING", "syntax", "auth_mechanism":
        assert getattr(lonedot.aiosmtpd, name) is getattr(aiosmtpd.smtp, name)
    assert lonedot.aiosmtpd.TLSSetupException is aiosmtpd.smtp.TLSSetupException
    assert issubclass(lonedot.aiosmtpd.SMTP, aiosmtpd.smtp.SMTP)


@BOTH
def test_missing_from_every_hook(of: str) -> None:
    called: list[str] = []

    def hook(name: str) -> Any:
        async def missing(server: Any, session: Any, envelope: Any, *arguments: Any) -> Any:
            called.append(name)
            return MISSING

        return missing

    names = ["HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "VRFY", "AUTH"]
    handler = type("Handler", (), {f"handle_{name}": staticmethod(hook(name)) for name in names})
    wire = HELLO + SENT + b"RSET\r\nNOOP\r\nVRFY a@b.example\r\nHELO y\r\nQUIT\r\n"
    said = converse(CLASSES[of].SMTP, handler(), wire)
    assert said == [
        *OFFERED, *BEGUN, b"250 OK", b"250 OK", b"250 OK",
        b"252 Cannot VRFY user, but will accept message and attempt delivery", b"250 mx.example", BYE,
    ]  # fmt: skip
    assert called == ["MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "HELO", "QUIT"]


@BOTH
def test_no_hooks_at_all(of: str) -> None:
    assert converse(CLASSES[of].SMTP, object(), HELLO + SENT + b"QUIT\r\n") == [*OFFERED, *BEGUN, b"250 OK", BYE]


@BOTH
def test_a_class_instead_of_an_object(of: str) -> None:
    contents: list[Any] = []

    class Handler:
        @staticmethod
        async def handle_RCPT(server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
            envelope.rcpt_tos.append(address.upper())
            return "250 static"

        @classmethod
        async def handle_DATA(cls, server: Any, session: Any, envelope: Any) -> str:
            contents.append((cls, envelope.rcpt_tos, envelope.content))
            return "250 of the class"

    said = converse(CLASSES[of].SMTP, Handler, HELLO + SENT)
    assert said[-4:] == [b"250 OK", b"250 static", BEGUN[-1], b"250 of the class"]
    assert contents == [(Handler, ["C@D.EXAMPLE"], b"one\r\n")]


@BOTH
def test_functions_in_a_namespace(of: str) -> None:
    async def handle_DATA(server: Any, session: Any, envelope: Any) -> bytes:
        return b"250 %b" % envelope.content.strip()

    assert converse(CLASSES[of].SMTP, SimpleNamespace(handle_DATA=handle_DATA), HELLO + SENT)[-1] == b"250 one"


@BOTH
def test_the_server_as_its_own_handler(of: str) -> None:
    class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
        def __init__(self, handler: Any, **options: Any) -> None:
            super().__init__(self, **options)

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            return f"250 {server is self}"

    assert converse(SMTP, None, HELLO + SENT)[-1] == b"250 True"


@BOTH
class TestEhlo:
    def test_with_the_list_of_responses(self, of: str) -> None:
        class Handler(Taker):
            async def handle_EHLO(
                self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
            ) -> list[str]:
                session.host_name = hostname
                return [*responses[:-1], "250-XCLIENT", responses[-1]]

        assert converse(CLASSES[of].SMTP, Handler(), HELLO + SENT) == [
            *OFFERED[:-1],
            b"250-XCLIENT",
            b"250 HELP",
            *TAKEN,
        ]

    def test_with_the_name_alone(self, of: str) -> None:
        class Handler(Taker):
            async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str) -> str:
                session.host_name = hostname
                return "250 you are " + hostname

        with pytest.warns(DeprecationWarning, match="5-argument"):
            said = converse(CLASSES[of].SMTP, Handler(), HELLO + SENT)
        assert said == [*OFFERED[:-1], b"250 you are x", *TAKEN]

    def test_with_neither(self, of: str) -> None:
        class Handler:
            async def handle_EHLO(self, server: Any) -> str:
                return "250 no"

        with pytest.raises(RuntimeError, match="Unsupported EHLO Hook"):
            converse(CLASSES[of].SMTP, Handler(), HELLO)


@BOTH
class TestProcessMessage:
    """What handlers written for smtpd have."""

    @pytest.mark.parametrize(("status", "said"), [(None, b"250 OK"), ("250 kept", b"250 kept"), ("554 no", b"554 no")])
    @pytest.mark.parametrize("awaited", [False, True])
    def test_is_called(self, of: str, awaited: bool, status: str | None, said: bytes) -> None:
        calls: list[tuple[Any, ...]] = []

        class Sync:
            def process_message(self, *arguments: Any) -> str | None:
                calls.append(arguments)
                return status

        class Async:
            async def process_message(self, *arguments: Any) -> str | None:
                calls.append(arguments)
                return status

        handler: Any = Async() if awaited else Sync()
        with pytest.warns(DeprecationWarning, match="instead of .process_message"):
            assert converse(CLASSES[of].SMTP, handler, HELLO + SENT, decode_data=True)[-1] == said
        assert calls == [(("127.0.0.1", 40_000), "a@b.example", ["c@d.example"], "one\r\n")]

    def test_is_not_called_beside_handle_data(self, of: str) -> None:
        class Handler(Taker):
            def process_message(self, *arguments: Any) -> str:
                raise AssertionError

        assert converse(CLASSES[of].SMTP, Handler(), HELLO + SENT)[-1] == b"250 taken"

    @WARNS
    def test_hooks_of_the_server(self, of: str) -> None:
        steps: list[str] = []

        class SMTP(CLASSES[of].SMTP):  # type: ignore[misc]
            async def ehlo_hook(self) -> None:
                await self.push("250-X-FIRST")

            async def rset_hook(self) -> None:
                steps.append("RSET")

        assert converse(SMTP, Taker(), HELLO + SENT + b"RSET\r\n") == [b"250-X-FIRST", *OFFERED, *TAKEN, b"250 OK"]
        assert steps == ["RSET"]


@BOTH
class TestRaising:
    def test_with_nobody_to_handle_it(self, of: str) -> None:
        class Handler:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
                raise ValueError("not today")

        said = converse(CLASSES[of].SMTP, Handler(), HELLO + SENT + b"NOOP\r\n")
        assert said[-2:] == [b"500 Error: (ValueError) not today", b"250 OK"]

    def test_in_the_handler_of_exceptions(self, of: str) -> None:
        class Handler:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
                raise ValueError("not today")

            async def handle_exception(self, error: Exception) -> str:
                raise KeyError("worse")

        said = converse(CLASSES[of].SMTP, Handler(), HELLO + SENT)
        assert said[-1] == b"500 Error: (KeyError) 'worse'"

    def test_a_status_that_is_none(self, of: str) -> None:
        class Handler:
            async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> None:
                return None

        said = converse(CLASSES[of].SMTP, Handler(), HELLO + SENT)
        assert said[-1].startswith(b"500 Error: (AssertionError)")


@BOTH
def test_text_for_those_who_ask_for_it(of: str) -> None:
    eight_bit = MESSAGE + "ü".encode() + b"\xff\r\n.\r\n"
    strict, lenient = Taker(), Taker()
    said = converse(CLASSES[of].SMTP, strict, HELLO, eight_bit + b"DATA\r\nagain\r\n.\r\n", decode_data=True)
    assert said[-3:] == [b"500 Error: strict ASCII mode", BEGUN[-1], b"250 taken"]
    assert strict.contents == ["again\r\n"]
    converse(CLASSES[of].SMTP, lenient, HELLO, eight_bit, decode_data=True, enable_SMTPUTF8=True)
    assert lenient.contents == ["ü\udcff\r\n"]
