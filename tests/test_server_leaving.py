"""Clients that leave at any moment, hooks and sinks that fail, suspend and stop transfers: nothing stays counted."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from lonedot import Reply, Server

from tests.support import LOOPS, Client, Recorder, RecordingSink, opened, run, serving, until
from tests.test_server_sinks import handler_of

CLIENTS = 60

LINE = b"x" * 98 + b"\r\n"

CHUNK = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nBDAT 11000\r\n" + LINE * 110


class FickleSink(RecordingSink):
    """Takes, fails, suspends or stops, as its dice say."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng

    def write(self, chunk: bytes) -> Any:
        dice = self.rng.random()
        if dice < 0.05:
            raise OSError("no space")
        if dice < 0.15:
            return Reply(552, "5.3.4", "too much")
        if dice < 0.5:
            return self.later(None)
        if dice < 0.55:
            return self.later(Reply(452, "4.3.1", "no more"))
        if dice < 0.6:
            return self.later(OSError("no space"))
        return None

    async def later(self, answer: Any) -> Any:
        await asyncio.sleep(self.rng.choice([0, 0, 0.001, 0.01]))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def finish(self, report: Any) -> Any:
        self.ends.append("finish")
        return await self.later(self.rng.choice([None, Reply(250, "2.0.0", "Ok"), OSError("late")]))

    async def abort(self, reason: Any) -> None:
        self.ends.append(str(reason))
        await self.later(self.rng.choice([None, OSError("abort")]))


class FickleHandler:
    """Takes messages whole, after a while or at once."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.connected = self.disconnected = 0

    def on_connect(self, connection: Any) -> Any:
        self.connected += 1
        return self.maybe(connection)

    async def on_disconnect(self, connection: Any, reason: str) -> None:
        self.disconnected += 1

    def maybe(self, *arguments: Any) -> Any:
        return asyncio.sleep(self.rng.choice([0, 0.005])) if self.rng.random() < 0.4 else None

    on_mail = on_rcpt = on_message = on_noop = on_rset = on_quit = maybe


def script(rng: random.Random) -> bytes:
    octets = b"EHLO c.example\r\n" if rng.random() < 0.95 else b""
    for _ in range(rng.randrange(1, 4)):
        octets += b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\n"
        size = rng.choice([0, 10, 3000, 20_000, 60_000])
        body = b"0123456789abcdef\r\n" * (size // 18)
        if rng.random() < 0.4:
            octets += b"DATA\r\n" + body + rng.choice([b".\r\n", b".\r\n", b".\n", b"\n.\r\n"])
        else:
            for _ in range(rng.randrange(1, 4)):
                octets += b"BDAT %d\r\n%b" % (len(body), body)
                if rng.random() < 0.2:
                    octets += rng.choice([b"NOOP\r\n", b"MAIL FROM:<a@b>\r\n", b"BDAT x\r\n"])
            octets += rng.choice([b"BDAT 0 LAST\r\n", b"RSET\r\n", b"BDAT 5 LAST\r\nabc\r\n", b"EHLO d\r\n", b""])
    return octets + rng.choice([b"", b"QUIT\r\n", b"NOOP\r\n" * 5])


async def live(server: Server, rng: random.Random) -> None:
    try:
        async with Client.to(server, greeting=None) as client:
            octets = script(rng)
            octets = octets[: rng.randrange(len(octets) + 1)] if rng.random() < 0.5 else octets
            at = 0
            while at < len(octets) and not client.writer.is_closing():
                step = rng.choice([1, 7, 500, 8192, 70_000])
                client.send(octets[at : at + step])
                at += step
                if rng.random() < 0.3:
                    await asyncio.sleep(0)
                if step > 100 and rng.random() < 0.3:
                    await asyncio.sleep(rng.choice([0.001, 0.01]))
            end = rng.random()
            if client.writer.is_closing():
                return  # by the server
            if end < 0.4:
                client.reset()
            elif end < 0.6:
                client.writer.write_eof()
                await asyncio.wait_for(client._reader.read(), 3)
            else:
                await asyncio.sleep(rng.choice([0, 0.01, 0.05]))
    except (OSError, TimeoutError):
        pass


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", ["sink", "content"])
@pytest.mark.parametrize("dialect", ["smtp", "lmtp"])
@pytest.mark.parametrize("seed", range(2))
def test_nothing_stays_counted(loop: str, kind: str, dialect: Any, seed: int) -> None:
    rng = random.Random(seed)
    sinks: list[FickleSink] = []

    def open_sink() -> FickleSink:
        sinks.append(FickleSink(rng))
        return sinks[-1]

    async def main() -> None:
        handler: Any = FickleHandler(rng) if kind == "content" else handler_of(None)
        if kind == "sink":
            handler.on_data = lambda *_: open_sink()
        async with serving(handler, dialect=dialect, max_octets_in_flight=50_000, session_duration=2.0) as server:
            stop_early = seed == 1
            clients = asyncio.gather(*(live(server, rng) for _ in range(CLIENTS)))
            if stop_early:
                await asyncio.sleep(0.05)
                await server.stop(drain=0.05)
            await clients
            await until(lambda: not server.conversations)
            assert server.budget.held == 0 and not server.budget.full
            assert server.budget._favoured is None and not server.budget._waiting
            assert len(server.census) == 0
            assert not any(server.clock._slots.values())
            if kind == "content":
                assert handler.connected == handler.disconnected
            for sink in sinks:
                assert len(sink.ends) == 1, sink.ends

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_one_that_has_closed_unnoticed_before_its_session_ends(loop: str) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        handler = Recorder(on_mail=lambda *_: opened(gate))
        async with serving(handler, max_errors=1) as server, Client.to(server) as client:
            await client.say("EHLO c.example", 250)
            client.send(b"MAIL FROM:<a@example.org>\r\n")
            await until(lambda: handler.of("on_mail"))
            client.send(b"XYZZY\r\n" * 3)
            (conversation,) = server.conversations
            await until(lambda: conversation._paused)
            client.writer.close()
            await client.writer.wait_closed()
            gate.set()  # what is written then is answered with a reset
            await until(lambda: not server.conversations)

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_one_that_waits_for_room_and_makes_it_by_leaving_ends_once(loop: str) -> None:
    async def main() -> None:
        handler = Recorder(on_disconnect=None)
        async with serving(handler, max_octets_in_flight=10_000) as server, Client.to(server) as one:
            await one.until_mail_data()
            (conversation,) = server.conversations
            one.send(LINE * 20)
            await until(lambda: server.budget.held >= 1900)
            async with Client.to(server) as two:
                await two.until_mail_data()
                two.send(LINE * 90)
                await until(lambda: server.budget.full)
                one.send(LINE)
                await until(lambda: conversation._paused)
                conversation._transport.abort()  # as the loop does when a write fails
                await until(lambda: conversation not in server.conversations)
                await two.say("x\r\n.", 250)
                assert len(handler.of("on_disconnect")) == 1
                assert sum(server.census._counts.values()) == 1

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_one_that_holds_back_its_next_chunk_does_not_hold_up_all_others(loop: str) -> None:
    async def main() -> None:
        limits: dict[str, Any] = {"max_octets_in_flight": 10_000, "data_timeout": 3.0}
        async with serving(Recorder(), **limits) as server, Client.to(server) as one, Client.to(server) as two:
            await one.say("EHLO c.example", 250)
            one.send(CHUNK)
            await one.expect(250, 250, 250)
            assert server.budget.full
            for _ in range(3):
                await one.say("NOOP", 250)
            await one.expect(421)
            await two.until_mail_data()

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_one_that_gives_its_message_up_is_favoured_no_more(loop: str) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        handler = Recorder(on_vrfy=lambda *_: opened(gate))
        async with serving(handler, max_octets_in_flight=10_000) as server, Client.to(server) as two:
            await two.until_mail_data()
            (waiting,) = server.conversations
            async with Client.to(server) as one:
                await one.say("EHLO c.example", 250)
                one.send(CHUNK)
                await one.expect(250, 250, 250)
                two.send(LINE * 110)
                await until(lambda: waiting._paused)
                one.send(b"RSET\r\nVRFY b\r\n")
                await until(lambda: handler.of("on_vrfy"))
                assert server.budget.favours(waiting) and not waiting._paused
                gate.set()

    run(main(), loop)
