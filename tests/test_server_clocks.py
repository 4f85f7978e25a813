"""The clocks and bounds of the running server: idle clients, stuck handlers, clients that do not read, too many."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest
from lonedot import Reply, Server
from lonedot.clock import Clock
from lonedot.content import ContentSink
from lonedot.conversation import Conversation

from tests.support import LOOPS, Client, Recorder, RecordingSink, opened, run, serving, until
from tests.test_server_sinks import BODY, handler_of

SOON = 0.1


@pytest.mark.parametrize("loop", LOOPS)
class TestClients:
    def test_an_idle_one_hears_421(self, loop: str) -> None:
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with serving(handler, command_timeout=SOON) as server, Client.to(server) as client:
                assert "4.4.2" in await client.expect(421)
                assert await client.end() == b""
                client.writer.close()
                await until(lambda: not server.conversations)

        run(main(), loop)
        assert handler.of("on_disconnect") == ["timeout"]

    @pytest.mark.parametrize("hook", ["on_data", "on_message"])
    def test_inside_mail_data_the_clock_is_the_data_timeout(self, loop: str, hook: str) -> None:
        async def sink(*_: Any) -> RecordingSink:
            await asyncio.sleep(0)
            return RecordingSink()

        handler = Recorder() if hook == "on_message" else handler_of(None)
        if hook == "on_data":
            handler.__dict__["on_data"] = sink

        async def main() -> None:
            async with serving(handler, data_timeout=SOON, command_timeout=300) as server, Client.to(server) as client:
                await client.until_mail_data()
                assert "nothing was delivered" in await client.expect(421)

        run(main(), loop)

    def test_one_that_does_not_read_is_not_read_and_then_cut(self, loop: str) -> None:
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with serving(handler, command_timeout=2 * SOON) as server:
                host, _, port = server.listeners[0].address.rpartition(":")
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.setblocking(False)
                running = asyncio.get_running_loop()
                await running.sock_connect(sock, (host, int(port)))
                flood = asyncio.ensure_future(running.sock_sendall(sock, b"HELP\r\n" * 4_000_000))
                await until(lambda: any(conversation._blocked for conversation in server.conversations))
                (conversation,) = server.conversations
                assert conversation._transport.get_write_buffer_size() < 4_000_000
                assert not conversation._transport.is_reading()
                await until(lambda: not server.conversations)
                assert not flood.done() or flood.exception() is not None
                flood.cancel()
                await asyncio.gather(flood, return_exceptions=True)
                sock.close()

        run(main(), loop)
        assert handler.of("on_disconnect") == ["timeout"]

    def test_one_that_reads_late_gets_every_reply(self, loop: str) -> None:
        many = 100_000

        async def main() -> None:
            async with serving(Recorder()) as server, Client.to(server) as client:
                (conversation,) = server.conversations
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"HELP\r\n" * many + b"QUIT\r\n")
                await until(lambda: conversation._blocked)
                client.writer.transport.resume_reading()  # type: ignore[attr-defined]
                replies = (await client.end()).splitlines()
                assert len(replies) == many + 1
                assert replies[-1].startswith(b"221")

        run(main(), loop)

    def test_too_many_connections(self, loop: str) -> None:
        handler = Recorder(on_connect=None, on_disconnect=None)

        async def main() -> None:
            async with serving(handler, max_connections=2) as server, Client.to(server) as one:
                async with Client.to(server), Client.to(server, greeting=421) as third:
                    assert await third.end() == b""
                await until(lambda: len(server.conversations) == 1)
                async with Client.to(server):
                    await one.say("NOOP", 250)

        run(main(), loop)
        assert len(handler.of("on_connect")) == 3

    def test_too_many_errors(self, loop: str) -> None:
        handler = Recorder(on_disconnect=None)

        async def main() -> None:
            async with serving(handler, max_errors=3) as server, Client.to(server) as client:
                for _ in range(3):
                    await client.say("BLAH", 500)
                await client.say("BLAH", 421)
                assert await client.end() == b""
                client.writer.close()
                await until(lambda: not server.conversations)

        run(main(), loop)
        assert handler.of("on_disconnect") == ["errors"]

    def test_the_last_reply_arrives_though_the_client_sends_on(self, loop: str) -> None:
        async def main() -> None:
            async with serving(Recorder(), max_errors=1) as server, Client.to(server) as client:
                client.send(b"BLAH\r\n" * 100_000)
                await client.expect(500, 421)
                client.send(b"BLAH\r\n" * 100_000)
                assert await client.end() == b""
                assert server.conversations
                client.writer.close()
                await until(lambda: not server.conversations)

        run(main(), loop)


def test_a_slow_but_steady_client_is_not_cut() -> None:
    handler = Recorder()

    async def main() -> None:
        async with serving(handler, data_timeout=0.5, command_timeout=SOON) as server, Client.to(server) as client:
            await client.until_mail_data()
            begun = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() < begun + 1.0:  # twice the timeout
                client.send(b"x\r\n")
                await asyncio.sleep(0.02)
            client.send(b".\r\n")
            await client.expect(250)

    run(main())
    assert len(handler.contents) == 1


@pytest.mark.parametrize("loop", LOOPS)
class TestHandlers:
    @pytest.mark.parametrize("name", ["on_mail", "on_message"])
    def test_a_slow_one_is_cancelled_and_answered_451(self, loop: str, name: str) -> None:
        hooks: dict[str, Any] = {name: lambda *_: opened(asyncio.Event())}
        handler = Recorder(**hooks)

        async def main() -> None:
            async with serving(handler, handler_deadline=SOON) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                if name == "on_message":
                    client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nbody\r\n.\r\n")
                    await client.expect(250, 250, 354)
                else:
                    client.send(b"MAIL FROM:<>\r\n")
                assert "4.3.0" in await client.expect(451)
                await client.say("NOOP", 250)

        run(main(), loop)

    def test_a_slow_greeting(self, loop: str) -> None:
        handler = Recorder(on_connect=lambda _: opened(asyncio.Event()))

        async def main() -> None:
            async with serving(handler, handler_deadline=SOON) as server, Client.to(server, greeting=451) as client:
                await client.say("QUIT", 221)

        run(main(), loop)

    def test_a_sink_past_its_point_of_no_return_tells_the_truth(self, loop: str) -> None:
        class Stubborn(RecordingSink):
            async def finish(self, report: Any) -> Any:
                self.ends.append("finish")
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    await asyncio.sleep(0)
                return Reply(250, "2.0.0", "stored all the same")

        sink = Stubborn()

        async def main() -> None:
            async with serving(handler_of(sink), handler_deadline=SOON) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(BODY + b".\r\n")
                assert "stored all the same" in await client.expect(250)
                await client.say("NOOP", 250)

        run(main(), loop)
        assert sink.ends == ["finish"]

    def test_one_that_never_ends_costs_the_connection_and_says_nothing(self, loop: str) -> None:
        gates: list[asyncio.Event] = []

        async def for_ever(*_: Any) -> None:
            while not gates[0].is_set():
                try:
                    await gates[0].wait()
                except asyncio.CancelledError:
                    pass

        handler = Recorder(on_message=for_ever, on_disconnect=None)

        async def main() -> None:
            gates.append(asyncio.Event())
            async with serving(handler, handler_deadline=SOON) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(BODY + b".\r\n")
                assert await client.end() == b""
                gates[0].set()
                await until(lambda: not server.conversations)

        run(main(), loop)
        assert handler.of("on_disconnect") == ["timeout"]

    def test_an_abort_that_hangs(self, loop: str) -> None:
        class Hanging(RecordingSink):
            async def abort(self, reason: Any) -> None:
                await super().abort(reason)
                await asyncio.Event().wait()

        sink = Hanging()
        handler = handler_of(sink)

        async def main() -> None:
            async with serving(handler, handler_deadline=SOON) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(b"a\nb\r\n.\r\n")
                await client.expect(550)
                await client.say("NOOP", 250)

        run(main(), loop)
        assert sink.ends == ["violation"]
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["violation"]

    def test_both_a_write_and_the_abort_after_it_hang(self, loop: str) -> None:
        class Hanging(RecordingSink):
            def write(self, chunk: bytes) -> Any:
                return opened(asyncio.Event())

            async def abort(self, reason: Any) -> None:
                await super().abort(reason)
                await asyncio.Event().wait()

        sink = Hanging()

        async def main() -> None:
            async with serving(handler_of(sink), handler_deadline=SOON) as server, Client.to(server) as client:
                await client.until_mail_data()
                client.send(BODY + b".\r\n")
                await client.expect(451)
                await client.say("NOOP", 250)

        run(main(), loop)
        assert sink.ends == ["error"]


class TestClock:
    def test_deadlines_move_without_the_wheel(self) -> None:
        class Timed:
            deadline = slot = fired = 0

            def expired(self) -> None:
                self.fired += 1

        async def main() -> None:
            clock, early, late, gone = Clock(0.001), Timed(), Timed(), Timed()
            for timed, deadline in ((early, 3), (late, 3), (gone, 3)):
                timed.deadline = deadline
                clock.watch(timed)
            late.deadline = 6
            clock.forget(gone)
            clock.start(asyncio.get_running_loop())
            await until(lambda: early.fired)
            assert not late.fired
            assert clock.now < 6
            await until(lambda: late.fired)
            assert clock.now >= 6
            clock.stop()
            assert (early.fired, late.fired, gone.fired) == (1, 1, 0)
            assert early.slot == late.slot == gone.slot == 0

        run(main())

    def test_an_earlier_deadline_moves_on_the_wheel(self) -> None:
        class Timed:
            deadline, slot = 1000, 0
            fired = False

            def expired(self) -> None:
                self.fired = True

        async def main() -> None:
            clock, timed = Clock(0.001), Timed()
            clock.watch(timed)
            timed.deadline = 3
            clock.watch(timed)
            clock.start(asyncio.get_running_loop())
            await until(lambda: timed.fired)
            clock.stop()
            assert clock.now < 1000

        run(main())

    def test_a_timeout_is_never_early(self) -> None:
        clock = Clock(0.5)
        assert clock.ticks(0.5) * 0.5 - 0.5 >= 0.5
        assert Server(Recorder()).clock.resolution == 1.0


def test_a_command_octet_by_octet_has_no_longer_than_one_that_does_not_come() -> None:
    async def main() -> None:
        async with serving(Recorder(), command_timeout=0.3) as server, Client.to(server) as client:

            async def drip() -> None:
                while True:
                    client.send(b"x")
                    await asyncio.sleep(0.02)

            dripping = asyncio.create_task(drip())
            await client.expect(421)
            dripping.cancel()

    run(main())


def test_a_deadline_that_fails_does_not_take_the_others_along(caplog: pytest.LogCaptureFixture) -> None:
    class Entry:
        def __init__(self, fails: bool) -> None:
            self.deadline, self.slot, self.fails, self.called = 3, 0, fails, 0

        def expired(self) -> None:
            self.called += 1
            self.deadline = 10**6 if not self.fails else self.deadline
            if self.fails:
                raise ZeroDivisionError

    async def main() -> None:
        clock = Clock(0.001)
        for entry in entries:
            clock.watch(entry)
        clock.start(asyncio.get_running_loop())
        await until(lambda: clock.now > 3)
        clock.stop()

    entries = [Entry(fails) for fails in (True, False) * 5]
    run(main())
    assert [entry.called for entry in entries] == [1] * 10
    assert [bool(entry.slot) for entry in entries] == [False, True] * 5
    assert len(caplog.records) == 5


def test_small_chunks_of_a_message_are_not_kept_as_they_came() -> None:
    sink = ContentSink(cast(Any, None), lambda _, message: message)
    for _ in range(100_000):
        sink.write(b"ab")
    assert len(sink._chunks) < 100
    sink._transaction = cast(Any, SimpleNamespace(connection=None))
    assert sink.finish(cast(Any, None)).content == b"ab" * 100_000


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("half_closes", [False, True])
def test_a_flood_of_commands_has_few_replies_kept_for_it(half_closes: bool, loop: str) -> None:
    async def main() -> None:
        async with serving(Recorder()) as server, Client.to(server) as client:
            (conversation,) = server.conversations
            transport = conversation._transport
            for end, size in ((transport, socket.SO_SNDBUF), (client.writer, socket.SO_RCVBUF)):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, size, 65536)
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            commands = 20_000
            client.send(b"HELP\r\n" * commands)
            if half_closes:
                client.writer.write_eof()
            await until(lambda: conversation._blocked)
            assert transport.get_write_buffer_size() < 256 * 1024
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            replies = 0
            while replies < commands:
                octets = await client._reader.read(65536)
                assert octets, f"{replies} of {commands} replies"
                replies += octets.count(b"\n")
            assert replies == commands
            if half_closes:
                assert await client.end() == b""
            else:
                await client.say("NOOP", 250)

    run(main(), loop)


def test_nothing_is_closed_while_the_transport_says_that_it_reads_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # asyncio's transport says so while it writes. Closed there with nothing left to write, it is lost twice, and fails.
    closed: list[bool] = []

    async def main() -> None:
        async with serving(Recorder()) as server, Client.to(server) as client:
            (conversation,) = server.conversations
            transport: Any = conversation._transport
            resume, close, saying = Conversation.resume_writing, transport.close, [False]

            def resume_writing(self: Conversation) -> None:
                saying[0] = True
                resume(self)
                saying[0] = False

            def record_close() -> None:
                closed.append(saying[0])
                close()

            monkeypatch.setattr(Conversation, "resume_writing", resume_writing)
            transport.close = record_close
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            # One read, so that the last command waits for its turn in the session.
            client.send(b"HELP\r\n" * 9_000 + b"QUIT\r\n")
            await until(lambda: conversation._blocked)
            client.writer.transport.resume_reading()  # type: ignore[attr-defined]
            assert (await client.end()).endswith(b"\r\n")

    run(main(), "asyncio")
    assert closed
    assert not any(closed)
