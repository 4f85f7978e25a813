"""What goes wrong in a handler written for aiosmtpd: nothing is acknowledged that was not taken, nobody is let in."""

from __future__ import annotations

from typing import Any

import pytest
from aiosmtpd.smtp import MISSING
from lonedot.aiosmtpd import AiosmtpdHandler

from tests.support import Client, run, serving
from tests.test_aiosmtpd_handler import BOTH, Served, adapted

PROXY = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"


class Fails:
    """Every hook raises; `handle_exception` says what it was made with."""

    def __init__(self, says: Any) -> None:
        self.says = says

    async def handle_exception(self, error: Exception) -> Any:
        return self.says


@pytest.mark.filterwarnings("ignore:Use handler.handle_DATA")
@pytest.mark.parametrize("says", [None, MISSING, True, "OK"])
@pytest.mark.parametrize("hook", ["handle_DATA", "process_message"])
def test_a_handle_exception_that_says_nothing_acknowledges_nothing(
    hook: str, says: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*arguments: Any) -> Any:
        raise OSError("the disk is full")

    handler = Fails(says)
    setattr(handler, hook, fails)

    async def main() -> None:
        async with adapted(handler) as client:
            await client.until_mail_data()
            client.send(b"x\r\n.\r\n")
            await client.expect(451)

    run(main())
    if says is None or says is MISSING:
        assert "the disk is full" in caplog.text


@pytest.mark.parametrize("says", [None, "500 no", "250 OK"])
def test_a_handle_proxy_that_raises_lets_nobody_in(says: Any) -> None:
    class Handler(Fails):
        async def handle_PROXY(self, *arguments: Any) -> bool:
            raise KeyError("192.0.2.7")

    async def main() -> None:
        trusted = {"trusted_proxies": ("127.0.0.0/8",)}
        async with (
            serving(AiosmtpdHandler(Handler(says)), settings=trusted) as server,
            Client.to(server, greeting=None) as client,
        ):
            client.send(PROXY)
            await client.expect(451)

    run(main())


class Delivers:
    """Over LMTP: keeps recipients as it likes them, drops `nobody`; says what it was made with."""

    def __init__(self, says: str) -> None:
        self.says = says

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if not address.startswith("nobody"):
            envelope.rcpt_tos.append(address.lower())
        return "250 OK"

    async def handle_DATA(self, *arguments: Any) -> str:
        return self.says


@pytest.mark.parametrize(
    ("recipients", "says", "codes"),
    [
        # Kept under another name.
        (["Ann@a.example", "bob@a.example"], "452 full\r\n250 OK", [452, 250]),
        (["bob@a.example", "Ann@a.example"], "250 OK\r\n452 full", [250, 452]),
        # Named twice.
        (["ann@a.example", "ann@a.example"], "250 OK\r\n452 not again", [250, 452]),
        # Accepted and dropped: answered as accepted, or with the rest.
        (["nobody@a.example", "ann@a.example", "bob@a.example"], "452 full\r\n250 OK", [250, 452, 250]),
        (["ann@a.example", "nobody@a.example", "ann@a.example"], "452 full\r\n250 OK", [452, 250, 250]),
        (["nobody@a.example", "ann@a.example"], "250 dropped\r\n452 full", [250, 452]),
        # Whose is whose cannot be told.
        (["nobody@a.example", "Ann@a.example", "bob@a.example"], "452 full\r\n250 OK", [451, 451, 451]),
    ],
)
def test_over_lmtp_no_recipient_has_another_ones_status(recipients: list[str], says: str, codes: list[int]) -> None:
    async def main() -> None:
        async with (
            serving(AiosmtpdHandler(Delivers(says)), dialect="lmtp") as server,
            Client.to(server) as client,
        ):
            await client.say("LHLO there.example", 250)
            await client.say("MAIL FROM:<a@example.org>", 250)
            for recipient in recipients:
                await client.say(f"RCPT TO:<{recipient}>", 250)
            await client.say("DATA", 354)
            client.send(b"x\r\n.\r\n")
            await client.expect(*codes)

    run(main())


@BOTH
def test_the_envelope_of_the_message_is_the_servers_until_its_reply(served: Served) -> None:
    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            assert server.envelope is envelope
            envelope.of_mine = "the first"
            if envelope.content == b"raise\r\n":
                raise KeyError("said")
            return "250 OK"

        async def handle_VRFY(self, server: Any, session: Any, envelope: Any, address: str) -> str:
            assert server.envelope is envelope
            return f"252 {envelope.mail_from} {envelope.content} {hasattr(envelope, 'of_mine')}"

    async def main() -> None:
        async with served(Handler()) as client:
            # aiosmtpd itself leaves a transaction open whose hook has raised.
            for content, code in ((b"x", 250), (b"raise", 451))[: 1 + (served is adapted)]:
                await client.until_mail_data()
                client.send(content + b"\r\n.\r\n")
                await client.expect(code)
                assert await client.say("VRFY a@example.org", 252) == "252 None None False"

    run(main())


@BOTH
def test_what_was_refused_leaves_nothing_in_the_envelope(served: Served) -> None:
    class Handler:
        async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
            if address.startswith("later"):
                return "451 later"
            envelope.mail_from = address
            return f"250 {envelope.smtp_utf8} {envelope.mail_options} {envelope.rcpt_tos}"

    async def main() -> None:
        async with served(Handler()) as client:
            await client.say("EHLO there.example", 250)
            await client.say("MAIL FROM:<later@example.org> SMTPUTF8", 451)
            assert await client.say("MAIL FROM:<a@example.org>", 250) == "250 False [] []"
            await client.say("RCPT TO:<b@example.org>", 250)
            await client.say("RSET", 250)
            assert await client.say("MAIL FROM:<a@example.org>", 250) == "250 False [] []"

    run(main())


@pytest.mark.parametrize("ends", ["250 OK", KeyError("said")])
def test_what_a_hook_has_pushed_is_not_said_for_another(ends: Any) -> None:
    class Handler:
        async def handle_NOOP(self, server: Any, *arguments: Any) -> str:
            await server.push("250 pushed")
            if isinstance(ends, Exception):
                raise ends
            return str(ends)

        async def handle_VRFY(self, *arguments: Any) -> None:
            return None

    async def main() -> None:
        async with adapted(Handler()) as client:
            await client.say("NOOP", 451 if isinstance(ends, Exception) else 250)
            await client.say("VRFY a@example.org", 451)

    run(main())
