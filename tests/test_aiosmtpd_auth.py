"""AUTH for handlers written for aiosmtpd, on lonedot's own server: authenticators, callbacks, own mechanisms."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiosmtpd.smtp import MISSING, AuthResult, Envelope, LoginPassword, Session, auth_mechanism
from lonedot import TLS, Config, Server
from lonedot.aiosmtpd import AiosmtpdHandler

from tests.support import LOOPS, Client, run, serving, until


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


PLAIN = f"AUTH PLAIN {encoded(chr(0) + 'ann' + chr(0) + 'sesame')}"
WRONG = f"AUTH PLAIN {encoded(chr(0) + 'ann' + chr(0) + 'open')}"


class Handler:
    """Remembers what is true of a client that sends a message."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        self.seen.append((session.authenticated, session.auth_data, session._login_data, server.connection.auth))
        return "250 OK"


def lets_ann_in(server: Any, session: Session, envelope: Envelope, mechanism: str, auth_data: Any) -> AuthResult:
    assert isinstance(auth_data, LoginPassword)
    assert session.host_name == "there.example"
    if auth_data.password == b"later":
        return AuthResult(success=False, handled=False, message="454 4.7.0 the directory is away")
    return AuthResult(success=auth_data == (b"ann", b"sesame"), auth_data={"who": auth_data.login, "how": mechanism})


@asynccontextmanager
async def client_of(handler: Any, **options: Any) -> AsyncIterator[Client]:
    """A client that has said EHLO to a server that offers AUTH in the clear."""
    adapter = AiosmtpdHandler(handler, auth_require_tls=False, **options)
    async with serving(adapter) as server, Client.to(server) as client:
        client.send(b"EHLO there.example\r\n")
        lines = await client.reply()
        offered = [line[4:] for line in lines if line[4:].startswith("AUTH")]
        cast(Any, client).offered = offered[0] if offered else None
        yield client


async def send(client: Client) -> None:
    await client.say("MAIL FROM:<a@example.org>", 250)
    await client.say("RCPT TO:<b@example.org>", 250)
    await client.say("DATA", 354)
    client.send(b"x\r\n.\r\n")
    await client.expect(250)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_authenticator_is_behind_plain_and_login(asynchronous: bool, loop: str) -> None:
    handler = Handler()

    async def later(*arguments: Any) -> AuthResult:
        await asyncio.sleep(0)
        return lets_ann_in(*arguments)

    async def main() -> None:
        options = {"authenticator": later if asynchronous else lets_ann_in, "auth_required": True}
        async with client_of(handler, **options) as client:
            assert cast(Any, client).offered == "AUTH PLAIN LOGIN"
            await client.say("MAIL FROM:<a@example.org>", 530)
            await client.say(WRONG, 535)
            assert await client.say(f"AUTH PLAIN {encoded(chr(0) + 'ann' + chr(0) + 'later')}", 454) == (
                "454 4.7.0 the directory is away"
            )
            await client.say("AUTH LOGIN", 334)
            await client.say(encoded("ann"), 334)
            await client.say("*", 501)
            await client.say("AUTH LOGIN", 334)
            await client.say(encoded("ann"), 334)
            await client.say(encoded("sesame"), 235)
            await client.say(PLAIN, 503)
            await send(client)

    run(main(), loop)
    ((authenticated, auth_data, login, identity),) = handler.seen
    assert authenticated is True
    assert auth_data == {"who": b"ann", "how": "LOGIN"}
    assert login == b"ann"
    assert (identity.name, identity.mechanism) == ("ann", "LOGIN")


def test_the_authenticator_may_be_the_handlers() -> None:
    class Own(Handler):
        def authenticator(self, *arguments: Any) -> AuthResult:
            return lets_ann_in(*arguments)

    handler = Own()

    async def main() -> None:
        async with client_of(handler) as client:
            await client.say(PLAIN, 235)
            await send(client)

    run(main())
    assert handler.seen[0][0] is True


def test_a_callback() -> None:
    handler = Handler()

    def callback(mechanism: str, login: bytes, password: bytes) -> bool:
        return (mechanism, login, password) == ("PLAIN", b"ann", b"sesame")

    async def main() -> None:
        async with client_of(handler, auth_callback=callback, auth_exclude_mechanism=["LOGIN"]) as client:
            assert cast(Any, client).offered == "AUTH PLAIN"
            await client.say("AUTH LOGIN", 504)
            await client.say(WRONG, 535)
            await client.say(PLAIN, 235)
            await send(client)

    run(main())
    assert handler.seen[0][1] == LoginPassword(b"ann", b"sesame")


def test_a_callback_may_be_async() -> None:
    async def callback(mechanism: str, login: bytes, password: bytes) -> bool:
        await asyncio.sleep(0)
        return password == b"sesame"

    async def main() -> None:
        async with client_of(Handler(), auth_callback=callback) as client:
            await client.say(WRONG, 535)
            await client.say(PLAIN, 235)

    run(main())


class Riddles(Handler):
    """Mechanisms of its own."""

    async def auth_RIDDLE(self, server: Any, args: list[str]) -> Any:
        answer = await server.challenge_auth("what has keys and opens no door?") if len(args) == 1 else args[1].encode()
        await asyncio.sleep(0)
        second = await server.challenge_auth(b"and again?")
        return AuthResult(success=(answer, second) == (b"a piano", b"a map"), auth_data=answer, handled=False)

    @auth_mechanism("two-words")
    async def auth_by_another_name(self, server: Any, args: list[str]) -> Any:
        return b"old way"

    async def auth_small(self, server: Any, args: list[str]) -> Any:
        assert args in (["SMALL"], ["SMALL", "="], ["SMALL", "eA=="])
        return AuthResult(success=len(args) == 2 and args[1] == "=")

    async def auth_OLD__FAIL(self, server: Any, args: list[str]) -> Any:
        return MISSING

    async def auth_PUSHES(self, server: Any, args: list[str]) -> Any:
        await server.push("535 5.7.8 not like this")

    async def auth_RAISES(self, server: Any, args: list[str]) -> Any:
        raise ValueError("emases"[::-1])

    async def auth_PLAIN(self, server: Any, args: list[str]) -> Any:
        return AuthResult(success=False, handled=False, message="534 5.7.9 PLAIN is too weak")


def test_mechanisms_of_the_handlers_own(caplog: pytest.LogCaptureFixture) -> None:
    handler = Riddles()

    async def main() -> None:
        async with client_of(handler) as client:
            assert set(cast(Any, client).offered.split()) == {
                *("AUTH", "RIDDLE", "TWO-WORDS", "SMALL", "OLD-FAIL", "PUSHES", "RAISES", "PLAIN")
            }
            assert (await client.say("AUTH RIDDLE", 334)).split()[1] == encoded("what has keys and opens no door?")
            await client.say(encoded("a piano"), 334)
            await client.say(encoded("a mop"), 535)
            await client.say("AUTH RIDDLE", 334)
            await client.say("*", 501)
            await client.say("AUTH RIDDLE", 334)
            await client.say("no base64!", 501)
            await client.say("AUTH OLD-FAIL", 535)
            assert await client.say("AUTH PUSHES", 535) == "535 5.7.8 not like this"
            assert await client.say(PLAIN, 534) == "534 5.7.9 PLAIN is too weak"
            assert "sesame" not in await client.say("AUTH RAISES", 454)
            await client.say("AUTH RIDDLE", 334)
            await client.say(encoded("a piano"), 334)
            await client.say(encoded("a map"), 235)
            await send(client)

    run(main())
    assert handler.seen[0][:2] == (True, b"a piano")
    assert "sesame" not in caplog.text


def test_the_old_way_of_mechanisms() -> None:
    handler = Riddles()

    async def main() -> None:
        async with client_of(handler) as client:
            await client.say("AUTH TWO-WORDS", 235)
            await send(client)

    run(main())
    assert handler.seen[0][2] == b"old way"


class Before(Handler):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []

    async def handle_AUTH(self, server: Any, session: Session, envelope: Envelope, args: list[str]) -> Any:
        self.asked.append(args)
        if len(args) == 1:
            return MISSING
        if args[1] == "AAAA":
            return "235 2.7.0 come in"
        return "535 5.7.8 the hook says no"


def test_handle_auth_is_asked_first() -> None:
    handler = Before()

    async def main() -> None:
        async with client_of(handler, authenticator=lets_ann_in) as client:
            assert await client.say(PLAIN, 535) == "535 5.7.8 the hook says no"
            await client.say("AUTH PLAIN", 334)
            await client.say(encoded("\0ann\0wrong"), 535)
            await client.say("AUTH PLAIN AAAA", 235)
            await send(client)

    run(main())
    assert handler.asked == [["PLAIN", PLAIN.split()[2]], ["PLAIN"], ["PLAIN", "AAAA"]]
    assert handler.seen[0][0] is True


def test_without_anything_to_check_auth_is_not_offered() -> None:
    async def main() -> None:
        async with client_of(Handler()) as client:
            assert cast(Any, client).offered is None
            await client.say(PLAIN, 502)

    run(main())
    with pytest.raises(ValueError, match="auth_required takes an authenticator"):
        AiosmtpdHandler(Handler(), auth_required=True)


def test_the_configurations_authenticator_comes_first() -> None:
    from lonedot import Authenticator

    class Nobody:
        def check_password(self, connection: Any, name: str, password: str) -> bool:
            return False

    adapter = AiosmtpdHandler(Handler(), authenticator=lets_ann_in)
    mine = Authenticator(Nobody())
    assert Server(adapter, Config(auth=mine)).config.auth is mine
    assert Server(adapter, Config()).config.auth is adapter.auth


@pytest.mark.parametrize("secure", [True, False])
def test_handle_starttls_and_the_session_behind_it(tls: TLS, context: ssl.SSLContext, secure: bool) -> None:
    seen: list[tuple[Any, ...]] = []

    class Secured(Handler):
        def handle_STARTTLS(self, server: Any, session: Session, envelope: Envelope) -> bool:
            seen.append((session.host_name, session.ssl is not None and session.ssl["cipher"][1]))
            return secure

        async def handle_EHLO(
            self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
        ) -> list[str]:
            session.host_name = hostname
            seen.append((hostname, session.ssl is None))
            return responses

    handler = Secured()

    def talk(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.ehlo("there.example")
            assert not client.has_extn("auth")
            client.starttls(context=context)
            code, _ = client.ehlo("there.example")
            assert code == (250 if secure else 554)
            if not secure:
                assert client.mail("a@example.org")[0] == 503
                return
            client.login("ann", "sesame")
            client.sendmail("a@example.org", ["b@example.org"], b"x\r\n")

    async def main() -> None:
        adapter = AiosmtpdHandler(handler, authenticator=lets_ann_in)
        async with serving(adapter, settings={"tls": tls}) as server:
            port = int(server.listeners[0].address.rpartition(":")[2])
            await asyncio.to_thread(talk, port)

    run(main())
    assert seen[:2] == [("there.example", True), (None, "TLSv1.3")]
    assert seen[2:] == ([("there.example", False)] if secure else [])
    assert len(handler.seen) == secure


class Tells(Handler):
    """Says with VRFY what it knows of the client."""

    async def handle_VRFY(self, server: Any, session: Session, envelope: Envelope, address: str) -> str:
        return f"252 {session.authenticated} {session._login_data} {session.host_name} {session.ssl is not None}"


def test_nothing_of_what_was_said_in_the_clear_is_left_behind_tls(tls: TLS, context: ssl.SSLContext) -> None:
    def talk(port: int) -> list[str]:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.ehlo("there.example")
            assert client.docmd(PLAIN)[0] == 235
            said = [client.docmd("VRFY a")]
            client.starttls(context=context)
            said.append(client.docmd("VRFY a"))
            client.ehlo("there.example")
            said.append(client.docmd("VRFY a"))
            return [text.decode() for _, text in said]

    async def main() -> None:
        adapter = AiosmtpdHandler(Tells(), authenticator=lets_ann_in, auth_require_tls=False)
        async with serving(adapter, settings={"tls": tls}) as server:
            port = int(server.listeners[0].address.rpartition(":")[2])
            assert await asyncio.to_thread(talk, port) == [
                "True b'ann' there.example False",
                "None None None True",
                "None None there.example True",
            ]

    run(main())


@pytest.mark.parametrize("says", [False, None, KeyError("said")])
def test_a_handle_starttls_that_does_not_say_yes_lets_nobody_go_on(
    says: Any, tls: TLS, context: ssl.SSLContext
) -> None:
    class Refuses(Tells):
        def handle_STARTTLS(self, server: Any, session: Session, envelope: Envelope) -> Any:
            if isinstance(says, Exception):
                raise says
            return says

        async def handle_QUIT(self, *arguments: Any) -> str:
            return "221 until then"

    def talk(port: int) -> list[int]:
        client = smtplib.SMTP("127.0.0.1", port, timeout=10)
        client.starttls(context=context)
        commands = ("NOOP", "EHLO a.example", "EHLO a.example", "VRFY a", "MAIL FROM:<a@example.org>", "QUIT")
        codes = [client.docmd(command)[0] for command in commands]
        client.close()
        return codes[1:]

    async def main() -> None:
        async with serving(AiosmtpdHandler(Refuses()), settings={"tls": tls}) as server:
            port = int(server.listeners[0].address.rpartition(":")[2])
            first = 451 if isinstance(says, Exception) else 554
            assert await asyncio.to_thread(talk, port) == [first, 554, 554, 503, 221]

    run(main())


def test_a_handle_starttls_that_has_to_be_awaited_is_refused() -> None:
    class Waits(Handler):
        async def handle_STARTTLS(self, *arguments: Any) -> bool:
            await asyncio.sleep(0)
            return False

    with pytest.raises(TypeError, match="handle_STARTTLS is not awaited"):
        AiosmtpdHandler(Waits())


def test_what_one_client_has_proved_another_has_not() -> None:
    async def main() -> None:
        adapter = AiosmtpdHandler(Tells(), authenticator=lets_ann_in, auth_require_tls=False)
        trusted = {"trusted_clients": ("127.0.0.0/8",)}
        async with serving(adapter, settings=trusted) as server, Client.to(server) as client:
            await client.say("EHLO there.example", 250)
            await client.say(PLAIN, 235)
            await client.say("XCLIENT NAME=other.example", 220)
            assert await client.say("VRFY a", 252) == "252 None None None False"
            await client.say("EHLO there.example", 250)
            assert await client.say("VRFY a", 252) == "252 None None there.example False"
            await client.say(PLAIN, 235)
            await client.say("XCLIENT LOGIN=tim", 220)
            await client.say("EHLO other.example", 250)
            assert await client.say("VRFY a", 252) == "252 True b'tim' other.example False"
            await client.say("XCLIENT LOGIN=[UNAVAILABLE]", 220)
            await client.say("EHLO other.example", 250)
            assert await client.say("VRFY a", 252) == "252 None None other.example False"

    run(main())


def test_whom_the_configurations_authenticator_lets_in_is_authenticated() -> None:
    from lonedot import Authenticator

    class Everybody:
        def check_password(self, connection: Any, name: str, password: str) -> bool:
            return True

    handler = Handler()

    async def main() -> None:
        settings = {"auth": Authenticator(Everybody(), dangerously_without_tls=True)}
        async with serving(AiosmtpdHandler(handler), settings=settings) as server, Client.to(server) as client:
            await client.say("EHLO there.example", 250)
            await send(client)
            await client.say(PLAIN, 235)
            await send(client)

    run(main())
    assert [seen[:3] for seen in handler.seen] == [(None, None, None), (True, None, b"ann")]


@pytest.mark.parametrize("status", ["334 YWdhaW4=", "354 go on"])
def test_only_a_positive_status_of_handle_auth_authenticates(status: str) -> None:
    class Handler:
        async def handle_AUTH(self, *arguments: Any) -> str:
            return status

    async def main() -> None:
        async with client_of(Handler(), auth_required=True) as client:
            await client.say(PLAIN, 454)
            await client.say("MAIL FROM:<a@example.org>", 530)

    run(main())


class Borrows(Handler):
    """A mechanism that holds something while the client thinks, and gives it back."""

    def __init__(self, swallows: bool) -> None:
        super().__init__()
        self.lent = 0
        self.swallows = swallows

    async def auth_SLOW(self, server: Any, args: list[str]) -> Any:
        self.lent += 1
        try:
            response = await server.challenge_auth("and?")
            while self.swallows:
                try:
                    response = await server.challenge_auth("and?")
                except asyncio.CancelledError:
                    response = b"no"
        finally:
            await asyncio.sleep(0)
            self.lent -= 1
        return AuthResult(success=response == b"yes", handled=False)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("leaves", ["QUIT", "reset", "close", "cancel"])
def test_a_mechanism_that_a_client_leaves_in_the_middle_is_cancelled(leaves: str, loop: str) -> None:
    handler = Borrows(False)

    async def main() -> None:
        adapter = AiosmtpdHandler(handler, auth_require_tls=False)
        async with serving(adapter) as server:
            async with Client.to(server) as client:
                await client.say("EHLO there.example", 250)
                await client.say("AUTH SLOW", 334)
                assert handler.lent == 1
                if leaves == "reset":
                    client.reset()
                elif leaves == "close":
                    client.writer.close()
                else:
                    await client.say("*", 501)
                    # Begins another, for which the first has to be over.
                    await client.say("AUTH SLOW", 334)
                    assert handler.lent == 1
                    await client.say(encoded("yes"), 235)
                    assert handler.lent == 0
                    if leaves == "QUIT":
                        await client.say("QUIT", 221)
            await until(lambda: handler.lent == 0 and not server.conversations)

    run(main(), loop)


def test_a_mechanism_that_does_not_let_go_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    handler = Borrows(True)

    async def main() -> None:
        adapter = AiosmtpdHandler(handler, auth_require_tls=False)
        async with serving(adapter) as server:
            async with Client.to(server) as client:
                await client.say("EHLO there.example", 250)
                await client.say("AUTH SLOW", 334)
                await client.say(encoded("x"), 334)
                await client.say("*", 501)
                await client.say("AUTH SLOW", 334)
            await until(lambda: not server.conversations)
        assert "an AUTH mechanism that its client has left failed" in caplog.text

    run(main())


def test_a_mechanism_is_offered_in_capitals_and_sees_an_empty_response() -> None:
    async def main() -> None:
        async with client_of(Riddles()) as client:
            await client.say("AUTH SMALL", 535)
            await client.say("AUTH small eA==", 535)
            await client.say("AUTH small =", 235)

    run(main())
