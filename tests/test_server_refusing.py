"""Sinks that stop a transfer: the reply is kept for the end of mail data, and the rest is dropped within its bound."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from lonedot import Reply, Server

from tests.support import LOOPS, Client, Recorder, RecordingSink, run, serving, until
from tests.test_server_sinks import handler_of

HEADER = b"From: a@example.org\r\nSubject: not wanted\r\n\r\n"
LINE = b"x" * 98 + b"\r\n"
NO = Reply(550, "5.7.1", "Not wanted")


class Refusing(RecordingSink):
    """Stops as soon as what has come holds this; with a reply given at once or awaited for."""

    def __init__(self, at: bytes, reply: Reply = NO, awaits: bool = False) -> None:
        super().__init__()
        self.at = at
        self.reply = reply
        self.awaits = awaits

    def write(self, chunk: bytes) -> Any:
        super().write(chunk)
        answer = self.reply if self.at in b"".join(self.chunks) else None
        return self.later(answer) if self.awaits else answer

    async def later(self, answer: Reply | None) -> Reply | None:
        await asyncio.sleep(0)
        return answer


Then = Callable[[Client, Server], Awaitable[None]]


def take(sink: RecordingSink, then: Then, loop: str = "asyncio", dialect: Any = "smtp", **limits: Any) -> Recorder:
    handler = handler_of(sink)
    handler.__dict__["on_disconnect"] = handler._hook("on_disconnect", None)

    async def main() -> None:
        async with serving(handler, dialect=dialect, **limits) as server:
            async with Client.to(server) as client:
                await client.until_mail_data("LHLO x.example" if dialect == "lmtp" else "EHLO x.example")
                await then(client, server)
            await until(lambda: not server.conversations)
            assert server.budget.held == 0

    run(main(), loop)
    return handler


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("awaits", [False, True], ids=["at once", "awaited"])
class TestStopping:
    def stopped(self, sink: Refusing, handler: Recorder) -> None:
        assert sink.ends == ["refused"]
        ((_, reason),) = handler.of("on_abort")
        assert reason == "refused"
        assert str(sink.reply) in reason.text

    def test_when_the_header_section_is_complete(self, loop: str, awaits: bool) -> None:
        sink = Refusing(b"\r\n\r\n", awaits=awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(HEADER[:20])
            await until(lambda: sink.chunks)
            client.send(HEADER[20:])
            await until(lambda: sink.ends)
            # It hears nothing before the end, and the rest is read.
            client.send(LINE * 10_000 + b".\r\nNOOP\r\n")
            assert await client.expect(550) == str(NO)
            await client.expect(250)

        self.stopped(sink, take(sink, send, loop))
        assert b"".join(sink.chunks) == HEADER

    @pytest.mark.parametrize("pieces", [1, 2])
    def test_on_the_first_chunk(self, loop: str, awaits: bool, pieces: int) -> None:
        sink = Refusing(b"", awaits=awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(LINE)
            if pieces == 2:
                await until(lambda: sink.ends)
            client.send(b".\r\n")
            await client.expect(550)
            # The next message is another transaction, and its sink takes it.
            sink.reply, sink.at = NO, b"never"
            client.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
            await client.expect(250, 250, 354)
            client.send(LINE + b".\r\n")
            await client.expect(250)

        handler = take(sink, send, loop)
        assert sink.ends == ["refused", "finish"]
        assert sink.chunks == [LINE, LINE]
        assert [str(reason) for _, reason in handler.of("on_abort")] == ["refused"]

    def test_the_violation_that_came_with_the_end_is_answered(self, loop: str, awaits: bool) -> None:
        sink = Refusing(b"", awaits=awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(LINE + b"bare\nlf\r\n.\r\n")
            await client.expect(550)
            await client.say("NOOP", 250)

        handler = take(sink, send, loop)
        assert len(sink.ends) == len(handler.of("on_abort")) == 1

    def test_at_the_end_of_the_chunk(self, loop: str, awaits: bool) -> None:
        sink = Refusing(b"\r\n\r\n", awaits=awaits)
        handler = handler_of(sink)

        async def main() -> None:
            async with serving(handler) as server, Client.to(server) as client:
                await client.say("EHLO x.example", 250)
                await client.say("MAIL FROM:<>", 250)
                await client.say("RCPT TO:<b@example.org>", 250)
                client.send(b"BDAT 20\r\n" + HEADER[:20])
                await client.expect(250)
                size = len(HEADER) - 20 + 100 * len(LINE)
                client.send(b"BDAT %d\r\n" % size + HEADER[20:])
                await until(lambda: sink.ends)
                client.send(LINE * 100)
                assert await client.expect(550) == str(NO)
                # What it had sent along is skipped, in step.
                client.send(b"BDAT 4 LAST\r\nBAD\nNOOP\r\n")
                await client.expect(503, 250)
                assert server.budget.held == 0

        run(main(), loop)
        self.stopped(sink, handler)
        assert b"".join(sink.chunks) == HEADER

    def test_for_each_recipient_of_lmtp(self, loop: str, awaits: bool) -> None:
        sink = Refusing(b"", awaits=awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(LINE + b".\r\n")
            await client.expect(550)
            client.send(b"MAIL FROM:<>\r\n" + b"RCPT TO:<b@example.org>\r\n" * 3 + b"DATA\r\n")
            await client.expect(250, 250, 250, 250, 354)
            client.send(LINE)
            await until(lambda: len(sink.ends) == 2)
            client.send(b".\r\nNOOP\r\n")
            await client.expect(550, 550, 550, 250)

        take(sink, send, loop, "lmtp")
        assert sink.ends == ["refused", "refused"]

    def test_a_421_closes_after_the_end(self, loop: str, awaits: bool) -> None:
        sink = Refusing(b"", Reply(421, "4.3.2", "going away"), awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(LINE)
            await until(lambda: sink.ends)
            client.send(LINE * 100)
            client.send(b".\r\nNOOP\r\n")
            await client.expect(421)
            assert await client.end() == b""

        handler = take(sink, send, loop)
        self.stopped(sink, handler)
        assert handler.of("on_disconnect") == ["refused"]

    @pytest.mark.parametrize("drain", [0, 100_000])
    def test_a_client_that_sends_on_for_ever_is_cut(self, loop: str, awaits: bool, drain: int) -> None:
        sink = Refusing(b"", awaits=awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(LINE)
            await until(lambda: sink.ends)
            client.send(LINE * (drain // len(LINE)))
            await client.writer.drain()

            async def for_ever() -> None:
                while True:
                    client.send(LINE * 100)
                    await client.writer.drain()

            sending = asyncio.create_task(for_ever())
            assert "4.3.1" in await client.expect(421)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

        handler = take(sink, send, loop, drain=drain)
        self.stopped(sink, handler)
        assert handler.of("on_disconnect") == ["drain"]

    def test_up_to_the_bound_is_read(self, loop: str, awaits: bool) -> None:
        sink = Refusing(b"", awaits=awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(LINE)
            await until(lambda: sink.ends)
            client.send(LINE * 999 + b".\r\n")  # with the terminator, as the bound counts the wire's
            await client.expect(550)

        self.stopped(sink, take(sink, send, loop, drain=100_000))

    @pytest.mark.parametrize("manner", ["close", "reset", "silent"])
    def test_a_client_that_goes_away(self, loop: str, awaits: bool, manner: str) -> None:
        sink = Refusing(b"", awaits=awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(LINE)
            await until(lambda: sink.ends)
            if manner == "silent":
                await client.expect(421)
            else:
                client.writer.close() if manner == "close" else client.reset()

        handler = take(sink, send, loop, data_timeout=0.2 if manner == "silent" else 300)
        self.stopped(sink, handler)
        assert handler.of("on_disconnect") == [{"close": "eof", "reset": "reset", "silent": "timeout"}[manner]]

    def test_a_positive_reply_is_a_mistake(self, loop: str, awaits: bool, caplog: pytest.LogCaptureFixture) -> None:
        sink = Refusing(b"", Reply(250, "2.0.0", "Ok so far"), awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(LINE)
            await until(lambda: sink.ends)
            client.send(LINE + b".\r\n")
            assert "4.3.0" in await client.expect(451)

        take(sink, send, loop)
        assert sink.ends == ["error"]
        (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
        assert "2.0.0 Ok so far" in record.getMessage()


def test_an_abort_that_hangs_does_not_change_the_reply() -> None:
    class Hanging(Refusing):
        async def abort(self, reason: Any) -> None:
            await super().abort(reason)
            await asyncio.Event().wait()

    for awaits in (False, True):
        sink = Hanging(b"", awaits=awaits)

        async def send(client: Client, server: Server) -> None:
            client.send(LINE)
            client.send(b".\r\n")
            await client.expect(550)

        take(sink, send, handler_deadline=0.1)
        assert sink.ends == ["refused"]
