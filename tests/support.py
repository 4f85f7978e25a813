"""What tests of the running server share: a loop to run in, a server, a raw client, a handler that remembers."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal, Self

from lonedot import Config, Delivery, Limits, Policies, Reply, Server

PATIENCE = 10.0
"""Seconds after which a test has failed. Nothing waits this long when it works."""

LOOPS = ["asyncio", "uvloop"] if importlib.util.find_spec("uvloop") else ["asyncio"]

KEEP = Policies(bare_cr="keep", bare_lf="keep", long_line="keep", nul="keep")

ENVELOPE = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"


def run(main: Coroutine[Any, Any, None], loop: str = "asyncio") -> None:
    """Runs a test's coroutine. What went wrong in the loop, where nobody awaits it, fails the test too."""
    problems: list[dict[str, Any]] = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        async with asyncio.timeout(2 * PATIENCE):
            await main

    factory = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(watched())
    assert not problems, problems


async def until(condition: Callable[[], object]) -> None:
    """Returns once the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # a condition of any kind
            await asyncio.sleep(0.001)


async def opened(gate: asyncio.Event) -> None:
    """A hook's answer that waits until the test opens the gate."""
    await gate.wait()


@asynccontextmanager
async def serving(
    handler: object | None = None,
    *,
    delivery: Delivery | None = None,
    address: str = "127.0.0.1:0",
    dialect: Literal["smtp", "lmtp"] = "smtp",
    policies: Policies | None = None,
    settings: Mapping[str, Any] | None = None,
    **limits: Any,
) -> AsyncIterator[Server]:
    """A server that listens; stopped at the end. `settings`: what else its Config is given."""
    config = Config(hostname="mx.example", limits=Limits(**limits), policies=policies or Policies(), **(settings or {}))
    server = Server(handler, config, delivery=delivery)
    await server.listen(address, dialect=dialect)
    try:
        yield server
    finally:
        await server.stop(drain=0)


class Client:
    """A client that says what it is told, octet by octet, and reads whole replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, server: Server, *, greeting: int | None = 220) -> AsyncIterator[Self]:
        """Connects to the server's first listener and reads the greeting."""
        address = server.listeners[0].address
        if address.startswith("unix:"):
            streams = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            streams = await asyncio.open_connection(host.strip("[]"), int(port))
        client = cls(*streams)
        try:
            if greeting is not None:
                await client.expect(greeting)
            yield client
        finally:
            client.writer.transport.abort()

    def send(self, octets: bytes) -> None:
        """Sends octets as they are."""
        self.writer.write(octets)

    async def reply(self) -> list[str]:
        """The lines of one reply, without their line ends."""
        lines: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while not lines or lines[-1][3:4] == "-":
                line = await self._reader.readuntil(b"\r\n")
                lines.append(line.decode("ascii").removesuffix("\r\n"))
        return lines

    async def expect(self, *codes: int) -> str:
        """Reads as many replies; the last line of the last one."""
        text = ""
        for code in codes:
            text = (await self.reply())[-1]
            assert text.startswith(f"{code} "), f"expected {code}, got {text}"
        return text

    async def say(self, line: str, *codes: int) -> str:
        """Sends a command and reads its replies."""
        self.send(line.encode() + b"\r\n")
        return await self.expect(*codes)

    async def until_mail_data(self, hello: str = "EHLO client.example") -> None:
        """Up to and with the 354."""
        await self.say(hello, 250)
        self.send(ENVELOPE)
        await self.expect(250, 250, 354)

    async def end(self) -> bytes:
        """What still comes until the server closes."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read()

    def reset(self) -> None:
        """Closes without a goodbye: the other end sees a reset."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Recorder:
    """A handler that remembers its calls. `answers`: by hook, what it gives, raises or is called for; a Recorder has
    the hooks named there and on_message. `awaits`: the hooks are async and suspend once."""

    def __init__(self, *, awaits: bool = False, on_message: Any = None, **answers: Any) -> None:
        self.calls: list[tuple[str, Any]] = []
        for name, answer in {"on_message": on_message, **answers}.items():
            setattr(self, name, self._suspending(name, answer) if awaits else self._hook(name, answer))

    def _hook(self, name: str, answer: Any) -> Any:
        def hook(*arguments: Any) -> Any:
            self.calls.append((name, arguments[-1] if name != "on_abort" else arguments[1:]))
            if isinstance(answer, BaseException):
                raise answer
            return answer(*arguments) if callable(answer) else answer

        return hook

    def _suspending(self, name: str, answer: Any) -> Any:
        hook = self._hook(name, answer)

        async def suspending(*arguments: Any) -> Any:
            await asyncio.sleep(0)
            return hook(*arguments)

        return suspending

    def of(self, name: str) -> list[Any]:
        """The last arguments of the calls of a hook; for on_abort (transaction, reason)."""
        return [last for hook, last in self.calls if hook == name]

    @property
    def contents(self) -> list[bytes]:
        """The messages."""
        return [message.content for message in self.of("on_message")]


class RecordingSink:
    """A sink that remembers. Its ways of failing are its subclasses'."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.ends: list[str] = []

    def write(self, chunk: bytes) -> Any:
        """Keeps the chunk."""
        self.chunks.append(chunk)

    def holds(self, octets: int) -> bool:
        """Whether as many have come."""
        return sum(map(len, self.chunks)) >= octets

    async def finish(self, report: Any) -> Any:
        """Accepts."""
        self.ends.append("finish")
        return Reply(250, "2.0.0", "Ok")

    async def abort(self, reason: Any) -> None:
        """Remembers the reason."""
        self.ends.append(str(reason))


class GatedSink(RecordingSink):
    """What it is given it has taken once the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    def write(self, chunk: bytes) -> Any:
        """Keeps the chunk, and has the next one wait."""
        super().write(chunk)
        return opened(self.gate)
