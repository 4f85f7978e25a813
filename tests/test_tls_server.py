"""A server whose connections begin with TLS: mail through it, at every split; back-pressure, certificates."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from pathlib import Path
from typing import Any, cast

import pytest
from lonedot import TLS, Config, Limits, Server, TlsInfo
from lonedot.tls_stream import TlsStream

from tests.support import ENVELOPE, LOOPS, Client, Recorder, RecordingSink, opened, run, until
from tests.test_server_sinks import handler_of
from tests.tls_support import NAME, Authority, ClientTls, TlsClient, Wire, accept, connect, serving, stream_of

SOON = 0.2


def lines(octets: int) -> bytes:
    """Mail data of so many octets at the most, in lines of 100, each another."""
    return b"%098d\r\n" * (octets // 100) % tuple(range(octets // 100))


@pytest.mark.parametrize("loop", LOOPS)
class TestMail:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
    def test_smtplib(self, loop: str, version: ssl.TLSVersion, authority: Authority, tls: TLS) -> None:
        infos: list[TlsInfo | None] = []
        handler = Recorder(on_message=lambda connection, _: infos.append(connection.tls), on_disconnect=None)
        context = authority.trusted()
        context.minimum_version = context.maximum_version = version
        # smtplib ends a message that has no last CRLF with one.
        messages = [b"", b"x", lines(64 << 10), lines(5 << 20)]

        def send(port: int) -> None:
            with smtplib.SMTP_SSL("127.0.0.1", port, context=context) as client:
                for message in messages:
                    client.sendmail("a@example.org", ["b@example.org"], message)

        async def main() -> None:
            async with serving(handler, tls) as server:
                await asyncio.to_thread(send, int(server.listeners[0].address.rpartition(":")[2]))
                await until(lambda: not server.conversations)

        run(main(), loop)
        assert handler.contents == [b"\r\n", b"x\r\n", *messages[2:]]
        info = infos[0]
        assert infos == [info] * 4
        assert info is not None
        assert info.version == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        assert info.cipher and info.bits >= 128
        assert (info.alpn, info.client_certificate, info.client_subject) == (None, None, None)
        assert handler.of("on_disconnect") == ["quit"]

    def test_the_greeting_is_held_back_after_the_handshake(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        notes: list[set[str]] = []
        handler = Recorder(on_connect=lambda connection: notes.append(set(connection.notes)))

        async def main() -> None:
            async with serving(handler, tls, greeting_delay=0.2) as server:
                for talks in (False, True):
                    async with TlsClient.over(server, context, greeting=None) as client:
                        if talks:
                            client.send(b"NOOP\r\n")
                        await client.expect(*([220, 250] if talks else [220]))

        run(main(), loop)
        assert notes == [set(), {"talked-before-greeting"}]

    def test_one_of_too_many_from_a_network_hears_no_words_before_a_handshake(
        self, loop: str, tls: TLS, context: ssl.SSLContext
    ) -> None:
        async def main() -> None:
            async with (
                serving(Recorder(), tls, max_connections_per_network=1) as server,
                TlsClient.over(server, context) as client,
                Client.to(server, greeting=None) as another,
            ):
                assert await another.end() == b""
                await client.say("NOOP", 250)

        run(main(), loop)

    @pytest.mark.parametrize("record", [1, 7, 1000, 16_383, 16_384])
    def test_records_of_any_size(self, loop: str, record: int, tls: TLS, context: ssl.SSLContext) -> None:
        handler = Recorder()
        message = lines(min(1 << 20, record * 3000))

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                client.record = record
                await client.until_mail_data()
                client.send(message + b".\r\nQUIT\r\n")
                await client.expect(250, 221)
                assert await client.end() == b""
                assert client.tls.closed

        run(main(), loop)
        assert handler.contents == [message]

    def test_ciphertext_octet_by_octet(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        handler = Recorder()

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                await client.say("EHLO x.example", 250)
                octets = client.tls.encrypt(ENVELOPE + b"body\r\n.\r\nNOOP\r\n", record=9)
                await client.drip(octets[at : at + 1] for at in range(len(octets)))
                await client.expect(250, 250, 354, 250, 250)

        run(main(), loop)
        assert handler.contents == [b"body\r\n"]

    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    @pytest.mark.parametrize("record", [16_384, 60], ids=["one record", "many records"])
    def test_what_one_read_brings_is_all_answered(
        self, loop: str, awaits: bool, record: int, tls: TLS, context: ssl.SSLContext
    ) -> None:
        """Each message is a task that works; nothing else comes from the socket to go on with."""
        handler = Recorder(awaits=awaits, on_mail=None)
        count = 150

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                await client.say("EHLO x.example", 250)
                group = b"".join(ENVELOPE + b"%d\r\n.\r\n" % number for number in range(count))
                client.record = record
                client.send(group + b"QUIT\r\n")
                await client.expect(*[250, 250, 354, 250] * count, 221)
                assert await client.end() == b""

        run(main(), loop)
        assert handler.contents == [b"%d\r\n" % number for number in range(count)]

    def test_there_is_no_second_tls(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        async def main() -> None:
            async with serving(Recorder(), tls) as server, TlsClient.over(server, context) as client:
                client.send(b"EHLO x.example\r\n")
                assert not [line for line in await client.reply() if "STARTTLS" in line]
                assert "TLS is on already" in await client.say("STARTTLS", 503)
                await client.say("NOOP", 250)

        run(main(), loop)

    def test_many_replies_at_once(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        async def main() -> None:
            async with serving(Recorder(), tls) as server, TlsClient.over(server, context) as client:
                client.send(b"HELP\r\n" * 5000 + b"QUIT\r\n")
                assert (await client.end()).count(b"214 ") == 5000

        run(main(), loop)

    def test_a_unix_socket(self, loop: str, tls: TLS, context: ssl.SSLContext, tmp_path: Path) -> None:
        async def main() -> None:
            async with serving(Recorder(), tls, address=f"unix:{tmp_path}/mx.sock"):
                streams = await asyncio.open_unix_connection(f"{tmp_path}/mx.sock", ssl=context, server_hostname=NAME)
                client = Client(*streams)
                await client.expect(220)
                await client.say("QUIT", 221)
                assert await client.end() == b""
                client.writer.close()

        run(main(), loop)


class TestSplits:
    """Without sockets: each read is what the test says."""

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
    def test_every_split_of_every_flight(self, version: ssl.TLSVersion, authority: Authority, tls: TLS) -> None:
        handler = Recorder()
        context = authority.trusted()
        context.maximum_version = version

        def converse(server: Server, flight: int, split: int) -> bool:
            """Splits one flight of the client's, counted from its first. False when it is no longer than the split."""
            wire, _ = accept(server)
            client = ClientTls(context)
            flights, long_enough = 0, True

            def give(octets: bytes) -> None:
                nonlocal flights, long_enough
                pieces = [octets]
                if flights == flight:
                    pieces, long_enough = [octets[:split], octets[split:]], len(octets) > split
                for piece in filter(None, pieces):
                    wire.give(piece)
                flights += 1

            octets, done = client.shake()
            give(octets)
            while not done:
                octets, done = client.shake(wire.take())
                if octets:
                    give(octets)
            client.decrypt(wire.take())
            give(client.encrypt(b"EHLO x.example\r\n" + ENVELOPE, record=50))
            give(client.encrypt(b"body\r\n.\r\nNOOP\r\nQUIT\r\n", record=5))
            client.decrypt(wire.take())
            assert client.closed
            codes = [line[:3] for line in client.plaintext.splitlines() if line[3:4] == b" "]
            assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"250", b"221"]
            assert wire.closing
            return long_enough

        async def main() -> None:
            async with serving(handler, tls, max_connections_per_network=None) as server:
                splits = 0
                for flight in range(4):
                    split = 1
                    while converse(server, flight, split):
                        split += 1
                    splits += split
                    await until(lambda: not server.conversations)
                assert splits > 500
                assert handler.contents == [b"body\r\n"] * splits

        run(main())

    def shaken(self, server: Server, context: ssl.SSLContext, early: bytes = b"") -> tuple[Wire, TlsStream, ClientTls]:
        """A connection behind its handshake, with what the client says in one segment with the end of it."""
        wire, conversation = accept(server)
        client = ClientTls(context)
        octets, done = client.shake()
        while not done:
            wire.give(octets)
            octets, done = client.shake(wire.take())
        wire.give(octets + client.encrypt(early))
        return wire, cast(TlsStream, conversation._transport), client

    @pytest.mark.parametrize("eof", ["", "close_notify", "FIN"])
    def test_what_waits_behind_a_pause_is_bounded_and_not_lost(
        self, eof: str, tls: TLS, context: ssl.SSLContext
    ) -> None:
        """One read that ends a record and brings six more: over 64 KiB of plaintext, more than the read buffer takes
        at once. It comes while a handler works, so that what the buffer did not take stays where it is."""
        gate = asyncio.Event()
        handler = Recorder(on_message=lambda *_: opened(gate), on_disconnect=None)
        messages = [b"%d\r\n" % number + lines(9_500) for number in range(7)]

        async def main() -> None:
            async with serving(handler, tls) as server:
                wire, stream, client = self.shaken(server, context)
                wire.give(client.encrypt(b"EHLO x.example\r\n" + ENVELOPE + b"first\r\n.\r\n"))
                await until(lambda: handler.contents)
                octets = b"".join(client.encrypt(ENVELOPE + message + b".\r\n") for message in messages)
                octets += client.encrypt(b"NOOP\r\n")
                if eof == "close_notify":
                    octets += client.close_notify()
                assert 66_000 < len(octets) < 9_500 + 65_536
                wire.give(octets[:9_500])
                assert wire.reading  # not a record yet
                wire.give(octets[9_500:])
                assert not wire.reading
                if eof == "FIN":
                    assert stream.eof_received()
                assert 0 < stream._incoming.pending + stream._tls.pending() < 16_384
                gate.set()
                await until(lambda: len(handler.contents) == 8)
                assert handler.contents[1:] == messages
                if eof:
                    await until(lambda: wire.closing)
                else:
                    await until(lambda: wire.reading)
                    wire.give(client.encrypt(b"QUIT\r\n"))
                await until(lambda: not server.conversations)
                said = client.decrypt(wire.take()).splitlines()
                assert [line[:3] for line in said[-2:]] == [b"250", b"250" if eof else b"221"]

        run(main())
        assert handler.of("on_disconnect") == ["eof" if eof else "quit"]

    def test_mail_data_behind_a_pause(self, tls: TLS, context: ssl.SSLContext) -> None:
        """The same inside mail data, where the session would take more at any time; and one read more, as a loop may
        bring that had read before it was told to pause."""

        class Slow(RecordingSink):
            async def write(self, chunk: bytes) -> None:
                await gate.wait()
                self.chunks.append(chunk)

        gate, sink = asyncio.Event(), Slow()
        message = lines(100_000)

        async def main() -> None:
            async with serving(handler_of(sink), tls) as server:
                wire, stream, client = self.shaken(server, context)
                octets = client.encrypt(b"EHLO x.example\r\n" + ENVELOPE + b"first\r\n")
                wire.give(octets)
                octets = client.encrypt(message + b".\r\n", record=9_600)
                wire.give(octets[:9_600])
                wire.give(octets[9_600 : 9_600 + 65_536])
                assert stream._more and not wire.reading
                rest = octets[9_600 + 65_536 :]
                server.ciphertext[: len(rest)] = rest
                stream.buffer_updated(len(rest))
                gate.set()
                await until(lambda: sink.ends)
                assert b"".join(sink.chunks) == b"first\r\n" + message
                wire.close()
                await until(lambda: not server.conversations)

        run(main())

    def test_a_client_that_talks_in_one_segment_with_the_end_of_the_handshake(
        self, tls: TLS, context: ssl.SSLContext
    ) -> None:
        """More than OpenSSL is given at a time."""
        handler = Recorder()
        message = lines(40_000)

        async def main() -> None:
            async with serving(handler, tls) as server:
                early = b"EHLO x.example\r\n" + ENVELOPE + message + b".\r\nQUIT\r\n"
                wire, _, client = self.shaken(server, context, early)
                assert client.decrypt(wire.take()).splitlines()[-1].startswith(b"221 ")
                assert handler.contents == [message]
                assert wire.closing

        run(main())

    def test_nothing_is_said_in_plain_text(self, tls: TLS, context: ssl.SSLContext) -> None:
        async def main() -> None:
            async with serving(Recorder(), tls) as server:
                wire, conversation = accept(server)
                conversation._transport.write(b"220 in plain text\r\n")
                assert wire.take() == b""
                wire.give(ClientTls(context).shake()[0][:100])
                conversation.end_when_idle()
                assert wire.closing
                assert wire.take() == b""
                conversation._transport.write(b"421 in plain text\r\n")
                assert wire.take() == b""
                wire, stream, _ = self.shaken(server, context)
                wire.take()
                stream.close()
                assert wire.take()[:1] == b"\x17"  # close_notify, encrypted as all is in TLS 1.3
                stream.write(b"421 in plain text\r\n")
                assert wire.take() == b""
                await until(lambda: not server.conversations)

        run(main())


@pytest.mark.parametrize("loop", LOOPS)
class TestBackPressure:
    def test_a_client_that_does_not_read(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        async def main() -> None:
            async with serving(Recorder(), tls) as server, TlsClient.over(server, context) as client:
                stream = stream_of(server)
                (conversation,) = server.conversations
                client._socket._transport.pause_reading()  # type: ignore[attr-defined]
                commands = 100_000
                client.send(b"HELP\r\n" * commands)
                await until(lambda: conversation._blocked)
                assert stream.get_write_buffer_size() < 256 * 1024
                assert stream._incoming.pending <= 64 * 1024
                client._socket._transport.resume_reading()  # type: ignore[attr-defined]
                replies = 0
                while replies < commands:
                    octets = await client._reader.read(65536)
                    assert octets, f"{replies} of {commands} replies"
                    replies += octets.count(b"\n")
                await client.say("NOOP", 250)

        run(main(), loop)

    def test_a_client_that_does_not_read_has_no_longer_than_the_timeout(
        self, loop: str, tls: TLS, context: ssl.SSLContext
    ) -> None:
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with (
                serving(handler, tls, command_timeout=SOON) as server,
                TlsClient.over(server, context) as client,
            ):
                client._socket._transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"HELP\r\n" * 200_000)
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.of("on_disconnect") == ["timeout"]

    def test_a_sink_that_takes_its_time(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        class Slow(RecordingSink):
            def __init__(self) -> None:
                super().__init__()
                self.gate = asyncio.Event()

            async def write(self, chunk: bytes) -> None:
                await self.gate.wait()
                self.chunks.append(chunk)

        message = lines(20 << 20)

        async def main() -> None:
            sink = Slow()
            async with serving(handler_of(sink), tls) as server, TlsClient.over(server, context) as client:
                await client.until_mail_data()
                stream = stream_of(server)
                client.send(message + b".\r\n")
                await until(lambda: stream._paused)
                # The kernel has the rest, or the client.
                assert client.writer.transport.get_write_buffer_size() > 1 << 20
                assert stream._incoming.pending <= 64 * 1024
                sink.gate.set()
                await client.expect(250)
                assert b"".join(sink.chunks) == message

        run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
class TestStop:
    def test_idle_clients_hear_421_and_handshakes_end(self, loop: str, tls: TLS, context: ssl.SSLContext) -> None:
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                shaking = Client(*await connect(server))
                await until(lambda: len(server.conversations) == 2)
                stopping = asyncio.ensure_future(server.stop(drain=10))
                await client.expect(421)
                assert await client.end() == b""
                assert client.tls.closed
                client.writer.close()
                assert await stopping == 0
                shaking.writer.close()

        run(main(), loop)
        assert handler.of("on_disconnect") == ["shutdown"] * 2

    @pytest.mark.parametrize("drain", [0, 10])
    def test_a_transaction(self, loop: str, drain: float, tls: TLS, context: ssl.SSLContext) -> None:
        handler = Recorder()

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as client:
                await client.until_mail_data()
                stopping = asyncio.ensure_future(server.stop(drain=drain))
                await until(lambda: server.stopping)
                if drain:
                    client.send(b"body\r\n.\r\n")
                    await client.expect(250)
                await client.expect(421)
                assert await client.end() == b""
                client.writer.close()
                assert await stopping == (0 if drain else 1)

        run(main(), loop)
        assert handler.contents == ([b"body\r\n"] if drain else [])


@pytest.mark.parametrize("loop", LOOPS)
class TestCertificates:
    def test_another_one_for_new_connections(
        self, loop: str, tls: TLS, context: ssl.SSLContext, tmp_path: Path
    ) -> None:
        other = Authority()
        handler = Recorder()

        async def main() -> None:
            async with serving(handler, tls) as server, TlsClient.over(server, context) as held:
                await held.until_mail_data()
                server.set_tls(TLS(other.write(tmp_path / "other.pem")))
                held.send(b"held\r\n")
                async with TlsClient.over(server, other.trusted()) as client:
                    await client.until_mail_data()
                    client.send(b"new\r\n.\r\n")
                    await client.expect(250)
                with pytest.raises(ssl.SSLCertVerificationError):
                    async with TlsClient.over(server, context):
                        pass
                held.send(b".\r\n")
                await held.expect(250)
                server.set_tls(tls)
                async with TlsClient.over(server, context):
                    pass

        run(main(), loop)
        assert handler.contents == [b"new\r\n", b"held\r\n"]

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
    @pytest.mark.parametrize("asks", ["request", "require"])
    @pytest.mark.parametrize("shows", ["right", "wrong", None])
    def test_a_client_s(
        self, loop: str, asks: Any, shows: str | None, version: ssl.TLSVersion, authority: Authority, tmp_path: Path
    ) -> None:
        clients = Authority()
        clients.cert_pem.write_to_path(str(tmp_path / "clients.pem"))
        made = TLS(authority.write(tmp_path / "mx.pem"), client_ca=tmp_path / "clients.pem", client_certificate=asks)
        context = authority.trusted()
        context.maximum_version = version
        if shows is not None:
            issued = (clients if shows == "right" else Authority()).issue_cert(
                "client.example", common_name="client.example", organization_name="Example, Inc."
            )
            issued.configure_cert(context)
        handler = Recorder(on_disconnect=None)
        taken = shows == "right" or (shows is None and asks == "request")

        async def main() -> None:
            async with serving(handler, made) as server:
                if taken:
                    async with TlsClient.over(server, context) as client:
                        (conversation,) = server.conversations
                        info = conversation._application.connection.tls
                        assert info is not None
                        if shows is None:
                            assert (info.client_certificate, info.client_subject) == (None, None)
                        else:
                            assert info.client_certificate is not None
                            assert ("DNS", "client.example") in info.client_certificate["subjectAltName"]
                            assert info.client_subject is not None
                            assert "CN=client.example" in info.client_subject.split(",")
                            assert "O=Example\\, Inc." in info.client_subject
                        assert info.server_name == NAME
                        await client.say("QUIT", 221)
                else:
                    # In TLS 1.3 the client is done before the server has looked at its certificate.
                    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                        async with TlsClient.over(server, context):
                            pass
                await until(lambda: handler.of("on_disconnect"))

        run(main(), loop)
        assert handler.of("on_disconnect") == (["quit"] if taken else ["tls"])


class TestMisuse:
    def test_listen(self, tls: TLS) -> None:
        async def main() -> None:
            server = Server(Recorder())
            for use in ("implicit", "starttls"):
                with pytest.raises(ValueError, match=r"Config\.tls"):
                    await server.listen("127.0.0.1:0", tls=cast(Any, use))
            with pytest.raises(ValueError, match="'yes'"):
                await server.listen("127.0.0.1:0", tls=cast(Any, "yes"))
            assert (await server.listen("127.0.0.1:0")).tls is None
            await server.stop()
            server = Server(Recorder(), Config(hostname=NAME, tls=tls))
            assert (await server.listen("127.0.0.1:0")).tls == "starttls"
            assert (await server.listen("127.0.0.1:0", tls=None)).tls is None
            assert (await server.listen("127.0.0.1:0", tls="implicit")).tls == "implicit"
            await server.stop()

        run(main())

    def test_set_tls(self, tls: TLS) -> None:
        with pytest.raises(RuntimeError, match=r"Config\.tls"):
            Server(Recorder()).set_tls(tls)
        with pytest.raises(TypeError, match="SSLContext"):
            Server(Recorder(), Config(hostname=NAME, tls=tls)).set_tls(cast(Any, tls.context))

    def test_config(self, tls: TLS) -> None:
        with pytest.raises(ValueError, match=r"Config\.tls"):
            Config(hostname=NAME, tls=cast(Any, tls.context))
        with pytest.raises(ValueError, match="handshake_timeout"):
            Limits(handshake_timeout=0)
