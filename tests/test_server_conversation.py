"""Conversations with the running server: transcripts, pipelining, splits, half-close, listeners of every kind."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lonedot import Reply, Server

from tests.support import ENVELOPE, LOOPS, Client, Recorder, RecordingSink, opened, run, serving, until

MESSAGE = b"Subject: x\r\n\r\nHello.\r\n.\r\n"
CONTENT = b"Subject: x\r\n\r\nHello.\r\n"
UNKNOWN = Reply(550, "5.1.1", "No such user here")


def refuse_green(_: Any, rcpt: Any) -> Reply | None:
    return UNKNOWN if rcpt.local_part == "Green" else None


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
class TestTranscripts:
    """RFC 5321 appendix D."""

    def test_d1_and_d2(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_rcpt=refuse_green)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("EHLO bar.com", 250)
                await client.say("MAIL FROM:<Smith@bar.com>", 250)
                await client.say("RCPT TO:<Jones@foo.com>", 250)
                assert "5.1.1" in await client.say("RCPT TO:<Green@foo.com>", 550)
                await client.say("RCPT TO:<Brown@foo.com>", 250)
                await client.say("DATA", 354)
                await client.say("Blah blah blah...\r\n...etc. etc. etc.\r\n.", 250)
                await client.say("MAIL FROM:<Smith@bar.com>", 250)
                await client.say("RCPT TO:<Green@foo.com>", 550)
                await client.say("RSET", 250)
                await client.say("QUIT", 221)
                assert await client.end() == b""

        run(main(), loop)
        (message,) = handler.of("on_message")
        assert message.content == b"Blah blah blah...\r\n..etc. etc. etc.\r\n"
        assert message.forward_paths == ("Jones@foo.com", "Brown@foo.com")
        assert message.reverse_path == "Smith@bar.com"

    def test_d3_relayed_with_a_source_route(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_mail=None, on_rcpt=None)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("EHLO foo.com", 250)
                await client.say("MAIL FROM:<JQP@bar.com>", 250)
                await client.say("RCPT TO:<@foo.com:Jones@XYZ.COM>", 250)
                await client.say("DATA", 354)
                await client.say("From: John Q. Public <JQP@bar.com>\r\n\r\nThe next meeting.\r\n.", 250)
                await client.say("QUIT", 221)

        run(main(), loop)
        assert [message.forward_paths for message in handler.of("on_message")] == [("Jones@XYZ.COM",)]

    def test_d4_verify_and_send(self, loop: str, awaits: bool) -> None:
        verified = Reply(250, "2.1.5", "Mail System User <admin@foo.com>")
        handler = Recorder(awaits=awaits, on_vrfy=lambda _, vrfy: verified if vrfy.argument == "Crispin" else UNKNOWN)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("EHLO bar.com", 250)
                assert "admin@foo.com" in await client.say("VRFY Crispin", 250)
                await client.say("VRFY Nobody", 550)
                await client.say("MAIL FROM:<EAK@bar.com>", 250)
                await client.say("RCPT TO:<Admin.MRC@foo.com>", 250)
                await client.say("DATA", 354)
                await client.say("Blah.\r\n.", 250)
                await client.say("QUIT", 221)

        run(main(), loop)
        assert handler.contents == [b"Blah.\r\n"]


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
class TestInput:
    def test_octet_by_octet(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_mail=None, on_rcpt=None)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                sock: socket.socket = client.writer.get_extra_info("socket")
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for octet in b"EHLO x.example\r\n" + ENVELOPE + MESSAGE + b"QUIT\r\n":
                    client.send(bytes([octet]))
                    await asyncio.sleep(0)
                await client.expect(250, 250, 250, 354, 250, 221)

        run(main(), loop)
        assert handler.contents == [CONTENT]

    def test_messages_pipelined_in_one_segment(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_hello=None, on_mail=None, on_rcpt=None)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                client.send(b"EHLO x.example\r\n" + (ENVELOPE + MESSAGE) * 20 + b"QUIT\r\n")
                await client.expect(250, *[250, 250, 354, 250] * 20, 221)
                assert await client.end() == b""

        run(main(), loop)
        assert handler.contents == [CONTENT] * 20

    def test_a_client_that_shuts_down_its_side_still_gets_every_reply(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits, on_mail=None, on_disconnect=None)
        many = 200

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                client.send(b"EHLO x.example\r\n" + (ENVELOPE + b"x" * 900 + b"\r\n" + MESSAGE) * many)
                client.writer.write_eof()
                await client.expect(250, *[250, 250, 354, 250] * many)
                assert await client.end() == b""

        run(main(), loop)
        assert len(handler.contents) == many
        assert handler.of("on_disconnect") == ["eof"]

    def test_a_message_much_larger_than_a_read(self, loop: str, awaits: bool) -> None:
        handler = Recorder(awaits=awaits)
        body = b"".join(b"%08d " % n + b"x" * 80 + b"\r\n" for n in range(20_000))

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(body + b".\r\n")
                await client.expect(250)

        run(main(), loop)
        assert handler.contents == [body]

    def test_talking_before_the_greeting(self, loop: str, awaits: bool) -> None:
        gates: list[asyncio.Event] = []
        handler = Recorder(
            on_connect=lambda _: opened(gates[0]), on_mail=lambda *_: asyncio.sleep(0) if awaits else None
        )

        async def main() -> None:
            gates.append(release := asyncio.Event())
            async with serving(handler) as server, Client.to(server, greeting=None) as client:
                client.send(b"EHLO x.example\r\n" + ENVELOPE + MESSAGE)
                await until(lambda: server.conversations)
                for _ in range(20):
                    await asyncio.sleep(0)
                release.set()
                await client.expect(220, 250, 250, 250, 354, 250)

        run(main(), loop)
        assert handler.contents == [CONTENT]


class TestWrites:
    """Pipelined commands are answered in one write."""

    def writes(self, monkeypatch: pytest.MonkeyPatch, handler: Recorder, *segments: bytes) -> list[bytes]:
        from asyncio import selector_events

        written: list[bytes] = []
        transport = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
        write = transport.write

        def counted(self: Any, octets: Any) -> None:
            if type(self._protocol).__name__ == "Conversation":
                written.append(bytes(octets))
            write(self, octets)

        monkeypatch.setattr(transport, "write", counted)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                for answered, segment in enumerate(segments, 1):
                    client.send(segment)
                    await until(partial(lambda before: len(written) > before, answered))
                assert written[0].startswith(b"220 ")

        run(main())
        return written[1 : 1 + len(segments)]

    @pytest.mark.parametrize("awaits", [False, True], ids=["sync", "async"])
    def test_a_group_is_answered_in_one(self, awaits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        handler = Recorder(awaits=awaits, on_mail=None, on_rcpt=None)
        hello, group, message = self.writes(monkeypatch, handler, b"EHLO x.example\r\n", ENVELOPE, MESSAGE + ENVELOPE)
        assert hello.startswith(b"250-")
        assert [line[:3] for line in group.splitlines()] == [b"250", b"250", b"354"]
        if not awaits:
            assert [line[:3] for line in message.splitlines()] == [b"250", b"250", b"250", b"354"]

    @pytest.mark.parametrize("hooks", [("on_mail",), ("on_rcpt",), ("on_hello", "on_rcpt"), ("on_data",)], ids=str)
    def test_a_group_is_answered_in_one_whichever_hook_has_to_be_awaited(
        self, hooks: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def sink(*_: Any) -> RecordingSink:
            await asyncio.sleep(0)
            return RecordingSink()

        awaited: dict[str, Any] = {name: lambda *_: asyncio.sleep(0) for name in hooks}
        handler = Recorder(**awaited)
        if "on_data" in hooks:
            del handler.on_message  # type: ignore[attr-defined]
            handler.__dict__["on_data"] = sink
        group = ENVELOPE.replace(b"DATA", b"RCPT TO:<c@example.org>\r\nNOOP\r\nRCPT TO:<d@example.org>\r\nDATA")
        _, written, message = self.writes(monkeypatch, handler, b"EHLO x.example\r\n", group, MESSAGE)
        assert [line[:3] for line in written.splitlines()] == [b"250", b"250", b"250", b"250", b"250", b"354"]
        assert message.startswith(b"250 ")

    def test_the_answer_to_a_message_is_written_before_a_hook_is_awaited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        handler = Recorder(on_rcpt=lambda *_: asyncio.sleep(0))
        hello = b"EHLO x.example\r\n"
        # The first write for the last segment: 250 for the message, and for MAIL, whose hook there is none of.
        *_, message = self.writes(monkeypatch, handler, hello, ENVELOPE, MESSAGE + ENVELOPE)
        assert [line[:3] for line in message.splitlines()] == [b"250", b"250"]

    def test_a_reply_waits_for_one_slow_hook_not_for_two(self) -> None:
        async def main() -> None:
            gates = [asyncio.Event(), asyncio.Event()]
            left = iter(gates)
            handler = Recorder(on_rcpt=lambda *_: opened(next(left)))
            # Clocks tick each 5 ms.
            async with (
                serving(handler, handler_deadline=0.08 * 60, command_timeout=0.08) as server,
                Client.to(server) as client,
            ):
                client.send(b"EHLO x.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\n")
                await until(lambda: len(handler.of("on_rcpt")) == 1)
                begun = server.clock.now
                await until(lambda: server.clock.now > begun + 2)
                gates[0].set()
                await client.expect(250, 250, 250)
                gates[1].set()
                await client.expect(250)

        run(main())

    def test_the_answer_to_a_message_waits_for_no_other_hook(self) -> None:
        async def main() -> None:
            release = asyncio.Event()

            def on_mail(_: Any, mail: Any) -> Any:
                return opened(release) if mail.reverse_path else None

            handler = Recorder(on_mail=on_mail, on_message=lambda *_: asyncio.sleep(0))
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n" + MESSAGE + ENVELOPE)
                await client.expect(250, 250, 354, 250)
                release.set()
                await client.expect(250, 250, 354)

        run(main())


@pytest.mark.parametrize("loop", LOOPS)
class TestListeners:
    def converse(self, loop: str, **options: Any) -> list[Any]:
        peers: list[Any] = []
        handler = Recorder(on_connect=lambda connection: peers.append(connection.peer))

        async def main() -> None:
            async with serving(handler, **options) as server, Client.to(server) as client:
                await client.until_mail_data("LHLO x.example" if options.get("dialect") == "lmtp" else "EHLO x.example")
                client.send(MESSAGE)
                await client.expect(250)

        run(main(), loop)
        assert handler.contents == [CONTENT]
        return peers

    def test_ipv4(self, loop: str) -> None:
        (peer,) = self.converse(loop)
        assert peer.host == "127.0.0.1"
        assert str(peer) == f"127.0.0.1:{peer.port}"

    def test_ipv6(self, loop: str) -> None:
        (peer,) = self.converse(loop, address="[::1]:0")
        assert str(peer) == f"[::1]:{peer.port}"

    @pytest.mark.parametrize("dialect", ["smtp", "lmtp"])
    def test_unix_and_its_file(self, loop: str, dialect: str, tmp_path: Path) -> None:
        path = tmp_path / "socket"
        assert self.converse(loop, address=f"unix:{path}", dialect=dialect) == [None]
        assert not path.exists()
        self.converse(loop, address=f"unix:{path}")

    def test_a_socket_file_nobody_answers_at_is_taken_over(self, loop: str, tmp_path: Path) -> None:
        path = tmp_path / "socket"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        self.converse(loop, address=f"unix:{path}")

    def test_an_address_in_use(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            for address in ("127.0.0.1:0", f"unix:{tmp_path / 'socket'}"):
                async with serving(Recorder(), address=address) as server:
                    other = Server(Recorder())
                    with pytest.raises(OSError):
                        await other.listen(server.listeners[0].address)
                    async with Client.to(server) as client:
                        await client.say("NOOP", 250)

        run(main(), loop)

    def test_a_socket_of_the_callers(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            for family, name in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, str(tmp_path / "own"))):
                server = Server(Recorder())
                sock = socket.socket(family)
                sock.bind(name)
                await server.listen(sock=sock)
                async with Client.to(server) as client:
                    await client.say("EHLO x.example", 250)
                    await client.say("QUIT", 221)
                await server.stop(drain=0)

        run(main(), loop)

    def test_several_at_once(self, loop: str, tmp_path: Path) -> None:
        async def main() -> None:
            async with serving(Recorder(on_connect=None)) as server:
                await server.listen(f"unix:{tmp_path / 'two'}", dialect="lmtp")
                reader, writer = await asyncio.open_unix_connection(tmp_path / "two")
                assert b"LMTP" in await reader.readline()
                async with Client.to(server) as client:
                    await client.say("EHLO x.example", 250)
                writer.close()

        run(main(), loop)

    @pytest.mark.parametrize("address", ["", "127.0.0.1", "::1:25", "unix:", "h:99999", "h:-1", ":25", "unix:a\0b"])
    def test_what_is_no_address(self, loop: str, address: str) -> None:
        async def main() -> None:
            with pytest.raises(ValueError):
                await Server(Recorder()).listen(address)

        run(main(), loop)
