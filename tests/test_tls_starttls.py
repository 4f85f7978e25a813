"""STARTTLS (RFC 3207): TLS in a connection that began in plain text, and that nothing said before it lives on."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from lonedot import TLS, Config, Connection, Peer, Server

from tests.support import ENVELOPE, LOOPS, Client, Recorder, opened, run, until
from tests.tls_support import NAME, Authority, ClientTls, TlsClient, accept, connect, serving

SOON = 0.2

INJECTED = b"RSET\r\nMAIL FROM:<injected@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\ninjected\r\n.\r\nNO"


@asynccontextmanager
async def upgraded(server: Server, context: ssl.SSLContext, hello: str = "EHLO x.example") -> AsyncIterator[TlsClient]:
    """A client that greets, says STARTTLS and shakes hands."""
    async with Client.to(server) as plain:
        await plain.say(hello, 250)
        await plain.say("STARTTLS", 220)
        client = TlsClient(plain._reader, plain.writer, ClientTls(context))
        await client.shake()
        await client.say("NOOP", 250)  # and no other reply comes: in TLS 1.3 a client is done before the server is
        try:
            yield client
        finally:
            assert client._reading is not None
            client._reading.cancel()


@pytest.mark.parametrize("loop", LOOPS)
class TestUpgrade:
    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_smtplib(self, loop: str, awaits: bool, tls: TLS, context: ssl.SSLContext) -> None:
        infos: list[Any] = []
        handler = Recorder(
            awaits=awaits,
            on_hello=None,
            on_message=lambda connection, _: infos.append(connection.tls),
            on_disconnect=None,
        )
        message = b"%098d\r\n" % 7 * 20_000

        def send(port: int) -> None:
            with smtplib.SMTP("127.0.0.1", port) as client:
                client.ehlo()
                assert client.has_extn("starttls")
                client.starttls(context=context)
                client.ehlo()
                assert not client.has_extn("starttls")
                assert client.docmd("STARTTLS")[0] == 503
                for octets in (b"x", message):
                    client.sendmail("a@example.org", ["b@example.org"], octets)

        async def main() -> None:
            async with serving(handler, tls, use="starttls") as server:
                await asyncio.to_thread(send, int(server.listeners[0].address.rpartition(":")[2]))
                await until(lambda: not server.conversations)

        run(main(), loop)
        assert handler.contents == [b"x\r\n", message]
        assert [info.version for info in infos] == ["TLSv1.3"] * 2
        assert handler.of("on_disconnect") == ["quit"]

    def test_the_session_begins_anew_and_the_connection_goes_on(
        self, loop: str, tls: TLS, context: ssl.SSLContext
    ) -> None:
        connections: list[Connection] = []

        def on_connect(connection: Connection) -> None:
            connections.append(connection)
            connection.state["mine"] = 1
            connection.auth = object()  # type: ignore[assignment,unused-ignore]

        handler = Recorder(on_connect=on_connect)

        async def main() -> None:
            async with (
                serving(handler, tls, use="starttls", command_timeout=400) as server,
                upgraded(server, context) as client,
            ):
                (connection,) = connections
                assert (connection.hello, connection.auth) == (None, None)
                assert connection.state == {"mine": 1}
                assert connection.tls is not None and connection.tls.server_name == NAME
                (conversation,) = server.conversations
                assert conversation.deadline - server.clock.now > server.handshake_ticks
                # No EHLO that counts.
                await client.say("MAIL FROM:<a@example.org>", 503)
                await client.until_mail_data()
                client.send(b"body\r\n.\r\nQUIT\r\n")
                await client.expect(250, 221)
                assert await client.end() == b""
                assert client.tls.closed

        run(main(), loop)
        assert handler.contents == [b"body\r\n"]
        assert len(connections) == 1

    def test_lmtp(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        handler = Recorder()

        async def main() -> None:
            async with (
                serving(handler, tls, use="starttls", dialect="lmtp") as server,
                upgraded(server, context, "LHLO x.example") as client,
            ):
                await client.until_mail_data("LHLO x.example")
                client.send(b"body\r\n.\r\n")
                await client.expect(250)

        run(main(), loop)
        assert handler.contents == [b"body\r\n"]

    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_last_of_a_group(self, loop: str, awaits: bool, tls: TLS, context: ssl.SSLContext) -> None:
        """RFC 2920 §3.1 lets it be; a task may be at work when it comes."""
        handler = Recorder(awaits=awaits, on_hello=None, on_mail=None)

        async def main() -> None:
            async with serving(handler, tls, use="starttls") as server, Client.to(server) as plain:
                await plain.say("EHLO x.example", 250)
                plain.send(b"NOOP\r\nRSET\r\nSTARTTLS\r\n")
                await plain.expect(250, 250, 220)
                client = TlsClient(plain._reader, plain.writer, ClientTls(context))
                await client.shake()
                await client.say("EHLO x.example", 250)
                assert client._reading is not None
                client._reading.cancel()

        run(main(), loop)

    def test_after_replies_that_the_client_reads_late(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        """The handshake waits behind them, and so does reading."""

        async def main() -> None:
            async with serving(Recorder(), tls, use="starttls") as server, Client.to(server) as plain:
                (conversation,) = server.conversations
                plain.writer.transport.pause_reading()  # type: ignore[attr-defined]
                count = 60_000
                plain.send(b"EHLO x.example\r\n" + b"HELP\r\n" * count + b"STARTTLS\r\n")
                await until(lambda: conversation._blocked)
                plain.writer.transport.resume_reading()  # type: ignore[attr-defined]
                await plain.expect(250, *[214] * count, 220)
                client = TlsClient(plain._reader, plain.writer, ClientTls(context))
                await client.shake()
                await client.say("EHLO x.example", 250)
                assert client._reading is not None
                client._reading.cancel()

        run(main(), loop)

    def test_a_renewed_certificate_is_for_handshakes_to_come(
        self, loop: str, tls: TLS, context: ssl.SSLContext, tmp_path: Any
    ) -> None:
        other = Authority()

        async def main() -> None:
            async with serving(Recorder(), tls, use="starttls") as server, upgraded(server, context) as held:
                server.set_tls(TLS(other.write(tmp_path / "other.pem")))
                async with upgraded(server, other.trusted()) as client:
                    await client.say("NOOP", 250)
                await held.say("NOOP", 250)

        run(main(), loop)

    @pytest.mark.parametrize("extensions", [None, frozenset({"SIZE"})])
    def test_not_offered(self, loop: str, extensions: frozenset[str] | None, tls: TLS, context: ssl.SSLContext) -> None:
        async def main() -> None:
            server = Server(Recorder(), Config(hostname=NAME, tls=tls, extensions=extensions))
            await server.listen("127.0.0.1:0", tls=None if extensions is None else "starttls")
            async with Client.to(server) as client:
                client.send(b"EHLO x.example\r\n")
                assert not [line for line in await client.reply() if "STARTTLS" in line]
                assert (await client.say("STARTTLS", 502)).startswith("502 ")
                await client.say("NOOP", 250)
            await server.stop(0)

        run(main(), loop)


class TestInjection:
    """What comes in one segment with STARTTLS was said by anybody (CVE-2011-0411)."""

    GROUP = b"EHLO x.example\r\nSTARTTLS\r\n"

    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_at_every_split(self, awaits: bool, tls: TLS, context: ssl.SSLContext) -> None:
        """What comes with STARTTLS is dropped. What comes later, and is no TLS, ends the connection, as soon as there
        is enough to tell by. Behind TLS the half command is not completed."""
        handler = Recorder(awaits=awaits, on_hello=None, on_mail=None, on_disconnect=None)
        octets = self.GROUP + INJECTED

        async def converse(server: Server, split: int) -> None:
            wire, conversation = accept(server)
            for piece in filter(None, (octets[:split], octets[split:])):
                await until(lambda: wire.reading or wire.closing)
                if not wire.closing:
                    wire.give(piece)
                await until(lambda: conversation._task is None)
            said = wire.take()
            assert said.count(b"\r\n220 ") == 1
            assert said.endswith(b"Ready to start TLS\r\n") or said[-7:-5] == b"\x15\x03"  # an alert
            if split < len(self.GROUP):
                assert not wire.closing
                client = ClientTls(context)
                hello, done = client.shake()
                while not done:
                    wire.give(hello)
                    hello, done = client.shake(wire.take())
                wire.give(hello + client.encrypt(b"OP\r\nNOOP\r\n"))
                assert [line[:3] for line in client.decrypt(wire.take()).splitlines()] == [b"500", b"250"]
                assert conversation._application.connection.hello is None
            wire.close()
            await until(lambda: conversation not in server.conversations)

        async def main() -> None:
            async with serving(handler, tls, use="starttls") as server:
                for split in range(1, len(octets)):
                    await converse(server, split)

        run(main())
        assert handler.of("on_mail") == []
        assert handler.contents == []
        ends = handler.of("on_disconnect")
        assert set(ends) == {"eof", "tls"}
        assert ends.count("tls") == len(INJECTED) - 4  # a record's header is of five octets

    @pytest.mark.parametrize("loop", LOOPS)
    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_on_a_socket(self, loop: str, awaits: bool, tls: TLS, context: ssl.SSLContext) -> None:
        handler = Recorder(awaits=awaits, on_hello=None, on_mail=None)

        async def main() -> None:
            async with serving(handler, tls, use="starttls") as server, Client.to(server) as plain:
                plain.send(self.GROUP + INJECTED)
                await plain.expect(250, 220)
                client = TlsClient(plain._reader, plain.writer, ClientTls(context))
                await client.shake()
                client.send(b"OP\r\n")
                await client.expect(500)
                await client.say("MAIL FROM:<a@example.org>", 503)
                await client.until_mail_data()
                client.send(b"body\r\n.\r\n")
                await client.expect(250)
                assert client._reading is not None
                client._reading.cancel()

        run(main(), loop)
        assert [mail.reverse_path for mail in handler.of("on_mail")] == ["a@example.org"]
        assert handler.contents == [b"body\r\n"]

    def test_octets_that_came_while_a_hook_was_awaited(self, tls: TLS, context: ssl.SSLContext) -> None:
        """They lie in the session when STARTTLS has its turn."""
        gate = asyncio.Event()
        handler = Recorder(on_hello=lambda *_: opened(gate), on_mail=None)

        async def main() -> None:
            async with serving(handler, tls, use="starttls") as server:
                wire, conversation = accept(server)
                wire.give(b"EHLO x.example\r\n")
                await until(lambda: handler.of("on_hello"))
                wire.give(b"STARTTLS\r\n" + INJECTED)
                assert not wire.reading
                gate.set()
                await until(lambda: wire.written.endswith(b"Ready to start TLS\r\n"))
                wire.take()
                client = ClientTls(context)
                hello, done = client.shake()
                while not done:
                    wire.give(hello)
                    hello, done = client.shake(wire.take())
                wire.give(hello)
                # Commands have their own time.
                assert conversation.deadline - server.clock.now > server.handshake_ticks
                wire.give(client.encrypt(b"OP\r\n"))
                assert client.decrypt(wire.take())[:3] == b"500"
                wire.close()
                await until(lambda: conversation not in server.conversations)

        run(main())
        assert handler.of("on_mail") == []


def test_a_client_that_does_not_read_the_220_is_not_read(tls: TLS, context: ssl.SSLContext) -> None:
    async def main() -> None:
        async with serving(Recorder(), tls, use="starttls") as server:
            wire, conversation = accept(server)
            wire.full = True
            wire.give(TestInjection.GROUP)
            stream: Any = conversation._transport
            assert wire.protocol is stream and not wire.reading
            for _ in range(2):  # and once more, in the handshake
                wire.protocol.resume_writing()
                assert conversation._transport is stream and wire.reading
                wire.protocol.pause_writing()
                assert not wire.reading
            wire.full = False
            wire.protocol.resume_writing()
            wire.take()
            client = ClientTls(context)
            hello, done = client.shake()
            while not done:
                wire.give(hello)
                hello, done = client.shake(wire.take())
            wire.give(hello + client.encrypt(b"NOOP\r\n"))
            assert client.decrypt(wire.take())[:3] == b"250"
            wire.close()
            await until(lambda: conversation not in server.conversations)

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
class TestFailure:
    @pytest.mark.parametrize("how", ["plain text", "eof", "reset", "nothing", "stop"])
    def test_no_handshake_follows(
        self, loop: str, how: Literal["plain text", "eof", "reset", "nothing", "stop"], tls: TLS, caplog: Any
    ) -> None:
        """Nothing is said after the 220."""
        caplog.set_level(logging.INFO, "lonedot.server")
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with (
                serving(handler, tls, use="starttls", handshake_timeout=SOON if how == "nothing" else 60) as server,
                Client.to(server) as client,
            ):
                await client.say("EHLO x.example", 250)
                await client.say("STARTTLS", 220)
                if how == "plain text":
                    client.send(b"NOOP\r\n")
                elif how == "eof":
                    client.writer.write_eof()
                elif how == "reset":
                    client.reset()
                elif how == "stop":
                    await server.stop(drain=10)
                await until(lambda: handler.of("on_disconnect"))
                if how != "reset":
                    try:
                        said = await client.end()
                    except ConnectionResetError:
                        said = b""
                    assert said == b"" or said[:2] == b"\x15\x03"

        run(main(), loop)
        ends = {"plain text": "tls", "nothing": "timeout", "stop": "shutdown"}
        assert handler.of("on_disconnect") == [ends.get(how, how)]
        assert all(record.levelno == logging.INFO and not record.exc_info for record in caplog.records)

    def test_the_server_is_stopped_behind_tls(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        async def main() -> None:
            async with serving(Recorder(), tls, use="starttls") as server, upgraded(server, context) as client:
                stopping = asyncio.ensure_future(server.stop(drain=10))
                await client.expect(421)
                assert await client.end() == b""
                client.writer.close()
                assert await stopping == 0

        run(main(), loop)


def test_mail_data_that_says_starttls_is_mail_data(tls: TLS) -> None:
    handler = Recorder()

    async def main() -> None:
        async with serving(handler, tls, use="starttls") as server, Client.to(server) as client:
            await client.say("EHLO x.example", 250)
            client.send(ENVELOPE)
            await client.expect(250, 250, 354)
            client.send(b"STARTTLS\r\n.\r\n")
            await client.expect(250)

    run(main())
    assert handler.contents == [b"STARTTLS\r\n"]


def test_one_connection_too_many_hears_so(tls: TLS) -> None:
    """In plain text, as that is what such a connection begins with."""

    async def main() -> None:
        async with serving(Recorder(), tls, use="starttls", max_connections=1) as server, Client.to(server):
            other = Client(*await connect(server))
            await other.expect(421)
            other.writer.close()

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("use", ["implicit", "starttls"])
def test_behind_a_proxy(use: Literal["implicit", "starttls"], loop: str, tls: TLS, context: ssl.SSLContext) -> None:
    """The header comes first, in one segment with the ClientHello; the address it names outlives the handshake."""
    peers: list[Peer | None] = []
    handler = Recorder(on_message=lambda connection, _: peers.append(connection.peer))

    async def main() -> None:
        server = Server(handler, Config(hostname=NAME, tls=tls, trusted_proxies=("127.0.0.1",)))
        await server.listen("127.0.0.1:0", tls=use)
        plain = Client(*await connect(server))
        client = TlsClient(plain._reader, plain.writer, ClientTls(context))
        hello, _ = client.tls.shake() if use == "implicit" else (b"", False)
        plain.send(b"PROXY TCP4 192.0.2.7 198.51.100.7 56324 25\r\n" + hello)
        if use == "starttls":
            await plain.expect(220)
            await plain.say("EHLO x.example", 250)
            await plain.say("STARTTLS", 220)
        await client.shake()
        if use == "implicit":
            await client.expect(220)
        await client.until_mail_data()
        client.send(b"body\r\n.\r\nQUIT\r\n")
        await client.expect(250, 221)
        assert await client.end() == b""
        client.writer.close()
        await server.stop(0)

    run(main(), loop)
    assert peers == [("192.0.2.7", 56324)]
