"""How connections to `lonedot.aiosmtpd.SMTP` end inside mail data: nothing is delivered in part, the socket is closed,
the task ends, and no exception is left for the loop."""

from __future__ import annotations

import asyncio
import smtplib
import socket
from collections.abc import Callable
from typing import Any

import aiosmtplib
import pytest
from lonedot import TLS

from tests.aiosmtpd_support import (
    BOTH,
    CLASSES,
    HELLO,
    MESSAGE,
    OURS,
    UPSTREAM,
    Connection,
    QuietLoop,
    Taker,
    in_memory,
    read_until,
    served,
)
from tests.support import LOOPS, PATIENCE, run, until
from tests.tls_support import NAME, Authority

WIRES = [
    b"one\r\n..two\r\n.\r\n",
    b"one\r\nQUIT\r\n",
    b"one\r\nRSET\r\n",
    b"one\n.\nQUIT\r\n",
    b"one\r\n.\nRSET\r\nQUIT\r\n",
    b"one\r.\rQUIT\r\n.",
]
WAYS: dict[str, Callable[[Connection], None]] = {
    "eof": Connection.end,
    "reset": lambda connection: connection.lose(ConnectionResetError()),
    "lost": lambda connection: connection.lose(None),
    "closed": lambda connection: connection.close(),
}


def over(connection: Connection) -> bool:
    """Whether nothing is left of it."""
    task = connection.smtp._handler_coroutine
    return connection.closing and task.done() and (task.cancelled() or task.exception() is None)


@BOTH
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wire", WIRES, ids=repr)
class TestInsideMailData:
    """After each octet of it, with a turn of the server's task before the end and without one."""

    def broken_off(self, of: str, wire: bytes, way: str, turn: bool) -> None:
        async def main(loop: QuietLoop) -> None:
            for octets in range(len(wire)):
                handler = Taker()
                connection = Connection(CLASSES[of].SMTP(handler, hostname="mx.example", loop=loop))
                await connection.until_mail_data()
                for octet in wire[:octets]:
                    connection.hand(bytes([octet]))
                    if turn:
                        await loop.quiet()
                WAYS[way](connection)
                await loop.quiet()
                assert handler.calls == []
                assert over(connection)
                assert connection.take() == b""

        in_memory(main)

    def test_nothing_is_delivered(self, of: str, wire: bytes, way: str) -> None:
        self.broken_off(of, wire, way, turn=True)

    def test_nothing_is_delivered_of_what_came_with_the_end(self, of: str, wire: bytes, way: str) -> None:
        self.broken_off(of, wire, way, turn=False)


@BOTH
@pytest.mark.parametrize("way", ["eof", "reset", "lost"])
@pytest.mark.parametrize("began", [False, True])
def test_the_end_of_the_mail_data_and_that_of_the_connection_at_once(of: str, way: str, began: bool) -> None:
    """Nobody could be told that the message was taken: as with aiosmtpd, it is not, and the client sends it again."""

    async def main(loop: QuietLoop) -> None:
        handler = Taker()
        connection = Connection(CLASSES[of].SMTP(handler, hostname="mx.example", loop=loop))
        await connection.until_mail_data()
        if began:
            await connection.say(b"on")
        connection.hand(b"one\r\n.\r\n")
        WAYS[way](connection)
        await loop.quiet()
        assert handler.calls == []
        assert over(connection)

    in_memory(main)


@BOTH
def test_the_whole_conversation_and_its_end_at_once(of: str) -> None:
    async def main(loop: QuietLoop) -> None:
        handler = Taker()
        connection = Connection(CLASSES[of].SMTP(handler, hostname="mx.example", loop=loop))
        await connection.open()
        connection.hand(HELLO + MESSAGE + b"one\r\n.\r\nQUIT\r\n")
        connection.end()
        await loop.quiet()
        assert handler.calls == []
        assert over(connection)

    in_memory(main)


@BOTH
def test_a_client_that_is_silent_in_mail_data(of: str) -> None:
    async def main(loop: QuietLoop) -> None:
        handler = Taker()
        connection = Connection(CLASSES[of].SMTP(handler, hostname="mx.example", loop=loop, timeout=60))
        await connection.until_mail_data()
        await connection.say(b"one\r\n")
        loop.now += 61
        await loop.quiet()
        assert handler.calls == []
        assert over(connection)

    in_memory(main)


@pytest.mark.parametrize("of", [UPSTREAM, OURS], ids=["aiosmtpd", "lonedot"])
def test_a_transport_that_is_gone(of: Any) -> None:
    """aiosmtpd takes it for the end of the mail data; here mail data has one end."""

    async def main(loop: QuietLoop) -> list[Any]:
        handler = Taker()
        connection = Connection(of.SMTP(handler, hostname="mx.example", loop=loop))
        await connection.until_mail_data()
        await connection.say(b"one\r\n")
        connection.smtp.transport = None
        await connection.say(b"two\r\n", b"three\r\n")
        contents = handler.contents
        connection.close()
        await loop.quiet()
        assert handler.contents == contents
        assert over(connection)
        return contents

    assert in_memory(main) == ([b"one\r\ntwo\r\n"] if of is UPSTREAM else [])


def test_a_cancellation_that_a_hook_has_swallowed() -> None:
    """The client is gone and the task goes on: there is no mail data, and it ends where aiosmtpd's would not."""

    class Swallows(Taker):
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                envelope.rcpt_tos.append(address)
            return "250 OK"

    async def main(loop: QuietLoop) -> None:
        handler = Swallows()
        connection = Connection(OURS.SMTP(handler, hostname="mx.example", loop=loop))
        await connection.open(HELLO, MESSAGE + b"one\r\n")
        connection.end()
        await loop.quiet()
        task = connection.smtp._handler_coroutine
        assert connection.closing
        assert task.done()
        assert isinstance(task.exception(), ConnectionResetError)
        assert handler.calls == []

    in_memory(main)


@BOTH
def test_a_task_that_is_cancelled_while_the_rest_comes(of: str) -> None:
    async def main(loop: QuietLoop) -> None:
        handler = Taker()
        connection = Connection(CLASSES[of].SMTP(handler, hostname="mx.example", loop=loop))
        await connection.until_mail_data()
        await connection.say(b"on")
        connection.smtp._handler_coroutine.cancel()
        connection.hand(b"e\r\n.\r\nNOOP\r\n")
        connection.hand(b"NOOP\r\n")
        await loop.quiet()
        assert handler.calls == []
        assert over(connection)

    in_memory(main)


@BOTH
@pytest.mark.parametrize("began", [False, True])
def test_a_controller_that_stops(of: str, began: bool) -> None:
    handler = Taker()
    with served(CLASSES[of].Controller(handler, hostname="127.0.0.1")) as controller:
        client = socket.create_connection((controller.hostname, controller.port))
        read_until(client, b"\r\n")
        client.sendall(HELLO)
        read_until(client, b"250 HELP\r\n")
        client.sendall(MESSAGE)
        read_until(client, b"<CR><LF>.<CR><LF>\r\n")
        if began:
            client.sendall(b"one\r\n")
    with client:
        assert read_until(client, b"nothing more") == b""
    assert handler.calls == []


@BOTH
@pytest.mark.parametrize("loop", LOOPS)
def test_starttls_then_mail_data(of: str, loop: str, tls: TLS, authority: Authority) -> None:
    """Behind TLS the whole arrives as it does without; a client that resets in the middle leaves nothing."""
    handler = Taker()
    made: list[Any] = []
    message = b"Subject: x\r\n\r\n" + b"..a\r\n" * 20_000

    async def main() -> None:
        running = asyncio.get_running_loop()

        def smtp() -> Any:
            made.append(CLASSES[of].SMTP(handler, hostname=NAME, loop=running, tls_context=tls.context))
            return made[-1]

        server = await running.create_server(smtp, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            for whole in True, False:
                trusted = authority.trusted()
                client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, tls_context=trusted)
                async with asyncio.timeout(PATIENCE):
                    await client.connect()
                    await client.starttls(server_hostname=NAME)
                    if whole:
                        await client.sendmail("a@b.example", ["c@d.example"], message)
                        await client.quit()
                    else:
                        await client.mail("a@b.example")
                        await client.rcpt("c@d.example")
                        await client.execute_command(b"DATA")
                        transport: Any = client.transport
                        transport.write(message)
                        transport.abort()
                    await asyncio.wait([made[-1]._handler_coroutine])
                    # Until its socket is closed, too.
                    await until(lambda: made[-1].transport is None)
        finally:
            server.close()

    run(main(), loop)
    assert handler.contents == [message]


@pytest.mark.parametrize("refused", [b"a" * 2000 + b"\r\n", b"a\r\n" * 40], ids=["500", "552"])
def test_what_is_pipelined_behind_a_refused_message_is_commands(refused: bytes) -> None:
    async def main(loop: QuietLoop) -> None:
        handler = Taker()
        connection = Connection(OURS.SMTP(handler, hostname="mx.example", loop=loop, data_size_limit=100))
        await connection.until_mail_data()
        said = await connection.say(refused + b".\r\nNOOP\r\n" + MESSAGE + b"two\r\n.\r\nQUIT\r\n")
        codes = [line[:3] for line in said.splitlines()]
        assert codes[1:] == [b"250", b"250", b"250", b"354", b"250", b"221"]
        assert handler.contents == [b"two\r\n"]
        assert connection.closing

    in_memory(main)


def test_a_client_that_declares_no_size_and_sends_too_much() -> None:
    """It is read to the end, however much it is, and then answered; the next command is one."""
    controller = OURS.Controller(Taker(), hostname="127.0.0.1", data_size_limit=1000)
    with served(controller), smtplib.SMTP(controller.hostname, controller.port) as client:
        client.ehlo()
        client.mail("a@b.example")
        client.rcpt("c@d.example")
        assert client.data("x\r\n" * 500_000) == (552, b"Error: Too much mail data")
        assert client.noop() == (250, b"OK")
