"""Sinks at the running server: back-pressure, failures, and exactly one of finish and abort in all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from lonedot import DiscardDelivery, Reply, Server

from tests.support import ENVELOPE, KEEP, Client, Recorder, RecordingSink, opened, run, serving, until

BODY = b"Subject: x\r\n\r\n" + b"y" * 500 + b"\r\n"
RAISED = ZeroDivisionError("the sink's own")


def handler_of(sink: Any) -> Recorder:
    handler = Recorder(on_abort=None, on_data=lambda *_: sink)
    del handler.on_message  # type: ignore[attr-defined]
    return handler


def take(sink: Any, then: Callable[[Client, Server], Any], **options: Any) -> Recorder:
    """Opens mail data into the sink, and lets `then` go on; waits until the connection has ended."""
    handler = handler_of(sink)

    async def main() -> None:
        async with serving(handler, **options) as server:
            async with Client.to(server) as client:
                await client.until_mail_data()
                await then(client, server)
            await until(lambda: not server.conversations)

    run(main())
    return handler


async def send_whole(client: Client, *codes: int) -> None:
    client.send(BODY + b".\r\n")
    await client.expect(*codes)
    await client.say("NOOP", 250)
    await client.say("QUIT", 221)


class Awaiting(RecordingSink):
    """Takes chunks asynchronously."""

    def write(self, chunk: bytes) -> Any:
        return self.later(chunk)

    async def later(self, chunk: bytes) -> None:
        await asyncio.sleep(0)
        self.chunks.append(chunk)


class SyncFinish(RecordingSink):
    """Finishes with a plain Reply."""

    def finish(self, report: Any) -> Any:
        self.ends.append("finish")
        return Reply(250, "2.0.0", "at once")


@pytest.mark.parametrize("kind", [RecordingSink, Awaiting, SyncFinish])
class TestTaking:
    def test_all_of_the_mail_data_then_finish(self, kind: type[RecordingSink]) -> None:
        sink = kind()
        take(sink, lambda client, _: send_whole(client, 250))
        assert b"".join(sink.chunks) == BODY
        assert sink.ends == ["finish"]

    def test_in_pieces(self, kind: type[RecordingSink]) -> None:
        sink = kind()

        async def slowly(client: Client, _: Server) -> None:
            for at in range(0, len(BODY), 97):
                client.send(BODY[at : at + 97])
                await until(partial(sink.holds, min(at + 97, len(BODY)) - 2))
            client.send(b".\r\n")
            await client.expect(250)
            await client.say("QUIT", 221)

        take(sink, slowly)
        assert b"".join(sink.chunks) == BODY
        assert len(sink.chunks) >= 5
        assert sink.ends == ["finish"]

    @pytest.mark.parametrize(
        ("end", "reason", "code"),
        [(b"bare\nlf\r\n.\r\n", "violation", 550), (b"y" * 1001 + b"\r\n.\r\n", "violation", 550)],
        ids=["bare LF", "long line"],
    )
    def test_a_violation(self, kind: type[RecordingSink], end: bytes, reason: str, code: int) -> None:
        sink = kind()

        async def violate(client: Client, _: Server) -> None:
            client.send(BODY + end)
            await client.expect(code)
            await client.say("QUIT", 221)

        handler = take(sink, violate)
        assert sink.ends == [reason]
        assert [str(told) for _, told in handler.of("on_abort")] == [reason]

    @pytest.mark.parametrize("manner", ["close", "reset"])
    def test_the_client_goes_away(self, kind: type[RecordingSink], manner: str) -> None:
        sink = kind()

        async def leave(client: Client, _: Server) -> None:
            client.send(BODY)
            await until(lambda: sink.chunks)
            client.writer.close() if manner == "close" else client.reset()

        handler = take(sink, leave)
        reason = "eof" if manner == "close" else "reset"
        assert sink.ends == [reason]
        assert [(str(told), told.octets) for _, told in handler.of("on_abort")] == [(reason, len(BODY))]

    def test_the_client_stops_sending(self, kind: type[RecordingSink]) -> None:
        sink = kind()

        async def wait(client: Client, _: Server) -> None:
            client.send(BODY)
            await client.expect(421)
            assert await client.end() == b""

        handler = take(sink, wait, data_timeout=0.1)
        assert sink.ends == ["timeout"]
        assert [str(told) for _, told in handler.of("on_abort")] == ["timeout"]


class Raising(RecordingSink):
    """Fails where it is told to."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def write(self, chunk: bytes) -> Any:
        super().write(chunk)
        if self.where == "write":
            raise RAISED
        return self.later() if self.where == "async write" else None

    async def later(self) -> None:
        await asyncio.sleep(0)
        raise RAISED

    async def finish(self, report: Any) -> Any:
        await super().finish(report)
        if self.where == "finish":
            raise RAISED
        return {"none": None, "text": "250 Ok", "many": [Reply(250), Reply(250)], "354": Reply(354)}.get(
            self.where, Reply(250)
        )

    async def abort(self, reason: Any) -> None:
        await super().abort(reason)
        if self.where == "abort":
            raise RAISED


class TestFailing:
    @pytest.mark.parametrize("where", ["write", "async write"])
    def test_to_write_is_told_at_the_end(self, where: str) -> None:
        sink = Raising(where)

        async def send(client: Client, _: Server) -> None:
            client.send(BODY)
            await until(lambda: sink.ends)  # nothing is answered yet, and the rest is read
            client.send(BODY * 1000)
            client.send(b".\r\n")
            await client.expect(451)
            # The next message is another transaction.
            sink.where = ""
            client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\n")
            await client.expect(250, 250, 354, 250)
            await client.say("QUIT", 221)

        handler = take(sink, send)
        assert sink.ends == ["error", "finish"]
        assert len(sink.chunks) == 1
        assert [str(told) for _, told in handler.of("on_abort")] == ["error"]

    @pytest.mark.parametrize("where", ["write", "async write"])
    def test_to_write_before_the_client_goes_away_is_told_once(self, where: str) -> None:
        sink = Raising(where)

        async def send(client: Client, _: Server) -> None:
            client.send(BODY)
            await until(lambda: sink.ends)
            client.writer.close()

        handler = take(sink, send)
        assert sink.ends == ["error"]
        assert [str(told) for _, told in handler.of("on_abort")] == ["error"]

    @pytest.mark.parametrize(
        ("where", "code"), [("finish", 451), ("none", 250), ("text", 451), ("many", 451), ("354", 451)]
    )
    def test_to_finish(self, where: str, code: int) -> None:
        sink = Raising(where)
        handler = take(sink, lambda client, _: send_whole(client, code))
        assert sink.ends == ["finish"]
        assert handler.of("on_abort") == []

    def test_to_abort_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        sink = Raising("abort")

        async def leave(client: Client, _: Server) -> None:
            client.writer.close()

        handler = take(sink, leave)
        assert sink.ends == ["eof"]
        assert len(handler.of("on_abort")) == 1
        assert [record.exc_info is not None for record in caplog.records] == [True]


class Gated(RecordingSink):
    """Each write waits for a permit."""

    def __init__(self) -> None:
        super().__init__()
        self.permits = asyncio.Semaphore(0)
        self.begun = 0

    def has_begun(self, writes: int) -> bool:
        return self.begun == writes

    def write(self, chunk: bytes) -> Any:
        self.begun += 1
        return self.later(chunk)

    async def later(self, chunk: bytes) -> None:
        await self.permits.acquire()
        self.chunks.append(chunk)


class TestBackPressure:
    def test_nothing_is_read_while_a_write_waits(self) -> None:
        sink = Gated()
        size = 20_000_000

        async def flood(client: Client, server: Server) -> None:
            (conversation,) = server.conversations
            client.send((b"x" * 998 + b"\r\n") * (size // 1000) + b".\r\n")
            for writes in range(1, 6):
                await until(partial(sink.has_begun, writes))
                await until(lambda: not conversation._transport.is_reading())
                # One read is with the sink, one more waits; all the rest is the client's and the kernel's.
                held = client.writer.transport.get_write_buffer_size()
                for _ in range(50):
                    await asyncio.sleep(0)
                assert sink.begun == writes
                assert client.writer.transport.get_write_buffer_size() == held > 0
                sink.permits.release()
            for _ in range(size // 1000):
                sink.permits.release()
            await client.expect(250)
            await client.say("QUIT", 221)

        take(sink, flood)
        assert sum(map(len, sink.chunks)) == size
        assert max(map(len, sink.chunks)) <= 65_536
        assert sink.ends == ["finish"]

    @pytest.mark.parametrize("manner", ["close", "reset"])
    def test_the_client_goes_away_while_a_write_waits(self, manner: str) -> None:
        sink = Gated()

        async def leave(client: Client, server: Server) -> None:
            client.send(BODY)
            await until(lambda: sink.begun)
            client.writer.close() if manner == "close" else client.reset()
            for _ in range(10):
                await asyncio.sleep(0)
            assert sink.ends == []
            sink.permits.release()

        take(sink, leave)
        assert len(sink.ends) == 1
        assert sink.ends[0] in ("eof", "reset")

    def test_a_write_that_hangs_is_cancelled_at_the_deadline(self) -> None:
        sink = Gated()
        handler = take(sink, lambda client, _: send_whole(client, 451), handler_deadline=0.1)
        assert sink.ends == ["error"]
        assert sink.chunks == []
        assert len(handler.of("on_abort")) == 1


class TestBegin:
    """A delivery's `begin`, where on_data is not used."""

    def deliver(self, begin: Callable[[Any], Any], code: int, **limits: Any) -> None:
        class Delivery:
            capabilities: frozenset[str] = frozenset()

            async def begin(self, transaction: Any) -> Any:
                return await begin(transaction)

        async def main() -> None:
            async with (
                serving(None, delivery=Delivery(), policies=KEEP, **limits) as server,
                Client.to(server) as client,
            ):
                await client.say("EHLO x.example", 250)
                client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
                await client.expect(250, 250, code)
                if code == 354:
                    client.send(BODY + b".\r\n")
                    await client.expect(250)
                await client.say("NOOP", 250)

        run(main())

    def test_gives_a_sink(self) -> None:
        sink = RecordingSink()

        async def begin(transaction: Any) -> RecordingSink:
            assert transaction.forward_paths == ("b@example.org",)
            return sink

        self.deliver(begin, 354)
        assert sink.ends == ["finish"]

    def test_raises(self) -> None:
        async def begin(transaction: Any) -> Any:
            raise RAISED

        self.deliver(begin, 451)

    def test_hangs(self) -> None:
        self.deliver(lambda _: opened(asyncio.Event()), 451, handler_deadline=0.1)

    def test_the_client_goes_away_meanwhile(self) -> None:
        sink = RecordingSink()
        gates: list[asyncio.Event] = []
        begun: list[bool] = []

        async def begin(_: Any) -> RecordingSink:
            begun.append(True)
            await gates[0].wait()
            return sink

        handler = handler_of(sink)
        handler.__dict__["on_data"] = lambda _, transaction: begin(transaction)

        async def main() -> None:
            gates.append(asyncio.Event())
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
                await until(lambda: begun)
                (conversation,) = server.conversations
                client.reset()
                await until(lambda: conversation._gone)
                gates[0].set()
                await until(lambda: not server.conversations)

        run(main())
        assert sink.ends == ["reset"]


@pytest.mark.parametrize("reads", [1, 2])
def test_a_write_that_gives_a_count_as_files_do(reads: int) -> None:
    """`write = file.write`: once this answered in the message's place, and the next message went into the same sink."""
    sinks: list[RecordingSink] = []

    class Counting(RecordingSink):
        def write(self, chunk: bytes) -> Any:
            super().write(chunk)
            return len(chunk)

    def on_data(*_: Any) -> Any:
        sinks.append(Counting())
        return sinks[-1]

    async def main() -> None:
        async with serving(handler) as server, Client.to(server) as client:
            await client.say("EHLO x.example", 250)
            for number, text in enumerate((b"one", b"two")):
                client.send(ENVELOPE)
                await client.expect(250, 250, 354)
                client.send(text + b"\r\n")
                if reads == 2:
                    await until(sinks[number].chunks.copy)
                client.send(b".\r\n")
                await client.expect(250)

    handler = Recorder(on_data=on_data)
    del handler.on_message  # type: ignore[attr-defined]
    run(main())
    assert [(b"".join(sink.chunks), sink.ends) for sink in sinks] == [
        (b"one\r\n", ["finish"]),
        (b"two\r\n", ["finish"]),
    ]


@pytest.mark.parametrize("capabilities", [frozenset(), frozenset({"8bitmime"})])
def test_8bitmime_is_offered_when_the_delivery_honours_it(capabilities: frozenset[str]) -> None:
    class Delivering(DiscardDelivery):
        pass

    async def main() -> None:
        delivery = Delivering()
        delivery.capabilities = capabilities
        async with serving(delivery=delivery) as server, Client.to(server) as client:
            client.send(b"EHLO x.example\r\n")
            assert ("250-8BITMIME" in await client.reply()) == bool(capabilities)
            await client.say("MAIL FROM:<a@b> BODY=8BITMIME", 250 if capabilities else 555)

    run(main())


def test_what_else_a_handler_calls_auth_is_said_to_be_the_handlers() -> None:
    handler = Recorder()
    handler.auth = "a database"  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"Recorder.auth is the Authenticator of .* not 'a database'"):
        Server(handler)


def test_capabilities_are_a_set_not_one_text() -> None:
    """A text would be taken for its letters."""
    handler = Recorder()
    handler.capabilities = "dsn"  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="capabilities is a set"):
        Server(handler)

    async def main() -> None:
        delivery = DiscardDelivery()
        delivery.capabilities = "dsn"  # type: ignore[assignment]
        with pytest.raises(ValueError, match="capabilities takes a set"):
            await Server(delivery=delivery).listen("127.0.0.1:0")

    run(main())
