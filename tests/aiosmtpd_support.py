"""What tests of `lonedot.aiosmtpd` share: aiosmtpd's classes beside lonedot's, a loop that knows when nothing is left
to do, and connections without a socket that are served on it."""

from __future__ import annotations

import asyncio
import gc
import selectors
import socket
import warnings
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import aiosmtpd.controller
import aiosmtpd.lmtp
import aiosmtpd.smtp
import lonedot.aiosmtpd
import pytest

from tests.support import PATIENCE
from tests.tls_support import NAME, Wire

BOTH = pytest.mark.parametrize("of", ["aiosmtpd", "lonedot"])
"""Of whom a test's classes are: what it sees is the same."""

T = TypeVar("T")

HELLO = b"EHLO x\r\n"
MESSAGE = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
SENT = MESSAGE + b"one\r\n.\r\n"
QUIT = b"QUIT\r\n"
# What is answered to HELLO, and to SENT by a Taker.
OFFERED = [b"250-mx.example", b"250-SIZE 33554432", b"250-8BITMIME", b"250 HELP"]
BEGUN = [b"250 OK", b"250 OK", b"354 End data with <CR><LF>.<CR><LF>"]
TAKEN = [*BEGUN, b"250 taken"]
BYE = b"221 Bye"


class Classes(NamedTuple):
    """What a program imports."""

    SMTP: Any
    LMTP: Any
    Controller: Any
    UnixSocketController: Any
    UnthreadedController: Any


UPSTREAM = Classes(
    aiosmtpd.smtp.SMTP,
    aiosmtpd.lmtp.LMTP,
    aiosmtpd.controller.Controller,
    aiosmtpd.controller.UnixSocketController,
    aiosmtpd.controller.UnthreadedController,
)
OURS = Classes(
    lonedot.aiosmtpd.SMTP,
    lonedot.aiosmtpd.LMTP,
    lonedot.aiosmtpd.Controller,
    lonedot.aiosmtpd.UnixSocketController,
    lonedot.aiosmtpd.UnthreadedController,
)
CLASSES = {"aiosmtpd": UPSTREAM, "lonedot": OURS}


class _Selector(selectors.DefaultSelector):
    """Tells those who wait for it that the loop would sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Does not sleep while somebody waits for that."""
        if timeout == 0 or not self.waiting:
            return super().select(timeout)
        while self.waiting:
            self.waiting.pop().set_result(None)
        return super().select(0)


class QuietLoop(asyncio.SelectorEventLoop):
    """asyncio's own, that knows when nothing is left to do. Its clock stands unless a test sets `now`."""

    def __init__(self) -> None:
        self.now = 0.0
        self._watched = _Selector()
        super().__init__(self._watched)

    def time(self) -> float:
        """Seconds."""
        return self.now

    async def quiet(self) -> None:
        """Returns when every task waits for something from outside."""
        waiter = self.create_future()
        self._watched.waiting.append(waiter)
        await waiter


def in_memory(main: Callable[[QuietLoop], Coroutine[Any, Any, T]]) -> T:
    """Runs a test's coroutine on a loop of its own. What went wrong where nobody awaits it fails the test."""
    problems: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=QuietLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, QuietLoop)
        loop.set_exception_handler(lambda _, context: problems.append(context))
        result = runner.run(main(loop))
    assert not problems, problems
    return result


class Connection(Wire):
    """A client's connection to a server that is in memory: what a test gives is what one read of the socket brings."""

    def __init__(self, smtp: Any) -> None:
        super().__init__()
        self.smtp = self.protocol = smtp
        self.loop: QuietLoop = smtp.loop
        smtp.connection_made(self)

    async def say(self, *reads: bytes) -> bytes:
        """Gives each, as soon as the server reads; what it answers to all of them."""
        for octets in reads:
            self.hand(octets)
            await self.loop.quiet()
        return self.take()

    def hand(self, octets: bytes) -> None:
        """One read that the server's task has no turn after; nothing is read of what is closing."""
        if octets and not self.closing:
            assert self.reading
            self.protocol.data_received(octets)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Keeps it; a socket that is closing drops it."""
        if not self.closing:
            super().write(data)

    def end(self) -> None:
        """The client closes its side."""
        if not self.closing and not self.protocol.eof_received():
            self.close()

    def lose(self, error: Exception | None = None) -> None:
        """The connection is no more."""
        self.closing = True
        self.protocol.connection_lost(error)

    async def open(self, *reads: bytes) -> bytes:
        """The greeting, then these."""
        await self.loop.quiet()
        assert self.take().startswith(b"220 ")
        return await self.say(*reads)

    async def until_mail_data(self) -> None:
        """Up to and with the 354."""
        assert b"354 " in await self.open(HELLO, MESSAGE)


class Taker:
    """A handler that remembers messages, and what it is told about them. `status`: what it says."""

    def __init__(self, status: str = "250 taken") -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.status = status

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Remembers all of the envelope, and of what types it is."""
        content, original = envelope.content, envelope.original_content
        types = type(content), type(original)
        rcpts = tuple(envelope.rcpt_tos), tuple(envelope.rcpt_options)
        options = tuple(envelope.mail_options), envelope.smtp_utf8
        self.calls.append((envelope.mail_from, *options, *rcpts, content, original, *types))
        return self.status

    async def handle_exception(self, error: Exception) -> str:
        """Remembers what was raised."""
        self.calls.append(("exception", type(error), str(error)))
        return "451 raised"

    @property
    def contents(self) -> list[Any]:
        """The messages."""
        return [call[5] for call in self.calls if call[0] != "exception"]


def subclass(base: Any, **attributes: Any) -> Any:
    """Of an SMTP class, with attributes."""
    return type(base.__name__, (base,), attributes)


@contextmanager
def left_open() -> Iterator[None]:
    """Collects what aiosmtpd's controllers leave to the collector when they stop: connections that are still open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@contextmanager
def served(controller: Any) -> Iterator[Any]:
    """A controller that runs, at a port that was free; stopped at the end."""
    trigger = controller._trigger_server

    def find_port() -> None:
        if hasattr(controller, "port"):
            controller.port = controller.server.sockets[0].getsockname()[1]
        trigger()

    # What starts a controller connects to it first, at a port it has to know.
    controller._trigger_server = find_port
    controller.port = 0
    controller.ready_timeout = 6 * PATIENCE
    controller.SMTP_kwargs.setdefault("hostname", NAME)
    try:
        controller.start()
        yield controller
    finally:
        with left_open():
            controller.stop()


def read_until(client: socket.socket, end: bytes) -> bytes:
    """What a server says up to and with these octets, or until it closes."""
    client.settimeout(PATIENCE)
    said = b""
    while not said.endswith(end):
        octets = client.recv(65536)
        if not octets:
            break
        said += octets
    return said


def splits(octets: bytes) -> Iterable[tuple[bytes, bytes]]:
    """Every way to cut octets in two."""
    return ((octets[:at], octets[at:]) for at in range(len(octets) + 1))


def converse(smtp: Any, handler: Any, *reads: bytes, **options: Any) -> list[bytes]:
    """The lines that a server answers these reads with, behind its greeting; then the client goes."""

    async def main(loop: QuietLoop) -> list[bytes]:
        connection = Connection(smtp(handler, **{"hostname": "mx.example", "loop": loop} | options))
        said = await connection.open(*reads)
        if not connection.closing:
            connection.lose()
        await loop.quiet()
        return said.splitlines()

    return in_memory(main)
