"""What the tests of TLS share: certificates of an authority of their own, a server behind TLS, and a client that is its
own TLS, so that a test decides how ciphertext is cut and when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, cast

import trustme
from lonedot import TLS, Config, Limits, Server
from lonedot.config import Dialect, TlsUse
from lonedot.conversation import Conversation
from lonedot.tls_stream import TlsStream

from tests.support import PATIENCE, Client

NAME = "mx.example"


class Authority(trustme.CA):
    """A certificate authority that also writes files and makes contexts."""

    def write(self, path: Path, *names: str) -> Path:
        """A certificate and its key in one file."""
        self.issue_cert(*(names or (NAME,))).private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def trusted(self) -> ssl.SSLContext:
        """A client's context."""
        context = ssl.create_default_context()
        self.configure_trust(context)
        return context


@asynccontextmanager
async def serving(
    handler: object,
    tls: TLS,
    *,
    address: str = "127.0.0.1:0",
    use: TlsUse = "implicit",
    dialect: Dialect = "smtp",
    **limits: Any,
) -> AsyncIterator[Server]:
    """A server whose connections begin with TLS, or may; stopped at the end."""
    server = Server(handler, Config(hostname=NAME, limits=Limits(**limits), tls=tls))
    await server.listen(address, tls=use, dialect=dialect)
    try:
        yield server
    finally:
        await server.stop(drain=0)


class ClientTls:
    """A client's side of TLS without a socket: octets in, octets out."""

    def __init__(self, context: ssl.SSLContext, name: str = NAME) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self.plaintext = b""
        self.closed = False

    def shake(self, ciphertext: bytes = b"") -> tuple[bytes, bool]:
        """Goes on with the handshake; what to send, and whether it is done."""
        self._incoming.write(ciphertext)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return self._outgoing.read(), False
        return self._outgoing.read(), True

    def encrypt(self, octets: bytes, record: int = 16_384) -> bytes:
        """Records of so many octets."""
        for at in range(0, len(octets), record):
            self.tls.write(octets[at : at + record])
        return self._outgoing.read()

    def decrypt(self, ciphertext: bytes) -> bytes:
        """What came; `closed` once close_notify did."""
        self._incoming.write(ciphertext)
        plaintext = b""
        try:
            while octets := self.tls.read(65536):
                plaintext += octets
            self.closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:  # the same, where the client has said its own before
            self.closed = True
        self.plaintext += plaintext
        return plaintext

    def close_notify(self) -> bytes:
        """The record that says that nothing more will come."""
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        return self._outgoing.read()


class TlsClient(Client):
    """A client behind TLS. `tls`: its side of it. `cut`: octets of ciphertext written at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ClientTls) -> None:
        self._socket = reader
        self.tls = tls
        self.cut: int | None = None
        self.record = 16_384
        self._reading: asyncio.Task[None] | None = None
        super().__init__(asyncio.StreamReader(), writer)

    @classmethod
    @asynccontextmanager
    async def over(
        cls, server: Server, context: ssl.SSLContext, *, greeting: int | None = 220, name: str = NAME
    ) -> AsyncIterator[Self]:
        """Connects to the server's first listener, shakes hands and reads the greeting."""
        streams = await connect(server)
        client = cls(*streams, ClientTls(context, name))
        try:
            await client.shake()
            if greeting is not None:
                await client.expect(greeting)
            yield client
        finally:
            if client._reading is not None:
                client._reading.cancel()
            client.writer.transport.abort()

    async def shake(self) -> None:
        """The handshake."""
        octets, done = self.tls.shake()
        self.write(octets)
        async with asyncio.timeout(PATIENCE):
            while not done:
                came = await self._socket.read(65536)
                if not came:
                    raise ConnectionError("closed in the handshake")
                octets, done = self.tls.shake(came)
                self.write(octets)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        ciphertext = b""  # with the handshake's last octets some may have come
        try:
            while True:
                self._reader.feed_data(self.tls.decrypt(ciphertext))
                ciphertext = await self._socket.read(65536)
                if not ciphertext:
                    break
        except (ConnectionError, ssl.SSLError) as error:
            self._reader.set_exception(error)
        else:
            self._reader.feed_eof()

    def send(self, octets: bytes) -> None:
        """Sends octets as they are."""
        self.write(self.tls.encrypt(octets, self.record))

    def write(self, ciphertext: bytes) -> None:
        """Sends ciphertext."""
        self.writer.write(ciphertext)

    async def drip(self, pieces: Iterable[bytes]) -> None:
        """Sends ciphertext piece by piece, each a segment of its own."""
        for piece in pieces:
            self.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)


def accept(server: Server) -> tuple[Wire, Conversation]:
    """A connection without a socket to the server's first listener."""
    wire = Wire()
    wire.protocol = conversation = Conversation(server, server.listeners[0])
    conversation.connection_made(wire)
    return wire, conversation


async def connect(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the server's first listener, without TLS."""
    host, _, port = server.listeners[0].address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


class Wire(asyncio.Transport):
    """A socket that is none: what the server writes is kept, what it reads is given to `protocol` by the test."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 40_000)})
        self.protocol: Any = None
        self.written = b""
        self.reading = True
        self.closing = False
        # The client does not read: what is written goes over the mark.
        self.full = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Who reads."""
        self.protocol = protocol

    def take(self) -> bytes:
        """What was written since the last time."""
        written, self.written = self.written, b""
        return written

    def give(self, octets: bytes) -> None:
        """One read, into the memory the protocol says."""
        assert self.reading and not self.closing
        memory = memoryview(self.protocol.get_buffer(-1))
        memory[: len(octets)] = octets
        self.protocol.buffer_updated(len(octets))

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Keeps it."""
        assert not self.closing
        self.written += data
        if self.full:
            self.protocol.pause_writing()

    def pause_reading(self) -> None:
        """Nothing may be given."""
        self.reading = False

    def resume_reading(self) -> None:
        """Something may be given."""
        self.reading = True

    def can_write_eof(self) -> bool:
        """As TCP."""
        return True

    def write_eof(self) -> None:
        """Nothing more is written."""

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closing

    def close(self) -> None:
        """Tells the protocol, soon."""
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        """The same."""
        self.close()


def stream_of(server: Server) -> TlsStream:
    """Of the server's one connection."""
    (conversation,) = server.conversations
    return cast(TlsStream, conversation._transport)
