"""What goes wrong in a handler written for aiosmtpd: no message is acknowledged that was not taken, nobody is let in."""

from __future__ import annotations

from typing import Any

import pytest
from aiosmtpd.smtp import MISSING
from lonedot.aiosmtpd import AiosmtpdHandler

from tests.support import Client, run, serving
from tests.test_aiosmtpd_handler import adapted

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
