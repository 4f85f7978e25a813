"""XCLIENT and XFORWARD on the running server, from trusted clients and from others."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from lonedot import Authenticator, Policies

from tests.exchanges import Known
from tests.support import Client, Recorder, run, serving

TRUSTED = ("127.0.0.0/8",)


async def offers(client: Client) -> set[str]:
    client.send(b"EHLO client.example\r\n")
    return {line[4:].partition(" ")[0] for line in await client.reply()}


def test_who_is_not_trusted_may_not(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        settings = {"trusted_clients": ("192.0.2.0/24", "unix")}
        async with serving(Recorder(), settings=settings) as server, Client.to(server) as client:
            assert not {"XCLIENT", "XFORWARD"} & await offers(client)
            await client.say("XCLIENT ADDR=192.0.2.1", 502)
            await client.say("XFORWARD ADDR=192.0.2.1", 502)

    run(main())


def test_a_trusted_client_speaks_for_another(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []
    recorder = Recorder(
        on_message=lambda connection, message: seen.append((connection.peer, connection.auth, connection.xclient))
    )

    async def main() -> None:
        auth = Authenticator(Known(), required=True, dangerously_without_tls=True)
        settings = {"trusted_clients": TRUSTED, "auth": auth}
        async with serving(recorder, settings=settings) as server, Client.to(server) as client:
            assert {"XCLIENT", "XFORWARD"} <= await offers(client)
            await client.say("XCLIENT ADDR=IPV6:2001:db8::7 PORT=2000 NAME=[UNAVAILABLE] LOGIN=tim", 220)
            # The session begins anew: what it speaks for has not said EHLO.
            await client.say("MAIL FROM:<a@example.org>", 503)
            await client.until_mail_data()
            await client.say("x\r\n.", 250)
            await client.say("MAIL FROM:<a@example.org>", 250)
            await client.say("XCLIENT ADDR=192.0.2.1", 503)
            await client.say("RSET", 250)
            await client.say("XCLIENT ADDR=192.0.2.1", 220)
            await client.say("EHLO client.example", 250)
            await client.say("MAIL FROM:<a@example.org>", 530)
            await client.say("XCLIENT ADDR=localhost", 501)

    with caplog.at_level(logging.INFO):
        run(main())
    ((peer, auth, xclient),) = seen
    assert (peer.host, peer.port, auth.name, auth.mechanism) == ("2001:db8::7", 2000, "tim", "XCLIENT")
    assert xclient == {"ADDR": "2001:db8::7", "PORT": "2000", "NAME": None, "LOGIN": "tim"} | {"ADDR": "192.0.2.1"}
    (record,) = [record for record in caplog.records if record.name == "lonedot.mail"]
    assert record.mail["peer"] == "[2001:db8::7]:2000"  # type: ignore[attr-defined]


def test_what_is_forwarded_is_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        # The policies of its network hold for a trusted client too.
        settings = {"trusted_clients": TRUSTED, "networks": {"127.0.0.1": Policies(nul="keep")}}
        async with serving(Recorder(), settings=settings) as server, Client.to(server) as client:
            await client.say("EHLO client.example", 250)
            await client.say("XFORWARD NAME=a.example ADDR=192.0.2.9", 250)
            await client.say("XFORWARD SOURCE=REMOTE IDENT=[UNAVAILABLE]", 250)
            client.send(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
            await client.expect(250, 250, 354)
            await client.say("x\0\r\n.", 250)

    with caplog.at_level(logging.INFO):
        run(main())
    (record,) = [record for record in caplog.records if record.name == "lonedot.mail"]
    assert record.mail["client"] == "192.0.2.9"  # type: ignore[attr-defined]
    assert record.mail["peer"].startswith("127.0.0.1:")  # type: ignore[attr-defined]
