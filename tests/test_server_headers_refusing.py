"""A message the header check refuses, whatever its sink does about that: the reply stands, and nothing is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lonedot import HeaderPolicy, Policies, Reply

from tests.support import ENVELOPE, Client, RecordingSink, run, serving, until

FIELDS = b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nFrom: Ann <ann@a.example>\r\nMessage-ID: <1@a.example>\r\n"
GOOD = FIELDS + b"\r\nhello\r\n"
NO_DATE = GOOD.partition(b"\r\n")[2]
# What only the end of the body shows.
LATE = FIELDS + b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\xff\r\n"
STRICT = Policies(header=HeaderPolicy("strict", {"eight-bit-body": "refuse"}))


class Handler:
    """Gives a sink whose abort does `end`."""

    def __init__(self, end: Any) -> None:
        self.end = end
        self.sinks: list[RecordingSink] = []
        self.aborts: list[str] = []

    def on_data(self, connection: Any, transaction: Any) -> RecordingSink:
        end = self.end

        class Sink(RecordingSink):
            async def abort(self, reason: Any) -> None:
                await super().abort(reason)
                await end()

        self.sinks.append(Sink())
        return self.sinks[-1]

    def on_abort(self, connection: Any, transaction: Any, reason: str) -> None:
        self.aborts.append(str(reason))


async def raises() -> None:
    raise OSError("the disk is gone")


async def is_cancelled() -> None:
    raise asyncio.CancelledError


async def never_ends() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("end", [raises, is_cancelled, never_ends])
@pytest.mark.parametrize("message", [NO_DATE, LATE], ids=["by its section", "by its end"])
@pytest.mark.parametrize("dialect", ["smtp", "lmtp"])
def test_the_reply_stands_whatever_the_abort_does(dialect: Any, message: bytes, end: Any) -> None:
    handler = Handler(end)

    async def main() -> None:
        server = serving(handler, policies=STRICT, dialect=dialect, handler_deadline=1)
        async with server as made, Client.to(made) as client:
            await client.until_mail_data("LHLO there.example" if dialect == "lmtp" else "EHLO there.example")
            client.send(message + b".\r\n")
            assert (await client.expect(550)).startswith("550 5.6.0 ")
            client.send(ENVELOPE + GOOD + b".\r\n")
            await client.expect(250, 250, 354, 250)

    run(main())
    assert [sink.ends for sink in handler.sinks] == [["refused"], ["finish"]]
    assert handler.aborts == ["refused"]


def refuses(connection: Any, transaction: Any) -> Reply:
    return Reply(450, "4.2.0", "Not now")


async def refuses_later(connection: Any, transaction: Any) -> Reply:
    await asyncio.sleep(0)
    return refuses(connection, transaction)


def fails(connection: Any, transaction: Any) -> Reply:
    raise OSError("the disk is gone")


def gives_no_sink(connection: Any, transaction: Any) -> object:
    return 42


@pytest.mark.parametrize("on_data", [refuses, refuses_later, fails, gives_no_sink])
@pytest.mark.parametrize("begin", [b"DATA\r\n", b"BDAT 3\r\nabc"])
def test_a_transaction_that_did_not_begin_leaves_nothing_of_the_check(begin: bytes, on_data: Any) -> None:
    handler = type("Handler", (), {"on_data": staticmethod(on_data)})()

    async def main() -> None:
        async with serving(handler, policies=STRICT) as server, Client.to(server) as client:
            (conversation,) = server.conversations
            await client.say("EHLO there.example", 250)
            client.send(ENVELOPE.replace(b"DATA\r\n", begin))
            await client.expect(250, 250, 450 if on_data in (refuses, refuses_later) else 451)
            assert conversation._application._check is None

    run(main())


@pytest.mark.parametrize("leave", [Client.reset, lambda client: client.writer.write_eof()], ids=["reset", "eof"])
def test_a_client_that_is_gone_by_then_is_told_of_once(leave: Any) -> None:
    gate = asyncio.Event()
    handler = Handler(gate.wait)
    gone: list[str] = []
    handler.on_disconnect = lambda connection, reason: gone.append(reason)  # type: ignore[attr-defined]

    async def main() -> None:
        async with serving(handler, policies=STRICT) as server, Client.to(server) as client:
            await client.until_mail_data()
            client.send(NO_DATE)
            await until(lambda: handler.sinks[0].ends)
            leave(client)
            gate.set()
            await until(lambda: gone)

    run(main())
    assert [sink.ends for sink in handler.sinks] == [["refused"]]
    assert handler.aborts == ["refused"]


def test_what_breaks_another_rule_as_well_is_refused_once() -> None:
    handler = Handler(raises)

    async def main() -> None:
        async with serving(handler, policies=STRICT, max_size=1000) as server, Client.to(server) as client:
            await client.until_mail_data()
            # In one read: the section condemns it, and the body is too large.
            client.send(NO_DATE + b"x" * 990 + b"\r\n.\r\n")
            await client.expect(552)
            # In two: nothing of the body was wanted any more.
            client.send(ENVELOPE)
            await client.expect(250, 250, 354)
            client.send(NO_DATE)
            await until(lambda: len(handler.aborts) == 2)
            client.send(b"x" * 990 + b"\r\n.\r\n")
            await client.expect(550)
            client.send(ENVELOPE + GOOD + b".\r\n")
            await client.expect(250, 250, 354, 250)

    run(main())
    assert [sink.ends for sink in handler.sinks] == [["refused"], ["refused"], ["finish"]]
    assert handler.aborts == ["refused", "refused"]
