"""Ends behind TLS: clients that say goodbye and clients that do not, and what is no TLS at all."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import warnings
from typing import Any

import pytest
from lonedot import TLS

from tests.support import ENVELOPE, LOOPS, Client, Recorder, run, until
from tests.tls_support import Authority, ClientTls, TlsClient, connect, serving, stream_of

SOON = 0.2

GARBAGE = {
    "plain text": b"EHLO client.example\r\n",
    "http": b"GET / HTTP/1.0\r\n\r\n",
    "zeros": bytes(1000),
    "noise": bytes(range(255, -1, -1)) * 400,
    "a hello of noise": b"\x16\x03\x01\x01\x00" + bytes(range(256)),
    "an alert": b"\x15\x03\x01\x00\x02\x02\x28",
}


@pytest.mark.parametrize("loop", LOOPS)
class TestEnds:
    @pytest.mark.parametrize("notified", [True, False], ids=["close_notify", "eof"])
    @pytest.mark.parametrize("half_closes", [True, False])
    def test_an_idle_client(
        self, loop: str, notified: bool, half_closes: bool, tls: TLS, context: ssl.SSLContext
    ) -> None:
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                if notified:
                    client.write(client.tls.close_notify())
                if half_closes:
                    client.writer.write_eof()
                elif not notified:
                    client.writer.close()
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.of("on_disconnect") == ["eof"]

    @pytest.mark.parametrize("notified", [True, False], ids=["close_notify", "eof"])
    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_inside_mail_data(self, loop: str, notified: bool, awaits: bool, tls: TLS, context: ssl.SSLContext) -> None:
        """What was cut off is not a message, whatever said that it ends."""
        handler = Recorder(awaits=awaits, on_abort=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                await client.until_mail_data()
                client.send(b"half a message\r\n.\r")
                if notified:
                    client.write(client.tls.close_notify())
                client.writer.write_eof()
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.contents == []
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["eof"]
        assert handler.of("on_disconnect") == ["eof"]

    @pytest.mark.parametrize("notified", [True, False], ids=["close_notify", "eof"])
    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_what_was_sent_before_is_answered(
        self, loop: str, notified: bool, awaits: bool, tls: TLS, context: ssl.SSLContext
    ) -> None:
        handler = Recorder(awaits=awaits, on_mail=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                await client.say("EHLO x.example", 250)
                octets = client.tls.encrypt((ENVELOPE + b"body\r\n.\r\n") * 30, record=100)
                if notified:
                    octets += client.tls.close_notify()
                client.write(octets)
                client.writer.write_eof()
                await client.expect(*[250, 250, 354, 250] * 30)
                assert await client.end() == b""
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.contents == [b"body\r\n"] * 30
        assert handler.of("on_disconnect") == ["eof"]

    def test_a_reset(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        handler = Recorder(on_abort=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                await client.until_mail_data()
                client.reset()
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["reset"]
        assert handler.of("on_disconnect") == ["reset"]

    @pytest.mark.parametrize("resets", [False, True])
    def test_in_the_handshake(
        self, loop: str, resets: bool, tls: TLS, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "lonedot.server")
        handler = Recorder(on_connect=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server:
                client = Client(*await connect(server))
                octets, _ = ClientTls(context).shake()
                client.send(octets[:100])
                await until(lambda: server.conversations and stream_of(server)._shaken == 100)
                if resets:
                    client.reset()
                else:
                    client.writer.close()
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.of("on_connect") == []
        assert handler.of("on_disconnect") == (["reset"] if resets else ["eof"])
        assert all(record.levelno == logging.INFO and not record.exc_info for record in caplog.records)

    def test_a_client_that_has_too_many_errors_reads_the_421(
        self, loop: str, tls: TLS, context: ssl.SSLContext
    ) -> None:
        """The server shuts down its side, with close_notify, and drops what still comes."""
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls, max_errors=3) as server, TlsClient.over(server, context) as client:
                client.send(b"NONSENSE\r\n" * 20_000)
                await client.expect(500, 500, 500, 421)
                assert await client.end() == b""
                assert client.tls.closed
                client.writer.close()
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.of("on_disconnect") == ["errors"]


@pytest.mark.parametrize("loop", LOOPS)
class TestNotTls:
    @pytest.mark.parametrize("octets", GARBAGE.values(), ids=list(GARBAGE))
    def test_instead_of_a_handshake(
        self, loop: str, octets: bytes, tls: TLS, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level(logging.INFO, "lonedot.server")
        handler = Recorder(on_connect=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server:
                client = Client(*await connect(server))
                client.send(octets)
                try:
                    said = await client.end()
                except ConnectionResetError:
                    said = b""
                # An alert or nothing: type 21, version 3, two octets.
                assert said == b"" or (said[:2] == b"\x15\x03" and len(said) == 7)
                client.writer.close()
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.of("on_connect") == []
        assert handler.of("on_disconnect") == ["tls"]
        (record,) = caplog.records
        assert (record.levelno, record.exc_info) == (logging.INFO, None)
        assert record.getMessage().startswith("TLS failed with <Connection from 127.0.0.1:")
        assert "\n" not in record.getMessage()
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_after_the_handshake(
        self, loop: str, awaits: bool, tls: TLS, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "lonedot.server")
        handler = Recorder(awaits=awaits, on_abort=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                await client.until_mail_data()
                client.write(client.tls.encrypt(b"half\r\n") + b"\x17\x03\x03\x00\x20" + os.urandom(32))
                with pytest.raises(ssl.SSLError):  # the alert
                    await client.end()
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.contents == []
        assert len(handler.of("on_abort")) == 1
        assert handler.of("on_disconnect") == ["tls"]
        (record,) = caplog.records
        assert (record.levelno, record.exc_info) == (logging.INFO, None)

    def test_while_a_handler_works(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        gates: list[asyncio.Event] = []

        async def on_message(*_: Any) -> None:
            gates.append(asyncio.Event())
            await gates[0].wait()

        handler = Recorder(on_message=on_message, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                await client.until_mail_data()
                client.send(b"body\r\n.\r\n")
                await until(lambda: gates)
                client.write(b"EHLO x.example\r\n")
                with pytest.raises(ssl.SSLError):
                    await client.end()
                gates[0].set()
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.of("on_disconnect") == ["tls"]
        assert len(handler.contents) == 1

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=lambda v: v.name)
    def test_a_client_of_another_age(
        self, loop: str, version: ssl.TLSVersion, authority: Authority, tls: TLS, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "lonedot.server")
        handler = Recorder(on_disconnect=None)
        context = authority.trusted()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT@SECLEVEL=0")

        async def main() -> None:
            async with serving(handler, tls) as server:
                with pytest.raises(ssl.SSLError, match="alert protocol version"):
                    async with TlsClient.over(server, context):
                        pass
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.of("on_disconnect") == ["tls"]
        assert "unsupported protocol" in caplog.text

    def test_a_client_that_does_not_trust_us(self, loop: str, tls: TLS, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "lonedot.server")
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server:
                reader, writer = await connect(server)
                client = ClientTls(Authority().trusted())
                octets, _ = client.shake()
                writer.write(octets)
                flight = await reader.readuntil(b"\x17\x03\x03")  # up to the certificate, and all of it
                flight += await reader.read(65536)
                with pytest.raises(ssl.SSLCertVerificationError):
                    client.shake(flight)
                writer.write(client._outgoing.read())
                await until(lambda: handler.of("on_disconnect"))
                writer.close()

        run(main(), loop)
        assert handler.of("on_disconnect") == ["tls"]
        assert "tlsv1 alert unknown ca" in caplog.text

    def test_a_handshake_without_end(self, loop: str, tls: TLS, caplog: pytest.LogCaptureFixture) -> None:
        """A ClientHello that says it is long, in records of one octet each."""
        caplog.set_level(logging.INFO, "lonedot.server")
        handler = Recorder(on_disconnect=None)
        said = b"\x01\x01\xff\x00\x03\x03" + bytes(130_000)

        async def main() -> None:
            async with serving(handler, tls) as server:
                client = Client(*await connect(server))
                client.send(b"".join(b"\x16\x03\x01\x00\x01" + said[at : at + 1] for at in range(len(said))))
                await until(lambda: handler.of("on_disconnect"))
                client.writer.close()

        run(main(), loop)
        assert handler.of("on_disconnect") == ["tls"]
        assert "a handshake of more than 131072 octets" in caplog.text

    @pytest.mark.parametrize("drips", [False, True])
    def test_a_handshake_that_takes_too_long(self, loop: str, drips: bool, tls: TLS, context: ssl.SSLContext) -> None:
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls, handshake_timeout=SOON) as server:
                client = Client(*await connect(server))
                octets, _ = ClientTls(context).shake()
                for octet in octets if drips else b"":
                    client.send(bytes([octet]))
                    await asyncio.sleep(0.01)
                    if handler.of("on_disconnect"):
                        break
                await until(lambda: handler.of("on_disconnect"))
                client.writer.close()
                # Whoever is in time has the time for commands.
                async with TlsClient.over(server, context) as other:
                    (conversation,) = server.conversations
                    assert conversation.deadline - server.clock.now > server.handshake_ticks
                    await other.say("NOOP", 250)

        run(main(), loop)
        assert handler.of("on_disconnect")[0] == "timeout"

    def test_one_too_many(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        """A handshake takes a place as well, and nobody is refused in plain text."""

        async def main() -> None:
            async with serving(Recorder(), tls, max_connections=1) as server:
                client = Client(*await connect(server))
                await until(lambda: server.conversations)
                other = Client(*await connect(server))
                assert await other.end() == b""
                client.writer.close()
                other.writer.close()

        run(main(), loop)
