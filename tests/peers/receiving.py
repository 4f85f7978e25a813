"""A lonedot server in a thread of its own, for tests that wait for what a peer does; and what it was told.

Mail data goes to a sink that keeps it. Between the peer and the server stands a wire tap, so that a test can say what
the peer really sent, and when: whether it waited for a reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from lonedot import Config, Connection, Mail, Rcpt, Reply, Server, Transaction

from tests.peers.peer import TlsUse
from tests.serving import SECONDS, eventually
from tests.support import RecordingSink

_READ = 1 << 16


@dataclass(frozen=True)
class Received:
    """A message that was accepted, and what had been said of it."""

    connection: Connection
    tls: Any
    """`Connection.tls` at its MAIL."""
    mail: Mail
    rcpts: tuple[Rcpt, ...]
    content: bytes


@dataclass
class Dialogue:
    """What went over one connection to the server: who sent, and the octets, in the order in which they came."""

    said: list[tuple[Literal["client", "server"], bytes]] = field(default_factory=list)

    def turns(self) -> list[bytes]:
        """What the client sent without having read a reply in between."""
        turns: list[bytes] = []
        last = "server"
        for who, octets in self.said:
            if who == "client" == last:
                turns[-1] += octets
            elif who == "client":
                turns.append(octets)
            last = who
        return turns

    def client(self) -> bytes:
        """All that the client sent."""
        return b"".join(octets for who, octets in self.said if who == "client")


class Recording(RecordingSink):
    """Keeps the mail data of one transaction, and answers what the receiver says."""

    def __init__(self, receiver: Receiver, transaction: Transaction, tls: Any) -> None:
        super().__init__()
        self.receiver = receiver
        self.transaction = transaction
        self.tls = tls

    async def finish(self, report: Any) -> Any:
        transaction = self.transaction
        content = b"".join(self.chunks)
        received = Received(transaction.connection, self.tls, transaction.mail, transaction.rcpts, content)
        self.receiver.messages.append(received)
        return self.receiver.answer(received)


class Receiver:
    """`messages`: what was received. `hellos`: the names clients gave, by connection. `dialogues`: a record of each.

    `port`: where a peer shall connect, tapped. `answer`: gives a message's reply, in LMTP one for each recipient.
    `refuse`: the reply to a recipient who is none.
    """

    capabilities = frozenset({"8bitmime", "smtputf8", "dsn"})
    """What is kept as it came, parameters and all, breaks no promise."""

    def __init__(
        self,
        answer: Callable[[Received], Any] = lambda _: Reply(250, "2.0.0", "Ok"),
        refuse: Callable[[Rcpt], Reply | None] = lambda _: None,
    ) -> None:
        self.messages: list[Received] = []
        self.hellos: dict[Connection, list[str]] = {}
        self.dialogues: list[Dialogue] = []
        self.answer = answer
        self.refuse = refuse
        self.port = 0
        self.address = ""
        self.implicit_tls = False
        self._tls: dict[Connection, Any] = {}

    # Hooks.

    def on_hello(self, connection: Connection, hello: Any) -> None:
        self.hellos.setdefault(connection, []).append(hello.name)

    def on_mail(self, connection: Connection, mail: Mail) -> None:
        self._tls[connection] = connection.tls

    def on_rcpt(self, connection: Connection, rcpt: Rcpt) -> Reply | None:
        return self.refuse(rcpt)

    def on_data(self, connection: Connection, transaction: Transaction) -> Recording:
        return Recording(self, transaction, self._tls[connection])

    # For tests.

    def next_after(self, before: int) -> Received:
        """The message after so many; waits for it."""
        eventually(lambda: len(self.messages) > before, f"message {before + 1}")
        return self.messages[before]

    def offers(self) -> dict[str, str]:
        """What the server offers a client that has just connected: EHLO keywords in lower case, and their arguments."""
        place: dict[str, Any] = {"host": "127.0.0.1", "port": int(self.address.rpartition(":")[2]), "timeout": SECONDS}
        if self.implicit_tls:
            place["context"] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # a look, no more
        with (smtplib.SMTP_SSL if self.implicit_tls else smtplib.SMTP)(
            local_hostname="test.example", **place
        ) as client:
            assert client.ehlo()[0] == 250
            return {keyword.lower(): argument for keyword, argument in client.esmtp_features.items()}


@contextlib.contextmanager
def receiving(
    receiver: Receiver,
    config: Config | None = None,
    *,
    address: str = "127.0.0.1:0",
    dialect: Literal["smtp", "lmtp"] = "smtp",
    tls: TlsUse | None = None,
) -> Iterator[Receiver]:
    """Lets the receiver's server run for as long as the block lasts. What went wrong in its loop fails the test."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    problems: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: problems.append(context))
        server = Server(receiver, config or Config(hostname="mx.example.org"))
        receiver.address = (await server.listen(address, dialect=dialect, tls=tls)).address
        receiver.implicit_tls = tls == "implicit"
        tap = await asyncio.start_server(lambda *streams: _tap(receiver, *streams), "127.0.0.1", 0)
        receiver.port = tap.sockets[0].getsockname()[1]
        over = asyncio.Event()
        started.set_result((loop, over))
        await over.wait()
        tap.close()
        await server.stop(drain=0)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="receiver", daemon=True)
    thread.start()
    loop, over = started.result(SECONDS)
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(SECONDS)
    assert not thread.is_alive(), "the server does not stop"
    assert not problems, problems


async def _tap(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Connects a client to the server, and keeps what they say."""
    dialogue = Dialogue()
    receiver.dialogues.append(dialogue)
    if receiver.address.startswith("unix:"):
        streams = await asyncio.open_unix_connection(receiver.address.removeprefix("unix:"))
    else:
        streams = await asyncio.open_connection(*receiver.address.rsplit(":", 1))
    server_reader, server_writer = streams
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, server_writer, lambda octets: dialogue.said.append(("client", octets))))
            both.create_task(_copy(server_reader, writer, lambda octets: dialogue.said.append(("server", octets))))
    except* OSError:
        pass  # one of the two has gone without a goodbye
    finally:
        writer.close()
        server_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: Callable[[bytes], None]) -> None:
    while octets := await reader.read(_READ):
        keep(octets)
        writer.write(octets)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
