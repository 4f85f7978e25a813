"""AUTH on the running server (RFC 4954): real clients, what they must not do, what the server must not say."""

from __future__ import annotations

import asyncio
import logging
import shutil
import smtplib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lonedot import Authenticator, Reply, Server

from tests.exchanges import NAME, PASSWORD, Known
from tests.support import Client, Recorder, opened, run, serving

PLAIN = b64encode(f"\0{NAME}\0{PASSWORD}".encode()).decode()
WRONG = b64encode(f"\0{NAME}\0guess".encode()).decode()


@asynccontextmanager
async def authenticating(
    handler: object | None = None, credentials: Any = None, *, limits: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[Server]:
    """A server that takes passwords in the clear: its tests are not about TLS."""
    options = {"dangerously_without_tls": True, **options}
    auth = Authenticator(credentials if credentials is not None else Known(), **options)
    settings = {"auth": auth}
    async with serving(handler if handler is not None else Recorder(), settings=settings, **(limits or {})) as server:
        yield server


def port(server: Server) -> int:
    return int(server.listeners[0].address.rpartition(":")[2])


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_smtplib_logs_in_and_sends(mechanism: str) -> None:
    seen = []
    recorder = Recorder(on_message=lambda connection, message: seen.append(connection.auth))

    def client(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, "client.example", timeout=10) as smtp:
            smtp.ehlo()
            smtp.user, smtp.password = NAME, PASSWORD
            code, _ = smtp.auth(mechanism, getattr(smtp, f"auth_{mechanism.lower()}"))
            assert code == 235
            smtp.sendmail("a@example.org", "b@example.org", "Subject: x\r\n\r\nx\r\n")

    async def main() -> None:
        async with authenticating(recorder, required=True) as server:
            await asyncio.to_thread(client, port(server))

    run(main())
    assert [(auth.name, auth.mechanism) for auth in seen] == [(NAME, mechanism)]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_logs_in_and_sends(mechanism: str) -> None:
    swaks = shutil.which("swaks")
    if swaks is None:
        pytest.skip("swaks is not installed")
    recorder = Recorder()

    async def main() -> None:
        async with authenticating(recorder, required=True) as server:
            to = ("--server", f"127.0.0.1:{port(server)}", "--from", "a@example.org", "--to", "b@example.org")
            auth = ("--auth", mechanism, "--auth-user", NAME, "--auth-password")
            for password, code in ((PASSWORD, 0), ("guess", 28)):
                process = await asyncio.create_subprocess_exec(
                    swaks, *to, *auth, password, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
                )
                output, _ = await process.communicate()
                assert process.returncode == code, output.decode()

    run(main())
    assert len(recorder.contents) == 1


def test_it_is_not_offered_in_the_clear_unless_that_was_asked_for() -> None:
    async def main() -> None:
        async with authenticating(dangerously_without_tls=False, required=True) as server, Client.to(server) as client:
            client.send(b"EHLO client.example\r\n")
            assert not any("AUTH" in line for line in await client.reply())
            await client.say(f"AUTH PLAIN {PLAIN}", 538)
            await client.say("MAIL FROM:<a@example.org>", 530)

    run(main())


def test_mail_takes_a_success_where_that_is_required() -> None:
    async def main() -> None:
        async with authenticating(required=True) as server, Client.to(server) as client:
            await client.say("EHLO client.example", 250)
            assert "AUTH first" in await client.say("MAIL FROM:<a@example.org>", 530)
            await client.say(f"AUTH PLAIN {WRONG}", 535)
            await client.say("MAIL FROM:<a@example.org>", 530)
            await client.say("AUTH PLAIN", 334)
            await client.say("*", 501)
            await client.say("AUTH CRAM-MD5", 504)
            await client.say(f"AUTH PLAIN {PLAIN}", 235)
            await client.say(f"AUTH PLAIN {PLAIN}", 503)
            await client.say("MAIL FROM:<a@example.org>", 250)

    run(main())


def test_who_guesses_is_shown_the_door() -> None:
    async def main() -> None:
        async with authenticating(limits={"max_errors": 3}) as server, Client.to(server) as client:
            await client.say("EHLO client.example", 250)
            for _ in range(3):
                await client.say(f"AUTH PLAIN {WRONG}", 535)
            await client.say(f"AUTH PLAIN {WRONG}", 421)
            assert await client.end() == b""

    run(main())


class Stuck:
    """Credentials that take for ever, or fail."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def check_password(self, connection: Any, name: str, password: str) -> bool:
        if isinstance(self.answer, Exception):
            raise self.answer
        await self.answer
        return True


def test_a_check_that_takes_too_long_or_fails_is_454_and_no_success(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []

    async def main() -> None:
        gate = asyncio.Event()
        for answer in (opened(gate), ValueError(PASSWORD)):
            recorder = Recorder(on_disconnect=lambda connection, reason: seen.append(connection.auth))
            limits = {"handler_deadline": 0.2}
            async with authenticating(recorder, Stuck(answer), limits=limits) as server, Client.to(server) as client:
                await client.say("EHLO client.example", 250)
                await client.say(f"AUTH PLAIN {PLAIN}", 454)
                await client.say("NOOP", 250)

    with caplog.at_level(logging.DEBUG):
        run(main())
    assert seen == [None, None]
    assert PASSWORD not in caplog.text
    assert PLAIN not in caplog.text


def test_a_reply_of_the_credentials_is_passed_on() -> None:
    class Closing:
        def check_password(self, connection: Any, name: str, password: str) -> Reply:
            return Reply(421, "4.7.0", "Come back tomorrow")

    async def main() -> None:
        async with authenticating(credentials=Closing()) as server, Client.to(server) as client:
            await client.say("EHLO client.example", 250)
            assert "tomorrow" in await client.say(f"AUTH PLAIN {PLAIN}", 421)
            assert await client.end() == b""

    run(main())


def test_what_is_recorded_of_a_message_names_who_sent_it(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with authenticating() as server, Client.to(server) as client:
            await client.say("EHLO client.example", 250)
            await client.say(f"AUTH PLAIN {PLAIN}", 235)
            client.send(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
            await client.expect(250, 250, 354)
            await client.say("x\r\n.", 250)

    with caplog.at_level(logging.INFO):
        run(main())
    (record,) = [record for record in caplog.records if record.name == "lonedot.mail"]
    assert record.mail["auth"] == NAME  # type: ignore[attr-defined]
